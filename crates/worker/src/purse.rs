//! Stake and gas: a worker contributes only what it can stake, and only if it can pay for the reveal as well.

use std::sync::{Mutex, MutexGuard};

use alloy_primitives::U256;
use metacloud_chain::{CallError, SendError};
use metacloud_protocol::Nrlc;
use metacloud_wire::cause::Cause;
use metacloud_wire::pool::Settlement;
use tokio::sync::Semaphore;

use crate::context::Context;
use crate::halt::Halt;

/// Gas that a contribution takes at most.
const CONTRIBUTE_GAS: u64 = 600_000;
/// Gas that a reveal takes at most; kept in reserve for every contribution not yet revealed.
const REVEAL_GAS: u64 = 250_000;
/// Gas that contributeAndFinalize takes at most, with the callback's share.
const ONE_STEP_GAS: u64 = 1_500_000;
/// The price of gas may rise this much between contribution and reveal.
const PRICE_RESERVE: u64 = 2;

/// What the worker promised but has not spent yet.
pub(crate) struct Purse {
    sums: Mutex<Sums>,
    /// One deposit at a time, or two tasks would deposit for the same shortage.
    deposits: Semaphore,
}

#[derive(Default)]
struct Sums {
    /// Stake of contributions on their way.
    promised: U256,
    /// Contributions that are not revealed yet.
    reveals: u64,
    /// RLC deposited since the start.
    deposited: U256,
}

impl Purse {
    pub(crate) fn new() -> Self {
        Self { sums: Mutex::default(), deposits: Semaphore::new(1) }
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().expect("nothing panics while it holds the sums")
    }

    /// Whether the stake could be raised, before work begins; nothing is deposited yet.
    pub(crate) async fn can_stake(&self, ctx: &Context, stake: Nrlc) -> Result<(), Halt> {
        let free = ctx.ask(|| ctx.hub.view_account(ctx.me())).await?.stake;
        if free >= stake {
            return Ok(());
        }
        let held = ctx.ask(|| ctx.hub.token_balance(ctx.token, ctx.me())).await?;
        let deposit = held.0.min(self.may_deposit(ctx));
        if free.0.saturating_add(deposit) >= stake.0 {
            Ok(())
        } else {
            Err(too_low(stake, free, Nrlc(deposit)))
        }
    }

    fn may_deposit(&self, ctx: &Context) -> U256 {
        ctx.limits.deposit_max.0.saturating_sub(self.sums().deposited)
    }

    /// Promises a stake and deposits what is short. Held until the contribution is mined.
    pub(crate) async fn stake<'a>(&'a self, ctx: &Context, stake: Nrlc) -> Result<Promise<'a>, Halt> {
        self.sums().promised += stake.0;
        let promise = Promise { purse: self, stake: stake.0 };
        if stake.is_zero() {
            return Ok(promise);
        }
        let _turn = self.deposits.acquire().await.expect("never closed");
        let free = ctx.ask(|| ctx.hub.view_account(ctx.me())).await?.stake;
        let promised = self.sums().promised;
        let Some(short) = promised.checked_sub(free.0).filter(|short| !short.is_zero()) else {
            return Ok(promise);
        };
        let held = ctx.ask(|| ctx.hub.token_balance(ctx.token, ctx.me())).await?;
        let deposit = short.min(held.0).min(self.may_deposit(ctx));
        if free.0.saturating_add(deposit) < stake.0 {
            return Err(too_low(stake, free, Nrlc(deposit)));
        }
        if !deposit.is_zero() {
            let sent = ctx.hub.deposit(&ctx.wallet, ctx.token, Nrlc(deposit)).await;
            sent.map_err(|error| send_failed("deposit", &error))?;
            self.sums().deposited += deposit;
            tracing::info!(amount = %Nrlc(deposit), "deposited stake");
        }
        Ok(promise)
    }

    /// Counts a contribution that will have to be revealed.
    pub(crate) fn owe_reveal(&self) -> Reveal<'_> {
        self.sums().reveals += 1;
        Reveal(self)
    }

    /// Whether ether suffices for the next transaction and every reveal that is owed, this task's included.
    pub(crate) async fn can_pay(&self, ctx: &Context, settlement: Settlement) -> Result<(), Halt> {
        let (price, balance) = ctx
            .ask(|| async {
                let price = ctx.chain.request::<U256>("eth_gasPrice", serde_json::json!([]));
                let both = futures::try_join!(price, ctx.chain.balance(ctx.me()));
                both.map_err(CallError::Rpc)
            })
            .await?;
        let gas = match settlement {
            Settlement::CommitReveal => CONTRIBUTE_GAS + REVEAL_GAS * PRICE_RESERVE,
            Settlement::OneStep => ONE_STEP_GAS,
        };
        let owed = U256::from(self.sums().reveals) * U256::from(REVEAL_GAS * PRICE_RESERVE);
        let needs = price.saturating_mul(owed + U256::from(gas));
        if balance >= needs {
            return Ok(());
        }
        let message = format!(
            "{} has {balance} wei, {needs} wei are needed to contribute and to reveal what is owed; send it ether",
            ctx.me()
        );
        Err(Halt::failed(Cause::OUT_OF_GAS, message))
    }
}

/// A stake on its way.
pub(crate) struct Promise<'a> {
    purse: &'a Purse,
    stake: U256,
}

impl Drop for Promise<'_> {
    fn drop(&mut self) {
        self.purse.sums().promised -= self.stake;
    }
}

/// A reveal that is owed until this is dropped.
pub(crate) struct Reveal<'a>(&'a Purse);

impl Drop for Reveal<'_> {
    fn drop(&mut self) {
        self.0.sums().reveals -= 1;
    }
}

fn too_low(stake: Nrlc, free: Nrlc, deposit: Nrlc) -> Halt {
    let message = format!("a stake of {stake} is needed, {free} are free and {deposit} may be deposited");
    Halt::failed(Cause::STAKE_TOO_LOW, message)
}

/// What a failed transaction means for a task without contribution.
pub(crate) fn send_failed(what: &str, error: &SendError) -> Halt {
    let cause = match error {
        SendError::Unfunded { .. } | SendError::FeeAboveCap { .. } | SendError::OutOfGas { .. } => {
            Cause::OUT_OF_GAS
        }
        SendError::Rpc(_) | SendError::Answer(_) => Cause::CHAIN_UNREACHABLE,
        SendError::Reverted { .. } | SendError::NonceTaken { .. } | SendError::Stuck { .. } => {
            Cause::CHAIN_RECEIPT_NOT_VALID
        }
        SendError::Closed { .. } | SendError::Unexpected { .. } => Cause::CHAIN_RECEIPT_NOT_VALID,
    };
    Halt::failed(cause, format!("{what}: {error}"))
}
