//! Supply: which worker gets which task.

use metacloud_protocol::ids::TaskId;

use super::Dispatch;
use crate::action::{AbortCause, Action};
use crate::limits;
use crate::ready::{Found, Ticket};
use crate::replica::{Replica, ReplicaState};
use crate::status::{ReplicaStatus, TaskStatus};
use crate::task::{Phase, Stop};
use crate::terms::WorkerId;
use crate::time::Instant;
use crate::timers::Timer;

impl Dispatch {
    /// Gives an active task the workers that the supply rule wants, as far as there are idle ones; queues it for the
    /// rest. Called whenever something changed that the rule looks at.
    pub(super) fn supply(&mut self, now: Instant, id: TaskId, actions: &mut Vec<Action>) {
        if let Some(why) = self.hopeless(id) {
            self.stop(now, id, why, actions);
            return;
        }
        while self.wants_worker(id) {
            self.set_ticket(id, true);
            let from = self.draw();
            let task = &self.tasks[&id];
            let requirement = self.terms(task).requirement;
            match self.workers.find(&requirement, from, |worker| task.replicas.contains_key(&worker)) {
                Found::One(worker) => self.assign(now, id, worker, actions),
                Found::Nothing => return,
                Found::Unfinished => {
                    self.rescan_soon(now);
                    return;
                }
            }
        }
        self.set_ticket(id, false);
    }

    /// Gives a worker tasks while it has free slots.
    pub(super) fn feed(&mut self, now: Instant, worker: WorkerId, actions: &mut Vec<Action>) {
        while let Some(record) = self.workers.get(worker).filter(|record| record.can_take()) {
            let available = record.available();
            let tasks = &self.tasks;
            match self.ready.find(&available, |task| tasks[&task].replicas.contains_key(&worker)) {
                Found::One(task) => {
                    self.assign(now, task, worker, actions);
                    let wants = self.wants_worker(task);
                    self.set_ticket(task, wants);
                }
                Found::Nothing => return,
                Found::Unfinished => {
                    self.rescan_soon(now);
                    return;
                }
            }
        }
    }

    /// Looks again for workers that a bounded scan left idle.
    pub(super) fn rescan(&mut self, now: Instant, actions: &mut Vec<Action>) {
        self.rescan_at = None;
        let from = self.draw();
        for worker in self.workers.idle_from(from, limits::RESCAN_WORKERS_MAX) {
            self.feed(now, worker, actions);
        }
    }

    /// Ends the supply of a task for good.
    pub(super) fn stop(&mut self, now: Instant, id: TaskId, why: Stop, actions: &mut Vec<Action>) {
        let (cause, status) = match &why {
            Stop::ContributionDeadline => (AbortCause::ContributionTimeout, TaskStatus::ContributionTimeout),
            Stop::Refused(_) | Stop::Inherent { .. } | Stop::TooManyFailures(_) => {
                (AbortCause::Unknown, TaskStatus::RunningFailed)
            }
        };
        self.set_ticket(id, false);
        let freed = self.abort_pending(now, id, cause, actions);
        self.change(id, |task| {
            let initialized = !matches!(task.phase, Phase::Initializing { .. });
            task.phase = Phase::Stopped { why, initialized };
            task.history.enter(status, now);
        });
        for worker in freed {
            self.feed(now, worker, actions);
        }
    }

    /// Puts an active task into its queue, or takes it out.
    pub(super) fn set_ticket(&mut self, id: TaskId, wanted: bool) {
        let task = &self.tasks[&id];
        let fresh = task.replicas.is_empty();
        match task.ticket {
            Some(ticket) if wanted && ticket.fresh == fresh => return,
            None if !wanted => return,
            Some(ticket) => self.ready.remove(ticket),
            None => {}
        }
        let before = task.ticket;
        let ticket = wanted.then(|| {
            let terms = self.terms(&self.tasks[&id]);
            let (class, deadline) = (terms.requirement, terms.contribution_deadline);
            // A task that loses and regains its place keeps its rank as long as it waits.
            let rank = before.map_or_else(|| (deadline, self.next_count()), |ticket| ticket.rank);
            Ticket { class, rank, fresh }
        });
        if let Some(ticket) = ticket {
            self.ready.insert(ticket, id);
        }
        self.tasks.get_mut(&id).expect("it was just read").ticket = ticket;
    }

    pub(super) fn wants_worker(&self, id: TaskId) -> bool {
        let task = &self.tasks[&id];
        task.wants_worker(self.terms(task).verification)
    }

    fn hopeless(&self, id: TaskId) -> Option<Stop> {
        let task = &self.tasks[&id];
        match task.phase {
            Phase::Active => task.hopeless(self.workers.joined()),
            Phase::Initializing { .. }
            | Phase::Stopped { .. }
            | Phase::Revealing(_)
            | Phase::Claiming { .. }
            | Phase::Completed
            | Phase::Failed { .. } => None,
        }
    }

    fn assign(&mut self, now: Instant, id: TaskId, worker: WorkerId, actions: &mut Vec<Action>) {
        let weight = self.workers.get(worker).expect("only workers that are here are chosen").profile.weight;
        let state = ReplicaState::Computing { until: self.replica_deadline(now, id) };
        self.insert_replica(id, worker, Replica::new(weight, state, ReplicaStatus::Created, now));
        self.push_assign(id, worker, actions);
    }

    pub(super) fn push_assign(&self, id: TaskId, worker: WorkerId, actions: &mut Vec<Action>) {
        let task = &self.tasks[&id];
        actions.push(Action::Assign {
            task: task.place(id),
            worker,
            settlement: self.terms(task).settlement,
        });
    }

    pub(super) fn replica_deadline(&self, now: Instant, id: TaskId) -> Instant {
        now.plus(self.terms(&self.tasks[&id]).compute).plus(limits::REPLICA_SLACK)
    }

    fn rescan_soon(&mut self, now: Instant) {
        if self.rescan_at.is_none() {
            let at = now.plus(limits::RESCAN_AFTER);
            self.rescan_at = Some(at);
            self.timers.arm(at, Timer::Rescan);
        }
    }
}
