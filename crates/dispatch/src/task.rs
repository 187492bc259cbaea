//! One task: its phase on the way to settlement, and its replicas.

use std::collections::BTreeMap;

use alloy_primitives::U256;
use metacloud_protocol::consensus::needs_more_workers;
use metacloud_protocol::ids::{DealId, ResultHash, TaskId};
use serde::{Deserialize, Serialize};

use crate::action::{TaskRef, Transaction};
use crate::event::{Blame, Uploaded};
use crate::limits;
use crate::ready::Ticket;
use crate::replica::{Replica, ReplicaState};
use crate::status::{History, TaskStatus};
use crate::terms::{Verification, WorkerId};
use crate::time::{ChainTime, Instant};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) deal: DealId,
    pub(crate) index: u64,
    pub(crate) phase: Phase,
    pub(crate) replicas: BTreeMap<WorkerId, Replica>,
    pub(crate) history: History<TaskStatus>,
    /// Last failure of a transaction, for people.
    pub(crate) trouble: Option<String>,
    /// Its place in a ready queue.
    pub(crate) ticket: Option<Ticket>,
}

/// Where a task is on its way; each phase carries what is valid in it alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// Wants to be initialized.
    Initializing { tx: Tx },
    /// The supply rule is at work, until the contribution deadline.
    Active,
    /// Takes no more workers and waits for its final deadline.
    Stopped { why: Stop, initialized: bool },
    /// The workers agreed; results are revealed, one is stored and verified.
    Revealing(Revealing),
    /// Past its final deadline.
    Claiming { tx: Tx, initialized: bool, why: Option<Stop> },
    /// Paid.
    Completed,
    /// Refunded.
    Failed { why: Option<Stop> },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Revealing {
    pub(crate) hash: ResultHash,
    pub(crate) reveal_deadline: ChainTime,
    /// The reveal deadline passed.
    pub(crate) overdue: bool,
    pub(crate) upload: Upload,
    pub(crate) close: Close,
}

/// Way of the result into the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Upload {
    /// Nobody is asked: no worker of the consensus is here.
    Wanted,
    Asked {
        worker: WorkerId,
        until: Instant,
    },
    Verifying {
        worker: WorkerId,
        until: Instant,
    },
    Verified(Uploaded),
}

/// The transaction that ends a reveal phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Close {
    Open,
    Finalizing(Tx),
    Reopening(Tx),
}

/// A transaction on its way. It is due again at `until`, in whichever state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tx {
    pub(crate) failures: u32,
    pub(crate) in_flight: bool,
    pub(crate) until: Instant,
}

/// Why a task takes no more workers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Stop {
    /// The pool does not run the deal.
    #[error("the pool refused the deal: {0}")]
    Refused(String),
    /// The workers that tried it agree that it cannot run.
    #[error("{workers} workers reported {cause}: {message}")]
    Inherent {
        /// The cause.
        cause: String,
        /// Sentence of the last worker that reported it.
        message: String,
        /// How many reported it.
        workers: u32,
    },
    /// Too many workers failed.
    #[error("{0} workers failed or were lost")]
    TooManyFailures(u32),
    /// The contribution deadline passed without agreement.
    #[error("the contribution deadline passed before the workers agreed")]
    ContributionDeadline,
}

impl Phase {
    /// Why the task takes no more workers, if so.
    pub(crate) fn stop(&self) -> Option<&Stop> {
        match self {
            Self::Stopped { why, .. } => Some(why),
            Self::Claiming { why, .. } | Self::Failed { why } => why.as_ref(),
            Self::Initializing { .. } | Self::Active | Self::Revealing(_) | Self::Completed => None,
        }
    }
}

impl Tx {
    pub(crate) fn sent(now: Instant) -> Self {
        Self { failures: 0, in_flight: true, until: now.plus(limits::TRANSACTION_WATCHDOG) }
    }

    pub(crate) fn resent(self, now: Instant) -> Self {
        Self { failures: self.failures, ..Self::sent(now) }
    }

    pub(crate) fn failed(self, now: Instant) -> Self {
        let failures = self.failures.saturating_add(1);
        let pause = limits::RETRY_FIRST.saturating_mul(1 << (failures - 1).min(16)).min(limits::RETRY_MAX);
        Self { failures, in_flight: false, until: now.plus(pause) }
    }

    /// Due at once, its outcome unknown.
    pub(crate) fn unknown(self, now: Instant) -> Self {
        Self { in_flight: false, until: now, ..self }
    }
}

impl Task {
    pub(crate) fn new(deal: DealId, index: u64, phase: Phase, status: TaskStatus, now: Instant) -> Self {
        Self {
            deal,
            index,
            phase,
            replicas: BTreeMap::new(),
            history: History::new(status, now),
            trouble: None,
            ticket: None,
        }
    }

    pub(crate) fn place(&self, task: TaskId) -> TaskRef {
        TaskRef { task, deal: self.deal, index: self.index }
    }

    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Completed | Phase::Failed { .. })
    }

    /// The transaction of the present phase.
    pub(crate) fn transaction(&self) -> Option<(Transaction, Tx)> {
        match &self.phase {
            Phase::Initializing { tx } => Some((Transaction::Initialize, *tx)),
            Phase::Revealing(revealing) => match revealing.close {
                Close::Open => None,
                Close::Finalizing(tx) => Some((Transaction::Finalize, tx)),
                Close::Reopening(tx) => Some((Transaction::Reopen, tx)),
            },
            Phase::Claiming { tx, initialized: true, .. } => Some((Transaction::Claim, *tx)),
            Phase::Claiming { tx, initialized: false, .. } => Some((Transaction::InitializeAndClaim, *tx)),
            Phase::Active | Phase::Stopped { .. } | Phase::Completed | Phase::Failed { .. } => None,
        }
    }

    pub(crate) fn transaction_mut(&mut self) -> Option<&mut Tx> {
        match &mut self.phase {
            Phase::Initializing { tx } | Phase::Claiming { tx, .. } => Some(tx),
            Phase::Revealing(revealing) => match &mut revealing.close {
                Close::Open => None,
                Close::Finalizing(tx) | Close::Reopening(tx) => Some(tx),
            },
            Phase::Active | Phase::Stopped { .. } | Phase::Completed | Phase::Failed { .. } => None,
        }
    }

    /// When the present wait for an upload ends.
    pub(crate) fn upload_until(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Revealing(Revealing {
                upload: Upload::Asked { until, .. } | Upload::Verifying { until, .. },
                ..
            }) => Some(*until),
            _ => None,
        }
    }

    /// Whether the supply rule wants one more worker (middleware D.4 with its decisions: what is lost, aborted or
    /// failed counts no more).
    pub(crate) fn wants_worker(&self, verification: Verification) -> bool {
        if !matches!(self.phase, Phase::Active) || self.replicas.len() >= limits::REPLICAS_MAX {
            return false;
        }
        let Verification::Replication { trust } = verification;
        let mut groups: BTreeMap<ResultHash, U256> = BTreeMap::new();
        let mut pending = Vec::new();
        for replica in self.replicas.values() {
            if let ReplicaState::Contributed { hash, .. } = replica.state {
                let group = groups.entry(hash).or_insert(U256::ONE);
                *group = group.saturating_mul(replica.weight);
            } else if replica.pending_until().is_some() {
                pending.push(replica.weight);
            }
        }
        let groups: Vec<_> = groups.into_iter().collect();
        needs_more_workers(trust, &groups, &pending)
    }

    /// Workers whose contribution backs `hash`, and how many of them revealed.
    pub(crate) fn winners(&self, hash: ResultHash) -> (usize, usize) {
        let backing = self.replicas.values().filter(|replica| replica.backs(hash));
        backing.fold((0, 0), |(all, revealed), replica| {
            let has = matches!(replica.state, ReplicaState::Contributed { revealed: true, .. });
            (all + 1, revealed + usize::from(has))
        })
    }

    /// Why the workers' failures end the supply, if they do. `pool` is the number of workers that joined.
    pub(crate) fn hopeless(&self, pool: usize) -> Option<Stop> {
        let failed = |replica: &&Replica| matches!(replica.state, ReplicaState::Failed | ReplicaState::Lost);
        let quorum = limits::SAME_CAUSE_WORKERS.min(pool).max(1);
        let mut causes: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
        for replica in self.replicas.values().filter(failed) {
            // Each replica is another worker's; its first inherent cause is its verdict.
            if let Some(failure) = replica.failures.iter().find(|failure| failure.blame == Blame::Order) {
                let entry = causes.entry(&failure.cause).or_default();
                *entry = (entry.0 + 1, &failure.message);
            }
        }
        if let Some((cause, (workers, message))) = causes.into_iter().max_by_key(|(_, (workers, _))| *workers)
            && workers >= quorum
        {
            let workers = u32::try_from(workers).unwrap_or(u32::MAX);
            return Some(Stop::Inherent { cause: cause.to_owned(), message: message.to_owned(), workers });
        }
        let failed = self.replicas.values().filter(failed).count();
        (failed >= limits::FAILED_REPLICAS_MAX)
            .then(|| Stop::TooManyFailures(u32::try_from(failed).unwrap_or(u32::MAX)))
    }
}
