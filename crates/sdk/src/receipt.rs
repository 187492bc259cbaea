//! Who earned, paid and lost what between two moments, from the events of the chain, and the proof that it adds
//! up: for every party, what it had before, changed by the events, is to the unit what it has after.

mod ledger;

use std::time::Duration;

use alloy_primitives::Address;
use metacloud_chain::{BlockRef, HubClient, HubEvent, LogFilter};
use metacloud_protocol::Nrlc;
use metacloud_protocol::deal::KITTY_ADDRESS;
use tokio::time::sleep;

use crate::cloud::Cloud;
use crate::error::Error;
use ledger::{Books, Entry};

/// Readings of all balances tried until none is disturbed by a block.
const READINGS_MAX: u32 = 40;
const READING_PAUSE: Duration = Duration::from_millis(50);

/// Somebody whose money is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// What people call it.
    pub name: String,
    /// Its account.
    pub address: Address,
}

/// What an account has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holding {
    /// Free in escrow.
    pub stake: Nrlc,
    /// Locked in escrow.
    pub locked: Nrlc,
    /// RLC outside the hub.
    pub tokens: Nrlc,
}

/// The moment from which on a receipt counts.
#[derive(Debug, Clone)]
pub struct Opening {
    hub: HubClient,
    token: Address,
    parties: Vec<Party>,
    block: BlockRef,
    books: Books,
}

/// One party's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Who.
    pub party: Party,
    /// Rewards.
    pub earned: Nrlc,
    /// Payments for completed tasks.
    pub paid: Nrlc,
    /// Stakes lost.
    pub seized: Nrlc,
    /// Unlocked: own stakes, and payments for failed tasks.
    pub refunded: Nrlc,
    /// What it had.
    pub before: Holding,
    /// What it has.
    pub after: Holding,
}

/// Something that does not add up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: the events say {expected}, the chain says {found}")]
pub struct Mismatch {
    /// What.
    pub what: String,
    /// By the events; "less than nothing" below zero.
    pub expected: String,
    /// As read.
    pub found: String,
}

/// The result; see the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The parties, in the order given, the kitty last.
    pub lines: Vec<Line>,
    /// What does not add up.
    pub mismatches: Vec<Mismatch>,
    /// Accounts whose money moved though they are not among the parties.
    pub unlisted: Vec<Address>,
    paid: Nrlc,
    earned: Nrlc,
    seized_from_workers: Nrlc,
    seized_from_pools: Nrlc,
}

impl Receipt {
    /// Whether everything adds up to the unit and nobody was overlooked.
    pub fn exact(&self) -> bool {
        self.mismatches.is_empty() && self.unlisted.is_empty()
    }

    /// What sponsors paid for completed tasks.
    pub fn paid(&self) -> Nrlc {
        self.paid
    }

    /// What was rewarded to all together.
    pub fn earned(&self) -> Nrlc {
        self.earned
    }

    /// Stakes that wrong workers lost.
    pub fn seized_from_workers(&self) -> Nrlc {
        self.seized_from_workers
    }

    /// Stakes that schedulers lost to the kitty for tasks that failed.
    pub fn seized_from_pools(&self) -> Nrlc {
        self.seized_from_pools
    }
}

impl Opening {
    /// Reads what the parties have now. The kitty is added to them.
    ///
    /// # Errors
    /// The chain does not answer, or never stands still.
    pub async fn take(cloud: &Cloud, parties: Vec<Party>) -> Result<Self, Error> {
        let mut parties = parties;
        if !parties.iter().any(|party| party.address == KITTY_ADDRESS) {
            parties.push(Party { name: "kitty".to_owned(), address: KITTY_ADDRESS });
        }
        let (hub, token) = (cloud.hub().clone(), cloud.token());
        let (block, books) = read(&hub, token, &parties).await?;
        Ok(Self { hub, token, parties, block, books })
    }

    /// Reads what the parties have now, and how it came about.
    ///
    /// # Errors
    /// The chain does not answer, or never stands still.
    pub async fn close(self) -> Result<Receipt, Error> {
        let (block, after) = read(&self.hub, self.token, &self.parties).await?;
        let filter = LogFilter {
            from_block: self.block.number + 1,
            to_block: block.number,
            addresses: vec![self.hub.address(), self.token],
            topics: Vec::new(),
        };
        let logs = self.hub.chain().logs(&filter).await?;
        let entries = logs.iter().filter_map(|log| {
            let event = HubEvent::decode(log)?;
            if log.address == self.hub.address() {
                return Some(Entry::Hub(event));
            }
            // The token's transfers have the same form as the hub's.
            match event {
                HubEvent::Transfer { from, to, amount } => Some(Entry::Token { from, to, amount }),
                _ => None,
            }
        });
        Ok(ledger::settle(self.hub.address(), &self.parties, &self.books, &after, entries.collect()))
    }
}

/// Reads all balances at one block: if the head is the same before and after, so were they.
async fn read(hub: &HubClient, token: Address, parties: &[Party]) -> Result<(BlockRef, Books), Error> {
    for _ in 0..READINGS_MAX {
        let before = hub.chain().head().await?;
        let books = read_once(hub, token, parties).await?;
        if hub.chain().head().await? == before {
            return Ok((before, books));
        }
        sleep(READING_PAUSE).await;
    }
    Err(Error::Unsettled { tries: READINGS_MAX })
}

async fn read_once(hub: &HubClient, token: Address, parties: &[Party]) -> Result<Books, Error> {
    let mut accounts: Vec<Address> = parties.iter().map(|party| party.address).collect();
    accounts.push(hub.address());
    let tokens = accounts.iter().map(|account| hub.token_balance(token, *account));
    let (escrow, tokens, supply) = futures::try_join!(
        hub.view_accounts(&accounts),
        futures::future::try_join_all(tokens),
        hub.total_supply(),
    )?;
    let holdings = escrow.into_iter().zip(tokens).map(|(account, tokens)| Holding {
        stake: account.stake,
        locked: account.locked,
        tokens,
    });
    Ok(Books { holdings: accounts.into_iter().zip(holdings).collect(), supply })
}
