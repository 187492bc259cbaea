//! Content-addressed storage, and the collector that removes what nothing leads to any more.

mod roots;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::{Duration, SystemTime};

use axum::Router;
use metacloud_blobs::{Backing, Blobs, Collected, Limits, RootsError, Settings};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::error::StartError;

pub(crate) use roots::ChainRoots;

/// How long content is kept that nothing leads to, and that of a deal or a result after its end, unless told otherwise.
pub(crate) const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
/// Pause between two collections.
const COLLECT_EVERY: Duration = Duration::from_secs(3600);

/// Opens the store of content.
///
/// # Errors
/// [`StartError::Blobs`].
pub(crate) async fn open(dir: &Path, settings: Settings, backing: &Backing) -> Result<Blobs, StartError> {
    Ok(Blobs::open_on(dir, settings, backing).await?)
}

/// The routes over it.
pub(crate) fn router(blobs: &Blobs) -> Router {
    metacloud_blobs::router(blobs.clone(), Limits::default())
}

/// Collects now and then, until stopped.
pub(crate) struct Collector {
    task: JoinHandle<()>,
    #[cfg(test)]
    pub(crate) collecting: std::sync::Arc<Collecting>,
}

/// A store, and who knows what in it is in use.
pub(crate) struct Collecting {
    blobs: Blobs,
    roots: ChainRoots,
}

impl Collecting {
    /// Removes what is older than `grace` at `now` and to which neither pins nor the chain lead.
    async fn once(&self, grace: Duration, now: SystemTime) -> Result<Collected, RootsError> {
        self.blobs.collect(&self.roots, grace, now).await
    }
}

impl Collector {
    /// Removes content older than `kept` to which neither pins nor `roots` lead, from an hour after the start on.
    pub(crate) fn start(blobs: Blobs, roots: ChainRoots, kept: Duration) -> Self {
        let collecting = std::sync::Arc::new(Collecting { blobs, roots });
        let task = tokio::spawn(now_and_then(collecting.clone(), kept));
        Self {
            task,
            #[cfg(test)]
            collecting,
        }
    }

    /// Ends it; a collection under way is broken off between two removals.
    pub(crate) async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn now_and_then(collecting: std::sync::Arc<Collecting>, kept: Duration) {
    let mut ticks = tokio::time::interval(COLLECT_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick comes at once; the chain may not have told this run much yet.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        match collecting.once(kept, SystemTime::now()).await {
            Ok(Collected { removed, freed_bytes, kept }) if removed > 0 => {
                tracing::info!(removed, freed_bytes, kept, "content collected");
            }
            Ok(_) => {}
            // Nothing that is in use was removed, and the next round comes.
            Err(error) => tracing::warn!(%error, "content not collected"),
        }
    }
}
