//! What an enclave is told, and what it answers. Begin, Born, Run, Done: each comes once, in this order.

use std::path::PathBuf;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes};
use metacloud_protocol::{ResultDigest, TaskId};
use metacloud_sandbox::Limits;
use metacloud_wire::cause::Failure;
use metacloud_wire::enclave::Statement;
use serde::{Deserialize, Serialize};

use crate::ran::Ran;

/// First message to the enclave: whom it serves, and what it will run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// Chain of the task.
    pub chain_id: u64,
    /// Hub of the task.
    pub hub: Address,
    /// The task.
    pub task: TaskId,
    /// Account that contributes.
    pub worker: Address,
    /// Last moment of the enclave, in seconds since the epoch.
    pub expires_s: u64,
    /// The application's file.
    pub application: PathBuf,
    /// What the application may use.
    pub bounds: Bounds,
    /// Directory of this task's enclave alone; emptied by it at its end.
    pub work_dir: PathBuf,
    /// Compiled modules.
    pub modules_dir: PathBuf,
}

/// Limits of a run, as they enter the measurement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Wall time of the application in milliseconds.
    pub time_ms: u64,
    /// Linear memory in bytes.
    pub memory_bytes: u64,
    /// Output files together, in bytes.
    pub output_bytes: u64,
    /// Output files and directories.
    pub output_files: u32,
    /// Bytes kept of each of stdout and stderr.
    pub log_bytes: u64,
}

impl From<&Limits> for Bounds {
    fn from(limits: &Limits) -> Self {
        Self {
            time_ms: u64::try_from(limits.time.as_millis()).unwrap_or(u64::MAX),
            memory_bytes: limits.memory_bytes,
            output_bytes: limits.output_bytes,
            output_files: limits.output_files,
            log_bytes: limits.log_bytes,
        }
    }
}

impl From<&Bounds> for Limits {
    fn from(bounds: &Bounds) -> Self {
        Self {
            time: Duration::from_millis(bounds.time_ms),
            memory_bytes: bounds.memory_bytes,
            output_bytes: bounds.output_bytes,
            output_files: bounds.output_files,
            log_bytes: bounds.log_bytes,
        }
    }
}

/// First answer: the enclave has its keys. What it says here enters the evidence about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Born {
    /// Its keys and whom it serves.
    pub statement: Statement,
    /// SHA-256 of the application, which it runs and no other.
    pub application: B256,
    /// Canonical JSON of its configuration; the SHA-256 of it enters the measurement.
    pub configuration: String,
    /// Whether the operating system holds it to what it needs (no network, no other programs).
    pub confined: bool,
}

/// Second message to the enclave: the task, and the secrets for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// A bundle sealed to this enclave; none if the pool has no secrets service and the deal needs no secret.
    pub sealed: Option<Bytes>,
    /// The deal has a callback: its result is bytes for that contract.
    pub callback: bool,
    /// Arguments after the program's name.
    pub args: Vec<String>,
    /// Environment without secrets, in order.
    pub env: Vec<(String, String)>,
    /// Files for the application.
    pub inputs: Vec<Input>,
    /// Datasets, still encrypted.
    pub datasets: Vec<Dataset>,
    /// The datasets are a slice of a bulk: one that fails is left out, the application runs nevertheless.
    pub bulk: bool,
    /// Where the archive of the result goes.
    pub archive: PathBuf,
}

/// A file for the application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name under `/iexec_in`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// An encrypted dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// Its contract.
    pub address: Address,
    /// Name of the clear file under `/iexec_in`.
    pub name: String,
    /// SHA-256 of the encrypted file, as on chain.
    pub checksum: B256,
    /// Where the encrypted file is; none if it could not be fetched.
    pub path: Option<PathBuf>,
}

/// Last answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// How the application went. Its output is withheld if the result is encrypted: it is in the archive.
    pub ran: Ran,
    /// The result, or why there is none (then not empty).
    pub result: Result<Signed, Vec<Failure>>,
}

/// A result with the enclave's signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// Of the plain result.
    pub digest: ResultDigest,
    /// For the callback contract; empty without.
    pub callback_data: Bytes,
    /// Over result hash and seal (poco 7.2), 65 bytes.
    pub enclave_sign: Bytes,
    /// Over the archive, if it is encrypted; else empty.
    pub archive_sign: Bytes,
}
