//! What `up` is told.

use std::path::PathBuf;
use std::time::Duration;

/// When the chain makes blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockTime {
    /// One with each transaction.
    Auto,
    /// One per period.
    Every(Duration),
}

/// Everything that a cloud on one machine is told at its start.
#[derive(Clone, Debug)]
pub struct UpConfig {
    /// Where state is kept; `None` keeps it in a temporary folder that is removed at the end.
    pub data_dir: Option<PathBuf>,
    /// Chain id.
    pub chain_id: u64,
    /// When the chain makes blocks.
    pub block_time: BlockTime,
    /// Port of the chain's JSON-RPC; 0 picks a free one.
    pub rpc_port: u16,
    /// Port of all HTTP services; 0 picks a free one.
    pub http_port: u16,
    /// Honest workers in this process.
    pub workers: usize,
    /// Workers that lie on some tasks, for demonstrations; they come after the honest ones.
    pub liars: usize,
    /// Longest time that the pool lets a task compute; `None` leaves it at the category's.
    pub task_time: Option<Duration>,
    /// Written once, whole, when everything accepts requests.
    pub ready_file: Option<PathBuf>,
}

impl UpConfig {
    /// A cloud of `workers` honest workers on free ports that keeps nothing.
    #[must_use]
    pub fn ephemeral(workers: usize) -> Self {
        Self {
            data_dir: None,
            chain_id: 31_337,
            block_time: BlockTime::Auto,
            rpc_port: 0,
            http_port: 0,
            workers,
            liars: 0,
            task_time: None,
            ready_file: None,
        }
    }
}
