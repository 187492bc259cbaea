//! What belongs to one running application.

use std::time::Instant;

use wasmtime::{Memory, ResourceLimiter};

use crate::deterministic::{Clock, Random};
use crate::limits::{ARGUMENT_BYTES_MAX, TABLE_ELEMENTS_MAX};
use crate::log::Log;
use crate::vfs::Vfs;
use crate::wasi::{Descriptors, Stop};
use crate::{CancelFlag, Failure, Job, Limits};

/// The program name: the same on every machine, whatever the module file is called.
const PROGRAM_NAME: &str = "app";

/// State behind the system calls of one run.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) vfs: Vfs,
    pub(crate) descriptors: Descriptors,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) stdout: Log,
    pub(crate) stderr: Log,
    /// Without terminators.
    pub(crate) args: Vec<Vec<u8>>,
    /// `NAME=value`, without terminators.
    pub(crate) env: Vec<Vec<u8>>,
    /// The exported memory, found at the first system call.
    pub(crate) memory: Option<Memory>,
    limits: Limits,
    deadline: Instant,
    cancel: CancelFlag,
}

impl Process {
    pub(crate) fn new(job: &Job, vfs: Vfs, clock: Clock, cancel: CancelFlag) -> Result<Self, Failure> {
        let (args, env) = arguments(job)?;
        Ok(Self {
            vfs,
            descriptors: Descriptors::new(),
            clock,
            random: Random::from_seed(&job.seed),
            stdout: Log::new(job.limits.log_bytes),
            stderr: Log::new(job.limits.log_bytes),
            args,
            env,
            memory: None,
            limits: job.limits.clone(),
            deadline: Instant::now() + job.limits.time,
            cancel,
        })
    }

    /// Ends the run if its time is over or the caller wants it back. Called at every tick, and between the parts of
    /// long system calls.
    pub(crate) fn checkpoint(&self) -> Result<(), Stop> {
        if self.cancel.is_cancelled() {
            return Err(Failure::Cancelled.into());
        }
        if Instant::now() >= self.deadline {
            return Err(Failure::TimeOver { limit: self.limits.time }.into());
        }
        Ok(())
    }
}

/// Memory and tables grow up to the limits; past them the run ends, as a container's would, for few programs survive
/// a failed allocation and their buyers deserve to read the reason.
impl ResourceLimiter for Process {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let (wanted_bytes, limit_bytes) = (desired as u64, self.limits.memory_bytes);
        if wanted_bytes > limit_bytes {
            let stop = Stop::Failed(Failure::OutOfMemory { wanted_bytes, limit_bytes });
            return Err(wasmtime::Error::new(stop));
        }
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        if desired > TABLE_ELEMENTS_MAX {
            let (wanted, limit) = (desired as u64, TABLE_ELEMENTS_MAX as u64);
            return Err(wasmtime::Error::new(Stop::Failed(Failure::TableTooLarge { wanted, limit })));
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        8
    }
}

type Arguments = (Vec<Vec<u8>>, Vec<Vec<u8>>);

fn arguments(job: &Job) -> Result<Arguments, Failure> {
    let bad = |what: String| Failure::BadJob(what);
    let mut args = vec![PROGRAM_NAME.as_bytes().to_vec()];
    args.extend(job.args.iter().map(|arg| arg.as_bytes().to_vec()));
    let mut env = Vec::with_capacity(job.env.len());
    for (name, value) in &job.env {
        if name.is_empty() || name.contains('=') {
            return Err(bad(format!("{name:?} is not a name of an environment variable")));
        }
        env.push(format!("{name}={value}").into_bytes());
    }
    if args.iter().chain(&env).any(|text| text.contains(&0)) {
        return Err(bad("an argument or environment variable contains a zero byte".to_owned()));
    }
    let bytes: usize = args.iter().chain(&env).map(|text| text.len() + 1).sum();
    if bytes > ARGUMENT_BYTES_MAX {
        return Err(bad(format!(
            "arguments and environment have {bytes} bytes, at most {ARGUMENT_BYTES_MAX} are taken"
        )));
    }
    Ok((args, env))
}
