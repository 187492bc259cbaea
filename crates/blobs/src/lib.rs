//! Content-addressed storage: what a file is called is what it contains.
//!
//! Knows: `UnixFS` trees and their identifiers ([`Cid`], [`tree`]), a directory of files kept under them
//! ([`Blobs`]), the part of kubo's HTTP API and of an IPFS gateway that clients use ([`router`]), the other
//! end of both ([`BlobClient`]), and the archives in which results travel ([`archive`]).
//! Must not know: orders, deals, tasks, who may read what, and what is inside a file (beyond its archive form).

pub mod archive;
mod cid;
mod client;
mod disk;
mod location;
mod multipart;
mod reach;
mod routes;
pub mod tree;
mod web;

pub use cid::{Cid, ParseCid};
pub use client::{BlobClient, ConnectError, Fetch, Fetched, Upload};
pub use disk::{Add, Added, Blobs, Open, Read, Settings};
pub use location::{Location, ParseLocation};
pub use reach::Reach;
pub use routes::{Limits, router};
