//! Content-addressed storage: what a file is called is what it contains.
//!
//! Knows: `UnixFS` trees and their identifiers ([`Cid`], [`tree`]), a directory of files kept under them
//! ([`Blobs`]), the part of kubo's HTTP API and of an IPFS gateway that clients use ([`router`]), the other
//! end of both ([`BlobClient`]), and the archives in which results travel ([`archive`]).
//! Must not know: orders, deals, tasks, who may read what, and what is inside a file (beyond its archive form).

pub mod archive;
mod backend;
mod car;
mod cid;
mod client;
mod dag;
mod key;
mod location;
mod multipart;
mod reach;
mod routes;
mod store;
pub mod tree;
mod web;

pub use backend::{Backing, Bucket};
pub use cid::{Cid, ParseCid};
pub use client::{BlobClient, ConnectError, Fetch, Fetched, Upload};
pub use key::{Codec, Key, Version};
pub use location::{Location, ParseLocation};
pub use reach::Reach;
pub use routes::{Limits, description, router};
pub use store::{Add, Added, Blobs, Collected, Open, Read, Roots, RootsError, Settings};

/// Runs disk work and hashing off the async threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    joined(tokio::task::spawn_blocking(work).await)
}

/// What a task on a blocking thread gave; its panic goes on here.
fn joined<T>(done: Result<T, tokio::task::JoinError>) -> T {
    done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}
