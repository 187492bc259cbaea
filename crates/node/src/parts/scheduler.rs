//! The scheduler of a workerpool.

use std::net::SocketAddr;
use std::path::PathBuf;

use alloy_primitives::Address;
use metacloud_chain::{Chain, Cursor};
use metacloud_scheduler::{Scheduler, SchedulerConfig};
use metacloud_wire::ready::PrivateKey;

use crate::config::StorageAccess;
use crate::error::StartError;

/// What a scheduler is told, beside the chain.
pub(crate) struct Pool {
    pub(crate) hub: Address,
    pub(crate) workerpool: Address,
    /// Of the pool's owner.
    pub(crate) key: PrivateKey,
    pub(crate) listen: SocketAddr,
    pub(crate) data_dir: PathBuf,
    pub(crate) storage: StorageAccess,
    /// Simulation roots whose enclaves are admitted; empty admits no enclaves.
    pub(crate) admit_simulation: Vec<Address>,
    /// Where enclaves get secrets.
    pub(crate) sms_url: Option<String>,
    /// The only workers admitted; empty admits all.
    pub(crate) allow: Vec<Address>,
}

/// Starts the scheduler of a pool.
///
/// # Errors
/// [`StartError::Scheduler`].
pub(crate) async fn start(chain: Chain, pool: Pool) -> Result<Scheduler, StartError> {
    let config = SchedulerConfig {
        chain,
        hub: pool.hub,
        workerpool: pool.workerpool,
        key: pool.key.0,
        listen: pool.listen,
        data_dir: pool.data_dir,
        ipfs_node_url: pool.storage.node_url,
        ipfs_gateway_url: pool.storage.gateway_url,
        admit_simulation: pool.admit_simulation,
        sms_url: pool.sms_url,
        allow: (!pool.allow.is_empty()).then_some(pool.allow),
        start: Cursor::Genesis,
    };
    Ok(Scheduler::start(config).await?)
}
