//! The embedded development chain: an EVM node (revm) with Ethereum's JSON-RPC and a durable block log.
//!
//! Knows: the EVM, Ethereum's transactions and blocks, JSON-RPC. Must not know: orders, deals, tasks, contracts of the cloud.

mod block;
mod call;
mod chain;
mod config;
mod develop;
mod error;
mod execute;
mod executor;
mod genesis;
mod log;
mod node;
mod pool;
mod record;
mod rpc;
mod state;
mod trace;
mod transaction;
mod view;

pub mod accounts;

pub use config::{
    BLOCK_GAS_LIMIT_DEFAULT, BaseFee, Config, DEVELOPMENT_BALANCE_WEI, Genesis, GenesisTransaction, Mining,
};
pub use log::Recovered;
pub use node::{Devchain, SYNC_INTERVAL, StartError, StopError, start};
