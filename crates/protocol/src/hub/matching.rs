//! Matching: from four orders to a deal (poco 9 and 21, items 3, 4 and 7).

use alloy_primitives::{Address, U256};

use super::signatures::is_member;
use super::{Context, Hub, Registries, Return, WorkerpoolPolicy};
use crate::amount::Nrlc;
use crate::deal::{Deal, Resource};
use crate::event::Event;
use crate::ids::{CategoryId, DealId, OrderHash};
use crate::order::{Order, SignedOrders};
use crate::revert::{CustomError, Revert, require_or};
use crate::rules::{Consumed, MatchRefusal};

/// A call of the hub that matches orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchingCall {
    /// `matchOrders`: the requester pays.
    MatchOrders(Box<SignedOrders>),
    /// `sponsorMatchOrders`: the caller pays.
    SponsorMatchOrders(Box<SignedOrders>),
}

/// Hashes of the four orders; that of the dataset is zero without one.
pub(super) struct Hashes {
    app: OrderHash,
    dataset: OrderHash,
    workerpool: OrderHash,
    pub(super) request: OrderHash,
}

impl Hashes {
    /// The event that tells of the deal.
    pub(super) fn matched(&self, deal: DealId, volume: U256) -> Event {
        let &Self { app, dataset, workerpool, request } = self;
        Event::OrdersMatched { deal, app, dataset, workerpool, request, volume }
    }
}

/// Owners of the three assets; that of the dataset is zero without one.
pub(super) struct Owners {
    pub(super) app: Address,
    pub(super) dataset: Address,
    pub(super) workerpool: Address,
    /// If the registry told them along with the owner.
    pub(super) policy: Option<WorkerpoolPolicy>,
}

impl Hub {
    pub(super) fn matching_call(
        &mut self,
        context: &mut Context<'_>,
        call: &MatchingCall,
    ) -> Result<Return, Revert> {
        match call {
            MatchingCall::MatchOrders(orders) => self.match_orders(context, orders, None),
            MatchingCall::SponsorMatchOrders(orders) => {
                self.match_orders(context, orders, Some(context.caller))
            }
        }
        .map(Return::Deal)
    }

    /// `computeDealVolume`: what is left of the scarcest order, without any other check.
    pub fn compute_deal_volume(&self, orders: &SignedOrders) -> U256 {
        let consumed = self.consumed_of(&self.hashes(orders));
        orders.orders().volume(consumed).unwrap_or_default()
    }

    pub(super) fn match_orders(
        &mut self,
        context: &mut Context<'_>,
        orders: &SignedOrders,
        sponsor: Option<Address>,
    ) -> Result<DealId, Revert> {
        let four = orders.orders();
        let categories = U256::from(self.categories.len());
        four.check(categories, is_member(context.world))?;
        let hashes = self.hashes(orders);
        let owners = self.check_assets(context, orders, &hashes, false)?;
        let requester = four.request.requester;
        let signed = self.verify_presignature_or_signature(
            context.world,
            requester,
            hashes.request,
            &orders.request.sign,
        )?;
        require_or(signed, MatchRefusal::RequestOrderNotSigned)?;
        let guarded = sponsor.is_none() && self.match_guard(requester);
        require_or(!guarded || context.caller == requester, CustomError::MatchGuarded(requester))?;
        let consumed = self.consumed_of(&hashes);
        let volume = four.volume(consumed)?;

        let id = DealId::derive(hashes.request, consumed.request);
        let payer = sponsor.unwrap_or(requester);
        let deal = self.record(context, orders, &owners, consumed.request, volume, payer)?;
        self.consume(&hashes, four.has_dataset(), volume)?;
        self.lock_deal(context, &deal)?;
        self.deals.insert(id, deal);
        let workerpool = four.workerpool.workerpool;
        context.events.push(Event::SchedulerNotice { workerpool, deal: id });
        context.events.push(hashes.matched(id, volume));
        if let Some(sponsor) = sponsor {
            context.events.push(Event::DealSponsored { deal: id, sponsor });
        }
        Ok(id)
    }

    /// Checks 20 to 41: every asset is registered and its order signed by its owner. Boost asks for the registration
    /// before it reads the owner, and has texts of its own. A registry that names the holder is believed.
    pub(super) fn check_assets(
        &self,
        context: &Context<'_>,
        orders: &SignedOrders,
        hashes: &Hashes,
        boost: bool,
    ) -> Result<Owners, Revert> {
        use MatchRefusal as Refusal;
        let four = orders.orders();
        let world = context.world;
        let Registries { app: apps, dataset: datasets, workerpool: pools } = self.registries;
        let check = |registry, asset, holder: Option<Address>, hash, sign: &[u8], refusals: [Refusal; 2]| {
            let [unregistered, unsigned] = refusals;
            let refuse = |refusal: Refusal| {
                if boost { Revert::Text(refusal.boost_text().into()) } else { refusal.into() }
            };
            let is_registered = || require_or(world.is_registered(registry, asset)?, refuse(unregistered));
            let ask = || {
                if boost {
                    is_registered()?;
                }
                let owner = world.owner_of(asset)?;
                if !boost {
                    is_registered()?;
                }
                Ok::<_, Revert>(owner)
            };
            let owner = holder.map_or_else(ask, Ok)?;
            let signed = self.verify_presignature_or_signature(world, owner, hash, sign)?;
            require_or(signed, refuse(unsigned))?;
            Ok::<_, Revert>(owner)
        };
        let app = check(
            apps,
            four.app.app,
            world.holder_of(apps, four.app.app),
            hashes.app,
            &orders.app.sign,
            [Refusal::AppNotRegistered, Refusal::AppOrderNotSigned],
        )?;
        let dataset = if four.has_dataset() {
            check(
                datasets,
                four.dataset.dataset,
                world.holder_of(datasets, four.dataset.dataset),
                hashes.dataset,
                &orders.dataset.sign,
                [Refusal::DatasetNotRegistered, Refusal::DatasetOrderNotSigned],
            )?
        } else {
            Address::ZERO
        };
        let terms = world.terms_of(pools, four.workerpool.workerpool);
        let workerpool = check(
            pools,
            four.workerpool.workerpool,
            terms.map(|(holder, _)| holder),
            hashes.workerpool,
            &orders.workerpool.sign,
            [Refusal::WorkerpoolNotRegistered, Refusal::WorkerpoolOrderNotSigned],
        )?;
        Ok(Owners { app, dataset, workerpool, policy: terms.map(|(_, policy)| policy) })
    }

    fn record(
        &self,
        context: &Context<'_>,
        orders: &SignedOrders,
        owners: &Owners,
        bot_first: U256,
        bot_size: U256,
        sponsor: Address,
    ) -> Result<Deal, Revert> {
        let four = orders.orders();
        let (app, dataset, pool, request) = (four.app, four.dataset, four.workerpool, four.request);
        let policy = owners.policy.map_or_else(|| context.world.policy_of(pool.workerpool), Ok)?;
        let pool_price = Nrlc(pool.workerpoolprice);
        let dataset_price = if four.has_dataset() { dataset.datasetprice } else { U256::ZERO };
        Ok(Deal {
            app: resource(app.app, owners.app, app.appprice),
            dataset: resource(dataset.dataset, owners.dataset, dataset_price),
            workerpool: resource(pool.workerpool, owners.workerpool, pool.workerpoolprice),
            trust: four.trust(),
            category: CategoryId(request.category.to()),
            tag: four.tag(),
            requester: request.requester,
            beneficiary: request.beneficiary,
            callback: request.callback,
            params: request.params.clone(),
            start_time_s: context.now_s,
            bot_first,
            bot_size,
            worker_stake: pool_price.checked_percent(policy.worker_stake_ratio).ok_or(Revert::ARITHMETIC)?,
            scheduler_reward_ratio: policy.scheduler_reward_ratio,
            sponsor,
        })
    }

    pub(super) fn consume(&mut self, hashes: &Hashes, dataset: bool, volume: U256) -> Result<(), Revert> {
        let mut used = vec![hashes.app, hashes.workerpool, hashes.request];
        if dataset {
            used.push(hashes.dataset);
        }
        for hash in used {
            let consumed = self.consumed.entry(hash).or_default();
            *consumed = consumed.checked_add(volume).ok_or(Revert::ARITHMETIC)?;
        }
        Ok(())
    }

    fn lock_deal(&mut self, context: &mut Context<'_>, deal: &Deal) -> Result<(), Revert> {
        let times = |amount: Option<Nrlc>| {
            amount.and_then(|amount| amount.checked_mul(deal.bot_size)).ok_or(Revert::ARITHMETIC)
        };
        let events = &mut context.events;
        self.ledger.lock(deal.sponsor, times(deal.task_price())?, events)?;
        self.ledger.lock(deal.workerpool.owner, times(deal.pool_stake())?, events)
    }

    pub(super) fn hashes(&self, orders: &SignedOrders) -> Hashes {
        let four = orders.orders();
        Hashes {
            app: four.app.hash(&self.domain),
            dataset: if four.has_dataset() { four.dataset.hash(&self.domain) } else { OrderHash::ZERO },
            workerpool: four.workerpool.hash(&self.domain),
            request: four.request.hash(&self.domain),
        }
    }

    pub(super) fn consumed_of(&self, hashes: &Hashes) -> Consumed {
        Consumed {
            app: self.consumed(hashes.app),
            dataset: self.consumed(hashes.dataset),
            workerpool: self.consumed(hashes.workerpool),
            request: self.consumed(hashes.request),
        }
    }
}

fn resource(pointer: Address, owner: Address, price: U256) -> Resource {
    Resource { pointer, owner, price: Nrlc(price) }
}
