//! The secrets service: values in, signed by their owners; out only to enclaves, sealed.
//!
//! Knows: the routes of http-surface 5 and our signed form, who owns what on chain, how values lie at rest, which task
//! may receive which of them. Must not know: how an enclave is made, what a value is for, where results go. It never holds
//! an enclave's key.
//!
//! - [`Secrets`]: the role: started, served, stopped.
//! - `key_file`: the key of the database, beside it.
//! - `owner`: who may write what, asked from the chain.
//! - `records`: the database.
//! - `release`: what one task receives.
//! - `routes`: HTTP.

mod clock;
mod key_file;
mod owner;
mod records;
mod refusal;
mod release;
mod routes;
mod secrets;

pub use key_file::KeyFileError;
pub use metacloud_ends::limit::RateLimits;
pub use routes::{description, router};
pub use secrets::{Secrets, SecretsConfig, StartError};
