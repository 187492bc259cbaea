//! Which cloud.

use alloy_primitives::Address;
use metacloud_wire::ready::ReadyFile;

/// The addresses of one cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Chain id that the node must have.
    pub chain_id: u64,
    /// JSON-RPC of the chain.
    pub rpc_url: String,
    /// The hub.
    pub hub: Address,
    /// The market.
    pub market_url: String,
    /// Uploads.
    pub ipfs_node_url: String,
    /// Downloads.
    pub ipfs_gateway_url: String,
    /// The API of the pool that serves the deals, for the causes of failures; chain events alone without.
    pub pool_url: Option<String>,
    /// Blocks that must follow a block before it counts.
    pub confirmations: u64,
}

impl From<&ReadyFile> for Network {
    fn from(ready: &ReadyFile) -> Self {
        Self {
            chain_id: ready.chain_id,
            rpc_url: ready.rpc_url.clone(),
            hub: ready.hub,
            market_url: ready.gateway_url.clone(),
            ipfs_node_url: ready.ipfs_node_url.clone(),
            ipfs_gateway_url: ready.ipfs_gateway_url.clone(),
            pool_url: Some(ready.workerpool_api_url.clone()),
            confirmations: 0,
        }
    }
}
