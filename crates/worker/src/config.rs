use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use alloy_primitives::{Address, B256, U256, keccak256};
use metacloud_blobs::archive;
use metacloud_chain::Chain;
use metacloud_protocol::{Nrlc, ResultDigest, TaskId};
use metacloud_sandbox::Sandbox;

use crate::enclave::Enclaves;

/// What a worker needs to run.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// The chain on which it contributes.
    pub chain: Chain,
    /// The hub on it.
    pub hub: Address,
    /// Where the pool's scheduler takes workers, as `http://host:port`.
    pub scheduler_url: String,
    /// The workerpool contract; a scheduler that speaks for another one gets no login.
    pub workerpool: Address,
    /// Private key of the wallet that contributes. Used by this worker alone.
    pub key: B256,
    /// Applications that run at the same time; at least 1.
    pub slots: usize,
    /// Runs the applications. Workers of one process share it, so that each module is compiled once.
    pub sandbox: Sandbox,
    /// Makes enclaves for tasks that demand one; none: such tasks are not for this worker.
    pub enclaves: Option<Enclaves>,
    /// Directory for tasks and cache; held by this worker alone.
    pub data_dir: PathBuf,
    /// Bounds of what it spends.
    pub limits: WorkerLimits,
    /// Honest, unless a demonstration of the lie detector says otherwise.
    pub conduct: Conduct,
}

/// What a worker may spend.
#[derive(Clone, Debug)]
pub struct WorkerLimits {
    /// Memory of one application, in bytes.
    pub memory_bytes: u64,
    /// Longest time that one application may compute, whatever its category allows; `None` leaves it at that.
    pub compute_time_max: Option<Duration>,
    /// One input file or dataset, in bytes.
    pub input_bytes_max: u64,
    /// Content kept between tasks, in bytes; content in use is never removed.
    pub cache_bytes_max: u64,
    /// Downloads and uploads at the same time, apart from the compute slots.
    pub transfers_max: usize,
    /// The result archive.
    pub archive: archive::Limits,
    /// RLC that the worker deposits by itself when its stake is short, in all from start to stop.
    pub deposit_max: Nrlc,
    /// Whether URLs of buyers may lead to loopback and private addresses. The pool's own gateway always may.
    pub private_addresses: bool,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 30,
            compute_time_max: None,
            input_bytes_max: 1 << 30,
            cache_bytes_max: 4 << 30,
            transfers_max: 8,
            archive: archive::Limits::default(),
            deposit_max: Nrlc::new(10_000_000_000),
            private_addresses: false,
        }
    }
}

/// Whether a worker tells the truth about its results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conduct {
    /// Always. What every worker is.
    #[default]
    Honest,
    /// Contributes a made-up digest for about one task in `every`, chosen by the task id. Only to demonstrate
    /// that consensus finds and punishes it; loses its stake each time.
    Lies {
        /// 1 lies always.
        every: NonZeroU32,
    },
}

impl Conduct {
    /// The digest that this conduct contributes in place of the true one, if it lies about this task.
    pub(crate) fn lie(self, task: TaskId, worker: Address, truth: ResultDigest) -> Option<ResultDigest> {
        match self {
            Self::Honest => None,
            Self::Lies { every } => {
                let chosen = (U256::from_be_bytes(task.0.0) % U256::from(every.get())).is_zero();
                let made_up = || ResultDigest(keccak256([worker.as_slice(), truth.as_slice()].concat()));
                chosen.then(made_up)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lies_are_chosen_by_task_and_differ_from_the_truth() {
        let (worker, truth) = (Address::repeat_byte(1), ResultDigest(B256::repeat_byte(2)));
        let task = |n: u64| TaskId(U256::from(n).into());
        let every = |n| Conduct::Lies { every: NonZeroU32::new(n).unwrap() };

        assert_eq!(Conduct::Honest.lie(task(4), worker, truth), None);
        assert!(every(1).lie(task(5), worker, truth).is_some_and(|lie| lie != truth));
        let lied: Vec<u64> = (0..9).filter(|n| every(4).lie(task(*n), worker, truth).is_some()).collect();
        assert_eq!(lied, [0, 4, 8]);
        assert_eq!(every(4).lie(task(4), worker, truth), every(4).lie(task(4), worker, truth));
    }
}
