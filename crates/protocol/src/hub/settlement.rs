//! Who is paid what when a task ends (poco 12.4 and 13).

use alloy_primitives::{Address, U256};

use super::{Context, Hub};
use crate::amount::Nrlc;
use crate::deal::{ContributionStatus, Deal, KITTY_ADDRESS, kitty_part};
use crate::event::Event;
use crate::ids::TaskId;
use crate::revert::Revert;

const PERCENT: U256 = U256::from_limbs([100, 0, 0, 0]);

impl Hub {
    /// Success settlement (13.1): the sponsor pays, app and dataset owners are paid, the scheduler gets its stake back
    /// and its part of the kitty.
    pub(super) fn settle_success(
        &mut self,
        context: &mut Context<'_>,
        id: TaskId,
        deal: &Deal,
    ) -> Result<(), Revert> {
        let events = &mut context.events;
        let (scheduler, app, dataset) = (deal.workerpool.owner, deal.app, deal.dataset);
        self.ledger.seize(deal.sponsor, exact(deal.task_price())?, id, events)?;
        if !app.price.is_zero() {
            self.ledger.reward(app.owner, app.price, id, events)?;
        }
        if !dataset.price.is_zero() && deal.has_dataset() {
            self.ledger.reward(dataset.owner, dataset.price, id, events)?;
        }
        self.ledger.unlock(scheduler, exact(deal.pool_stake())?, events)?;
        let kitty = self.ledger.frozen_of(KITTY_ADDRESS);
        if !kitty.is_zero() {
            let part = exact(kitty_part(kitty))?;
            self.ledger.seize(KITTY_ADDRESS, part, id, events)?;
            self.ledger.reward(scheduler, part, id, events)?;
            self.kitty = exact(self.kitty.checked_sub(part))?;
        }
        Ok(())
    }

    /// Reward distribution of `finalize` (13.2), with scores.
    pub(super) fn distribute_rewards(
        &mut self,
        context: &mut Context<'_>,
        id: TaskId,
        deal: &Deal,
    ) -> Result<(), Revert> {
        let contributors = self.task(id).contributors;
        let is_proved =
            |hub: &Self, worker: Address| hub.contribution(id, worker).status == ContributionStatus::Proved;
        let mut pot = deal.workerpool.price;
        let mut total_weight = U256::ZERO;
        for &worker in &contributors {
            if is_proved(self, worker) {
                total_weight += U256::from(self.contribution(id, worker).weight);
            } else {
                pot = exact(pot.checked_add(deal.worker_stake))?;
            }
        }
        let for_workers = workers_part(pot, deal)?;
        let mut left = pot;
        for &worker in &contributors {
            if !is_proved(self, worker) {
                self.ledger.seize(worker, deal.worker_stake, id, &mut context.events)?;
                self.lower_score(context, id, worker);
                continue;
            }
            let weight = U256::from(self.contribution(id, worker).weight);
            let share = exact(for_workers.mul_div(weight, total_weight))?;
            left = exact(left.checked_sub(share))?;
            self.ledger.unlock(worker, deal.worker_stake, &mut context.events)?;
            self.ledger.reward(worker, share, id, &mut context.events)?;
            if contributors.len() > 1 {
                self.raise_score(context, id, worker)?;
            }
        }
        self.ledger.reward(deal.workerpool.owner, left, id, &mut context.events)
    }

    /// Fast rewards of `contributeAndFinalize` (13.3).
    pub(super) fn reward_at_once(
        &mut self,
        context: &mut Context<'_>,
        id: TaskId,
        deal: &Deal,
    ) -> Result<(), Revert> {
        let price = deal.workerpool.price;
        let for_worker = workers_part(price, deal)?;
        let rest = exact(price.checked_sub(for_worker))?;
        self.ledger.reward(context.caller, for_worker, id, &mut context.events)?;
        self.ledger.reward(deal.workerpool.owner, rest, id, &mut context.events)
    }

    /// Failure settlement (13.4): the sponsor is refunded, the scheduler's stake goes to the kitty.
    pub(super) fn settle_failure(
        &mut self,
        context: &mut Context<'_>,
        id: TaskId,
        deal: &Deal,
    ) -> Result<(), Revert> {
        let events = &mut context.events;
        let stake = exact(deal.pool_stake())?;
        self.ledger.unlock(deal.sponsor, exact(deal.task_price())?, events)?;
        self.ledger.seize(deal.workerpool.owner, stake, id, events)?;
        self.ledger.feed_kitty(KITTY_ADDRESS, stake, id, events)?;
        self.kitty = exact(self.kitty.checked_add(stake))?;
        Ok(())
    }

    fn raise_score(
        &mut self,
        context: &mut Context<'_>,
        task: TaskId,
        worker: Address,
    ) -> Result<(), Revert> {
        let raised = self.score(worker).checked_add(U256::from(1));
        self.scores.insert(worker, raised.ok_or(Revert::ARITHMETIC)?);
        context.events.push(Event::AccurateContribution { worker, task });
        Ok(())
    }

    fn lower_score(&mut self, context: &mut Context<'_>, task: TaskId, worker: Address) {
        let lowered = self.score(worker) * U256::from(2) / U256::from(3);
        self.scores.insert(worker, lowered);
        context.events.push(Event::FaultyContribution { worker, task });
    }
}

/// What workers share of a pot: all but the scheduler's percentage.
fn workers_part(pot: Nrlc, deal: &Deal) -> Result<Nrlc, Revert> {
    let percent = PERCENT.checked_sub(deal.scheduler_reward_ratio);
    exact(percent.and_then(|percent| pot.checked_percent(percent)))
}

fn exact(amount: Option<Nrlc>) -> Result<Nrlc, Revert> {
    amount.ok_or(Revert::ARITHMETIC)
}
