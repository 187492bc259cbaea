//! The machine: one owner of deals, tasks and workers.
//!
//! Each file holds one family of events: [`deals`], [`facts`] of the chain, [`reports`] and membership ([`crew`]) of
//! workers, [`deadlines`], what the chain says anew after a reorganisation ([`reread`]); and what follows from them: [`supply`] of workers to tasks, [`settle`]ment.

mod change;
mod check;
mod crew;
mod deadlines;
mod deals;
mod facts;
mod reports;
mod reread;
mod settle;
mod supply;

use std::collections::{BTreeMap, VecDeque};

use alloy_primitives::{Address, B256, U256, keccak256};
use metacloud_protocol::ids::{DealId, TaskId};
use serde::{Deserialize, Serialize};

use crate::action::{Action, TaskRef};
use crate::event::{Event, HandleEvent};
use crate::ready::Ready;
use crate::task::Task;
use crate::terms::{Requirement, Terms, WorkerId};
use crate::time::{ChainClock, ChainTime, Instant};
use crate::timers::Timers;
use crate::workers::{Presence, Worker, Workers};
use deals::Deal;

/// The machine. Its serde form is a snapshot: replaying the events that followed gives the equal machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatch {
    /// Makes the draw of workers unpredictable to them.
    seed: B256,
    clock: ChainClock,
    deals: BTreeMap<DealId, Deal>,
    /// Deals with tasks to open, or to claim unopened, in the order in which they came.
    backlog: VecDeque<DealId>,
    tasks: BTreeMap<TaskId, Task>,
    /// Tasks that did not end.
    open: usize,
    /// Of these, the ones whose initialization is under way.
    opening: usize,
    /// Ended tasks, oldest first.
    ended: VecDeque<TaskId>,
    workers: Workers,
    ready: Ready,
    timers: Timers,
    /// When [`crate::timers::Timer::Rescan`] is armed.
    rescan_at: Option<Instant>,
    /// Counts tickets and draws.
    count: u64,
}

impl Dispatch {
    /// An empty machine. `seed` must be unpredictable: it decides which of the idle workers get a task.
    pub fn new(seed: B256) -> Self {
        Self {
            seed,
            clock: ChainClock::default(),
            deals: BTreeMap::new(),
            backlog: VecDeque::new(),
            tasks: BTreeMap::new(),
            open: 0,
            opening: 0,
            ended: VecDeque::new(),
            workers: Workers::default(),
            ready: Ready::default(),
            timers: Timers::default(),
            rescan_at: None,
            count: 0,
        }
    }

    /// Takes one event at `now` and appends what follows from it to `actions`.
    ///
    /// # Errors
    /// [`HandleEvent`] if the event concerns nothing that the machine knows or a bound is reached. Nothing changed
    /// then; a worker whose report is refused must be told to drop the task.
    pub fn handle(
        &mut self,
        now: Instant,
        event: Event,
        actions: &mut Vec<Action>,
    ) -> Result<(), HandleEvent> {
        match event {
            Event::HeadSeen { time } => {
                self.clock.saw_head(now, time);
                self.pass_time(now, actions);
                Ok(())
            }
            Event::DealSeen { deal, terms, first, size } => {
                self.see_deal(now, deal, terms, first, size, actions)
            }
            Event::TaskInitialized { task, deal, index } => {
                self.see_initialized(now, task, deal, index, actions)
            }
            Event::ContributionSeen { task, worker, hash, weight } => {
                self.see_contribution(now, task, worker, hash, weight, actions)
            }
            Event::ConsensusReached { task, hash, reveal_deadline } => {
                self.see_consensus(now, task, hash, reveal_deadline, actions)
            }
            Event::RevealSeen { task, worker } => self.see_reveal(now, task, worker, actions),
            Event::Reopened { task } => self.see_reopened(now, task, actions),
            Event::Finalized { task } => self.see_finalized(now, task, actions),
            Event::Claimed { task } => self.see_claimed(now, task, actions),
            Event::DealReread { deal, found } => self.reread_deal(now, deal, found, actions),
            Event::TaskReread { task, found } => self.reread_task(now, task, found, actions),
            Event::WorkerJoined { worker, profile, held } => self.join(now, worker, profile, &held, actions),
            Event::WorkerAssessed { worker, weight, deposit } => {
                self.assess(now, worker, weight, deposit, actions)
            }
            Event::WorkerAway { worker } => self.part(worker),
            Event::WorkerLost { worker } => self.lose(now, worker, actions),
            Event::Reported { task, worker, report } => self.take_report(now, task, worker, report, actions),
            Event::EnclaveVerified { task, worker, enclave } => {
                self.take_enclave(task, worker, enclave, actions)
            }
            Event::UploadChecked { task, worker, verdict } => {
                self.take_verdict(now, task, worker, verdict, actions)
            }
            Event::TransactionFailed { transaction, tasks, reason } => {
                self.fail_transaction(now, transaction, &tasks, &reason);
                Ok(())
            }
            Event::Restarted => {
                self.restart(now);
                Ok(())
            }
            Event::TimePassed => {
                self.pass_time(now, actions);
                Ok(())
            }
        }
    }

    /// When [`Event::TimePassed`] must come at the latest.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next(self.clock)
    }

    /// Workers whose lease runs or, after a restart, begins anew.
    pub fn expected_workers(&self) -> impl Iterator<Item = WorkerId> {
        self.workers.iter().filter(|(_, worker)| worker.presence != Presence::Gone).map(|(worker, _)| *worker)
    }

    /// Every deal and every task that is known: what a chain may have lost of which nothing more exact is remembered.
    pub fn everything(&self) -> (impl Iterator<Item = DealId>, impl Iterator<Item = TaskId>) {
        (self.deals.keys().copied(), self.tasks.keys().copied())
    }

    /// Whether the task is known.
    pub fn knows(&self, task: TaskId) -> bool {
        self.tasks.contains_key(&task)
    }

    /// A task's place in its deal, if the task is known.
    pub fn place_of(&self, task: TaskId) -> Option<TaskRef> {
        self.tasks.get(&task).map(|record| record.place(task))
    }

    /// The terms of a task's deal, if the task is known.
    pub fn terms_of(&self, task: TaskId) -> Option<&Terms> {
        self.tasks.get(&task).map(|record| self.terms(record))
    }

    /// Weight of the next contributions of a worker that joined.
    pub fn weight_of(&self, worker: WorkerId) -> Option<U256> {
        self.workers.get(worker).map(|record| record.profile.weight)
    }

    /// Tasks that did not end, opened or not.
    pub fn unfinished(&self) -> u64 {
        let unopened: u64 = self.deals.values().map(Deal::unopened).sum();
        unopened.saturating_add(self.open as u64)
    }

    /// The timestamp that a block made now would carry; `None` until a head was seen.
    pub fn chain_time(&self, now: Instant) -> Option<ChainTime> {
        self.clock.now(now)
    }

    pub(crate) fn workers(&self) -> impl Iterator<Item = (&WorkerId, &Worker)> {
        self.workers.iter()
    }

    pub(crate) fn waiting(&self, requirement: &Requirement) -> usize {
        self.ready.waiting(requirement)
    }

    /// A number never given before.
    fn next_count(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// An address that nobody outside can foresee, where a search among workers begins.
    fn draw(&mut self) -> Address {
        let count = self.next_count();
        let mut bytes = [0; 40];
        bytes[..32].copy_from_slice(self.seed.as_slice());
        bytes[32..].copy_from_slice(&count.to_be_bytes());
        Address::from_word(keccak256(bytes))
    }
}
