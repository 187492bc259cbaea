//! The parts of a cloud. Each is started here alone, so that it is the same whether `up` runs it beside the others
//! or a process of its own does.
//!
//! # A part that stops by itself ends the process
//! What passes (a chain that does not answer, a connection that breaks) a part waits out by itself. It stops only for
//! what a second start meets again: a database that cannot be written, a chain that was reset, a bug. Starting it again
//! in a loop would hide that for as long as the loop runs, and would put a part with a fresh memory beside others that
//! remember. So there is no restart within the process: the first part that stops is named with its cause, the others
//! are ended in order, and the process ends with exit code 2. Since state survives `kill -9`, a service manager that
//! starts the process again loses nothing, and its limits on restarts are better than ours would be.

pub(crate) mod chain;
pub(crate) mod explorer;
pub(crate) mod market;
pub(crate) mod scheduler;
pub(crate) mod secrets;
pub(crate) mod storage;
pub(crate) mod worker;

use std::fmt;

use alloy_primitives::Address;

/// A part of a cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The development chain.
    Chain,
    /// Content-addressed storage.
    Storage,
    /// The market.
    Market,
    /// The explorer.
    Explorer,
    /// The scheduler of the workerpool.
    Scheduler,
    /// A worker.
    Worker(Address),
    /// The server of all HTTP services of one origin.
    Services,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain => f.write_str("the chain"),
            Self::Storage => f.write_str("the storage"),
            Self::Market => f.write_str("the market"),
            Self::Explorer => f.write_str("the explorer"),
            Self::Scheduler => f.write_str("the scheduler"),
            Self::Worker(address) => write!(f, "worker {address}"),
            Self::Services => f.write_str("the server of the HTTP services"),
        }
    }
}

/// A part that stopped by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub part: Part,
    /// Why, in words, with the next step where there is one.
    pub cause: String,
}

impl Ended {
    pub(crate) fn new(part: Part, cause: impl Into<String>) -> Self {
        Self { part, cause: cause.into() }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} stopped by itself: {}; mend that and start again, no state is lost",
            self.part, self.cause
        )
    }
}
