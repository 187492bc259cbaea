//! The hub's events in the protocol's words.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolEventInterface;
use metacloud_abi::Hub::{self, HubEvents};
use metacloud_protocol::{CategoryId, DealId, Nrlc, OrderHash, OrderKind, ResultDigest, ResultHash, TaskId};

use crate::block::Log;

/// One event of the hub (abi 3). The names are those of the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HubEvent {
    /// Stake moved, was minted (from zero) or burnt (to zero).
    Transfer {
        /// From whom.
        from: Address,
        /// To whom.
        to: Address,
        /// How much.
        amount: Nrlc,
    },
    /// An allowance was set.
    Approval {
        /// Whose stake.
        owner: Address,
        /// Who may move it.
        spender: Address,
        /// The allowance now.
        amount: Nrlc,
    },
    /// Stake was frozen.
    Lock {
        /// Whose.
        owner: Address,
        /// How much.
        amount: Nrlc,
    },
    /// Stake was freed.
    Unlock {
        /// Whose.
        owner: Address,
        /// How much.
        amount: Nrlc,
    },
    /// Somebody was paid for a task.
    Reward {
        /// Who.
        owner: Address,
        /// How much.
        amount: Nrlc,
        /// For which task.
        task: TaskId,
    },
    /// Frozen stake was taken for a task.
    Seize {
        /// From whom.
        owner: Address,
        /// How much.
        amount: Nrlc,
        /// For which task.
        task: TaskId,
    },
    /// An order was signed on chain.
    OrderSigned {
        /// Which kind.
        kind: OrderKind,
        /// Which.
        order: OrderHash,
    },
    /// An order was closed.
    OrderClosed {
        /// Which kind.
        kind: OrderKind,
        /// Which.
        order: OrderHash,
    },
    /// Somebody published an order on chain; nothing about it was checked.
    OrderBroadcast(Box<BroadcastOrder>),
    /// A pool got a deal.
    SchedulerNotice {
        /// The pool.
        workerpool: Address,
        /// The deal.
        deal: DealId,
    },
    /// Orders became a deal.
    OrdersMatched {
        /// The deal.
        deal: DealId,
        /// The app order.
        app: OrderHash,
        /// The dataset order; zero without.
        dataset: OrderHash,
        /// The workerpool order.
        workerpool: OrderHash,
        /// The request order.
        request: OrderHash,
        /// Tasks.
        volume: U256,
    },
    /// A deal is paid by another than the requester.
    DealSponsored {
        /// The deal.
        deal: DealId,
        /// Who pays.
        sponsor: Address,
    },
    /// A task became active.
    TaskInitialize {
        /// The task.
        task: TaskId,
        /// The pool.
        workerpool: Address,
    },
    /// A worker committed to a result.
    TaskContribute {
        /// The task.
        task: TaskId,
        /// The worker.
        worker: Address,
        /// What it committed to.
        hash: ResultHash,
    },
    /// Enough weight is behind one result.
    TaskConsensus {
        /// The task.
        task: TaskId,
        /// The result that won.
        consensus: ResultHash,
    },
    /// A worker proved that it had the result.
    TaskReveal {
        /// The task.
        task: TaskId,
        /// The worker.
        worker: Address,
        /// The digest.
        digest: ResultDigest,
    },
    /// A consensus that nobody revealed was undone.
    TaskReopen {
        /// The task.
        task: TaskId,
    },
    /// A task is completed and paid.
    TaskFinalize {
        /// The task.
        task: TaskId,
        /// Where the result is.
        results: Bytes,
    },
    /// A task failed and was refunded.
    TaskClaimed {
        /// The task.
        task: TaskId,
    },
    /// A worker was right.
    AccurateContribution {
        /// The worker.
        worker: Address,
        /// The task.
        task: TaskId,
    },
    /// A worker was wrong.
    FaultyContribution {
        /// The worker.
        worker: Address,
        /// The task.
        task: TaskId,
    },
    /// A category was added.
    CreateCategory {
        /// Its number.
        category: CategoryId,
        /// Its name.
        name: String,
        /// Its description.
        description: String,
        /// Its time reference, seconds.
        work_clock_time_ref_s: U256,
    },
    /// The hub has another owner.
    OwnershipTransferred {
        /// The owner before.
        previous: Address,
        /// The owner now.
        new: Address,
    },
}

/// An order as it was broadcast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BroadcastOrder {
    /// An app order.
    App(Hub::AppOrder),
    /// A dataset order.
    Dataset(Hub::DatasetOrder),
    /// A workerpool order.
    Workerpool(Hub::WorkerpoolOrder),
    /// A request order.
    Request(Hub::RequestOrder),
}

impl HubEvent {
    /// Reads a log; `None` if it is no event of the hub that we know. The caller makes sure that
    /// the hub is its source (a follower of the hub alone does).
    pub fn decode(log: &Log) -> Option<Self> {
        let event = HubEvents::decode_raw_log(log.data.topics(), &log.data.data).ok()?;
        order_event(&event).or_else(|| ledger_event(&event)).or_else(|| deal_event(event))
    }
}

fn order_event(event: &HubEvents) -> Option<HubEvent> {
    let signed = |kind, hash| Some(HubEvent::OrderSigned { kind, order: OrderHash(hash) });
    let closed = |kind, hash| Some(HubEvent::OrderClosed { kind, order: OrderHash(hash) });
    let broadcast = |order| Some(HubEvent::OrderBroadcast(Box::new(order)));
    match event {
        HubEvents::SignedAppOrder(e) => signed(OrderKind::App, e.appHash),
        HubEvents::SignedDatasetOrder(e) => signed(OrderKind::Dataset, e.datasetHash),
        HubEvents::SignedWorkerpoolOrder(e) => signed(OrderKind::Workerpool, e.workerpoolHash),
        HubEvents::SignedRequestOrder(e) => signed(OrderKind::Request, e.requestHash),
        HubEvents::ClosedAppOrder(e) => closed(OrderKind::App, e.appHash),
        HubEvents::ClosedDatasetOrder(e) => closed(OrderKind::Dataset, e.datasetHash),
        HubEvents::ClosedWorkerpoolOrder(e) => closed(OrderKind::Workerpool, e.workerpoolHash),
        HubEvents::ClosedRequestOrder(e) => closed(OrderKind::Request, e.requestHash),
        HubEvents::BroadcastAppOrder(e) => broadcast(BroadcastOrder::App(e.apporder.clone())),
        HubEvents::BroadcastDatasetOrder(e) => broadcast(BroadcastOrder::Dataset(e.datasetorder.clone())),
        HubEvents::BroadcastWorkerpoolOrder(e) => {
            broadcast(BroadcastOrder::Workerpool(e.workerpoolorder.clone()))
        }
        HubEvents::BroadcastRequestOrder(e) => broadcast(BroadcastOrder::Request(e.requestorder.clone())),
        _ => None,
    }
}

fn ledger_event(event: &HubEvents) -> Option<HubEvent> {
    Some(match event {
        HubEvents::Transfer(e) => HubEvent::Transfer { from: e.from, to: e.to, amount: Nrlc(e.value) },
        HubEvents::Approval(e) => {
            HubEvent::Approval { owner: e.owner, spender: e.spender, amount: Nrlc(e.value) }
        }
        HubEvents::Lock(e) => HubEvent::Lock { owner: e.owner, amount: Nrlc(e.amount) },
        HubEvents::Unlock(e) => HubEvent::Unlock { owner: e.owner, amount: Nrlc(e.amount) },
        HubEvents::Reward(e) => {
            HubEvent::Reward { owner: e.owner, amount: Nrlc(e.amount), task: TaskId(e.r#ref) }
        }
        HubEvents::Seize(e) => {
            HubEvent::Seize { owner: e.owner, amount: Nrlc(e.amount), task: TaskId(e.r#ref) }
        }
        _ => return None,
    })
}

fn deal_event(event: HubEvents) -> Option<HubEvent> {
    Some(match event {
        HubEvents::SchedulerNotice(e) => {
            HubEvent::SchedulerNotice { workerpool: e.workerpool, deal: DealId(e.dealid) }
        }
        HubEvents::OrdersMatched(e) => HubEvent::OrdersMatched {
            deal: DealId(e.dealid),
            app: OrderHash(e.appHash),
            dataset: OrderHash(e.datasetHash),
            workerpool: OrderHash(e.workerpoolHash),
            request: OrderHash(e.requestHash),
            volume: e.volume,
        },
        HubEvents::DealSponsored(e) => HubEvent::DealSponsored { deal: DealId(e.dealId), sponsor: e.sponsor },
        HubEvents::TaskInitialize(e) => {
            HubEvent::TaskInitialize { task: TaskId(e.taskid), workerpool: e.workerpool }
        }
        HubEvents::TaskContribute(e) => {
            HubEvent::TaskContribute { task: TaskId(e.taskid), worker: e.worker, hash: ResultHash(e.hash) }
        }
        HubEvents::TaskConsensus(e) => {
            HubEvent::TaskConsensus { task: TaskId(e.taskid), consensus: ResultHash(e.consensus) }
        }
        HubEvents::TaskReveal(e) => {
            HubEvent::TaskReveal { task: TaskId(e.taskid), worker: e.worker, digest: ResultDigest(e.digest) }
        }
        HubEvents::TaskReopen(e) => HubEvent::TaskReopen { task: TaskId(e.taskid) },
        HubEvents::TaskFinalize(e) => HubEvent::TaskFinalize { task: TaskId(e.taskid), results: e.results },
        HubEvents::TaskClaimed(e) => HubEvent::TaskClaimed { task: TaskId(e.taskid) },
        HubEvents::AccurateContribution(e) => {
            HubEvent::AccurateContribution { worker: e.worker, task: TaskId(e.taskid) }
        }
        HubEvents::FaultyContribution(e) => {
            HubEvent::FaultyContribution { worker: e.worker, task: TaskId(e.taskid) }
        }
        HubEvents::CreateCategory(e) => HubEvent::CreateCategory {
            category: CategoryId(u64::try_from(e.catid).ok()?),
            name: e.name,
            description: e.description,
            work_clock_time_ref_s: e.workClockTimeRef,
        },
        HubEvents::OwnershipTransferred(e) => {
            HubEvent::OwnershipTransferred { previous: e.previousOwner, new: e.newOwner }
        }
        // Events of other settlement paths and of administration that nobody here listens to.
        _ => return None,
    })
}
