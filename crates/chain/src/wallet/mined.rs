//! Waits until a sent transaction is mined, replaces it when it hangs, and
//! finds out why it failed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alloy_primitives::{Bytes, U64};
use metacloud_abi::revert;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

use super::fees::{FeeSource, Fees};
use super::pipeline::{Prepared, Submission, broadcast, call_of};
use super::signer::{Signed, Signer};
use super::{FeePolicy, Gas};
use crate::block::{Header, Receipt};
use crate::chain::{Chain, reverted};
use crate::error::{RpcError, SendError};

/// Pauses between looks for a receipt; a new head ends a pause early.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// From this age on a transaction is looked after: is its nonce taken, was it dropped?
const OLD: Duration = Duration::from_secs(15);

/// What waiting needs.
pub(super) struct Context {
    pub(super) chain: Chain,
    pub(super) signer: Arc<Signer>,
    pub(super) policy: FeePolicy,
    pub(super) doubt: Arc<AtomicBool>,
}

/// A transaction that a node has taken, with its replacements.
pub(super) struct Sent {
    nonce: u64,
    fees: Fees,
    /// The first and its replacements; any of them may be mined.
    versions: Vec<Signed>,
}

impl Sent {
    pub(super) fn new(nonce: u64, fees: Fees, signed: Signed) -> Self {
        Self { nonce, fees, versions: vec![signed] }
    }

    fn newest(&self) -> &Signed {
        self.versions.last().expect("there is always the first version")
    }
}

/// How waiting ended.
pub(super) enum Outcome {
    /// The sender has its answer.
    Answered,
    /// The estimated gas did not suffice; once more with more.
    RanOut(Submission),
}

/// Waits for `sent` and answers its sender.
pub(super) async fn wait(context: Context, prepared: Prepared, mut sent: Sent) -> Outcome {
    let answer = match context.mined(&prepared, &mut sent).await {
        Ok(receipt) if receipt.success => Ok(receipt),
        Ok(receipt) => {
            let used_up = receipt.gas_used >= prepared.gas - prepared.gas / 32;
            let estimated = prepared.submission.transaction.gas == Gas::Estimated;
            if used_up && estimated && !prepared.again {
                debug!(tx = %receipt.tx_hash, gas = prepared.gas, "estimated gas ran out");
                return Outcome::RanOut(prepared.submission);
            }
            Err(context.cause(&prepared, &receipt).await)
        }
        Err(error) => Err(error),
    };
    // Nobody may be listening any more, which is their right.
    let _ = prepared.submission.reply.send(answer);
    Outcome::Answered
}

impl Context {
    async fn mined(&self, prepared: &Prepared, sent: &mut Sent) -> Result<Receipt, SendError> {
        let started = Instant::now();
        let mut heads = self.chain.heads();
        let mut pause = PAUSE_MIN;
        let mut care = Care { checked: started, sent: started, replaced: 0 };
        loop {
            heads.mark_unchanged();
            match self.look(sent).await {
                Ok(Some(receipt)) if self.is_confirmed(&receipt, &heads).await? => return Ok(receipt),
                Ok(_) => {}
                Err(error) if error.is_passing() => debug!(%error, "no receipt yet"),
                Err(error) => return Err(error.into()),
            }
            if care.checked.elapsed() >= OLD {
                care.checked = Instant::now();
                match self.care(prepared, sent, &mut care, started).await {
                    Err(SendError::Rpc(error)) if error.is_passing() => debug!(%error, "no care yet"),
                    result => result?,
                }
            }
            tokio::select! {
                _ = heads.changed() => {}
                () = sleep(pause) => {}
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// The receipt of the version that was mined.
    async fn look(&self, sent: &Sent) -> Result<Option<Receipt>, RpcError> {
        for version in sent.versions.iter().rev() {
            if let Some(receipt) = self.chain.receipt(version.hash).await? {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }

    async fn is_confirmed(
        &self,
        receipt: &Receipt,
        heads: &watch::Receiver<Option<Header>>,
    ) -> Result<bool, RpcError> {
        let wanted = match self.chain.confirmations() {
            0 => return Ok(true),
            confirmations => receipt.block_number.saturating_add(confirmations),
        };
        // A head that was announced says no without a request; a yes is asked for, as is the
        // receipt again with each round, so that a reorganisation in between is noticed.
        if heads.borrow().as_ref().is_some_and(|head| head.block.number < wanted) {
            return Ok(false);
        }
        let head = self.chain.head().await?;
        let block = self.chain.block(receipt.block_number).await?;
        let stands = block.is_some_and(|block| block.block.hash == receipt.block_hash);
        Ok(stands && head.number >= wanted)
    }

    /// Looks after an old transaction: sends it again should it have been dropped, notices that
    /// its nonce went to another, replaces it with higher fees.
    async fn care(
        &self,
        prepared: &Prepared,
        sent: &mut Sent,
        care: &mut Care,
        started: Instant,
    ) -> Result<(), SendError> {
        let address = self.signer.address();
        let params = json!([address, "latest"]);
        let used: U64 = self.chain.rpc().request("eth_getTransactionCount", params).await?;
        if used.to::<u64>() > sent.nonce {
            // Taken by one of ours, mined since the look, or mined and waiting for confirmations.
            return match self.look(sent).await? {
                Some(_) => Ok(()),
                None => Err(SendError::NonceTaken { address, nonce: sent.nonce }),
            };
        }
        if self.chain.nonce(address).await? < sent.nonce {
            warn!(%address, nonce = sent.nonce, "transactions before this one went missing");
            self.doubt.store(true, Ordering::Relaxed);
        }
        if care.sent.elapsed() < self.policy.replace_after {
            return self.rebroadcast(sent).await;
        }
        if care.replaced == self.policy.replacements_max {
            let waited_s = started.elapsed().as_secs();
            let tx = sent.newest().hash;
            return Err(SendError::Stuck { address, nonce: sent.nonce, tx, waited_s });
        }
        (care.sent, care.replaced) = (Instant::now(), care.replaced + 1);
        self.replace(prepared, sent).await
    }

    async fn rebroadcast(&self, sent: &Sent) -> Result<(), SendError> {
        if let Err(error) = broadcast(&self.chain, &sent.newest().raw).await {
            debug!(tx = %sent.newest().hash, %error, "not taken again");
        }
        Ok(())
    }

    async fn replace(&self, prepared: &Prepared, sent: &mut Sent) -> Result<(), SendError> {
        let current = FeeSource::new(self.chain.clone(), self.policy.clone()).current().await?;
        let Some(fees) = sent.fees.bumped(current, &self.policy) else {
            warn!(tx = %sent.newest().hash, "transaction hangs and the fee cap forbids to raise its fee");
            return Ok(());
        };
        let transaction = &prepared.submission.transaction;
        let signed = self.signer.sign(transaction, prepared.gas, sent.nonce, fees);
        warn!(tx = %sent.newest().hash, by = %signed.hash, nonce = sent.nonce, "replacing");
        match broadcast(&self.chain, &signed.raw).await {
            Ok(()) => {
                sent.versions.push(signed);
                sent.fees = fees;
                Ok(())
            }
            Err(error) => {
                debug!(%error, "replacement refused");
                Ok(())
            }
        }
    }

    /// Why a mined transaction failed: the same call again, on the state before its block and
    /// then on the state after.
    async fn cause(&self, prepared: &Prepared, receipt: &Receipt) -> SendError {
        let mut call = call_of(self.signer.address(), &prepared.submission.transaction);
        call["gas"] = json!(U64::from(prepared.gas));
        for number in [receipt.block_number.saturating_sub(1), receipt.block_number] {
            let params = json!([call, U64::from(number)]);
            if let Err(error) = self.chain.rpc().request::<Bytes>("eth_call", params).await
                && let Some(reason) = reverted(&error)
            {
                return SendError::Reverted { reason, tx: Some(receipt.tx_hash) };
            }
        }
        if receipt.gas_used >= prepared.gas {
            return SendError::OutOfGas { tx: receipt.tx_hash, limit: prepared.gas };
        }
        SendError::Reverted { reason: revert::decode(&[]), tx: Some(receipt.tx_hash) }
    }
}

/// When a transaction was last looked after and sent.
struct Care {
    checked: Instant,
    sent: Instant,
    replaced: u32,
}
