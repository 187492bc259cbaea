//! Results: fetched by content, compared with what was agreed on chain.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use alloy_primitives::{Bytes, U256, keccak256};
use metacloud_blobs::Location;
use metacloud_blobs::archive::{self, ArchiveError, Limits};
use metacloud_protocol::params::DealParams;
use metacloud_protocol::result::{DigestRules, ResultLink};
use metacloud_protocol::{ResultDigest, Task, TaskId, TaskStatus};

use crate::deal::Deal;
use crate::error::Error;

/// Bytes of one result archive that is fetched.
const ARCHIVE_BYTES_MAX: u64 = 1 << 30;

/// A verified result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskResult {
    /// The task.
    pub task: TaskId,
    /// Its absolute index.
    pub index: U256,
    /// The digest on chain, which the content has.
    pub digest: ResultDigest,
    /// Where it was fetched from; the callback contract for results that are on chain.
    pub location: String,
    /// The folder that it was unpacked to.
    pub dir: PathBuf,
    /// Its files, relative to the folder, sorted.
    pub files: Vec<String>,
    /// What the callback contract received; empty without.
    pub callback_data: Bytes,
}

impl Deal {
    /// Fetches the result of one completed task, makes sure that it is the one agreed on chain, and unpacks it
    /// to `dir`, which is created if missing and should be empty.
    ///
    /// # Errors
    /// [`Error::NotCompleted`], [`Error::NoResult`], [`Error::WrongResult`], and what stands in the way of fetching.
    pub async fn fetch(&self, index: U256, task: TaskId, dir: &Path) -> Result<TaskResult, Error> {
        let record = self.cloud().hub().view_task(task).await?;
        if record.status != TaskStatus::Completed {
            return Err(Error::NotCompleted(task));
        }
        let has_callback = !self.record().callback.is_zero();
        if has_callback && keccak256(&record.results_callback) != record.result_digest.0 {
            let found = ResultDigest(keccak256(&record.results_callback));
            return Err(Error::WrongResult { task, expected: record.result_digest, found });
        }
        let (digest, callback_data) = (record.result_digest, record.results_callback.clone());
        let (location, files) = match place(&record, task) {
            Err(_) if has_callback => (self.record().callback.to_string(), Vec::new()),
            Err(error) => return Err(error),
            Ok(location) => {
                let content = self.cloud().blobs().fetch_location(&location, ARCHIVE_BYTES_MAX).await?;
                // Of an encrypted archive the digest can be checked only by whoever opens it.
                let expected = (!has_callback && !self.is_encrypted())
                    .then_some((digest, DigestRules::of(self.record().tag)));
                (location.to_string(), unpack(task, content, dir.to_owned(), expected).await?)
            }
        };
        Ok(TaskResult { task, index, digest, location, dir: dir.to_owned(), files, callback_data })
    }

    /// Whether results are encrypted for the deal's beneficiary.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        let deal = self.record();
        deal.tag.tee() && DealParams::read(&deal.params).params.result_encryption
    }
}

/// Where the result of a task is.
fn place(record: &Task, task: TaskId) -> Result<Location, Error> {
    let link = ResultLink::from_bytes(&record.results);
    let place = || format!("{} {}", link.storage, link.location).trim().to_owned();
    match link.storage.as_str() {
        "ipfs" => link.location.parse().map_err(|_| Error::NoResult { task, place: place() }),
        _ => Err(Error::NoResult { task, place: place() }),
    }
}

async fn unpack(
    task: TaskId,
    content: Vec<u8>,
    dir: PathBuf,
    expected: Option<(ResultDigest, DigestRules)>,
) -> Result<Vec<String>, Error> {
    let work = move || unpack_now(task, content, &dir, expected);
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

fn unpack_now(
    task: TaskId,
    content: Vec<u8>,
    dir: &Path,
    expected: Option<(ResultDigest, DigestRules)>,
) -> Result<Vec<String>, Error> {
    let limits = Limits { archive_bytes_max: ARCHIVE_BYTES_MAX, ..Limits::default() };
    let failed = |source: ArchiveError| Error::Archive { task, source };
    // Checked before a byte is written.
    if let Some((expected, rules)) = expected {
        let (found, _) = archive::result_digest(Cursor::new(&content), rules, &limits).map_err(failed)?;
        if found != expected {
            return Err(Error::WrongResult { task, expected, found });
        }
    }
    std::fs::create_dir_all(dir).map_err(|source| Error::File { path: dir.to_owned(), source })?;
    archive::unpack(Cursor::new(&content), dir, &limits).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(results: &[u8]) -> Task {
        Task { results: Bytes::copy_from_slice(results), ..Task::default() }
    }

    #[test]
    fn only_content_addresses_and_urls_are_places() {
        let task = TaskId::ZERO;
        let cid = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o";
        let good = ResultLink::ipfs(cid).to_bytes();
        assert_eq!(place(&record(&good), task).unwrap().to_string(), format!("/ipfs/{cid}"));
        for bad in [
            &b""[..],
            b"not json",
            br#"{"storage":"dropbox","location":"/results/1"}"#,
            br#"{"storage":"ipfs","location":"/etc/passwd"}"#,
            br#"{"storage":"ipfs","location":"file:///etc/passwd"}"#,
        ] {
            assert!(matches!(place(&record(bad), task), Err(Error::NoResult { .. })));
        }
    }

    #[test]
    fn a_result_that_is_not_the_agreed_one_is_not_unpacked() {
        let source = tempfile::tempdir().unwrap();
        std::fs::write(source.path().join("a.txt"), "hello\n").unwrap();
        let declared = r#"{"deterministic-output-path":"/iexec_out/a.txt"}"#;
        std::fs::write(source.path().join("computed.json"), declared).unwrap();
        let zip = source.path().join("result.zip");
        archive::pack(source.path(), &zip, &Limits::default()).unwrap();
        let content = std::fs::read(&zip).unwrap();
        let target = tempfile::tempdir().unwrap();
        let dir = target.path().join("out");
        let wrong = unpack_now(
            TaskId::ZERO,
            content.clone(),
            &dir,
            Some((ResultDigest::ZERO, DigestRules::Standard)),
        );
        let Err(Error::WrongResult { found, .. }) = wrong else { panic!("{wrong:?}") };
        assert!(!dir.exists());
        let files = unpack_now(TaskId::ZERO, content, &dir, Some((found, DigestRules::Standard))).unwrap();
        assert!(files.contains(&"a.txt".to_owned()));
        assert_eq!(std::fs::read_to_string(dir.join("a.txt")).unwrap(), "hello\n");
    }
}
