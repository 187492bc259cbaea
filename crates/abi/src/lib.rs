//! The contracts as Rust sees them: bindings generated from the committed artifacts, conversions between
//! ABI tuples and the protocol's own types, decoding of revert data, and the deployment plan.
//!
//! This crate knows selectors, topics, tuples and code. It must not know a chain, a connection or a key: what it
//! returns are bytes to send and values that were decoded from bytes received. Contract artifacts enter the
//! rest of the house through here alone.

mod artifacts;
mod bindings;
mod convert;
pub mod deploy;
pub mod revert;

pub use artifacts::Contract;
pub use bindings::{
    App, AppRegistry, DataProtector, Dataset, DatasetRegistry, Hub, RLC as Rlc, Workerpool,
    WorkerpoolRegistry,
};
pub use convert::NotARecord;
