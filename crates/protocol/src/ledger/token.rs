//! The base token as far as the ledger depends on it: an ERC-20 that reverts without data when short (poco 3.2,
//! abi 8).

use std::collections::BTreeMap;

use alloy_primitives::Address;

use super::{Events, add, sub};
use crate::amount::Nrlc;
use crate::event::Event;
use crate::revert::{Revert, require};

/// Balances and allowances of the base token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    address: Address,
    balances: BTreeMap<Address, Nrlc>,
    allowances: BTreeMap<(Address, Address), Nrlc>,
}

impl Token {
    /// A token all of which belongs to one account.
    pub fn new(address: Address, holder: Address, supply: Nrlc) -> Self {
        Self { address, balances: BTreeMap::from([(holder, supply)]), allowances: BTreeMap::new() }
    }

    /// Where the token is.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Tokens of an account.
    pub fn balance_of(&self, account: Address) -> Nrlc {
        self.balances.get(&account).copied().unwrap_or_default()
    }

    /// What a spender may still take from an owner.
    pub fn allowance(&self, owner: Address, spender: Address) -> Nrlc {
        self.allowances.get(&(owner, spender)).copied().unwrap_or_default()
    }

    /// `transfer`.
    ///
    /// # Errors
    /// `Empty` for a zero receiver or a short balance.
    pub fn transfer(
        &mut self,
        from: Address,
        to: Address,
        value: Nrlc,
        events: &mut Events,
    ) -> Result<(), Revert> {
        require(!to.is_zero())?;
        require(self.balance_of(from) >= value)?;
        let left = sub(self.balance_of(from), value)?;
        self.balances.insert(from, left);
        let sum = add(self.balance_of(to), value)?;
        self.balances.insert(to, sum);
        events.push(Event::TokenTransfer { from, to, value });
        Ok(())
    }

    /// `approve`.
    pub fn approve(&mut self, owner: Address, spender: Address, value: Nrlc, events: &mut Events) {
        self.allowances.insert((owner, spender), value);
        events.push(Event::TokenApproval { owner, spender, value });
    }

    /// `transferFrom`.
    ///
    /// # Errors
    /// `Empty` for a short allowance, a zero receiver or a short balance.
    pub fn transfer_from(
        &mut self,
        spender: Address,
        from: Address,
        to: Address,
        value: Nrlc,
        events: &mut Events,
    ) -> Result<(), Revert> {
        let left = self.allowance(from, spender).checked_sub(value).ok_or(Revert::Empty)?;
        self.allowances.insert((from, spender), left);
        self.transfer(from, to, value, events)
    }
}
