//! A key and its transactions.
//!
//! One task owns the nonce: requests queue up, gas is estimated for many at
//! once, transactions leave one after the other in the order they were asked
//! for, and each is then waited for on its own. A refused transaction has not
//! used its nonce, so the next one takes it and no gap comes about.

mod fees;
mod mined;
mod pipeline;
mod refusal;
mod signer;

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256};
use metacloud_protocol::signing;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

use crate::block::Receipt;
use crate::chain::Chain;
use crate::error::{SendError, WalletError};
use pipeline::{Pipeline, Submission};
use signer::Signer;

/// Transactions waiting for their turn; further senders wait for room.
const QUEUE_MAX: usize = 1_024;

/// How much gas a transaction may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gas {
    /// What the node estimates and an eighth more; tried once more with twice that if it runs out.
    Estimated,
    /// This much; nothing is estimated, so a revert is found out only when mined and paid for.
    Limit(u64),
}

/// A transaction to be sent.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// The receiver; none creates a contract.
    pub to: Option<Address>,
    /// Call data or creation code.
    pub data: Bytes,
    /// Ether sent along, wei.
    pub value: U256,
    /// Gas.
    pub gas: Gas,
}

/// What may be paid for gas, and for how long a transaction is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeePolicy {
    /// Never offer more than this, wei per gas.
    pub max_fee_cap_wei: u128,
    /// Never tip more than this, wei per gas.
    pub max_tip_cap_wei: u128,
    /// Unmined after this long, a transaction is replaced by itself with higher fees.
    pub replace_after: Duration,
    /// Replacements before it counts as stuck.
    pub replacements_max: u32,
}

impl Default for FeePolicy {
    fn default() -> Self {
        const GWEI: u128 = 1_000_000_000;
        Self {
            max_fee_cap_wei: 500 * GWEI,
            max_tip_cap_wei: 50 * GWEI,
            replace_after: Duration::from_secs(90),
            replacements_max: 6,
        }
    }
}

/// A key on a chain. Clones share one nonce pipeline, which ends when the last is dropped.
///
/// Only one wallet for a key should send at a time; if another does, transactions are signed again
/// with fresh nonces, at the price of time.
#[derive(Debug, Clone)]
pub struct Wallet {
    signer: Arc<Signer>,
    chain: Chain,
    queue: mpsc::Sender<Submission>,
}

impl Wallet {
    /// A wallet with the default [`FeePolicy`]. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The bytes are no private key.
    pub fn new(chain: Chain, key: B256) -> Result<Self, WalletError> {
        Self::with_policy(chain, key, FeePolicy::default())
    }

    /// A wallet with its own fee policy. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The bytes are no private key.
    pub fn with_policy(chain: Chain, key: B256, policy: FeePolicy) -> Result<Self, WalletError> {
        let key = signing::key_from_bytes(&key).map_err(|_| WalletError::BadKey)?;
        let signer = Arc::new(Signer::new(key, chain.id()));
        let (queue, requests) = mpsc::channel(QUEUE_MAX);
        let pipeline = Pipeline::new(chain.clone(), signer.clone(), policy);
        // Ends by itself when the last clone drops the queue's sender.
        tokio::spawn(pipeline.run(requests));
        Ok(Self { signer, chain, queue })
    }

    /// The account.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// The chain that it sends to.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Signs a hash as it is (no prefix): 65 bytes `r ‖ s ‖ v`, v 27 or 28.
    pub fn sign_hash(&self, hash: B256) -> Bytes {
        self.signer.sign_hash(hash)
    }

    /// Calls a contract with estimated gas and returns when that is mined and confirmed.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(&self, to: Address, data: Bytes) -> Result<Receipt, SendError> {
        self.transact(Transaction { to: Some(to), data, value: U256::ZERO, gas: Gas::Estimated }).await
    }

    /// As [`Wallet::send`] with a given gas limit.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send_with_gas(&self, to: Address, data: Bytes, gas: u64) -> Result<Receipt, SendError> {
        let gas = Gas::Limit(gas);
        self.transact(Transaction { to: Some(to), data, value: U256::ZERO, gas }).await
    }

    /// Sends a transaction and returns when it is mined and confirmed. Transactions are sent in the
    /// order of the first polls. Once sent it is not called back by dropping the future.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn transact(&self, transaction: Transaction) -> Result<Receipt, SendError> {
        let (reply, answer) = oneshot::channel();
        let closed = || SendError::Closed { address: self.address() };
        let submission = Submission { transaction, reply };
        // Taken at once while there is room: that the order is that of the first polls depends on it.
        if let Err(TrySendError::Full(submission)) = self.queue.try_send(submission) {
            self.queue.send(submission).await.map_err(|_| closed())?;
        }
        answer.await.map_err(|_| closed())?
    }
}
