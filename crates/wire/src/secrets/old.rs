use std::fmt;

use alloy_primitives::{Address, B256, b256, keccak256};
use metacloud_protocol::ids::eip191;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ACCOUNT_NAME_BYTES_MAX, REQUESTER_NAME_MAX};

/// `keccak256("IEXEC_SMS_DOMAIN")`.
const DOMAIN: B256 = b256!("0a26923d45a019b77e856d0001681f98ab9707ec15b2b98048cc91eed00b6793");
/// The one name of an app's secret.
const APP_NAME: &str = "1";

/// Whose secret it is, and so who may write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecretKind {
    /// Key of a dataset (web3): written by the dataset's owner on chain.
    Dataset,
    /// Of an account (web2), by that account.
    Account,
    /// Of an application: written by the application's owner on chain.
    App,
    /// Of a requester, by that requester.
    Requester,
}

impl SecretKind {
    /// The name in JSON and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dataset => "dataset",
            Self::Account => "account",
            Self::App => "app",
            Self::Requester => "requester",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Dataset, Self::Account, Self::App, Self::Requester]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

impl fmt::Display for SecretKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which secret: kind, subject (dataset, app or account) and a name that the kind allows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretId {
    kind: SecretKind,
    subject: Address,
    name: String,
}

/// Why there can be no such secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretIdError {
    /// A requester's name outside the rule. The text is the one of iExec's service.
    #[error("Secret key should contain at most 64 characters from [0-9A-Za-z-_]")]
    RequesterName,
    /// An account's name, empty or too long.
    #[error("the name of an account's secret has 1 to {ACCOUNT_NAME_BYTES_MAX} bytes")]
    AccountName,
    /// Another name than the one there is.
    #[error("a dataset's key has the empty name, an app's secret the name \"1\"")]
    FixedName,
}

impl SecretId {
    /// The key of a dataset.
    pub const fn dataset(dataset: Address) -> Self {
        Self { kind: SecretKind::Dataset, subject: dataset, name: String::new() }
    }

    /// The secret of an application.
    pub fn app(app: Address) -> Self {
        Self { kind: SecretKind::App, subject: app, name: APP_NAME.to_owned() }
    }

    /// A requester's secret.
    ///
    /// # Errors
    /// [`SecretIdError::RequesterName`].
    pub fn requester(requester: Address, name: &str) -> Result<Self, SecretIdError> {
        Self::new(SecretKind::Requester, requester, name)
    }

    /// An account's secret.
    ///
    /// # Errors
    /// [`SecretIdError::AccountName`].
    pub fn account(account: Address, name: &str) -> Result<Self, SecretIdError> {
        Self::new(SecretKind::Account, account, name)
    }

    /// A secret of any kind.
    ///
    /// # Errors
    /// [`SecretIdError`] for a name that the kind does not allow.
    pub fn new(kind: SecretKind, subject: Address, name: &str) -> Result<Self, SecretIdError> {
        match kind {
            SecretKind::Dataset if !name.is_empty() => return Err(SecretIdError::FixedName),
            SecretKind::App if name != APP_NAME => return Err(SecretIdError::FixedName),
            SecretKind::Dataset | SecretKind::App => {}
            SecretKind::Requester => {
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
                if !(1..=REQUESTER_NAME_MAX).contains(&name.len()) || !name.bytes().all(plain) {
                    return Err(SecretIdError::RequesterName);
                }
            }
            SecretKind::Account => {
                if !(1..=ACCOUNT_NAME_BYTES_MAX).contains(&name.len()) {
                    return Err(SecretIdError::AccountName);
                }
            }
        }
        Ok(Self { kind, subject, name: name.to_owned() })
    }

    /// Its kind.
    pub const fn kind(&self) -> SecretKind {
        self.kind
    }

    /// The dataset, app or account.
    pub const fn subject(&self) -> Address {
        self.subject
    }

    /// Its name; empty for a dataset's key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the old form signs, before the personal-message prefix (http-surface 5.3).
    pub fn old_challenge(&self, value: &[u8]) -> B256 {
        let (name, value) = (keccak256(&self.name), keccak256(value));
        match self.kind {
            SecretKind::Dataset => {
                keccak256([DOMAIN.as_slice(), self.subject.as_slice(), value.as_slice()].concat())
            }
            SecretKind::Account | SecretKind::App | SecretKind::Requester => keccak256(
                [DOMAIN.as_slice(), self.subject.as_slice(), name.as_slice(), value.as_slice()].concat(),
            ),
        }
    }

    /// What a key signs in the old form: the challenge as a personal message.
    pub fn old_digest(&self, value: &[u8]) -> B256 {
        eip191(self.old_challenge(value))
    }

    /// Path and query of the old form.
    pub fn old_path(&self) -> String {
        let Self { kind, subject, name } = self;
        match kind {
            SecretKind::Dataset => format!("/secrets/web3?secretAddress={subject}"),
            SecretKind::Account => {
                format!("/secrets/web2?ownerAddress={subject}&secretName={}", percent(name))
            }
            SecretKind::App => format!("/apps/{subject}/secrets"),
            SecretKind::Requester => format!("/requesters/{subject}/secrets/{name}"),
        }
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            SecretKind::Dataset => write!(f, "key of dataset {}", self.subject),
            SecretKind::App => write!(f, "secret of app {}", self.subject),
            SecretKind::Account => write!(f, "secret {:?} of account {}", self.name, self.subject),
            SecretKind::Requester => write!(f, "secret {:?} of requester {}", self.name, self.subject),
        }
    }
}

fn percent(text: &str) -> String {
    use fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' => out.push(char::from(byte)),
            _ => write!(out, "%{byte:02X}").expect("writing to a string never fails"),
        }
        out
    })
}

/// Error body of the app and requester routes: `{"error": ["…"]}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OldErrors {
    /// One text.
    pub error: Vec<String>,
}

/// Error body of the service's own routes: `{"error": "…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorText {
    /// For people.
    pub error: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{address, hex};
    use metacloud_protocol::signing::recover;

    const OWNER: Address = address!("1a642f0E3c3aF545E7AcBD38b07251B3990914F1");
    const DATASET: Address = address!("2222222222222222222222222222222222222222");

    /// The two worked examples of http-surface 5.3.
    #[test]
    fn digests_and_signers_are_those_of_the_specification() {
        let id = SecretId::dataset(DATASET);
        let value = b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let challenge = b256!("a96cf150eab2d440bebb28d7b8465740dca1a8749e5c25a848cb7c0249d2a61b");
        assert_eq!(id.old_challenge(value), challenge);
        let digest = b256!("ff67b46f0359b2a50018d5c1953f509129f21fd9d7324b23ba39deb15f654cad");
        assert_eq!(id.old_digest(value), digest);
        let signature = hex!(
            "703f9d7d9a66f813de073047e599c457a130db3bd4a8dcddeacf833d6f143f0e568da7258b365a3ed7d1bd77656450623dd8ade120e7906d7efa0f529e72381e1b"
        );
        assert_eq!(recover(digest, &signature), Some(OWNER));

        let id = SecretId::account(OWNER, super::super::RESULT_KEY_NAME).unwrap();
        let challenge = b256!("7024f98095556977e9587eaa47c149fb08c561923fea288fbc94535e0ed869f3");
        assert_eq!(id.old_challenge(b"secret"), challenge);
        let digest = b256!("d4e75ef19ccdce35c16177ddc791e7093835db37bf49493ae148c2238528cfca");
        assert_eq!(id.old_digest(b"secret"), digest);
        let signature = hex!(
            "4da8c38680187c893aa26903230b2dd8d7fefd42fc41993813fbc7b2f5f4e63a6699ffe33497484d793c05bac489a315c37a092197b462d65da21301b45e9df21c"
        );
        assert_eq!(recover(digest, &signature), Some(OWNER));
    }

    /// The constants of middleware A.5, all for address 0x22… and value "secret".
    #[test]
    fn challenges_of_all_kinds_are_those_of_the_specification() {
        let requester = SecretId::requester(DATASET, "my-key").unwrap();
        let account = SecretId::account(DATASET, super::super::RESULT_KEY_NAME).unwrap();
        for (id, challenge) in [
            (
                SecretId::dataset(DATASET),
                b256!("9c605c788cd5ace125a32a046f61bc6f48ad6b6ad657d5f4847fbdafaeb5568d"),
            ),
            (account, b256!("feced83a36fc3818eb2fe62578bb8e8457e23582f8bd007c7b26987ee1100aee")),
            (requester, b256!("da99d84d9130e6db443f5c45c3e6017ad5e248c6a28e12db71bb5ef948fd8719")),
            (
                SecretId::app(DATASET),
                b256!("37ded1b9ed60b202166d223feb10989e0fa37b8f1f3066c211f7f2f3b4006c20"),
            ),
        ] {
            assert_eq!(id.old_challenge(b"secret"), challenge, "{id}");
        }
    }

    #[test]
    fn names_outside_the_rules_are_refused() {
        let long = "a".repeat(65);
        for name in ["", "a b", "a/b", "é", "a.b", "a\0", &long] {
            assert_eq!(SecretId::requester(OWNER, name), Err(SecretIdError::RequesterName), "{name:?}");
        }
        assert!(SecretId::requester(OWNER, &long[..64]).is_ok());
        assert!(SecretId::requester(OWNER, "0x00112233445566778899aabbccddeeff").is_ok());
        let long = "a".repeat(257);
        for name in ["", &long] {
            assert_eq!(SecretId::account(OWNER, name), Err(SecretIdError::AccountName));
        }
        for (kind, name) in [(SecretKind::Dataset, "x"), (SecretKind::App, ""), (SecretKind::App, "2")] {
            assert_eq!(SecretId::new(kind, OWNER, name), Err(SecretIdError::FixedName));
        }
    }

    #[test]
    fn names_travel_encoded() {
        let id = SecretId::account(OWNER, "a b&c=d/é").unwrap();
        assert!(id.old_path().ends_with("&secretName=a%20b%26c%3Dd%2F%C3%A9"));
    }
}
