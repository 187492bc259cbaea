//! Records of the hub: deals, tasks, contributions, accounts (the tuples of the ABI, typed).
//!
//! Times that exceed 64 bits on chain read as `u64::MAX`: a deadline that never comes.

use alloy_primitives::{Address, Bytes, U256, address};
use serde::{Deserialize, Serialize};

use crate::amount::Nrlc;
use crate::ids::{CategoryId, DealId, ResultDigest, ResultHash, ResultSeal, TaskId};
use crate::tag::Tag;

/// The account without key that collects the stakes of schedulers that failed (poco 4).
pub const KITTY_ADDRESS: Address = address!("99c2268479b93fDe36232351229815DF80837e23");
/// Percent of the kitty that one successful task takes out.
pub const KITTY_RATIO: U256 = U256::from_limbs([10, 0, 0, 0]);
/// What one successful task takes out of the kitty at least, as far as there is as much.
pub const KITTY_MIN: Nrlc = Nrlc::new(1_000_000_000);
/// What one successful task takes out of a kitty that holds `kitty` (poco 13.6); `None` over 2^256 - 1.
pub fn kitty_part(kitty: Nrlc) -> Option<Nrlc> {
    Some(kitty.checked_percent(KITTY_RATIO)?.max(KITTY_MIN).min(kitty))
}

/// Stake of a scheduler per task, in percent of the workerpool price.
pub const WORKERPOOL_STAKE_RATIO: U256 = U256::from_limbs([30, 0, 0, 0]);
/// Purpose that a member's key has in a group contract (ERC-734).
pub const GROUPMEMBER_PURPOSE: U256 = U256::from_limbs([4, 0, 0, 0]);
/// Contributors that one task accepts (poco 21).
pub const CONTRIBUTORS_MAX: usize = 256;

/// One asset of a deal at the time of the match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// The asset; zero for an absent dataset.
    pub pointer: Address,
    /// Its owner at the match, who is paid.
    pub owner: Address,
    /// Price per task.
    pub price: Nrlc,
}

/// What four matched orders agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deal {
    /// The application.
    pub app: Resource,
    /// The dataset; all zero without one.
    pub dataset: Resource,
    /// The workerpool; its owner schedules.
    pub workerpool: Resource,
    /// At least 1 in every deal; 0 in the empty record of an unknown deal.
    pub trust: U256,
    /// Category of its tasks.
    pub category: CategoryId,
    /// Capabilities that its tasks demand.
    pub tag: Tag,
    /// Who asked.
    pub requester: Address,
    /// For whom the results are meant.
    pub beneficiary: Address,
    /// Contract that receives the results; zero for none.
    pub callback: Address,
    /// Parameters, see [`crate::params`].
    pub params: String,
    /// Time of the match, seconds since the epoch.
    pub start_time_s: u64,
    /// Index of the first task.
    pub bot_first: U256,
    /// Number of tasks; 0 only in the empty record of an unknown deal.
    pub bot_size: U256,
    /// Stake of a worker per contribution.
    pub worker_stake: Nrlc,
    /// Percent of the reward that the scheduler keeps.
    pub scheduler_reward_ratio: U256,
    /// Who pays.
    pub sponsor: Address,
}

impl Deal {
    /// Whether this is a deal at all and not the empty record of an unknown identifier.
    pub fn exists(&self) -> bool {
        !self.bot_size.is_zero()
    }

    /// Whether a dataset takes part.
    pub fn has_dataset(&self) -> bool {
        !self.dataset.pointer.is_zero()
    }

    /// What the sponsor pays per task; `None` over 2^256 - 1.
    pub fn task_price(&self) -> Option<Nrlc> {
        Nrlc::checked_sum([self.app.price, self.dataset.price, self.workerpool.price])
    }

    /// What the scheduler stakes per task; `None` over 2^256 - 1.
    pub fn pool_stake(&self) -> Option<Nrlc> {
        self.workerpool.price.checked_percent(WORKERPOOL_STAKE_RATIO)
    }

    /// Whether the deal covers this absolute task index.
    pub fn covers(&self, index: U256) -> bool {
        index >= self.bot_first && index - self.bot_first < self.bot_size
    }
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TaskStatus {
    /// Not initialized.
    #[default]
    Unset = 0,
    /// Accepts contributions.
    Active = 1,
    /// Consensus reached; waits for reveals.
    Revealing = 2,
    /// Paid.
    Completed = 3,
    /// Claimed after its final deadline.
    Failed = 4,
}

impl TaskStatus {
    /// The status of this ABI number, if any.
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Unset,
            1 => Self::Active,
            2 => Self::Revealing,
            3 => Self::Completed,
            4 => Self::Failed,
            _ => return None,
        })
    }

    /// Whether the task's money has been settled.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// One task of a deal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Where it stands.
    pub status: TaskStatus,
    /// Its deal.
    pub deal: DealId,
    /// Its absolute index.
    pub index: U256,
    /// Time reference of its category, seconds.
    pub time_ref_s: u64,
    /// No contribution from this time on, seconds since the epoch.
    pub contribution_deadline_s: u64,
    /// No reveal from this time on; 0 before consensus.
    pub reveal_deadline_s: u64,
    /// Only a claim from this time on.
    pub final_deadline_s: u64,
    /// The hash that won; zero before consensus.
    pub consensus: ResultHash,
    /// Contributions revealed.
    pub reveal_counter: u64,
    /// Contributions that the consensus rests on.
    pub winner_counter: u64,
    /// Workers in the order of their contributions.
    pub contributors: Vec<Address>,
    /// Digest as revealed; zero before.
    pub result_digest: ResultDigest,
    /// Where the result is, see [`crate::result::ResultLink`]; empty before completion.
    pub results: Bytes,
    /// What the callback contract receives.
    pub results_callback: Bytes,
}

/// Where a contribution stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ContributionStatus {
    /// None.
    #[default]
    Unset = 0,
    /// Made, not revealed.
    Contributed = 1,
    /// Revealed.
    Proved = 2,
    /// Its consensus was reopened.
    Rejected = 3,
}

impl ContributionStatus {
    /// The status of this ABI number, if any.
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Unset,
            1 => Self::Contributed,
            2 => Self::Proved,
            3 => Self::Rejected,
            _ => return None,
        })
    }
}

/// What one worker committed to for one task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contribution {
    /// Where it stands.
    pub status: ContributionStatus,
    /// The result it backs.
    pub result_hash: ResultHash,
    /// Proof that the worker knew the result.
    pub result_seal: ResultSeal,
    /// Address of the enclave's key; zero without enclave.
    pub enclave_challenge: Address,
    /// Base-2 logarithm of the worker's weight; 0 on the one-step path.
    pub weight: u64,
}

/// What an account has in escrow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Free to use and to withdraw.
    pub stake: Nrlc,
    /// Locked in deals and contributions.
    pub locked: Nrlc,
}

/// The identifiers of all tasks of a deal, in order of index, with their absolute indexes.
pub fn task_ids(deal_id: DealId, deal: &Deal) -> impl Iterator<Item = (U256, TaskId)> + use<> {
    let (first, size) = (deal.bot_first, deal.bot_size);
    let mut offset = U256::ZERO;
    std::iter::from_fn(move || {
        (offset < size).then(|| {
            let index = first + offset;
            offset += U256::from(1);
            (index, TaskId::derive(deal_id, index))
        })
    })
}

#[cfg(test)]
mod tests {
    use alloy_primitives::keccak256;

    use super::*;

    #[test]
    fn kitty_is_below_the_hash_of_its_name() {
        let hash = U256::from_be_bytes(keccak256("iExecKitty").0);
        let upper: U256 = (hash >> 96) - U256::from(1);
        assert_eq!(Address::from_word(upper.into()), KITTY_ADDRESS);
    }

    #[test]
    fn status_numbers_round_trip_and_end() {
        for number in 0..5 {
            assert_eq!(TaskStatus::from_number(number).unwrap() as u8, number);
        }
        assert_eq!(TaskStatus::from_number(5), None);
        for number in 0..4 {
            assert_eq!(ContributionStatus::from_number(number).unwrap() as u8, number);
        }
        assert_eq!(ContributionStatus::from_number(4), None);
    }

    #[test]
    fn a_deal_covers_its_own_indexes_only() {
        let deal = Deal { bot_first: U256::from(3), bot_size: U256::from(2), ..Deal::default() };
        let covered = (0..8).filter(|&index| deal.covers(U256::from(index)));
        assert_eq!(covered.collect::<Vec<u64>>(), [3, 4]);
        let id = DealId::ZERO;
        assert_eq!(
            task_ids(id, &deal).collect::<Vec<_>>(),
            [3, 4].map(|index| (U256::from(index), TaskId::derive(id, U256::from(index))))
        );
        assert!(!Deal::default().covers(U256::ZERO));
        assert!(!Deal::default().exists());
    }

    #[test]
    fn prices_that_do_not_fit_are_no_price() {
        let mut deal = Deal::default();
        deal.app.price = Nrlc(U256::MAX);
        assert_eq!(deal.task_price(), Some(Nrlc(U256::MAX)));
        deal.workerpool.price = Nrlc::new(199);
        assert_eq!(deal.task_price(), None);
        assert_eq!(deal.pool_stake(), Some(Nrlc::new(59)));
    }
}
