//! Wires roles into one process: the whole cloud on one machine, and the demo that runs the main job on it.
//!
//! Knows: which parts there are, in what order they start and end, and the development network's keys. Must not know:
//! what a terminal looks like (that is `cli`), or how any part does its work.

mod config;
pub mod demo;
mod development;
mod error;
mod http;
mod offers;
mod up;

pub use config::{BlockTime, UpConfig};
pub use development::{DevelopmentNetwork, RoleAccount, WORKERS_MAX};
pub use error::UpError;
pub use up::Up;
