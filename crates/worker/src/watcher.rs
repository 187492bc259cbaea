//! Listens to the hub and tells the desk which tasks changed on chain.

use std::time::Duration;

use metacloud_chain::{ChainEvent, Cursor, FollowError, HubClient, HubEvent, Log};
use metacloud_protocol::TaskId;
use tokio::sync::mpsc;

/// Pause before the chain is followed anew after it was reset.
const PAUSE: Duration = Duration::from_secs(1);

/// What the chain told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// This task changed.
    Task(TaskId),
    /// Anything may have changed.
    All,
}

/// Follows the hub until the desk is gone.
pub(crate) async fn watch(hub: HubClient, news: mpsc::Sender<News>) {
    loop {
        match follow(&hub, &news).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "following the chain anew"),
        }
        if news.send(News::All).await.is_err() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// `Ok` when nobody listens any more.
async fn follow(hub: &HubClient, news: &mpsc::Sender<News>) -> Result<(), FollowError> {
    let mut follower = hub.chain().follow(Cursor::Head, vec![hub.address()]);
    loop {
        match follower.next().await? {
            ChainEvent::Block { logs, .. } => {
                for task in logs.iter().filter_map(changed) {
                    if news.send(News::Task(task)).await.is_err() {
                        return Ok(());
                    }
                }
            }
            ChainEvent::Reverted { .. } => {
                if news.send(News::All).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// The task that an event moves to another phase; contributions and reveals of others do not.
fn changed(log: &Log) -> Option<TaskId> {
    match HubEvent::decode(log)? {
        HubEvent::TaskConsensus { task, .. }
        | HubEvent::TaskReopen { task }
        | HubEvent::TaskFinalize { task, .. }
        | HubEvent::TaskClaimed { task } => Some(task),
        _ => None,
    }
}
