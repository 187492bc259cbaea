use std::fmt;

use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_sol_types::{Eip712Domain, SolStruct, eip712_domain};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{Policy, SecretId, SecretIdError, SecretKind};

/// Farthest that a message may expire after it arrives, in seconds: nonces are remembered for as long.
pub const LIFE_S_MAX: u64 = 24 * 3_600;

/// What the owner of a secret signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetSecretMessage {
    /// Whose secret.
    pub kind: SecretKind,
    /// Dataset, app or account.
    #[schema(value_type = crate::schema::AddressText)]
    pub subject: Address,
    /// Empty for a dataset's key, "1" for an app's.
    pub name: String,
    /// Keccak-256 of the value's bytes.
    #[schema(value_type = crate::schema::Bytes32)]
    pub value_hash: B256,
    /// Which enclaves may receive it.
    pub release: Policy,
    /// Whether a value that is already there gives way.
    pub replace: bool,
    /// Chosen by the signer, unforeseeable; serves once.
    #[schema(value_type = crate::schema::Bytes32)]
    pub nonce: B256,
    /// Last moment of the message, in seconds since the epoch; at most [`LIFE_S_MAX`] ahead.
    pub expires: u64,
}

mod typed {
    alloy_sol_types::sol! {
        struct SetSecret {
            string kind;
            address subject;
            string name;
            bytes32 valueHash;
            string release;
            bool replace;
            bytes32 nonce;
            uint64 expires;
        }
    }
}

impl SetSecretMessage {
    /// The secret it is about.
    ///
    /// # Errors
    /// [`SecretIdError`] for a name that the kind does not allow.
    pub fn id(&self) -> Result<SecretId, SecretIdError> {
        SecretId::new(self.kind, self.subject, &self.name)
    }

    /// EIP-712 digest. `release` is signed as text: the levels in the order of their names, joined by a comma.
    pub fn digest(&self, chain_id: u64, hub: Address) -> B256 {
        let message = typed::SetSecret {
            kind: self.kind.name().to_owned(),
            subject: self.subject,
            name: self.name.clone(),
            valueHash: self.value_hash,
            release: self.release.to_string(),
            replace: self.replace,
            nonce: self.nonce,
            expires: self.expires,
        };
        message.eip712_signing_hash(&domain(chain_id, hub))
    }
}

/// Where messages of owners count.
pub(super) fn domain(chain_id: u64, hub: Address) -> Eip712Domain {
    eip712_domain! {
        name: "metacloud secrets",
        version: "1",
        chain_id: chain_id,
        verifying_contract: hub,
    }
}

/// Body of `POST /v2/secrets`. Wiped from memory when dropped; shows no value.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetSecret {
    /// What is signed.
    #[zeroize(skip)]
    pub message: SetSecretMessage,
    /// The value.
    pub value: String,
    /// Of the owner, over [`SetSecretMessage::digest`].
    #[zeroize(skip)]
    #[schema(value_type = crate::schema::HexBytes)]
    pub sign: Bytes,
}

impl SetSecret {
    /// Whether the value is the one that was signed.
    pub fn value_fits(&self) -> bool {
        keccak256(&self.value) == self.message.value_hash
    }
}

impl fmt::Debug for SetSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetSecret").field("message", &self.message).finish_non_exhaustive()
    }
}

/// Answer of `GET /v2/secrets`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretView {
    /// Which enclaves may receive it.
    pub release: Policy,
    /// When it was last set.
    pub set: crate::Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::U256;

    fn message() -> SetSecretMessage {
        SetSecretMessage {
            kind: SecretKind::Requester,
            subject: Address::repeat_byte(0x22),
            name: "my-key".into(),
            value_hash: keccak256("secret"),
            release: Policy::ANY,
            replace: false,
            nonce: B256::repeat_byte(7),
            expires: 1_768_471_200,
        }
    }

    #[test]
    fn digest_is_the_one_of_the_typed_data_rules() {
        let hub = Address::repeat_byte(0x11);
        let domain = keccak256(
            [
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
                ),
                keccak256("metacloud secrets"),
                keccak256("1"),
                U256::from(65_535).into(),
                hub.into_word(),
            ]
            .concat(),
        );
        let body = keccak256(
            [
                keccak256(
                    "SetSecret(string kind,address subject,string name,bytes32 valueHash,string release,bool replace,bytes32 nonce,uint64 expires)",
                ),
                keccak256("requester"),
                Address::repeat_byte(0x22).into_word(),
                keccak256("my-key"),
                keccak256("secret"),
                keccak256("hardware,simulation"),
                B256::ZERO,
                B256::repeat_byte(7),
                U256::from(1_768_471_200).into(),
            ]
            .concat(),
        );
        let by_hand = keccak256([&[0x19, 0x01], domain.as_slice(), body.as_slice()].concat());
        assert_eq!(message().digest(65_535, hub), by_hand);
    }

    #[test]
    fn every_member_and_the_place_change_the_digest() {
        let hub = Address::repeat_byte(0x11);
        let digest = message().digest(65_535, hub);
        let changes: [fn(&mut SetSecretMessage); 8] = [
            |m| m.kind = SecretKind::Account,
            |m| m.subject = Address::ZERO,
            |m| m.name = "other".into(),
            |m| m.value_hash = B256::ZERO,
            |m| m.release = Policy::HARDWARE,
            |m| m.replace = true,
            |m| m.nonce = B256::ZERO,
            |m| m.expires += 1,
        ];
        for change in changes {
            let mut other = message();
            change(&mut other);
            assert_ne!(other.digest(65_535, hub), digest);
        }
        assert_ne!(message().digest(1, hub), digest);
        assert_ne!(message().digest(65_535, Address::ZERO), digest);
    }

    #[test]
    fn bodies_are_strict_and_show_no_value() {
        let body = SetSecret { message: message(), value: "hidden".into(), sign: Bytes::from_static(&[1]) };
        let json = serde_json::to_value(&body).unwrap();
        assert_eq!(serde_json::from_value::<SetSecret>(json.clone()).unwrap(), body);
        assert!(!format!("{body:?}").contains("hidden"));
        assert!(!body.value_fits());
        let mut more = json;
        more["message"]["admin"] = true.into();
        assert!(serde_json::from_value::<SetSecret>(more).is_err());
    }
}
