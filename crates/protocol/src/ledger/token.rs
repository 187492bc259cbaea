//! The base token as far as the ledger depends on it: an ERC-20 that reverts without data when short (poco 3.2,
//! abi 8) and otherwise with the errors of ERC-6093.

use std::collections::BTreeMap;

use alloy_primitives::{Address, Bytes, U256, hex};

use super::{Events, add, sub};
use crate::amount::Nrlc;
use crate::event::Event;
use crate::revert::{Revert, require};

/// Selector of `ERC20InvalidReceiver(address)`.
const INVALID_RECEIVER: [u8; 4] = hex!("ec442f05");
/// An allowance that using does not lower.
const UNLIMITED: Nrlc = Nrlc(U256::MAX);

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
    /// `ERC20InvalidReceiver(0)` for a zero receiver, `Empty` for a short balance.
    pub fn transfer(
        &mut self,
        from: Address,
        to: Address,
        value: Nrlc,
        events: &mut Events,
    ) -> Result<(), Revert> {
        if to.is_zero() {
            let data = [INVALID_RECEIVER.as_slice(), to.into_word().as_slice()].concat();
            return Err(Revert::Foreign(Bytes::from(data)));
        }
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
    /// `Empty` for a short allowance, then as [`Token::transfer`].
    pub fn transfer_from(
        &mut self,
        spender: Address,
        from: Address,
        to: Address,
        value: Nrlc,
        events: &mut Events,
    ) -> Result<(), Revert> {
        let allowed = self.allowance(from, spender);
        if allowed != UNLIMITED {
            let left = allowed.checked_sub(value).ok_or(Revert::Empty)?;
            self.allowances.insert((from, spender), left);
        }
        self.transfer(from, to, value, events)
    }
}
