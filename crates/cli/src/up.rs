//! `metacloud up`.

use std::path::PathBuf;
use std::time::Duration;

use metacloud_node::{StartError, Up, UpConfig};

use crate::args::{DevelopmentArguments, UpArguments};
use crate::failure::{Failure, chained};
use crate::places;
use crate::serve;
use crate::signals::Signals;

/// Starts the cloud, says where everything is, and runs until interrupted.
pub(crate) async fn up(arguments: UpArguments) -> Result<(), Failure> {
    let config = config(&arguments)?;
    let mut signals = Signals::catch()?;
    let starting = async { Up::start(config).await.map_err(failure) };
    let up = serve::start(&mut signals, starting).await?;
    if let Some(recovered) = up.recovered() {
        eprintln!("The chain was not ended well: {recovered}");
    }
    // Before the greeting, which tells of commands that need it.
    let registered = places::running_up().and_then(|path| places::register(&path, &up.ready().to_json()));
    greet(&up);
    let ended = serve::until_told(up, &mut signals).await;
    drop(registered);
    ended
}

fn config(arguments: &UpArguments) -> Result<UpConfig, Failure> {
    Ok(UpConfig {
        data_dir: kept_in(&arguments.development)?,
        chain_id: arguments.development.chain_id,
        block_time: arguments.development.block_time,
        rpc_port: arguments.rpc_port,
        http_port: arguments.http_port,
        workers: usize::from(arguments.workers),
        liars: 0,
        task_time: arguments.task_seconds.map(Duration::from_secs),
        enclave_program: None,
        limits: arguments.limits.into(),
        iapps: arguments.iapp.iter().cloned().collect(),
        backing: arguments.backing.backing(),
        ready_file: arguments.ready_file.clone(),
    })
}

/// Where a development chain and what belongs to it is kept, if anywhere.
pub(crate) fn kept_in(arguments: &DevelopmentArguments) -> Result<Option<PathBuf>, Failure> {
    match arguments.ephemeral {
        true => Ok(None),
        false => data_dir(arguments.data_dir.as_deref(), " or --ephemeral").map(Some),
    }
}

/// The data directory, which has a default only if the user has a home. `or` names other ways.
pub(crate) fn data_dir(given: Option<&std::path::Path>, or: &str) -> Result<PathBuf, Failure> {
    given.map(PathBuf::from).ok_or_else(|| {
        Failure::environment(format!("there is no home folder to keep state in; give --data-dir DIR{or}"))
    })
}

fn greet(up: &Up) {
    let ready = up.ready();
    let workers = up.honest().len() + up.liars().len();
    eprintln!("metacloud is up.");
    eprintln!();
    eprintln!("  chain {:<6}   {}", ready.chain_id, ready.rpc_url);
    eprintln!("  services       {}", ready.gateway_url);
    eprintln!("  hub            {}", ready.hub);
    eprintln!("  pool           {}", ready.workerpool);
    eprintln!("  workers        {workers}");
    if workers > 0 {
        eprintln!("  enclaves       SIMULATED (root {})", up.simulation_root());
    }
    eprintln!();
    eprintln!("  FOR DEVELOPMENT ONLY: the keys of all its accounts are public knowledge.");
    eprintln!("  Never send anything of value to them, on any chain.");
    eprintln!("  Its enclaves are SIMULATED: whoever controls this machine sees into them.");
    eprintln!();
    eprintln!("Try in another terminal: metacloud run examples/hello/hello.wasm -- world");
    eprintln!("Ctrl-C ends the cloud.");
}

pub(crate) fn failure(error: StartError) -> Failure {
    Failure::environment(chained(&error))
}
