//! Workers come, go, and come back.

use alloy_primitives::U256;
use metacloud_protocol::amount::Nrlc;
use metacloud_protocol::ids::TaskId;

use super::Dispatch;
use crate::action::{AbortCause, Action};
use crate::event::HandleEvent;
use crate::limits;
use crate::replica::ReplicaState;
use crate::status::ReplicaStatus;
use crate::task::{Phase, Revealing, Upload};
use crate::terms::{Profile, WorkerId};
use crate::time::Instant;
use crate::workers::{Presence, Worker};

impl Dispatch {
    /// A worker opened its stream. It is told anew everything that it has to do, from state: messages that were lost
    /// with the last stream need no other memory.
    pub(super) fn join(
        &mut self,
        now: Instant,
        worker: WorkerId,
        profile: Profile,
        held: &[TaskId],
        actions: &mut Vec<Action>,
    ) -> Result<(), HandleEvent> {
        let profile = Profile { slots: profile.slots.min(limits::SLOTS_MAX), ..profile };
        if self.workers.get(worker).is_none() {
            if self.workers.len() >= limits::WORKERS_MAX {
                return Err(HandleEvent::TooManyWorkers);
            }
            self.workers.insert(worker, Worker::new(profile));
        } else {
            self.workers.change(worker, |record| {
                record.profile = profile;
                record.presence = Presence::Here;
            });
        }
        let engaged: Vec<_> = self.engaged(worker);
        for &task in held.iter().filter(|task| !engaged.contains(task)) {
            actions.push(Action::Abort { task, worker, cause: AbortCause::Unknown });
        }
        for task in engaged {
            self.resume(now, task, worker, held.contains(&task), actions);
        }
        self.feed(now, worker, actions);
        Ok(())
    }

    /// Tells a worker that came back what to do for one task. `holds`: it still works on it.
    fn resume(&mut self, now: Instant, id: TaskId, worker: WorkerId, holds: bool, actions: &mut Vec<Action>) {
        let state = self.tasks[&id].replicas[&worker].state;
        match state {
            ReplicaState::Computing { .. } | ReplicaState::Computed { .. } if holds => {}
            ReplicaState::Computing { .. } => self.push_assign(id, worker, actions),
            ReplicaState::Computed { .. } => self.begin_again(now, id, worker, false, actions),
            ReplicaState::Lost => {
                if self.wants_worker(id) && self.workers.get(worker).is_some_and(Worker::can_take) {
                    self.begin_again(now, id, worker, holds, actions);
                } else if holds {
                    actions.push(Action::Abort { task: id, worker, cause: AbortCause::Unknown });
                }
            }
            ReplicaState::Contributed { hash, revealed } => {
                let Phase::Revealing(Revealing { hash: consensus, upload, .. }) = &self.tasks[&id].phase
                else {
                    return;
                };
                let (consensus, wanted) = (*consensus, *upload == Upload::Wanted);
                let asked = self.is_asked(id, worker);
                if hash != consensus {
                    actions.push(Action::Abort { task: id, worker, cause: AbortCause::ConsensusReached });
                } else if wanted {
                    self.want_upload(now, id, actions);
                } else if !revealed {
                    actions.push(Action::AskReveal { task: id, worker, consensus, upload: asked });
                } else if asked {
                    actions.push(Action::AskUpload { task: id, worker });
                }
                if hash == consensus && wanted && !revealed && !self.is_asked(id, worker) {
                    // Nobody, or somebody else, was asked to store the result: this worker only reveals.
                    actions.push(Action::AskReveal { task: id, worker, consensus, upload: false });
                }
            }
            ReplicaState::Rejected | ReplicaState::Failed | ReplicaState::Aborted if holds => {
                actions.push(Action::Abort { task: id, worker, cause: AbortCause::Unknown });
            }
            ReplicaState::Rejected | ReplicaState::Failed | ReplicaState::Aborted => {}
        }
    }

    /// The same replica starts once more: its worker lost it, or was lost.
    fn begin_again(
        &mut self,
        now: Instant,
        id: TaskId,
        worker: WorkerId,
        holds: bool,
        actions: &mut Vec<Action>,
    ) {
        let until = self.replica_deadline(now, id);
        let again = self.change_replica(id, worker, |replica| {
            replica.reattached += 1;
            let again = replica.reattached <= limits::REATTACH_MAX;
            replica.state = if again { ReplicaState::Computing { until } } else { ReplicaState::Failed };
            replica.history.enter(if again { ReplicaStatus::Recovering } else { ReplicaStatus::Failed }, now);
            again
        });
        match again {
            Some(true) if holds => {}
            Some(true) => self.push_assign(id, worker, actions),
            Some(false) if holds => {
                actions.push(Action::Abort { task: id, worker, cause: AbortCause::Unknown });
            }
            Some(false) | None => {}
        }
        self.supply(now, id, actions);
    }

    pub(super) fn assess(
        &mut self,
        now: Instant,
        worker: WorkerId,
        weight: U256,
        deposit: Nrlc,
        actions: &mut Vec<Action>,
    ) -> Result<(), HandleEvent> {
        self.workers
            .change(worker, |record| {
                record.profile.weight = weight;
                record.profile.deposit = deposit;
            })
            .ok_or(HandleEvent::UnknownWorker(worker))?;
        self.feed(now, worker, actions);
        Ok(())
    }

    /// The stream ended. Nothing new is given to the worker, but its lease runs on.
    pub(super) fn part(&mut self, worker: WorkerId) -> Result<(), HandleEvent> {
        self.workers
            .change(worker, |record| {
                if record.presence == Presence::Here {
                    record.presence = Presence::Away;
                }
            })
            .ok_or(HandleEvent::UnknownWorker(worker))
    }

    /// The lease ended: what the worker did not bring to the chain is given to others at once.
    pub(super) fn lose(
        &mut self,
        now: Instant,
        worker: WorkerId,
        actions: &mut Vec<Action>,
    ) -> Result<(), HandleEvent> {
        if self.workers.get(worker).is_none() {
            return Err(HandleEvent::UnknownWorker(worker));
        }
        let engaged = self.engaged(worker);
        self.workers.change(worker, |record| record.presence = Presence::Gone);
        for id in engaged {
            let lost = self.change_replica(id, worker, |replica| {
                let pending = replica.pending_until().is_some();
                if pending {
                    replica.state = ReplicaState::Lost;
                    replica.history.enter(ReplicaStatus::WorkerLost, now);
                }
                pending
            });
            if lost == Some(true) {
                self.supply(now, id, actions);
            } else if self.is_asked(id, worker) {
                self.ask_another(now, id, actions);
            }
        }
        Ok(())
    }

    /// A worker failed by its own fault: after some such failures in a row it rests.
    pub(super) fn count_failure(&mut self, now: Instant, worker: WorkerId) {
        let pause = self.workers.change(worker, |record| {
            record.failures_in_row = record.failures_in_row.saturating_add(1);
            let beyond = record.failures_in_row.checked_sub(limits::WORKER_FAILURES_MAX)?;
            if record.paused_until.is_some() {
                return None;
            }
            let pause =
                limits::WORKER_PAUSE_FIRST.saturating_mul(1 << beyond.min(16)).min(limits::WORKER_PAUSE_MAX);
            let until = now.plus(pause);
            record.paused_until = Some(until);
            Some(until)
        });
        if let Some(Some(until)) = pause {
            self.timers.arm(until, crate::timers::Timer::Pause(worker));
        }
    }

    fn engaged(&self, worker: WorkerId) -> Vec<TaskId> {
        self.workers.get(worker).map(|record| record.engaged.iter().copied().collect()).unwrap_or_default()
    }

    /// Streams are gone and the fate of transactions is unknown.
    pub(super) fn restart(&mut self, now: Instant) {
        let workers: Vec<_> = self.workers.iter().map(|(worker, _)| *worker).collect();
        for worker in workers {
            self.workers.change(worker, |record| {
                if record.presence == Presence::Here {
                    record.presence = Presence::Away;
                }
            });
        }
        let tasks: Vec<_> =
            self.tasks.iter().filter(|(_, task)| !task.is_ended()).map(|(id, _)| *id).collect();
        for id in tasks {
            self.change(id, |task| {
                if let Some(tx) = task.transaction_mut() {
                    *tx = tx.unknown(now);
                }
                if let Phase::Revealing(Revealing { upload, .. }) = &mut task.phase
                    && matches!(upload, Upload::Verifying { .. })
                {
                    *upload = Upload::Wanted;
                }
            });
        }
    }
}
