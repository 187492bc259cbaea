//! The escrow ledger of the hub (poco 3): free and locked SRLC, the four internal moves, and the ERC-20 functions.
//!
//! `balance[hub]` holds the sum of all locked value. Every function checks in the order of the contract and changes
//! nothing before its last check has passed, except where a later failure reverts the whole call anyway.

mod erc20;
mod token;

use std::collections::BTreeMap;

use alloy_primitives::Address;

use crate::amount::Nrlc;
use crate::deal::Account;
use crate::event::Event;
use crate::ids::TaskId;
use crate::revert::{CustomError, Revert, require, require_or};

pub use token::Token;

/// Events of the call in progress, in order.
pub type Events = Vec<Event>;

/// Balances, locked value and allowances of all accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    hub: Address,
    balances: BTreeMap<Address, Nrlc>,
    frozen: BTreeMap<Address, Nrlc>,
    allowances: BTreeMap<(Address, Address), Nrlc>,
    total_supply: Nrlc,
}

impl Ledger {
    /// The empty ledger of a hub.
    pub fn new(hub: Address) -> Self {
        Self {
            hub,
            balances: BTreeMap::new(),
            frozen: BTreeMap::new(),
            allowances: BTreeMap::new(),
            total_supply: Nrlc::ZERO,
        }
    }

    /// Sum of all balances.
    pub fn total_supply(&self) -> Nrlc {
        self.total_supply
    }

    /// Free SRLC of an account; of the hub itself: all locked value.
    pub fn balance_of(&self, account: Address) -> Nrlc {
        self.balances.get(&account).copied().unwrap_or_default()
    }

    /// Locked SRLC of an account.
    pub fn frozen_of(&self, account: Address) -> Nrlc {
        self.frozen.get(&account).copied().unwrap_or_default()
    }

    /// Both parts of an account.
    pub fn account(&self, account: Address) -> Account {
        Account { stake: self.balance_of(account), locked: self.frozen_of(account) }
    }

    /// Every account that ever had a balance.
    pub fn balances(&self) -> impl Iterator<Item = (Address, Nrlc)> + '_ {
        self.balances.iter().map(|(&account, &value)| (account, value))
    }

    /// Every account that ever had locked value.
    pub fn frozen(&self) -> impl Iterator<Item = (Address, Nrlc)> + '_ {
        self.frozen.iter().map(|(&account, &value)| (account, value))
    }

    /// Creates SRLC for a deposit.
    ///
    /// # Errors
    /// Zero receiver, the hub as receiver, supply beyond 256 bits.
    pub fn mint(&mut self, to: Address, value: Nrlc, events: &mut Events) -> Result<(), Revert> {
        require_or(!to.is_zero(), Revert::text("ERC20: mint to the zero address"))?;
        self.not_the_hub(to)?;
        self.total_supply = add(self.total_supply, value)?;
        self.credit(to, value)?;
        events.push(Event::Transfer { from: Address::ZERO, to, value });
        Ok(())
    }

    /// Destroys SRLC for a withdrawal.
    ///
    /// # Errors
    /// Zero owner; `Empty` if the balance is short.
    pub fn burn(&mut self, from: Address, value: Nrlc, events: &mut Events) -> Result<(), Revert> {
        require_or(!from.is_zero(), Revert::text("ERC20: burn from the zero address"))?;
        require(self.balance_of(from) >= value)?;
        self.debit(from, value)?;
        self.total_supply = sub(self.total_supply, value)?;
        events.push(Event::Transfer { from, to: Address::ZERO, value });
        Ok(())
    }

    /// Locks free value of an account.
    ///
    /// # Errors
    /// Those of the internal move: zero account, short balance.
    pub fn lock(&mut self, owner: Address, amount: Nrlc, events: &mut Events) -> Result<(), Revert> {
        self.shift(owner, self.hub, amount, events)?;
        let frozen = add(self.frozen_of(owner), amount)?;
        self.frozen.insert(owner, frozen);
        events.push(Event::Lock { owner, amount });
        Ok(())
    }

    /// Frees locked value of an account.
    ///
    /// # Errors
    /// Those of the internal move; panic if less is locked.
    pub fn unlock(&mut self, owner: Address, amount: Nrlc, events: &mut Events) -> Result<(), Revert> {
        self.shift(self.hub, owner, amount, events)?;
        self.thaw(owner, amount)?;
        events.push(Event::Unlock { owner, amount });
        Ok(())
    }

    /// Pays an account out of seized value.
    ///
    /// # Errors
    /// Those of the internal move.
    pub fn reward(
        &mut self,
        owner: Address,
        amount: Nrlc,
        task: TaskId,
        events: &mut Events,
    ) -> Result<(), Revert> {
        self.shift(self.hub, owner, amount, events)?;
        events.push(Event::Reward { owner, amount, task });
        Ok(())
    }

    /// Takes locked value of an account; it stays in the hub's balance until it is rewarded.
    ///
    /// # Errors
    /// Panic if less is locked.
    pub fn seize(
        &mut self,
        owner: Address,
        amount: Nrlc,
        task: TaskId,
        events: &mut Events,
    ) -> Result<(), Revert> {
        self.thaw(owner, amount)?;
        events.push(Event::Seize { owner, amount, task });
        Ok(())
    }

    /// Adds seized value to what is locked for the kitty; no balance moves.
    ///
    /// # Errors
    /// Panic beyond 256 bits.
    pub fn feed_kitty(
        &mut self,
        kitty: Address,
        amount: Nrlc,
        task: TaskId,
        events: &mut Events,
    ) -> Result<(), Revert> {
        let frozen = add(self.frozen_of(kitty), amount)?;
        self.frozen.insert(kitty, frozen);
        events.push(Event::Reward { owner: kitty, amount, task });
        events.push(Event::Lock { owner: kitty, amount });
        Ok(())
    }

    /// The internal move of poco 3.4.
    fn shift(&mut self, from: Address, to: Address, value: Nrlc, events: &mut Events) -> Result<(), Revert> {
        require_or(!from.is_zero(), Revert::text("IexecEscrow: Transfer from empty address"))?;
        require_or(!to.is_zero(), Revert::text("IexecEscrow: Transfer to empty address"))?;
        require_or(
            self.balance_of(from) >= value,
            Revert::text("IexecEscrow: Transfer amount exceeds balance"),
        )?;
        self.debit(from, value)?;
        self.credit(to, value)?;
        events.push(Event::Transfer { from, to, value });
        Ok(())
    }

    fn not_the_hub(&self, receiver: Address) -> Result<(), Revert> {
        require_or(receiver != self.hub, CustomError::HubCannotReceive)
    }

    fn thaw(&mut self, owner: Address, amount: Nrlc) -> Result<(), Revert> {
        let frozen = sub(self.frozen_of(owner), amount)?;
        self.frozen.insert(owner, frozen);
        Ok(())
    }

    fn credit(&mut self, account: Address, value: Nrlc) -> Result<(), Revert> {
        let balance = add(self.balance_of(account), value)?;
        self.balances.insert(account, balance);
        Ok(())
    }

    fn debit(&mut self, account: Address, value: Nrlc) -> Result<(), Revert> {
        let balance = sub(self.balance_of(account), value)?;
        self.balances.insert(account, balance);
        Ok(())
    }
}

fn add(left: Nrlc, right: Nrlc) -> Result<Nrlc, Revert> {
    left.checked_add(right).ok_or(Revert::ARITHMETIC)
}

fn sub(left: Nrlc, right: Nrlc) -> Result<Nrlc, Revert> {
    left.checked_sub(right).ok_or(Revert::ARITHMETIC)
}

#[cfg(test)]
mod tests;
