//! What the chain said of accounts and assets, for the length of a block: many orders of one owner ask the same.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use alloy_primitives::{Address, B256, Bytes};
use metacloud_chain::{CallError, HubClient};
use metacloud_protocol::{Nrlc, OrderHash, signing};

use crate::groups::KEY_HAS_PURPOSE;

/// Facts of one sort that are kept; beyond, all are forgotten and asked again.
const FACTS_MAX: usize = 8_192;
/// Signatures with a smaller first byte of `s` are in the form that every version of the hub accepts.
const S_HIGH: u8 = 0x7f;

/// What is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    None,
    Contract { is_group: bool },
}

#[derive(Debug, Default)]
struct Kept {
    /// The block of which all this was said.
    block: B256,
    owners: HashMap<(Address, Address), Option<Address>>,
    stakes: HashMap<Address, Nrlc>,
    codes: HashMap<Address, Code>,
}

/// Facts of the newest block.
#[derive(Debug)]
pub(crate) struct Facts {
    hub: HubClient,
    kept: Mutex<Kept>,
}

/// Facts as of one block, or of a later one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FactsAt<'a> {
    facts: &'a Facts,
    block: B256,
}

impl Facts {
    pub(crate) fn new(hub: HubClient) -> Self {
        Self { hub, kept: Mutex::default() }
    }

    /// Facts that hold now. Asks the chain for its newest block; what was said of others is forgotten.
    pub(crate) async fn now(&self) -> Result<FactsAt<'_>, CallError> {
        let block = self.hub.chain().head().await?.hash;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.block != block {
            *kept = Kept { block, ..Kept::default() };
        }
        drop(kept);
        Ok(FactsAt { facts: self, block })
    }
}

impl FactsAt<'_> {
    /// The hub, for what is asked anew each time.
    pub(crate) const fn hub(&self) -> &HubClient {
        &self.facts.hub
    }

    /// What is kept, if it is still of this block.
    fn kept<T>(&self, with: impl FnOnce(&mut Kept) -> Option<T>) -> Option<T> {
        let mut kept = self.facts.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.block == self.block { with(&mut kept) } else { None }
    }

    /// Who owns an asset; `None` if its registry does not know it.
    pub(crate) async fn owner(
        &self,
        registry: Address,
        asset: Address,
    ) -> Result<Option<Address>, CallError> {
        let key = (registry, asset);
        if let Some(owner) = self.kept(|kept| kept.owners.get(&key).copied()) {
            return Ok(owner);
        }
        let owner = match self.hub().is_registered(registry, asset).await? {
            true => Some(self.hub().owner_of(asset).await?),
            false => None,
        };
        self.kept(|kept| keep(&mut kept.owners, key, owner));
        Ok(owner)
    }

    /// What an account has at stake.
    pub(crate) async fn stake(&self, account: Address) -> Result<Nrlc, CallError> {
        if let Some(stake) = self.kept(|kept| kept.stakes.get(&account).copied()) {
            return Ok(stake);
        }
        let stake = self.hub().view_account(account).await?.stake;
        self.kept(|kept| keep(&mut kept.stakes, account, stake));
        Ok(stake)
    }

    async fn code(&self, account: Address) -> Result<Code, CallError> {
        if let Some(code) = self.kept(|kept| kept.codes.get(&account).copied()) {
            return Ok(code);
        }
        let bytes = self.hub().chain().code(account).await?;
        let is_group = || bytes.windows(KEY_HAS_PURPOSE.len()).any(|window| window == KEY_HAS_PURPOSE);
        let code = if bytes.is_empty() { Code::None } else { Code::Contract { is_group: is_group() } };
        self.kept(|kept| keep(&mut kept.codes, account, code));
        Ok(code)
    }

    /// Whether a restriction to this address is one to the members of a group.
    pub(crate) async fn is_group(&self, account: Address) -> Result<bool, CallError> {
        Ok(self.code(account).await? == Code::Contract { is_group: true })
    }

    /// Whether the hub takes a signature, or one on chain, as the account's on an order. A plain signature of an account
    /// without code is recovered here, as the hub would; everything else is for the hub to say.
    pub(crate) async fn verify(
        &self,
        account: Address,
        order: OrderHash,
        signature: &Bytes,
    ) -> Result<bool, CallError> {
        let plain = signature.len() == 65 && matches!(signature[64], 27 | 28) && signature[32] < S_HIGH;
        if plain
            && signing::recover(order.0, signature) == Some(account)
            && self.code(account).await? == Code::None
        {
            return Ok(true);
        }
        match self.hub().verify_presignature_or_signature(account, order, signature.clone()).await {
            // A revert is the hub's answer to a signature of impossible length.
            Err(CallError::Reverted(_)) => Ok(false),
            answer => answer,
        }
    }
}

fn keep<K: std::hash::Hash + Eq, V>(facts: &mut HashMap<K, V>, key: K, value: V) -> Option<()> {
    if facts.len() >= FACTS_MAX {
        facts.clear();
    }
    facts.insert(key, value);
    None
}
