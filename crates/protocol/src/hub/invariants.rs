//! What holds after every transaction (poco 3.5).

use std::collections::BTreeMap;

use alloy_primitives::{Address, U256};

use super::Hub;
use crate::amount::Nrlc;
use crate::deal::KITTY_ADDRESS;
use crate::ids::TaskId;

/// A broken invariant of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Invariant 1.
    #[error("total supply is {supply}, balances sum to {balances:?}")]
    Supply {
        /// `totalSupply`.
        supply: Nrlc,
        /// Sum of all balances, the hub included; `None` beyond 256 bits.
        balances: Option<Nrlc>,
    },
    /// Invariant 2.
    #[error("the hub holds {held} for a total supply of {supply}")]
    Backing {
        /// Base tokens of the hub.
        held: Nrlc,
        /// `totalSupply`.
        supply: Nrlc,
    },
    /// Invariant 3.
    #[error("the hub's balance is {balance}, locked values sum to {frozen:?}")]
    Locked {
        /// `balance[hub]`.
        balance: Nrlc,
        /// Sum of all locked values; `None` beyond 256 bits.
        frozen: Option<Nrlc>,
    },
    /// Invariant 4.
    #[error("{account} has {frozen} locked and answers for {due:?}")]
    Answerable {
        /// Whose value.
        account: Address,
        /// What is locked.
        frozen: Nrlc,
        /// What unsettled tasks account for; `None` beyond 256 bits.
        due: Option<Nrlc>,
    },
}

impl Hub {
    /// Checks invariants 1 to 4 of the ledger. Invariant 5 follows for each call from 1 and 4 before and after it.
    ///
    /// # Errors
    /// The first that is broken.
    pub fn check_invariants(&self) -> Result<(), Violation> {
        let (ledger, hub) = (&self.ledger, self.domain.hub);
        let supply = ledger.total_supply();
        let balances = Nrlc::checked_sum(ledger.balances().map(|(_, value)| value));
        if balances != Some(supply) {
            return Err(Violation::Supply { supply, balances });
        }
        let held = self.token.balance_of(hub);
        if held < supply {
            return Err(Violation::Backing { held, supply });
        }
        let balance = ledger.balance_of(hub);
        let frozen = Nrlc::checked_sum(ledger.frozen().map(|(_, value)| value));
        if frozen != Some(balance) {
            return Err(Violation::Locked { balance, frozen });
        }
        self.check_answerable()
    }

    /// Invariant 4: locked value is exactly what unsettled tasks explain.
    fn check_answerable(&self) -> Result<(), Violation> {
        let mut due: BTreeMap<Address, Option<Nrlc>> = BTreeMap::new();
        let mut owe = |account, amount: Option<Nrlc>| {
            let sum = due.entry(account).or_insert(Some(Nrlc::ZERO));
            *sum = sum.zip(amount).and_then(|(sum, amount)| sum.checked_add(amount));
        };
        owe(KITTY_ADDRESS, Some(self.kitty));
        let mut settled: BTreeMap<_, U256> = BTreeMap::new();
        for task in self.tasks.values() {
            if task.status.is_settled() {
                *settled.entry(task.deal).or_default() += U256::from(1);
                continue;
            }
            let stake = self.deal(task.deal).worker_stake;
            task.contributors.iter().for_each(|&worker| owe(worker, Some(stake)));
        }
        for (id, deal) in &self.deals {
            let settled = settled.get(id).copied().unwrap_or_default();
            let open = deal.bot_size - settled;
            let times_open = |amount: Option<Nrlc>| amount.and_then(|a| a.checked_mul(open));
            owe(deal.sponsor, times_open(deal.task_price()));
            owe(deal.workerpool.owner, times_open(deal.pool_stake()));
        }
        for (id, deal) in &self.boost_deals {
            let is_open =
                |index: &u16| !self.task(TaskId::derive(*id, U256::from(*index))).status.is_settled();
            let open = U256::from((0..deal.bot_size).filter(is_open).count());
            let times_open = |amount: Option<Nrlc>| amount.and_then(|a| a.checked_mul(open));
            owe(deal.sponsor, times_open(deal.task_price()));
            owe(deal.workerpool_owner, times_open(deal.pool_stake()));
        }
        for (account, _) in self.ledger.frozen() {
            due.entry(account).or_insert(Some(Nrlc::ZERO));
        }
        for (account, due) in due {
            let frozen = self.ledger.frozen_of(account);
            if due != Some(frozen) {
                return Err(Violation::Answerable { account, frozen, due });
            }
        }
        Ok(())
    }
}
