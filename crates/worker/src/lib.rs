//! The worker: takes tasks from one pool over one outgoing stream, computes them, and settles them on chain with
//! its own wallet.
//!
//! Knows: the stream of [`metacloud_wire::pool`], what to check before work, how a deal becomes a job for the sandbox,
//! how a result gets on chain and into storage, and how to go on after a crash without losing a stake.
//! Must not know: how the pool chooses workers, prices, orders, or the inside of the sandbox.
//!
//! - [`Worker`], [`WorkerConfig`], [`WorkerLimits`], [`Conduct`]: the role from outside
//! - `desk` owns all tasks; `link` is the stream; `watcher` listens to the chain; `life` is the way of one task:
//!   `checks`, `prepare`, `compute`, `settle`
//! - `enclave` starts the process of an enclave, vouches for it, and takes its result
//! - `record` is what survives a crash; `cache` holds content; `purse` guards stake and gas

mod bulk;
mod cache;
mod checks;
mod compute;
mod config;
mod context;
mod desk;
mod enclave;
mod environment;
mod fetch;
mod halt;
mod life;
mod link;
mod prepare;
mod purse;
mod record;
mod settle;
mod watcher;
mod worker;

pub use config::{Conduct, WorkerConfig, WorkerLimits};
pub use enclave::{Enclaves, EnclavesError};
pub use worker::{StartError, Worker};
