//! Runs one application under limits: a WebAssembly command module with WASI preview 1, or a component with WASI 0.2.
//!
//! Knows: modules, the packages they come in, arguments, environment, input files, an output directory, limits, and how a finished output
//! directory becomes a result digest. Must not know: deals, orders, workers, chains, or where files come from.
//!
//! A run is a function of (module, arguments, environment, inputs, seed): clock and randomness are derived from the
//! seed, the file system is virtual and sorted, NaNs are canonical. The same job gives the same output bit for bit
//! on every machine. The application sees `/iexec_in` (read-only), `/iexec_out` and `/tmp`, no host file and no
//! network.
//!
//! - [`Sandbox`], [`SandboxConfig`]: the engine with its cache of compiled modules
//! - [`Job`], [`Limits`], [`Outcome`], [`CancelFlag`]: what goes in and what comes out
//! - [`RunError`], [`Failure`]: why a run ended without an exit code
//! - [`result`]: from an output directory to a digest (`computed.json`)

mod deterministic;
mod engine;
mod error;
mod fault;
mod job;
pub mod limits;
mod log;
mod looks_like;
mod modules;
mod output;
mod package;
mod preview1;
mod preview2;
pub mod result;
mod run;
mod system;
mod ticker;
mod vfs;

pub use engine::{OpenError, Sandbox, SandboxConfig};
pub use error::{Failure, RunError};
pub use job::{CancelFlag, InputFile, Job, Outcome};
pub use limits::Limits;
pub use looks_like::LooksLike;
