//! Why a run ended without an exit code, in words for the buyer and in the names of middleware E.

use std::io;
use std::time::Duration;

use crate::LooksLike;

/// A run that was refused or stopped, with what the application had written to its streams by then.
#[derive(Debug, thiserror::Error)]
#[error("{failure}")]
pub struct RunError {
    /// What happened; it speaks through this error, so it is not its source as well.
    pub failure: Failure,
    /// The last 100,000 characters of standard output.
    pub stdout: Vec<u8>,
    /// The last 100,000 characters of standard error.
    pub stderr: Vec<u8>,
    /// Work done up to the last call before the end; see [`crate::Outcome::fuel_used`].
    pub fuel_used: u64,
}

impl RunError {
    /// The name of middleware E.
    pub fn cause(&self) -> &'static str {
        self.failure.cause()
    }

    /// Whether the output directory was filled, so that [`crate::result::collect`] may find a result that was
    /// complete before the application died (middleware B.7 treats this like an exit code other than 0).
    pub fn output_kept(&self) -> bool {
        self.failure.keeps_output()
    }
}

impl From<Failure> for RunError {
    fn from(failure: Failure) -> Self {
        Self { failure, stdout: Vec::new(), stderr: Vec::new(), fuel_used: 0 }
    }
}

/// What ended a run.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The module file cannot be read.
    #[error("the application file cannot be read: {0}")]
    ModuleUnreadable(#[source] io::Error),
    /// The module file is larger than the sandbox takes.
    #[error("the application has {size_bytes} bytes; at most {limit_bytes} are taken")]
    ModuleTooLarge {
        /// Its size.
        size_bytes: u64,
        /// [`crate::limits`]' bound.
        limit_bytes: u64,
    },
    /// The file has no WebAssembly preamble.
    #[error("the application is not WebAssembly: {0}")]
    NotWebAssembly(LooksLike),
    /// The application is an OCI archive that is broken or holds no WebAssembly that can be told.
    #[error("the application is an OCI archive that cannot be used: {0}")]
    Package(String),
    /// The application is a container image for machines, not for WebAssembly.
    #[error(
        "the application is a container image for {platforms}; WebAssembly is run here, container images are not"
    )]
    ContainerImage {
        /// Its platforms, as `os/architecture`.
        platforms: String,
    },
    /// The module or component is truncated, malformed or uses a feature that is switched off.
    #[error("the application is not valid WebAssembly: {0}")]
    Invalid(String),
    /// The application imports what the sandbox does not offer.
    #[error("the application needs {}, which the sandbox does not offer", dotted(.module, .name))]
    MissingImport {
        /// Import module; for a component, the interface.
        module: String,
        /// Import name; empty if a component imports something that is in no interface.
        name: String,
    },
    /// The module imports a function of ours under another type.
    #[error("the application imports a function with a wrong type: {0}")]
    WrongImport(String),
    /// The module has no exported function `_start` without parameters: it is a library.
    #[error("the application exports no function _start; build it as a command, not as a library")]
    NoStart,
    /// The component does not export the function `run` of `wasi:cli/run@0.2.x`: it is a library or a server.
    #[error("the application exports no wasi:cli/run; build it for the world wasi:cli/command of WASI 0.2")]
    NoRun,
    /// Arguments, environment or input names that no program can be given.
    #[error("the task cannot be started: {0}")]
    BadJob(String),
    /// An input file cannot be read on the host.
    #[error("the input file {name} cannot be read: {source}")]
    InputUnreadable {
        /// Its name inside.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The application reached an `unreachable` instruction: its own abort or failed assertion.
    #[error("the application aborted (unreachable instruction){}", place(.function))]
    Unreachable {
        /// Function in which it happened, if the module names it.
        function: Option<String>,
    },
    /// Any other trap.
    #[error("the application crashed: {trap}{}", place(.function))]
    Trap {
        /// The trap in wasmtime's words.
        trap: String,
        /// Function in which it happened, if the module names it.
        function: Option<String>,
    },
    /// Calls nested too deeply.
    #[error("the application overflowed its call stack of {limit_bytes} bytes{}", place(.function))]
    StackOverflow {
        /// Native stack granted.
        limit_bytes: usize,
        /// Innermost function, if the module names it.
        function: Option<String>,
    },
    /// Linear memory would have grown past its limit.
    #[error("the application ran out of memory: it wanted {wanted_bytes} bytes, the limit is {limit_bytes}")]
    OutOfMemory {
        /// Size it asked for.
        wanted_bytes: u64,
        /// [`crate::Limits::memory_bytes`].
        limit_bytes: u64,
    },
    /// A table would have grown past its limit.
    #[error("the application wanted a table of {wanted} elements, the limit is {limit}")]
    TableTooLarge {
        /// Elements asked for.
        wanted: u64,
        /// Elements granted.
        limit: u64,
    },
    /// It is made of more instances, memories or tables than the sandbox takes.
    #[error("the application is made of too many parts: {0}")]
    TooManyParts(String),
    /// The category's time was over.
    #[error("the application ran past its time of {} s", .limit.as_secs_f64())]
    TimeOver {
        /// [`crate::Limits::time`].
        limit: Duration,
    },
    /// All files together would have grown past the limit.
    #[error("the application wrote too much: its files may have {limit_bytes} bytes together")]
    WroteTooMuch {
        /// [`crate::Limits::output_bytes`].
        limit_bytes: u64,
    },
    /// One file or directory more than allowed.
    #[error("the application created too many files: {limit} files and directories are allowed")]
    TooManyFiles {
        /// [`crate::Limits::output_files`].
        limit: u32,
    },
    /// The caller raised the [`crate::CancelFlag`].
    #[error("the run was cancelled")]
    Cancelled,
    /// The output directory has content already, so its result would not be this run's alone.
    #[error("the output directory is not empty")]
    OutputNotEmpty,
    /// The disk of this machine failed: the worker's fault, not the application's.
    #[error("this machine could not {action}: {source}")]
    HostDisk {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The engine refused something for a reason of its own.
    #[error("this machine could not run the application: {0}")]
    Engine(String),
}

impl Failure {
    /// The name of middleware E.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::ModuleUnreadable(_) => "APP_NOT_FOUND_LOCALLY",
            Self::ContainerImage { .. } => "APP_IMAGE_DOWNLOAD_FAILED",
            Self::ModuleTooLarge { .. }
            | Self::NotWebAssembly(_)
            | Self::Package(_)
            | Self::Invalid(_)
            | Self::MissingImport { .. }
            | Self::WrongImport(_)
            | Self::NoStart
            | Self::NoRun
            | Self::Unreachable { .. }
            | Self::Trap { .. }
            | Self::StackOverflow { .. }
            | Self::OutOfMemory { .. }
            | Self::TableTooLarge { .. }
            | Self::TooManyParts(_)
            | Self::WroteTooMuch { .. }
            | Self::TooManyFiles { .. } => "APP_COMPUTE_FAILED",
            Self::BadJob(_) => "TASK_DESCRIPTION_INVALID",
            Self::InputUnreadable { .. } => "INPUT_FILES_DOWNLOAD_FAILED",
            Self::TimeOver { .. } => "APP_COMPUTE_TIMEOUT",
            Self::Cancelled => "ABORTED_BY_WORKER",
            Self::OutputNotEmpty | Self::HostDisk { .. } | Self::Engine(_) => "UNKNOWN",
        }
    }

    pub(crate) fn keeps_output(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Trap { .. }
            | Self::StackOverflow { .. }
            | Self::OutOfMemory { .. }
            | Self::TableTooLarge { .. }
            | Self::TimeOver { .. } => true,
            Self::ModuleUnreadable(_)
            | Self::ModuleTooLarge { .. }
            | Self::NotWebAssembly(_)
            | Self::Package(_)
            | Self::ContainerImage { .. }
            | Self::Invalid(_)
            | Self::MissingImport { .. }
            | Self::WrongImport(_)
            | Self::NoStart
            | Self::NoRun
            | Self::TooManyParts(_)
            | Self::BadJob(_)
            | Self::InputUnreadable { .. }
            | Self::WroteTooMuch { .. }
            | Self::TooManyFiles { .. }
            | Self::Cancelled
            | Self::OutputNotEmpty
            | Self::HostDisk { .. }
            | Self::Engine(_) => false,
        }
    }
}

fn place(function: &Option<String>) -> String {
    function.as_ref().map(|name| format!(" in {name}")).unwrap_or_default()
}

fn dotted(module: &str, name: &str) -> String {
    if name.is_empty() { module.to_owned() } else { format!("{module}.{name}") }
}
