//! The hub as a pure machine: the executable model of the contract (poco 3, 4, 7 to 15, 17, 19, 21).
//!
//! [`Hub::handle`] performs one transaction and returns its value and events in order, or the form of its failure, with
//! every check in the order of the contract. What other contracts would answer comes from a [`World`], which is also told
//! when they run and may call the hub again ([`World::visit`]). Not modelled: gas.

mod boost;
mod configuration;
mod escrow;
mod invariants;
mod matching;
mod orders;
mod settlement;
mod signatures;
mod tasks;
mod views;

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, Bytes, U256};

use crate::amount::Nrlc;
use crate::category::DEFAULT_CATEGORIES;
use crate::consensus::Consensus;
use crate::deal::{Contribution, Deal, Task};
use crate::event::Event;
use crate::ids::{DealId, OrderHash, TaskId};
use crate::ledger::{Events, Ledger, Token};
use crate::order::Domain;
use crate::revert::Revert;

pub use boost::{BoostCall, BoostDeal, Push};
pub use configuration::{CALLBACK_GAS_MAX, ConfigurationCall};
pub use escrow::{ApprovalData, EscrowCall, StakedRlcCall, TokenCall};
pub use invariants::Violation;
pub use matching::MatchingCall;
pub use orders::{Operation, OrderCall};
pub use tasks::TaskCall;

/// Gas that a result callback gets on a fresh hub.
const CALLBACK_GAS_DEFAULT: U256 = U256::from_limbs([200_000, 0, 0, 0]);

/// What the hub learns from other contracts. Implementations answer as static calls would.
pub trait World {
    /// Whether the account has code, be it a delegation designator.
    fn has_code(&self, account: Address) -> bool;

    /// Whether a contract account accepts a signature (ERC-1271). A revert or a malformed answer is `false`.
    fn is_valid_signature(&self, account: Address, hash: B256, signature: &[u8]) -> bool;

    /// Whether a group contract says that the account is a member (ERC-734, purpose 4). A revert or a malformed answer
    /// is `false`.
    fn is_member(&self, group: Address, account: Address) -> bool;

    /// `owner()` of an asset.
    ///
    /// # Errors
    /// `Empty` without code or with too short an answer, else what the contract reverted with.
    fn owner_of(&self, asset: Address) -> Result<Address, Revert>;

    /// `isRegistered(asset)` of a registry.
    ///
    /// # Errors
    /// As [`World::owner_of`].
    fn is_registered(&self, registry: Address, asset: Address) -> Result<bool, Revert>;

    /// The policies of a workerpool.
    ///
    /// # Errors
    /// As [`World::owner_of`].
    fn policy_of(&self, workerpool: Address) -> Result<WorkerpoolPolicy, Revert>;

    /// `receiveApproval` of a contract other than the hub and the token.
    ///
    /// # Errors
    /// What the contract reverted with.
    fn receive_approval(
        &self,
        spender: Address,
        from: Address,
        value: Nrlc,
        data: &[u8],
    ) -> Result<bool, Revert>;

    /// The holder whom a registry names for an asset (`ownerOf`). With it the registry vouches for the asset: no other
    /// question is asked. `None` without a well-formed answer: then `owner()` and `isRegistered` are.
    fn holder_of(&self, _registry: Address, _asset: Address) -> Option<Address> {
        None
    }

    /// The same of a workerpool (`termsOf`), with its policies.
    fn terms_of(&self, _registry: Address, _workerpool: Address) -> Option<(Address, WorkerpoolPolicy)> {
        None
    }

    /// What the base token answers the hub instead of moving anything; `None` if it keeps its word.
    fn token_refusal(&self) -> Option<Result<bool, Revert>> {
        None
    }

    /// Foreign code runs in the middle of a call and may call the hub, which is in the state that it has then, by
    /// [`Hub::reenter`]; events go to `events`. Returns whether it left the gas that the call needs to go on.
    fn visit(&self, _hub: &mut Hub, _now_s: u64, _moment: Moment, _events: &mut Vec<Event>) -> bool {
        true
    }
}

/// When foreign code runs in the middle of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The base token was called by the hub and has not moved yet.
    BeforeMove,
    /// The base token moved and has not returned yet.
    AfterMove,
    /// This consumer receives a result.
    Callback(Address),
    /// This spender receives an approval of SRLC.
    Approval(Address),
}

/// Policies of a workerpool, both in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerpoolPolicy {
    /// Stake of a worker, of the workerpool price.
    pub worker_stake_ratio: U256,
    /// Part of the reward that the scheduler keeps.
    pub scheduler_reward_ratio: U256,
}

/// The registries that the hub trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registries {
    /// Of applications.
    pub app: Address,
    /// Of datasets.
    pub dataset: Address,
    /// Of workerpools.
    pub workerpool: Address,
}

/// A category as the hub stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubCategory {
    /// Short name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Time reference, seconds, exactly.
    pub work_clock_time_ref_s: U256,
}

/// One transaction, by the part of the hub that it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// To the base token.
    Token(TokenCall),
    /// Deposits, withdrawals, the match guard.
    Escrow(EscrowCall),
    /// SRLC as an ERC-20.
    StakedRlc(StakedRlcCall),
    /// Management and relay of orders.
    Order(Box<OrderCall>),
    /// Matching.
    Matching(MatchingCall),
    /// The life of tasks.
    Task(TaskCall),
    /// The path without replication.
    Boost(BoostCall),
    /// Configuration and ownership.
    Configuration(ConfigurationCall),
}

/// What a successful call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// Nothing.
    Nothing,
    /// `true`.
    True,
    /// The amount that `recover` assigned.
    Amount(Nrlc),
    /// The deal that a match made.
    Deal(DealId),
    /// The task that was initialized.
    Task(TaskId),
    /// The index of the new category.
    Category(U256),
}

/// The surroundings of the call in progress.
struct Context<'a> {
    now_s: u64,
    caller: Address,
    world: &'a dyn World,
    events: Events,
}

/// The state of the hub and of its base token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hub {
    domain: Domain,
    owner: Address,
    registries: Registries,
    tee_broker: Address,
    callback_gas: U256,
    token: Token,
    ledger: Ledger,
    categories: Vec<HubCategory>,
    consumed: BTreeMap<OrderHash, U256>,
    presigned: BTreeMap<OrderHash, Address>,
    guarded: BTreeSet<Address>,
    deals: BTreeMap<DealId, Deal>,
    boost_deals: BTreeMap<DealId, BoostDeal>,
    tasks: BTreeMap<TaskId, Task>,
    consensus: BTreeMap<TaskId, Consensus>,
    contributions: BTreeMap<(TaskId, Address), Contribution>,
    scores: BTreeMap<Address, U256>,
    /// What failed tasks brought the kitty less what successful ones took: not observable, for the invariants.
    kitty: Nrlc,
    /// Whether the base token was made to move in the transaction in progress.
    tokens_moved: bool,
}

impl Hub {
    /// A hub in its deployed state (poco 20).
    pub fn deployed(domain: Domain, owner: Address, registries: Registries, token: Token) -> Self {
        let categories = DEFAULT_CATEGORIES.map(|category| HubCategory {
            name: category.name.into_owned(),
            description: category.description.into_owned(),
            work_clock_time_ref_s: U256::from(category.work_clock_time_ref_s),
        });
        Self {
            domain,
            owner,
            registries,
            tee_broker: Address::ZERO,
            callback_gas: CALLBACK_GAS_DEFAULT,
            token,
            ledger: Ledger::new(domain.hub),
            categories: categories.into(),
            consumed: BTreeMap::new(),
            presigned: BTreeMap::new(),
            guarded: BTreeSet::new(),
            deals: BTreeMap::new(),
            boost_deals: BTreeMap::new(),
            tasks: BTreeMap::new(),
            consensus: BTreeMap::new(),
            contributions: BTreeMap::new(),
            scores: BTreeMap::new(),
            kitty: Nrlc::ZERO,
            tokens_moved: false,
        }
    }

    /// Performs one transaction of `caller` in a block of time `now_s`, whole or not at all. Costs a copy of the state.
    ///
    /// # Errors
    /// The form of the first failure; nothing changed then.
    pub fn handle(
        &mut self,
        now_s: u64,
        caller: Address,
        call: &Call,
        world: &dyn World,
    ) -> Result<(Return, Vec<Event>), Revert> {
        let done = self.reenter(now_s, caller, call, world)?;
        self.tokens_moved = false;
        Ok(done)
    }

    /// Performs a call of `caller` from within a transaction in progress, whole or not at all.
    ///
    /// # Errors
    /// As [`Hub::handle`].
    pub fn reenter(
        &mut self,
        now_s: u64,
        caller: Address,
        call: &Call,
        world: &dyn World,
    ) -> Result<(Return, Vec<Event>), Revert> {
        let mut context = Context { now_s, caller, world, events: vec![] };
        let mut next = self.clone();
        let returned = next.perform(&mut context, call)?;
        *self = next;
        Ok((returned, context.events))
    }

    /// Lets foreign code run; tells whether it left enough gas.
    fn visited(&mut self, context: &mut Context<'_>, moment: Moment) -> bool {
        let world = context.world;
        world.visit(self, context.now_s, moment, &mut context.events)
    }

    fn perform(&mut self, context: &mut Context<'_>, call: &Call) -> Result<Return, Revert> {
        match call {
            Call::Token(call) => self.token_call(context, call),
            Call::Escrow(call) => self.escrow_call(context, call),
            Call::StakedRlc(call) => self.staked_rlc_call(context, call),
            Call::Order(call) => self.order_call(context, call),
            Call::Matching(call) => self.matching_call(context, call),
            Call::Task(call) => self.task_call(context, call),
            Call::Boost(call) => self.boost_call(context, call),
            Call::Configuration(call) => self.configuration_call(context, call),
        }
    }
}

/// Whether callback data satisfy the rule of poco 11.6: none without callback contract, or hashing to the digest.
fn callback_fits(deal: &Deal, callback_data: &Bytes, digest: crate::ids::ResultDigest) -> bool {
    (deal.callback.is_zero() && callback_data.is_empty())
        || crate::result::callback_digest(callback_data) == digest
}

#[cfg(test)]
mod tests;
