//! Conversions between the protocol's types and the tuples of the ABI.
//!
//! Towards the ABI they cannot fail. From the ABI, numbers that the protocol holds in 64 bits saturate: a deadline
//! beyond them never comes.

use alloy_primitives::U256;
use metacloud_protocol::{
    Account, AppOrder, CategoryId, Contribution, ContributionStatus, DatasetOrder, Deal, DealId, Nrlc,
    RequestOrder, Resource, ResultDigest, ResultHash, ResultSeal, Signed, Tag, Task, TaskStatus,
    WorkerpoolOrder,
};

use crate::bindings::Hub;

/// A record holds a value that no hub of this protocol returns.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARecord {
    /// A status number beyond the enumeration.
    #[error("{what} status {number} does not exist")]
    Status {
        /// Task or contribution.
        what: &'static str,
        /// What was found.
        number: u8,
    },
}

/// Both directions between a signed order and its tuple, whose members bear the same names; naming them all makes the
/// compiler notice one that is missing.
macro_rules! signed_order {
    ($order:ident { $($field:ident),+ $(,)? }) => {
        impl From<Signed<$order>> for Hub::$order {
            fn from(Signed { order: $order { $($field),+ }, sign }: Signed<$order>) -> Self {
                Self { $($field,)+ sign }
            }
        }

        impl From<Hub::$order> for Signed<$order> {
            fn from(Hub::$order { $($field,)+ sign }: Hub::$order) -> Self {
                Self { order: $order { $($field),+ }, sign }
            }
        }
    };
}

signed_order!(AppOrder {
    app,
    appprice,
    volume,
    tag,
    datasetrestrict,
    workerpoolrestrict,
    requesterrestrict,
    salt,
});
signed_order!(DatasetOrder {
    dataset,
    datasetprice,
    volume,
    tag,
    apprestrict,
    workerpoolrestrict,
    requesterrestrict,
    salt,
});
signed_order!(WorkerpoolOrder {
    workerpool,
    workerpoolprice,
    volume,
    tag,
    category,
    trust,
    apprestrict,
    datasetrestrict,
    requesterrestrict,
    salt,
});
signed_order!(RequestOrder {
    app,
    appmaxprice,
    dataset,
    datasetmaxprice,
    workerpool,
    workerpoolmaxprice,
    requester,
    volume,
    tag,
    category,
    trust,
    beneficiary,
    callback,
    params,
    salt,
});

impl From<Hub::Resource> for Resource {
    fn from(tuple: Hub::Resource) -> Self {
        Self { pointer: tuple.pointer, owner: tuple.owner, price: Nrlc(tuple.price) }
    }
}

impl From<Hub::Deal> for Deal {
    fn from(tuple: Hub::Deal) -> Self {
        Self {
            app: tuple.app.into(),
            dataset: tuple.dataset.into(),
            workerpool: tuple.workerpool.into(),
            trust: tuple.trust,
            category: CategoryId(saturate(tuple.category)),
            tag: Tag(tuple.tag),
            requester: tuple.requester,
            beneficiary: tuple.beneficiary,
            callback: tuple.callback,
            params: tuple.params,
            start_time_s: saturate(tuple.startTime),
            bot_first: tuple.botFirst,
            bot_size: tuple.botSize,
            worker_stake: Nrlc(tuple.workerStake),
            scheduler_reward_ratio: tuple.schedulerRewardRatio,
            sponsor: tuple.sponsor,
        }
    }
}

impl TryFrom<Hub::Task> for Task {
    type Error = NotARecord;

    fn try_from(tuple: Hub::Task) -> Result<Self, NotARecord> {
        let number = tuple.status;
        let status = TaskStatus::from_number(number).ok_or(NotARecord::Status { what: "task", number })?;
        Ok(Self {
            status,
            deal: DealId(tuple.dealid),
            index: tuple.idx,
            time_ref_s: saturate(tuple.timeref),
            contribution_deadline_s: saturate(tuple.contributionDeadline),
            reveal_deadline_s: saturate(tuple.revealDeadline),
            final_deadline_s: saturate(tuple.finalDeadline),
            consensus: ResultHash(tuple.consensusValue),
            reveal_counter: saturate(tuple.revealCounter),
            winner_counter: saturate(tuple.winnerCounter),
            contributors: tuple.contributors,
            result_digest: ResultDigest(tuple.resultDigest),
            results: tuple.results,
            results_callback: tuple.resultsCallback,
        })
    }
}

impl TryFrom<Hub::Contribution> for Contribution {
    type Error = NotARecord;

    fn try_from(tuple: Hub::Contribution) -> Result<Self, NotARecord> {
        let number = tuple.status;
        let status = ContributionStatus::from_number(number)
            .ok_or(NotARecord::Status { what: "contribution", number })?;
        Ok(Self {
            status,
            result_hash: ResultHash(tuple.resultHash),
            result_seal: ResultSeal(tuple.resultSeal),
            enclave_challenge: tuple.enclaveChallenge,
            weight: saturate(tuple.weight),
        })
    }
}

impl From<Hub::Account> for Account {
    fn from(tuple: Hub::Account) -> Self {
        Self { stake: Nrlc(tuple.stake), locked: Nrlc(tuple.locked) }
    }
}

fn saturate(value: U256) -> u64 {
    value.saturating_to()
}
