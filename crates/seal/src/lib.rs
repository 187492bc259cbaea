//! Encryption of datasets, results and secrets: the formats of iExec clients, and the project's own.
//!
//! Knows: bytes, keys and formats. Must not know: files, sockets, clocks, chance (entropy is an argument, drawn by the
//! caller from the operating system and used once), or what a secret is for. Keys are wiped from memory when dropped.
//!
//! - [`cbc`]: datasets and results of iExec clients, AES-256-CBC. Not authenticated: a checksum on chain is its only
//!   guard, so its errors say nothing about where decryption failed.
//! - [`chunked`]: long messages in our own form, authenticated, read as a stream or at any place.
//! - [`rsa_key`], [`result`]: an encrypted result as those clients open it.
//! - [`record`]: values at rest, in a database.
//! - [`sealed`]: a short message to an X25519 key (HPKE, RFC 9180).

pub mod cbc;
pub mod chunked;
mod key;
pub mod record;
pub mod result;
pub mod rsa_key;
pub mod sealed;

pub use key::{AesKey, IV_BYTES, Iv, KEY_BYTES, KeyError};
