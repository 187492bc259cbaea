//! Starting, reaching and stopping a development chain.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use alloy_primitives::B256;
use metacloud_ends::Ended;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::chain::{Chain, Rules};
use crate::config::{Config, Mining};
use crate::executor::{COMMANDS_MAX, Command, Executor, Mode, Signal, SyncRequest, clock_s};
use crate::genesis::genesis_record;
use crate::log::{BlockLog, Identity, Recovered};
use crate::rpc::dispatch::Node;
use crate::rpc::http;

/// Least time between two flushes of the block log to the disk: what a power loss may cost (a crash of the process costs
/// nothing).
pub const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// Why a chain did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The listener's address cannot be had.
    #[error("cannot listen on {address}: {source}; choose another port, or 0 for a free one")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The data directory cannot be used.
    #[error("cannot use the data directory {}: {source}", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// Another process has the data directory open.
    #[error("the data directory {} is in use by another process; stop that one or choose another directory", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The file in the data directory is not a block log.
    #[error("{} holds a blocks.log that is not a block log; choose another directory or delete the file", path.display())]
    NotALog {
        /// The directory.
        path: PathBuf,
    },
    /// The log was written by another version.
    #[error("the chain in {} has format version {found}, this program reads {expected}; use the program that wrote it, or delete the directory to start over", path.display())]
    OtherVersion {
        /// The directory.
        path: PathBuf,
        /// Version of the log.
        found: u32,
        /// Version of this program.
        expected: u32,
    },
    /// The log is of another chain id.
    #[error("the chain in {} has chain id {found}, not {expected}; start it with chain id {found}, or choose another directory", path.display())]
    OtherChain {
        /// The directory.
        path: PathBuf,
        /// Chain id of the log.
        found: u64,
        /// Chain id asked for.
        expected: u64,
    },
    /// The log grew from another genesis.
    #[error("the chain in {} grew from another genesis (balances or contracts differ); choose another directory, or delete this one to start over", path.display())]
    OtherGenesis {
        /// The directory.
        path: PathBuf,
    },
    /// A transaction of the genesis did not succeed.
    #[error("transaction {index} of the genesis failed: {reason}")]
    Genesis {
        /// Index of the transaction.
        index: usize,
        /// What the EVM says.
        reason: String,
    },
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

/// Why a chain did not stop in order.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// A thread of the chain panicked; the block log holds everything that was acknowledged.
    #[error("a thread of the chain ended by a panic")]
    Panicked,
}

/// A running development chain. Dropping it ends it too, without waiting for open connections.
#[derive(Debug)]
pub struct Devchain {
    address: SocketAddr,
    chain: Arc<RwLock<Chain>>,
    commands: SyncSender<Command>,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    server: Option<tokio::task::JoinHandle<()>>,
    ended: Ended,
    recovered: Recovered,
}

/// Starts a chain: opens its log, or makes its genesis, then listens. Must be called within a tokio runtime.
///
/// # Errors
/// See [`StartError`].
pub async fn start(config: Config) -> Result<Devchain, StartError> {
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|source| StartError::Listen { address: config.listen, source })?;
    let address =
        listener.local_addr().map_err(|source| StartError::Listen { address: config.listen, source })?;
    let mode = match config.mining {
        Mining::Instant => Mode::Instant,
        Mining::Every(period) => Mode::Every(period),
    };
    let opened = tokio::task::spawn_blocking(move || open(&config))
        .await
        .map_err(|error| StartError::Thread(io::Error::other(error)))??;
    let recovered = opened.recovered;
    if recovered.dropped_bytes > 0 {
        warn!(
            dropped_bytes = recovered.dropped_bytes,
            dropped_records = recovered.dropped_records,
            blocks = recovered.blocks,
            "the block log had a damaged tail, cut off"
        );
    }
    let chain = Arc::new(RwLock::new(opened.chain));
    let first = {
        let chain = chain.read().expect("nobody else has the chain yet");
        Signal { head: chain.head().hash, announced: chain.next_announcement() }
    };
    let (commands, inbox) = sync_channel(COMMANDS_MAX);
    let (signal, watcher) = watch::channel(first);
    let mut threads = Vec::new();
    let sync = match &opened.log {
        Some(log) => {
            let file = log.handle().map_err(StartError::Thread)?;
            let (wake, wakes) = sync_channel(1);
            let asked = Arc::new(AtomicBool::new(false));
            let sync = SyncRequest { wake, asked: Arc::clone(&asked) };
            threads.push(spawn("devchain-sync", move || {
                sync_log(&file, &wakes, &asked);
            })?);
            Some(sync)
        }
        None => None,
    };
    let executor = Executor::new(Arc::clone(&chain), opened.log, mode, inbox, signal, sync);
    let (ends, ended) = metacloud_ends::channel("the chain");
    let serving = ends.another("the chain");
    threads.push(spawn("devchain-exec", move || {
        executor.run();
        ends.asked();
    })?);
    let (stop, stopping) = watch::channel(false);
    let node = Arc::new(Node::new(Arc::clone(&chain), commands.clone(), watcher));
    let server = tokio::spawn(async move {
        let served = http::serve(listener, node, stopping).await;
        match served {
            Ok(()) => serving.asked(),
            Err(error) => serving.tell(format!("the chain's JSON-RPC server ended: {error}")),
        }
    });
    info!(%address, "development chain listens");
    Ok(Devchain { address, chain, commands, stop, threads, server: Some(server), ended, recovered })
}

impl Devchain {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// URL for HTTP clients.
    pub fn rpc_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// URL for WebSocket clients.
    pub fn ws_url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Number and hash of the newest block.
    ///
    /// # Panics
    /// When the executor has panicked.
    pub fn head(&self) -> (u64, B256) {
        let chain = self.chain.read().expect("the executor does not panic while it holds the lock");
        let head = chain.head();
        (head.header.number, head.hash)
    }

    /// What opening the data directory found.
    pub fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// Resolves when the chain has stopped, asked to or by itself, with the reason in words. May be awaited any number of
    /// times, by a supervisor that outlives this handle.
    pub fn ended(&self) -> impl Future<Output = String> + Send + use<> {
        self.ended.reason()
    }

    /// Ends in order: takes in what is queued, brings the log to the disk, frees the port and the data directory.
    ///
    /// # Errors
    /// [`StopError::Panicked`].
    pub async fn stop(mut self) -> Result<(), StopError> {
        self.stop.send_replace(true);
        let threads = std::mem::take(&mut self.threads);
        let commands = self.commands.clone();
        let ended = tokio::task::spawn_blocking(move || end_threads(&commands, threads)).await;
        if let Some(server) = self.server.take() {
            // Open requests get their answers or an error by now; idle connections need not be waited for.
            server.abort();
            let _ = server.await;
        }
        match ended {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(StopError::Panicked),
        }
    }
}

impl Drop for Devchain {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(server) = self.server.take() {
            server.abort();
        }
        end_threads(&self.commands, std::mem::take(&mut self.threads));
    }
}

/// `true`: none of them panicked.
fn end_threads(commands: &SyncSender<Command>, threads: Vec<JoinHandle<()>>) -> bool {
    if threads.is_empty() {
        return true;
    }
    // A full queue only delays this; a closed one means that the executor has ended.
    let _ = commands.send(Command::Stop);
    let mut orderly = true;
    // The executor first: its end lets the thread that syncs the log end.
    for thread in threads.into_iter().rev() {
        orderly &= thread.join().is_ok();
    }
    orderly
}

struct Opened {
    chain: Chain,
    log: Option<BlockLog>,
    recovered: Recovered,
}

fn open(config: &Config) -> Result<Opened, StartError> {
    let rules = Rules {
        chain_id: config.chain_id,
        base_fee: config.base_fee_wei,
        block_gas_limit: config.block_gas_limit,
    };
    let mut chain = Chain::new(rules);
    let (mut log, recovered) = match &config.data_dir {
        Some(dir) => {
            let identity =
                Identity { chain_id: config.chain_id, genesis: config.genesis.digest(config.chain_id) };
            let (log, recovered) = BlockLog::open(dir, identity, |record| chain.apply(record))?;
            (Some(log), recovered)
        }
        None => (None, Recovered::default()),
    };
    if !chain.has_genesis() {
        let record = genesis_record(&config.genesis, rules, clock_s())?;
        if let (Some(log), Some(path)) = (&mut log, &config.data_dir) {
            assert!(log.is_fresh(), "records begin with the genesis");
            log.append(&record).map_err(|source| StartError::DataDir { path: path.clone(), source })?;
        }
        let applied = chain.apply(record);
        assert!(applied, "the genesis starts an empty chain");
    }
    Ok(Opened { chain, log, recovered })
}

/// Flushes the log after appends, about once per [`SYNC_INTERVAL`] at most, and at the end.
fn sync_log(file: &std::fs::File, wakes: &Receiver<()>, asked: &AtomicBool) {
    let flush = || {
        if let Err(error) = file.sync_data() {
            warn!(%error, "block log not flushed to the disk");
        }
    };
    while wakes.recv().is_ok() {
        flush();
        // Nothing is sent while `asked` is set, so this waits for the time or for the end of the executor.
        let ended = wakes.recv_timeout(SYNC_INTERVAL) == Err(RecvTimeoutError::Disconnected);
        asked.store(false, Ordering::Release);
        flush();
        if ended {
            return;
        }
    }
    flush();
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StartError> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work).map_err(StartError::Thread)
}
