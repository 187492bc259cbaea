//! One part in a process of its own.

use metacloud_blobs::Settings;
use metacloud_devchain::Devchain;
use metacloud_explorer::{DATA_PROTECTOR_PATH, Explorer, POCO_PATH};
use metacloud_market::{Market, MatcherConfig};
use metacloud_scheduler::Scheduler;
use metacloud_sdk::{Cloud, Network};
use metacloud_secrets::Secrets;
use metacloud_store::DataDir;
use metacloud_wire::compass::NAME_BYTES_MAX;
use metacloud_worker::{Conduct, Enclaves, Worker};

use crate::announcement::{Announcement, ChainAnnouncement};
use crate::config::{
    ChainConfig, CollectionConfig, CompassConfig, ExplorerConfig, MarketConfig, OffersConfig,
    SchedulerConfig, SecretsConfig, StorageConfig, WorkerConfig,
};
use crate::development::DevelopmentNetwork;
use crate::error::{StartError, StopError};
use crate::http::{self, Served};
use crate::parts::storage::{ChainRoots, Collector};
use crate::parts::{self, Ended, Part};
use crate::site;
use crate::up::ROOT_FILE;
use crate::{offers, parts::chain::connect};

/// Layout of a secrets service's data directory.
const SECRETS_DATA_VERSION: u32 = 1;
/// Layout of an explorer's data directory.
const EXPLORER_DATA_VERSION: u32 = 1;
/// Layout of a market's data directory.
const MARKET_DATA_VERSION: u32 = 1;

/// A part that runs alone. Dropping it without [`Alone::stop`] ends it as a crash would: nothing durable is lost.
pub struct Alone {
    announcement: Announcement,
    recovered: Option<String>,
    running: Running,
}

/// The part, with what it needs to be alone.
enum Running {
    Chain(Devchain),
    Storage { served: Served, collector: Option<Collector> },
    Market { market: Market, served: Served, _data: DataDir },
    Explorer { explorer: Explorer, served: Served, _data: DataDir },
    Secrets { secrets: Secrets, served: Served, _data: DataDir },
    Scheduler(Scheduler),
    Worker(Worker),
}

impl Alone {
    /// A development chain, with the contracts and accounts of the development network in block 0.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn chain(config: &ChainConfig) -> Result<Self, StartError> {
        let network = DevelopmentNetwork::new(config.chain_id);
        let devchain = parts::chain::start(config, &network).await?;
        let url = devchain.rpc_url();
        let client = metacloud_chain::Chain::connect(&url).await?;
        let workerpool = parts::chain::pool_address(&client, &network).await?;
        let announcement = Announcement {
            role: "chain",
            url: Some(url.clone()),
            chain: Some(ChainAnnouncement::new(&network, url, workerpool)),
            ..Announcement::default()
        };
        let recovered = parts::chain::recovered(&devchain);
        Ok(Self { announcement, recovered, running: Running::Chain(devchain) })
    }

    /// Content-addressed storage.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn storage(config: &StorageConfig) -> Result<Self, StartError> {
        let origin = http::reserve("the storage", config.listen).await?;
        let url = origin.url();
        let settings = Settings { total_bytes_max: config.total_bytes_max, ..Settings::default() };
        let blobs = parts::storage::open(&config.data_dir, settings, &config.backing).await?;
        let served = origin.serve(parts::storage::router(&blobs).merge(site::storage().router()));
        let collector = match &config.collection {
            Some(CollectionConfig { chain, kept }) => {
                let roots = ChainRoots::new(connect(chain).await?, chain.hub, blobs.clone(), *kept).await?;
                Some(Collector::start(blobs, roots, *kept))
            }
            None => None,
        };
        let announcement = Announcement {
            role: "storage",
            url: Some(url.clone()),
            ipfs_node_url: Some(url.clone()),
            ipfs_gateway_url: Some(url),
            ..Announcement::default()
        };
        Ok(Self { announcement, recovered: None, running: Running::Storage { served, collector } })
    }

    /// A market.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn market(config: &MarketConfig) -> Result<Self, StartError> {
        let data = DataDir::open(&config.data_dir, "market", MARKET_DATA_VERSION)?;
        let origin = http::reserve("the market", config.listen).await?;
        let chain = connect(&config.chain).await?;
        let matcher = config
            .keeper
            .map(|keeper| MatcherConfig { key: keeper.key, standing_after: keeper.standing_after });
        let market = parts::market::start(
            chain,
            config.chain.hub,
            &data.join("market.sqlite"),
            matcher,
            config.limits,
        )
        .await?;
        let url = origin.url();
        let served = origin.serve(metacloud_market::router(&market).merge(site::market().router()));
        let announcement = Announcement {
            role: "market",
            url: Some(url.clone()),
            gateway_url: Some(url),
            ..Announcement::default()
        };
        let running = Running::Market { market, served, _data: data };
        Ok(Self { announcement, recovered: None, running })
    }

    /// An explorer: GraphQL and compass.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn explorer(config: &ExplorerConfig) -> Result<Self, StartError> {
        let data = DataDir::open(&config.data_dir, "explorer", EXPLORER_DATA_VERSION)?;
        let origin = http::reserve("the explorer", config.listen).await?;
        let chain = connect(&config.chain).await?;
        let indexed = parts::explorer::Indexed {
            hub: config.chain.hub,
            data_protector: config.data_protector,
            storage: config.storage.clone(),
            iapps: config.iapps.clone(),
        };
        let explorer = parts::explorer::start(chain, indexed, &data.join("explorer.sqlite")).await?;
        let url = origin.url();
        let served = origin.serve(metacloud_explorer::router(&explorer).merge(site::explorer().router()));
        let announcement = Announcement {
            role: "explorer",
            subgraph_url: Some(format!("{url}{POCO_PATH}")),
            data_protector_subgraph_url: Some(format!("{url}{DATA_PROTECTOR_PATH}")),
            compass_url: Some(url.clone()),
            url: Some(url),
            ..Announcement::default()
        };
        let running = Running::Explorer { explorer, served, _data: data };
        Ok(Self { announcement, recovered: None, running })
    }

    /// A secrets service.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn secrets(config: &SecretsConfig) -> Result<Self, StartError> {
        let data = DataDir::open(&config.data_dir, "secrets", SECRETS_DATA_VERSION)?;
        let origin = http::reserve("the secrets service", config.listen).await?;
        let chain = connect(&config.chain).await?;
        let custody = parts::secrets::Custody {
            key_file: config.key_file.clone().unwrap_or_else(|| data.join("secrets.key")),
            admit_simulation: config.admit_simulation.clone(),
            old_form_release: config.old_form_release,
        };
        let file = data.join("secrets.sqlite");
        let secrets = parts::secrets::start(chain, config.chain.hub, &file, custody).await?;
        let url = origin.url();
        let served = origin.serve(metacloud_secrets::router(&secrets).merge(site::secrets().router()));
        let announcement = Announcement {
            role: "secrets",
            url: Some(url.clone()),
            sms_url: Some(url),
            ..Announcement::default()
        };
        let running = Running::Secrets { secrets, served, _data: data };
        Ok(Self { announcement, recovered: None, running })
    }

    /// The scheduler of a workerpool, which also publishes the pool's offers if it is told a market, and tells clients where
    /// it is if it is told a compass.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn scheduler(config: SchedulerConfig) -> Result<Self, StartError> {
        let chain = connect(&config.chain).await?;
        let chain_id = chain.id();
        let pool = parts::scheduler::Pool {
            hub: config.chain.hub,
            workerpool: config.workerpool,
            key: config.key,
            listen: config.listen,
            data_dir: config.data_dir.clone(),
            storage: config.storage.clone(),
            admit_simulation: config.admit_simulation.clone(),
            sms_url: config.sms_url.clone(),
            allow: config.allow.clone(),
        };
        let scheduler = parts::scheduler::start(chain, pool).await?;
        let url = format!("http://{}", scheduler.local_addr());
        if let Some(compass) = &config.compass {
            announce(&config, compass, chain_id, &url).await?;
        }
        if let Some(offers) = &config.offers {
            publish(&config, offers, chain_id, &url).await?;
        }
        let announcement = Announcement {
            role: "scheduler",
            url: Some(url.clone()),
            workerpool_api_url: Some(url.clone()),
            scheduler_url: Some(url),
            ..Announcement::default()
        };
        Ok(Self { announcement, recovered: None, running: Running::Scheduler(scheduler) })
    }

    /// A worker. A scheduler that does not answer is no error; it is waited for.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn worker(config: WorkerConfig) -> Result<Self, StartError> {
        let enclaves = match config.simulated_enclaves {
            true => Some(parts::worker::enclaves(None, &config.data_dir.join(ROOT_FILE), &config.data_dir)?),
            false => None,
        };
        let pool = parts::worker::Pool {
            chain: connect(&config.chain).await?,
            hub: config.chain.hub,
            scheduler_url: config.scheduler_url,
            workerpool: config.workerpool,
            sandbox: parts::worker::sandbox(&config.data_dir)?,
            task_time: config.task_time,
        };
        let member = parts::worker::Member {
            key: config.key,
            slots: config.slots,
            data_dir: config.data_dir,
            conduct: Conduct::Honest,
            enclaves,
        };
        let simulation_root = member.enclaves.as_ref().map(Enclaves::root);
        let worker = parts::worker::start(&pool, member).await?;
        let announcement = Announcement {
            role: "worker",
            address: Some(worker.address()),
            simulation_root,
            ..Announcement::default()
        };
        Ok(Self { announcement, recovered: None, running: Running::Worker(worker) })
    }

    /// What it tells others.
    #[must_use]
    pub fn announcement(&self) -> &Announcement {
        &self.announcement
    }

    /// What the chain's log had to give up when it was opened.
    #[must_use]
    pub fn recovered(&self) -> Option<&str> {
        self.recovered.as_deref()
    }

    /// Waits until it stops by itself; answers why.
    pub async fn ended(&self) -> Ended {
        match &self.running {
            Running::Chain(devchain) => Ended::new(Part::Chain, devchain.ended().await),
            Running::Storage { served, .. } => Ended::new(Part::Storage, served.ended().await),
            Running::Market { market, served, .. } => tokio::select! {
                cause = market.ended() => Ended::new(Part::Market, cause),
                cause = served.ended() => Ended::new(Part::Services, cause),
            },
            Running::Explorer { explorer, served, .. } => tokio::select! {
                cause = explorer.ended() => Ended::new(Part::Explorer, cause),
                cause = served.ended() => Ended::new(Part::Services, cause),
            },
            Running::Secrets { served, .. } => Ended::new(Part::Services, served.ended().await),
            Running::Scheduler(scheduler) => Ended::new(Part::Scheduler, scheduler.ended().await),
            Running::Worker(worker) => Ended::new(Part::Worker(worker.address()), worker.ended().await),
        }
    }

    /// Ends it in order.
    ///
    /// # Errors
    /// [`StopError`], also if it had stopped by itself.
    pub async fn stop(self) -> Result<(), StopError> {
        match self.running {
            Running::Chain(devchain) => devchain.stop().await?,
            Running::Storage { served, collector } => {
                if let Some(collector) = collector {
                    collector.stop().await;
                }
                served.stop().await;
            }
            Running::Market { market, served, .. } => {
                served.stop().await;
                market.stop().await;
            }
            Running::Explorer { explorer, served, .. } => {
                served.stop().await;
                explorer.stop().await;
            }
            Running::Secrets { secrets, served, .. } => {
                served.stop().await;
                secrets.stop().await;
            }
            Running::Scheduler(scheduler) => scheduler.stop().await?,
            Running::Worker(worker) => worker.stop().await,
        }
        Ok(())
    }
}

async fn publish(
    config: &SchedulerConfig,
    offers: &OffersConfig,
    chain_id: u64,
    scheduler_url: &str,
) -> Result<(), StartError> {
    let owner = owner(config, &offers.market_url, chain_id, scheduler_url).await?;
    let tag = offers::tag(!config.admit_simulation.is_empty());
    offers::publish(&owner, config.workerpool, offers.trust, offers.price_per_second, tag).await?;
    Ok(())
}

/// Tells a compass where the pool's API is, under the description that the pool has on chain.
async fn announce(
    config: &SchedulerConfig,
    compass: &CompassConfig,
    chain_id: u64,
    scheduler_url: &str,
) -> Result<(), StartError> {
    // Whoever announces asks no market.
    let owner = owner(config, &compass.url, chain_id, scheduler_url).await?;
    let pool = owner.hub().view_workerpool(config.workerpool).await?;
    let api_url = compass.api_url.as_deref().unwrap_or(scheduler_url);
    offers::announce(&owner, config.workerpool, &pool_name(&pool.description), api_url, &compass.url).await?;
    Ok(())
}

/// A description as a name: without control characters, and no longer than compass takes.
fn pool_name(description: &str) -> String {
    let mut name: String = description.chars().filter(|c| !c.is_control()).collect();
    name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
    name
}

/// The cloud, as the pool's owner sees it.
async fn owner(
    config: &SchedulerConfig,
    market_url: &str,
    chain_id: u64,
    scheduler_url: &str,
) -> Result<Cloud, StartError> {
    let network = Network {
        chain_id,
        rpc_url: config.chain.rpc_url.clone(),
        hub: config.chain.hub,
        market_url: market_url.to_owned(),
        ipfs_node_url: config.storage.node_url.clone(),
        ipfs_gateway_url: config.storage.gateway_url.clone(),
        pool_url: Some(scheduler_url.to_owned()),
        confirmations: config.chain.confirmations,
    };
    Ok(Cloud::connect(network, config.key.0).await?)
}
