//! The project's own form of a long message: chunks of 64 KiB under AES-256-GCM, their key sealed to an X25519 key.
//! Written and read as a stream in constant memory, or read at any place.
//!
//! ```text
//! header  magic "mcseal" (6) ‖ version 1 (1) ‖ log2 of the chunk's bytes, 16 (1) ‖ the file key, sealed (80)
//! chunk   ciphertext of 65,536 bytes, of the last chunk of 1 to 65,536 (or 0, if the message is empty) ‖ tag (16)
//! ```
//!
//! The file key is sealed with [`crate::sealed`], bound to the eight bytes before it; each chunk's associated data is the
//! SHA-256 of the whole header. The nonce of a chunk is its index (eleven bytes, big endian) and one byte that is 1 for
//! the last chunk: a chunk moved, repeated, left out or put behind the last does not open, nor does a file cut between
//! chunks. A file key serves one message, so no nonce can repeat.

mod header;
mod read;
mod write;

use std::io;

use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

pub use header::{HEADER_BYTES, is_sealed};
pub use read::{Opened, decrypt};
pub use write::encrypt;

use crate::key::AesKey;

/// Plain bytes of a chunk.
pub const CHUNK_BYTES: usize = 1 << CHUNK_LOG2;
/// Bytes of a tag.
const TAG_BYTES: usize = 16;
/// Bytes of a whole chunk as it is written.
const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
const CHUNK_LOG2: u8 = 16;

/// Why a message is not encrypted or decrypted.
#[derive(Debug, thiserror::Error)]
pub enum ChunkedError {
    /// Not of this form.
    #[error("not a sealed file of this program")]
    NotThisForm,
    /// Of a later version.
    #[error("sealed in version {0} of the form, this program reads version 1")]
    Version(u8),
    /// A public key that no secret can be agreed on with.
    #[error("not a usable X25519 public key")]
    PublicKey,
    /// Sealed to another key, or the header was changed.
    #[error("not sealed to this key, or its header was changed")]
    OtherKey,
    /// A chunk was changed, moved, repeated, or is no chunk of this file; or the file was cut or lengthened.
    #[error("chunk {index} was changed, moved or cut")]
    Chunk {
        /// Its index, from 0.
        index: u64,
    },
    /// Beyond the end of the message.
    #[error("the message has {bytes} bytes")]
    OutOfRange {
        /// Its bytes.
        bytes: u64,
    },
    /// The source or the sink failed.
    #[error("cannot {step}: {source}")]
    Io {
        /// `read`, `write` or `seek`.
        step: &'static str,
        /// The cause.
        source: io::Error,
    },
}

/// Bytes of the sealed form of a message of `plain_bytes`.
pub const fn sealed_bytes(plain_bytes: u64) -> u64 {
    let chunk = CHUNK_BYTES as u64;
    let chunks = if plain_bytes == 0 { 1 } else { plain_bytes.div_ceil(chunk) };
    HEADER_BYTES as u64 + plain_bytes + chunks * TAG_BYTES as u64
}

/// Opens and seals the chunks of one file.
struct Chunks {
    key: LessSafeKey,
    /// SHA-256 of the header.
    header: [u8; 32],
}

impl Chunks {
    fn new(key: &AesKey, header: [u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key.as_bytes()).expect("an AES-256 key has 32 bytes");
        Self { key: LessSafeKey::new(key), header }
    }
}

fn nonce(index: u64, last: bool) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - 9..NONCE_LEN - 1].copy_from_slice(&index.to_be_bytes());
    nonce[NONCE_LEN - 1] = u8::from(last);
    Nonce::assume_unique_for_key(nonce)
}

/// Room for a sealed chunk; wiped when dropped.
fn buffer() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(vec![0; SEALED_CHUNK_BYTES])
}

/// Fills `into` as far as the source has bytes.
fn read_full(source: &mut impl io::Read, into: &mut [u8]) -> Result<usize, ChunkedError> {
    let mut filled = 0;
    while filled < into.len() {
        match source.read(&mut into[filled..]) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(ChunkedError::Io { step: "read", source }),
        }
    }
    Ok(filled)
}
