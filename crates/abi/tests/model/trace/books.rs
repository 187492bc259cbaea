//! What must hold after every operation by what the contracts say alone, the model aside: their events and views.
//!
//! 1. Nobody gains beyond its due: purses change by events only; rewards go to those who have a part in the task, up to
//!    what that part is worth; tokens of others move with their allowance only.
//! 2. The hub's own balance is the sum of what is frozen.
//! 3. The supply is the sum of balances and the tokens that the hub holds, strays aside.
//! 4. A finished task never changes.
//! 5. No order is consumed beyond its volume.
//! 6. What a task pays out is what was locked for it.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, Log, U256};
use alloy_sol_types::{SolCall, SolEventInterface};
use metacloud_abi::{Hub, Rlc};
use metacloud_protocol::hub::{Call, EscrowCall, TokenCall};
use metacloud_protocol::{DealId, KITTY_ADDRESS, Order, TaskId};
use proptest::test_runner::TestCaseError;

use super::{Agreed, Trace, name};
use crate::cast::Who;
use crate::reader;
use crate::strangers::Stranger;

/// Indexes of a Boost deal that traces use.
const BOOST_INDEXES: u64 = 4;

/// What an account has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Purse {
    pub(super) free: U256,
    pub(super) frozen: U256,
    pub(super) tokens: U256,
}

/// What events told so far.
#[derive(Default)]
pub(super) struct Books {
    purses: BTreeMap<Address, Purse>,
    /// Tokens of the hub that nobody deposited.
    strays: U256,
    /// Locked for each task of a deal by the match.
    per_task: BTreeMap<DealId, U256>,
    /// Locked for a task by its contributors.
    by_workers: BTreeMap<TaskId, U256>,
    /// Volume of each order that deals took.
    taken: BTreeMap<B256, U256>,
    /// Finished tasks with their contributors, and the hash of what the hub says of them.
    finished: BTreeMap<TaskId, (Vec<Address>, Option<B256>)>,
}

/// The part of a transaction's events that belongs to the deal, contribution or settlement in progress.
#[derive(Default)]
struct Page {
    locked: U256,
    released: U256,
    seized: U256,
    from_kitty: U256,
    /// To whom, how much, for which task.
    rewards: Vec<(Address, U256, B256)>,
}

fn must(condition: bool, story: &dyn Fn() -> String, what: impl Fn() -> String) -> Agreed {
    if condition {
        return Ok(());
    }
    Err(TestCaseError::fail(format!("{}\n  invariant broken on the chain: {}", story(), what())))
}

impl Books {
    /// Purses of everybody that events named.
    pub(super) fn purses(&self) -> Vec<(Address, Purse)> {
        self.purses.iter().map(|(&account, &purse)| (account, purse)).collect()
    }
}

impl Trace {
    /// Looks at everybody's purse before the first operation.
    pub(super) fn open_books(&mut self) {
        if !self.books.purses.is_empty() {
            return;
        }
        let mut accounts: BTreeSet<_> = Who::all().into_iter().map(Who::address).collect();
        accounts.extend([KITTY_ADDRESS, self.stage.addresses.hub, self.stage.addresses.rlc]);
        self.books.purses = self.read_purses(&accounts);
        self.books.purses.entry(Address::ZERO).or_default();
    }

    pub(super) fn check_books(
        &mut self,
        story: &dyn Fn() -> String,
        caller: Address,
        call: &Call,
        logs: &[Log],
    ) -> Agreed {
        let (hub, rlc) = (self.stage.addresses.hub, self.stage.addresses.rlc);
        let mut page = Page::default();
        for (index, log) in logs.iter().enumerate() {
            if log.address == rlc {
                self.note_token(log);
            } else if log.address == hub {
                let event = Hub::HubEvents::decode_raw_log(log.topics(), &log.data.data);
                let event = event.map_err(|error| TestCaseError::fail(format!("{}: {error}", story())))?;
                self.check_mover(story, caller, call, &event, logs.get(index + 1))?;
                self.note(story, &mut page, event)?;
            }
        }
        let rest = page.locked + page.released + page.seized;
        must(rest.is_zero() && page.rewards.is_empty(), story, || {
            "value was locked, seized or paid for no deal and no task".into()
        })?;
        self.check_purses(story, call)?;
        self.check_finished(story)
    }

    fn note_token(&mut self, log: &Log) {
        if let Ok(Rlc::RLCEvents::Transfer(event)) =
            Rlc::RLCEvents::decode_raw_log(log.topics(), &log.data.data)
        {
            let from = self.purse(event.from);
            from.tokens = from.tokens.wrapping_sub(event.value);
            let to = self.purse(event.to);
            to.tokens = to.tokens.wrapping_add(event.value);
        }
    }

    /// The purse of an account; of one that was not looked at yet, that of the set-up.
    fn purse(&mut self, account: Address) -> &mut Purse {
        self.books.purses.entry(account).or_insert_with(|| {
            let is_crowd = matches!(Who::of(account), Some(Who::Crowd(_)));
            let free = if is_crowd { U256::from(crate::stage::CROWD_FUNDS) } else { U256::ZERO };
            Purse { free, ..Purse::default() }
        })
    }

    fn note(&mut self, story: &dyn Fn() -> String, page: &mut Page, event: Hub::HubEvents) -> Agreed {
        use Hub::HubEvents as E;
        match event {
            E::Transfer(it) => {
                let from = self.purse(it.from);
                from.free = from.free.wrapping_sub(it.value);
                let to = self.purse(it.to);
                to.free = to.free.wrapping_add(it.value);
            }
            E::Lock(it) => {
                let purse = self.purse(it.owner);
                purse.frozen = purse.frozen.wrapping_add(it.amount);
                if it.owner != KITTY_ADDRESS {
                    page.locked += it.amount;
                }
            }
            E::Unlock(it) => {
                let purse = self.purse(it.owner);
                purse.frozen = purse.frozen.wrapping_sub(it.amount);
                page.released += it.amount;
            }
            E::Seize(it) => {
                let purse = self.purse(it.owner);
                purse.frozen = purse.frozen.wrapping_sub(it.amount);
                page.seized += it.amount;
                if it.owner == KITTY_ADDRESS {
                    page.from_kitty += it.amount;
                } else {
                    page.released += it.amount;
                }
            }
            E::Reward(it) => page.rewards.push((it.owner, it.amount, it.r#ref)),
            E::OrdersMatched(it) => self.note_deal(story, page, &it)?,
            E::TaskContribute(it) => {
                let locked = std::mem::take(&mut page.locked);
                *self.books.by_workers.entry(TaskId(it.taskid)).or_default() += locked;
            }
            E::TaskFinalize(it) => self.settle(story, page, TaskId(it.taskid))?,
            E::TaskClaimed(it) => self.settle(story, page, TaskId(it.taskid))?,
            E::ResultPushedBoost(it) => {
                let task = TaskId::derive(DealId(it.dealId), it.index);
                self.settle(story, page, task)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Invariant 1: SRLC moves between people by the owner's hand, or an allowance is lowered with it.
    fn check_mover(
        &self,
        story: &dyn Fn() -> String,
        caller: Address,
        call: &Call,
        event: &Hub::HubEvents,
        next: Option<&Log>,
    ) -> Agreed {
        let Hub::HubEvents::Transfer(it) = event else { return Ok(()) };
        let hub = self.stage.addresses.hub;
        let by_hub = [it.from, it.to].iter().any(|who| who.is_zero() || *who == hub);
        let by_hand = it.from == caller || it.from == Stranger::Puppet.address();
        let next = next.and_then(|log| Hub::HubEvents::decode_raw_log(log.topics(), &log.data.data).ok());
        let allowed = matches!(next, Some(Hub::HubEvents::Approval(next)) if next.owner == it.from);
        must(by_hub || by_hand || allowed, story, || {
            format!("{call:?} moves SRLC of {} without its doing", name(it.from))
        })
    }

    /// Invariants 5, and what invariant 6 begins with: prices and the scheduler's stake, per task.
    fn note_deal(&mut self, story: &dyn Fn() -> String, page: &mut Page, it: &Hub::OrdersMatched) -> Agreed {
        let deal = DealId(it.dealid);
        let (price, pool_price) = self.prices(deal);
        let per_task = price + pool_price * U256::from(30) / U256::from(100);
        let locked = std::mem::take(&mut page.locked);
        must(locked == per_task * it.volume, story, || {
            format!("{locked} was locked for {} tasks of {per_task} each", it.volume)
        })?;
        self.books.per_task.insert(deal, per_task);
        for hash in [it.appHash, it.datasetHash, it.workerpoolHash, it.requestHash] {
            if hash.is_zero() {
                continue;
            }
            let taken = self.books.taken.entry(hash).or_default();
            *taken += it.volume;
            let (taken, volume) = (*taken, self.volume_of(hash));
            let consumed = self.ask_hub(&Hub::viewConsumedCall { orderHash: hash });
            must(taken <= volume && consumed <= volume, story, || {
                format!("order {hash} of {volume} tasks was taken for {taken}, and says {consumed}")
            })?;
        }
        Ok(())
    }

    /// The volume of an order of this trace.
    fn volume_of(&self, hash: B256) -> U256 {
        let domain = self.stage.hub.domain();
        let volumes = self.orders.iter().flat_map(|orders| {
            [
                (orders.app.order.hash(domain), orders.app.order.volume),
                (orders.dataset.order.hash(domain), orders.dataset.order.volume),
                (orders.workerpool.order.hash(domain), orders.workerpool.order.volume),
                (orders.request.order.hash(domain), orders.request.order.volume),
            ]
        });
        volumes.into_iter().find(|(one, _)| one.0 == hash).map(|(_, volume)| volume).unwrap_or_default()
    }

    /// Prices of all resources together and of the workerpool, per task, in a deal of either kind.
    fn prices(&mut self, deal: DealId) -> (U256, U256) {
        let classic = self.ask_hub(&Hub::viewDealCall { dealId: deal.0 });
        let boost = self.ask_hub(&Hub::viewDealBoostCall { dealId: deal.0 });
        let sum = classic.app.price + classic.dataset.price + classic.workerpool.price;
        let boost_pool = U256::from(boost.workerpoolPrice);
        let boost_sum = U256::from(boost.appPrice) + U256::from(boost.datasetPrice) + boost_pool;
        (sum + boost_sum, classic.workerpool.price + boost_pool)
    }

    /// Invariants 6 and 1, as a task ends.
    fn settle(&mut self, story: &dyn Fn() -> String, page: &mut Page, task: TaskId) -> Agreed {
        let view = self.ask_hub(&Hub::viewTaskCall { taskId: task.0 });
        let is_of = |deal: &&DealId| {
            (0..BOOST_INDEXES).any(|index| TaskId::derive(**deal, U256::from(index)) == task)
        };
        let deal = if view.dealid.is_zero() {
            self.books.per_task.keys().find(is_of).copied().unwrap_or_default()
        } else {
            DealId(view.dealid)
        };
        let per_task = self.books.per_task.get(&deal).copied().unwrap_or_default();
        let by_workers = self.books.by_workers.remove(&task).unwrap_or_default();
        let Page { released, seized, from_kitty, rewards, .. } = std::mem::take(page);
        must(released == per_task + by_workers, story, || {
            format!("{released} was released of {per_task} and {by_workers} locked for {task}")
        })?;
        let paid = rewards.iter().fold(U256::ZERO, |sum, (_, amount, _)| sum + amount);
        let for_it = rewards.iter().all(|(.., of)| *of == task.0);
        must(paid == seized && for_it, story, || format!("{seized} was seized for {task} and {paid} paid"))?;
        let pot = self.prices(deal).1 + by_workers + from_kitty;
        let mut paid = BTreeMap::<_, U256>::new();
        for (account, amount, _) in rewards {
            *paid.entry(account).or_default() += amount;
        }
        for (account, paid) in paid {
            let due = self.due(deal, &view.contributors, account, pot);
            must(paid <= due, story, || format!("{} got {paid} of at most {due}", name(account)))?;
        }
        let known = self.books.finished.insert(task, (view.contributors, None));
        must(known.is_none(), story, || format!("{task} ends twice"))
    }

    /// The most that an account can be paid for its parts in a task whose workers and scheduler share `pot`.
    fn due(&mut self, deal: DealId, workers: &[Address], account: Address, pot: U256) -> U256 {
        let classic = self.ask_hub(&Hub::viewDealCall { dealId: deal.0 });
        let boost = self.ask_hub(&Hub::viewDealBoostCall { dealId: deal.0 });
        let mut due = U256::ZERO;
        for (owner, price) in [
            (classic.app.owner, classic.app.price),
            (classic.dataset.owner, classic.dataset.price),
            (boost.appOwner, U256::from(boost.appPrice)),
            (boost.datasetOwner, U256::from(boost.datasetPrice)),
        ] {
            if owner == account {
                due += price;
            }
        }
        let is_boost = !boost.workerpoolOwner.is_zero();
        let schedules = [classic.workerpool.owner, boost.workerpoolOwner].contains(&account);
        if schedules || workers.contains(&account) || account == KITTY_ADDRESS {
            due += pot;
        } else if is_boost {
            due += U256::from(boost.workerReward);
        }
        due
    }

    /// Invariants 1 to 3.
    fn check_purses(&mut self, story: &dyn Fn() -> String, call: &Call) -> Agreed {
        let hub = self.stage.addresses.hub;
        self.books.purses.insert(Address::ZERO, Purse::default());
        let accounts: BTreeSet<_> = self.books.purses.keys().copied().collect();
        let now = self.read_purses(&accounts);
        for (&account, told) in &self.books.purses {
            let is = now[&account];
            must(*told == is, story, || format!("{} has {is:?}, events say {told:?}", name(account)))?;
        }
        let sum = |of: fn(&Purse) -> U256| now.values().fold(U256::ZERO, |sum, purse| sum + of(purse));
        let own = now[&hub];
        let frozen = sum(|purse| purse.frozen);
        must(own.free == frozen && own.frozen.is_zero(), story, || {
            format!("the hub has {own:?} where {frozen} is frozen")
        })?;
        let crowd = Who::crowd().filter(|who| !now.contains_key(&who.address())).count();
        let crowd = U256::from(crowd) * U256::from(crate::stage::CROWD_FUNDS);
        let supply = self.ask_hub(&Hub::totalSupplyCall {});
        let free = sum(|purse| purse.free) + crowd;
        must(supply == free, story, || format!("the supply is {supply}, balances are {free}"))?;
        let strays = own.tokens.checked_sub(supply);
        let may_change = self.may_stray(call);
        must(strays == Some(self.books.strays) || (may_change && strays.is_some()), story, || {
            format!("the hub holds {} for {supply}, strays were {}", own.tokens, self.books.strays)
        })?;
        self.books.strays = strays.unwrap_or_default();
        Ok(())
    }

    /// Whether a call, or one made in the middle of it, sends the hub tokens by mistake or finds such ones.
    fn may_stray(&self, call: &Call) -> bool {
        let hub = self.stage.addresses.hub;
        let strays = |call: &Call| match call {
            Call::Token(TokenCall::Transfer { to, .. }) => *to == hub,
            Call::Escrow(EscrowCall::Recover) => true,
            // A withdrawal to the hub itself.
            Call::Escrow(EscrowCall::WithdrawTo { target, .. }) => *target == hub,
            _ => false,
        };
        let puppet = self.stage.others.puppet.borrow();
        strays(call) || puppet.scripts.iter().flat_map(|script| &script.calls).any(|(.., call)| strays(call))
    }

    /// Invariant 4.
    fn check_finished(&mut self, story: &dyn Fn() -> String) -> Agreed {
        if self.books.finished.is_empty() {
            return Ok(());
        }
        let hub = self.stage.addresses.hub;
        let mut entries = Vec::new();
        for (task, (workers, _)) in &self.books.finished {
            entries.push(reader::entry(hub, &Hub::viewTaskCall { taskId: task.0 }.abi_encode()));
            for &worker in workers {
                let call = Hub::viewContributionCall { taskId: task.0, worker };
                entries.push(reader::entry(hub, &call.abi_encode()));
            }
        }
        let answer = self.read(reader::HASHES, &entries);
        let mut hashes = reader::answers(&answer).map(|[hash, _]| hash);
        for (task, (workers, known)) in &mut self.books.finished {
            let hash = hashes.by_ref().take(1 + workers.len()).map(|hash| hash.to_be_bytes::<32>());
            let hash = alloy_primitives::keccak256(hash.collect::<Vec<_>>().concat());
            must(known.is_none_or(|known| known == hash), story, || format!("{task} changed after its end"))?;
            *known = Some(hash);
        }
        Ok(())
    }

    fn read(&mut self, reader: Address, entries: &[[u8; 128]]) -> alloy_primitives::Bytes {
        let data = entries.concat().into();
        self.stage.evm.call(Who::Pauper.address(), reader, data).expect("views answer")
    }

    fn read_purses(&mut self, accounts: &BTreeSet<Address>) -> BTreeMap<Address, Purse> {
        let (hub, rlc) = (self.stage.addresses.hub, self.stage.addresses.rlc);
        let mut entries = Vec::new();
        for &account in accounts {
            entries.push(reader::entry(hub, &Hub::viewAccountCall { account }.abi_encode()));
            entries.push(reader::entry(rlc, &Rlc::balanceOfCall { account }.abi_encode()));
        }
        let answer = self.read(reader::WORDS, &entries);
        let answers: Vec<_> = reader::answers(&answer).collect();
        let purses = answers.chunks_exact(2).map(|pair| Purse {
            free: pair[0][0],
            frozen: pair[0][1],
            tokens: pair[1][0],
        });
        accounts.iter().copied().zip(purses).collect()
    }
}
