//! What goes into a run and what comes out.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Limits;

/// One execution of an application.
#[derive(Clone, Debug)]
pub struct Job {
    /// The WebAssembly module.
    pub module: PathBuf,
    /// Arguments after the program name; the name itself is always `app`.
    pub args: Vec<String>,
    /// Environment, in the order in which the application sees it.
    pub env: Vec<(String, String)>,
    /// Files that appear under `/iexec_in`.
    pub inputs: Vec<InputFile>,
    /// Host directory that receives `/iexec_out`; created if absent, must be empty.
    pub out_dir: PathBuf,
    /// Bounds of this run.
    pub limits: Limits,
    /// Source of the clock and of randomness: the task id, so that replicas agree.
    pub seed: [u8; 32],
}

/// A host file shown to the application as `/iexec_in/{name}`, read-only.
#[derive(Clone, Debug)]
pub struct InputFile {
    /// File name inside, without directories.
    pub name: String,
    /// The file on the host; it must not change during the run.
    pub path: PathBuf,
}

/// A run that came to its own end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// 0 is success. Any other code means `APP_COMPUTE_FAILED`, but the result may still count (middleware B.7).
    pub exit_code: i32,
    /// Work done, in units of roughly one WebAssembly instruction; equal for equal jobs.
    pub fuel_used: u64,
    /// The last 100,000 characters of standard output.
    pub stdout: Vec<u8>,
    /// The last 100,000 characters of standard error.
    pub stderr: Vec<u8>,
}

impl Outcome {
    /// The failure cause of middleware E, or none after exit code 0.
    pub fn cause(&self) -> Option<&'static str> {
        (self.exit_code != 0).then_some("APP_COMPUTE_FAILED")
    }
}

/// Stops a run from another thread: clones share one flag.
#[derive(Clone, Debug, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// A flag that is not raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the run within a few milliseconds; it cannot be taken back.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether [`CancelFlag::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
