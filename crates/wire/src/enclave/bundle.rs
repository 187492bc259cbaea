use std::collections::BTreeMap;
use std::fmt;

use alloy_primitives::{Address, Bytes};
use metacloud_protocol::TaskId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Evidence;
use crate::orders::DatasetOrderBody;

/// Most dataset orders that one slice of a bulk deal holds (middleware C.3).
pub const SLICE_ORDERS_MAX: usize = 100;

/// What a bundle is sealed for: the purpose of the sealed form, so that a ciphertext made for something else never opens
/// as a bundle.
pub const BUNDLE_PURPOSE: &[u8] = b"metacloud enclave secrets v1";

/// Body of `POST /enclave/secrets`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretsRequest {
    /// Of the enclave that asks.
    pub evidence: Evidence,
    /// By the pool of the task's deal.
    pub authorization: AuthorizationView,
    /// The slice of a bulk deal that this task processes, at most [`SLICE_ORDERS_MAX`] orders; of no use to other deals.
    /// The key of each dataset whose order the hub lets this deal use is released; the others are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slice: Vec<DatasetOrderBody>,
}

/// A pool's permission for one worker to serve one task with one enclave (poco 7.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthorizationView {
    /// Account that contributes.
    #[schema(value_type = crate::schema::AddressText)]
    pub worker: Address,
    /// The task.
    #[schema(value_type = crate::schema::Bytes32)]
    pub task_id: TaskId,
    /// The enclave's account.
    #[schema(value_type = crate::schema::AddressText)]
    pub enclave: Address,
    /// Of the pool's owner, over the EIP-191 form of the authorization hash.
    #[schema(value_type = crate::schema::HexBytes)]
    pub sign: Bytes,
}

/// Answer of `POST /enclave/secrets`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretsAnswer {
    /// JSON of a [`Bundle`], sealed to the statement's key with the statement's digest as associated data.
    #[schema(value_type = crate::schema::HexBytes)]
    pub sealed: Bytes,
}

/// The secrets of one task: exactly those that its deal names. Wiped from memory when dropped.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    /// Keys of the deal's dataset, or of those of its bulk slice.
    pub dataset_keys: Vec<DatasetKey>,
    /// Of the deal's app, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_secret: Option<String>,
    /// By the index that the deal's params give them ("1" and up).
    pub requester_secrets: BTreeMap<String, String>,
    /// Of the deal's beneficiary, as stored: base64 of a PEM public key. Present if the deal asks for an encrypted
    /// result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_encryption_key: Option<String>,
}

/// The key of one dataset.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(rename_all = "camelCase")]
pub struct DatasetKey {
    /// The dataset.
    #[zeroize(skip)]
    pub dataset: Address,
    /// As stored: base64 of 32 bytes.
    pub key: String,
}

impl Drop for Bundle {
    fn drop(&mut self) {
        self.app_secret.zeroize();
        self.requester_secrets.values_mut().for_each(Zeroize::zeroize);
        self.result_encryption_key.zeroize();
    }
}

/// Says which secrets are there, never what they are.
impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle")
            .field("dataset_keys", &self.dataset_keys)
            .field("app_secret", &self.app_secret.is_some())
            .field("requester_secrets", &self.requester_secrets.keys())
            .field("result_encryption_key", &self.result_encryption_key.is_some())
            .finish()
    }
}

impl fmt::Debug for DatasetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatasetKey").field("dataset", &self.dataset).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_written_and_read_and_shows_no_value() {
        let bundle = Bundle {
            dataset_keys: vec![DatasetKey { dataset: Address::repeat_byte(0x22), key: "hidden-one".into() }],
            app_secret: Some("hidden-two".into()),
            requester_secrets: [("1".to_owned(), "hidden-three".to_owned())].into(),
            result_encryption_key: None,
        };
        let json = serde_json::to_string(&bundle).unwrap();
        assert_eq!(
            json,
            "{\"datasetKeys\":[{\"dataset\":\"0x2222222222222222222222222222222222222222\",\"key\":\"hidden-one\"}],\
             \"appSecret\":\"hidden-two\",\"requesterSecrets\":{\"1\":\"hidden-three\"}}"
        );
        assert_eq!(serde_json::from_str::<Bundle>(&json).unwrap(), bundle);
        assert!(!format!("{bundle:?}").contains("hidden"));
    }
}
