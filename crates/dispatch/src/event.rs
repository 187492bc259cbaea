//! What happened, in the past tense.

use alloy_primitives::{Bytes, U256};
use metacloud_protocol::amount::Nrlc;
use metacloud_protocol::ids::{DealId, ResultHash, TaskId};
use serde::{Deserialize, Serialize};

use crate::action::Transaction;
use crate::limits;
use crate::on_chain::{DealOnChain, TaskOnChain};
use crate::terms::{Enclave, Profile, Terms, WorkerId};
use crate::time::ChainTime;

/// What happened. Facts of the chain win over what workers report; the same fact may come any number of times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A block was made.
    HeadSeen {
        /// Its timestamp.
        time: ChainTime,
    },
    /// A deal of this pool was made.
    DealSeen {
        /// The deal.
        deal: DealId,
        /// What its tasks have in common.
        terms: Terms,
        /// Index of its first task.
        first: u64,
        /// Number of its tasks.
        size: u64,
    },
    /// A task was initialized, by whomever.
    TaskInitialized {
        /// The task.
        task: TaskId,
        /// Its deal.
        deal: DealId,
        /// Its index.
        index: u64,
    },
    /// A worker contributed.
    ContributionSeen {
        /// The task.
        task: TaskId,
        /// The worker.
        worker: WorkerId,
        /// Its result.
        hash: ResultHash,
        /// The weight it had (poco 12.1).
        weight: U256,
    },
    /// The workers agreed.
    ConsensusReached {
        /// The task.
        task: TaskId,
        /// On this result.
        hash: ResultHash,
        /// Reveals are accepted before this time.
        reveal_deadline: ChainTime,
    },
    /// A worker of the consensus revealed.
    RevealSeen {
        /// The task.
        task: TaskId,
        /// The worker.
        worker: WorkerId,
    },
    /// The task is open for contributions again.
    Reopened {
        /// The task.
        task: TaskId,
    },
    /// The task is settled: workers are paid.
    Finalized {
        /// The task.
        task: TaskId,
    },
    /// The task failed: the requester is refunded.
    Claimed {
        /// The task.
        task: TaskId,
    },
    /// Blocks were reverted, and a deal of which they told was read anew.
    DealReread {
        /// The deal.
        deal: DealId,
        /// What the chain has of it now; nothing if it is gone.
        found: Option<DealOnChain>,
    },
    /// Blocks were reverted, and a task of which they told was read anew.
    TaskReread {
        /// The task.
        task: TaskId,
        /// What the chain has of it now.
        found: TaskOnChain,
    },
    /// A worker opened its stream (again).
    WorkerJoined {
        /// The worker.
        worker: WorkerId,
        /// What it offers.
        profile: Profile,
        /// Tasks that it still works on.
        held: Vec<TaskId>,
    },
    /// Its score or deposit on chain was read again.
    WorkerAssessed {
        /// The worker.
        worker: WorkerId,
        /// Weight of its next contributions.
        weight: U256,
        /// Free deposit.
        deposit: Nrlc,
    },
    /// Its stream ended; its lease still runs.
    WorkerAway {
        /// The worker.
        worker: WorkerId,
    },
    /// Its lease ended, or it said farewell.
    WorkerLost {
        /// The worker.
        worker: WorkerId,
    },
    /// A worker told how far it is.
    Reported {
        /// The task.
        task: TaskId,
        /// The worker.
        worker: WorkerId,
        /// How far.
        report: Report,
    },
    /// The evidence about the enclave in which a worker will compute a task was verified.
    EnclaveVerified {
        /// The task.
        task: TaskId,
        /// The worker.
        worker: WorkerId,
        /// The enclave.
        enclave: Enclave,
    },
    /// Outcome of [`crate::Action::VerifyUpload`].
    UploadChecked {
        /// The task.
        task: TaskId,
        /// The worker that stored it.
        worker: WorkerId,
        /// The outcome.
        verdict: UploadVerdict,
    },
    /// A transaction did not go through. Success needs no event of its own: the chain tells.
    TransactionFailed {
        /// Its kind.
        transaction: Transaction,
        /// Its tasks.
        tasks: Vec<TaskId>,
        /// For people.
        reason: String,
    },
    /// The process started anew from its journal: transactions may or may not have been sent, streams are gone.
    Restarted,
    /// The clock reached [`crate::Dispatch::next_deadline`].
    TimePassed,
}

/// How far a worker says it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// It accepted the task.
    Started,
    /// The application ended; the slot is free.
    Computed {
        /// Exit code of the application.
        exit_code: Option<i32>,
    },
    /// Its contribution was mined.
    Contributed,
    /// Its reveal was mined.
    Revealed,
    /// The result is stored.
    Uploaded(Uploaded),
    /// It settled the task alone.
    Finalized,
    /// It gave up.
    Failed {
        /// Why, in the order met; the first [`limits::CAUSES_MAX`] are kept.
        failures: Vec<Failure>,
        /// Exit code of the application, if it ended.
        exit_code: Option<i32>,
    },
    /// It dropped the task because it was told to, or the chain made it pointless.
    Aborted {
        /// Why.
        failures: Vec<Failure>,
    },
}

/// Where a worker stored a result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uploaded {
    /// `task.results` as it will stand on chain (middleware G.1).
    pub results: Bytes,
    /// Payload for the deal's callback contract; empty without one.
    pub callback: Bytes,
    /// The enclave's signature over an encrypted archive; empty without encryption.
    #[serde(default)]
    pub archive_sign: Bytes,
}

/// Whether an upload is what the workers agreed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UploadVerdict {
    /// It is; `task.results` shall read like this.
    Genuine(Uploaded),
    /// It is something else: this worker is not asked again.
    False(Failure),
    /// It could not be read; another worker is asked, later maybe this one again.
    Unavailable(Failure),
}

/// A cause with its sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Name of the middleware's list.
    pub cause: String,
    /// For people.
    pub message: String,
    /// On whom it falls.
    pub blame: Blame,
}

/// On whom a failure falls, as far as it decides what the machine does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Blame {
    /// On what was ordered (application, dataset, request): other workers will meet it too.
    Order,
    /// On the worker.
    Worker,
    /// On nobody, or on something that may pass.
    Other,
}

impl Failure {
    /// The failure with its texts cut to [`limits::CAUSE_TEXT_MAX`] bytes.
    pub(crate) fn bounded(mut self) -> Self {
        for text in [&mut self.cause, &mut self.message] {
            text.truncate(text.floor_char_boundary(limits::CAUSE_TEXT_MAX));
        }
        self
    }
}

/// Why an event had no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandleEvent {
    /// Not a task of this pool, or one forgotten since it ended.
    #[error("task {0} is not known")]
    UnknownTask(TaskId),
    /// Not a deal of this pool.
    #[error("deal {0} is not known")]
    UnknownDeal(DealId),
    /// The worker did not join.
    #[error("worker {0} did not join")]
    UnknownWorker(WorkerId),
    /// The worker was not given this task, or lost it: it must drop it.
    #[error("worker {worker} has no replica of task {task}")]
    NoReplica {
        /// The task.
        task: TaskId,
        /// The worker.
        worker: WorkerId,
    },
    /// The task is not for an enclave, or this replica is past it.
    #[error("task {task} has no use for an enclave of worker {worker}")]
    NoEnclaveWanted {
        /// The task.
        task: TaskId,
        /// The worker.
        worker: WorkerId,
    },
    /// At [`limits::WORKERS_MAX`].
    #[error("{} workers joined; no further one is admitted", limits::WORKERS_MAX)]
    TooManyWorkers,
    /// At [`limits::DEALS_MAX`].
    #[error("{max} deals are known; deal {0} is not taken", max = limits::DEALS_MAX)]
    TooManyDeals(DealId),
    /// The last index exceeds 64 bits.
    #[error("indexes {first} and {size} more of deal {deal} are beyond 64 bits")]
    IndexRange {
        /// The deal.
        deal: DealId,
        /// First index.
        first: u64,
        /// Number of tasks.
        size: u64,
    },
}
