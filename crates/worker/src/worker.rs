use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use alloy_primitives::Address;
use metacloud_chain::{CallError, HubClient, Wallet, WalletError};
use metacloud_ends::Ended;
use metacloud_protocol::Tag;
use metacloud_store::{DataDir, OpenDataDir};
use metacloud_wire::pool::{Capacity, FromWorker, SLOTS_MAX};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::cache::Cache;
use crate::config::{Conduct, WorkerConfig};
use crate::context::Context;
use crate::desk::{Desk, Inbox};
use crate::enclave::Enclaves;
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
    ended: Ended,
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
        let enclave = config.enclaves.as_ref().map(Enclaves::offer);
        if let Some(offer) = enclave {
            tracing::warn!(
                root = %offer.root,
                "this worker offers SIMULATED enclaves: they protect nobody's data from whoever controls this machine"
            );
        }
        let capacity = Capacity { slots, memory_bytes: config.limits.memory_bytes, tag: Tag::NONE, enclave };
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
        let (ends, ended) = metacloud_ends::channel("the worker");
        let desk = tokio::spawn(async move {
            let (mut watching, mut linking) = (tokio::spawn(watching), tokio::spawn(linking));
            let failed = tokio::select! {
                () = desk.work(inbox) => None,
                end = &mut watching => Some(without("follow the chain", end)),
                end = &mut linking => Some(without("talk to its pool", end)),
            };
            for helper in [watching, linking].into_iter().filter(|helper| !helper.is_finished()) {
                helper.abort();
                // Cancelled, which is what was asked for.
                let _ = helper.await;
            }
            drop(dir);
            match failed {
                None => ends.asked(),
                Some(reason) => ends.tell(reason),
            }
        });
        Ok(Self { address, stop, desk, ended })
    }

    /// The wallet with which it contributes.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Resolves when the worker has stopped, asked to or by itself, with the reason in words. May be awaited any number
    /// of times, by a supervisor that outlives this handle.
    pub fn ended(&self) -> impl Future<Output = String> + Send + use<> {
        self.ended.reason()
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

/// A helper ended, which none does by itself: the worker would be deaf from here on.
fn without(what: &str, end: Result<(), JoinError>) -> String {
    let why = end.map_or_else(|error| error.to_string(), |()| "it ended by itself".to_owned());
    tracing::error!(what, why, "the worker cannot go on");
    format!("the worker can no longer {what}: {why}")
}

fn disk(path: &std::path::Path) -> impl FnOnce(io::Error) -> StartError {
    let path = path.to_owned();
    move |source| StartError::Disk { path, source }
}

async fn context(
    config: WorkerConfig,
    dir: &DataDir,
    storage: watch::Receiver<Option<Arc<crate::fetch::Storage>>>,
    reports: mpsc::Sender<FromWorker>,
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
    Ok(Context {
        chain: config.chain,
        hub,
        wallet,
        token,
        workerpool: config.workerpool,
        tasks_dir,
        sandbox: config.sandbox,
        cache,
        storage,
        slots: Semaphore::new(config.slots),
        transfers: Semaphore::new(config.limits.transfers_max.max(1)),
        purse: Purse::new(),
        enclaves: config.enclaves,
        reports,
        limits: config.limits,
        conduct: config.conduct,
    })
}
