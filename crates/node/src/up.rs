//! The whole cloud on one machine: every part started in order, and ended in the opposite one.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use alloy_primitives::Address;
use axum::Router;
use metacloud_abi::WorkerpoolRegistry;
use metacloud_blobs::Blobs;
use metacloud_chain::{Chain, Cursor};
use metacloud_devchain::{BLOCK_GAS_LIMIT_DEFAULT, BaseFee, Devchain, Mining};
use metacloud_market::{Market, MarketConfig};
use metacloud_sandbox::{Sandbox, SandboxConfig};
use metacloud_scheduler::{Scheduler, SchedulerConfig};
use metacloud_store::{DataDir, Database, Durability};
use metacloud_wire::ready::{Account, PrivateKey, ReadyFile, Role};
use metacloud_worker::{Conduct, Worker, WorkerConfig, WorkerLimits};

use crate::config::{BlockTime, UpConfig};
use crate::development::{DevelopmentNetwork, POOL_DESCRIPTION, RoleAccount};
use crate::error::UpError;
use crate::http::{self, Served};
use crate::offers;

/// Layout of the data directory; another number in a directory means another program wrote it.
const DATA_VERSION: u32 = 1;
/// Applications that one worker of the development pool runs at the same time.
const SLOTS: usize = 1;
/// A liar falsifies one task in so many: every one that it is given.
const LIES_EVERY: std::num::NonZeroU32 = std::num::NonZeroU32::MIN;

/// A running cloud. Dropping it without [`Up::stop`] ends its tasks but lets nothing finish.
pub struct Up {
    ready: ReadyFile,
    honest: Vec<Address>,
    liars: Vec<Address>,
    workers: Vec<Worker>,
    scheduler: Scheduler,
    services: Served,
    market: Market,
    devchain: Devchain,
    _data: DataDir,
    temporary: Option<tempfile::TempDir>,
}

/// Folder and lock of a cloud's state.
struct Place {
    data: DataDir,
    temporary: Option<tempfile::TempDir>,
}

impl Up {
    /// Starts everything and returns when everything accepts requests.
    ///
    /// # Errors
    /// [`UpError`] names the part and what is in its way.
    pub async fn start(config: UpConfig) -> Result<Self, UpError> {
        let place = Place::open(config.data_dir.as_deref())?;
        let origin = http::reserve(config.http_port).await.map_err(|source| UpError::Port {
            what: "HTTP services",
            port: config.http_port,
            source,
        })?;
        let network = DevelopmentNetwork::new(config.chain_id);
        let devchain = start_chain(&config, &place.data, &network).await?;
        let chain = Chain::connect(&devchain.rpc_url()).await?;
        let workerpool = pool_address(&chain, &network).await?;
        let blobs = Blobs::open(&place.data.join("blobs"))?;
        let market = Market::start(MarketConfig {
            chain: chain.clone(),
            hub: network.contracts.hub,
            database: Database::open(&place.data.join("market.sqlite"), Durability::ProcessDeath).await?,
        })
        .await?;
        let url = origin.url();
        let pool_owner = network.account(Role::WorkerpoolOwner);
        let scheduler = Scheduler::start(SchedulerConfig {
            chain: chain.clone(),
            hub: network.contracts.hub,
            workerpool,
            key: pool_owner.private_key,
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data_dir: place.data.join("scheduler"),
            ipfs_node_url: url.clone(),
            ipfs_gateway_url: url.clone(),
            allow: None,
            start: Cursor::Genesis,
        })
        .await?;
        let services = Router::new()
            .merge(metacloud_blobs::router(blobs, metacloud_blobs::Limits::default()))
            .merge(metacloud_market::router(&market))
            .merge(scheduler.router());
        let services = origin.serve(services);
        let ready = ready_file(&network, &devchain, &url, workerpool, &scheduler);
        let sandbox = Sandbox::open(SandboxConfig::in_dir(place.data.join("modules")))?;
        let crew = network.workers(config.workers + config.liars);
        let mut workers = Vec::with_capacity(crew.len());
        for (index, account) in crew.iter().enumerate() {
            let conduct =
                if index < config.workers { Conduct::Honest } else { Conduct::Lies { every: LIES_EVERY } };
            let time = config.task_time;
            let started = start_worker(&ready, &chain, &place.data, &sandbox, account, conduct, time);
            workers.push(started.await?);
        }
        offers::publish(&ready, workers.len()).await?;
        if let Some(path) = &config.ready_file {
            write_whole(path, &ready.to_json())?;
        }
        let (honest, liars) = crew.split_at(config.workers.min(crew.len()));
        let addresses = |part: &[RoleAccount]| part.iter().map(|account| account.address).collect();
        Ok(Self {
            ready,
            honest: addresses(honest),
            liars: addresses(liars),
            workers,
            scheduler,
            services,
            market,
            devchain,
            _data: place.data,
            temporary: place.temporary,
        })
    }

    /// Addresses, URLs and keys.
    #[must_use]
    pub fn ready(&self) -> &ReadyFile {
        &self.ready
    }

    /// The honest workers.
    #[must_use]
    pub fn honest(&self) -> &[Address] {
        &self.honest
    }

    /// The workers that lie on some tasks.
    #[must_use]
    pub fn liars(&self) -> &[Address] {
        &self.liars
    }

    /// What the chain's log had to give up when it was opened, for the person who starts the cloud.
    #[must_use]
    pub fn recovered(&self) -> Option<String> {
        let recovered = self.devchain.recovered();
        (recovered.dropped_bytes > 0).then(|| {
            format!(
                "{} bytes of its log were damaged and are dropped, {} records among them; it goes on from block {}",
                recovered.dropped_bytes, recovered.dropped_records, recovered.blocks
            )
        })
    }

    /// Ends all parts, workers first, the chain last, and removes a temporary folder.
    ///
    /// # Errors
    /// If the chain's log cannot be closed.
    pub async fn stop(self) -> Result<(), UpError> {
        for worker in self.workers {
            worker.stop().await;
        }
        self.scheduler.stop().await?;
        self.market.stop().await;
        self.services.stop().await;
        self.devchain.stop().await?;
        if let Some(folder) = self.temporary
            && let Err(error) = folder.close()
        {
            tracing::warn!(%error, "the temporary folder could not be removed");
        }
        Ok(())
    }
}

impl Place {
    fn open(data_dir: Option<&Path>) -> Result<Self, UpError> {
        let (path, temporary) = match data_dir {
            Some(path) => (path.to_path_buf(), None),
            None => {
                let folder =
                    tempfile::Builder::new().prefix("metacloud-").tempdir().map_err(UpError::Temporary)?;
                (folder.path().to_path_buf(), Some(folder))
            }
        };
        Ok(Self { data: DataDir::open(&path, "metacloud up", DATA_VERSION)?, temporary })
    }
}

async fn start_chain(
    config: &UpConfig,
    data: &DataDir,
    network: &DevelopmentNetwork,
) -> Result<Devchain, UpError> {
    let chain = metacloud_devchain::Config {
        chain_id: config.chain_id,
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, config.rpc_port)),
        data_dir: Some(data.join("chain")),
        mining: match config.block_time {
            BlockTime::Auto => Mining::Instant,
            BlockTime::Every(period) => Mining::Every(period),
        },
        base_fee_wei: BaseFee::Zero,
        block_gas_limit: BLOCK_GAS_LIMIT_DEFAULT,
        genesis: network.genesis.clone(),
    };
    Ok(metacloud_devchain::start(chain).await?)
}

/// The pool was created in block 0; its address follows from its owner and description.
async fn pool_address(chain: &Chain, network: &DevelopmentNetwork) -> Result<Address, UpError> {
    let predict = WorkerpoolRegistry::predictWorkerpoolCall {
        holder: network.account(Role::WorkerpoolOwner).address,
        description: POOL_DESCRIPTION.to_owned(),
    };
    Ok(chain.read(network.contracts.workerpool_registry, &predict).await?)
}

async fn start_worker(
    ready: &ReadyFile,
    chain: &Chain,
    data: &DataDir,
    sandbox: &Sandbox,
    account: &RoleAccount,
    conduct: Conduct,
    task_time: Option<Duration>,
) -> Result<Worker, UpError> {
    let config = WorkerConfig {
        chain: chain.clone(),
        hub: ready.hub,
        scheduler_url: ready.scheduler_url.clone(),
        workerpool: ready.workerpool,
        key: account.private_key,
        slots: SLOTS,
        sandbox: sandbox.clone(),
        data_dir: data.join("workers").join(account.address.to_string()),
        limits: WorkerLimits { compute_time_max: task_time, ..WorkerLimits::default() },
        conduct,
    };
    Ok(Worker::start(config).await?)
}

fn ready_file(
    network: &DevelopmentNetwork,
    devchain: &Devchain,
    url: &str,
    workerpool: Address,
    scheduler: &Scheduler,
) -> ReadyFile {
    let contracts = &network.contracts;
    let accounts = network
        .accounts()
        .iter()
        .map(|account| Account {
            role: account.role,
            address: account.address,
            private_key: PrivateKey(account.private_key),
        })
        .collect();
    ReadyFile {
        chain_id: network.chain_id(),
        rpc_url: devchain.rpc_url(),
        hub: contracts.hub,
        rlc: contracts.rlc,
        app_registry: contracts.app_registry,
        dataset_registry: contracts.dataset_registry,
        workerpool_registry: contracts.workerpool_registry,
        gateway_url: url.to_owned(),
        sms_url: None,
        compass_url: None,
        ipfs_gateway_url: url.to_owned(),
        ipfs_node_url: url.to_owned(),
        subgraph_url: None,
        explorer_url: None,
        workerpool,
        workerpool_api_url: url.to_owned(),
        scheduler_url: format!("http://{}", scheduler.local_addr()),
        accounts,
    }
}

/// Writes `text` so that a reader sees nothing or all of it.
fn write_whole(path: &Path, text: &str) -> Result<(), UpError> {
    let failed = |source| UpError::ReadyFile { path: path.to_path_buf(), source };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
