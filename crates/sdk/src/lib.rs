//! The client library: buy executions, offer applications and capacity, follow deals, fetch results.
//!
//! It knows the contracts, the market's and the pool's HTTP interfaces and the content store, all from the
//! outside; it must not know a role's inside, a terminal, or where keys are kept.
//!
//! - [`Cloud`]: one network seen by one wallet. [`Cloud::buy`] turns a [`Purchase`] into a [`Deal`].
//! - [`Standing`]: a request left at the market by [`Cloud::leave_request`], for its keeper to match.
//! - [`Deal`]: [`Deal::watch`] tells its progress, [`Deal::fetch`] gets verified results, [`Deal::cost`] adds up.
//! - [`deploy`]: the contracts onto a chain, resumably.
//! - [`offer`]: the selling side: pools and orders.
//! - [`secrets`]: values that only enclaves receive.
//! - [`receipt`]: who earned and lost what between two moments, and whether the ledger adds up.

mod app;
mod buy;
mod cloud;
mod compass;
mod deal;
pub mod deploy;
mod error;
mod login;
mod market;
mod network;
pub mod offer;
mod pool;
pub mod receipt;
mod results;
mod salt;
pub mod secrets;
mod standing;
mod watch;

pub use app::App;
pub use buy::{Input, Purchase, Quote};
pub use cloud::Cloud;
pub use deal::{Cost, Deal};
pub use error::{Error, Shortage};
pub use metacloud_wire::{Timestamp, ready};
pub use network::Network;
pub use results::TaskResult;
pub use standing::Standing;
pub use watch::{Ending, Progress, Watch};
