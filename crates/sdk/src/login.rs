//! The signature that a market asks of whoever publishes (http-surface 4.2).

use alloy_primitives::{Address, B256, U256, keccak256};
use serde::Deserialize;
use serde_json::Value;

/// The typed data to sign. Only this one form is signed, whatever else a server may send.
#[derive(Debug, Deserialize)]
pub(crate) struct Challenge {
    domain: ChallengeDomain,
    #[serde(rename = "primaryType")]
    primary_type: String,
    message: ChallengeMessage,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChallengeDomain {
    name: String,
    version: String,
    chain_id: Value,
}

#[derive(Debug, Deserialize)]
struct ChallengeMessage {
    challenge: String,
}

impl Challenge {
    /// The EIP-712 digest; `Err` says why it is not signed.
    pub(crate) fn digest(&self, chain_id: u64) -> Result<B256, &'static str> {
        if self.primary_type != "Challenge" {
            return Err("the login challenge has another type than Challenge");
        }
        let told = match &self.domain.chain_id {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_u64(),
            _ => None,
        };
        if told != Some(chain_id) {
            return Err("the login challenge is for another chain");
        }
        let domain = words(&[
            keccak256("EIP712Domain(string name,string version,uint256 chainId)"),
            keccak256(&self.domain.name),
            keccak256(&self.domain.version),
            U256::from(chain_id).into(),
        ]);
        let message = words(&[keccak256("Challenge(string challenge)"), keccak256(&self.message.challenge)]);
        Ok(keccak256([&[0x19, 0x01], domain.as_slice(), message.as_slice()].concat()))
    }
}

/// The `authorization` header.
pub(crate) fn header(digest: B256, signature: &[u8], account: Address) -> String {
    format!("{digest}_{}_{account}", alloy_primitives::hex::encode_prefixed(signature))
}

fn words(words: &[B256]) -> B256 {
    keccak256(words.iter().flatten().copied().collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{b256, bytes};
    use serde_json::json;

    use super::*;

    fn challenge(chain_id: Value) -> Challenge {
        serde_json::from_value(json!({
            "domain": {"name": "iExec Gateway", "version": "1", "chainId": chain_id},
            "primaryType": "Challenge",
            "message": {
                "challenge": "Sign this message to log into iExec Gateway: 0123456789abcdefghijABCDEFGHIJ01"
            }
        }))
        .unwrap()
    }

    #[test]
    fn the_digest_is_that_of_the_published_example() {
        let expected = b256!("2aadf7271b5bcda78d2287977cb8b27c38738298dc054d912a62ff71f375e4dd");
        assert_eq!(challenge(json!("65535")).digest(65_535), Ok(expected));
        assert_eq!(challenge(json!(65_535)).digest(65_535), Ok(expected));
    }

    #[test]
    fn a_challenge_of_another_chain_or_form_is_not_signed() {
        for chain_id in [json!("1"), json!(1), json!(null), json!("0xffff"), json!(-1)] {
            assert!(challenge(chain_id).digest(65_535).is_err());
        }
        let mut other = challenge(json!(65_535));
        other.primary_type = "RequestOrder".to_owned();
        assert!(other.digest(65_535).is_err());
    }

    #[test]
    fn the_header_has_three_parts() {
        let account = alloy_primitives::address!("1a642f0E3c3aF545E7AcBD38b07251B3990914F1");
        let text = header(B256::repeat_byte(1), &bytes!("0203"), account);
        assert_eq!(text, format!("0x{}_0x0203_0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1", "01".repeat(32)));
    }
}
