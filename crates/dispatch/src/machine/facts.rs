//! What the chain says. It is the authority: whatever was believed before gives way.

use alloy_primitives::U256;
use metacloud_protocol::ids::{DealId, ResultHash, TaskId};

use super::Dispatch;
use crate::action::{AbortCause, Action};
use crate::event::HandleEvent;
use crate::limits;
use crate::replica::{Replica, ReplicaState};
use crate::status::{ReplicaStatus, TaskStatus};
use crate::task::{Close, Phase, Revealing, Stop, Task, Upload};
use crate::terms::{Settlement, WorkerId};
use crate::time::{ChainTime, Instant};

impl Dispatch {
    pub(super) fn see_initialized(
        &mut self,
        now: Instant,
        id: TaskId,
        deal: DealId,
        index: u64,
        actions: &mut Vec<Action>,
    ) -> Result<(), HandleEvent> {
        let known = self.deals.get(&deal).ok_or(HandleEvent::UnknownDeal(deal))?;
        if !known.covers(index) {
            return Err(HandleEvent::UnknownTask(id));
        }
        let refused = known.terms.refused.clone().map(Stop::Refused);
        if self.task(id).is_none() {
            // Somebody else initialized it. Without room it stays a part of its deal, and is met when its turn comes.
            if !known.is_waiting(index) || self.open >= limits::OPEN_TASKS_MAX {
                return Err(HandleEvent::UnknownTask(id));
            }
            let phase = refused.map_or(Phase::Active, |why| Phase::Stopped { why, initialized: true });
            self.insert_task(id, Task::new(deal, index, phase, TaskStatus::Received, now));
        }
        self.change(id, |task| {
            match &mut task.phase {
                Phase::Initializing { .. } => task.phase = Phase::Active,
                Phase::Stopped { initialized, .. } | Phase::Claiming { initialized, .. } => {
                    *initialized = true;
                    return;
                }
                Phase::Active | Phase::Revealing(_) | Phase::Completed | Phase::Failed { .. } => {}
            }
            if matches!(task.phase, Phase::Active) && task.replicas.is_empty() {
                task.history.enter(TaskStatus::Initialized, now);
            }
        });
        self.supply(now, id, actions);
        self.fill(now, actions);
        Ok(())
    }

    pub(super) fn see_contribution(
        &mut self,
        now: Instant,
        id: TaskId,
        worker: WorkerId,
        hash: ResultHash,
        weight: U256,
        actions: &mut Vec<Action>,
    ) -> Result<(), HandleEvent> {
        let task = self.task(id).ok_or(HandleEvent::UnknownTask(id))?;
        let stake = self.terms(task).requirement.stake;
        let state = ReplicaState::Contributed { hash, revealed: false };
        match task.replicas.get(&worker).map(|replica| replica.state) {
            // A worker contributes once: this fact is an old one.
            Some(ReplicaState::Contributed { .. } | ReplicaState::Rejected) => return Ok(()),
            Some(
                ReplicaState::Computing { .. }
                | ReplicaState::Computed { .. }
                | ReplicaState::Lost
                | ReplicaState::Failed
                | ReplicaState::Aborted,
            ) => {
                self.change_replica(id, worker, |replica| {
                    replica.state = state;
                    replica.weight = weight;
                    replica.history.enter(ReplicaStatus::Contributed, now);
                });
            }
            None => {
                let replica = Replica::new(weight, state, ReplicaStatus::Contributed, now);
                if task.is_ended() {
                    self.tasks.get_mut(&id).expect("it was just read").replicas.insert(worker, replica);
                } else {
                    self.insert_replica(id, worker, replica);
                }
            }
        }
        self.workers.change(worker, |record| {
            record.failures_in_row = 0;
            let left = record.profile.deposit.checked_sub(stake);
            record.profile.deposit = left.unwrap_or(metacloud_protocol::amount::Nrlc::ZERO);
        });
        self.change(id, |task| {
            if matches!(task.phase, Phase::Active) {
                task.history.enter(TaskStatus::Running, now);
            }
        });
        self.supply(now, id, actions);
        self.feed(now, worker, actions);
        Ok(())
    }

    pub(super) fn see_consensus(
        &mut self,
        now: Instant,
        id: TaskId,
        hash: ResultHash,
        reveal_deadline: ChainTime,
        actions: &mut Vec<Action>,
    ) -> Result<(), HandleEvent> {
        let task = self.task(id).ok_or(HandleEvent::UnknownTask(id))?;
        match task.phase {
            Phase::Initializing { .. } | Phase::Active | Phase::Stopped { .. } => {}
            Phase::Revealing(_) | Phase::Claiming { .. } | Phase::Completed | Phase::Failed { .. } => {
                return Ok(());
            }
        }
        if task.winners(hash).0 == 0 {
            // Contributions come before their consensus: this one was reopened since.
            return Ok(());
        }
        let revealing =
            Revealing { hash, reveal_deadline, overdue: false, upload: Upload::Wanted, close: Close::Open };
        self.set_ticket(id, false);
        self.change(id, |task| {
            task.phase = Phase::Revealing(revealing);
            task.history.enter(TaskStatus::ConsensusReached, now);
        });
        let mut freed = self.abort_pending(now, id, AbortCause::ConsensusReached, actions);
        self.ask_reveals(now, id, hash, actions);
        freed.sort_unstable();
        for worker in freed {
            self.feed(now, worker, actions);
        }
        Ok(())
    }

    /// Tells winners to reveal, one of them to store its result too, and the others that it is over.
    pub(super) fn ask_reveals(
        &mut self,
        now: Instant,
        id: TaskId,
        consensus: ResultHash,
        actions: &mut Vec<Action>,
    ) {
        let uploader = self.choose_uploader(now, id);
        let contributed: Vec<_> = self.tasks[&id]
            .replicas
            .iter()
            .filter(|(_, replica)| matches!(replica.state, ReplicaState::Contributed { .. }))
            .map(|(worker, replica)| (*worker, replica.backs(consensus)))
            .collect();
        for (worker, wins) in contributed {
            if wins {
                self.change_replica(id, worker, |replica| {
                    replica.history.enter(ReplicaStatus::Revealing, now);
                });
                let upload = uploader == Some(worker);
                actions.push(Action::AskReveal { task: id, worker, consensus, upload });
            } else {
                actions.push(Action::Abort { task: id, worker, cause: AbortCause::ConsensusReached });
            }
        }
    }

    pub(super) fn see_reveal(
        &mut self,
        now: Instant,
        id: TaskId,
        worker: WorkerId,
        actions: &mut Vec<Action>,
    ) -> Result<(), HandleEvent> {
        self.task(id).ok_or(HandleEvent::UnknownTask(id))?;
        self.change_replica(id, worker, |replica| {
            if let ReplicaState::Contributed { revealed, .. } = &mut replica.state
                && !*revealed
            {
                *revealed = true;
                replica.history.enter(ReplicaStatus::Revealed, now);
            }
        })
        .ok_or(HandleEvent::NoReplica { task: id, worker })?;
        self.change(id, |task| {
            if matches!(task.phase, Phase::Revealing(Revealing { close: Close::Open, .. })) {
                task.history.enter(TaskStatus::AtLeastOneRevealed, now);
            }
        });
        self.want_upload(now, id, actions);
        self.try_close(now, id, actions);
        Ok(())
    }

    pub(super) fn see_reopened(
        &mut self,
        now: Instant,
        id: TaskId,
        actions: &mut Vec<Action>,
    ) -> Result<(), HandleEvent> {
        let task = self.task(id).ok_or(HandleEvent::UnknownTask(id))?;
        let Phase::Revealing(Revealing { hash, .. }) = task.phase else { return Ok(()) };
        let backing: Vec<_> = task
            .replicas
            .iter()
            .filter(|(_, replica)| replica.backs(hash))
            .map(|(worker, _)| *worker)
            .collect();
        for worker in backing {
            self.change_replica(id, worker, |replica| {
                replica.state = ReplicaState::Rejected;
                replica.history.enter(ReplicaStatus::RevealFailed, now);
            });
            actions.push(Action::Abort { task: id, worker, cause: AbortCause::Unknown });
        }
        self.change(id, |task| {
            task.phase = Phase::Active;
            task.history.enter(TaskStatus::Reopened, now);
        });
        self.supply(now, id, actions);
        Ok(())
    }

    pub(super) fn see_finalized(
        &mut self,
        now: Instant,
        id: TaskId,
        actions: &mut Vec<Action>,
    ) -> Result<(), HandleEvent> {
        let task = self.task(id).ok_or(HandleEvent::UnknownTask(id))?;
        if task.is_ended() {
            return Ok(());
        }
        let settlement = self.terms(task).settlement;
        let workers: Vec<_> = task.replicas.keys().copied().collect();
        for worker in workers {
            self.change_replica(id, worker, |replica| {
                let ReplicaState::Contributed { revealed, .. } = replica.state else { return };
                replica.history.enter(
                    match (settlement, revealed) {
                        (Settlement::OneStep, false) => ReplicaStatus::ContributeAndFinalizeDone,
                        (Settlement::OneStep | Settlement::CommitReveal, true) => ReplicaStatus::Completed,
                        (Settlement::CommitReveal, false) => ReplicaStatus::Failed,
                    },
                    now,
                );
            });
        }
        self.change(id, |task| task.history.enter(TaskStatus::Completed, now));
        self.end(now, id, Phase::Completed, actions);
        Ok(())
    }

    pub(super) fn see_claimed(
        &mut self,
        now: Instant,
        id: TaskId,
        actions: &mut Vec<Action>,
    ) -> Result<(), HandleEvent> {
        let task = self.task(id).ok_or(HandleEvent::UnknownTask(id))?;
        if task.is_ended() {
            return Ok(());
        }
        let why = self.change(id, |task| {
            task.history.enter(TaskStatus::Failed, now);
            task.phase.stop().cloned()
        });
        self.end(now, id, Phase::Failed { why }, actions);
        Ok(())
    }
}
