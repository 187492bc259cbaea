//! The whole cloud on one machine: every part started in order, watched, and ended in the opposite order.

use std::io::Write as _;
use std::path::Path;

use alloy_primitives::Address;
use axum::Router;
use futures::future::select_all;
use metacloud_blobs::Settings;
use metacloud_chain::Chain;
use metacloud_devchain::Devchain;
use metacloud_explorer::{DATA_PROTECTOR_PATH, Explorer, POCO_PATH};
use metacloud_market::{Market, MatcherConfig};
use metacloud_scheduler::Scheduler;
use metacloud_sdk::Cloud;
use metacloud_secrets::Secrets;
use metacloud_store::DataDir;
use metacloud_wire::ready::{ReadyFile, Role};
use metacloud_wire::secrets::Policy;
use metacloud_worker::{Conduct, Enclaves, Worker};

use crate::announcement::ChainAnnouncement;
use crate::config::{ChainConfig, PRICE_PER_SECOND_DEFAULT, StorageAccess, UpConfig, loopback};
use crate::development::{DevelopmentNetwork, POOL_DESCRIPTION, RoleAccount, development_keeper};
use crate::error::{StartError, StopError};
use crate::http::{self, Served};
use crate::offers;
use crate::parts::storage::{ChainRoots, Collector, KEPT};
use crate::parts::{self, Ended, Part};
use crate::site;

/// Layout of the data directory; another number in a directory means another program wrote it.
const DATA_VERSION: u32 = 1;
/// Key that vouches for the simulated enclaves of this cloud.
pub(crate) const ROOT_FILE: &str = "simulation-root.key";
/// Applications that one worker of the development pool runs at the same time.
const SLOTS: usize = 1;
/// A liar falsifies one task in so many: every one that it is given.
const LIES_EVERY: std::num::NonZeroU32 = std::num::NonZeroU32::MIN;

/// A running cloud. Dropping it without [`Up::stop`] ends its tasks but lets nothing finish.
pub struct Up {
    ready: ReadyFile,
    simulation_root: Address,
    crew: Crew,
    scheduler: Scheduler,
    services: Served,
    pub(crate) collector: Collector,
    secrets: Secrets,
    market: Market,
    explorer: Explorer,
    devchain: Devchain,
    _data: DataDir,
    temporary: Option<tempfile::TempDir>,
}

/// The workers of this process.
struct Crew {
    honest: Vec<Address>,
    liars: Vec<Address>,
    workers: Vec<Worker>,
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
    /// [`StartError`] names the part and what is in its way.
    pub async fn start(config: UpConfig) -> Result<Self, StartError> {
        let Place { data, temporary } = Place::open(config.data_dir.as_deref())?;
        let origin = http::reserve("the HTTP services", loopback(config.http_port)).await?;
        let url = origin.url();
        let network = DevelopmentNetwork::new(config.chain_id);
        let hub = network.contracts.hub;
        let devchain = parts::chain::start(&chain_config(&config, &data), &network).await?;
        let chain = Chain::connect(&devchain.rpc_url()).await?;
        let workerpool = parts::chain::pool_address(&chain, &network).await?;
        let blobs = parts::storage::open(&data.join("blobs"), Settings::default(), &config.backing).await?;
        let storage = parts::storage::router(&blobs);
        let roots = ChainRoots::new(chain.clone(), hub, blobs.clone(), KEPT).await?;
        let collector = Collector::start(blobs, roots, KEPT);
        let market = parts::market::start(
            chain.clone(),
            hub,
            &data.join("market.sqlite"),
            Some(keeper()),
            config.limits,
        )
        .await?;
        let enclaves =
            parts::worker::enclaves(config.enclave_program.clone(), &data.join(ROOT_FILE), data.path())?;
        let custody = parts::secrets::Custody {
            key_file: data.join("secrets.key"),
            admit_simulation: vec![enclaves.root()],
            old_form_release: Policy::ANY,
        };
        let file = data.join("secrets.sqlite");
        let secrets = parts::secrets::start(chain.clone(), hub, &file, custody).await?;
        let storage_urls = StorageAccess { node_url: url.clone(), gateway_url: url.clone() };
        let indexed = parts::explorer::Indexed {
            hub,
            data_protector: Some(network.contracts.data_protector),
            storage: storage_urls.clone(),
            iapps: config.iapps.clone(),
        };
        let explorer = parts::explorer::start(chain.clone(), indexed, &data.join("explorer.sqlite")).await?;
        let announced = ChainAnnouncement::new(&network, devchain.rpc_url(), workerpool);
        let owner = network.account(Role::WorkerpoolOwner);
        let pool = parts::scheduler::Pool {
            hub,
            workerpool,
            key: owner.key(),
            listen: loopback(0),
            data_dir: data.join("scheduler"),
            storage: storage_urls,
            admit_simulation: vec![enclaves.root()],
            sms_url: Some(url.clone()),
            allow: Vec::new(),
        };
        let scheduler = parts::scheduler::start(chain.clone(), pool).await?;
        let services = Router::new()
            .merge(storage)
            .merge(metacloud_market::router(&market))
            .merge(metacloud_secrets::router(&secrets))
            .merge(metacloud_explorer::router(&explorer))
            .merge(scheduler.router())
            .merge(site::up().router());
        let services = origin.serve(services);
        let ready = ready_file(announced, &url, format!("http://{}", scheduler.local_addr()));
        let owner = Cloud::connect(&ready, owner.private_key).await?;
        offers::announce(&owner, workerpool, POOL_DESCRIPTION, &url, &url).await?;
        let crew = Crew::start(&config, &network, chain, &ready, &data, &enclaves).await?;
        if !crew.workers.is_empty() {
            let trust = offers::trust_of(crew.workers.len());
            offers::publish(&owner, workerpool, trust, PRICE_PER_SECOND_DEFAULT, offers::tag(true)).await?;
        }
        if let Some(path) = &config.ready_file {
            write_whole(path, &ready.to_json())?;
        }
        Ok(Self {
            ready,
            simulation_root: enclaves.root(),
            crew,
            scheduler,
            services,
            collector,
            secrets,
            market,
            explorer,
            devchain,
            _data: data,
            temporary,
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
        &self.crew.honest
    }

    /// The workers that lie on some tasks.
    #[must_use]
    pub fn liars(&self) -> &[Address] {
        &self.crew.liars
    }

    /// Account that vouches for the enclaves of this cloud's workers, which are simulated: they protect nothing from
    /// whoever controls this machine.
    #[must_use]
    pub fn simulation_root(&self) -> Address {
        self.simulation_root
    }

    /// What the chain's log had to give up when it was opened, for the person who starts the cloud.
    #[must_use]
    pub fn recovered(&self) -> Option<String> {
        parts::chain::recovered(&self.devchain)
    }

    /// Waits until a part stops by itself; answers the first. The cloud is of no use then: [`Up::stop`] it.
    pub async fn ended(&self) -> Ended {
        tokio::select! {
            cause = self.devchain.ended() => Ended::new(Part::Chain, cause),
            cause = self.market.ended() => Ended::new(Part::Market, cause),
            cause = self.explorer.ended() => Ended::new(Part::Explorer, cause),
            cause = self.scheduler.ended() => Ended::new(Part::Scheduler, cause),
            cause = self.services.ended() => Ended::new(Part::Services, cause),
            ended = self.crew.ended() => ended,
        }
    }

    /// Ends all parts, workers first, the chain last, and removes a temporary folder.
    ///
    /// # Errors
    /// The first part that did not end well; all others are ended nevertheless.
    pub async fn stop(self) -> Result<(), StopError> {
        for worker in self.crew.workers {
            worker.stop().await;
        }
        let scheduler = self.scheduler.stop().await;
        self.services.stop().await;
        self.collector.stop().await;
        self.secrets.stop().await;
        self.explorer.stop().await;
        self.market.stop().await;
        let devchain = self.devchain.stop().await;
        if let Some(folder) = self.temporary
            && let Err(error) = folder.close()
        {
            tracing::warn!(%error, "the temporary folder could not be removed");
        }
        scheduler?;
        devchain?;
        Ok(())
    }
}

impl Place {
    fn open(data_dir: Option<&Path>) -> Result<Self, StartError> {
        let (path, temporary) = match data_dir {
            Some(path) => (path.to_path_buf(), None),
            None => {
                let folder =
                    tempfile::Builder::new().prefix("metacloud-").tempdir().map_err(StartError::Temporary)?;
                (folder.path().to_path_buf(), Some(folder))
            }
        };
        Ok(Self { data: DataDir::open(&path, "metacloud up", DATA_VERSION)?, temporary })
    }
}

impl Crew {
    /// The honest workers, then the liars.
    async fn start(
        config: &UpConfig,
        network: &DevelopmentNetwork,
        chain: Chain,
        ready: &ReadyFile,
        data: &DataDir,
        enclaves: &Enclaves,
    ) -> Result<Self, StartError> {
        let pool = parts::worker::Pool {
            chain,
            hub: ready.hub,
            scheduler_url: ready.scheduler_url.clone(),
            workerpool: ready.workerpool,
            sandbox: parts::worker::sandbox(data.path())?,
            task_time: config.task_time,
        };
        let accounts = network.workers(config.workers + config.liars);
        let (honest, liars) = accounts.split_at(config.workers.min(accounts.len()));
        let mut workers = Vec::with_capacity(accounts.len());
        for (index, account) in accounts.iter().enumerate() {
            let member = parts::worker::Member {
                key: account.key(),
                slots: SLOTS,
                data_dir: data.join("workers").join(account.address.to_string()),
                conduct: match index < honest.len() {
                    true => Conduct::Honest,
                    false => Conduct::Lies { every: LIES_EVERY },
                },
                enclaves: Some(enclaves.clone()),
            };
            workers.push(parts::worker::start(&pool, member).await?);
        }
        let addresses = |part: &[RoleAccount]| part.iter().map(|account| account.address).collect();
        Ok(Self { honest: addresses(honest), liars: addresses(liars), workers })
    }

    /// Waits until a worker stops by itself.
    async fn ended(&self) -> Ended {
        if self.workers.is_empty() {
            return std::future::pending().await;
        }
        let each = self.workers.iter().map(|worker| {
            let (address, ended) = (worker.address(), worker.ended());
            Box::pin(async move { Ended::new(Part::Worker(address), ended.await) })
        });
        select_all(each).await.0
    }
}

/// Matches only what was published for it: whoever buys with a published client matches by itself.
fn keeper() -> MatcherConfig {
    MatcherConfig { key: development_keeper(), standing_after: None }
}

fn chain_config(config: &UpConfig, data: &DataDir) -> ChainConfig {
    ChainConfig {
        listen: loopback(config.rpc_port),
        data_dir: Some(data.join("chain")),
        chain_id: config.chain_id,
        block_time: config.block_time,
    }
}

/// `url` is that of the one origin that all HTTP services share.
fn ready_file(chain: ChainAnnouncement, url: &str, scheduler_url: String) -> ReadyFile {
    ReadyFile {
        chain_id: chain.chain_id,
        rpc_url: chain.rpc_url,
        hub: chain.hub,
        rlc: chain.rlc,
        app_registry: chain.app_registry,
        dataset_registry: chain.dataset_registry,
        workerpool_registry: chain.workerpool_registry,
        data_protector: Some(chain.data_protector),
        gateway_url: url.to_owned(),
        sms_url: Some(url.to_owned()),
        compass_url: Some(url.to_owned()),
        ipfs_gateway_url: url.to_owned(),
        ipfs_node_url: url.to_owned(),
        subgraph_url: Some(format!("{url}{POCO_PATH}")),
        data_protector_subgraph_url: Some(format!("{url}{DATA_PROTECTOR_PATH}")),
        explorer_url: None,
        workerpool: chain.workerpool,
        workerpool_api_url: url.to_owned(),
        scheduler_url,
        accounts: chain.accounts,
    }
}

/// Writes `text` so that a reader sees nothing or all of it.
fn write_whole(path: &Path, text: &str) -> Result<(), StartError> {
    let failed = |source| StartError::ReadyFile { path: path.to_path_buf(), source };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
