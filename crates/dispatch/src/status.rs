//! Names of the states that people see (middleware D.1, D.2), with the time each was entered.

use serde::{Deserialize, Serialize};

use crate::limits::HISTORY_MAX;
use crate::time::Instant;

/// Where a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the middleware's")]
pub enum TaskStatus {
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
    AtLeastOneRevealed,
    ResultUploading,
    ResultUploaded,
    Finalizing,
    FinalizeFailed,
    FinalDeadlineReached,
    Completed,
    Failed,
}

/// Where a worker is with a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are the middleware's")]
pub enum ReplicaStatus {
    Created,
    Started,
    ComputeFailed,
    Computed,
    ContributeFailed,
    Contributed,
    Revealing,
    RevealFailed,
    Revealed,
    ResultUploadRequested,
    ResultUploadFailed,
    ResultUploaded,
    ContributeAndFinalizeDone,
    Completed,
    Failed,
    Aborted,
    Recovering,
    WorkerLost,
}

/// Statuses entered, oldest first; at [`HISTORY_MAX`] the latest replaces the one before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History<S>(Vec<(S, Instant)>);

impl<S: Copy + PartialEq> History<S> {
    pub(crate) fn new(status: S, at: Instant) -> Self {
        Self(vec![(status, at)])
    }

    /// Notes `status`, unless it is the current one.
    pub(crate) fn enter(&mut self, status: S, at: Instant) {
        if self.current() == status {
            return;
        }
        if self.0.len() >= HISTORY_MAX {
            self.0.pop();
        }
        self.0.push((status, at));
    }

    pub(crate) fn current(&self) -> S {
        self.0.last().expect("a history begins with a status and keeps at least one").0
    }

    pub(crate) fn entries(&self) -> &[(S, Instant)] {
        &self.0
    }
}
