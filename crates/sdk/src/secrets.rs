//! The secrets service's HTTP interface: setting a secret in the signed form, and asking whether there is one. Values go
//! in and never come out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy_primitives::{Address, B256, Bytes, keccak256};
use metacloud_protocol::signing::{self, SigningKey};
use metacloud_wire::secrets::{
    DeleteSecret, DeleteSecretMessage, ROUTE, SecretView, SetSecret, SetSecretMessage,
};
pub use metacloud_wire::secrets::{Level, Policy, SecretId, SecretIdError, SecretKind, VALUE_BYTES_MAX};
use serde::Deserialize;

use crate::market::{client, send};

/// How long a message may travel.
const MESSAGE_LIFE: Duration = Duration::from_secs(10 * 60);

/// A client of one secrets service.
#[derive(Debug, Clone)]
pub struct SecretsClient {
    http: reqwest::Client,
    url: String,
    chain_id: u64,
    hub: Address,
}

/// Why a secret is not set, or why it is not known whether one is.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Longer than the service takes.
    #[error("the value has {found} bytes; a secret has at most {VALUE_BYTES_MAX}")]
    TooLong {
        /// Its bytes.
        found: usize,
    },
    /// Nothing to keep.
    #[error("the value is empty")]
    Empty,
    /// The service says no.
    #[error("the secrets service refuses ({status}): {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its words.
        message: String,
    },
    /// The service does not answer, or with something unreadable.
    #[error("the secrets service at {url} does not answer: {reason}")]
    Unreachable {
        /// The service.
        url: String,
        /// The innermost cause.
        reason: String,
    },
}

#[derive(Deserialize)]
struct ErrorText {
    error: String,
}

impl SecretsClient {
    /// A client of the service at `url`, for one hub on one chain.
    pub fn new(url: &str, chain_id: u64, hub: Address) -> Self {
        Self { http: client(url), url: url.trim_end_matches('/').to_owned(), chain_id, hub }
    }

    /// Which enclaves may receive a secret; `None` if it is not set.
    ///
    /// # Errors
    /// [`SecretError`].
    pub async fn release_of(&self, id: &SecretId) -> Result<Option<Policy>, SecretError> {
        let pairs = [
            ("kind", id.kind().name().to_owned()),
            ("subject", id.subject().to_string()),
            ("name", id.name().to_owned()),
        ];
        let url = reqwest::Url::parse_with_params(&format!("{}{ROUTE}", self.url), pairs)
            .map_err(|error| self.unreachable(error.to_string()))?;
        match self.ask(self.http.get(url)).await {
            Ok(body) => {
                let view: SecretView =
                    serde_json::from_slice(&body).map_err(|error| self.unreachable(error.to_string()))?;
                Ok(Some(view.release))
            }
            Err(SecretError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets a secret as its owner, whose key signs. With `replace` a value that is there gives way.
    ///
    /// # Errors
    /// [`SecretError`]; 409 if there is one and it is not to be replaced, 401 if the key is not the owner's.
    pub async fn set(
        &self,
        owner: &SigningKey,
        id: &SecretId,
        value: &str,
        release: Policy,
        replace: bool,
    ) -> Result<(), SecretError> {
        if value.is_empty() {
            return Err(SecretError::Empty);
        }
        if value.len() > VALUE_BYTES_MAX {
            return Err(SecretError::TooLong { found: value.len() });
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let message = SetSecretMessage {
            kind: id.kind(),
            subject: id.subject(),
            name: id.name().to_owned(),
            value_hash: keccak256(value),
            release,
            replace,
            nonce: B256::from(rand::random::<[u8; 32]>()),
            expires: (now + MESSAGE_LIFE).as_secs(),
        };
        let sign = Bytes::copy_from_slice(&signing::sign(owner, message.digest(self.chain_id, self.hub)));
        let body = SetSecret { message, value: value.to_owned(), sign };
        self.ask(self.http.post(format!("{}{ROUTE}", self.url)).json(&body)).await.map(drop)
    }

    /// Removes a secret as its owner, whose key signs. An old message does not bring it back.
    ///
    /// # Errors
    /// [`SecretError`]; 404 if there is none, 401 if the key is not the owner's.
    pub async fn delete(&self, owner: &SigningKey, id: &SecretId) -> Result<(), SecretError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let message = DeleteSecretMessage {
            kind: id.kind(),
            subject: id.subject(),
            name: id.name().to_owned(),
            nonce: B256::from(rand::random::<[u8; 32]>()),
            expires: (now + MESSAGE_LIFE).as_secs(),
        };
        let sign = Bytes::copy_from_slice(&signing::sign(owner, message.digest(self.chain_id, self.hub)));
        let body = DeleteSecret { message, sign };
        self.ask(self.http.delete(format!("{}{ROUTE}", self.url)).json(&body)).await.map(drop)
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<Vec<u8>, SecretError> {
        let (status, body) = send(request).await.map_err(|reason| self.unreachable(reason))?;
        if (200..300).contains(&status) {
            return Ok(body);
        }
        match serde_json::from_slice::<ErrorText>(&body) {
            Ok(ErrorText { error }) => Err(SecretError::Refused { status, message: error }),
            Err(_) => Err(self.unreachable(format!("status {status}"))),
        }
    }

    fn unreachable(&self, reason: String) -> SecretError {
        SecretError::Unreachable { url: self.url.clone(), reason }
    }
}
