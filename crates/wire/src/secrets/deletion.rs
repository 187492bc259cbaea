use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::SolStruct;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::signed::domain;
use super::{SecretId, SecretIdError, SecretKind};

/// What the owner of a secret signs to have it removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteSecretMessage {
    /// Whose secret.
    pub kind: SecretKind,
    /// Dataset, app or account.
    #[schema(value_type = crate::schema::AddressText)]
    pub subject: Address,
    /// Empty for a dataset's key, "1" for an app's.
    pub name: String,
    /// Chosen by the signer, unforeseeable; serves once.
    #[schema(value_type = crate::schema::Bytes32)]
    pub nonce: B256,
    /// Last moment of the message, in seconds since the epoch; at most [`super::LIFE_S_MAX`] ahead.
    pub expires: u64,
}

mod typed {
    alloy_sol_types::sol! {
        struct DeleteSecret {
            string kind;
            address subject;
            string name;
            bytes32 nonce;
            uint64 expires;
        }
    }
}

impl DeleteSecretMessage {
    /// The secret it is about.
    ///
    /// # Errors
    /// [`SecretIdError`] for a name that the kind does not allow.
    pub fn id(&self) -> Result<SecretId, SecretIdError> {
        SecretId::new(self.kind, self.subject, &self.name)
    }

    /// EIP-712 digest, in the domain of [`super::SetSecretMessage`].
    pub fn digest(&self, chain_id: u64, hub: Address) -> B256 {
        let message = typed::DeleteSecret {
            kind: self.kind.name().to_owned(),
            subject: self.subject,
            name: self.name.clone(),
            nonce: self.nonce,
            expires: self.expires,
        };
        message.eip712_signing_hash(&domain(chain_id, hub))
    }
}

/// Body of `DELETE /v2/secrets`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteSecret {
    /// What is signed.
    pub message: DeleteSecretMessage,
    /// Of the owner, over [`DeleteSecretMessage::digest`].
    #[schema(value_type = crate::schema::HexBytes)]
    pub sign: Bytes,
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{U256, keccak256};

    use super::*;

    #[test]
    fn digest_is_the_one_of_the_typed_data_rules() {
        let (subject, hub) = (Address::repeat_byte(0x22), Address::repeat_byte(0x11));
        let message = DeleteSecretMessage {
            kind: SecretKind::Requester,
            subject,
            name: "my-key".into(),
            nonce: B256::repeat_byte(7),
            expires: 1_768_471_200,
        };
        let kind = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
        let parts = [keccak256(kind), keccak256("metacloud secrets"), keccak256("1")];
        let place = [U256::from(65_535).into(), hub.into_word()];
        let domain = keccak256([parts.concat(), place.concat()].concat());
        let kind = "DeleteSecret(string kind,address subject,string name,bytes32 nonce,uint64 expires)";
        let body = [
            keccak256(kind),
            keccak256("requester"),
            subject.into_word(),
            keccak256("my-key"),
            B256::repeat_byte(7),
            U256::from(1_768_471_200).into(),
        ];
        let body = keccak256(body.concat());
        let by_hand = keccak256([&[0x19, 0x01], domain.as_slice(), body.as_slice()].concat());
        assert_eq!(message.digest(65_535, hub), by_hand);
    }
}
