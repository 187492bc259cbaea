//! After blocks were reverted: what was believed because of them gives way to what the chain says now.
//!
//! The shell reads deals and tasks that reverted blocks spoke of anew. What it finds replaces what is known; facts told
//! later by the blocks that follow may repeat it without harm.

use metacloud_protocol::ids::{DealId, TaskId};

use super::Dispatch;
use crate::action::{AbortCause, Action};
use crate::event::HandleEvent;
use crate::limits;
use crate::on_chain::{Contributed, DealOnChain, Step, TaskOnChain};
use crate::replica::{Replica, ReplicaState};
use crate::status::{ReplicaStatus, TaskStatus};
use crate::task::{Close, Phase, Revealing, Stop, Tx, Upload};
use crate::terms::WorkerId;
use crate::time::Instant;
use crate::timers::ChainTimer;
use crate::workers::Presence;

impl Dispatch {
    /// A deal that is gone is forgotten with all its tasks; one that came back with other terms (it was made again in
    /// another block) begins anew.
    pub(super) fn reread_deal(
        &mut self,
        now: Instant,
        id: DealId,
        found: Option<DealOnChain>,
        actions: &mut Vec<Action>,
    ) -> Result<(), HandleEvent> {
        if let Some(DealOnChain { first, size, .. }) = found
            && first.checked_add(size).is_none()
        {
            return Err(HandleEvent::IndexRange { deal: id, first, size });
        }
        if let Some(known) = self.deals.get(&id) {
            if found.as_ref().is_some_and(|found| known.is(&found.terms, found.first, found.size)) {
                return Ok(());
            }
            self.forget_deal(now, id, actions);
        }
        match found {
            Some(DealOnChain { terms, first, size }) => self.see_deal(now, id, terms, first, size, actions),
            None => {
                self.fill(now, actions);
                Ok(())
            }
        }
    }

    fn forget_deal(&mut self, now: Instant, id: DealId, actions: &mut Vec<Action>) {
        let tasks: Vec<_> =
            self.tasks.iter().filter(|(_, task)| task.deal == id).map(|(task, _)| *task).collect();
        let mut freed = Vec::new();
        for task in tasks {
            freed.extend(self.void_replicas(now, task, actions));
            self.set_ticket(task, false);
            self.remove_task(task);
        }
        self.backlog.retain(|waiting| *waiting != id);
        let deal = self.deals.remove(&id).expect("the caller knows the deal");
        for deadline in [deal.terms.contribution_deadline, deal.terms.final_deadline] {
            self.timers.disarm_chain(deadline, ChainTimer::Deal(id));
        }
        for worker in freed {
            self.feed(now, worker, actions);
        }
    }

    /// Replaces what is known of a task.
    pub(super) fn reread_task(
        &mut self,
        now: Instant,
        id: TaskId,
        found: TaskOnChain,
        actions: &mut Vec<Action>,
    ) -> Result<(), HandleEvent> {
        let task = self.task(id).ok_or(HandleEvent::UnknownTask(id))?;
        match found {
            TaskOnChain::Completed | TaskOnChain::Failed if task.is_ended() => {
                self.change_end(now, id, found == TaskOnChain::Completed);
                Ok(())
            }
            TaskOnChain::Completed => self.see_finalized(now, id, actions),
            TaskOnChain::Failed => self.see_claimed(now, id, actions),
            TaskOnChain::Unset => {
                self.revive(id)?;
                self.uninitialize(now, id, actions);
                Ok(())
            }
            TaskOnChain::Active { contributions } => {
                let revived = self.revive(id)?;
                self.reactivate(now, id, &contributions, revived, actions);
                Ok(())
            }
            TaskOnChain::Revealing { hash, reveal_deadline, contributions } => {
                let revived = self.revive(id)?;
                let backed = |made: &Contributed| made.hash == hash && made.step != Step::Rejected;
                if contributions.iter().any(backed) {
                    let fresh = Revealing {
                        hash,
                        reveal_deadline,
                        overdue: false,
                        upload: Upload::Wanted,
                        close: Close::Open,
                    };
                    self.resume_reveals(now, id, fresh, &contributions, revived, actions);
                } else {
                    // Read across two blocks; the next ones tell.
                    self.reactivate(now, id, &contributions, revived, actions);
                }
                Ok(())
            }
        }
    }

    /// The task ended in the other way.
    fn change_end(&mut self, now: Instant, id: TaskId, completed: bool) {
        self.change(id, |task| {
            if completed == matches!(task.phase, Phase::Completed) {
                return;
            }
            let (phase, status) = match completed {
                true => (Phase::Completed, TaskStatus::Completed),
                false => (Phase::Failed { why: None }, TaskStatus::Failed),
            };
            task.phase = phase;
            task.history.enter(status, now);
        });
    }

    /// Makes an ended task one that is worked on; whether it was ended. Refused without room among the open ones.
    fn revive(&mut self, id: TaskId) -> Result<bool, HandleEvent> {
        if !self.tasks[&id].is_ended() {
            return Ok(false);
        }
        if self.open >= limits::OPEN_TASKS_MAX {
            return Err(HandleEvent::UnknownTask(id));
        }
        self.ended.retain(|ended| *ended != id);
        self.change(id, |task| {
            task.phase = match &task.phase {
                Phase::Failed { why: Some(why) } => Phase::Stopped { why: why.clone(), initialized: true },
                _ => Phase::Active,
            };
        });
        let workers: Vec<_> = self.tasks[&id].replicas.keys().copied().collect();
        for worker in workers {
            self.workers.change(worker, |record| record.engaged.insert(id));
        }
        Ok(true)
    }

    /// The task has to be initialized again: nothing that its workers did for it is on chain.
    fn uninitialize(&mut self, now: Instant, id: TaskId, actions: &mut Vec<Action>) {
        self.set_ticket(id, false);
        let freed = self.void_replicas(now, id, actions);
        let tx = Tx::sent(now).unknown(now);
        self.change(id, |task| {
            task.phase = match &task.phase {
                Phase::Stopped { why, .. } => Phase::Stopped { why: why.clone(), initialized: false },
                Phase::Claiming { why, .. } => Phase::Claiming { tx, initialized: false, why: why.clone() },
                Phase::Initializing { tx } => Phase::Initializing { tx: *tx },
                Phase::Active | Phase::Revealing(_) | Phase::Completed | Phase::Failed { .. } => {
                    task.history.enter(TaskStatus::Initializing, now);
                    Phase::Initializing { tx }
                }
            };
        });
        for worker in freed {
            self.feed(now, worker, actions);
        }
    }

    /// The task takes contributions.
    fn reactivate(
        &mut self,
        now: Instant,
        id: TaskId,
        contributions: &[Contributed],
        revived: bool,
        actions: &mut Vec<Action>,
    ) {
        self.set_ticket(id, false);
        let refused = self.terms(&self.tasks[&id]).refused.clone().map(Stop::Refused);
        self.change(id, |task| {
            task.phase = match &task.phase {
                Phase::Stopped { why, .. } => Phase::Stopped { why: why.clone(), initialized: true },
                Phase::Claiming { tx, why, .. } => {
                    Phase::Claiming { tx: tx.unknown(now), initialized: true, why: why.clone() }
                }
                Phase::Initializing { .. }
                | Phase::Active
                | Phase::Revealing(_)
                | Phase::Completed
                | Phase::Failed { .. } => match refused {
                    Some(why) => Phase::Stopped { why, initialized: true },
                    None => Phase::Active,
                },
            };
            if matches!(task.phase, Phase::Active) {
                task.history.enter(TaskStatus::Running, now);
            }
        });
        self.reconcile(now, id, contributions, revived, actions);
        self.supply(now, id, actions);
        self.fill(now, actions);
    }

    /// The task waits for reveals. A reveal phase that is known goes on as it was.
    fn resume_reveals(
        &mut self,
        now: Instant,
        id: TaskId,
        fresh: Revealing,
        contributions: &[Contributed],
        revived: bool,
        actions: &mut Vec<Action>,
    ) {
        self.set_ticket(id, false);
        let hash = fresh.hash;
        let begins = match &self.tasks[&id].phase {
            Phase::Claiming { .. } => return self.reactivate(now, id, contributions, revived, actions),
            Phase::Revealing(known) => (known.hash, known.reveal_deadline) != (hash, fresh.reveal_deadline),
            Phase::Initializing { .. }
            | Phase::Active
            | Phase::Stopped { .. }
            | Phase::Completed
            | Phase::Failed { .. } => true,
        };
        if begins {
            self.change(id, |task| {
                task.phase = Phase::Revealing(fresh);
                task.history.enter(TaskStatus::ConsensusReached, now);
            });
        }
        self.reconcile(now, id, contributions, revived, actions);
        let freed = self.abort_pending(now, id, AbortCause::ConsensusReached, actions);
        if begins {
            self.ask_reveals(now, id, hash, actions);
        }
        self.try_close(now, id, actions);
        for worker in freed {
            self.feed(now, worker, actions);
        }
        self.fill(now, actions);
    }

    /// Brings the replicas to the contributions that are on chain.
    fn reconcile(
        &mut self,
        now: Instant,
        id: TaskId,
        contributions: &[Contributed],
        revived: bool,
        actions: &mut Vec<Action>,
    ) {
        let gone = |(worker, replica): (&WorkerId, &Replica)| {
            let made = matches!(replica.state, ReplicaState::Contributed { .. } | ReplicaState::Rejected);
            (made && contributions.iter().all(|found| found.worker != *worker)).then_some(*worker)
        };
        let gone: Vec<_> = self.tasks[&id].replicas.iter().filter_map(gone).collect();
        for worker in gone {
            self.vanish(now, id, worker, revived, actions);
        }
        for &Contributed { worker, hash, weight, step } in contributions {
            let (state, status) = match step {
                Step::Made => {
                    (ReplicaState::Contributed { hash, revealed: false }, ReplicaStatus::Contributed)
                }
                Step::Revealed => {
                    (ReplicaState::Contributed { hash, revealed: true }, ReplicaStatus::Revealed)
                }
                Step::Rejected => (ReplicaState::Rejected, ReplicaStatus::RevealFailed),
            };
            if !self.tasks[&id].replicas.contains_key(&worker) {
                self.insert_replica(id, worker, Replica::new(weight, state, status, now));
                continue;
            }
            self.change_replica(id, worker, |replica| {
                if replica.state == state && !revived {
                    return;
                }
                // A weight that the chain told when the contribution was made is exact.
                if !matches!(replica.state, ReplicaState::Contributed { .. } | ReplicaState::Rejected) {
                    replica.weight = weight;
                }
                replica.state = state;
                replica.history.enter(status, now);
            });
            self.feed(now, worker, actions);
        }
    }

    /// A contribution is not on chain any more. It counts no longer; its worker, if it is there, is expected to make it
    /// again, and gets the task anew for that.
    fn vanish(
        &mut self,
        now: Instant,
        id: TaskId,
        worker: WorkerId,
        revived: bool,
        actions: &mut Vec<Action>,
    ) {
        let active = matches!(self.tasks[&id].phase, Phase::Active);
        // A contribution of a worker that joined later was not counted among what it is engaged in.
        let presence = self.workers.change(worker, |record| {
            record.engaged.insert(id);
            record.presence
        });
        let again =
            (ReplicaState::Computed { until: self.replica_deadline(now, id) }, ReplicaStatus::Recovering);
        let (state, status) = match presence {
            Some(Presence::Here) if active => again,
            // Whoever saw the task end has nothing left to contribute.
            Some(Presence::Away) if active && !revived => again,
            Some(Presence::Here | Presence::Away | Presence::Gone) | None if active => {
                (ReplicaState::Lost, ReplicaStatus::WorkerLost)
            }
            Some(_) | None => (ReplicaState::Aborted, ReplicaStatus::Aborted),
        };
        self.change_replica(id, worker, |replica| {
            replica.state = state;
            replica.upload_tries = 0;
            replica.history.enter(status, now);
        });
        if active && presence == Some(Presence::Here) {
            if revived {
                actions.push(Action::Abort { task: id, worker, cause: AbortCause::Reverted });
            }
            self.push_assign(id, worker, actions);
        }
    }

    /// Takes a task from every worker that has or had it, as if it had never been given; answers whose slots are free.
    fn void_replicas(&mut self, now: Instant, id: TaskId, actions: &mut Vec<Action>) -> Vec<WorkerId> {
        let workers: Vec<_> = self.tasks[&id].replicas.keys().copied().collect();
        for &worker in &workers {
            // Frees slot, stake and timer.
            self.change_replica(id, worker, |replica| {
                replica.state = ReplicaState::Aborted;
                replica.history.enter(ReplicaStatus::Aborted, now);
            });
            self.tasks.get_mut(&id).expect("the caller knows the task").replicas.remove(&worker);
            self.workers.change(worker, |record| record.engaged.remove(&id));
            actions.push(Action::Abort { task: id, worker, cause: AbortCause::Reverted });
        }
        workers
    }
}
