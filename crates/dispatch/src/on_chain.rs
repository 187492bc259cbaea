//! What the chain says of a deal or a task now, all of it: read anew after blocks were reverted.

use alloy_primitives::U256;
use metacloud_protocol::ids::ResultHash;
use serde::{Deserialize, Serialize};

use crate::terms::{Terms, WorkerId};
use crate::time::ChainTime;

/// A deal as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DealOnChain {
    /// What its tasks have in common.
    pub terms: Terms,
    /// Index of its first task.
    pub first: u64,
    /// Number of its tasks.
    pub size: u64,
}

/// A task as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskOnChain {
    /// Not initialized.
    Unset,
    /// Takes contributions.
    Active {
        /// Those it has.
        contributions: Vec<Contributed>,
    },
    /// The workers agreed.
    Revealing {
        /// On this result.
        hash: ResultHash,
        /// Reveals are accepted before this time.
        reveal_deadline: ChainTime,
        /// All contributions.
        contributions: Vec<Contributed>,
    },
    /// Paid.
    Completed,
    /// Refunded.
    Failed,
}

/// A contribution as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contributed {
    /// Whose.
    pub worker: WorkerId,
    /// The result it backs.
    pub hash: ResultHash,
    /// The weight it has (poco 12.1).
    pub weight: U256,
    /// How far it came.
    pub step: Step,
}

/// How far a contribution came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Not revealed.
    Made,
    /// Revealed in time.
    Revealed,
    /// Of a consensus that was reopened.
    Rejected,
}
