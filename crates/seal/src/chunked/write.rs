use std::io::{Read, Write};

use aws_lc_rs::aead::Aad;
use zeroize::Zeroizing;

use super::{CHUNK_BYTES, ChunkedError, Chunks, SEALED_CHUNK_BYTES, TAG_BYTES, header, nonce, read_full};
use crate::key::AesKey;
use crate::sealed::X25519_BYTES;

/// Encrypts a stream to the owner of `recipient` in constant memory; returns the plain bytes. `file_key` and `ephemeral`
/// are entropy for this message alone.
///
/// # Errors
/// [`ChunkedError::PublicKey`], [`ChunkedError::Io`].
pub fn encrypt(
    recipient: &[u8; X25519_BYTES],
    file_key: &AesKey,
    ephemeral: [u8; X25519_BYTES],
    source: &mut impl Read,
    sink: &mut impl Write,
) -> Result<u64, ChunkedError> {
    let head = header::make(recipient, file_key, ephemeral)?;
    write(sink, &head)?;
    let chunks = Chunks::new(file_key, header::hash(&head));
    // One byte more than a chunk tells whether it is the last.
    let mut chunk = Zeroizing::new(vec![0; SEALED_CHUNK_BYTES]);
    let mut held = 0;
    let mut plain_bytes = 0;
    for index in 0_u64.. {
        held += read_full(source, &mut chunk[held..=CHUNK_BYTES])?;
        let last = held <= CHUNK_BYTES;
        let length = held.min(CHUNK_BYTES);
        let next = chunk[CHUNK_BYTES];
        chunks.seal(index, last, &mut chunk[..length + TAG_BYTES]);
        write(sink, &chunk[..length + TAG_BYTES])?;
        plain_bytes += length as u64;
        if last {
            break;
        }
        chunk[0] = next;
        held = 1;
    }
    Ok(plain_bytes)
}

impl Chunks {
    /// Seals a chunk where it lies; its last bytes are room for the tag.
    fn seal(&self, index: u64, last: bool, chunk: &mut [u8]) {
        let (body, tag) = chunk.split_at_mut(chunk.len() - TAG_BYTES);
        let made = self
            .key
            .seal_in_place_separate_tag(nonce(index, last), Aad::from(self.header), body)
            .expect("a chunk is far below the bound of AES-GCM");
        tag.copy_from_slice(made.as_ref());
    }
}

fn write(sink: &mut impl Write, bytes: &[u8]) -> Result<(), ChunkedError> {
    sink.write_all(bytes).map_err(|source| ChunkedError::Io { step: "write", source })
}
