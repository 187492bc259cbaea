//! Deadlines, indexed by time: on the scheduler's clock and on the chain's.

use std::collections::BTreeSet;

use metacloud_protocol::ids::{DealId, TaskId};
use serde::{Deserialize, Serialize};

use crate::terms::WorkerId;
use crate::time::{ChainClock, ChainTime, Instant};

/// What is due at a time of the scheduler's clock. The order in which equal times fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Timer {
    /// A replica that did not contribute in time.
    Replica(TaskId, WorkerId),
    /// A result that was not stored or verified in time.
    Upload(TaskId),
    /// A transaction to send again.
    Transaction(TaskId),
    /// The end of a worker's pause.
    Pause(WorkerId),
    /// Idle workers that a bounded scan left without work.
    Rescan,
}

/// What is due at a time of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum ChainTimer {
    /// The deadline of the task's phase.
    Task(TaskId),
    /// The deal's tasks that were never opened: contribution, then final deadline.
    Deal(DealId),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Timers {
    ours: BTreeSet<(Instant, Timer)>,
    chain: BTreeSet<(ChainTime, ChainTimer)>,
}

impl Timers {
    pub(crate) fn arm(&mut self, at: Instant, timer: Timer) {
        self.ours.insert((at, timer));
    }

    pub(crate) fn disarm(&mut self, at: Instant, timer: Timer) {
        self.ours.remove(&(at, timer));
    }

    pub(crate) fn arm_chain(&mut self, at: ChainTime, timer: ChainTimer) {
        self.chain.insert((at, timer));
    }

    pub(crate) fn disarm_chain(&mut self, at: ChainTime, timer: ChainTimer) {
        self.chain.remove(&(at, timer));
    }

    /// Takes the first timer that is due.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Timer> {
        let due = *self.ours.first().filter(|(at, _)| *at <= now)?;
        self.ours.remove(&due);
        Some(due.1)
    }

    /// Takes the first chain timer that is due.
    pub(crate) fn pop_chain(&mut self, now: ChainTime) -> Option<ChainTimer> {
        let due = *self.chain.first().filter(|(at, _)| *at <= now)?;
        self.chain.remove(&due);
        Some(due.1)
    }

    pub(crate) fn next(&self, clock: ChainClock) -> Option<Instant> {
        let ours = self.ours.first().map(|(at, _)| *at);
        let chain = self.chain.first().and_then(|(at, _)| clock.when(*at));
        [ours, chain].into_iter().flatten().min()
    }

    pub(crate) fn holds(&self, at: Instant, timer: Timer) -> bool {
        self.ours.contains(&(at, timer))
    }

    pub(crate) fn holds_chain(&self, at: ChainTime, timer: ChainTimer) -> bool {
        self.chain.contains(&(at, timer))
    }
}
