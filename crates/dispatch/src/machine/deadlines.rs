//! What happens when nothing happens.

use metacloud_protocol::ids::TaskId;

use super::Dispatch;
use super::settle::Batches;
use crate::action::{AbortCause, Action};
use crate::event::{Blame, Failure};
use crate::replica::ReplicaState;
use crate::status::ReplicaStatus;
use crate::task::{Phase, Stop};
use crate::terms::WorkerId;
use crate::time::Instant;
use crate::timers::{ChainTimer, Timer};

impl Dispatch {
    pub(super) fn pass_time(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let mut batches = Batches::default();
        if let Some(time) = self.clock.now(now) {
            while let Some(timer) = self.timers.pop_chain(time) {
                match timer {
                    ChainTimer::Task(id) => self.pass_chain_deadline(now, id, &mut batches, actions),
                    ChainTimer::Deal(id) => self.expire_deal(now, id),
                }
            }
        }
        while let Some(timer) = self.timers.pop(now) {
            match timer {
                Timer::Replica(id, worker) => self.time_out_replica(now, id, worker, actions),
                Timer::Upload(id) => self.time_out_upload(now, id, actions),
                Timer::Transaction(id) => self.retry(now, id, &mut batches, actions),
                Timer::Pause(worker) => {
                    self.workers.change(worker, |record| record.paused_until = None);
                    self.feed(now, worker, actions);
                }
                Timer::Rescan => self.rescan(now, actions),
            }
        }
        batches.flush(actions);
        self.fill(now, actions);
    }

    fn pass_chain_deadline(
        &mut self,
        now: Instant,
        id: TaskId,
        batches: &mut Batches,
        actions: &mut Vec<Action>,
    ) {
        let task = &self.tasks[&id];
        let last = self.terms(task).final_deadline;
        let expired = self.clock.now(now).is_some_and(|time| time >= last);
        match &task.phase {
            Phase::Initializing { .. } | Phase::Active => {
                // Its next deadline is the final one; should that be past as well, it fires in this same round.
                self.stop(now, id, Stop::ContributionDeadline, actions);
            }
            Phase::Stopped { .. } => self.begin_claim(now, id, batches),
            Phase::Revealing(_) if expired => self.begin_claim(now, id, batches),
            Phase::Revealing(_) => {
                self.change(id, |task| {
                    if let Phase::Revealing(revealing) = &mut task.phase {
                        revealing.overdue = true;
                    }
                });
                self.try_close(now, id, actions);
            }
            Phase::Claiming { .. } | Phase::Completed | Phase::Failed { .. } => {
                unreachable!("these phases have no deadline of the chain")
            }
        }
    }

    fn time_out_replica(&mut self, now: Instant, id: TaskId, worker: WorkerId, actions: &mut Vec<Action>) {
        let limit = self.terms(&self.tasks[&id]).compute + crate::limits::REPLICA_SLACK;
        self.change_replica(id, worker, |replica| {
            replica.state = ReplicaState::Failed;
            replica.history.enter(ReplicaStatus::Failed, now);
            replica.note(vec![Failure {
                cause: "UNKNOWN".to_owned(),
                message: format!("no contribution within {} s of the assignment", limit.as_secs()),
                blame: Blame::Worker,
            }]);
        });
        actions.push(Action::Abort { task: id, worker, cause: AbortCause::Unknown });
        self.count_failure(now, worker);
        self.supply(now, id, actions);
        self.feed(now, worker, actions);
    }

    fn time_out_upload(&mut self, now: Instant, id: TaskId, actions: &mut Vec<Action>) {
        self.ask_another(now, id, actions);
    }
}
