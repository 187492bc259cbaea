//! `metacloud chain|storage|market|explorer|secrets|scheduler|worker`: one role in this process.

use std::net::SocketAddr;
use std::time::Duration;

use metacloud_node::{
    Alone, ChainAccess, ChainConfig, CollectionConfig, CompassConfig, ExplorerConfig, KeeperConfig,
    MarketConfig, OffersConfig, SchedulerConfig, SecretsConfig, StorageAccess, StorageConfig, WorkerConfig,
};
use metacloud_sdk::ready::Role;

use crate::args::{
    ChainAccessArguments, ChainArguments, EnclaveArgument, ExplorerArguments, MarketArguments, RoleCommand,
    SchedulerArguments, SecretsArguments, StorageArguments, WorkerArguments,
};
use crate::failure::Failure;
use crate::settings::{Settings, variable};
use crate::signals::Signals;
use crate::up::{data_dir, failure, kept_in, up};
use crate::{key, serve};

/// Starts the role, says where it is, and runs until interrupted.
pub(crate) async fn role(command: RoleCommand, settings: &Settings) -> Result<(), Failure> {
    let json = wants_json(&command);
    let mut signals = Signals::catch()?;
    let alone = match command {
        RoleCommand::Up(arguments) => return up(arguments).await,
        RoleCommand::Chain(arguments) => serve::start(&mut signals, chain(arguments)).await?,
        RoleCommand::Storage(arguments) => serve::start(&mut signals, storage(arguments, settings)).await?,
        RoleCommand::Market(arguments) => serve::start(&mut signals, market(arguments, settings)).await?,
        RoleCommand::Explorer(arguments) => serve::start(&mut signals, explorer(arguments, settings)).await?,
        RoleCommand::Secrets(arguments) => serve::start(&mut signals, secrets(arguments, settings)).await?,
        RoleCommand::Scheduler(arguments) => {
            serve::start(&mut signals, scheduler(*arguments, settings)).await?
        }
        RoleCommand::Worker(arguments) => serve::start(&mut signals, worker(arguments, settings)).await?,
    };
    if let Some(recovered) = alone.recovered() {
        eprintln!("The chain was not ended well: {recovered}");
    }
    announce(&alone, json);
    serve::until_told(alone, &mut signals).await
}

/// Whether a role is to announce itself to a program.
pub(crate) fn wants_json(command: &RoleCommand) -> bool {
    match command {
        RoleCommand::Up(_) => false,
        RoleCommand::Chain(arguments) => arguments.alone.json,
        RoleCommand::Storage(arguments) => arguments.alone.json,
        RoleCommand::Market(arguments) => arguments.alone.json,
        RoleCommand::Explorer(arguments) => arguments.alone.json,
        RoleCommand::Secrets(arguments) => arguments.alone.json,
        RoleCommand::Scheduler(arguments) => arguments.alone.json,
        RoleCommand::Worker(arguments) => arguments.alone.json,
    }
}

async fn chain(arguments: ChainArguments) -> Result<Alone, Failure> {
    warn_if_open("chain", arguments.listen, "and everybody has the keys of its accounts");
    let config = ChainConfig {
        listen: arguments.listen,
        data_dir: kept_in(&arguments.development)?,
        chain_id: arguments.development.chain_id,
        block_time: arguments.development.block_time,
    };
    Alone::chain(&config).await.map_err(failure)
}

async fn storage(arguments: StorageArguments, settings: &Settings) -> Result<Alone, Failure> {
    warn_if_open("storage", arguments.listen, "and may upload until it is full");
    let collection = match arguments.keep_days {
        // Age alone would take what is in use: applications grow old.
        Some(days) => Some(CollectionConfig {
            chain: chain_access(arguments.chain, settings)?,
            kept: Duration::from_secs(days * 24 * 3600),
        }),
        None => None,
    };
    let config = StorageConfig {
        listen: arguments.listen,
        data_dir: data_dir(arguments.data_dir.as_deref(), "")?,
        backing: arguments.backing.backing(),
        total_bytes_max: arguments.max_gib << 30,
        collection,
    };
    Alone::storage(&config).await.map_err(failure)
}

async fn market(arguments: MarketArguments, settings: &Settings) -> Result<Alone, Failure> {
    let standing_after = arguments.match_standing_after.map(Duration::from_secs);
    let keeper = match arguments.keeper_key {
        Some(path) => Some(KeeperConfig { key: key::from_file(&path)?, standing_after }),
        None if standing_after.is_some() => {
            return Err(Failure::environment(
                "--match-standing-after needs a keeper that matches; give --keeper-key FILE too",
            ));
        }
        None => None,
    };
    let config = MarketConfig {
        listen: arguments.listen,
        data_dir: data_dir(arguments.data_dir.as_deref(), "")?,
        chain: chain_access(arguments.chain, settings)?,
        keeper,
        limits: arguments.limits.into(),
    };
    Alone::market(&config).await.map_err(failure)
}

async fn explorer(arguments: ExplorerArguments, settings: &Settings) -> Result<Alone, Failure> {
    let gateway_url = needed(arguments.ipfs_gateway, "ipfs-gateway", "URL", settings)?;
    let config = ExplorerConfig {
        listen: arguments.listen,
        data_dir: data_dir(arguments.data_dir.as_deref(), "")?,
        chain: chain_access(arguments.chain, settings)?,
        data_protector: arguments.data_protector,
        // It uploads nothing.
        storage: StorageAccess { node_url: gateway_url.clone(), gateway_url },
        iapps: arguments.iapp.into_iter().collect(),
    };
    Alone::explorer(&config).await.map_err(failure)
}

async fn secrets(arguments: SecretsArguments, settings: &Settings) -> Result<Alone, Failure> {
    let config = SecretsConfig {
        listen: arguments.listen,
        data_dir: data_dir(arguments.data_dir.as_deref(), "")?,
        key_file: arguments.key_file,
        chain: chain_access(arguments.chain, settings)?,
        admit_simulation: arguments.admit_simulation,
        old_form_release: arguments.release,
    };
    if !config.admit_simulation.is_empty() {
        eprintln!("Warning: simulated enclaves are admitted: what they receive is protected from nobody.");
    }
    Alone::secrets(&config).await.map_err(failure)
}

async fn scheduler(arguments: SchedulerArguments, settings: &Settings) -> Result<Alone, Failure> {
    let node_url = needed(arguments.ipfs_node, "ipfs-node", "URL", settings)?;
    let config = SchedulerConfig {
        listen: arguments.listen,
        data_dir: data_dir(arguments.data_dir.as_deref(), "")?,
        chain: chain_access(arguments.chain, settings)?,
        storage: StorageAccess {
            gateway_url: arguments.ipfs_gateway.unwrap_or_else(|| node_url.clone()),
            node_url,
        },
        workerpool: needed(arguments.workerpool, "workerpool", "ADDRESS", settings)?,
        key: key::read(settings, arguments.key.as_deref(), Some((Role::WorkerpoolOwner, 0)))?,
        admit_simulation: arguments.admit_simulation,
        sms_url: arguments.sms,
        allow: arguments.allow,
        compass: arguments.compass.map(|url| CompassConfig { url, api_url: arguments.api_url }),
        offers: arguments.market.map(|market_url| OffersConfig {
            market_url,
            trust: arguments.offer_trust,
            price_per_second: arguments.offer_price,
        }),
    };
    Alone::scheduler(config).await.map_err(failure)
}

async fn worker(arguments: WorkerArguments, settings: &Settings) -> Result<Alone, Failure> {
    let account = arguments.account.map(|number| (Role::Worker, usize::from(number) - 1));
    let config = WorkerConfig {
        data_dir: data_dir(arguments.data_dir.as_deref(), "")?,
        chain: chain_access(arguments.chain, settings)?,
        scheduler_url: needed(arguments.scheduler, "scheduler", "URL", settings)?,
        workerpool: needed(arguments.workerpool, "workerpool", "ADDRESS", settings)?,
        key: key::read(settings, arguments.key.as_deref(), account)?,
        slots: usize::from(arguments.slots),
        simulated_enclaves: arguments.enclave == Some(EnclaveArgument::Simulation),
        task_time: arguments.task_seconds.map(Duration::from_secs),
    };
    Alone::worker(config).await.map_err(failure)
}

fn chain_access(arguments: ChainAccessArguments, settings: &Settings) -> Result<ChainAccess, Failure> {
    Ok(ChainAccess {
        rpc_url: needed(arguments.rpc, "rpc", "URL", settings)?,
        hub: needed(arguments.hub, "hub", "ADDRESS", settings)?,
        chain_id: arguments.chain_id,
        confirmations: arguments.confirmations,
    })
}

/// A setting without which the role cannot start.
fn needed<T>(value: Option<T>, key: &str, what: &str, settings: &Settings) -> Result<T, Failure> {
    let (role, variable) = (settings.role, variable(key));
    value.ok_or_else(|| {
        Failure::environment(format!(
            "the {role} needs to be told `{key}`: give --{key} {what}, or {variable}, or `{key}` in the settings \
             file, or a ready file with --ready-file FILE"
        ))
    })
}

/// Whoever binds more than the loopback address should know what that means.
fn warn_if_open(role: &str, listen: SocketAddr, and: &str) {
    if !listen.ip().is_loopback() {
        eprintln!(
            "Warning: the {role} listens on {listen}: everybody who can reach this machine can use it, {and}."
        );
    }
}

/// One line on stdout once requests are accepted; what else a person wants to know goes to stderr.
fn announce(alone: &Alone, json: bool) {
    let told = alone.announcement();
    if json {
        let text = serde_json::to_string(told).expect("texts, numbers and lists always serialise");
        println!("{text}");
        return;
    }
    match (&told.url, &told.address) {
        (Some(url), _) => println!("{} accepts requests at {url}", told.role),
        (None, Some(address)) => println!("{} works with account {address}", told.role),
        (None, None) => println!("{} runs", told.role),
    }
    if let Some(root) = &told.simulation_root {
        eprintln!(
            "  enclaves             SIMULATED, they protect nothing from whoever controls this machine"
        );
        eprintln!("  simulation root      {root}  (a scheduler admits it with --admit-simulation {root})");
    }
    if let Some(chain) = &told.chain {
        eprintln!("  chain id             {}", chain.chain_id);
        eprintln!("  hub                  {}", chain.hub);
        eprintln!("  RLC                  {}", chain.rlc);
        eprintln!("  app registry         {}", chain.app_registry);
        eprintln!("  dataset registry     {}", chain.dataset_registry);
        eprintln!("  workerpool registry  {}", chain.workerpool_registry);
        eprintln!("  data protector       {}", chain.data_protector);
        eprintln!("  development pool     {}", chain.workerpool);
        eprintln!("FOR DEVELOPMENT ONLY: the keys of all its accounts are public knowledge.");
    }
}
