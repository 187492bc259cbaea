//! The explorer: an index of the chain that answers GraphQL as The Graph does, and compass, the directory of pools.
//!
//! Knows: which events make which facts, how facts are kept and forgotten with their blocks, the entities and filters of
//! http-surface 13, the directory of section 6. Must not know: orders on the market, how tasks are computed, secrets.
//!
//! - [`Explorer`]: the role: started, served, stopped.
//! - `index`: from events to facts; `records`: the database of facts.
//! - `graphql`: queries, planned and counted before they run.
//! - `bulk`: content of bulk deals, fetched from storage.
//! - `compass`: where the APIs of pools are.
//! - `routes`: HTTP.

mod bulk;
mod compass;
mod explorer;
mod graphql;
mod index;
mod records;
mod routes;
mod schema_text;

pub use explorer::{Explorer, ExplorerConfig, StartError};
pub use routes::{DATA_PROTECTOR_PATH, POCO_PATH, description, router};
