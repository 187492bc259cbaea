//! Making blocks of what waits in the pool.

use std::collections::BTreeSet;
use std::time::Instant;

use alloy_primitives::Address;
use tracing::{debug, error};

use crate::error::RpcError;
use crate::execute::{BlockContext, Run, Unrunnable, run_block};
use crate::executor::{Executor, Mode, clock_s};
use crate::record::Record;

impl Executor {
    /// Mines until none of these senders has a transaction that can run.
    ///
    /// # Errors
    /// When the log cannot be written; what is not mined by then waits.
    pub(crate) fn mine_ready(
        &mut self,
        senders: &BTreeSet<Address>,
        failures: &mut Vec<Unrunnable>,
    ) -> Result<(), RpcError> {
        loop {
            let now_s = clock_s();
            let (context, run) = {
                let chain = self.read();
                let context = chain.next_context(now_s);
                let transactions = chain.pool.select(
                    senders.iter().copied(),
                    |sender| chain.state().account(sender).nonce,
                    context.base_fee_wei,
                    context.gas_limit,
                );
                if transactions.is_empty() {
                    return Ok(());
                }
                let run = run_block(chain.view(), &context, &transactions);
                (context, run)
            };
            self.finish(&context, run, now_s, false, failures)?;
        }
    }

    /// Makes one block of whatever can run, also of nothing.
    ///
    /// # Errors
    /// When the log cannot be written; the chain is unchanged then.
    pub(crate) fn mine_one(&mut self) -> Result<(), RpcError> {
        let now_s = clock_s();
        let (context, run) = {
            let chain = self.read();
            let context = chain.next_context(now_s);
            let transactions = chain.pool.select(
                chain.pool.senders(),
                |sender| chain.state().account(sender).nonce,
                context.base_fee_wei,
                context.gas_limit,
            );
            let run = run_block(chain.view(), &context, &transactions);
            (context, run)
        };
        self.finish(&context, run, now_s, true, &mut Vec::new())
    }

    fn finish(
        &mut self,
        context: &BlockContext,
        mut run: Run,
        now_s: u64,
        also_empty: bool,
        failures: &mut Vec<Unrunnable>,
    ) -> Result<(), RpcError> {
        for unrunnable in std::mem::take(&mut run.unrunnable) {
            if unrunnable.early {
                continue;
            }
            debug!(transaction = %unrunnable.hash, reason = %unrunnable.error, "dropped");
            self.append(&Record::Dropped { hash: unrunnable.hash })?;
            self.write().pool.remove(&unrunnable.hash);
            failures.push(unrunnable);
        }
        if run.executed.is_empty() && !also_empty {
            return Ok(());
        }
        let record = self.read().seal(context, run, now_s);
        self.commit(record)
    }

    pub(super) fn mine_if_due(&mut self) {
        let (Mode::Every(period), Some(due)) = (self.mode, self.due) else {
            return;
        };
        let now = Instant::now();
        if now < due {
            return;
        }
        if let Err(error) = self.mine_one() {
            error!(%error, "block not made");
        }
        // A late block does not make the following ones early.
        self.due = Some((due + period).max(now));
    }
}
