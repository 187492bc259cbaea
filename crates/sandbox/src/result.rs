//! From a filled output directory to the digest that replicas must agree on (middleware A.2 and B.6).

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use alloy_primitives::{B256, Bytes};
use metacloud_protocol::ids::ResultDigest;
use metacloud_protocol::result::{Child, DigestRules, callback_data_from_hex, callback_digest};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::limits::{COMPUTED_JSON_BYTES_MAX, RESULT_ENTRIES_MAX};

/// The file in which an application says what its result is.
pub const COMPUTED_JSON: &str = "computed.json";
/// Where the application saw the output directory.
const GUEST_OUTPUT: &str = "/iexec_out";

/// What kind of result the deal wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// A file or directory: the deal has no callback.
    Output,
    /// The same of a task in an enclave, where what is empty counts for nothing.
    AttestedOutput,
    /// Bytes for the callback contract of the deal.
    Callback,
}

/// A result, ready to be contributed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// Digest of A.2.
    pub digest: ResultDigest,
    /// Bytes for the callback; empty for [`Expect::Output`].
    pub callback_data: Bytes,
}

/// Why an output directory holds no result.
#[derive(Debug, thiserror::Error)]
pub enum ResultError {
    /// No `computed.json`.
    #[error("the application wrote no /iexec_out/computed.json")]
    NoComputedJson,
    /// It is larger than anyone needs.
    #[error("computed.json has {size_bytes} bytes, at most {COMPUTED_JSON_BYTES_MAX} are read")]
    ComputedJsonTooLarge {
        /// Its size.
        size_bytes: u64,
    },
    /// It is not the JSON object it should be.
    #[error("computed.json cannot be understood: {0}")]
    BadComputedJson(#[source] serde_json::Error),
    /// No result is named.
    #[error("computed.json has no deterministic-output-path")]
    NoOutputPath,
    /// The named result is not under `/iexec_out`.
    #[error("the deterministic-output-path {path:?} is not under /iexec_out")]
    OutsideOutput {
        /// As the application wrote it.
        path: String,
    },
    /// The named result does not exist.
    #[error("the deterministic-output-path {path:?} does not exist")]
    NoSuchOutput {
        /// As the application wrote it.
        path: String,
    },
    /// The named result is empty, which for a task in an enclave is none.
    #[error("the named result is empty")]
    NoContent,
    /// The named directory has too many children.
    #[error("the result directory has more than {RESULT_ENTRIES_MAX} entries")]
    TooManyEntries,
    /// The callback wants bytes.
    #[error("computed.json has no callback-data, which this deal's callback needs")]
    NoCallbackData,
    /// The bytes for the callback are not hexadecimal.
    #[error("the callback-data of computed.json is not hexadecimal")]
    BadCallbackData,
    /// The disk of this machine failed.
    #[error("the result cannot be read: {0}")]
    Host(#[source] io::Error),
}

impl ResultError {
    /// The name of middleware E.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::NoComputedJson
            | Self::ComputedJsonTooLarge { .. }
            | Self::BadComputedJson(_)
            | Self::NoOutputPath
            | Self::OutsideOutput { .. }
            | Self::NoSuchOutput { .. }
            | Self::NoContent
            | Self::TooManyEntries
            | Self::NoCallbackData
            | Self::BadCallbackData => "DETERMINISM_HASH_NOT_FOUND",
            Self::Host(_) => "UNKNOWN",
        }
    }
}

/// The keys that count; others are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ComputedJson {
    deterministic_output_path: Option<String>,
    callback_data: Option<String>,
}

/// Reads `computed.json` in `out_dir` and computes the digest of what it names. Links are followed only as far as
/// they stay inside.
///
/// # Errors
/// [`ResultError`] names what is missing or wrong.
pub fn collect(out_dir: &Path, expect: Expect) -> Result<Collected, ResultError> {
    let root = out_dir.canonicalize().map_err(ResultError::Host)?;
    let computed = read_computed(&root)?;
    match expect {
        Expect::Callback => {
            let text =
                computed.callback_data.filter(|text| !text.is_empty()).ok_or(ResultError::NoCallbackData)?;
            let data = callback_data_from_hex(&text).map_err(|_| ResultError::BadCallbackData)?;
            if data.is_empty() {
                return Err(ResultError::NoCallbackData);
            }
            Ok(Collected { digest: callback_digest(&data), callback_data: data })
        }
        Expect::Output | Expect::AttestedOutput => {
            let rules = if expect == Expect::Output { DigestRules::Standard } else { DigestRules::Attested };
            let path = computed
                .deterministic_output_path
                .filter(|path| !path.is_empty())
                .ok_or(ResultError::NoOutputPath)?;
            let output = resolve(&root, &path)?;
            Ok(Collected { digest: digest(&root, &output, rules)?, callback_data: Bytes::new() })
        }
    }
}

fn read_computed(root: &Path) -> Result<ComputedJson, ResultError> {
    let path = match root.join(COMPUTED_JSON).canonicalize() {
        Ok(path) if path.starts_with(root) && path.is_file() => path,
        Ok(_) => return Err(ResultError::NoComputedJson),
        Err(error) if is_absent(&error) => return Err(ResultError::NoComputedJson),
        Err(error) => return Err(ResultError::Host(error)),
    };
    let file = File::open(path).map_err(ResultError::Host)?;
    let size_bytes = file.metadata().map_err(ResultError::Host)?.len();
    if size_bytes > COMPUTED_JSON_BYTES_MAX {
        return Err(ResultError::ComputedJsonTooLarge { size_bytes });
    }
    let mut bytes = Vec::new();
    file.take(COMPUTED_JSON_BYTES_MAX).read_to_end(&mut bytes).map_err(ResultError::Host)?;
    serde_json::from_slice(&bytes).map_err(ResultError::BadComputedJson)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// From a path as the application saw it to one on the host, beneath `root` with all links resolved.
fn resolve(root: &Path, guest: &str) -> Result<PathBuf, ResultError> {
    let outside = || ResultError::OutsideOutput { path: guest.to_owned() };
    let relative = Path::new(guest).strip_prefix(GUEST_OUTPUT).map_err(|_| outside())?;
    let mut path = root.to_owned();
    for component in relative.components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            // `a/..` that stays inside is plain; anything else would leave.
            Component::ParentDir if path != root => {
                path.pop();
            }
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(outside()),
        }
    }
    match path.canonicalize() {
        Ok(path) if path.starts_with(root) => Ok(path),
        Ok(_) => Err(outside()),
        // A name with a zero byte or too long a one cannot exist either.
        Err(error)
            if is_absent(&error)
                || matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename) =>
        {
            Err(ResultError::NoSuchOutput { path: guest.to_owned() })
        }
        Err(error) => Err(ResultError::Host(error)),
    }
}

fn digest(root: &Path, output: &Path, rules: DigestRules) -> Result<ResultDigest, ResultError> {
    if !output.is_dir() {
        return rules.file(sha256_of(output).map_err(ResultError::Host)?).ok_or(ResultError::NoContent);
    }
    let mut children = Vec::new();
    for entry in fs::read_dir(output).map_err(ResultError::Host)? {
        let entry = entry.map_err(ResultError::Host)?;
        if children.len() == RESULT_ENTRIES_MAX {
            return Err(ResultError::TooManyEntries);
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        children.push((name, child(root, &entry.path())?));
    }
    let children = children.iter().map(|(name, child)| (name.as_str(), *child));
    rules.directory(children).ok_or(ResultError::NoContent)
}

/// Directories, special files and links that lead outside count as unreadable.
fn child(root: &Path, path: &Path) -> Result<Child, ResultError> {
    match path.canonicalize() {
        Ok(path) if path.starts_with(root) && path.is_file() => {
            Ok(Child::File(sha256_of(&path).map_err(ResultError::Host)?))
        }
        Ok(_) => Ok(Child::Opaque),
        Err(error) if is_absent(&error) => Ok(Child::Opaque),
        Err(error) => Err(ResultError::Host(error)),
    }
}

fn sha256_of(path: &Path) -> io::Result<B256> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            return Ok(B256::new(hash.finalize().into()));
        }
        hash.update(&buffer[..length]);
    }
}
