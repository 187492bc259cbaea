//! What `GET /tasks/{taskId}` of a pool answers (http-surface 7, middleware D).

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::cause::{Cause, Fault};
use crate::enclave::EnclaveKind;
use crate::{Checksummed, Timestamp};

/// One task as the pool sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskView {
    /// The task's id on chain.
    #[schema(value_type = crate::schema::Bytes32)]
    pub chain_task_id: B256,
    /// Where it is now: the last entry of `date_status_list`.
    pub current_status: TaskPhase,
    /// Every phase entered, oldest first.
    pub date_status_list: Vec<TaskPhaseAt>,
    /// One entry per worker that was given the task.
    pub replicates: Vec<ReplicateView>,
    /// Who answers for a failed task; absent otherwise (ours, clients ignore it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// What vouches for the enclaves in which it is computed; absent without enclave (ours, clients ignore it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enclave: Option<EnclaveKind>,
}

/// When a task entered a phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskPhaseAt {
    /// The phase.
    pub status: TaskPhase,
    /// When, by the pool's clock.
    pub date: Timestamp,
}

/// One worker's share of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicateView {
    /// The worker.
    pub wallet_address: Checksummed,
    /// Where it is now.
    pub current_status: ReplicatePhase,
    /// Exit code of the application, once it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_exit_code: Option<i32>,
    /// What vouches for the enclave of this replicate, once verified (ours, clients ignore it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enclave: Option<EnclaveKind>,
    /// Every phase entered, oldest first.
    pub status_update_list: Vec<ReplicatePhaseAt>,
}

/// When a replicate entered a phase, and why if it is a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplicatePhaseAt {
    /// The phase.
    pub status: ReplicatePhase,
    /// When, by the pool's clock.
    pub date: Timestamp,
    /// The first cause of a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub cause: Option<Cause>,
    /// Its sentence for people (ours, clients ignore it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Answer of `GET /tasks/{taskId}/explain`: why a task is where it is, and who has to act. Ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskExplanation {
    /// The task's id on chain.
    #[schema(value_type = crate::schema::Bytes32)]
    pub chain_task_id: B256,
    /// The phase, in a few words.
    pub state: String,
    /// When it ends at the latest, in seconds of the chain's time.
    pub deadline: Option<u64>,
    /// Whether it waits for a worker, and how many tasks of the same requirement do.
    pub queued_with: Option<u64>,
    /// Why it stopped.
    pub stop: Option<String>,
    /// What is in its way.
    pub trouble: Option<String>,
    /// Why workers that joined cannot take it; some of them.
    pub workers: Vec<IdleWorker>,
    /// What failed so far.
    pub failures: Vec<ReplicateFailure>,
}

/// Why a worker cannot take a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdleWorker {
    /// The worker.
    #[schema(value_type = crate::schema::AddressText)]
    pub worker: Address,
    /// For people.
    pub reason: String,
}

/// A failure of one replicate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplicateFailure {
    /// The worker.
    #[schema(value_type = crate::schema::AddressText)]
    pub worker: Address,
    /// Its name.
    pub cause: String,
    /// For people.
    pub message: String,
}

/// Answer of `GET /tasks/{taskId}/logs` (http-surface 7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogsAnswer {
    /// The task's id on chain.
    #[schema(value_type = crate::schema::Bytes32)]
    pub chain_task_id: B256,
    /// One entry per worker that ended the application.
    pub compute_logs_list: Vec<WorkerLog>,
}

/// What the application said on one worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerLog {
    /// The worker.
    pub wallet_address: Checksummed,
    /// The end of its standard output.
    pub stdout: String,
    /// The end of its standard error.
    pub stderr: String,
}

/// Answer to a request for a task that the pool does not know, with status 404.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskNotFound {
    /// For people.
    pub error: String,
}

/// The names of a task's phases (http-surface 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are the protocol's; middleware D.1 tells when each is entered")]
pub enum TaskPhase {
    Received,
    Initializing,
    Initialized,
    InitializeFailed,
    Running,
    RunningFailed,
    ContributionTimeout,
    ConsensusReached,
    Reopening,
    Reopened,
    ReopenFailed,
    AtLeastOneRevealed,
    ResultUploading,
    ResultUploaded,
    ResultUploadTimeout,
    Finalizing,
    Finalized,
    FinalizeFailed,
    FinalDeadlineReached,
    Completed,
    Failed,
}

/// The names of a replicate's phases (http-surface 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are the protocol's; middleware D.2 tells when each is entered")]
pub enum ReplicatePhase {
    Created,
    Starting,
    StartFailed,
    Started,
    AppDownloading,
    AppDownloadFailed,
    AppDownloaded,
    DataDownloading,
    DataDownloadFailed,
    DataDownloaded,
    Computing,
    ComputeFailed,
    Computed,
    Contributing,
    ContributeFailed,
    Contributed,
    Revealing,
    RevealFailed,
    Revealed,
    ResultUploadRequested,
    ResultUploading,
    ResultUploadFailed,
    ResultUploaded,
    ContributeAndFinalizeOngoing,
    ContributeAndFinalizeFailed,
    ContributeAndFinalizeDone,
    Completing,
    CompleteFailed,
    Completed,
    Failed,
    Aborted,
    Recovering,
    WorkerLost,
}
