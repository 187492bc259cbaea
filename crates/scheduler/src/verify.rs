//! Checks that a stored result is the one on which the workers agreed, before anything is finalized with it.

use std::fs::File;
use std::path::{Path, PathBuf};

use alloy_primitives::Address;
use metacloud_blobs::archive::{self, Limits, result_digest};
use metacloud_blobs::{BlobClient, Fetch, Location};
use metacloud_dispatch::{Blame, Failure, UploadVerdict, Uploaded};
use metacloud_protocol::result::{ResultLink, callback_digest};
use metacloud_protocol::{ResultDigest, ResultHash, TaskId};
use metacloud_wire::cause::Cause;
use tokio::time::timeout;

use crate::limits;

/// Where results are fetched from, and where they may be put meanwhile.
#[derive(Clone)]
pub(crate) struct Verifier {
    pub(crate) blobs: BlobClient,
    pub(crate) scratch: PathBuf,
}

/// Why an upload does not do.
enum Flaw {
    /// It is something else.
    False(String),
    /// It cannot be read now.
    Unavailable(String),
}

impl Verifier {
    /// Compares what a worker stored with the consensus.
    pub(crate) async fn verify(
        &self,
        task: TaskId,
        consensus: ResultHash,
        callback: Option<Address>,
        uploaded: Uploaded,
    ) -> UploadVerdict {
        let found = match callback {
            Some(callback) => Ok((callback_digest(&uploaded.callback), callback_result(callback, uploaded))),
            None => match timeout(limits::VERIFY_MAX, self.stored(&uploaded)).await {
                Ok(found) => found,
                Err(_) => Err(Flaw::Unavailable("the result was not fetched in time".to_owned())),
            },
        };
        match found {
            Ok((digest, genuine)) if ResultHash::derive(task, digest) == consensus => {
                UploadVerdict::Genuine(genuine)
            }
            Ok((digest, _)) => UploadVerdict::False(failure(format!(
                "the stored result has the digest {digest}, which is not the one the workers agreed on"
            ))),
            Err(Flaw::False(why)) => UploadVerdict::False(failure(why)),
            Err(Flaw::Unavailable(why)) => UploadVerdict::Unavailable(failure(why)),
        }
    }

    /// Digest of a stored archive, and the link to it as it shall stand on chain.
    async fn stored(&self, uploaded: &Uploaded) -> Result<(ResultDigest, Uploaded), Flaw> {
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
        let digest = tokio::task::spawn_blocking(move || digest_of(&path))
            .await
            .map_err(|error| Flaw::Unavailable(format!("the verification broke off: {error}")))??;
        drop(scratch);
        let results = ResultLink::ipfs(&cid.to_string()).to_bytes();
        Ok((digest, Uploaded { results, callback: alloy_primitives::Bytes::new() }))
    }
}

fn callback_result(callback: Address, uploaded: Uploaded) -> Uploaded {
    Uploaded { results: ResultLink::ethereum(callback).to_bytes(), callback: uploaded.callback }
}

fn digest_of(path: &Path) -> Result<ResultDigest, Flaw> {
    let file = File::open(path).map_err(|error| Flaw::Unavailable(error.to_string()))?;
    let limits = Limits { archive_bytes_max: limits::ARCHIVE_BYTES_MAX, ..Limits::default() };
    match result_digest(file, &limits) {
        Ok((digest, _)) => Ok(digest),
        Err(error @ archive::ArchiveError::Io { .. }) => Err(Flaw::Unavailable(error.to_string())),
        Err(error) => Err(Flaw::False(error.to_string())),
    }
}

fn unfetched(error: Fetch) -> Flaw {
    let why = error.to_string();
    match error {
        Fetch::TooLarge { .. } | Fetch::WrongContent { .. } => Flaw::False(why),
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
