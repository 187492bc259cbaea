//! The role from outside.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use alloy_primitives::{Address, B256};
use axum::Router;
use metacloud_blobs::BlobClient;
use metacloud_chain::{BlockRef, CallError, Chain, Cursor, HubClient, RpcError, Wallet, WalletError};
use metacloud_dispatch::limits as machine_limits;
use metacloud_ends::{Ended, Ends};
use metacloud_store::{DataDir, Database, Durability, Journal, OpenDataDir, StoreError};
use metacloud_wire::enclave::Roots;
use metacloud_wire::login::{self, Challenges};
use metacloud_wire::pool::proto::pool_server::PoolServer;
use metacloud_wire::pool::{MESSAGE_BYTES_MAX, PROTOCOL_VERSION, Welcome};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;

use crate::act::Hands;
use crate::config::SchedulerConfig;
use crate::enclaves::Admission;
use crate::journal::{Origin, Record, State};
use crate::logs::{LogWriter, Logs};
use crate::owner::{Owner, OwnerError};
use crate::routes::Api;
use crate::service::PoolService;
use crate::session::Session;
use crate::verify::Verifier;
use crate::{facts, journal, limits, routes};

/// Version of what the data directory holds.
const DATA_VERSION: u32 = 1;

/// A running scheduler. Dropping it without [`Scheduler::stop`] ends it as a crash would: nothing is lost.
pub struct Scheduler {
    local_addr: SocketAddr,
    api: Api,
    stop: CancellationToken,
    /// Taken when it is waited for.
    owning: Option<JoinHandle<Result<(), OwnerError>>>,
    serving: JoinHandle<()>,
    following: JoinHandle<()>,
    ended: Ended,
    _data: DataDir,
}

/// Why a scheduler does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory is in use, of another version, or unreadable.
    #[error(transparent)]
    DataDir(#[from] OpenDataDir),
    /// The journal cannot be read.
    #[error("cannot read the scheduler's journal")]
    Journal(#[from] StoreError),
    /// The journal is another pool's, or of another chain.
    #[error(
        "the scheduler's journal is of workerpool {workerpool} with hub {hub} on chain {chain_id} that began with block {genesis}, which is not this one; give another --data-dir"
    )]
    OtherOrigin {
        /// Chain found.
        chain_id: u64,
        /// Hash of its block 0.
        genesis: B256,
        /// Hub found.
        hub: Address,
        /// Pool found.
        workerpool: Address,
    },
    /// The chain has no blocks.
    #[error("the chain has no block 0")]
    NoGenesis,
    /// The key is none.
    #[error("the key of the pool's owner is no key")]
    Key(#[from] WalletError),
    /// The chain does not answer.
    #[error("cannot read the chain's head")]
    Head(#[from] RpcError),
    /// The pool cannot be read.
    #[error("cannot read who owns workerpool {workerpool}; is it registered on this chain?")]
    Workerpool {
        /// The pool.
        workerpool: Address,
        /// The cause.
        source: CallError,
    },
    /// The hub cannot be read.
    #[error("cannot read who authorizes enclaves on hub {hub}; is it a hub?")]
    Broker {
        /// The hub.
        hub: Address,
        /// The cause.
        source: CallError,
    },
    /// The key is not that of the pool's owner.
    #[error("workerpool {workerpool} belongs to {owner}, but the key given is that of {key}")]
    NotOwner {
        /// The pool.
        workerpool: Address,
        /// Its owner on chain.
        owner: Address,
        /// The key's address.
        key: Address,
    },
    /// A storage URL is none.
    #[error("the storage service cannot be used")]
    Storage(#[from] metacloud_blobs::ConnectError),
    /// The scratch directory cannot be made.
    #[error("cannot make {}", path.display())]
    Scratch {
        /// The directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The address is taken or not ours.
    #[error("cannot listen on {listen}; is another scheduler running there? give another address")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
}

/// Why a scheduler ended other than by [`Scheduler::stop`].
#[derive(Debug, thiserror::Error)]
#[error("the scheduler ended: {reason}")]
pub struct Stopped {
    /// For people; the log has the chain of causes.
    pub reason: String,
}

impl Scheduler {
    /// Opens the data directory, reads the journal, binds the address and begins to follow the chain. Must be called
    /// within a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub async fn start(config: SchedulerConfig) -> Result<Self, StartError> {
        let hub = HubClient::new(config.chain.clone(), config.hub);
        let wallet = Wallet::new(config.chain.clone(), config.key)?;
        check_owner(&hub, config.workerpool, wallet.address()).await?;
        let broker = hub.tee_broker().await;
        let broker = broker.map_err(|source| StartError::Broker { hub: config.hub, source })?;
        let data = DataDir::open(&config.data_dir, "scheduler", DATA_VERSION)?;
        let verifier = Verifier {
            blobs: BlobClient::new(&config.ipfs_node_url, &config.ipfs_gateway_url)?,
            scratch: scratch(&data)?,
        };
        let database = Database::open(&data.join("scheduler.sqlite"), Durability::PowerCut).await?;
        // Of a crash the last ones may be missing: nobody's stake hangs on them.
        let logs = Database::open(&data.join("logs.sqlite"), Durability::ProcessDeath).await?;
        let logs = Logs::open(logs).await?;
        let genesis = config.chain.block(0).await?.ok_or(StartError::NoGenesis)?.block;
        let (mut journal, mut state) = open(&config, &database, genesis).await?;
        let known = in_common(&config.chain, genesis, &mut journal, &mut state).await?;
        let head = config.chain.head().await?.number;
        // Blocks that lack confirmations are told later.
        let head = head.saturating_sub(config.chain.confirmations());
        let past = match (state.followed, config.start) {
            (Some(BlockRef { number, .. }), _) | (None, Cursor::After { number, .. }) => {
                Some(head).filter(|head| number < *head)
            }
            (None, Cursor::Genesis) => Some(head),
            (None, Cursor::Head) => None,
        };
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|source| StartError::Listen { listen: config.listen, source })?;
        let local_addr =
            listener.local_addr().map_err(|source| StartError::Listen { listen: config.listen, source })?;

        let stop = CancellationToken::new();
        let (owner, inputs) = mpsc::channel(limits::INPUTS_MAX);
        let (to_owner, chain) = mpsc::channel(limits::BLOCKS_AHEAD_MAX);
        let follower = match state.followed {
            Some(_) => config.chain.resume(&known, vec![config.hub]),
            None => config.chain.follow(config.start, vec![config.hub]),
        };
        let following = tokio::spawn(facts::follow(follower, hub.clone(), config.workerpool, to_owner));
        let roots = Roots {
            chain_id: config.chain.id(),
            hub: config.hub,
            simulation: config.admit_simulation.clone(),
        };
        if !roots.simulation.is_empty() {
            tracing::warn!(
                roots = ?roots.simulation,
                "this pool admits SIMULATED enclaves: they protect from nobody who controls a worker's machine"
            );
        }
        let admission = Arc::new(Admission::new(roots, broker));
        let hands = Hands::new(hub.clone(), wallet, verifier, Arc::clone(&admission), owner.clone());
        let (pool, stopping) = (config.workerpool, stop.clone());
        let writer = LogWriter::start(logs.clone());
        let challenges = Arc::new(Challenges::new(login::CORE));
        let api = Api { owner: owner.clone(), hub: hub.clone(), logs, challenges };
        let owning =
            Owner::new(state, journal, hands, welcome(&config), pool, inputs, chain, stopping, writer);
        // Each says so even if it panics or is aborted: whoever supervises must not wait for the other.
        let (ends, ended) = metacloud_ends::channel("the scheduler");
        let listening = ends.another("the scheduler");
        let owning = tokio::spawn(own(owning, past, ends));
        let service = PoolService {
            hub,
            workerpool: config.workerpool,
            allow: config.allow.map(Into::into),
            admission,
            owner,
            streams: Arc::new(Semaphore::new(limits::STREAMS_MAX)),
            logins: Arc::new(Semaphore::new(limits::LOGINS_MAX)),
            count: Arc::new(AtomicU64::new(1)),
            stop: stop.clone(),
        };
        let serving = tokio::spawn(serve(service, api.clone(), listener, stop.clone(), listening));
        Ok(Self { local_addr, api, stop, owning: Some(owning), serving, following, ended, _data: data })
    }

    /// Where workers and people connect.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The HTTP routes, to be served under another origin as well.
    pub fn router(&self) -> Router {
        routes::router(self.api.clone())
    }

    /// Whether it goes on; if not, [`Scheduler::ended`] tells why.
    pub fn is_running(&self) -> bool {
        !self.ended.is_told()
    }

    /// Resolves when the scheduler has stopped, asked to or by itself, with the reason in words. May be awaited any
    /// number of times, by a supervisor that outlives this handle.
    pub fn ended(&self) -> impl Future<Output = String> + Send + use<> {
        self.ended.reason()
    }

    /// Ends streams, journals what is known and stops.
    ///
    /// # Errors
    /// If it had ended before, why.
    pub async fn stop(mut self) -> Result<(), Stopped> {
        self.stop.cancel();
        let owning = self.owning.take().expect("only stopping takes it, and consumes the scheduler");
        // Streams are told to end; a peer that keeps its connection open is not waited for.
        match owning.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Stopped { reason: chained(&error) }),
            Err(error) => Err(Stopped { reason: error.to_string() }),
        }
    }
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduler").field("local_addr", &self.local_addr).finish_non_exhaustive()
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(owning) = &self.owning {
            owning.abort();
        }
        self.following.abort();
        self.serving.abort();
    }
}

async fn open(
    config: &SchedulerConfig,
    database: &Database,
    genesis: BlockRef,
) -> Result<(Journal<Record>, State), StartError> {
    let (chain_id, hub, workerpool) = (config.chain.id(), config.hub, config.workerpool);
    let origin = Origin { chain_id, genesis: genesis.hash, hub, workerpool };
    let seed = B256::from(rand::random::<[u8; 32]>());
    journal::open(database, seed, origin).await?.map_err(|found| StartError::OtherOrigin {
        chain_id: found.chain_id,
        genesis: found.genesis,
        hub: found.hub,
        workerpool: found.workerpool,
    })
}

/// Blocks that were followed and that the chain still has, oldest first. If it lost others, they are reverted.
async fn in_common(
    chain: &Chain,
    genesis: BlockRef,
    journal: &mut Journal<Record>,
    state: &mut State,
) -> Result<Vec<BlockRef>, StartError> {
    let mut known = state.known_blocks(genesis);
    let Some(last) = chain.newest_of(&known).await? else { return Ok(known) };
    if let Some(followed) = state.followed.filter(|followed| followed.number > last.number) {
        let (from, to) = (followed.number, last.number);
        tracing::warn!(from, to, "the chain lost blocks; what they told is read anew");
        state.revert(last);
        journal.append(&[Record::Reverted { to: last }]).await?;
    }
    known.retain(|block| block.number <= last.number);
    Ok(known)
}

fn scratch(data: &DataDir) -> Result<PathBuf, StartError> {
    let path = data.join("scratch");
    // Left by a crash: partial downloads.
    let cleared = std::fs::remove_dir_all(&path);
    if let Err(source) = cleared
        && source.kind() != std::io::ErrorKind::NotFound
    {
        return Err(StartError::Scratch { path, source });
    }
    match std::fs::create_dir_all(&path) {
        Ok(()) => Ok(path),
        Err(source) => Err(StartError::Scratch { path, source }),
    }
}

async fn check_owner(hub: &HubClient, workerpool: Address, key: Address) -> Result<(), StartError> {
    match hub.owner_of(workerpool).await {
        Ok(owner) if owner == key => Ok(()),
        Ok(owner) => Err(StartError::NotOwner { workerpool, owner, key }),
        Err(source) => Err(StartError::Workerpool { workerpool, source }),
    }
}

fn welcome(config: &SchedulerConfig) -> Welcome {
    Welcome {
        heartbeat_s: limits::HEARTBEAT_S,
        lease_s: u32::try_from(machine_limits::LEASE.as_secs()).expect("a lease is seconds long"),
        ipfs_node_url: config.ipfs_node_url.clone(),
        ipfs_gateway_url: config.ipfs_gateway_url.clone(),
        protocol: PROTOCOL_VERSION,
        numbering: Session::numbering(),
        sms_url: config.sms_url.clone(),
    }
}

/// The owner, until it ends; tells why.
async fn own(owner: Owner, past: Option<u64>, ends: Ends) -> Result<(), OwnerError> {
    let outcome = owner.run(past).await;
    match &outcome {
        Ok(()) => ends.asked(),
        Err(error) => ends.tell(chained(error)),
    }
    outcome
}

/// An error with its causes, in one line.
fn chained(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

async fn serve(service: PoolService, api: Api, listener: TcpListener, stop: CancellationToken, ends: Ends) {
    let pool = PoolServer::new(service)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let routes = Routes::from(routes::router(api).merge(routes::site().router())).add_service(pool);
    let served = Server::builder()
        .accept_http1(true)
        .tcp_nodelay(true)
        .http2_keepalive_interval(Some(limits::KEEPALIVE))
        .http2_keepalive_timeout(Some(limits::KEEPALIVE))
        .add_routes(routes)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop.clone().cancelled_owned())
        .await;
    if stop.is_cancelled() {
        return ends.asked();
    }
    let why = served.map_or_else(|error| chained(&error), |()| "it was closed".to_owned());
    tracing::error!(%why, "the scheduler serves no more");
    ends.tell(format!("the scheduler's listener ended: {why}"));
}
