//! The engine: its settings, its cache, its ticker.

use std::path::PathBuf;
use std::sync::Arc;

use wasmtime::{Cache, CacheConfig, Config, Engine, OptLevel};

use crate::limits::{CODE_ON_DISK_BYTES_MAX, WASM_STACK_BYTES_MAX};
use crate::modules::Modules;
use crate::ticker::Ticker;
use crate::{CancelFlag, Job, Outcome, RunError};

/// Where compiled modules are kept.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// Directory for compiled modules; created if absent. Machine code is read back from it, so it must be writable
    /// to this program alone.
    pub cache_dir: PathBuf,
    /// Bytes that the directory may hold; a background thread removes the least recently used.
    pub cache_bytes_max: u64,
}

impl SandboxConfig {
    /// A cache of the usual size ([`CODE_ON_DISK_BYTES_MAX`]) in the directory.
    #[must_use]
    pub fn in_dir(cache_dir: PathBuf) -> Self {
        Self { cache_dir, cache_bytes_max: CODE_ON_DISK_BYTES_MAX }
    }
}

/// Why a sandbox cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The cache directory cannot be made.
    #[error("the cache directory {} cannot be used: {source}", path.display())]
    CacheDirectory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The engine refuses its settings or this machine.
    #[error("the WebAssembly engine does not start on this machine: {0}")]
    Engine(String),
    /// No thread could be started.
    #[error("the ticker thread cannot be started: {0}")]
    Thread(#[source] std::io::Error),
}

/// Runs applications. Clones share engine and cache; a process needs one.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) modules: Modules,
    pub(crate) ticker: Ticker,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Starts an engine over the cache directory.
    ///
    /// # Errors
    /// [`OpenError`] names the directory, the engine or the thread that failed.
    pub fn open(config: SandboxConfig) -> Result<Self, OpenError> {
        let path = config.cache_dir.clone();
        std::fs::create_dir_all(&path)
            .and_then(|()| path.canonicalize())
            .map_err(|source| OpenError::CacheDirectory { path, source })
            .and_then(|cache_dir| Self::start(SandboxConfig { cache_dir, ..config }))
    }

    fn start(config: SandboxConfig) -> Result<Self, OpenError> {
        let refused = |error: wasmtime::Error| OpenError::Engine(format!("{error:#}"));
        let mut cache = CacheConfig::new();
        cache.with_directory(config.cache_dir).with_files_total_size_soft_limit(config.cache_bytes_max);
        let mut settings = settings();
        settings.cache(Some(Cache::new(cache).map_err(refused)?));
        let engine = Engine::new(&settings).map_err(refused)?;
        let modules = Modules::new(&engine).map_err(refused)?;
        let ticker = Ticker::start(engine.clone()).map_err(OpenError::Thread)?;
        Ok(Self(Arc::new(Inner { engine, modules, ticker })))
    }

    /// Runs the job to its end and fills its output directory. Blocks; meant for a thread that may.
    ///
    /// # Errors
    /// [`RunError`] names what refused or stopped the application. An exit code other than 0 is not an error here.
    pub fn run(&self, job: Job, cancel: &CancelFlag) -> Result<Outcome, RunError> {
        crate::run::run(&self.0, &job, cancel)
    }

    /// Compiles the module ahead of its first run, or says why it cannot run.
    ///
    /// # Errors
    /// As [`Sandbox::run`] before the application starts.
    pub fn prepare(&self, module: &std::path::Path) -> Result<(), RunError> {
        self.0.modules.load(&self.0.engine, module)?;
        Ok(())
    }

    /// How many times an application was compiled, or its machine code read back from the cache directory.
    #[must_use]
    pub fn compilations(&self) -> u64 {
        self.0.modules.compilations()
    }
}

/// Everything that could make two machines disagree is off or pinned: threads, shared memory, relaxed SIMD's freedom,
/// the bits of NaNs. Proposals beyond WebAssembly 2.0 stay off until an application needs them, but for several memories
/// in one module: the engine itself makes such modules, to go between the parts of a component.
fn settings() -> Config {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK_BYTES_MAX)
        .wasm_multi_memory(true)
        .wasm_memory64(false)
        .shared_memory(false);
    config
}
