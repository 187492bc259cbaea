//! How long does one small task take, from before its order is signed until its verified result lies unpacked?
//!
//! Everything is warm (module compiled, app registered), trust is 1, blocks are instant, the cloud is the one that
//! `metacloud up` starts. The peer's figure is the published one of Bacalhau: 630 ms per job.
#![allow(clippy::print_stdout)] // the answer goes to stdout

use std::error::Error;
use std::time::{Duration, Instant};

use metacloud_node::{Up, UpConfig};
use metacloud_sdk::ready::Role;
use metacloud_sdk::{App, Cloud, Ending, Purchase};

/// Purchases before measuring.
const WARM_UP: usize = 5;
/// Purchases measured; the answer is their median.
const MEASURED: usize = 51;
/// Published time of one job of Bacalhau, in milliseconds.
const BACALHAU_MS: f64 = 630.0;
/// What a median may be at most, in milliseconds.
const BOUND_MS: f64 = 150.0;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let up = Up::start(UpConfig::ephemeral(2)).await?;
    let requester = up.ready().account(Role::Requester).ok_or("no requester")?;
    let cloud = Cloud::connect(up.ready(), requester.private_key.0).await?;
    let module = include_bytes!("../examples/hello/hello.wasm");
    let app = App::Module { name: "hello".to_owned(), bytes: module[..].into() };
    let app = App::Registered(cloud.app(&app).await?);
    let mut times = Vec::with_capacity(MEASURED);
    for turn in 0..WARM_UP + MEASURED {
        let took = buy_one(&cloud, &app).await?;
        if turn >= WARM_UP {
            times.push(took);
        }
    }
    times.sort_unstable();
    let ours = times[MEASURED / 2].as_secs_f64() * 1e3;
    println!(
        r#"{{"bench":"task_latency","ours":{ours},"peer":{BACALHAU_MS},"peerName":"Bacalhau (published)","unit":"ms","ratio":{},"bound":{}}}"#,
        ours / BACALHAU_MS,
        BOUND_MS / BACALHAU_MS,
    );
    up.stop().await?;
    Ok(())
}

async fn buy_one(cloud: &Cloud, app: &App) -> Result<Duration, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let started = Instant::now();
    let deal = cloud.buy(&Purchase { args: "world".to_owned(), ..Purchase::new(app.clone()) }).await?;
    let mut watch = deal.watch().await?;
    while watch.next().await?.is_some() {}
    match watch.endings() {
        [Some(Ending::Completed)] => {}
        endings => return Err(format!("the task ended with {endings:?}").into()),
    }
    let &(index, task) = deal.tasks().first().ok_or("a deal without tasks")?;
    deal.fetch(index, task, &folder.path().join("result")).await?;
    Ok(started.elapsed())
}
