//! Types of every interface between processes: the gRPC stream between worker and scheduler, the JSON of
//! the HTTP services, the ready file.
//!
//! Knows: how each message looks on the wire, its bounds, and how to parse it into types that cannot be
//! wrong. Must not know: sockets, files, clocks, chains, or what a role does with a message.

pub mod cause;
pub mod compass;
pub mod enclave;
mod error;
mod hex;
pub mod live;
pub mod login;
pub mod market;
pub mod market_data;
pub mod orders;
pub mod pool;
pub mod ready;
pub mod schema;
pub mod secrets;
pub mod task_view;
mod time;

pub use error::ParseError;
pub use hex::{Checksummed, SAFE_UINT_MAX, SIGNATURE_BYTES_MAX, SafeUint, Signature};
pub use time::Timestamp;
