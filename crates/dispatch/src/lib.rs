//! The machine of a workerpool's scheduler: who computes which task, when, and what happens next.
//!
//! Knows: deals and their tasks, workers and their replicas, the supply rule of Proof-of-Contribution, leases and
//! deadlines. Must not know: clocks, sockets, keys, chains or files. Events carry the time and whatever was seen;
//! actions say what the shell has to do. How a task is verified and settled are values in [`Terms`].
//!
//! - [`Dispatch`]: one owner of all tasks; `handle(now, event)` appends actions, `next_deadline()` says when
//!   [`Event::TimePassed`] must come at the latest. A snapshot is its serde form; replaying the events that followed
//!   gives the equal machine.
//! - [`Liveness`]: leases of workers. Kept apart since heartbeats need no journal: only their absence matters, and that
//!   is an event of its own ([`Event::WorkerLost`]).
//! - [`view`]: what a person may see of a task, and why it does not run.

mod action;
mod event;
pub mod limits;
mod liveness;
mod machine;
mod on_chain;
mod ready;
mod replica;
mod status;
mod task;
mod terms;
mod time;
mod timers;
pub mod view;
mod workers;

pub use action::{AbortCause, Action, TaskRef, Transaction};
pub use event::{Blame, Event, Failure, HandleEvent, Report, UploadVerdict, Uploaded};
pub use liveness::Liveness;
pub use machine::Dispatch;
pub use on_chain::{Contributed, DealOnChain, Step, TaskOnChain};
pub use status::{ReplicaStatus, TaskStatus};
pub use task::Stop;
pub use terms::{
    Enclave, EnclaveKind, EnclaveOffer, Profile, Requirement, Settlement, Terms, Verification, WorkerId,
};
pub use time::{ChainTime, Instant};
