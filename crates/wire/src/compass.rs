//! Compass: which API serves a workerpool, and which application goes by a name (http-surface 6). The announcement, by
//! which a pool's owner tells where its API is, is ours.

use alloy_primitives::{Address, B256};
use alloy_sol_types::{Eip712Domain, SolStruct, eip712_domain};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Checksummed, Signature};

/// Largest body of an announcement in bytes.
pub const ANNOUNCEMENT_BYTES_MAX: usize = 16 * 1024;
/// Longest URL of an API in bytes.
pub const API_URL_BYTES_MAX: usize = 512;
/// Longest name of a pool in bytes.
pub const NAME_BYTES_MAX: usize = 128;
/// Longest life of an announcement in seconds: 400 days.
pub const LIFE_S_MAX: u64 = 400 * 86_400;

/// Answer of `GET /{chainId}/workerpools/{address}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerpoolView {
    /// For people.
    pub name: String,
    /// Origin of the pool's API.
    pub api_url: String,
    /// The pool.
    pub address: Checksummed,
}

/// Answer of `GET /{chainId}/iapps/{name}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IappView {
    /// The name asked for.
    pub name: String,
    /// The application.
    pub address: Checksummed,
}

/// Body of `POST /{chainId}/workerpools/{address}`: the pool's owner tells where its API is, until when.
///
/// Answers: 204 taken; 400 malformed or expired; 403 not signed by the pool's owner; 404 no such pool; 409 an
/// announcement that expires later is known, which is how an old one cannot be replayed over a newer one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Announcement {
    /// For people.
    pub name: String,
    /// Origin of the pool's API: scheme, host and port, no path.
    pub api_url: String,
    /// When it ends, seconds since the epoch.
    pub expires_s: u64,
    /// By the pool's owner, over [`digest`].
    pub signature: Signature,
}

alloy_sol_types::sol! {
    /// What is signed.
    struct WorkerpoolApi {
        address workerpool;
        string name;
        string apiUrl;
        uint256 expires;
    }
}

/// EIP-712 digest of an announcement, domain `{name "metacloud compass", version "1", chainId, verifyingContract hub}`,
/// type `WorkerpoolApi(address workerpool,string name,string apiUrl,uint256 expires)`.
pub fn digest(
    chain_id: u64,
    hub: Address,
    workerpool: Address,
    name: &str,
    api_url: &str,
    expires_s: u64,
) -> B256 {
    let domain: Eip712Domain = eip712_domain! {
        name: "metacloud compass",
        version: "1",
        chain_id: chain_id,
        verifying_contract: hub,
    };
    let message = WorkerpoolApi {
        workerpool,
        name: name.to_owned(),
        apiUrl: api_url.to_owned(),
        expires: alloy_primitives::U256::from(expires_s),
    };
    message.eip712_signing_hash(&domain)
}

/// Whether a text is the origin of a service: `http` or `https`, a host, perhaps a port, and nothing behind it.
pub fn is_origin(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    url.len() <= API_URL_BYTES_MAX
        && host.is_some_and(|host| {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-' | b':' | b'[' | b']'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_origins_are_apis() {
        for url in [
            "",
            "ftp://host",
            "http://",
            "http:///",
            "http://host/path",
            "http://user@host",
            "http://a b",
            "http://h?q",
            "javascript:alert(1)",
        ] {
            assert!(!is_origin(url), "{url}");
        }
        assert!(!is_origin(&format!("http://{}", "x".repeat(API_URL_BYTES_MAX))));
        for url in ["http://127.0.0.1:8600", "https://pool.example.org/", "http://[::1]:80"] {
            assert!(is_origin(url), "{url}");
        }
    }

    #[test]
    fn every_word_of_an_announcement_is_signed() {
        let of = |chain, hub, pool, name, url, expires| {
            digest(chain, Address::repeat_byte(hub), Address::repeat_byte(pool), name, url, expires)
        };
        let all = [
            of(1, 1, 1, "n", "u", 1),
            of(2, 1, 1, "n", "u", 1),
            of(1, 2, 1, "n", "u", 1),
            of(1, 1, 2, "n", "u", 1),
            of(1, 1, 1, "m", "u", 1),
            of(1, 1, 1, "n", "v", 1),
            of(1, 1, 1, "n", "u", 2),
        ];
        let distinct: std::collections::BTreeSet<B256> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
    }
}
