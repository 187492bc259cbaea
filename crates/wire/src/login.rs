//! Login challenges: typed data that a wallet signs to show who it is (http-surface 4.2 and 7).
//!
//! Each request for a challenge gets a fresh one; each serves once, within its life. Chance and time are arguments.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Challenges open at once; the oldest gives way.
const OPEN_MAX: usize = 65_536;
/// Alphanumeric characters of chance that a challenge needs: 190 bits.
pub const CHANCE_CHARS: usize = 32;
/// Longest `authorization` header: a contract account's signature may be long.
const HEADER_BYTES_MAX: usize = 16 * 1024;

const VERSION: &str = "1";

/// A service that wallets log into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// Name of the EIP-712 domain.
    name: &'static str,
    /// What stands in front of the chance.
    sentence: &'static str,
    /// Life of a challenge, in milliseconds.
    pub life_ms: u64,
}

/// The market: 5 minutes (http-surface 4.2).
pub const GATEWAY: Service = Service {
    name: "iExec Gateway",
    sentence: "Sign this message to log into iExec Gateway: ",
    life_ms: 5 * 60 * 1000,
};

/// A pool: 60 minutes (http-surface 7).
pub const CORE: Service = Service { name: "iExec Core", sentence: "", life_ms: 60 * 60 * 1000 };

/// The three parts of an `authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// Of the challenge that was signed.
    pub digest: B256,
    /// By the wallet.
    pub signature: Bytes,
    /// The wallet; not zero.
    pub address: Address,
}

impl Authorization {
    /// Reads `<digest>_<signature>_<address>`.
    pub fn parse(header: &str) -> Option<Self> {
        if header.len() > HEADER_BYTES_MAX {
            return None;
        }
        let mut parts = header.split('_');
        let parsed = Self {
            digest: parts.next()?.parse().ok()?,
            signature: parts.next()?.parse().ok()?,
            address: parts.next()?.parse().ok()?,
        };
        (parts.next().is_none() && !parsed.address.is_zero()).then_some(parsed)
    }
}

/// A challenge as typed data (EIP-712), for a wallet to sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoginData {
    /// The members of domain and message.
    pub types: LoginTypes,
    /// Who asks.
    pub domain: LoginDomain,
    /// `Challenge`.
    pub primary_type: String,
    /// What is signed.
    pub message: LoginMessage,
}

/// The types of a challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginTypes {
    /// Of the domain.
    #[serde(rename = "EIP712Domain")]
    pub domain: Vec<Member>,
    /// Of the message.
    #[serde(rename = "Challenge")]
    pub challenge: Vec<Member>,
}

/// A member of a type in typed data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = TypedMember)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its Solidity type.
    #[serde(rename = "type")]
    pub of: String,
}

impl Member {
    fn new(name: &str, of: &str) -> Self {
        Self { name: name.to_owned(), of: of.to_owned() }
    }
}

/// The domain of a challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoginDomain {
    /// The service.
    pub name: String,
    /// Version of this form.
    pub version: String,
    /// The chain, in decimal.
    #[schema(pattern = "^[0-9]+$")]
    pub chain_id: String,
}

/// The message of a challenge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginMessage {
    /// A sentence, and chance.
    pub challenge: String,
}

/// The open challenges of one service.
#[derive(Debug)]
pub struct Challenges {
    service: Service,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    by_digest: HashMap<B256, Challenge>,
    oldest_first: VecDeque<B256>,
}

#[derive(Debug)]
struct Challenge {
    address: Address,
    expires_ms: u64,
}

impl Challenges {
    /// None open yet.
    pub fn new(service: Service) -> Self {
        Self { service, open: Mutex::default() }
    }

    /// A fresh challenge for an account, of `chance` that nobody can foresee: the typed data to sign.
    pub fn issue(&self, chain_id: u64, address: Address, chance: &str, now_ms: u64) -> LoginData {
        let Service { name, sentence, .. } = self.service;
        let challenge = format!("{sentence}{chance}");
        let digest = digest(self.service, chain_id, &challenge);
        self.keep(digest, address, now_ms);
        LoginData {
            types: LoginTypes {
                domain: vec![
                    Member::new("name", "string"),
                    Member::new("version", "string"),
                    Member::new("chainId", "uint256"),
                ],
                challenge: vec![Member::new("challenge", "string")],
            },
            domain: LoginDomain {
                name: name.to_owned(),
                version: VERSION.to_owned(),
                chain_id: chain_id.to_string(),
            },
            primary_type: "Challenge".to_owned(),
            message: LoginMessage { challenge },
        }
    }

    fn keep(&self, digest: B256, address: Address, now_ms: u64) {
        let expires_ms = now_ms.saturating_add(self.service.life_ms);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        while open.by_digest.len() >= OPEN_MAX {
            let Some(oldest) = open.oldest_first.pop_front() else { break };
            open.by_digest.remove(&oldest);
        }
        // Used ones leave a digest here until it comes to the front.
        while open.oldest_first.len() >= OPEN_MAX {
            let Some(oldest) = open.oldest_first.pop_front() else { break };
            open.by_digest.remove(&oldest);
        }
        open.by_digest.insert(digest, Challenge { address, expires_ms });
        open.oldest_first.push_back(digest);
    }

    /// Uses a challenge up. True if it was open, alive and made for this account.
    pub fn consume(&self, digest: B256, address: Address, now_ms: u64) -> bool {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let used = open.by_digest.remove(&digest);
        used.is_some_and(|challenge| challenge.address == address && now_ms < challenge.expires_ms)
    }
}

/// The EIP-712 digest of a challenge.
pub fn digest(service: Service, chain_id: u64, challenge: &str) -> B256 {
    let domain = keccak256(
        [
            keccak256("EIP712Domain(string name,string version,uint256 chainId)"),
            keccak256(service.name),
            keccak256(VERSION),
            B256::from(U256::from(chain_id)),
        ]
        .concat(),
    );
    let message = keccak256([keccak256("Challenge(string challenge)"), keccak256(challenge)].concat());
    keccak256([&[0x19, 0x01], domain.as_slice(), message.as_slice()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{address, b256};

    const OWNER: Address = address!("1a642f0E3c3aF545E7AcBD38b07251B3990914F1");
    const HEADER: &str = "0x2aadf7271b5bcda78d2287977cb8b27c38738298dc054d912a62ff71f375e4dd_0xc7dd70149bab3774948970cd49e61e52c9a3d1729ba5d43761d1c9097cede44143fffd1c14df2d3f1fab36a38ec4eae42d0bcdb90a0452d7fdabebe1c3a1b9591c_0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1";

    /// The worked example of http-surface 4.2.
    #[test]
    fn digest_and_signer_are_those_of_the_specification() {
        let digest = digest(
            GATEWAY,
            65_535,
            "Sign this message to log into iExec Gateway: 0123456789abcdefghijABCDEFGHIJ01",
        );
        assert_eq!(digest, b256!("2aadf7271b5bcda78d2287977cb8b27c38738298dc054d912a62ff71f375e4dd"));
        let header = Authorization::parse(HEADER).unwrap();
        assert_eq!((header.digest, header.address), (digest, OWNER));
        assert_eq!(metacloud_protocol::signing::recover(digest, &header.signature), Some(OWNER));
    }

    #[test]
    fn headers_of_another_form_are_refused() {
        let zero = HEADER.replace("1a642f0E3c3aF545E7AcBD38b07251B3990914F1", &"0".repeat(40));
        let four = format!("{HEADER}_0x00");
        for header in ["", "_", "__", "a_b_c", &HEADER[..200], &HEADER.replace('_', "-"), &zero, &four] {
            assert_eq!(Authorization::parse(header), None, "{header}");
        }
        assert_eq!(Authorization::parse(&format!("{HEADER}{}", "0".repeat(HEADER_BYTES_MAX))), None);
    }

    #[test]
    fn a_challenge_serves_once_its_account_within_its_life() {
        const LIFE_MS: u64 = CORE.life_ms;
        let challenges = Challenges::new(CORE);
        let issue = |address, chance| {
            let data = challenges.issue(1, address, chance, 1_000);
            assert_eq!(data.domain.name, "iExec Core");
            digest(CORE, 1, &data.message.challenge)
        };
        let first = issue(OWNER, "a");
        let second = issue(OWNER, "b");
        assert_ne!(first, second);
        assert!(challenges.consume(second, OWNER, 1_000 + LIFE_MS - 1));
        assert!(!challenges.consume(second, OWNER, 1_000), "used");
        assert!(!challenges.consume(first, OWNER, 1_000 + LIFE_MS), "expired");
        let third = issue(OWNER, "c");
        assert!(!challenges.consume(third, Address::repeat_byte(1), 1_000), "another account");
        assert!(!challenges.consume(third, OWNER, 1_000), "used up by the attempt");
        assert!(!challenges.consume(B256::ZERO, OWNER, 1_000), "never issued");
    }

    #[test]
    fn the_oldest_challenge_gives_way() {
        let challenges = Challenges::new(GATEWAY);
        let number = |n: usize| B256::from(U256::from(n));
        for n in 0..=OPEN_MAX {
            challenges.keep(number(n), OWNER, 0);
        }
        assert!(!challenges.consume(number(0), OWNER, 1));
        assert!(challenges.consume(number(1), OWNER, 1));
        assert!(challenges.consume(number(OPEN_MAX), OWNER, 1));
    }
}
