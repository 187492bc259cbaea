//! What the shell must do, in the imperative.

use metacloud_protocol::ids::{DealId, ResultHash, TaskId};
use serde::{Deserialize, Serialize};

use crate::event::Uploaded;
use crate::terms::{Enclave, Settlement, WorkerId};

/// A task with its place in its deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaskRef {
    /// The task.
    pub task: TaskId,
    /// Its deal.
    pub deal: DealId,
    /// Its index, absolute as on chain.
    pub index: u64,
}

/// The kinds of transaction that the pool owner sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Transaction {
    /// initialize, or its array form.
    Initialize,
    /// finalize.
    Finalize,
    /// reopen.
    Reopen,
    /// claim, or its array form.
    Claim,
    /// initializeAndClaimArray.
    InitializeAndClaim,
}

/// Why a worker must stop; the names that workers of the protocol know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AbortCause {
    /// The contribution deadline passed.
    ContributionTimeout,
    /// The others agreed already.
    ConsensusReached,
    /// The task needs nothing of this worker any more.
    Unknown,
    /// Blocks were reverted, and what the worker did for the task with them. It may be given anew.
    Reverted,
}

/// What the shell must do. All of it may come again after a restart and must then do no harm: transactions are checked
/// against the chain before they are sent again, workers ignore what they know already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Initialize these tasks, in one transaction.
    Initialize {
        /// At most [`crate::limits::INITIALIZE_BATCH_MAX`].
        tasks: Vec<TaskRef>,
    },
    /// Authorize the worker and give it the task.
    Assign {
        /// The task.
        task: TaskRef,
        /// The worker.
        worker: WorkerId,
        /// How it must bring its result to the chain.
        settlement: Settlement,
    },
    /// Authorize the worker to contribute what this enclave signs.
    Authorize {
        /// The task.
        task: TaskId,
        /// The worker.
        worker: WorkerId,
        /// Its enclave.
        enclave: Enclave,
    },
    /// Tell a worker of the consensus to reveal.
    AskReveal {
        /// The task.
        task: TaskId,
        /// The worker.
        worker: WorkerId,
        /// The result on which the workers agreed.
        consensus: ResultHash,
        /// Whether this worker shall also store the result.
        upload: bool,
    },
    /// Tell a worker of the consensus to store the result.
    AskUpload {
        /// The task.
        task: TaskId,
        /// The worker.
        worker: WorkerId,
    },
    /// Check that what the worker stored is the result on which the workers agreed; answer with
    /// [`crate::Event::UploadChecked`].
    VerifyUpload {
        /// The task.
        task: TaskId,
        /// The worker that stored it.
        worker: WorkerId,
        /// The result on which the workers agreed.
        consensus: ResultHash,
        /// Where it says the result is.
        uploaded: Uploaded,
        /// The enclave that computed it, if one did.
        enclave: Option<Enclave>,
    },
    /// Tell a worker to drop the task.
    Abort {
        /// The task.
        task: TaskId,
        /// The worker.
        worker: WorkerId,
        /// Why.
        cause: AbortCause,
    },
    /// Finalize the task with this verified result.
    Finalize {
        /// The task.
        task: TaskRef,
        /// The result.
        uploaded: Uploaded,
    },
    /// Reopen the task: nobody revealed.
    Reopen {
        /// The task.
        task: TaskRef,
    },
    /// Claim these tasks, in one transaction.
    Claim {
        /// At most [`crate::limits::CLAIM_BATCH_MAX`].
        tasks: Vec<TaskRef>,
    },
    /// Initialize and claim these tasks of expired deals, in one transaction.
    InitializeAndClaim {
        /// At most [`crate::limits::CLAIM_BATCH_MAX`].
        tasks: Vec<TaskRef>,
    },
}
