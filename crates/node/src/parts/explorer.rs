//! The explorer: GraphQL and compass.

use std::collections::BTreeMap;
use std::path::Path;

use alloy_primitives::Address;
use metacloud_blobs::BlobClient;
use metacloud_chain::Chain;
use metacloud_explorer::{Explorer, ExplorerConfig};
use metacloud_store::{Database, Durability};

use crate::config::StorageAccess;
use crate::error::StartError;

/// What an explorer is told, beside the chain.
pub(crate) struct Indexed {
    pub(crate) hub: Address,
    /// Tells schemas of datasets; none on a network without it.
    pub(crate) data_protector: Option<Address>,
    pub(crate) storage: StorageAccess,
    /// Applications known by a name.
    pub(crate) iapps: BTreeMap<String, Address>,
}

/// Starts the explorer of a hub over a database file.
///
/// # Errors
/// [`StartError::Store`], [`StartError::StorageUrl`] and [`StartError::Explorer`].
pub(crate) async fn start(chain: Chain, indexed: Indexed, file: &Path) -> Result<Explorer, StartError> {
    let Indexed { hub, data_protector, storage, iapps } = indexed;
    // What the last commits told is read from the chain again; pools announce themselves again.
    let database = Database::open(file, Durability::ProcessDeath).await?;
    let storage = BlobClient::new(&storage.node_url, &storage.gateway_url)?;
    let config = ExplorerConfig { chain, hub, data_protector, storage, database, iapps };
    Ok(Explorer::start(config).await?)
}
