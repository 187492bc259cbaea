//! Transactions that wait for a block: nonce order within a sender, arrival order between senders, every amount bounded.
//!
//! A pure machine: it neither executes nor knows the time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use alloy::consensus::Transaction as _;
use alloy_primitives::map::{AddressMap, B256Map};
use alloy_primitives::{Address, B256};

use crate::error::RpcError;
use crate::transaction::Transaction;

/// Transactions in the pool at once.
pub(crate) const POOL_TRANSACTIONS_MAX: usize = 16_384;
/// Transactions of one sender at once; also how far a nonce may be ahead of the account's.
pub(crate) const SENDER_TRANSACTIONS_MAX: usize = 1_024;
/// A replacement must offer this much more, in percent, of both fee and tip.
const REPLACEMENT_PERCENT: u128 = 10;

#[derive(Clone, Debug)]
struct Waiting {
    transaction: Arc<Transaction>,
    arrival: u64,
}

/// The pool.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    senders: AddressMap<BTreeMap<u64, Waiting>>,
    by_hash: B256Map<(Address, u64)>,
    arrivals: u64,
}

impl Pool {
    /// Takes a transaction in; the answer is what it replaced. `account_nonce` is the sender's in the state.
    ///
    /// # Errors
    /// With geth's texts: known already, nonce used, replacement too cheap, a bound reached.
    pub(crate) fn insert(
        &mut self,
        transaction: Arc<Transaction>,
        account_nonce: u64,
    ) -> Result<Option<Arc<Transaction>>, RpcError> {
        let nonce = transaction.nonce();
        if self.by_hash.contains_key(&transaction.hash) {
            return Err(RpcError::refused("already known"));
        }
        if nonce < account_nonce {
            return Err(RpcError::refused(format!(
                "nonce too low: next nonce {account_nonce}, tx nonce {nonce}"
            )));
        }
        if nonce - account_nonce >= SENDER_TRANSACTIONS_MAX as u64 {
            return Err(RpcError::refused(format!(
                "nonce too high: next nonce {account_nonce}, tx nonce {nonce}, at most {SENDER_TRANSACTIONS_MAX} ahead"
            )));
        }
        let replaced = self
            .senders
            .get(&transaction.sender)
            .and_then(|waiting| waiting.get(&nonce))
            .map(|waiting| Arc::clone(&waiting.transaction));
        match &replaced {
            Some(old) if !outbids(&transaction, old) => {
                return Err(RpcError::refused("replacement transaction underpriced"));
            }
            Some(old) => {
                self.by_hash.remove(&old.hash);
            }
            None if self.by_hash.len() >= POOL_TRANSACTIONS_MAX => {
                return Err(RpcError::refused(format!(
                    "txpool is full: {POOL_TRANSACTIONS_MAX} transactions wait"
                )));
            }
            None => {}
        }
        self.arrivals += 1;
        self.by_hash.insert(transaction.hash, (transaction.sender, nonce));
        self.senders
            .entry(transaction.sender)
            .or_default()
            .insert(nonce, Waiting { transaction, arrival: self.arrivals });
        Ok(replaced)
    }

    /// Takes a transaction out.
    pub(crate) fn remove(&mut self, hash: &B256) -> Option<Arc<Transaction>> {
        let (sender, nonce) = self.by_hash.remove(hash)?;
        let waiting = self.senders.get_mut(&sender)?;
        let removed = waiting.remove(&nonce);
        if waiting.is_empty() {
            self.senders.remove(&sender);
        }
        removed.map(|waiting| waiting.transaction)
    }

    /// Drops what a block, a reverted chain or a set nonce has made unusable: nonces below the sender's.
    pub(crate) fn drop_used(&mut self, sender: Address, account_nonce: u64) {
        let Some(waiting) = self.senders.get_mut(&sender) else {
            return;
        };
        let usable = waiting.split_off(&account_nonce);
        for used in std::mem::replace(waiting, usable).into_values() {
            self.by_hash.remove(&used.transaction.hash);
        }
        if waiting.is_empty() {
            self.senders.remove(&sender);
        }
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<&Arc<Transaction>> {
        let (sender, nonce) = self.by_hash.get(hash)?;
        Some(&self.senders.get(sender)?.get(nonce)?.transaction)
    }

    /// The nonce after the sender's unbroken run of waiting transactions.
    pub(crate) fn next_nonce(&self, sender: &Address, account_nonce: u64) -> u64 {
        let Some(waiting) = self.senders.get(sender) else {
            return account_nonce;
        };
        let mut next = account_nonce;
        for nonce in waiting.range(account_nonce..).map(|(nonce, _)| *nonce) {
            if nonce != next {
                break;
            }
            next += 1;
        }
        next
    }

    /// All senders with waiting transactions.
    pub(crate) fn senders(&self) -> impl Iterator<Item = Address> + '_ {
        self.senders.keys().copied()
    }

    /// All waiting transactions: (runnable now, waiting for an earlier nonce).
    pub(crate) fn split(
        &self,
        account_nonce: impl Fn(&Address) -> u64,
    ) -> (Vec<&Arc<Transaction>>, Vec<&Arc<Transaction>>) {
        let mut pending = Vec::new();
        let mut queued = Vec::new();
        for (sender, waiting) in &self.senders {
            let next = self.next_nonce(sender, account_nonce(sender));
            for (nonce, waiting) in waiting {
                if *nonce < next {
                    pending.push(&waiting.transaction);
                } else {
                    queued.push(&waiting.transaction);
                }
            }
        }
        (pending, queued)
    }

    /// Transactions for the next block of these senders, within its gas, each paying the base fee.
    pub(crate) fn select(
        &self,
        senders: impl Iterator<Item = Address>,
        account_nonce: impl Fn(&Address) -> u64,
        base_fee_wei: u64,
        gas_limit: u64,
    ) -> Vec<Arc<Transaction>> {
        let payable =
            |waiting: &Waiting| waiting.transaction.envelope.max_fee_per_gas() >= u128::from(base_fee_wei);
        let mut heads: BinaryHeap<Reverse<(u64, Address, u64)>> = senders
            .filter_map(|sender| {
                let nonce = account_nonce(&sender);
                let waiting = self.senders.get(&sender)?.get(&nonce)?;
                Some(Reverse((waiting.arrival, sender, nonce)))
            })
            .collect();
        let mut gas_left = gas_limit;
        let mut selected = Vec::new();
        while let Some(Reverse((_, sender, nonce))) = heads.pop() {
            let Some(of_sender) = self.senders.get(&sender) else {
                continue;
            };
            let Some(waiting) = of_sender.get(&nonce).filter(|waiting| payable(waiting)) else {
                continue;
            };
            if waiting.transaction.gas_limit() > gas_left {
                continue;
            }
            gas_left -= waiting.transaction.gas_limit();
            selected.push(Arc::clone(&waiting.transaction));
            if let Some(next) = of_sender.get(&(nonce + 1)) {
                heads.push(Reverse((next.arrival, sender, nonce + 1)));
            }
        }
        selected
    }
}

/// Whether a replacement raises both the fee and the tip by the needed part.
fn outbids(new: &Transaction, old: &Transaction) -> bool {
    let enough = |new: u128, old: u128| {
        new > old && new >= old.saturating_add(old.saturating_mul(REPLACEMENT_PERCENT) / 100)
    };
    enough(new.envelope.max_fee_per_gas(), old.envelope.max_fee_per_gas())
        && enough(new.envelope.priority_fee_or_price(), old.envelope.priority_fee_or_price())
}
