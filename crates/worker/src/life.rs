//! The way of one task on this worker, from its assignment to its end on chain.

use std::future::Future;
use std::sync::Arc;

use alloy_primitives::Address;
use metacloud_enclave::ran::Ran;
use metacloud_wire::Signature;
use metacloud_wire::cause::{Cause, Failure};
use metacloud_wire::pool::{ReportStatus, Settlement};
use tokio::sync::watch;

use crate::checks::{self, Terms};
use crate::compute;
use crate::context::Context;
use crate::enclave;
use crate::halt::Halt;
use crate::prepare::{Preparation, prepare, prepare_for_enclave};
use crate::record::{Computed, Durability, Record, Stage};
use crate::settle;

/// What the desk wants of a task. State rather than messages: repeating it changes nothing, nothing can pile up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Control {
    /// Stop, unless there is a contribution already.
    pub(crate) abort: Option<Cause>,
    /// The pool asked this worker to upload.
    pub(crate) upload: bool,
    /// The pool's permission for an enclave of this task.
    pub(crate) authorized: Option<(Address, Signature)>,
    /// Counts reasons to look at the chain again.
    pub(crate) nudges: u64,
}

/// The task's end of its control.
pub(crate) struct ControlReceiver(watch::Receiver<Control>);

impl ControlReceiver {
    pub(crate) fn upload(&self) -> bool {
        self.0.borrow().upload
    }

    pub(crate) fn aborted(&self) -> Option<Cause> {
        self.0.borrow().abort.clone()
    }

    /// Waits for the pool's permission for this enclave, unless the pool aborts the task first.
    pub(crate) async fn authorized(&mut self, enclave: Address) -> Result<Signature, Halt> {
        let of = |control: &Control| {
            control.authorized.as_ref().filter(|(found, _)| *found == enclave).map(|(_, sign)| sign.clone())
        };
        loop {
            if let Some(cause) = self.aborted() {
                return Err(Halt::aborted(cause, "the pool stopped the task"));
            }
            if let Some(sign) = of(&self.0.borrow_and_update()) {
                return Ok(sign);
            }
            self.changed().await;
        }
    }

    /// Waits for the next change; for ever if the desk is gone, since it then drops the task as well.
    pub(crate) async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What `work` gives, unless the pool aborts the task first.
    pub(crate) async fn unless_aborted<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Halt> {
        let aborted = async {
            let found = self.0.wait_for(|control| control.abort.is_some()).await;
            let cause = found.ok().and_then(|control| control.abort.clone());
            match cause {
                Some(cause) => cause,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            cause = aborted => Err(Halt::aborted(cause, "the pool stopped the task")),
            done = work => Ok(done),
        }
    }
}

/// One task at work.
pub(crate) struct Life {
    ctx: Arc<Context>,
    record: Record,
    control: ControlReceiver,
    /// The last run, if it left no result: what the application said goes to the buyer with the causes.
    failed_run: Option<Ran>,
}

impl Life {
    pub(crate) fn new(ctx: Arc<Context>, record: Record, control: watch::Receiver<Control>) -> Self {
        Self { ctx, record, control: ControlReceiver(control), failed_run: None }
    }

    /// Goes on from where the record is. Ends when the task needs this worker no more; its directory is removed then.
    pub(crate) async fn live(mut self) {
        let task = self.record.assign.task;
        if let Err(halt) = self.go().await {
            let (status, failures) = match halt {
                Halt::Failed(failures) => (ReportStatus::Failed, failures),
                Halt::Aborted(failure) => (ReportStatus::Aborted, vec![failure]),
            };
            tracing::info!(%task, ?status, causes = %list(&failures), "task ended");
            let mut report = self.record.report(status);
            report.failures = failures;
            if let Some(run) = self.failed_run.take() {
                (report.exit_code, report.fuel_used, report.compute_ms) =
                    (run.exit_code, run.fuel_used, run.compute_ms);
                (report.stdout_tail, report.stderr_tail) = (run.stdout_tail, run.stderr_tail);
            }
            self.ctx.report(report).await;
        }
        let dir = self.ctx.task_dir(task);
        let removed = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(&dir)).await;
        if let Ok(Err(error)) = removed {
            tracing::warn!(%task, %error, "task directory cannot be removed");
        }
    }

    async fn go(&mut self) -> Result<(), Halt> {
        if self.record.stage == Stage::Accepted {
            self.compute().await?;
        }
        let Stage::Computed(computed) = self.record.stage.clone() else {
            unreachable!("computing ends with a result or an error");
        };
        match self.record.assign.settlement {
            Settlement::CommitReveal => {
                settle::commit_reveal(&self.ctx, &self.record, &computed, &mut self.control).await
            }
            Settlement::OneStep => settle::one_step(&self.ctx, &self.record, &computed).await,
        }
    }

    async fn compute(&mut self) -> Result<(), Halt> {
        let ctx = Arc::clone(&self.ctx);
        let assign = self.record.assign.clone();
        let terms = self.control.unless_aborted(checks::check(&ctx, &assign)).await??;
        ctx.report(self.record.report(ReportStatus::Started)).await;
        let callback = !terms.deal.callback.is_zero();
        if terms.deal.tag.tee() {
            return self.compute_in_enclave(&terms).await;
        }
        let preparation = self.control.unless_aborted(prepare(&ctx, &assign, &terms)).await??;
        let (run, computed) = match preparation {
            Preparation::Ready(prepared) => {
                let (run, may_hold_result) = compute::run(&ctx, *prepared, &mut self.control).await?;
                let collected = match may_hold_result {
                    true => compute::collected(&ctx, assign.task, callback, &run).await,
                    false => Err(Halt::Failed(run.failures.clone())),
                };
                match collected {
                    Ok(computed) => (run, computed),
                    Err(halt) => {
                        self.failed_run = Some(run);
                        return Err(halt);
                    }
                }
            }
            // A callback contract has no use for an error text.
            Preparation::Unavailable(failure) if callback => return Err(Halt::Failed(vec![failure])),
            Preparation::Unavailable(failure) => {
                (Ran::default(), compute::error_result(&ctx, assign.task, failure).await?)
            }
        };
        self.computed(computed, run).await
    }

    /// What cannot be fetched ends the task: nobody vouches for an error text.
    async fn compute_in_enclave(&mut self, terms: &Terms) -> Result<(), Halt> {
        let ctx = Arc::clone(&self.ctx);
        let assign = self.record.assign.clone();
        let prepared = self.control.unless_aborted(prepare_for_enclave(&ctx, &assign, terms)).await??;
        let (ran, result) = enclave::run(&ctx, &assign, terms, prepared, &mut self.control).await?;
        match result {
            Ok(computed) => self.computed(computed, ran).await,
            Err(failures) => {
                self.failed_run = Some(ran);
                Err(Halt::Failed(failures))
            }
        }
    }

    /// Keeps the result for a crash, and tells the pool how the run went (not what came out of it).
    async fn computed(&mut self, mut computed: Computed, run: Ran) -> Result<(), Halt> {
        let task = self.record.assign.task;
        if let Some(lie) = self.ctx.conduct.lie(task, self.ctx.me(), computed.digest) {
            tracing::warn!(%task, truth = %computed.digest, %lie, "DEMONSTRATION OF DISHONESTY: contributing a made-up result");
            computed.digest = lie;
        }
        self.record.stage = Stage::Computed(computed);
        self.save(Durability::Power).await?;
        let mut report = self.record.report(ReportStatus::Computed);
        (report.stdout_tail, report.stderr_tail) = (run.stdout_tail, run.stderr_tail);
        tracing::info!(%task, ms = run.compute_ms, exit_code = ?run.exit_code, "computed");
        self.ctx.report(report).await;
        Ok(())
    }

    /// Writes the record.
    async fn save(&self, durability: Durability) -> Result<(), Halt> {
        let (record, dir) = (self.record.clone(), self.ctx.task_dir(self.record.assign.task));
        let saved = tokio::task::spawn_blocking(move || record.save(&dir, durability)).await;
        saved.map_err(std::io::Error::other).flatten().map_err(|error| Halt::disk("save a task", error))
    }
}

fn list(failures: &[Failure]) -> String {
    failures.iter().map(Failure::to_string).collect::<Vec<_>>().join("; ")
}
