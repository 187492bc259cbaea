//! SRLC as an ERC-20 (poco 3.3). There is no unlimited allowance.

use alloy_primitives::Address;

use super::{Events, Ledger, add};
use crate::amount::Nrlc;
use crate::event::Event;
use crate::revert::{Revert, require, require_or};

impl Ledger {
    /// What a spender may still take from an owner.
    pub fn allowance(&self, owner: Address, spender: Address) -> Nrlc {
        self.allowances.get(&(owner, spender)).copied().unwrap_or_default()
    }

    /// `transfer`.
    ///
    /// # Errors
    /// Zero accounts, the hub as receiver; `Empty` if the balance is short.
    pub fn transfer(
        &mut self,
        from: Address,
        to: Address,
        value: Nrlc,
        events: &mut Events,
    ) -> Result<(), Revert> {
        require_or(!from.is_zero(), Revert::text("ERC20: transfer from the zero address"))?;
        require_or(!to.is_zero(), Revert::text("ERC20: transfer to the zero address"))?;
        self.not_the_hub(to)?;
        require(self.balance_of(from) >= value)?;
        self.debit(from, value)?;
        self.credit(to, value)?;
        events.push(Event::Transfer { from, to, value });
        Ok(())
    }

    /// `approve`.
    ///
    /// # Errors
    /// Zero accounts.
    pub fn approve(
        &mut self,
        owner: Address,
        spender: Address,
        value: Nrlc,
        events: &mut Events,
    ) -> Result<(), Revert> {
        require_or(!owner.is_zero(), Revert::text("ERC20: approve from the zero address"))?;
        require_or(!spender.is_zero(), Revert::text("ERC20: approve to the zero address"))?;
        self.allowances.insert((owner, spender), value);
        events.push(Event::Approval { owner, spender, value });
        Ok(())
    }

    /// `transferFrom`: moves first, then lowers the allowance.
    ///
    /// # Errors
    /// Those of [`Ledger::transfer`], then `Empty` if the allowance is short.
    pub fn transfer_from(
        &mut self,
        spender: Address,
        from: Address,
        to: Address,
        value: Nrlc,
        events: &mut Events,
    ) -> Result<(), Revert> {
        self.transfer(from, to, value, events)?;
        self.decrease_allowance(from, spender, value, events)
    }

    /// `increaseAllowance`.
    ///
    /// # Errors
    /// Panic beyond 256 bits, zero accounts.
    pub fn increase_allowance(
        &mut self,
        owner: Address,
        spender: Address,
        by: Nrlc,
        events: &mut Events,
    ) -> Result<(), Revert> {
        let value = add(self.allowance(owner, spender), by)?;
        self.approve(owner, spender, value, events)
    }

    /// `decreaseAllowance`.
    ///
    /// # Errors
    /// `Empty` below zero, zero accounts.
    pub fn decrease_allowance(
        &mut self,
        owner: Address,
        spender: Address,
        by: Nrlc,
        events: &mut Events,
    ) -> Result<(), Revert> {
        let value = self.allowance(owner, spender).checked_sub(by).ok_or(Revert::Empty)?;
        self.approve(owner, spender, value, events)
    }
}
