//! The market: signed orders in, checked against the chain; order books, best offers and deals out.
//!
//! Knows: the routes of http-surface 4, the checks before an order is taken, how events of the hub and the
//! registries change orders, where all that is kept. The order of offers is the book's, the rules of matching are
//! the protocol's. Must not know: pools, tasks, results.
//!
//! - [`Market`]: the role: started, served, stopped.
//! - `checks`: what an order must fulfil to be taken.
//! - `keeper`: the one task that changes orders, told by clients and by the chain.
//! - `facts`: what the chain said of accounts and assets, for the length of a block.
//! - `live`: orders and deals told as they happen.
//! - `matcher`: the one task that makes deals, of requests that ask for it.
//! - `records`: the database.
//! - `routes`: HTTP.

mod checks;
mod clock;
mod facts;
mod groups;
mod keeper;
mod kind;
mod live;
mod market;
mod matcher;
mod records;
mod refusal;
mod routes;

pub use market::{Market, MarketConfig, StartError};
pub use matcher::MatcherConfig;
pub use metacloud_ends::limit::RateLimits;
pub use routes::{description, router};
