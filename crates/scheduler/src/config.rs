//! What a scheduler needs to know to start.

use std::net::SocketAddr;
use std::path::PathBuf;

use alloy_primitives::{Address, B256};
use metacloud_chain::{Chain, Cursor};

/// What a scheduler needs to know to start.
#[derive(Clone)]
pub struct SchedulerConfig {
    /// The chain.
    pub chain: Chain,
    /// The hub on it.
    pub hub: Address,
    /// The workerpool to run.
    pub workerpool: Address,
    /// Private key of its owner: signs authorizations and sends transactions.
    pub key: B256,
    /// Where workers (gRPC) and people (HTTP) connect; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Journal and scratch files; locked while running.
    pub data_dir: PathBuf,
    /// Where workers store results (kubo API).
    pub ipfs_node_url: String,
    /// Where content is fetched.
    pub ipfs_gateway_url: String,
    /// Accounts of the simulation roots whose enclaves are admitted. A simulation protects from nobody who controls the
    /// worker's machine; with none, deals that demand an enclave are refused.
    pub admit_simulation: Vec<Address>,
    /// Where enclaves get secrets; none if the pool has no secrets service.
    pub sms_url: Option<String>,
    /// The only workers admitted; none admits all.
    pub allow: Option<Vec<Address>>,
    /// Where to begin to follow the chain when nothing is journalled yet: before the pool's first deal.
    pub start: Cursor,
}

impl std::fmt::Debug for SchedulerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SchedulerConfig")
            .field("workerpool", &self.workerpool)
            .field("listen", &self.listen)
            .field("data_dir", &self.data_dir)
            .finish_non_exhaustive()
    }
}
