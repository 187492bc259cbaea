//! What survives a crash: one small file per task, and how far the pool's messages were processed.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use alloy_primitives::{Address, Bytes};
use metacloud_protocol::{ResultDigest, TaskId};
use metacloud_wire::Signature;
use metacloud_wire::cause::Failure;
use metacloud_wire::pool::{Assign, HELD_TASKS_MAX, Numbering, Report, ReportStatus, Seq};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const RECORD_FILE: &str = "record.json";
/// Its presence says that the pool asked this worker to upload.
const UPLOAD_FILE: &str = "upload";
const SESSION_FILE: &str = "session.json";
/// Largest file of this module; callback data in hex is the bulk of it.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// One task of this worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) assign: Assign,
    pub(crate) stage: Stage,
}

/// How far a task came on this worker. What happened on chain is asked there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// To be computed, from the start.
    Accepted,
    /// The result is on disk; its digest may be contributed or not.
    Computed(Computed),
}

/// A result that can be contributed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Computed {
    /// What is, or will be, contributed.
    pub(crate) digest: ResultDigest,
    /// For the callback contract; empty if the result is the archive.
    pub(crate) callback_data: Bytes,
    pub(crate) exit_code: Option<i32>,
    /// Of an error result, or of an application that failed after writing its result.
    pub(crate) failures: Vec<Failure>,
    pub(crate) fuel_used: u64,
    pub(crate) compute_ms: u64,
    /// Of a task that demands an enclave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) enclave: Option<Box<Vouched>>,
}

/// An enclave's word for a result, and the pool's permission to bring it to the chain. The enclave itself is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Vouched {
    /// Its account: the `enclaveChallenge` on chain.
    pub(crate) challenge: Address,
    /// Over result hash and seal.
    pub(crate) sign: Bytes,
    /// Over the archive, if it is encrypted; else empty.
    pub(crate) archive_sign: Bytes,
    /// Of the pool's owner, for this worker, task and enclave.
    pub(crate) authorization: Signature,
}

impl Record {
    pub(crate) fn new(assign: Assign) -> Self {
        Self { assign, stage: Stage::Accepted }
    }

    /// What the chain wants to know of the enclave: its account, its signature, and the pool's authorization.
    pub(crate) fn vouchers(&self) -> (Address, Bytes, Bytes) {
        match &self.stage {
            Stage::Computed(Computed { enclave: Some(enclave), .. }) => {
                let authorization = enclave.authorization.as_bytes().clone();
                (enclave.challenge, enclave.sign.clone(), authorization)
            }
            Stage::Accepted | Stage::Computed(Computed { enclave: None, .. }) => {
                let authorization = self.assign.authorization.as_bytes().clone();
                (self.assign.enclave_challenge, Bytes::new(), authorization)
            }
        }
    }

    /// A report about this task with what is known of its run.
    pub(crate) fn report(&self, status: ReportStatus) -> Report {
        let mut report = Report::new(self.assign.task, status);
        if let Stage::Computed(computed) = &self.stage {
            report.exit_code = computed.exit_code;
            report.failures.clone_from(&computed.failures);
            report.fuel_used = computed.fuel_used;
            report.compute_ms = computed.compute_ms;
        }
        report
    }

    /// Writes the record into the task's directory, made if absent. Blocks; with `Durable` until it is on the disk.
    pub(crate) fn save(&self, dir: &Path, durability: Durability) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        write(dir, RECORD_FILE, self, durability)
    }
}

/// Whether a write must survive a power cut, or only the end of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    Process,
    Power,
}

/// How far the pool's messages were processed. An older state than the true one is harmless: messages are idempotent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) numbering: Option<Numbering>,
    pub(crate) seq: Seq,
}

impl Session {
    pub(crate) fn load(dir: &Path) -> Self {
        read(&dir.join(SESSION_FILE)).unwrap_or_default()
    }

    pub(crate) fn save(&self, dir: &Path) -> io::Result<()> {
        write(dir, SESSION_FILE, self, Durability::Process)
    }
}

/// Remembers that the pool asked for the upload. Blocks.
pub(crate) fn mark_upload(task_dir: &Path) -> io::Result<()> {
    File::create(task_dir.join(UPLOAD_FILE)).map(drop)
}

/// Whether the pool asked for the upload.
pub(crate) fn upload_marked(task_dir: &Path) -> bool {
    task_dir.join(UPLOAD_FILE).exists()
}

/// The archive of a computed task.
pub(crate) fn archive(task_dir: &Path) -> PathBuf {
    task_dir.join("result.zip")
}

/// Reads every unfinished task. A directory without a readable record holds nothing that could be revealed and is
/// removed; a record that is there but damaged is left for a person to look at, with an error in the log.
pub(crate) fn unfinished(tasks_dir: &Path) -> io::Result<Vec<Record>> {
    let mut records = vec![];
    for entry in fs::read_dir(tasks_dir)? {
        let dir = entry?.path();
        let name = dir.file_name().and_then(|name| name.to_str());
        let Some(task) = name.and_then(|name| name.parse::<TaskId>().ok()) else { continue };
        let file = dir.join(RECORD_FILE);
        match read::<Record>(&file) {
            Ok(record) if record.assign.task == task => records.push(record),
            Ok(_) => tracing::error!(%task, "task record names another task; left alone"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::remove_dir_all(&dir)?,
            Err(error) => tracing::error!(%task, %error, "task record is damaged; left alone"),
        }
        if records.len() == HELD_TASKS_MAX {
            tracing::error!(
                max = HELD_TASKS_MAX,
                "more unfinished tasks than can be held; the rest waits for a restart"
            );
            break;
        }
    }
    Ok(records)
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let size = fs::metadata(path)?.len();
    if size > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("{size} bytes are too many")));
    }
    serde_json::from_slice(&fs::read(path)?).map_err(io::Error::other)
}

/// Replaces a file whole: a crash leaves the old one or the new one.
fn write<T: Serialize>(dir: &Path, name: &str, value: &T, durability: Durability) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    if durability == Durability::Power {
        file.as_file().sync_all()?;
    }
    file.persist(dir.join(name))?;
    if durability == Durability::Power {
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{B256, U256};
    use metacloud_protocol::DealId;
    use metacloud_wire::cause::Cause;
    use metacloud_wire::pool::Settlement;

    use super::*;

    fn record() -> Record {
        let deal = DealId(B256::repeat_byte(0x11));
        Record::new(Assign {
            task: TaskId::derive(deal, U256::from(3)),
            deal,
            index: 3,
            settlement: Settlement::CommitReveal,
            enclave_challenge: Address::ZERO,
            authorization: Bytes::from(vec![0x5a; 65]).try_into().unwrap(),
            contribution_deadline_s: 10,
            compute_seconds: 300,
        })
    }

    fn computed() -> Record {
        let stage = Stage::Computed(Computed {
            digest: ResultDigest(B256::repeat_byte(7)),
            callback_data: Bytes::from_static(b"\x01"),
            exit_code: Some(0),
            failures: vec![Failure::new(Cause::APP_COMPUTE_FAILED, "why")],
            fuel_used: 5,
            compute_ms: 6,
            enclave: None,
        });
        Record { stage, ..record() }
    }

    fn vouched() -> Record {
        let Stage::Computed(computed) = computed().stage else { unreachable!("it is computed") };
        let enclave = Some(Box::new(Vouched {
            challenge: Address::repeat_byte(0xe0),
            sign: Bytes::from_static(b"\x01"),
            archive_sign: Bytes::from_static(b"\x02"),
            authorization: Bytes::from(vec![0x5b; 65]).try_into().unwrap(),
        }));
        Record { stage: Stage::Computed(Computed { enclave, ..computed }), ..record() }
    }

    #[test]
    fn what_the_chain_wants_of_an_enclave_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let task_dir = dir.path().join(record().assign.task.to_string());
        vouched().save(&task_dir, Durability::Power).unwrap();
        assert_eq!(unfinished(dir.path()).unwrap(), [vouched()]);
        let (challenge, sign, authorization) = vouched().vouchers();
        assert_eq!((challenge, sign), (Address::repeat_byte(0xe0), Bytes::from_static(b"\x01")));
        assert_eq!(authorization[..], [0x5b; 65]);
        assert_eq!(computed().vouchers(), (Address::ZERO, Bytes::new(), vec![0x5a; 65].into()));
    }

    #[test]
    fn unfinished_tasks_are_found_again_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let task_dir = dir.path().join(record().assign.task.to_string());
        record().save(&task_dir, Durability::Process).unwrap();
        computed().save(&task_dir, Durability::Power).unwrap();
        assert_eq!(unfinished(dir.path()).unwrap(), [computed()]);
    }

    #[test]
    fn damaged_record_is_kept_and_an_empty_directory_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = |byte: u8| dir.path().join(TaskId(B256::repeat_byte(byte)).to_string());
        fs::create_dir(path(1)).unwrap();
        fs::create_dir(path(2)).unwrap();
        fs::write(path(2).join(RECORD_FILE), "{").unwrap();
        computed().save(&path(3), Durability::Process).unwrap();

        assert_eq!(unfinished(dir.path()).unwrap(), []);
        assert!(!path(1).exists());
        assert!(path(2).exists() && path(3).exists());
    }

    #[test]
    fn session_starts_anew_when_its_file_is_absent_or_damaged() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Session::load(dir.path()), Session::default());
        let session = Session { numbering: serde_json::from_str("7").ok(), seq: Seq(9) };
        session.save(dir.path()).unwrap();
        assert_eq!(Session::load(dir.path()), session);
        fs::write(dir.path().join(SESSION_FILE), "?").unwrap();
        assert_eq!(Session::load(dir.path()), Session::default());
    }

    #[test]
    fn the_file_on_disk_has_the_committed_form() {
        let committed = include_str!("../tests/golden/record.json");
        let read: Record = serde_json::from_str(committed).unwrap();
        assert_eq!(read, computed());
        assert_eq!(serde_json::to_string_pretty(&read).unwrap() + "\n", committed);
    }
}
