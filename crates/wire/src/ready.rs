//! The ready file: what `metacloud up` writes once everything accepts requests, and what clients read.

use std::fmt;

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// Largest ready file in bytes that is read.
pub const READY_FILE_BYTES_MAX: usize = 1 << 20;

/// Addresses and URLs of a running cloud. Keys of services that a cloud does not have are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadyFile {
    /// Chain id.
    pub chain_id: u64,
    /// JSON-RPC over HTTP; the same port serves WebSocket.
    pub rpc_url: String,
    /// The hub (escrow, orders, tasks).
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_protector: Option<Address>,
    /// The market.
    pub gateway_url: String,
    /// The secret service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sms_url: Option<String>,
    /// Directory of workerpool APIs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compass_url: Option<String>,
    /// IPFS gateway: content by CID.
    pub ipfs_gateway_url: String,
    /// IPFS node API: uploads.
    pub ipfs_node_url: String,
    /// GraphQL index of the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subgraph_url: Option<String>,
    /// GraphQL index of datasets with a schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_protector_subgraph_url: Option<String>,
    /// The web page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explorer_url: Option<String>,
    /// The workerpool contract that this cloud's scheduler serves.
    pub workerpool: Address,
    /// HTTP API of that scheduler (task views).
    pub workerpool_api_url: String,
    /// Where workers join that scheduler (gRPC).
    pub scheduler_url: String,
    /// Funded accounts of the development mnemonic.
    pub accounts: Vec<Account>,
}

impl ReadyFile {
    /// The first account of a role.
    pub fn account(&self, role: Role) -> Option<&Account> {
        self.accounts.iter().find(|account| account.role == role)
    }

    /// The text of the file: JSON, indented, with a final newline.
    pub fn to_json(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("strings, numbers and lists always serialise");
        text.push('\n');
        text
    }

    /// Reads the text of a ready file; unknown keys are left alone.
    ///
    /// # Errors
    /// [`ReadyFileError`] names what is wrong.
    pub fn from_json(text: &str) -> Result<Self, ReadyFileError> {
        if text.len() > READY_FILE_BYTES_MAX {
            return Err(ReadyFileError::TooLong { bytes: text.len() });
        }
        Ok(serde_json::from_str(text)?)
    }
}

/// Why a text is no ready file.
#[derive(Debug, thiserror::Error)]
pub enum ReadyFileError {
    /// Larger than any real one.
    #[error("the ready file has {bytes} bytes, more than {READY_FILE_BYTES_MAX}")]
    TooLong {
        /// Its size.
        bytes: usize,
    },
    /// Not JSON, or without a key that is needed.
    #[error("the ready file cannot be read: {0}")]
    Json(#[from] serde_json::Error),
}

/// One funded development account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// What it is for.
    pub role: Role,
    /// Its address.
    pub address: Address,
    /// Its key. Of the well-known mnemonic: never a secret, never for real money.
    pub private_key: PrivateKey,
}

/// What a development account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Deployed the contracts and owns the hub.
    Deployer,
    /// Publishes applications.
    AppProvider,
    /// Publishes datasets.
    DatasetProvider,
    /// Owns the workerpool.
    WorkerpoolOwner,
    /// Buys executions.
    Requester,
    /// Computes; one account per worker.
    Worker,
}

/// A private key, which stays out of logs: `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PrivateKey(pub B256);

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(hidden)")
    }
}
