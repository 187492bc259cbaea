//! Deals: their tasks are opened as a window moves over them, so that a deal of a million tasks costs what one costs.

use alloy_primitives::U256;
use metacloud_protocol::ids::{DealId, TaskId};
use serde::{Deserialize, Serialize};

use super::Dispatch;
use crate::action::{Action, TaskRef};
use crate::event::HandleEvent;
use crate::limits;
use crate::status::TaskStatus;
use crate::task::{Phase, Stop, Task, Tx};
use crate::terms::Terms;
use crate::time::Instant;
use crate::timers::ChainTimer;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deal {
    pub(crate) terms: Terms,
    pub(super) first: u64,
    /// One past the last index.
    end: u64,
    /// First index that was not opened.
    next: u64,
    /// Task records kept, ended ones included.
    pub(super) records: u64,
}

impl Deal {
    pub(super) fn unopened(&self) -> u64 {
        self.end - self.next
    }

    /// Whether it is this very deal, made in the same block.
    pub(super) fn is(&self, terms: &Terms, first: u64, size: u64) -> bool {
        self.terms == *terms && self.first == first && self.end - self.first == size
    }

    /// Nothing of it is left to open or to show.
    pub(super) fn is_over(&self) -> bool {
        self.records == 0 && self.unopened() == 0
    }

    pub(super) fn covers(&self, index: u64) -> bool {
        (self.first..self.end).contains(&index)
    }

    /// Whether the task of this index waits to be opened.
    pub(super) fn is_waiting(&self, index: u64) -> bool {
        (self.next..self.end).contains(&index)
    }
}

impl Dispatch {
    pub(super) fn see_deal(
        &mut self,
        now: Instant,
        deal: DealId,
        terms: Terms,
        first: u64,
        size: u64,
        actions: &mut Vec<Action>,
    ) -> Result<(), HandleEvent> {
        if self.deals.contains_key(&deal) {
            return Ok(());
        }
        let end = first.checked_add(size).ok_or(HandleEvent::IndexRange { deal, first, size })?;
        if self.deals.len() >= limits::DEALS_MAX {
            return Err(HandleEvent::TooManyDeals(deal));
        }
        let refused = terms.refused.clone();
        // A refused deal waits for its refund alone.
        let deadline = if refused.is_some() {
            terms.final_deadline
        } else {
            self.backlog.push_back(deal);
            terms.contribution_deadline
        };
        self.timers.arm_chain(deadline, ChainTimer::Deal(deal));
        self.deals.insert(deal, Deal { terms, first, end, next: first, records: 0 });
        if let Some(why) = refused {
            self.show_refused(
                now,
                deal,
                first..end.min(first.saturating_add(limits::REFUSED_TASKS_SHOWN)),
                why,
            );
        }
        self.fill(now, actions);
        Ok(())
    }

    /// Opens the first tasks of a refused deal, stopped from the start: a task that is not known cannot be explained.
    fn show_refused(&mut self, now: Instant, id: DealId, indexes: std::ops::Range<u64>, why: String) {
        for index in indexes {
            if self.open >= limits::REFUSED_TASKS_SHOWN_WITHIN {
                return;
            }
            self.deals.get_mut(&id).expect("it was just inserted").next = index + 1;
            let phase = Phase::Stopped { why: Stop::Refused(why.clone()), initialized: false };
            let mut record = Task::new(id, index, phase, TaskStatus::Received, now);
            record.history.enter(TaskStatus::InitializeFailed, now);
            self.insert_task(TaskId::derive(id, U256::from(index)), record);
        }
    }

    /// Opens tasks while the window has room.
    pub(super) fn fill(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let mut initialize = Vec::new();
        let mut claim = Vec::new();
        while self.open < limits::OPEN_TASKS_MAX && self.opening < limits::OPENING_TASKS_MAX {
            let Some(&id) = self.backlog.front() else { break };
            let chain_now = self.clock.now(now);
            let deal = self.deals.get_mut(&id).expect("the backlog names known deals");
            let (late, expired) = (
                chain_now.is_some_and(|time| time >= deal.terms.contribution_deadline),
                chain_now.is_some_and(|time| time >= deal.terms.final_deadline),
            );
            if deal.unopened() == 0 || (late && !expired) {
                // Unopened tasks of a late deal come back at its final deadline.
                self.backlog.pop_front();
                continue;
            }
            let index = deal.next;
            deal.next += 1;
            let task = TaskId::derive(id, U256::from(index));
            if self.tasks.contains_key(&task) {
                continue;
            }
            let tx = Tx::sent(now);
            let (phase, status, batch) = if expired {
                let why = Some(match &deal.terms.refused {
                    Some(why) => Stop::Refused(why.clone()),
                    None => Stop::ContributionDeadline,
                });
                let phase = Phase::Claiming { tx, initialized: false, why };
                (phase, TaskStatus::FinalDeadlineReached, &mut claim)
            } else {
                (Phase::Initializing { tx }, TaskStatus::Initializing, &mut initialize)
            };
            let mut record = Task::new(id, index, phase, TaskStatus::Received, now);
            record.history.enter(status, now);
            batch.push(TaskRef { task, deal: id, index });
            self.insert_task(task, record);
        }
        for tasks in initialize.chunks(limits::INITIALIZE_BATCH_MAX) {
            actions.push(Action::Initialize { tasks: tasks.to_vec() });
        }
        for tasks in claim.chunks(limits::CLAIM_BATCH_MAX) {
            actions.push(Action::InitializeAndClaim { tasks: tasks.to_vec() });
        }
    }

    /// The contribution deadline of a deal passed, then its final one.
    pub(super) fn expire_deal(&mut self, now: Instant, id: DealId) {
        let Some(deal) = self.deals.get(&id).filter(|deal| deal.unopened() > 0) else { return };
        let end = deal.terms.final_deadline;
        if self.clock.now(now).is_some_and(|time| time >= end) {
            if !self.backlog.contains(&id) {
                self.backlog.push_back(id);
            }
        } else {
            self.timers.arm_chain(end, ChainTimer::Deal(id));
        }
    }
}
