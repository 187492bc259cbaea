//! Durable state of a role: its data directory, its `SQLite` database, its journal.
//!
//! Knows: how state survives `kill -9`, who may open it, and which version wrote it.
//! Must not know: what the state means. Tables belong to the role that brings their migrations, records to the
//! machine that replays them.

mod data_dir;
mod database;
mod journal;

pub use data_dir::{DataDir, OpenDataDir};
pub use database::{Database, Durability, StoreError};
pub use journal::{BATCH_MAX, Journal, RECORD_BYTES_MAX, RECORDS_MAX, SNAPSHOT_BYTES_MAX};
