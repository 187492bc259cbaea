//! The scheduler of a workerpool, as a running role.
//!
//! Knows: how the machine of [`metacloud_dispatch`] is kept alive: events come from the chain, from workers on their
//! streams and from the clock; they are journalled, then acted upon. Must not know: how a worker computes, what an
//! order is worth, or who else runs in this process.
//!
//! - [`Scheduler`], [`SchedulerConfig`]: start, address, routes, stop.
//! - `owner`: the one task that owns the machine. `journal`: what it is told, durable. `facts`: blocks become events.
//!   `act`: actions become transactions. `verify`: stored results are checked. `look`: the chain is asked how a task
//!   stands. `history`, `reread`: what lost blocks told is in doubt, and read anew. `assess`: scores and deposits of workers.
//!   `enclaves`: which ones are admitted, and on what evidence.
//! - `service`: the gRPC stream of workers; `session`: what the owner holds of it. `routes`: HTTP for people. `logs`: what
//!   applications said.

mod act;
mod assess;
mod config;
mod enclaves;
mod facts;
mod history;
mod journal;
mod limits;
mod logs;
mod look;
mod owner;
mod report;
mod reread;
mod routes;
mod scheduler;
mod service;
mod session;
mod verify;
mod view;

pub use config::SchedulerConfig;
pub use routes::{description, site};
pub use scheduler::{Scheduler, StartError, Stopped};
