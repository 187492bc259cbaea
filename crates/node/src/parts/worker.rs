//! Workers.

use std::path::{Path, PathBuf};
use std::time::Duration;

use alloy_primitives::Address;
use metacloud_chain::Chain;
use metacloud_sandbox::{Sandbox, SandboxConfig};
use metacloud_wire::ready::PrivateKey;
use metacloud_worker::{Conduct, Enclaves, Worker, WorkerConfig, WorkerLimits};

use crate::error::StartError;

/// The pool that workers join.
#[derive(Clone)]
pub(crate) struct Pool {
    pub(crate) chain: Chain,
    pub(crate) hub: Address,
    pub(crate) scheduler_url: String,
    pub(crate) workerpool: Address,
    /// Shared by the workers of one process, so that each module is compiled once.
    pub(crate) sandbox: Sandbox,
    /// Longest time that one application may compute.
    pub(crate) task_time: Option<Duration>,
}

/// One worker of a pool.
pub(crate) struct Member {
    pub(crate) key: PrivateKey,
    /// Applications that it runs at the same time.
    pub(crate) slots: usize,
    pub(crate) data_dir: PathBuf,
    pub(crate) conduct: Conduct,
    /// Makes enclaves; none: tasks that demand one are not for it.
    pub(crate) enclaves: Option<Enclaves>,
}

/// Opens the sandbox of the workers of one process; compiled modules are kept in `dir`.
///
/// # Errors
/// [`StartError::Sandbox`].
pub(crate) fn sandbox(dir: &Path) -> Result<Sandbox, StartError> {
    Ok(Sandbox::open(SandboxConfig::in_dir(dir.join("modules")))?)
}

/// Opens what makes simulated enclaves: processes of `program` or of this one, vouched for by the key in `root_file`, which is made
/// if absent. Compiled modules are kept in `dir`.
///
/// # Errors
/// [`StartError::Enclaves`].
pub(crate) fn enclaves(
    program: Option<PathBuf>,
    root_file: &Path,
    dir: &Path,
) -> Result<Enclaves, StartError> {
    let program = match program {
        Some(program) => program,
        None => std::env::current_exe().map_err(StartError::Program)?,
    };
    Ok(Enclaves::simulated(program, root_file, dir.join("modules"))?)
}

/// Starts a worker.
///
/// # Errors
/// [`StartError::Worker`].
pub(crate) async fn start(pool: &Pool, member: Member) -> Result<Worker, StartError> {
    let config = WorkerConfig {
        chain: pool.chain.clone(),
        hub: pool.hub,
        scheduler_url: pool.scheduler_url.clone(),
        workerpool: pool.workerpool,
        key: member.key.0,
        slots: member.slots,
        sandbox: pool.sandbox.clone(),
        enclaves: member.enclaves,
        data_dir: member.data_dir,
        limits: WorkerLimits { compute_time_max: pool.task_time, ..WorkerLimits::default() },
        conduct: member.conduct,
    };
    Ok(Worker::start(config).await?)
}
