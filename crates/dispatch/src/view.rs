//! What a person may see of a task.

use metacloud_protocol::ids::{DealId, TaskId};

use crate::event::Failure;
use crate::machine::Dispatch;
use crate::status::{ReplicaStatus, TaskStatus};
use crate::task::{Phase, Stop};
use crate::terms::{EnclaveKind, WorkerId};
use crate::time::Instant;
use crate::workers::{Presence, Worker};

/// One task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskView {
    /// Its deal.
    pub deal: DealId,
    /// Its index.
    pub index: u64,
    /// Statuses entered, oldest first; the last is the current one.
    pub history: Vec<(TaskStatus, Instant)>,
    /// Replicas, by worker.
    pub replicas: Vec<ReplicaView>,
    /// Why it takes no more workers, if so.
    pub stop: Option<Stop>,
    /// Last failure of a transaction of the pool about it.
    pub trouble: Option<String>,
}

/// One worker's share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaView {
    /// The worker.
    pub worker: WorkerId,
    /// Statuses entered, oldest first.
    pub history: Vec<(ReplicaStatus, Instant)>,
    /// Exit code of the application, once known.
    pub exit_code: Option<i32>,
    /// What vouched for the enclave that computes it, once verified.
    pub enclave: Option<EnclaveKind>,
    /// What went wrong, in the order met.
    pub failures: Vec<Failure>,
}

/// Why a task is where it is, and who has to act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The phase, in a few words.
    pub state: String,
    /// When it ends at the latest, in seconds of the chain's time.
    pub deadline_s: Option<u64>,
    /// Whether it waits for a worker, and how many tasks of the same requirement do.
    pub queued_with: Option<usize>,
    /// Why workers that joined cannot take it; the first [`EXPLAINED_WORKERS_MAX`] of them.
    pub workers: Vec<(WorkerId, String)>,
}

/// Workers named in one [`Explanation`].
pub const EXPLAINED_WORKERS_MAX: usize = 64;

impl Dispatch {
    /// What may be shown of a task; `None` if it is not known (or forgotten, or not opened).
    pub fn view(&self, task: TaskId) -> Option<TaskView> {
        let record = self.task(task)?;
        let replicas = record
            .replicas
            .iter()
            .map(|(worker, replica)| ReplicaView {
                worker: *worker,
                history: replica.history.entries().to_vec(),
                exit_code: replica.exit_code,
                enclave: replica.enclave.map(|enclave| enclave.kind),
                failures: replica.failures.clone(),
            })
            .collect();
        Some(TaskView {
            deal: record.deal,
            index: record.index,
            history: record.history.entries().to_vec(),
            replicas,
            stop: record.phase.stop().cloned(),
            trouble: record.trouble.clone(),
        })
    }

    /// Why a task is where it is; `None` if it is not known.
    pub fn explain(&self, task: TaskId) -> Option<Explanation> {
        let record = self.task(task)?;
        let terms = self.terms(record);
        let requirement = terms.requirement;
        let (state, deadline) = match &record.phase {
            Phase::Initializing { .. } => {
                ("waits for its initialization".to_owned(), Some(terms.contribution_deadline))
            }
            Phase::Active if record.ticket.is_some() => {
                ("waits for a worker".to_owned(), Some(terms.contribution_deadline))
            }
            Phase::Active => {
                ("waits for the contributions of its workers".to_owned(), Some(terms.contribution_deadline))
            }
            Phase::Stopped { why, .. } => {
                (format!("waits for its refund: {why}"), Some(terms.final_deadline))
            }
            Phase::Revealing(revealing) if revealing.overdue => {
                ("is settled by those who revealed in time".to_owned(), Some(terms.final_deadline))
            }
            Phase::Revealing(revealing) => {
                ("waits for reveals and for the stored result".to_owned(), Some(revealing.reveal_deadline))
            }
            Phase::Claiming { .. } => ("is being refunded".to_owned(), None),
            Phase::Completed => ("is settled".to_owned(), None),
            Phase::Failed { why: Some(why) } => (format!("was refunded: {why}"), None),
            Phase::Failed { why: None } => ("was refunded".to_owned(), None),
        };
        let reason = |(id, worker): (&WorkerId, &Worker)| {
            let why = if record.replicas.contains_key(id) {
                "had this task already".to_owned()
            } else if worker.presence != Presence::Here {
                "is not connected".to_owned()
            } else if worker.paused_until.is_some() {
                format!("rests after {} failures in a row", worker.failures_in_row)
            } else if let Some(missing) = requirement.missing_in(&worker.available()) {
                missing.to_string()
            } else if !worker.can_take() {
                format!("all {} slots are taken", worker.profile.slots)
            } else {
                return None;
            };
            Some((*id, why))
        };
        let workers = if record.ticket.is_some() {
            self.workers().filter_map(reason).take(EXPLAINED_WORKERS_MAX).collect()
        } else {
            Vec::new()
        };
        Some(Explanation {
            state,
            deadline_s: deadline.map(|time| time.as_secs()),
            queued_with: record.ticket.map(|ticket| self.waiting(&ticket.class)),
            workers,
        })
    }
}
