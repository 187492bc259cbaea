//! The main job in one process, start to finish: a picture rendered tile by tile by workers, one of whom lies.
//!
//! Nothing here is a shortcut: the cloud is the one that `up` starts, the buyer goes through the SDK, and the direct
//! render that the result is compared with runs the same module in the same sandbox without any of it.

mod picture;
mod report;

use std::path::{Path, PathBuf};
use std::time::Instant;

use alloy_primitives::Bytes;
use metacloud_protocol::{CategoryId, Nrlc, TaskId};
use metacloud_sandbox::{CancelFlag, InputFile, Job, Limits, Sandbox, SandboxConfig};
use metacloud_sdk::offer::AppOffer;
use metacloud_sdk::receipt::{Opening, Party, Receipt};
use metacloud_sdk::{App, Cloud, Deal, Ending, Input, Progress, Purchase};
use metacloud_wire::ready::{ReadyFile, Role};

pub use picture::{Picture, PictureError};
pub use report::{DemoEvent, DemoJson, DemoReport, TileState};

use crate::config::UpConfig;
use crate::error::{StartError, StopError};
use crate::parts::Ended;
use crate::up::Up;

/// The renderer, built from `examples/pathtracer/pathtracer.c`.
const RENDERER: &[u8] = include_bytes!("../../../../examples/pathtracer/pathtracer.wasm");
/// What it renders.
const SCENE: &[u8] = include_bytes!("../../../../examples/pathtracer/scene.txt");
/// Tiles of a row, and rows.
const GRID: (u32, u32) = (6, 4);
/// Trust level of the deal: two workers that agree, more as soon as one dissents.
const TRUST: u64 = 4;
/// What the renderer's author gets per tile, in nRLC: 0.001 RLC.
const APP_PRICE_NRLC: u64 = 1_000_000;
/// Bytes of the compiled-module cache of the direct render.
const CACHE_BYTES_MAX: u64 = 64 << 20;

/// What the demo is told.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Honest workers; one more lies.
    pub honest_workers: usize,
    /// Where the picture goes.
    pub out: PathBuf,
}

/// Why the demo ended without a report. Each variant names the step.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The cloud did not start.
    #[error(transparent)]
    Start(Box<StartError>),
    /// The cloud did not end well.
    #[error(transparent)]
    Stop(#[from] StopError),
    /// A part of the cloud stopped by itself.
    #[error("{0}")]
    Ended(Ended),
    /// The person had enough.
    #[error("interrupted; everything was ended and nothing was kept")]
    Interrupted,
    /// The picture cannot be written.
    #[error("{} cannot be written: {source}", path.display())]
    Out {
        /// Where it should go.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The buyer's or seller's side failed.
    #[error(transparent)]
    Sdk(#[from] metacloud_sdk::Error),
    /// A tile did not complete.
    #[error("tile {index} was not completed: {why}")]
    Tile {
        /// Its index, row by row.
        index: usize,
        /// Causes, in words.
        why: String,
    },
    /// A result holds no tile, or the tiles do not fit.
    #[error("the tiles make no picture: {0}")]
    Picture(#[from] PictureError),
    /// A file of a result, or a temporary one, cannot be used.
    #[error("a temporary file cannot be used: {0}")]
    Io(#[from] std::io::Error),
    /// The direct render failed.
    #[error("the direct render failed: {0}")]
    Direct(String),
}

impl From<StartError> for DemoError {
    fn from(error: StartError) -> Self {
        Self::Start(Box::new(error))
    }
}

/// Runs the demo; `on_event` hears what happens. Once `interrupted` is there, everything is ended and nothing kept.
///
/// # Errors
/// [`DemoError`]. A lie that was not found or a sum that does not add up is no error but stands in the report.
pub async fn run(
    options: DemoOptions,
    mut on_event: impl FnMut(DemoEvent),
    interrupted: impl Future<Output = ()>,
) -> Result<DemoReport, DemoError> {
    let started = Instant::now();
    // A picture that cannot be kept should not cost a minute first.
    let fresh = !options.out.exists();
    let out_failed = |source| DemoError::Out { path: options.out.clone(), source };
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&options.out)
        .map_err(out_failed)?;
    let ran = run_until(&options, &mut on_event, interrupted).await;
    if ran.is_err() && fresh {
        // The trial left an empty file.
        let _ = std::fs::remove_file(&options.out);
    }
    let ran = ran?;
    Ok(DemoReport {
        tiles: tiles(),
        verified: ran.made.verified,
        workers: ran.workers,
        liars: ran.liars,
        lies_found: ran.made.lies_found,
        equals_direct: ran.equals_direct,
        receipt: ran.made.receipt,
        picture: options.out,
        took: started.elapsed(),
    })
}

/// What came out of a demo.
struct Ran {
    made: Made,
    workers: usize,
    liars: usize,
    equals_direct: bool,
}

/// Starts the cloud, does the job on it, and ends it however the job went.
async fn run_until(
    options: &DemoOptions,
    on_event: &mut impl FnMut(DemoEvent),
    interrupted: impl Future<Output = ()>,
) -> Result<Ran, DemoError> {
    let config = UpConfig { liars: 1, ..UpConfig::ephemeral(options.honest_workers) };
    // Not interrupted while it starts, which takes a moment: dropped half-way, parts that run already would go on
    // writing into a folder that is being removed.
    let up = Up::start(config).await?;
    let ran = tokio::select! {
        ran = job(&up, options, on_event) => ran,
        ended = up.ended() => Err(DemoError::Ended(ended)),
        () = interrupted => Err(DemoError::Interrupted),
    };
    let stopped = up.stop().await;
    let ran = ran?;
    stopped?;
    Ok(ran)
}

/// The main job on a running cloud, and the comparison with a direct render.
async fn job(up: &Up, options: &DemoOptions, on_event: &mut impl FnMut(DemoEvent)) -> Result<Ran, DemoError> {
    let (honest, liars) = (up.honest().len(), up.liars().len());
    let workers = honest + liars;
    on_event(DemoEvent::CloudStarted { hub: up.ready().hub, workers, liar: up.liars()[0] });
    let direct = DirectRender::start();
    let made = buy_and_verify(up, on_event).await?;
    on_event(DemoEvent::TilesFetched);
    let direct = direct.finish().await?;
    let equals_direct = direct == made.picture;
    on_event(DemoEvent::DirectRendered { equal: equals_direct });
    made.picture
        .write_png(&options.out)
        .map_err(|source| DemoError::Out { path: options.out.clone(), source })?;
    Ok(Ran { made, workers, liars, equals_direct })
}

/// What the cloud made.
struct Made {
    picture: Picture,
    verified: usize,
    lies_found: usize,
    receipt: Receipt,
}

fn tiles() -> usize {
    GRID.0 as usize * GRID.1 as usize
}

fn arguments() -> String {
    format!("--tiles {},{}", GRID.0, GRID.1)
}

async fn buy_and_verify(up: &Up, on_event: &mut impl FnMut(DemoEvent)) -> Result<Made, DemoError> {
    let ready = up.ready();
    let key = |role| ready.account(role).expect("a development network has every role").private_key.0;
    let provider = Cloud::connect(ready, key(Role::AppProvider)).await?;
    let app = provider
        .app(&App::Module { name: "pathtracer".to_owned(), bytes: Bytes::from_static(RENDERER) })
        .await?;
    let volume = tiles() as u64;
    let price = Nrlc::new(APP_PRICE_NRLC);
    provider.offer_app(&AppOffer { app, price, volume, tag: alloy_primitives::B256::ZERO }).await?;
    let buyer = Cloud::connect(ready, key(Role::Requester)).await?;
    let opening = Opening::take(&buyer, parties(ready, up)).await?;
    let deal = buyer
        .buy(&Purchase {
            args: arguments(),
            inputs: vec![Input::Content(Bytes::from_static(SCENE))],
            trust: TRUST,
            category: CategoryId(0),
            volume,
            ..Purchase::new(App::Registered(app))
        })
        .await?;
    let tile_price = deal.record().task_price().unwrap_or(Nrlc::ZERO);
    on_event(DemoEvent::DealMade { deal: deal.id(), tiles: tiles(), trust: TRUST, tile_price });
    let (verified, lies_found) = follow(&deal, on_event).await?;
    let picture = fetch(&deal).await?;
    let receipt = opening.close().await?;
    Ok(Made { picture, verified, lies_found, receipt })
}

/// Follows the tiles until each has ended; answers the verified ones and the lies that were found.
async fn follow(deal: &Deal, on_event: &mut impl FnMut(DemoEvent)) -> Result<(usize, usize), DemoError> {
    let mut lies_found = 0;
    let mut watch = deal.watch().await?;
    while let Some(progress) = watch.next().await? {
        let moved = match progress {
            Progress::Contributed { index, .. } => Some((index, TileState::Contributed)),
            Progress::Agreed { index } => Some((index, TileState::Agreed)),
            Progress::Completed { index } => Some((index, TileState::Verified)),
            Progress::Rejected { index, worker } => {
                lies_found += 1;
                on_event(DemoEvent::LieFound { index, worker });
                None
            }
            Progress::GivenUp { index, causes, .. } => {
                let why = causes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                return Err(DemoError::Tile { index, why });
            }
            Progress::Initialized { .. }
            | Progress::Revealed { .. }
            | Progress::Reopened { .. }
            | Progress::Claimed { .. }
            | Progress::Reverted => None,
        };
        if let Some((index, state)) = moved {
            on_event(DemoEvent::TileMoved { index, state });
        }
    }
    let verified = watch.endings().iter().filter(|ending| matches!(ending, Some(Ending::Completed))).count();
    Ok((verified, lies_found))
}

/// Fetches every tile (the SDK compares each with the digest on chain) and puts them together.
async fn fetch(deal: &Deal) -> Result<Picture, DemoError> {
    let folder = tempfile::tempdir()?;
    let mut tiles = Vec::with_capacity(deal.tasks().len());
    for &(index, task) in deal.tasks() {
        tiles.push(tile(deal, index, task, folder.path()).await?);
    }
    Ok(Picture::from_tiles(GRID.0, GRID.1, &tiles)?)
}

async fn tile(
    deal: &Deal,
    index: alloy_primitives::U256,
    task: TaskId,
    folder: &Path,
) -> Result<Picture, DemoError> {
    let result = deal.fetch(index, task, &folder.join(index.to_string())).await?;
    let bytes = tokio::fs::read(result.dir.join("tile.ppm")).await?;
    Ok(Picture::from_ppm(&bytes)?)
}

/// Everybody who holds RLC, so that the sums can be complete.
fn parties(ready: &ReadyFile, up: &Up) -> Vec<Party> {
    let mut workers = 0;
    let mut others = 0;
    let mut parties = Vec::with_capacity(ready.accounts.len());
    for account in &ready.accounts {
        let name = match account.role {
            Role::Deployer => "deployer".to_owned(),
            Role::AppProvider => "app provider".to_owned(),
            Role::DatasetProvider => "dataset provider".to_owned(),
            Role::WorkerpoolOwner => "pool owner".to_owned(),
            Role::Requester => "buyer".to_owned(),
            Role::Worker if up.liars().contains(&account.address) => "the liar".to_owned(),
            Role::Worker if up.honest().contains(&account.address) => {
                workers += 1;
                format!("worker {workers}")
            }
            Role::Worker => {
                others += 1;
                format!("idle account {others}")
            }
        };
        parties.push(Party { name, address: account.address });
    }
    parties
}

/// The same scene by the same module in a sandbox of its own, as one tile, beside the cloud but without it. Given up
/// when dropped.
struct DirectRender {
    rendering: Option<tokio::task::JoinHandle<Result<Vec<u8>, DemoError>>>,
    cancel: CancelFlag,
}

impl DirectRender {
    fn start() -> Self {
        let cancel = CancelFlag::new();
        let flag = cancel.clone();
        Self { rendering: Some(tokio::task::spawn_blocking(move || render(&flag))), cancel }
    }

    async fn finish(mut self) -> Result<Picture, DemoError> {
        let rendering = self.rendering.take().expect("it is taken here alone, and this consumes it");
        let bytes = rendering.await.map_err(|error| DemoError::Direct(error.to_string()))??;
        Ok(Picture::from_ppm(&bytes)?)
    }
}

impl Drop for DirectRender {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

fn render(cancel: &CancelFlag) -> Result<Vec<u8>, DemoError> {
    let folder = tempfile::tempdir()?;
    let (module, scene) = (folder.path().join("pathtracer.wasm"), folder.path().join("scene.txt"));
    std::fs::write(&module, RENDERER)?;
    std::fs::write(&scene, SCENE)?;
    let direct = |error: &dyn std::fmt::Display| DemoError::Direct(error.to_string());
    let config = SandboxConfig { cache_dir: folder.path().join("cache"), cache_bytes_max: CACHE_BYTES_MAX };
    let sandbox = Sandbox::open(config).map_err(|error| direct(&error))?;
    let env = [("IEXEC_IN", "/iexec_in"), ("IEXEC_OUT", "/iexec_out"), ("IEXEC_TASK_INDEX", "0")]
        .into_iter()
        .chain([("IEXEC_INPUT_FILE_NAME_1", "scene")])
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let out_dir = folder.path().join("out");
    let job = Job {
        module,
        args: vec!["--tiles".to_owned(), "1,1".to_owned()],
        env,
        inputs: vec![InputFile { name: "scene".to_owned(), path: scene }],
        out_dir: out_dir.clone(),
        limits: Limits::for_category_time(std::time::Duration::from_secs(300)),
        seed: [0; 32],
    };
    let outcome = sandbox.run(job, cancel).map_err(|error| direct(&error))?;
    if outcome.exit_code != 0 {
        return Err(direct(&String::from_utf8_lossy(&outcome.stderr)));
    }
    Ok(std::fs::read(out_dir.join("tile.ppm"))?)
}
