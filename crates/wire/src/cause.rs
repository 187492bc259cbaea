//! Failure causes: the names shown to buyers, and who answers for each (middleware E).

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ParseError;

/// Longest cause name in bytes; the longest of the list has 88.
pub const CAUSE_NAME_BYTES_MAX: usize = 128;
/// Longest sentence of one cause in bytes of UTF-8.
pub const CAUSE_MESSAGE_BYTES_MAX: usize = 2_048;
/// Causes in one report.
pub const CAUSES_MAX: usize = 32;

/// Name of a failure cause: upper-case ASCII letters, digits and underscores.
///
/// Peers of another version may know more names, so any name of this form is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cause(Cow<'static, str>);

macro_rules! causes {
    ($($name:ident),* $(,)?) => {
        impl Cause {
            $(
                #[doc = concat!("`", stringify!($name), "` of the middleware's list.")]
                pub const $name: Cause = Cause(Cow::Borrowed(stringify!($name)));
            )*
        }
        /// The names that this crate has constants for.
        #[cfg(test)]
        const NAMED: &[Cause] = &[$(Cause::$name),*];
    };
}

causes! {
    CHAIN_UNREACHABLE, STAKE_TOO_LOW, OUT_OF_GAS, TASK_NOT_ACTIVE, TASK_DESCRIPTION_INVALID,
    TASK_DESCRIPTION_NOT_FOUND, CONTRIBUTION_ALREADY_SET, CONSENSUS_REACHED, CHAIN_RECEIPT_NOT_VALID,
    APP_IMAGE_DOWNLOAD_FAILED, INPUT_FILES_DOWNLOAD_FAILED, DATASET_FILE_DOWNLOAD_FAILED,
    DATASET_FILE_BAD_CHECKSUM, APP_NOT_FOUND_LOCALLY, APP_COMPUTE_FAILED, APP_COMPUTE_TIMEOUT,
    POST_COMPUTE_COMPUTED_FILE_NOT_FOUND, POST_COMPUTE_RESULT_DIGEST_COMPUTATION_FAILED,
    POST_COMPUTE_OUT_FOLDER_ZIP_FAILED, POST_COMPUTE_RESULT_FILE_NOT_FOUND, POST_COMPUTE_IPFS_UPLOAD_FAILED,
    DETERMINISM_HASH_NOT_FOUND, WORKERPOOL_AUTHORIZATION_NOT_FOUND, TEE_NOT_SUPPORTED, RESULT_LINK_MISSING,
    TRUST_NOT_1, TASK_ALREADY_CONTRIBUTED, CONTRIBUTION_TIMEOUT, REVEAL_TIMEOUT, ABORTED_BY_WORKER,
    CANNOT_REVEAL, TEE_PREPARATION_FAILED, UNKNOWN_SMS, ENCLAVE_SIGNATURE_NOT_FOUND,
    PRE_COMPUTE_DATASET_KEY_MISSING, PRE_COMPUTE_DATASET_DECRYPTION_FAILED, PRE_COMPUTE_INVALID_DATASET_CHECKSUM,
    PRE_COMPUTE_DATASET_DOWNLOAD_FAILED, PRE_COMPUTE_DATASET_URL_MISSING, PRE_COMPUTE_SAVING_PLAIN_DATASET_FAILED,
    POST_COMPUTE_MALFORMED_ENCRYPTION_PUBLIC_KEY, POST_COMPUTE_ENCRYPTION_FAILED,
    TEE_SESSION_GENERATION_INVALID_AUTHORIZATION,
    TEE_SESSION_GENERATION_SECURE_SESSION_GENERATION_FAILED,
    TEE_SESSION_GENERATION_SECURE_SESSION_STORAGE_CALL_FAILED,
    TEE_SESSION_GENERATION_PRE_COMPUTE_GET_DATASET_SECRET_FAILED, UNKNOWN,
}

impl Cause {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a name.
    ///
    /// # Errors
    /// [`ParseError`] if it is empty, longer than [`CAUSE_NAME_BYTES_MAX`] or has other characters than `A-Z0-9_`.
    pub fn parse(name: &str) -> Result<Self, ParseError> {
        let field = "cause";
        if name.is_empty() {
            return Err(ParseError::Missing { field });
        }
        if name.len() > CAUSE_NAME_BYTES_MAX {
            let (found, max) = (name.len(), CAUSE_NAME_BYTES_MAX);
            return Err(ParseError::TooLong { field, found, max });
        }
        let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        if !name.bytes().all(plain) {
            let why = "a name has upper-case letters, digits and underscores only";
            return Err(ParseError::Value { field, why });
        }
        Ok(Self(Cow::Owned(name.to_owned())))
    }

    /// Who answers for a task that failed with this cause.
    pub fn fault(&self) -> Fault {
        match self.as_str() {
            "APP_IMAGE_DOWNLOAD_FAILED"
            | "APP_COMPUTE_FAILED"
            | "APP_COMPUTE_TIMEOUT"
            | "DETERMINISM_HASH_NOT_FOUND"
            | "POST_COMPUTE_COMPUTED_FILE_NOT_FOUND"
            | "POST_COMPUTE_RESULT_DIGEST_COMPUTATION_FAILED"
            | "POST_COMPUTE_RESULT_FILE_NOT_FOUND"
            | "POST_COMPUTE_TOO_LONG_RESULT_FILE_NAME" => Fault::AppProvider,
            "DATASET_FILE_DOWNLOAD_FAILED"
            | "DATASET_FILE_BAD_CHECKSUM"
            | "PRE_COMPUTE_DATASET_KEY_MISSING"
            | "PRE_COMPUTE_DATASET_DECRYPTION_FAILED"
            | "PRE_COMPUTE_INVALID_DATASET_CHECKSUM"
            | "PRE_COMPUTE_DATASET_DOWNLOAD_FAILED"
            | "PRE_COMPUTE_DATASET_URL_MISSING" => Fault::DatasetProvider,
            "INPUT_FILES_DOWNLOAD_FAILED"
            | "TASK_DESCRIPTION_INVALID"
            | "RESULT_LINK_MISSING"
            | "POST_COMPUTE_MALFORMED_ENCRYPTION_PUBLIC_KEY" => Fault::Requester,
            "STAKE_TOO_LOW"
            | "OUT_OF_GAS"
            | "APP_NOT_FOUND_LOCALLY"
            | "ABORTED_BY_WORKER"
            | "CANNOT_REVEAL"
            | "REVEAL_TIMEOUT"
            | "TEE_NOT_SUPPORTED"
            | "TEE_PREPARATION_FAILED"
            | "ENCLAVE_SIGNATURE_NOT_FOUND"
            | "PRE_COMPUTE_SAVING_PLAIN_DATASET_FAILED"
            | "POST_COMPUTE_ENCRYPTION_FAILED"
            | "POST_COMPUTE_OUT_FOLDER_ZIP_FAILED"
            | "POST_COMPUTE_IPFS_UPLOAD_FAILED"
            | "CONTRIBUTION_ALREADY_SET" => Fault::Worker,
            "WORKERPOOL_AUTHORIZATION_NOT_FOUND"
            | "UNKNOWN_SMS"
            | "TASK_DESCRIPTION_NOT_FOUND"
            | "TRUST_NOT_1"
            | "TASK_NOT_ACTIVE"
            | "TASK_ALREADY_CONTRIBUTED"
            | "CONTRIBUTION_TIMEOUT" => Fault::Pool,
            "CHAIN_UNREACHABLE"
            | "BLOCK_NOT_REACHED"
            | "CHAIN_RECEIPT_NOT_VALID"
            | "CONSENSUS_BLOCK_MISSING" => Fault::Chain,
            name if name.starts_with("TEE_SESSION_GENERATION_") => Fault::SecretService,
            _ => Fault::Unknown,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Cause {
    type Error = ParseError;

    fn try_from(name: String) -> Result<Self, ParseError> {
        Self::parse(&name)
    }
}

impl From<Cause> for String {
    fn from(cause: Cause) -> Self {
        cause.0.into_owned()
    }
}

/// The one party that is accountable for a failed task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// Whoever published the application.
    AppProvider,
    /// Whoever published the dataset.
    DatasetProvider,
    /// Whoever ordered the execution.
    Requester,
    /// The machine that computed.
    Worker,
    /// The scheduler of the workerpool.
    Pool,
    /// The secret service.
    SecretService,
    /// The chain node.
    Chain,
    /// The cause does not tell.
    Unknown,
}

/// A cause with its sentence for people: what was concerned, and the value found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{cause}: {message}")]
pub struct Failure {
    /// The name.
    pub cause: Cause,
    /// At most [`CAUSE_MESSAGE_BYTES_MAX`] bytes when made by [`Failure::new`] or parsed.
    pub message: String,
}

impl Failure {
    /// A failure whose sentence is cut to [`CAUSE_MESSAGE_BYTES_MAX`] at a character boundary.
    pub fn new(cause: Cause, message: impl Into<String>) -> Self {
        let mut message = message.into();
        message.truncate(message.floor_char_boundary(CAUSE_MESSAGE_BYTES_MAX));
        Self { cause, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        for name in ["", "app compute failed", "lower", "A\nB", "É", "A-B"] {
            assert!(Cause::parse(name).is_err(), "{name:?}");
        }
        assert!(Cause::parse(&"A".repeat(CAUSE_NAME_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn every_named_cause_parses_and_has_an_accountable_party() {
        for cause in NAMED {
            assert_eq!(Cause::parse(cause.as_str()).as_ref(), Ok(cause));
            let nobody = [Cause::UNKNOWN, Cause::CONSENSUS_REACHED].contains(cause);
            assert_eq!(cause.fault() == Fault::Unknown, nobody, "{cause}");
        }
    }

    #[test]
    fn long_sentence_is_cut_between_characters() {
        let failure = Failure::new(Cause::UNKNOWN, "é".repeat(CAUSE_MESSAGE_BYTES_MAX));
        assert_eq!(failure.message.len(), CAUSE_MESSAGE_BYTES_MAX);
    }
}
