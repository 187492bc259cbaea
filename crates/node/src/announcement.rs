//! What a part tells once it accepts requests.

use alloy_primitives::Address;
use metacloud_wire::ready::Account;
use serde::Serialize;

use crate::development::DevelopmentNetwork;

/// What a part tells once it accepts requests. Its members have the names of the ready file's, so that the
/// announcements of chain, storage, market, explorer and scheduler merged into one object are a ready file.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Announcement {
    /// `chain`, `storage`, `market`, `explorer`, `secrets`, `scheduler` or `worker`.
    pub role: &'static str,
    /// Where it accepts requests; a worker accepts none.
    #[serde(skip)]
    pub url: Option<String>,
    /// The wallet of a worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// What vouches for a worker's simulated enclaves: pools admit it or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulation_root: Option<Address>,
    /// The chain's.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub chain: Option<ChainAnnouncement>,
    /// The market's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_url: Option<String>,
    /// The explorer's, for the APIs of pools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compass_url: Option<String>,
    /// The explorer's: deals and tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subgraph_url: Option<String>,
    /// The explorer's: datasets with a schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_protector_subgraph_url: Option<String>,
    /// The secrets service's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sms_url: Option<String>,
    /// The storage's, for uploads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipfs_node_url: Option<String>,
    /// The storage's, for downloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipfs_gateway_url: Option<String>,
    /// The scheduler's, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workerpool_api_url: Option<String>,
    /// The scheduler's, for workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduler_url: Option<String>,
}

/// What the chain of a development network tells.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainAnnouncement {
    /// Chain id.
    pub chain_id: u64,
    /// JSON-RPC over HTTP; the same port serves WebSocket.
    pub rpc_url: String,
    /// The hub.
    pub hub: Address,
    /// The RLC token.
    pub rlc: Address,
    /// Registry of applications.
    pub app_registry: Address,
    /// Registry of datasets.
    pub dataset_registry: Address,
    /// Registry of workerpools.
    pub workerpool_registry: Address,
    /// Creates datasets with a schema.
    pub data_protector: Address,
    /// The development pool, registered in block 0.
    pub workerpool: Address,
    /// The accounts of the development mnemonic.
    pub accounts: Vec<Account>,
}

impl ChainAnnouncement {
    pub(crate) fn new(network: &DevelopmentNetwork, rpc_url: String, workerpool: Address) -> Self {
        let contracts = &network.contracts;
        let accounts = network.accounts().iter().map(|account| Account {
            role: account.role,
            address: account.address,
            private_key: account.key(),
        });
        Self {
            chain_id: network.chain_id(),
            rpc_url,
            hub: contracts.hub,
            rlc: contracts.rlc,
            app_registry: contracts.app_registry,
            dataset_registry: contracts.dataset_registry,
            workerpool_registry: contracts.workerpool_registry,
            data_protector: contracts.data_protector,
            workerpool,
            accounts: accounts.collect(),
        }
    }
}
