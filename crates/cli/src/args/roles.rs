//! What each role is told. A flag `--some-flag` is also the variable `METACLOUD_SOME_FLAG` and the key `some-flag` of the
//! settings file; see `settings`.

use std::net::SocketAddr;
use std::path::PathBuf;

use alloy_primitives::Address;
use clap::{Args, Subcommand};
use metacloud_node::{Backing, Bucket, Policy, RateLimits};
use metacloud_protocol::Nrlc;

use super::BlockTime;

/// The roles, as commands and as what `config show` shows.
#[derive(Subcommand, Debug)]
pub(crate) enum RoleCommand {
    /// Run the whole cloud on this machine: chain, contracts, market, pool, workers, storage
    Up(UpArguments),
    /// Run a development chain alone: contracts and funded accounts are in its block 0
    Chain(ChainArguments),
    /// Run content-addressed storage alone
    Storage(StorageArguments),
    /// Run a market alone: signed orders in, best offers and deals out
    Market(MarketArguments),
    /// Run an explorer alone: GraphQL over deals, tasks and assets, and where the APIs of pools are
    Explorer(ExplorerArguments),
    /// Run a secrets service alone: owners set values, enclaves of their tasks receive them
    Secrets(SecretsArguments),
    /// Run the scheduler of a workerpool alone
    Scheduler(Box<SchedulerArguments>),
    /// Run a worker alone
    Worker(WorkerArguments),
}

/// Commands that are roles, by their names.
pub(crate) const ROLES: [&str; 8] =
    ["up", "chain", "storage", "market", "explorer", "secrets", "scheduler", "worker"];

/// Where settings come from, beside flags and environment.
#[derive(Args, Debug)]
pub(crate) struct SettingsFile {
    /// Settings (TOML) [default: metacloud/config.toml in the user's configuration folder, if it is there]
    #[arg(long, value_name = "FILE", env = "METACLOUD_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

/// How a role reaches its chain, and the ready file that can tell it.
#[derive(Args, Debug)]
pub(crate) struct ChainAccessArguments {
    /// JSON-RPC of the chain
    #[arg(long, value_name = "URL", env = "METACLOUD_RPC", hide_env_values = true)]
    pub(crate) rpc: Option<String>,
    /// The hub's address
    #[arg(long, value_name = "ADDRESS", env = "METACLOUD_HUB")]
    pub(crate) hub: Option<Address>,
    /// Refuse a chain with another id
    #[arg(long, value_name = "N", env = "METACLOUD_CHAIN_ID", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) chain_id: Option<u64>,
    /// Blocks that must follow a block before it counts
    #[arg(long, value_name = "N", env = "METACLOUD_CONFIRMATIONS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=1_000))]
    pub(crate) confirmations: u64,
    /// Take what is not given otherwise from a ready file
    #[arg(long, value_name = "FILE", env = "METACLOUD_READY_FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

/// What every role takes that runs alone.
#[derive(Args, Debug)]
pub(crate) struct AloneArguments {
    #[command(flatten)]
    pub(crate) settings: SettingsFile,
    /// Announce itself as one JSON object; those of chain, storage, market, explorer, secrets and scheduler merged are a ready file
    #[arg(long)]
    pub(crate) json: bool,
}

/// A development chain, alone or in a whole cloud.
#[derive(Args, Debug)]
pub(crate) struct DevelopmentArguments {
    /// Where state is kept
    #[arg(long, value_name = "DIR", env = "METACLOUD_DATA_DIR", conflicts_with = "ephemeral")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Keep nothing: all state is gone at the end
    #[arg(long, env = "METACLOUD_EPHEMERAL")]
    pub(crate) ephemeral: bool,
    /// Chain id
    #[arg(long, value_name = "N", env = "METACLOUD_CHAIN_ID", default_value_t = metacloud_node::CHAIN_ID_DEFAULT, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) chain_id: u64,
    /// When blocks are made: with each transaction (auto), or one every so many seconds
    #[arg(long, value_name = "auto|SECONDS", env = "METACLOUD_BLOCK_TIME", default_value = "auto", value_parser = super::block_time)]
    pub(crate) block_time: BlockTime,
}

/// Where a storage keeps content, if not in its own folder.
#[derive(Args, Debug)]
pub(crate) struct BackingArguments {
    /// Keep content in a bucket, as s3://BUCKET[/PREFIX]; keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
    /// [default: in the data folder]
    #[arg(long, value_name = "URL", env = "METACLOUD_S3")]
    pub(crate) s3: Option<String>,
    /// Service of the bucket, such as https://s3.example [default: Amazon's, or AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL", env = "METACLOUD_S3_ENDPOINT")]
    pub(crate) s3_endpoint: Option<String>,
    /// Region of the bucket [default: AWS_REGION, or us-east-1]
    #[arg(long, value_name = "NAME", env = "METACLOUD_S3_REGION")]
    pub(crate) s3_region: Option<String>,
}

impl BackingArguments {
    pub(crate) fn backing(&self) -> Backing {
        let Self { s3, s3_endpoint: endpoint, s3_region: region } = self;
        let (endpoint, region) = (endpoint.clone(), region.clone());
        s3.clone().map_or(Backing::Disk, |url| Backing::Bucket(Bucket { url, endpoint, region }))
    }
}

#[derive(Args, Debug)]
pub(crate) struct UpArguments {
    #[command(flatten)]
    pub(crate) settings: SettingsFile,
    #[command(flatten)]
    pub(crate) development: DevelopmentArguments,
    /// Port of the chain's JSON-RPC; 0 picks a free one
    #[arg(long, value_name = "N", env = "METACLOUD_RPC_PORT", default_value_t = 8545)]
    pub(crate) rpc_port: u16,
    /// Port of all HTTP services; 0 picks a free one
    #[arg(long, value_name = "N", env = "METACLOUD_HTTP_PORT", default_value_t = 8600)]
    pub(crate) http_port: u16,
    /// Workers in this process
    #[arg(long, value_name = "N", env = "METACLOUD_WORKERS", default_value_t = 2, value_parser = clap::value_parser!(u16).range(0..=15))]
    pub(crate) workers: u16,
    /// Longest time in seconds that this pool lets a task compute [default: the category's]
    #[arg(long, value_name = "SECONDS", env = "METACLOUD_TASK_SECONDS", value_parser = task_seconds())]
    pub(crate) task_seconds: Option<u64>,
    /// Applications that clients may ask for by a name, such as web3mail-tdx=0x…
    #[arg(long, value_name = "NAME=ADDRESS,…", env = "METACLOUD_IAPP", value_delimiter = ',', value_parser = iapp)]
    pub(crate) iapp: Vec<(String, Address)>,
    #[command(flatten)]
    pub(crate) backing: BackingArguments,
    #[command(flatten)]
    pub(crate) limits: RateLimitArguments,
    /// Write addresses, URLs and keys here, once, when everything accepts requests
    #[arg(long, value_name = "FILE", env = "METACLOUD_READY_FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

/// How often clients of the market may ask.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct RateLimitArguments {
    /// Requests that one address may send to the market in a minute; loopback is not counted
    #[arg(long, value_name = "N", env = "METACLOUD_REQUESTS_PER_ADDRESS", default_value_t = 600)]
    pub(crate) requests_per_address: u32,
    /// Requests that pages of one web origin may send to the market in a minute
    #[arg(long, value_name = "N", env = "METACLOUD_REQUESTS_PER_ORIGIN", default_value_t = 6_000)]
    pub(crate) requests_per_origin: u32,
    /// Believe the last entry of X-Forwarded-For: only behind a proxy that writes it
    #[arg(long, env = "METACLOUD_TRUST_FORWARDED")]
    pub(crate) trust_forwarded: bool,
}

impl From<RateLimitArguments> for RateLimits {
    fn from(arguments: RateLimitArguments) -> Self {
        Self {
            per_address: arguments.requests_per_address,
            per_origin: arguments.requests_per_origin,
            trust_forwarded: arguments.trust_forwarded,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct ChainArguments {
    #[command(flatten)]
    pub(crate) alone: AloneArguments,
    /// Address of its JSON-RPC; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS:PORT", env = "METACLOUD_LISTEN", default_value = "127.0.0.1:8545")]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) development: DevelopmentArguments,
}

#[derive(Args, Debug)]
pub(crate) struct StorageArguments {
    #[command(flatten)]
    pub(crate) alone: AloneArguments,
    /// Address of its HTTP interface; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS:PORT", env = "METACLOUD_LISTEN", default_value = "127.0.0.1:8602")]
    pub(crate) listen: SocketAddr,
    /// Where files are kept
    #[arg(long, value_name = "DIR", env = "METACLOUD_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) backing: BackingArguments,
    /// All that is kept, in GiB; further uploads are refused
    #[arg(long, value_name = "GIB", env = "METACLOUD_MAX_GIB", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    pub(crate) max_gib: u64,
    /// Remove what is older, not pinned, and in no use by the chain's applications, datasets, deals and results; needs
    /// --rpc and --hub [default: keep all]
    #[arg(long, value_name = "DAYS", env = "METACLOUD_KEEP_DAYS", value_parser = clap::value_parser!(u64).range(1..=36_500))]
    pub(crate) keep_days: Option<u64>,
    #[command(flatten)]
    pub(crate) chain: ChainAccessArguments,
}

#[derive(Args, Debug)]
pub(crate) struct MarketArguments {
    #[command(flatten)]
    pub(crate) alone: AloneArguments,
    /// Address of its HTTP interface; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS:PORT", env = "METACLOUD_LISTEN", default_value = "127.0.0.1:8600")]
    pub(crate) listen: SocketAddr,
    /// Where orders and deals are kept
    #[arg(long, value_name = "DIR", env = "METACLOUD_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) chain: ChainAccessArguments,
    /// File with the key of the keeper, in hex: it matches requests that ask for it, and pays the gas
    #[arg(long, value_name = "FILE", env = "METACLOUD_KEEPER_KEY", hide_env_values = true)]
    pub(crate) keeper_key: Option<PathBuf>,
    /// The keeper also matches requests that did not ask, once they stand this long [default: never]
    #[arg(long, value_name = "SECONDS", env = "METACLOUD_MATCH_STANDING_AFTER")]
    pub(crate) match_standing_after: Option<u64>,
    #[command(flatten)]
    pub(crate) limits: RateLimitArguments,
}

#[derive(Args, Debug)]
pub(crate) struct ExplorerArguments {
    #[command(flatten)]
    pub(crate) alone: AloneArguments,
    /// Address of its HTTP interface; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS:PORT", env = "METACLOUD_LISTEN", default_value = "127.0.0.1:8604")]
    pub(crate) listen: SocketAddr,
    /// Where its index is kept
    #[arg(long, value_name = "DIR", env = "METACLOUD_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) chain: ChainAccessArguments,
    /// The contract that tells the schemas of datasets [default: no dataset has one]
    #[arg(long, value_name = "ADDRESS", env = "METACLOUD_DATA_PROTECTOR")]
    pub(crate) data_protector: Option<Address>,
    /// Where content of bulk deals is fetched
    #[arg(long, value_name = "URL", env = "METACLOUD_IPFS_GATEWAY", hide_env_values = true)]
    pub(crate) ipfs_gateway: Option<String>,
    /// Applications that clients may ask for by a name, such as web3mail-tdx=0x…
    #[arg(long, value_name = "NAME=ADDRESS,…", env = "METACLOUD_IAPP", value_delimiter = ',', value_parser = iapp)]
    pub(crate) iapp: Vec<(String, Address)>,
}

#[derive(Args, Debug)]
pub(crate) struct SecretsArguments {
    #[command(flatten)]
    pub(crate) alone: AloneArguments,
    /// Address of its HTTP interface; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS:PORT", env = "METACLOUD_LISTEN", default_value = "127.0.0.1:8603")]
    pub(crate) listen: SocketAddr,
    /// Where values are kept, encrypted
    #[arg(long, value_name = "DIR", env = "METACLOUD_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The key of what is kept, made at the first start [default: secrets.key in the data folder]
    #[arg(long, value_name = "FILE", env = "METACLOUD_KEY_FILE")]
    pub(crate) key_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) chain: ChainAccessArguments,
    /// Admit the simulated enclaves of this root, which protect nothing [default: none]
    #[arg(long, value_name = "ADDRESS,…", env = "METACLOUD_ADMIT_SIMULATION", value_delimiter = ',')]
    pub(crate) admit_simulation: Vec<Address>,
    /// Enclaves that receive what iExec clients set, who cannot say: hardware, or hardware,simulation
    #[arg(long, value_name = "LEVELS", env = "METACLOUD_RELEASE", default_value = "hardware")]
    pub(crate) release: Policy,
}

#[derive(Args, Debug)]
pub(crate) struct SchedulerArguments {
    #[command(flatten)]
    pub(crate) alone: AloneArguments,
    /// Where workers (gRPC) and people (HTTP) connect; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS:PORT", env = "METACLOUD_LISTEN", default_value = "127.0.0.1:8601")]
    pub(crate) listen: SocketAddr,
    /// Where its journal is kept
    #[arg(long, value_name = "DIR", env = "METACLOUD_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) chain: ChainAccessArguments,
    /// The workerpool that it serves
    #[arg(long, value_name = "ADDRESS", env = "METACLOUD_WORKERPOOL")]
    pub(crate) workerpool: Option<Address>,
    /// File with the key of the workerpool's owner, in hex; or put the key into METACLOUD_PRIVATE_KEY
    #[arg(long, value_name = "FILE", env = "METACLOUD_KEY", hide_env_values = true)]
    pub(crate) key: Option<PathBuf>,
    /// Where results are uploaded (kubo API)
    #[arg(long, value_name = "URL", env = "METACLOUD_IPFS_NODE", hide_env_values = true)]
    pub(crate) ipfs_node: Option<String>,
    /// Where content is fetched [default: the node for uploads]
    #[arg(long, value_name = "URL", env = "METACLOUD_IPFS_GATEWAY", hide_env_values = true)]
    pub(crate) ipfs_gateway: Option<String>,
    /// Admit simulated enclaves vouched for by these roots; they hide nothing from whoever controls a worker's machine
    /// [default: none, deals that demand an enclave are refused]
    #[arg(long, value_name = "ADDRESS,…", env = "METACLOUD_ADMIT_SIMULATION", value_delimiter = ',')]
    pub(crate) admit_simulation: Vec<Address>,
    /// Where enclaves of this pool get secrets [default: they get none]
    #[arg(long, value_name = "URL", env = "METACLOUD_SMS", hide_env_values = true)]
    pub(crate) sms: Option<String>,
    /// Admit only these workers [default: all]
    #[arg(long, value_name = "ADDRESS,…", env = "METACLOUD_ALLOW", value_delimiter = ',')]
    pub(crate) allow: Vec<Address>,
    /// Market at which the pool is offered; nothing is offered without
    #[arg(long, value_name = "URL", env = "METACLOUD_MARKET", hide_env_values = true)]
    pub(crate) market: Option<String>,
    /// Compass at which clients learn where this pool's API is; they are not told without
    #[arg(long, value_name = "URL", env = "METACLOUD_COMPASS", hide_env_values = true)]
    pub(crate) compass: Option<String>,
    /// Origin under which clients reach this scheduler [default: where it listens]
    #[arg(long, value_name = "URL", env = "METACLOUD_API_URL", requires = "compass")]
    pub(crate) api_url: Option<String>,
    /// Highest trust level on offer: what the pool's workers reach when all agree
    #[arg(long, value_name = "N", env = "METACLOUD_OFFER_TRUST", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) offer_trust: u64,
    /// Price of one second of a category's time, such as "33333 nRLC"
    #[arg(long, value_name = "P", env = "METACLOUD_OFFER_PRICE", default_value_t = metacloud_node::PRICE_PER_SECOND_DEFAULT)]
    pub(crate) offer_price: Nrlc,
}

#[derive(Args, Debug)]
pub(crate) struct WorkerArguments {
    #[command(flatten)]
    pub(crate) alone: AloneArguments,
    /// Where tasks, content and compiled modules are kept
    #[arg(long, value_name = "DIR", env = "METACLOUD_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) chain: ChainAccessArguments,
    /// The scheduler that it works for
    #[arg(long, value_name = "URL", env = "METACLOUD_SCHEDULER", hide_env_values = true)]
    pub(crate) scheduler: Option<String>,
    /// The workerpool of that scheduler
    #[arg(long, value_name = "ADDRESS", env = "METACLOUD_WORKERPOOL")]
    pub(crate) workerpool: Option<Address>,
    /// File with the key of its wallet, in hex; or put the key into METACLOUD_PRIVATE_KEY
    #[arg(long, value_name = "FILE", env = "METACLOUD_KEY", hide_env_values = true)]
    pub(crate) key: Option<PathBuf>,
    /// Without a key: use the Nth worker account of the ready file, from 1 (development only)
    #[arg(long, value_name = "N", env = "METACLOUD_ACCOUNT", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) account: Option<u16>,
    /// Applications that run at the same time
    #[arg(long, value_name = "N", env = "METACLOUD_SLOTS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub(crate) slots: u16,
    /// Offer enclaves; simulated ones hide nothing from whoever controls this machine [default: none]
    #[arg(long, value_name = "KIND", env = "METACLOUD_ENCLAVE")]
    pub(crate) enclave: Option<EnclaveArgument>,
    /// Longest time in seconds that one task may compute [default: the category's]
    #[arg(long, value_name = "SECONDS", env = "METACLOUD_TASK_SECONDS", value_parser = task_seconds())]
    pub(crate) task_seconds: Option<u64>,
}

/// Kinds of enclaves that a worker can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum EnclaveArgument {
    /// Processes of this machine, vouched for by a key in the data directory
    Simulation,
}

fn task_seconds() -> clap::builder::RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(1..=86_400)
}

/// Longest name of an application in bytes.
const IAPP_NAME_BYTES_MAX: usize = 128;

fn iapp(text: &str) -> Result<(String, Address), String> {
    let (name, address) = text.split_once('=').ok_or("not of the form NAME=ADDRESS")?;
    if name.is_empty() || name.len() > IAPP_NAME_BYTES_MAX {
        return Err(format!("a name has 1 to {IAPP_NAME_BYTES_MAX} bytes"));
    }
    let address = address.parse().map_err(|error| format!("{address:?} is no address: {error}"))?;
    Ok((name.to_owned(), address))
}
