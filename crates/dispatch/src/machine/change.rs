//! The only ways to change a task or a replica: whatever is derived from them (deadlines, counters, slots, queues)
//! follows.

use metacloud_protocol::amount::Nrlc;
use metacloud_protocol::ids::TaskId;

use super::Dispatch;
use crate::action::{AbortCause, Action};
use crate::limits;
use crate::replica::{Replica, ReplicaState};
use crate::status::ReplicaStatus;
use crate::task::{Phase, Task};
use crate::terms::{Terms, WorkerId};
use crate::time::{ChainTime, Instant};
use crate::timers::{ChainTimer, Timer};

/// What follows from a task's phase.
#[derive(PartialEq, Eq)]
pub(super) struct Derived {
    pub(super) transaction: Option<Instant>,
    pub(super) upload: Option<Instant>,
    pub(super) deadline: Option<ChainTime>,
    pub(super) open: bool,
    pub(super) opening: bool,
}

impl Derived {
    pub(super) fn of(task: &Task, terms: &Terms) -> Self {
        let deadline = match &task.phase {
            Phase::Initializing { .. } | Phase::Active => Some(terms.contribution_deadline),
            Phase::Stopped { .. } => Some(terms.final_deadline),
            Phase::Revealing(revealing) if revealing.overdue => Some(terms.final_deadline),
            Phase::Revealing(revealing) => Some(revealing.reveal_deadline.min(terms.final_deadline)),
            Phase::Claiming { .. } | Phase::Completed | Phase::Failed { .. } => None,
        };
        Self {
            transaction: task.transaction().map(|(_, tx)| tx.until),
            upload: task.upload_until(),
            deadline,
            open: !task.is_ended(),
            opening: matches!(
                task.phase,
                Phase::Initializing { .. } | Phase::Claiming { initialized: false, .. }
            ),
        }
    }

    const NOTHING: Self =
        Self { transaction: None, upload: None, deadline: None, open: false, opening: false };
}

impl Dispatch {
    pub(crate) fn task(&self, id: TaskId) -> Option<&Task> {
        self.tasks.get(&id)
    }

    pub(crate) fn terms(&self, task: &Task) -> &Terms {
        &self.deals.get(&task.deal).expect("a deal is kept as long as a task of it").terms
    }

    /// Adds a task that is not known.
    pub(super) fn insert_task(&mut self, id: TaskId, task: Task) {
        let deal = self.deals.get_mut(&task.deal).expect("tasks are opened from their deal");
        deal.records += 1;
        let derived = Derived::of(&task, &deal.terms);
        let before = self.tasks.insert(id, task);
        assert!(before.is_none(), "only unknown tasks are inserted");
        self.follow(id, &Derived::NOTHING, &derived);
    }

    /// Takes a task out whose replicas were taken out before.
    pub(super) fn remove_task(&mut self, id: TaskId) {
        let task = self.tasks.remove(&id).expect("the caller knows the task");
        assert!(task.replicas.is_empty() && task.ticket.is_none(), "nobody works on a task that is removed");
        let deal = self.deals.get_mut(&task.deal).expect("a deal is kept as long as a task of it");
        deal.records -= 1;
        let derived = Derived::of(&task, &deal.terms);
        if task.is_ended() {
            self.ended.retain(|ended| *ended != id);
        }
        self.follow(id, &derived, &Derived::NOTHING);
    }

    /// Changes a task, but not its replicas.
    pub(super) fn change<T>(&mut self, id: TaskId, change: impl FnOnce(&mut Task) -> T) -> T {
        let task = self.tasks.get_mut(&id).expect("the caller knows the task");
        let terms = &self.deals.get(&task.deal).expect("a deal is kept as long as a task of it").terms;
        let before = Derived::of(task, terms);
        let result = change(task);
        let after = Derived::of(task, terms);
        self.follow(id, &before, &after);
        result
    }

    fn follow(&mut self, id: TaskId, before: &Derived, after: &Derived) {
        for (timer, before, after) in [
            (Timer::Transaction(id), before.transaction, after.transaction),
            (Timer::Upload(id), before.upload, after.upload),
        ] {
            if before != after {
                before.inspect(|at| self.timers.disarm(*at, timer));
                after.inspect(|at| self.timers.arm(*at, timer));
            }
        }
        if before.deadline != after.deadline {
            before.deadline.inspect(|at| self.timers.disarm_chain(*at, ChainTimer::Task(id)));
        }
        // Armed again even if unchanged: it may just have fired.
        after.deadline.inspect(|at| self.timers.arm_chain(*at, ChainTimer::Task(id)));
        self.open = self.open - usize::from(before.open) + usize::from(after.open);
        self.opening = self.opening - usize::from(before.opening) + usize::from(after.opening);
    }

    /// Gives a worker its replica of a task.
    pub(super) fn insert_replica(&mut self, id: TaskId, worker: WorkerId, replica: Replica) {
        let task = self.tasks.get_mut(&id).expect("the caller knows the task");
        let (until, slot) = (replica.pending_until(), replica.holds_slot());
        let before = task.replicas.insert(worker, replica);
        assert!(before.is_none(), "a worker never gets a task twice");
        self.workers.change(worker, |record| record.engaged.insert(id));
        self.follow_replica(id, worker, (None, false), (until, slot));
    }

    /// Changes a replica; `None` if the worker has none.
    pub(super) fn change_replica<T>(
        &mut self,
        id: TaskId,
        worker: WorkerId,
        change: impl FnOnce(&mut Replica) -> T,
    ) -> Option<T> {
        let replica = self.tasks.get_mut(&id)?.replicas.get_mut(&worker)?;
        let before = (replica.pending_until(), replica.holds_slot());
        let result = change(replica);
        let after = (replica.pending_until(), replica.holds_slot());
        self.follow_replica(id, worker, before, after);
        Some(result)
    }

    fn follow_replica(
        &mut self,
        id: TaskId,
        worker: WorkerId,
        before: (Option<Instant>, bool),
        after: (Option<Instant>, bool),
    ) {
        let timer = Timer::Replica(id, worker);
        if before.0 != after.0 {
            before.0.inspect(|at| self.timers.disarm(*at, timer));
            after.0.inspect(|at| self.timers.arm(*at, timer));
        }
        if (before.0.is_some(), before.1) == (after.0.is_some(), after.1) {
            return;
        }
        let stake = self.terms(&self.tasks[&id]).requirement.stake;
        self.workers.change(worker, |record| {
            if after.1 {
                record.computing.insert(id);
            } else {
                record.computing.remove(&id);
            }
            record.reserved = match (before.0.is_some(), after.0.is_some()) {
                (false, true) => {
                    record.reserved.checked_add(stake).expect("stakes are below the supply of RLC")
                }
                (true, false) => record.reserved.checked_sub(stake).unwrap_or(Nrlc::ZERO),
                (true, true) | (false, false) => record.reserved,
            };
        });
    }

    /// Ends the replicas that could still contribute, and tells their workers.
    pub(super) fn abort_pending(
        &mut self,
        now: Instant,
        id: TaskId,
        cause: AbortCause,
        actions: &mut Vec<Action>,
    ) -> Vec<WorkerId> {
        let pending = |(worker, replica): (&WorkerId, &Replica)| replica.pending_until().map(|_| *worker);
        let workers: Vec<_> = self.tasks[&id].replicas.iter().filter_map(pending).collect();
        for &worker in &workers {
            self.change_replica(id, worker, |replica| {
                replica.state = ReplicaState::Aborted;
                replica.history.enter(ReplicaStatus::Aborted, now);
            });
            actions.push(Action::Abort { task: id, worker, cause });
        }
        workers
    }

    /// Puts a task into its last phase: nobody works on it any more, and it counts as history.
    pub(super) fn end(&mut self, now: Instant, id: TaskId, phase: Phase, actions: &mut Vec<Action>) {
        let freed = self.abort_pending(now, id, AbortCause::Unknown, actions);
        self.set_ticket(id, false);
        self.change(id, |task| task.phase = phase);
        let workers: Vec<_> = self.tasks[&id].replicas.keys().copied().collect();
        for worker in workers {
            self.workers.change(worker, |record| record.engaged.remove(&id));
        }
        self.ended.push_back(id);
        self.forget_oldest();
        for worker in freed {
            self.feed(now, worker, actions);
        }
        self.fill(now, actions);
    }

    fn forget_oldest(&mut self) {
        while self.ended.len() > limits::ENDED_TASKS_MAX {
            let id = self.ended.pop_front().expect("it is longer than the limit");
            let task = self.tasks.remove(&id).expect("ended tasks are known");
            let deal = self.deals.get_mut(&task.deal).expect("a deal is kept as long as a task of it");
            deal.records -= 1;
            if deal.is_over() {
                self.deals.remove(&task.deal);
            }
        }
    }
}
