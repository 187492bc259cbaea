//! Events of the hub, and of its base token, in protocol words.

use alloy_primitives::{Address, Bytes, U256};

use crate::amount::Nrlc;
use crate::ids::{DealId, OrderHash, ResultDigest, ResultHash, TaskId};
use crate::order::{AppOrder, DatasetOrder, OrderKind, RequestOrder, Signed, WorkerpoolOrder};
use crate::tag::Tag;

/// Something that a successful call did. Unless named after the token, the hub is the emitter.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "members carry the names of the ABI, which abi.md section 3 lists")]
pub enum Event {
    /// The base token moved.
    TokenTransfer { from: Address, to: Address, value: Nrlc },
    /// An allowance of the base token was set.
    TokenApproval { owner: Address, spender: Address, value: Nrlc },
    /// SRLC moved, or was created from or destroyed to zero.
    Transfer { from: Address, to: Address, value: Nrlc },
    /// An allowance of SRLC was set.
    Approval { owner: Address, spender: Address, value: Nrlc },
    /// Value of an account was locked.
    Lock { owner: Address, amount: Nrlc },
    /// Locked value became free again.
    Unlock { owner: Address, amount: Nrlc },
    /// An account was paid for a task.
    Reward { owner: Address, amount: Nrlc, task: TaskId },
    /// Locked value was taken for a task.
    Seize { owner: Address, amount: Nrlc, task: TaskId },
    /// An order was pre-signed.
    OrderSigned { kind: OrderKind, hash: OrderHash },
    /// An order was closed.
    OrderClosed { kind: OrderKind, hash: OrderHash },
    /// An application order was relayed.
    BroadcastAppOrder(Signed<AppOrder>),
    /// A dataset order was relayed.
    BroadcastDatasetOrder(Signed<DatasetOrder>),
    /// A workerpool order was relayed.
    BroadcastWorkerpoolOrder(Signed<WorkerpoolOrder>),
    /// A request order was relayed.
    BroadcastRequestOrder(Signed<RequestOrder>),
    /// A workerpool has work.
    SchedulerNotice { workerpool: Address, deal: DealId },
    /// Four orders made a deal; the dataset hash is zero without dataset.
    OrdersMatched {
        deal: DealId,
        app: OrderHash,
        dataset: OrderHash,
        workerpool: OrderHash,
        request: OrderHash,
        volume: U256,
    },
    /// Someone other than the requester pays.
    DealSponsored { deal: DealId, sponsor: Address },
    /// A workerpool has Boost work; what the deal does not keep is told here.
    SchedulerNoticeBoost {
        workerpool: Address,
        deal: DealId,
        app: Address,
        dataset: Address,
        category: U256,
        tag: Tag,
        params: String,
        beneficiary: Address,
    },
    /// Someone other than the requester pays for a Boost deal.
    DealSponsoredBoost { deal: DealId, sponsor: Address },
    /// A task of a Boost deal was paid.
    ResultPushedBoost { deal: DealId, index: U256, results: Bytes },
    /// A task may receive contributions.
    TaskInitialize { task: TaskId, workerpool: Address },
    /// A worker contributed.
    TaskContribute { task: TaskId, worker: Address, hash: ResultHash },
    /// A result outweighs all others.
    TaskConsensus { task: TaskId, consensus: ResultHash },
    /// A worker revealed.
    TaskReveal { task: TaskId, worker: Address, digest: ResultDigest },
    /// A consensus that nobody revealed was undone.
    TaskReopen { task: TaskId },
    /// A task was paid.
    TaskFinalize { task: TaskId, results: Bytes },
    /// A task was given up and refunded.
    TaskClaimed { task: TaskId },
    /// A worker was right.
    AccurateContribution { worker: Address, task: TaskId },
    /// A worker was wrong or silent.
    FaultyContribution { worker: Address, task: TaskId },
    /// A category was appended.
    CreateCategory { id: U256, name: String, description: String, work_clock_time_ref_s: U256 },
    /// The hub has another owner.
    OwnershipTransferred { previous: Address, new: Address },
    /// A requester switched its match guard.
    MatchGuardUpdated { requester: Address, enabled: bool },
}
