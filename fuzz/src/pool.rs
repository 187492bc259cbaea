//! What workers and pools send each other.

use metacloud_wire::pool::proto::{PoolMessage, WorkerMessage};
use metacloud_wire::pool::{FromPool, FromWorker};
use prost::Message as _;

/// A message of the worker stream, from either side.
pub(crate) fn message(bytes: &[u8]) {
    if let Some(read) = WorkerMessage::decode(bytes).ok().and_then(|raw| FromWorker::try_from(raw).ok()) {
        let again = FromWorker::try_from(WorkerMessage::from(read.clone()));
        assert_eq!(again.ok(), Some(read));
    }
    if let Some(read) = PoolMessage::decode(bytes).ok().and_then(|raw| FromPool::try_from(raw).ok()) {
        let again = FromPool::try_from(PoolMessage::from(read.clone()));
        assert_eq!(again.ok(), Some(read));
    }
}
