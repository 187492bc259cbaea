//! Boost: deals that are settled by one push per task (poco 17, with 21 items 1 to 3).

use alloy_primitives::{Address, Bytes, U256};

use super::signatures::is_member;
use super::{Context, Hub, Moment, Return, WorkerpoolPolicy};
use crate::amount::Nrlc;
use crate::category::CONTRIBUTION_DEADLINE_RATIO;
use crate::deal::{KITTY_ADDRESS, Task, TaskStatus, WORKERPOOL_STAKE_RATIO, kitty_part};
use crate::event::Event;
use crate::ids::{DealId, TaskId, authorization_hash, boost_enclave_hash, eip191};
use crate::order::SignedOrders;
use crate::revert::{CustomError, Revert, require_or};
use crate::rules::MatchRefusal;
use crate::tag::Tag;

/// A call of the hub about Boost deals.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "members carry the names of the ABI")]
pub enum BoostCall {
    /// `matchOrdersBoost`: the requester pays.
    Match(Box<SignedOrders>),
    /// `sponsorMatchOrdersBoost`: the caller pays.
    SponsorMatch(Box<SignedOrders>),
    /// `pushResultBoost`.
    Push(Box<Push>),
    /// `claimBoost`.
    Claim { deal: DealId, index: U256 },
}

/// The arguments of `pushResultBoost`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "members carry the names of the ABI")]
pub struct Push {
    pub deal: DealId,
    pub index: U256,
    pub results: Bytes,
    pub results_callback: Bytes,
    pub authorization_sign: Bytes,
    pub enclave_challenge: Address,
    pub enclave_sign: Bytes,
}

/// A Boost deal as `viewDealBoost` gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoostDeal {
    /// Who is paid for the application.
    pub app_owner: Address,
    /// Price of the application per task, below 2^96 like all amounts here.
    pub app_price: Nrlc,
    /// Who is paid for the dataset; zero without one.
    pub dataset_owner: Address,
    /// Price of the dataset per task; zero without one.
    pub dataset_price: Nrlc,
    /// The scheduler.
    pub workerpool_owner: Address,
    /// Price of the computation per task.
    pub workerpool_price: Nrlc,
    /// Who asked.
    pub requester: Address,
    /// The worker's part of the workerpool price.
    pub worker_reward: Nrlc,
    /// Who receives results; zero for nobody.
    pub callback: Address,
    /// When pushes end and claims begin, seconds.
    pub deadline_s: u64,
    /// Units of the request order consumed before.
    pub bot_first: u16,
    /// Tasks of the deal; zero for a deal that does not exist.
    pub bot_size: u16,
    /// The three low bytes of the tag.
    pub short_tag: [u8; 3],
    /// Who pays.
    pub sponsor: Address,
}

impl BoostDeal {
    /// What the sponsor pays for one task.
    pub fn task_price(&self) -> Option<Nrlc> {
        Nrlc::checked_sum([self.app_price, self.dataset_price, self.workerpool_price])
    }

    /// What the scheduler stakes on one task.
    pub fn pool_stake(&self) -> Option<Nrlc> {
        self.workerpool_price.checked_percent(WORKERPOOL_STAKE_RATIO)
    }

    fn demands_enclave(&self) -> bool {
        self.short_tag[2] & 1 == 1
    }
}

impl Hub {
    pub(super) fn boost_call(
        &mut self,
        context: &mut Context<'_>,
        call: &BoostCall,
    ) -> Result<Return, Revert> {
        match call {
            BoostCall::Match(orders) => self.match_boost(context, orders, None).map(Return::Deal),
            BoostCall::SponsorMatch(orders) => {
                let sponsor = context.caller;
                let deal = self.match_boost(context, orders, Some(sponsor))?;
                context.events.push(Event::DealSponsoredBoost { deal, sponsor });
                Ok(Return::Deal(deal))
            }
            BoostCall::Push(push) => self.push(context, push).map(|()| Return::Nothing),
            BoostCall::Claim { deal, index } => {
                self.claim_boost(context, *deal, *index).map(|()| Return::Nothing)
            }
        }
    }

    fn match_boost(
        &mut self,
        context: &mut Context<'_>,
        orders: &SignedOrders,
        sponsor: Option<Address>,
    ) -> Result<DealId, Revert> {
        let refuse = |refusal: MatchRefusal| Revert::Text(refusal.boost_text().into());
        let four = orders.orders();
        let requester = four.request.requester;
        let categories = U256::from(self.categories.len());
        four.check_boost(categories, is_member(context.world)).map_err(refuse)?;
        let hashes = self.hashes(orders);
        let owners = self.check_assets(context, orders, &hashes, true)?;
        let (world, sign) = (context.world, &orders.request.sign);
        let signed = self.verify_presignature_or_signature(world, requester, hashes.request, sign)?;
        require_or(signed, refuse(MatchRefusal::RequestOrderNotSigned))?;
        let guarded = sponsor.is_none() && self.match_guard(requester);
        require_or(!guarded || context.caller == requester, CustomError::MatchGuarded(requester))?;
        let first = self.consumed_of(&hashes).request;
        let volume = four.volume(self.consumed_of(&hashes)).map_err(refuse)?;

        let id = DealId::derive(hashes.request, first);
        let payer = sponsor.unwrap_or(requester);
        let mut deal = self.pack(context, orders, owners.policy, first, volume, payer)?;
        deal.app_owner = owners.app;
        deal.dataset_owner = owners.dataset;
        deal.workerpool_owner = owners.workerpool;
        self.consume(&hashes, four.has_dataset(), volume)?;
        let times = |amount: Option<Nrlc>| amount.and_then(|amount| amount.checked_mul(volume));
        let (price, stake) = (exact(times(deal.task_price()))?, exact(times(deal.pool_stake()))?);
        self.ledger.lock(payer, price, &mut context.events)?;
        self.ledger.lock(deal.workerpool_owner, stake, &mut context.events)?;
        self.boost_deals.insert(id, deal);
        context.events.push(Event::SchedulerNoticeBoost {
            workerpool: four.workerpool.workerpool,
            deal: id,
            app: four.app.app,
            dataset: four.dataset.dataset,
            category: four.request.category,
            tag: four.boost_tag(),
            params: four.request.params.clone(),
            beneficiary: four.request.beneficiary,
        });
        context.events.push(hashes.matched(id, volume));
        Ok(id)
    }

    /// The terms in their packed form, owners left open. The order of the casts is that of the hub.
    fn pack(
        &self,
        context: &Context<'_>,
        orders: &SignedOrders,
        policy: Option<WorkerpoolPolicy>,
        first: U256,
        volume: U256,
        sponsor: Address,
    ) -> Result<BoostDeal, Revert> {
        let four = orders.orders();
        let policy = policy.map_or_else(|| context.world.policy_of(four.workerpool.workerpool), Ok)?;
        let ratio = policy.scheduler_reward_ratio;
        let app_price = fitting(four.app.appprice, 96)?;
        let workerpool_price = fitting(four.workerpool.workerpoolprice, 96)?;
        let for_worker = U256::from(100).checked_sub(ratio).ok_or(Revert::ARITHMETIC)?;
        let worker_reward = exact(Nrlc(workerpool_price).checked_percent(for_worker))?;
        let worker_reward = Nrlc(fitting(worker_reward.0, 96)?);
        let bot_first = fitting(first, 16)?.to();
        let category = usize::try_from(four.request.category).expect("checked against the list in memory");
        let lasting = self.categories[category]
            .work_clock_time_ref_s
            .checked_mul(U256::from(CONTRIBUTION_DEADLINE_RATIO))
            .and_then(|lasting| lasting.checked_add(U256::from(context.now_s)));
        let deadline_s = fitting(lasting.ok_or(Revert::ARITHMETIC)?, 40)?.to();
        let bot_size = fitting(volume, 16)?.to();
        let has_dataset = four.has_dataset();
        let dataset_price = if has_dataset { fitting(four.dataset.datasetprice, 96)? } else { U256::ZERO };
        let Tag(tag) = four.boost_tag();
        Ok(BoostDeal {
            app_price: Nrlc(app_price),
            dataset_price: Nrlc(dataset_price),
            workerpool_price: Nrlc(workerpool_price),
            requester: four.request.requester,
            worker_reward,
            callback: four.request.callback,
            deadline_s,
            bot_first,
            bot_size,
            short_tag: [tag[29], tag[30], tag[31]],
            sponsor,
            ..BoostDeal::default()
        })
    }

    fn push(&mut self, context: &mut Context<'_>, push: &Push) -> Result<(), Revert> {
        let deal = self.boost_deal(push.deal);
        let task = self.open_boost_task(&deal, push.deal, push.index)?;
        require_or(context.now_s < deal.deadline_s, Revert::text("PocoBoost: Deadline reached"))?;
        self.check_work(context, &deal, task, push)?;
        self.settle_boost(context, &deal, task)?;
        let Push { deal: id, index, results, .. } = push.clone();
        context.events.push(Event::ResultPushedBoost { deal: id, index, results });
        let has_data = deal.callback.is_zero() || !push.results_callback.is_empty();
        require_or(has_data, Revert::text("PocoBoost: Callback requires data"))?;
        let enough = deal.callback.is_zero() || self.visited(context, Moment::Callback(deal.callback));
        require_or(enough, Revert::text("PocoBoost: Not enough gas after callback"))
    }

    fn claim_boost(&mut self, context: &mut Context<'_>, id: DealId, index: U256) -> Result<(), Revert> {
        let deal = self.boost_deal(id);
        let task = self.open_boost_task(&deal, id, index)?;
        require_or(context.now_s >= deal.deadline_s, Revert::text("PocoBoost: Deadline not reached"))?;
        self.tasks.insert(task, Task { status: TaskStatus::Failed, ..Task::default() });
        let (price, stake) = (exact(deal.task_price())?, exact(deal.pool_stake())?);
        let events = &mut context.events;
        self.ledger.unlock(deal.sponsor, price, events)?;
        self.ledger.seize(deal.workerpool_owner, stake, task, events)?;
        self.ledger.feed_kitty(KITTY_ADDRESS, stake, task, events)?;
        self.kitty = exact(self.kitty.checked_add(stake))?;
        events.push(Event::TaskClaimed { task });
        Ok(())
    }

    /// A task that exists and is not settled. Indexes count from 0 in every deal.
    fn open_boost_task(&self, deal: &BoostDeal, id: DealId, index: U256) -> Result<TaskId, Revert> {
        let exists = index < U256::from(deal.bot_size);
        require_or(exists, Revert::text("PocoBoost: Unknown task"))?;
        let task = TaskId::derive(id, index);
        let open = self.task(task).status == TaskStatus::Unset;
        require_or(open, Revert::text("PocoBoost: Task status not unset"))?;
        Ok(task)
    }

    fn check_work(
        &self,
        context: &Context<'_>,
        deal: &BoostDeal,
        task: TaskId,
        push: &Push,
    ) -> Result<(), Revert> {
        let (world, challenge) = (context.world, push.enclave_challenge);
        let enclave = !challenge.is_zero();
        let no_challenge = Revert::text("PocoBoost: Tag requires enclave challenge");
        require_or(enclave || !deal.demands_enclave(), no_challenge)?;
        let signer =
            if enclave && !self.tee_broker.is_zero() { self.tee_broker } else { deal.workerpool_owner };
        let authorization = eip191(authorization_hash(context.caller, task, challenge));
        let authorized = self.verify_signature(world, signer, authorization, &push.authorization_sign)?;
        let not_authorized = Revert::text("PocoBoost: Invalid contribution authorization signature");
        require_or(authorized, not_authorized)?;
        if enclave {
            let result = if deal.callback.is_zero() { &push.results } else { &push.results_callback };
            let proof = eip191(boost_enclave_hash(context.caller, task, result));
            let proved = self.verify_signature(world, challenge, proof, &push.enclave_sign)?;
            require_or(proved, Revert::text("PocoBoost: Invalid enclave signature"))?;
        }
        Ok(())
    }

    fn settle_boost(
        &mut self,
        context: &mut Context<'_>,
        deal: &BoostDeal,
        task: TaskId,
    ) -> Result<(), Revert> {
        self.tasks.insert(task, Task { status: TaskStatus::Completed, ..Task::default() });
        let events = &mut context.events;
        self.ledger.seize(deal.sponsor, exact(deal.task_price())?, task, events)?;
        self.ledger.reward(context.caller, deal.worker_reward, task, events)?;
        for (owner, price) in [(deal.app_owner, deal.app_price), (deal.dataset_owner, deal.dataset_price)] {
            if !price.is_zero() {
                self.ledger.reward(owner, price, task, events)?;
            }
        }
        self.ledger.unlock(deal.workerpool_owner, exact(deal.pool_stake())?, events)?;
        let mut rest = exact(deal.workerpool_price.checked_sub(deal.worker_reward))?;
        let kitty = self.ledger.frozen_of(KITTY_ADDRESS);
        if !kitty.is_zero() {
            let part = exact(kitty_part(kitty))?;
            self.ledger.seize(KITTY_ADDRESS, part, task, events)?;
            self.kitty = exact(self.kitty.checked_sub(part))?;
            rest = exact(rest.checked_add(part))?;
        }
        self.ledger.reward(deal.workerpool_owner, rest, task, events)
    }
}

/// A value that must fit this many bits.
fn fitting(value: U256, bits: u8) -> Result<U256, Revert> {
    require_or(
        value.bit_len() <= usize::from(bits),
        CustomError::SafeCastOverflowedUintDowncast { bits, value },
    )?;
    Ok(value)
}

fn exact(amount: Option<Nrlc>) -> Result<Nrlc, Revert> {
    amount.ok_or(Revert::ARITHMETIC)
}
