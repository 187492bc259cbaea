//! What a deal demands and what a worker offers.

use std::fmt;
use std::time::Duration;

use alloy_primitives::{Address, U256};
use metacloud_protocol::amount::Nrlc;
use metacloud_protocol::tag::Tag;
use serde::{Deserialize, Serialize};

use crate::time::ChainTime;

/// A worker, known by the wallet with which it contributes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkerId(pub Address);

impl fmt::Debug for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkerId({})", self.0)
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How the result of a task becomes trusted. More kinds may come (an attested run, an audited one).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verification {
    /// Several workers compute it until their agreement outweighs the trust level (poco 12).
    Replication {
        /// The deal's trust, at least 1.
        trust: U256,
    },
}

/// How a result reaches the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Settlement {
    /// The worker stores the result, then settles the task alone (contributeAndFinalize).
    OneStep,
    /// contribute, consensus, reveal, one worker stores the result, the pool finalizes.
    CommitReveal,
}

/// What every task of a deal has in common; fixed on chain when the deal was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What a worker needs to be given a task.
    pub requirement: Requirement,
    /// How results become trusted.
    pub verification: Verification,
    /// How they reach the chain.
    pub settlement: Settlement,
    /// Contract that receives the results, if any: they are then bytes on chain and nothing is stored.
    pub callback: Option<Address>,
    /// The stored result is encrypted for its beneficiary: nobody else can recompute its digest.
    #[serde(default)]
    pub encrypted: bool,
    /// Longest run of the application (the category's reference time).
    pub compute: Duration,
    /// Contributions are accepted before this time.
    pub contribution_deadline: ChainTime,
    /// Tasks can be finalized before this time and claimed from it on.
    pub final_deadline: ChainTime,
    /// Why the pool will not run this deal, if so: its tasks are claimed at the final deadline.
    pub refused: Option<String>,
}

/// What a worker needs to be given a task. Tasks of equal requirement share a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Requirement {
    /// Capabilities.
    pub tag: Tag,
    /// Free deposit that the contribution locks.
    pub stake: Nrlc,
}

/// What a worker offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Applications that run at the same time; at most [`crate::limits::SLOTS_MAX`] count.
    pub slots: u32,
    /// Memory that one application may use, in bytes.
    pub memory_bytes: u64,
    /// Capabilities, as far as the pool believes them: bit 0 is there only with an enclave that it admits.
    pub tag: Tag,
    /// Weight of its contributions, from its score on chain (poco 12.1).
    pub weight: U256,
    /// Its free deposit in the escrow.
    pub deposit: Nrlc,
    /// Whether it offers enclaves.
    #[serde(default)]
    pub enclave: EnclaveOffer,
}

/// What vouches for an enclave. More kinds come with the hardware that can be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EnclaveKind {
    /// A process of the worker's machine, vouched for by a key of that machine: for development.
    Simulation,
}

impl fmt::Display for EnclaveKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simulation => f.write_str("simulation"),
        }
    }
}

/// Enclaves of a worker, as the pool sees them. It is an offer: what counts for a task is the evidence about its enclave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EnclaveOffer {
    /// It has none.
    #[default]
    None,
    /// It has some, but this pool does not admit what vouches for them.
    NotAdmitted,
    /// It has some that this pool admits.
    Admitted(EnclaveKind),
}

/// The enclave of one replica, after the evidence about it was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enclave {
    /// What vouches for it.
    pub kind: EnclaveKind,
    /// Address of the key with which it signs its result.
    pub address: Address,
}

impl Requirement {
    /// Why `profile` does not satisfy this, or `None` if it does.
    pub fn missing_in(&self, profile: &Profile) -> Option<Missing> {
        if self.tag.tee() {
            match profile.enclave {
                EnclaveOffer::None => return Some(Missing::Enclave),
                EnclaveOffer::NotAdmitted => return Some(Missing::Admission),
                EnclaveOffer::Admitted(_) => {}
            }
        }
        if !profile.tag.contains(self.tag) {
            return Some(Missing::Tag { needs: self.tag, has: profile.tag });
        }
        (profile.deposit < self.stake).then_some(Missing::Deposit { needs: self.stake, has: profile.deposit })
    }
}

/// The first member of a requirement that a worker lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// An enclave.
    #[error("needs an enclave, the worker offers none")]
    Enclave,
    /// An enclave that the pool admits.
    #[error("needs an enclave, and this pool does not admit the root that vouches for the worker's")]
    Admission,
    /// A capability.
    #[error("needs capabilities {needs:?}, the worker has {has:?}")]
    Tag {
        /// Of the deal.
        needs: Tag,
        /// Of the worker.
        has: Tag,
    },
    /// Enough deposit to lock the stake.
    #[error("needs a free deposit of {needs}, the worker has {has}")]
    Deposit {
        /// Stake per contribution.
        needs: Nrlc,
        /// Free deposit of the worker.
        has: Nrlc,
    },
}
