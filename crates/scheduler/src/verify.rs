//! Checks that a stored result is the one on which the workers agreed, before anything is finalized with it.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256};
use metacloud_blobs::archive::{self, Limits, result_digest};
use metacloud_blobs::{BlobClient, Fetch, Location};
use metacloud_dispatch::{Blame, Failure, UploadVerdict, Uploaded};
use metacloud_protocol::ids::{archive_hash, eip191};
use metacloud_protocol::result::{DigestRules, ResultLink, callback_digest};
use metacloud_protocol::{ResultDigest, ResultHash, TaskId, signing};
use metacloud_wire::cause::Cause;
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use crate::limits;

/// Where results are fetched from, and where they may be put meanwhile.
#[derive(Clone)]
pub(crate) struct Verifier {
    pub(crate) blobs: BlobClient,
    pub(crate) scratch: PathBuf,
}

/// What a stored result must be.
pub(crate) struct Expected {
    pub(crate) task: TaskId,
    /// On what the workers agreed.
    pub(crate) consensus: ResultHash,
    /// The deal's callback contract, if any: nothing is stored then.
    pub(crate) callback: Option<Address>,
    /// Account of the uploader's enclave, if it has one.
    pub(crate) enclave: Option<Address>,
    /// The archive is encrypted for the beneficiary.
    pub(crate) encrypted: bool,
}

/// Why an upload does not do.
enum Flaw {
    /// It is something else.
    False(String),
    /// It cannot be read now.
    Unavailable(String),
}

impl Verifier {
    /// Compares what a worker stored with the consensus. Nobody but its beneficiary can recompute the digest of an
    /// encrypted result; there the signature of the enclave that encrypted it vouches for the archive.
    pub(crate) async fn verify(&self, expected: &Expected, uploaded: Uploaded) -> UploadVerdict {
        let found = match expected.callback {
            Some(callback) => {
                let digest = callback_digest(&uploaded.callback);
                expected.agreed(digest).map(|()| callback_result(callback, uploaded))
            }
            None => match timeout(limits::VERIFY_MAX, self.stored(expected, &uploaded)).await {
                Ok(found) => found,
                Err(_) => Err(Flaw::Unavailable("the result was not fetched in time".to_owned())),
            },
        };
        match found {
            Ok(genuine) => UploadVerdict::Genuine(genuine),
            Err(Flaw::False(why)) => UploadVerdict::False(failure(why)),
            Err(Flaw::Unavailable(why)) => UploadVerdict::Unavailable(failure(why)),
        }
    }

    /// Checks a stored archive; the link to it as it shall stand on chain.
    async fn stored(&self, expected: &Expected, uploaded: &Uploaded) -> Result<Uploaded, Flaw> {
        let link = ResultLink::from_bytes(&uploaded.results);
        // Only content addressed places: a URL of the worker's choice could point anywhere, and change later.
        let place = link.location.parse::<Location>().ok().filter(|_| link.storage == "ipfs");
        let Some(Location::Ipfs(cid)) = place else {
            return Err(Flaw::False(format!("{:?} is no place in the result store", link.location)));
        };
        let scratch = tempfile::tempdir_in(&self.scratch)
            .map_err(|error| Flaw::Unavailable(format!("no scratch space: {error}")))?;
        let path = scratch.path().join("result.zip");
        self.blobs.fetch_to_file(&cid, &path, limits::ARCHIVE_BYTES_MAX).await.map_err(unfetched)?;
        let broke = |error| Flaw::Unavailable(format!("the verification broke off: {error}"));
        if expected.encrypted {
            let sha256 = tokio::task::spawn_blocking(move || sha256_of(&path)).await.map_err(broke)??;
            expected.vouched(sha256, &uploaded.archive_sign)?;
        } else {
            let rules = expected.rules();
            let digest =
                tokio::task::spawn_blocking(move || digest_of(&path, rules)).await.map_err(broke)??;
            expected.agreed(digest)?;
        }
        drop(scratch);
        let results = ResultLink::ipfs(&cid.to_string()).to_bytes();
        Ok(Uploaded { results, ..Uploaded::default() })
    }
}

impl Expected {
    fn agreed(&self, digest: ResultDigest) -> Result<(), Flaw> {
        if ResultHash::derive(self.task, digest) == self.consensus {
            return Ok(());
        }
        Err(Flaw::False(format!(
            "the stored result has the digest {digest}, which is not the one the workers agreed on"
        )))
    }

    /// Whether the uploader's enclave says that it made this archive for this task.
    fn vouched(&self, sha256: B256, sign: &[u8]) -> Result<(), Flaw> {
        let signer = signing::recover(eip191(archive_hash(self.task, sha256)), sign);
        if signer.is_some() && signer == self.enclave {
            return Ok(());
        }
        Err(Flaw::False("the encrypted archive is not the one that the worker's enclave made".to_owned()))
    }

    fn rules(&self) -> DigestRules {
        if self.enclave.is_some() { DigestRules::Attested } else { DigestRules::Standard }
    }
}

fn callback_result(callback: Address, uploaded: Uploaded) -> Uploaded {
    Uploaded { results: ResultLink::ethereum(callback).to_bytes(), ..uploaded }
}

fn sha256_of(path: &Path) -> Result<B256, Flaw> {
    let unread = |error: std::io::Error| Flaw::Unavailable(error.to_string());
    let mut file = File::open(path).map_err(unread)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(unread)? {
            0 => break,
            length => hash.update(&buffer[..length]),
        }
    }
    Ok(B256::from_slice(&hash.finalize()))
}

fn digest_of(path: &Path, rules: DigestRules) -> Result<ResultDigest, Flaw> {
    let file = File::open(path).map_err(|error| Flaw::Unavailable(error.to_string()))?;
    let limits = Limits { archive_bytes_max: limits::ARCHIVE_BYTES_MAX, ..Limits::default() };
    match result_digest(file, rules, &limits) {
        Ok((digest, _)) => Ok(digest),
        Err(error @ archive::ArchiveError::Io { .. }) => Err(Flaw::Unavailable(error.to_string())),
        Err(error) => Err(Flaw::False(error.to_string())),
    }
}

fn unfetched(error: Fetch) -> Flaw {
    let why = error.to_string();
    match error {
        Fetch::TooLarge { .. } | Fetch::WrongContent { .. } | Fetch::Broken { .. } => Flaw::False(why),
        Fetch::Unreachable { .. }
        | Fetch::Refused { .. }
        | Fetch::Write { .. }
        | Fetch::NoUrl { .. }
        | Fetch::NotPublic { .. }
        | Fetch::TooManyRedirects { .. } => Flaw::Unavailable(why),
    }
}

fn failure(message: String) -> Failure {
    let cause = Cause::RESULT_LINK_MISSING.as_str().to_owned();
    Failure { cause, message, blame: Blame::Worker }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;

    use super::*;

    #[test]
    fn encrypted_archive_needs_the_word_of_the_uploaders_own_enclave() {
        let key = |n: u64| signing::key_from_bytes(&U256::from(n).into()).unwrap();
        let task = TaskId(B256::repeat_byte(1));
        let sha256 = B256::repeat_byte(2);
        let expected = |enclave| Expected {
            task,
            consensus: ResultHash::ZERO,
            callback: None,
            enclave,
            encrypted: true,
        };
        let own = expected(Some(signing::address_of(&key(7))));
        let word = |n, task, sha256| signing::sign(&key(n), eip191(archive_hash(task, sha256)));
        assert!(own.vouched(sha256, &word(7, task, sha256)).is_ok());
        let foreign = [
            word(8, task, sha256),
            word(7, TaskId(B256::repeat_byte(9)), sha256),
            word(7, task, B256::repeat_byte(9)),
        ];
        for sign in foreign {
            assert!(matches!(own.vouched(sha256, &sign), Err(Flaw::False(_))));
        }
        assert!(own.vouched(sha256, &[]).is_err());
        assert!(expected(None).vouched(sha256, &word(7, task, sha256)).is_err(), "no enclave, no word");
        assert!(expected(None).vouched(sha256, &[]).is_err());
    }
}
