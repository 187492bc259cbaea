//! The task that owns a key's nonce.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use alloy_primitives::{Address, Bytes, U64, U256};
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

use super::fees::{FeeSource, Fees};
use super::mined::{self, Outcome, Sent};
use super::refusal::{Refusal, classify};
use super::signer::{Signed, Signer};
use super::{FeePolicy, Gas, Transaction};
use crate::block::Receipt;
use crate::chain::{Chain, reverted};
use crate::error::{RpcError, SendError};

/// Transactions being estimated or waited for; further ones stay in the queue.
const IN_FLIGHT_MAX: usize = 256;
/// Times that one transaction is signed again after refusals that a fresh nonce or fee may cure.
const ATTEMPTS_MAX: u32 = 8;
/// How long a node that does not answer is tried again.
const PATIENCE: Duration = Duration::from_secs(20);
const RETRY_MIN: Duration = Duration::from_millis(25);
const RETRY_MAX: Duration = Duration::from_secs(2);

pub(super) type Reply = oneshot::Sender<Result<Receipt, SendError>>;

/// A transaction asked for, and who wants to know.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) transaction: Transaction,
    pub(crate) reply: Reply,
}

/// A submission with its gas limit.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) submission: Submission,
    pub(super) gas: u64,
    /// The nonce as the chain told it while nothing was under way, and how many we had sent by then.
    told: Option<(u64, u64)>,
    /// It ran out of estimated gas before.
    pub(super) again: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Pipeline {
    chain: Chain,
    signer: Arc<Signer>,
    policy: FeePolicy,
    fees: FeeSource,
    /// The nonce of the next transaction; unknown before the first and after a surprise.
    nonce: Option<u64>,
    /// Transactions sent so far.
    sent: u64,
    /// Raised by whoever waits when nonces before its own went missing: ask the chain again.
    doubt: Arc<AtomicBool>,
    waiting: JoinSet<Outcome>,
}

impl Pipeline {
    pub(crate) fn new(chain: Chain, signer: Arc<Signer>, policy: FeePolicy) -> Self {
        let fees = FeeSource::new(chain.clone(), policy.clone());
        Self {
            chain,
            signer,
            policy,
            fees,
            nonce: None,
            sent: 0,
            doubt: Arc::default(),
            waiting: JoinSet::new(),
        }
    }

    /// Runs until all handles are gone and nothing is under way.
    pub(crate) async fn run(mut self, mut requests: mpsc::Receiver<Submission>) {
        let mut estimating = FuturesOrdered::new();
        let mut open = true;
        while open || !estimating.is_empty() || !self.waiting.is_empty() {
            let room = estimating.len() + self.waiting.len() < IN_FLIGHT_MAX;
            tokio::select! {
                Some(outcome) = self.waiting.join_next() => {
                    if let Ok(Outcome::RanOut(submission)) = outcome {
                        estimating.push_front(self.prepare(submission, true));
                    }
                }
                Some(prepared) = estimating.next() => {
                    if let Some(prepared) = prepared {
                        self.dispatch(prepared).await;
                    }
                }
                request = requests.recv(), if open && room => match request {
                    Some(submission) => estimating.push_back(self.prepare(submission, false)),
                    None => open = false,
                },
            }
        }
    }

    /// Finds the gas limit, or answers with the reason why there is none. While nothing is under way it also asks
    /// for the nonce, at the same time: the chain may have been reverted, or the key used elsewhere.
    fn prepare(&self, submission: Submission, again: bool) -> impl Future<Output = Option<Prepared>> + use<> {
        let (chain, from) = (self.chain.clone(), self.signer.address());
        let idle = self.waiting.is_empty().then_some(self.sent);
        async move {
            let gas = async {
                match submission.transaction.gas {
                    Gas::Limit(limit) => Ok(limit),
                    Gas::Estimated => estimate(&chain, from, &submission.transaction).await,
                }
            };
            let told = async {
                let sent = idle?;
                // Without an answer the nonce that is known will do.
                chain.nonce(from).await.ok().map(|nonce| (nonce, sent))
            };
            let (estimated, told) = futures::join!(gas, told);
            match estimated {
                Ok(gas) => {
                    let gas = if again { gas.saturating_mul(2) } else { gas };
                    Some(Prepared { submission, gas, told, again })
                }
                Err(error) => {
                    // Nobody may be listening any more, which is their right.
                    let _ = submission.reply.send(Err(error));
                    None
                }
            }
        }
    }

    async fn dispatch(&mut self, prepared: Prepared) {
        if prepared.submission.reply.is_closed() {
            return;
        }
        match self.send(&prepared).await {
            Ok(sent) => {
                let context = mined::Context {
                    chain: self.chain.clone(),
                    signer: self.signer.clone(),
                    policy: self.policy.clone(),
                    doubt: self.doubt.clone(),
                };
                self.waiting.spawn(mined::wait(context, prepared, sent));
            }
            Err(error) => {
                let _ = prepared.submission.reply.send(Err(error));
            }
        }
    }

    async fn send(&mut self, prepared: &Prepared) -> Result<Sent, SendError> {
        let transaction = &prepared.submission.transaction;
        if let Some((nonce, _)) = prepared.told.filter(|(_, sent)| *sent == self.sent) {
            self.nonce = Some(nonce);
        }
        let mut raised: Option<Fees> = None;
        let mut last = None;
        for attempt in 0..ATTEMPTS_MAX {
            let nonce = self.next_nonce().await?;
            let current = self.fees.current().await?;
            let fees = raised.and_then(|fees| fees.bumped(current, &self.policy)).unwrap_or(current);
            let signed = self.signer.sign(transaction, prepared.gas, nonce, fees);
            let error = match broadcast(&self.chain, &signed.raw).await {
                Ok(()) => {
                    return Ok(self.accepted(nonce, fees, signed));
                }
                Err(error) => error,
            };
            debug!(attempt, nonce, from = %self.signer.address(), %error, "transaction refused");
            match classify(&error) {
                Refusal::Known => {
                    return Ok(self.accepted(nonce, fees, signed));
                }
                // Also what a node says of our own transaction when its first answer was lost.
                Refusal::NonceTooLow if self.is_mined(signed.hash).await? => {
                    return Ok(self.accepted(nonce, fees, signed));
                }
                Refusal::NonceTooLow | Refusal::NonceTooHigh => self.nonce = None,
                Refusal::Underpriced => {
                    warn!(nonce, from = %self.signer.address(), "another transaction has this nonce");
                    let told = patiently(|| self.chain.nonce(self.signer.address())).await?;
                    self.nonce = Some(told.max(nonce + 1));
                }
                Refusal::FeeTooLow => {
                    self.fees.forget();
                    raised = Some(fees);
                }
                Refusal::Unfunded => {
                    let needs = fees.cost_wei(prepared.gas, transaction.value);
                    return Err(unfunded(&self.chain, self.signer.address(), needs).await?);
                }
                Refusal::Other => match self.judge(error, signed.hash).await? {
                    Some(error) => return Err(error),
                    None => {
                        return Ok(self.accepted(nonce, fees, signed));
                    }
                },
            }
            last = Some(error);
        }
        Err(last.expect("ATTEMPTS_MAX is not zero").into())
    }

    fn accepted(&mut self, nonce: u64, fees: Fees, signed: Signed) -> Sent {
        self.nonce = Some(nonce + 1);
        self.sent += 1;
        Sent::new(nonce, fees, signed)
    }

    /// What an unclassified refusal means; `None` if the transaction was mined in spite of it, as
    /// some development nodes do with reverting ones.
    async fn judge(
        &mut self,
        error: RpcError,
        hash: alloy_primitives::B256,
    ) -> Result<Option<SendError>, RpcError> {
        if error.is_passing() {
            // It may have arrived, so the nonce has to be asked for.
            self.nonce = None;
            return Ok(Some(error.into()));
        }
        match reverted(&error) {
            Some(_) if self.is_mined(hash).await? => Ok(None),
            Some(reason) => Ok(Some(SendError::Reverted { reason, tx: None })),
            None => Ok(Some(error.into())),
        }
    }

    async fn is_mined(&self, hash: alloy_primitives::B256) -> Result<bool, RpcError> {
        Ok(patiently(|| self.chain.receipt(hash)).await?.is_some())
    }

    async fn next_nonce(&mut self) -> Result<u64, RpcError> {
        match self.nonce {
            Some(nonce) if !self.doubt.swap(false, Ordering::Relaxed) => Ok(nonce),
            _ => {
                let nonce = patiently(|| self.chain.nonce(self.signer.address())).await?;
                self.nonce = Some(nonce);
                Ok(nonce)
            }
        }
    }
}

/// Repeats what cannot be reached, for [`PATIENCE`] at most.
pub(super) async fn patiently<T, F>(mut ask: impl FnMut() -> F) -> Result<T, RpcError>
where
    F: Future<Output = Result<T, RpcError>>,
{
    let started = Instant::now();
    let mut pause = RETRY_MIN;
    loop {
        match ask().await {
            Err(error) if error.is_passing() && started.elapsed() < PATIENCE => {
                debug!(%error, "asking again");
                sleep(pause).await;
                pause = (pause * 2).min(RETRY_MAX);
            }
            result => return result,
        }
    }
}

/// Sends the same bytes until the node takes or refuses them; twice does no harm.
pub(super) async fn broadcast(chain: &Chain, raw: &Bytes) -> Result<(), RpcError> {
    let send = || chain.rpc().request::<Value>("eth_sendRawTransaction", json!([raw]));
    patiently(send).await.map(|_hash| ())
}

async fn estimate(chain: &Chain, from: Address, transaction: &Transaction) -> Result<u64, SendError> {
    let params = json!([call_of(from, transaction)]);
    let ask = || chain.rpc().request::<U64>("eth_estimateGas", params.clone());
    match patiently(ask).await {
        // The margin: state may change between now and mining.
        Ok(gas) => Ok(gas.to::<u64>().saturating_add(gas.to::<u64>() / 8)),
        Err(error) => match (classify(&error), reverted(&error)) {
            (Refusal::Unfunded, _) => Err(unfunded(chain, from, transaction.value).await?),
            (_, Some(reason)) => Err(SendError::Reverted { reason, tx: None }),
            (_, None) => Err(error.into()),
        },
    }
}

/// The call object of a transaction.
pub(super) fn call_of(from: Address, transaction: &Transaction) -> Value {
    let mut call = json!({"from": from, "data": transaction.data, "value": transaction.value});
    if let Some(to) = transaction.to {
        call["to"] = json!(to);
    }
    call
}

async fn unfunded(chain: &Chain, address: Address, needs_wei: U256) -> Result<SendError, RpcError> {
    let has_wei = patiently(|| chain.balance(address)).await?;
    Ok(SendError::Unfunded { address, needs_wei, has_wei })
}
