use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::Address;
use metacloud_chain::{CallError, Chain, HubClient, Wallet};
use metacloud_protocol::TaskId;
use metacloud_sandbox::Sandbox;
use metacloud_wire::cause::Cause;
use metacloud_wire::enclave::Evidence;
use metacloud_wire::pool::{FromWorker, Report};
use tokio::sync::{Semaphore, mpsc, watch};

use crate::cache::Cache;
use crate::config::{Conduct, WorkerLimits};
use crate::enclave::Enclaves;
use crate::fetch::Storage;
use crate::halt::Halt;
use crate::purse::Purse;

/// First pause before a question to the chain is repeated.
pub(crate) const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest pause between two tries of anything.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Tries before a task that has no stake yet is given up because the chain does not answer.
const TRIES_WITHOUT_STAKE: u32 = 8;

/// What all tasks of a worker share.
pub(crate) struct Context {
    pub(crate) chain: Chain,
    pub(crate) hub: HubClient,
    pub(crate) wallet: Wallet,
    /// The RLC token of the hub.
    pub(crate) token: Address,
    pub(crate) workerpool: Address,
    pub(crate) limits: WorkerLimits,
    pub(crate) conduct: Conduct,
    pub(crate) tasks_dir: PathBuf,
    pub(crate) sandbox: Sandbox,
    pub(crate) cache: Cache,
    /// Where content is, once a pool said so.
    pub(crate) storage: watch::Receiver<Option<Arc<Storage>>>,
    /// Permits to run an application.
    pub(crate) slots: Semaphore,
    /// Permits to move content.
    pub(crate) transfers: Semaphore,
    pub(crate) purse: Purse,
    /// Makes enclaves, if this worker can.
    pub(crate) enclaves: Option<Enclaves>,
    pub(crate) reports: mpsc::Sender<FromWorker>,
}

impl Context {
    pub(crate) fn me(&self) -> Address {
        self.wallet.address()
    }

    pub(crate) fn task_dir(&self, task: TaskId) -> PathBuf {
        self.tasks_dir.join(task.to_string())
    }

    /// Hands a report to the desk. Ends only with the desk itself, so there is nobody to tell of a failure.
    pub(crate) async fn report(&self, report: Report) {
        let _ = self.reports.send(FromWorker::Report(report)).await;
    }

    /// Hands evidence about a task's enclave to the desk, which repeats it until the pool answers.
    pub(crate) async fn show(&self, evidence: Evidence) {
        let _ = self.reports.send(FromWorker::Evidence(Box::new(evidence))).await;
    }

    /// Storage of the pool, waiting for the first Welcome.
    pub(crate) async fn storage(&self) -> Result<Arc<Storage>, Halt> {
        let mut storage = self.storage.clone();
        let found = storage.wait_for(Option::is_some).await;
        let storage = found.ok().and_then(|storage| storage.clone());
        storage.ok_or_else(|| Halt::failed(Cause::ABORTED_BY_WORKER, "the worker is stopping"))
    }

    /// Asks the chain, again if it does not answer, for a task that has no stake yet.
    pub(crate) async fn ask<T, F>(&self, mut question: impl FnMut() -> F) -> Result<T, Halt>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let mut pause = PAUSE_MIN;
        for _ in 1..TRIES_WITHOUT_STAKE {
            match question().await {
                Err(CallError::Rpc(error)) if error.is_passing() => {
                    tracing::debug!(%error, "chain does not answer");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                Err(error) => return Err(refused(&error)),
                Ok(answer) => return Ok(answer),
            }
        }
        question().await.map_err(|error| refused(&error))
    }
}

fn refused(error: &CallError) -> Halt {
    Halt::failed(Cause::CHAIN_UNREACHABLE, error.to_string())
}
