//! What a cloud, and each part of it, is told at its start.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use alloy_primitives::Address;
use metacloud_blobs::Backing;
pub use metacloud_market::RateLimits;
use metacloud_protocol::Nrlc;
use metacloud_wire::ready::PrivateKey;
use metacloud_wire::secrets::Policy;

/// Chain id of a development network unless told otherwise.
pub const CHAIN_ID_DEFAULT: u64 = 31_337;
/// Price of one second of a category's time unless told otherwise: an XS task of 300 s costs 0.01 RLC.
pub const PRICE_PER_SECOND_DEFAULT: Nrlc = Nrlc::new(33_333);

/// When the chain makes blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockTime {
    /// One with each transaction.
    Auto,
    /// One per period.
    Every(Duration),
}

/// Everything that a cloud on one machine is told at its start.
#[derive(Clone, Debug)]
pub struct UpConfig {
    /// Where state is kept; `None` keeps it in a temporary folder that is removed at the end.
    pub data_dir: Option<PathBuf>,
    /// Chain id.
    pub chain_id: u64,
    /// When the chain makes blocks.
    pub block_time: BlockTime,
    /// Port of the chain's JSON-RPC; 0 picks a free one.
    pub rpc_port: u16,
    /// Port of all HTTP services; 0 picks a free one.
    pub http_port: u16,
    /// Honest workers in this process.
    pub workers: usize,
    /// Workers that lie on some tasks, for demonstrations; they come after the honest ones.
    pub liars: usize,
    /// Longest time that the pool lets a task compute; `None` leaves it at the category's.
    pub task_time: Option<Duration>,
    /// The program whose processes are the simulated enclaves; `None` is this one.
    pub enclave_program: Option<PathBuf>,
    /// How often clients of the market may ask.
    pub limits: RateLimits,
    /// Applications that compass knows by a name.
    pub iapps: BTreeMap<String, Address>,
    /// Where content lies.
    pub backing: Backing,
    /// Written once, whole, when everything accepts requests.
    pub ready_file: Option<PathBuf>,
}

impl UpConfig {
    /// A cloud of `workers` honest workers on free ports that keeps nothing.
    #[must_use]
    pub fn ephemeral(workers: usize) -> Self {
        Self {
            data_dir: None,
            chain_id: CHAIN_ID_DEFAULT,
            block_time: BlockTime::Auto,
            rpc_port: 0,
            http_port: 0,
            workers,
            liars: 0,
            task_time: None,
            enclave_program: None,
            limits: RateLimits::default(),
            iapps: BTreeMap::new(),
            backing: Backing::Disk,
            ready_file: None,
        }
    }
}

/// A port of the loopback address; 0 picks a free one.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A development chain alone.
#[derive(Clone, Debug)]
pub struct ChainConfig {
    /// Address of its JSON-RPC; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where its block log is kept; `None` keeps the chain in memory.
    pub data_dir: Option<PathBuf>,
    /// Chain id.
    pub chain_id: u64,
    /// When it makes blocks.
    pub block_time: BlockTime,
}

/// Content-addressed storage alone.
#[derive(Clone, Debug)]
pub struct StorageConfig {
    /// Address of its HTTP interface; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where files are kept, or what is kept beside them if they are elsewhere.
    pub data_dir: PathBuf,
    /// Where content lies.
    pub backing: Backing,
    /// All that is kept, in bytes; further uploads are refused.
    pub total_bytes_max: u64,
    /// Who decides what is removed; without, all is kept.
    pub collection: Option<CollectionConfig>,
}

/// What a storage removes: content to which neither pins nor a chain lead.
#[derive(Clone, Debug)]
pub struct CollectionConfig {
    /// The chain whose applications, datasets, deals and results stay.
    pub chain: ChainAccess,
    /// How long content stays that nothing leads to, and that of deals and results after their end.
    pub kept: Duration,
}

/// How a part reaches the chain.
#[derive(Clone, Debug)]
pub struct ChainAccess {
    /// JSON-RPC of a node.
    pub rpc_url: String,
    /// The hub.
    pub hub: Address,
    /// The chain id that the node must have; any if absent.
    pub chain_id: Option<u64>,
    /// Blocks that must follow a block before it counts.
    pub confirmations: u64,
}

/// A market alone.
#[derive(Clone, Debug)]
pub struct MarketConfig {
    /// Address of its HTTP interface; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where orders and deals are kept.
    pub data_dir: PathBuf,
    /// The chain.
    pub chain: ChainAccess,
    /// The keeper, if the market has one.
    pub keeper: Option<KeeperConfig>,
    /// How often clients may ask.
    pub limits: RateLimits,
}

/// The market's keeper, which matches requests that ask for it.
#[derive(Clone, Copy, Debug)]
pub struct KeeperConfig {
    /// Key of the account that sends matches; it needs ether, and no RLC.
    pub key: PrivateKey,
    /// Requests that did not ask are matched too once they stand this long; never if absent.
    pub standing_after: Option<Duration>,
}

/// An explorer alone.
#[derive(Clone, Debug)]
pub struct ExplorerConfig {
    /// Address of its HTTP interface; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where its index is kept.
    pub data_dir: PathBuf,
    /// The chain.
    pub chain: ChainAccess,
    /// The contract that tells schemas of datasets; without it no dataset has one.
    pub data_protector: Option<Address>,
    /// Where content of bulk deals is fetched.
    pub storage: StorageAccess,
    /// Applications known by a name, for compass.
    pub iapps: BTreeMap<String, Address>,
}

/// A secrets service alone.
#[derive(Clone, Debug)]
pub struct SecretsConfig {
    /// Address of its HTTP interface; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where values are kept, encrypted.
    pub data_dir: PathBuf,
    /// The key of the database, made at the first start; beside the database if absent.
    pub key_file: Option<PathBuf>,
    /// The chain.
    pub chain: ChainAccess,
    /// Accounts of the simulation roots that are admitted. Empty: none.
    pub admit_simulation: Vec<Address>,
    /// Which enclaves may receive what clients of the old form set, who cannot say.
    pub old_form_release: Policy,
}

/// Where content is uploaded and fetched.
#[derive(Clone, Debug)]
pub struct StorageAccess {
    /// The node's API (kubo), for uploads.
    pub node_url: String,
    /// The gateway, for downloads.
    pub gateway_url: String,
}

/// The scheduler of a workerpool alone.
#[derive(Clone, Debug)]
pub struct SchedulerConfig {
    /// Where workers (gRPC) and people (HTTP) connect; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where its journal is kept.
    pub data_dir: PathBuf,
    /// The chain.
    pub chain: ChainAccess,
    /// Storage for results.
    pub storage: StorageAccess,
    /// The workerpool that it serves.
    pub workerpool: Address,
    /// Key of the workerpool's owner.
    pub key: PrivateKey,
    /// Simulation roots whose enclaves are admitted; empty admits no enclaves.
    pub admit_simulation: Vec<Address>,
    /// Where enclaves get secrets; none without secrets service.
    pub sms_url: Option<String>,
    /// The only workers admitted; empty admits all.
    pub allow: Vec<Address>,
    /// What it offers at a market; nothing without.
    pub offers: Option<OffersConfig>,
    /// Where clients are told of its API; nowhere without.
    pub compass: Option<CompassConfig>,
}

/// Where a pool's API is announced, and as what.
#[derive(Clone, Debug)]
pub struct CompassConfig {
    /// The compass.
    pub url: String,
    /// Origin under which clients reach the scheduler; where it listens if absent.
    pub api_url: Option<String>,
}

/// What a pool offers: every category, up to a trust level, at a price by the second.
#[derive(Clone, Debug)]
pub struct OffersConfig {
    /// The market.
    pub market_url: String,
    /// Highest trust level on offer.
    pub trust: u64,
    /// Price of one second of a category's time.
    pub price_per_second: Nrlc,
}

/// A worker alone.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// Where tasks, cache and compiled modules are kept.
    pub data_dir: PathBuf,
    /// The chain.
    pub chain: ChainAccess,
    /// The scheduler that it works for, as `http://host:port`.
    pub scheduler_url: String,
    /// The workerpool of that scheduler.
    pub workerpool: Address,
    /// Key of the wallet that contributes; of this worker alone.
    pub key: PrivateKey,
    /// Applications that run at the same time.
    pub slots: usize,
    /// Offers simulated enclaves, with a root of its own in the data directory.
    pub simulated_enclaves: bool,
    /// Longest time that one application may compute; `None` leaves it at the category's.
    pub task_time: Option<Duration>,
}
