use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use alloy_primitives::Address;
use metacloud_chain::{CallError, HubClient, Wallet, WalletError};
use metacloud_protocol::Tag;
use metacloud_sandbox::{OpenError, Sandbox, SandboxConfig};
use metacloud_store::{DataDir, OpenDataDir};
use metacloud_wire::pool::{Capacity, SLOTS_MAX};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::cache::Cache;
use crate::config::{Conduct, WorkerConfig};
use crate::context::Context;
use crate::desk::{Desk, Inbox};
use crate::purse::Purse;
use crate::{link, record, watcher};

/// Layout of the data directory.
const DATA_VERSION: u32 = 1;
/// Events that wait for the desk; whoever sends more waits.
const INBOX_MAX: usize = 1_024;

/// A running worker. Dropping it is like killing its process: nothing is lost that the chain or the data directory
/// holds.
#[derive(Debug)]
pub struct Worker {
    address: Address,
    stop: CancellationToken,
    desk: JoinHandle<()>,
}

/// Why a worker does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The key is none.
    #[error("the worker's key: {0}")]
    Key(#[from] WalletError),
    /// Not an http(s) URL.
    #[error("{url:?} is no address of a scheduler: {source}")]
    SchedulerUrl {
        /// As configured.
        url: String,
        /// What is wrong.
        source: tonic::transport::Error,
    },
    /// No slots, or more than a pool takes.
    #[error("a worker has 1 to {SLOTS_MAX} slots, not {slots}")]
    Slots {
        /// As configured.
        slots: usize,
    },
    /// In use, of another version, or not writable.
    #[error(transparent)]
    DataDir(#[from] OpenDataDir),
    /// A file of the data directory.
    #[error("cannot use {}: {source}", path.display())]
    Disk {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] OpenError),
    /// The hub did not name its token: no chain, or no hub there.
    #[error("the hub {hub} cannot be read: {source}")]
    Hub {
        /// Its address.
        hub: Address,
        /// Why.
        source: CallError,
    },
}

impl Worker {
    /// Starts a worker: goes on with what an earlier process left, and joins the pool as soon as it answers.
    ///
    /// # Errors
    /// [`StartError`]. A scheduler that does not answer is no error; it is waited for.
    pub async fn start(config: WorkerConfig) -> Result<Self, StartError> {
        let url = &config.scheduler_url;
        let endpoint =
            link::endpoint(url).map_err(|source| StartError::SchedulerUrl { url: url.clone(), source })?;
        let slots = u32::try_from(config.slots).ok().filter(|slots| (1..=SLOTS_MAX).contains(slots));
        let slots = slots.ok_or(StartError::Slots { slots: config.slots })?;
        let capacity = Capacity { slots, memory_bytes: config.limits.memory_bytes, tag: Tag::NONE };
        let dir = DataDir::open(&config.data_dir, "worker", DATA_VERSION)?;
        let (reports_in, reports) = mpsc::channel(INBOX_MAX);
        let (storage_in, storage) = watch::channel(None);
        let ctx = Arc::new(context(config, &dir, storage, reports_in).await?);
        let unfinished = record::unfinished(&ctx.tasks_dir).map_err(disk(&ctx.tasks_dir))?;
        let (link_in, link) = mpsc::channel(INBOX_MAX);
        let (news_in, news) = mpsc::channel(INBOX_MAX);
        let stop = CancellationToken::new();
        let inbox = Inbox { link, reports, news, stop: stop.clone() };
        let address = ctx.me();
        let watching = watcher::watch(ctx.hub.clone(), news_in);
        let linking = link::keep(Arc::clone(&ctx), endpoint, capacity, link_in);
        let desk = Desk::new(ctx, dir.path().to_owned(), storage_in, unfinished);
        let desk = tokio::spawn(async move {
            let helpers = [tokio::spawn(watching), tokio::spawn(linking)];
            desk.work(inbox).await;
            for helper in helpers {
                helper.abort();
                // Cancelled, which is what was asked for.
                let _ = helper.await;
            }
            drop(dir);
        });
        Ok(Self { address, stop, desk })
    }

    /// The wallet with which it contributes.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Stops at once. Running applications are cancelled; they start again with the next [`Worker::start`].
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Err(error) = (&mut self.desk).await {
            tracing::error!(%error, "the worker did not end by itself");
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn disk(path: &std::path::Path) -> impl FnOnce(io::Error) -> StartError {
    let path = path.to_owned();
    move |source| StartError::Disk { path, source }
}

async fn context(
    config: WorkerConfig,
    dir: &DataDir,
    storage: watch::Receiver<Option<Arc<crate::fetch::Storage>>>,
    reports: mpsc::Sender<metacloud_wire::pool::Report>,
) -> Result<Context, StartError> {
    if let Conduct::Lies { every } = config.conduct {
        tracing::warn!(every, "this worker LIES about results, to demonstrate that it is found and punished");
    }
    let wallet = Wallet::new(config.chain.clone(), config.key)?;
    let hub = HubClient::new(config.chain.clone(), config.hub);
    let token = hub.token().await.map_err(|source| StartError::Hub { hub: config.hub, source })?;
    let tasks_dir = dir.join("tasks");
    std::fs::create_dir_all(&tasks_dir).map_err(disk(&tasks_dir))?;
    let cache_dir = dir.join("cache");
    let cache = Cache::open(cache_dir.clone(), config.limits.cache_bytes_max).map_err(disk(&cache_dir))?;
    let sandbox = Sandbox::open(SandboxConfig {
        cache_dir: dir.join("modules"),
        cache_bytes_max: config.limits.modules_bytes_max,
    })?;
    Ok(Context {
        chain: config.chain,
        hub,
        wallet,
        token,
        workerpool: config.workerpool,
        tasks_dir,
        sandbox,
        cache,
        storage,
        slots: Semaphore::new(config.slots),
        transfers: Semaphore::new(config.limits.transfers_max.max(1)),
        purse: Purse::new(),
        reports,
        limits: config.limits,
        conduct: config.conduct,
    })
}
