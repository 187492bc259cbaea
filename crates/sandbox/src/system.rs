//! What belongs to one running application, whatever interface it calls through: files, clock, streams, limits.

use std::time::Instant;

use wasmtime::ResourceLimiter;

use crate::deterministic::{Clock, Random};
use crate::fault::Stop;
use crate::limits::{ARGUMENT_BYTES_MAX, TABLE_ELEMENTS_MAX};
use crate::log::Log;
use crate::vfs::Vfs;
use crate::{CancelFlag, Failure, Job, Limits};

/// The program name: the same on every machine, whatever the module file is called.
const PROGRAM_NAME: &str = "app";
/// Random bytes made between two looks at the deadline.
const RANDOM_CHUNK_BYTES: usize = 1 << 20;

/// State of one run.
#[derive(Debug)]
pub(crate) struct System {
    pub(crate) vfs: Vfs,
    pub(crate) clock: Clock,
    pub(crate) stdout: Log,
    pub(crate) stderr: Log,
    /// The program name first; none contains a zero byte.
    pub(crate) args: Vec<String>,
    /// Names and values; no name is empty or contains `=`.
    pub(crate) env: Vec<(String, String)>,
    random: Random,
    limits: Limits,
    deadline: Instant,
    cancel: CancelFlag,
    memory: Space,
    tables: Space,
    counts: Counts,
}

/// What all memories, or all tables, of a run have together. Growth that the machine refuses stays counted: an
/// application that meets it is near its end anyway.
#[derive(Debug, Default)]
struct Space(u64);

impl Space {
    /// Counts a growth if the sum stays within `limit`; otherwise says what the sum would have been.
    fn grow(&mut self, current: usize, desired: usize, limit: u64) -> Result<(), u64> {
        let wanted = self.0.saturating_add(desired.saturating_sub(current) as u64);
        if wanted > limit {
            return Err(wanted);
        }
        self.0 = wanted;
        Ok(())
    }
}

impl System {
    pub(crate) fn new(job: &Job, vfs: Vfs, clock: Clock, cancel: CancelFlag) -> Result<Self, Failure> {
        check_arguments(job)?;
        let program = std::iter::once(PROGRAM_NAME.to_owned());
        Ok(Self {
            vfs,
            clock,
            stdout: Log::new(job.limits.log_bytes),
            stderr: Log::new(job.limits.log_bytes),
            args: program.chain(job.args.iter().cloned()).collect(),
            env: job.env.clone(),
            random: Random::from_seed(&job.seed),
            limits: job.limits.clone(),
            deadline: Instant::now() + job.limits.time,
            cancel,
            memory: Space::default(),
            tables: Space::default(),
            counts: Counts::default(),
        })
    }

    /// The same with room for what an application is made of; a new one has none.
    pub(crate) fn with_counts(self, counts: Counts) -> Self {
        Self { counts, ..self }
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

    /// Fills `out` with random bytes, however many.
    pub(crate) fn fill_random(&mut self, out: &mut [u8]) -> Result<(), Stop> {
        for chunk in out.chunks_mut(RANDOM_CHUNK_BYTES) {
            self.checkpoint()?;
            self.random.fill(chunk);
        }
        Ok(())
    }
}

/// How many of each an application may have: a module is one instance, a component is made of several.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) instances: usize,
    pub(crate) memories: usize,
    pub(crate) tables: usize,
}

/// State behind the calls of an interface: the run's, and what the interface itself keeps.
pub(crate) trait Process: Send + 'static {
    fn system(&mut self) -> &mut System;
    fn into_system(self) -> System;
}

/// Memory and tables grow up to the limits; past them the run ends, as a container's would, for few programs survive
/// a failed allocation and their buyers deserve to read the reason.
impl ResourceLimiter for System {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let limit_bytes = self.limits.memory_bytes;
        match self.memory.grow(current, desired, limit_bytes) {
            Ok(()) => Ok(true),
            Err(wanted_bytes) => Err(Stop::error(Failure::OutOfMemory { wanted_bytes, limit_bytes })),
        }
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let limit = TABLE_ELEMENTS_MAX as u64;
        match self.tables.grow(current, desired, limit) {
            Ok(()) => Ok(true),
            Err(wanted) => Err(Stop::error(Failure::TableTooLarge { wanted, limit })),
        }
    }

    fn instances(&self) -> usize {
        self.counts.instances
    }

    fn memories(&self) -> usize {
        self.counts.memories
    }

    fn tables(&self) -> usize {
        self.counts.tables
    }
}

fn check_arguments(job: &Job) -> Result<(), Failure> {
    let bad = |what: String| Err(Failure::BadJob(what));
    if let Some((name, _)) = job.env.iter().find(|(name, _)| name.is_empty() || name.contains('=')) {
        return bad(format!("{name:?} is not a name of an environment variable"));
    }
    let env = job.env.iter().flat_map(|(name, value)| [name, value]);
    let texts = || job.args.iter().chain(env.clone());
    if texts().any(|text| text.contains('\0')) {
        return bad("an argument or environment variable contains a zero byte".to_owned());
    }
    // A terminator or an equals sign follows each of them in memory.
    let bytes: usize = PROGRAM_NAME.len() + 1 + texts().map(|text| text.len() + 1).sum::<usize>();
    if bytes > ARGUMENT_BYTES_MAX {
        return bad(format!(
            "arguments and environment have {bytes} bytes, at most {ARGUMENT_BYTES_MAX} are taken"
        ));
    }
    Ok(())
}
