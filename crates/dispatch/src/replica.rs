//! One worker's share of a task.

use alloy_primitives::U256;
use metacloud_protocol::ids::ResultHash;
use serde::{Deserialize, Serialize};

use crate::event::Failure;
use crate::limits;
use crate::status::{History, ReplicaStatus};
use crate::terms::Enclave;
use crate::time::Instant;

/// One worker's share of a task. A worker never has two of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replica {
    /// Weight of the contribution, or the expected one until it is on chain.
    pub(crate) weight: U256,
    pub(crate) state: ReplicaState,
    pub(crate) history: History<ReplicaStatus>,
    pub(crate) failures: Vec<Failure>,
    pub(crate) exit_code: Option<i32>,
    /// The enclave that computes it, once verified.
    #[serde(default)]
    pub(crate) enclave: Option<Enclave>,
    /// How often a worker that came back began it again.
    pub(crate) reattached: u32,
    /// How often the worker was asked to store the result; at the limit it is not asked again.
    pub(crate) upload_tries: u32,
}

/// How far a replica is. What a worker contributed comes from the chain alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ReplicaState {
    /// Holds a slot and counts as pending until `until`.
    Computing { until: Instant },
    /// The slot is free; counts as pending until `until`.
    Computed { until: Instant },
    /// On chain.
    Contributed { hash: ResultHash, revealed: bool },
    /// On chain, for a consensus that was reopened; counts no more.
    Rejected,
    /// Silent beyond its lease; counts no more, but may come back.
    Lost,
    /// Gave up, or ran out of time; counts no more.
    Failed,
    /// Told to stop.
    Aborted,
}

impl Replica {
    pub(crate) fn new(weight: U256, state: ReplicaState, status: ReplicaStatus, now: Instant) -> Self {
        Self {
            weight,
            state,
            history: History::new(status, now),
            failures: Vec::new(),
            exit_code: None,
            enclave: None,
            reattached: 0,
            upload_tries: 0,
        }
    }

    /// Holds one of the worker's slots.
    pub(crate) fn holds_slot(&self) -> bool {
        matches!(self.state, ReplicaState::Computing { .. })
    }

    /// Expected to contribute, as far as we know: until when.
    pub(crate) fn pending_until(&self) -> Option<Instant> {
        match self.state {
            ReplicaState::Computing { until } | ReplicaState::Computed { until } => Some(until),
            ReplicaState::Contributed { .. }
            | ReplicaState::Rejected
            | ReplicaState::Lost
            | ReplicaState::Failed
            | ReplicaState::Aborted => None,
        }
    }

    /// Contributed `hash`: belongs to a consensus on it.
    pub(crate) fn backs(&self, hash: ResultHash) -> bool {
        matches!(self.state, ReplicaState::Contributed { hash: own, .. } if own == hash)
    }

    /// Backs `hash` and may still be asked to store it.
    pub(crate) fn may_upload(&self, hash: ResultHash) -> bool {
        self.backs(hash) && self.upload_tries < limits::UPLOAD_TRIES_MAX
    }

    /// Keeps the first [`limits::CAUSES_MAX`] causes.
    pub(crate) fn note(&mut self, failures: Vec<Failure>) {
        let room = limits::CAUSES_MAX.saturating_sub(self.failures.len());
        self.failures.extend(failures.into_iter().take(room).map(Failure::bounded));
    }
}
