//! `metacloud up`.

use std::path::PathBuf;
use std::time::Duration;

use metacloud_node::{BlockTime, Up, UpConfig, UpError};

use crate::args::{self, UpArguments};
use crate::failure::{Failure, chained};
use crate::places;

/// Starts the cloud, says where everything is, and runs until interrupted.
pub(crate) async fn up(arguments: UpArguments) -> Result<(), Failure> {
    let config = config(&arguments)?;
    let here = places::running_up();
    let up = Up::start(config).await.map_err(failure)?;
    if let Some(recovered) = up.recovered() {
        eprintln!("The chain was not ended well: {recovered}");
    }
    greet(&up);
    let registered = here.as_deref().and_then(|path| places::register(path, &up.ready().to_json()));
    interrupted().await?;
    eprintln!("Ending; press Ctrl-C again to leave at once.");
    drop(registered);
    tokio::select! {
        ended = up.stop() => ended.map_err(failure),
        again = interrupted() => again.and(Err(Failure::no("left before everything had ended"))),
    }
}

fn config(arguments: &UpArguments) -> Result<UpConfig, Failure> {
    let data_dir = match (arguments.ephemeral, &arguments.data_dir) {
        (true, _) => None,
        (false, Some(folder)) => Some(folder.clone()),
        (false, None) => Some(default_data_dir()?),
    };
    Ok(UpConfig {
        data_dir,
        chain_id: arguments.chain_id,
        block_time: match arguments.block_time {
            args::BlockTime::Auto => BlockTime::Auto,
            args::BlockTime::Every(period) => BlockTime::Every(period),
        },
        rpc_port: arguments.rpc_port,
        http_port: arguments.http_port,
        workers: usize::from(arguments.workers),
        liars: 0,
        task_time: arguments.task_seconds.map(Duration::from_secs),
        ready_file: arguments.ready_file.clone(),
    })
}

fn default_data_dir() -> Result<PathBuf, Failure> {
    places::data().map(|folder| folder.join("up")).ok_or_else(|| {
        Failure::environment("there is no home folder to keep state in; give --data-dir DIR or --ephemeral")
    })
}

fn greet(up: &Up) {
    let ready = up.ready();
    eprintln!(
        "metacloud is up, for development: its keys are those of the well-known mnemonic, never use them for value."
    );
    eprintln!("  chain {:<8} {}", ready.chain_id, ready.rpc_url);
    eprintln!("  services       {}", ready.gateway_url);
    eprintln!("  hub            {}", ready.hub);
    eprintln!("  pool           {} with {} workers", ready.workerpool, up.honest().len() + up.liars().len());
    eprintln!("Try: metacloud run examples/hello/hello.wasm -- world    (Ctrl-C ends the cloud)");
}

async fn interrupted() -> Result<(), Failure> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(|error| Failure::environment(format!("signals cannot be awaited: {error}")))?;
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => {
            interrupt.map_err(|error| Failure::environment(format!("Ctrl-C cannot be awaited: {error}")))
        }
        _ = terminate.recv() => Ok(()),
    }
}

fn failure(error: UpError) -> Failure {
    Failure::environment(chained(&error))
}
