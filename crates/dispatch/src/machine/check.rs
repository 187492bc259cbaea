//! What must hold between any two events.

use std::collections::BTreeSet;

use super::Dispatch;
use super::change::Derived;
use crate::limits;
use crate::timers::{ChainTimer, Timer};
use crate::workers::Presence;

impl Dispatch {
    /// Checks every invariant in time proportional to the machine's size; for tests and simulations.
    ///
    /// # Panics
    /// If one does not hold, naming it.
    pub fn assert_invariants(&self) {
        self.assert_tasks();
        self.assert_workers();
        let open = self.tasks.values().filter(|task| !task.is_ended()).count();
        assert_eq!(open, self.open, "open tasks are counted");
        assert!(self.open <= limits::OPEN_TASKS_MAX, "the window is bounded");
        assert!(self.ended.len() <= limits::ENDED_TASKS_MAX, "history is bounded");
        assert_eq!(self.tasks.len(), self.open + self.ended.len(), "a task is open or history");
        for (id, deal) in &self.deals {
            let records = self.tasks.values().filter(|task| task.deal == *id).count();
            assert_eq!(records as u64, deal.records, "records of deal {id} are counted");
        }
    }

    fn assert_tasks(&self) {
        let mut opening = 0;
        for (id, task) in &self.tasks {
            let derived = Derived::of(task, self.terms(task));
            opening += usize::from(derived.opening);
            if derived.open {
                let waits = [derived.transaction.is_some(), derived.deadline.is_some()];
                assert!(waits.contains(&true), "task {id} has a deadline");
            }
            if let Some(at) = derived.transaction {
                assert!(self.timers.holds(at, Timer::Transaction(*id)), "transaction of {id} is watched");
            }
            if let Some(at) = derived.upload {
                assert!(self.timers.holds(at, Timer::Upload(*id)), "upload of {id} is watched");
            }
            if let Some(at) = derived.deadline {
                assert!(self.timers.holds_chain(at, ChainTimer::Task(*id)), "deadline of {id} is watched");
            }
            if let Some(ticket) = task.ticket {
                assert!(self.ready.contains(ticket, *id), "ticket of {id} is queued");
                assert_eq!(ticket.fresh, task.replicas.is_empty(), "{id} is fresh until a worker has it");
            }
            assert_eq!(
                task.ticket.is_some(),
                !task.is_ended() && self.wants_worker(*id),
                "task {id} is queued exactly while it wants a worker"
            );
            for (worker, replica) in &task.replicas {
                if let Some(until) = replica.pending_until() {
                    assert!(!task.is_ended(), "nobody works on ended task {id}");
                    assert!(self.timers.holds(until, Timer::Replica(*id, *worker)), "a replica is watched");
                    let record = self.workers.get(*worker).expect("a pending replica has its worker");
                    assert!(record.engaged.contains(id), "a worker is engaged in its replicas");
                    assert_ne!(record.presence, Presence::Gone, "a lost worker has nothing pending");
                    assert_eq!(replica.holds_slot(), record.computing.contains(id), "slots are leases");
                }
            }
        }
        assert_eq!(opening, self.opening, "tasks whose initialization is under way are counted");
    }

    fn assert_workers(&self) {
        let mut joined = 0;
        for (id, worker) in self.workers.iter() {
            joined += usize::from(worker.presence != Presence::Gone);
            assert_eq!(worker.can_take(), self.workers.is_listed_idle(*id), "idle {id} is listed");
            assert!(worker.computing.is_subset(&worker.engaged), "slots belong to engagements of {id}");
            let holding: BTreeSet<_> = worker
                .engaged
                .iter()
                .filter(|task| self.tasks[*task].replicas[id].holds_slot())
                .copied()
                .collect();
            assert_eq!(holding, worker.computing, "slots of {id} are those of its replicas");
            if let Some(until) = worker.paused_until {
                assert!(self.timers.holds(until, Timer::Pause(*id)), "the pause of {id} ends");
            }
        }
        assert_eq!(joined, self.workers.joined(), "joined workers are counted");
    }
}
