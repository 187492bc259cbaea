use std::io::{Read, Write};

use aws_lc_rs::aead::Aad;

use super::{CHUNK_BYTES, ChunkedError, Chunks, TAG_BYTES, buffer, header, nonce, read_full};
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
    // Whether a chunk is the last is known when there is no next one. Two buffers, so that no byte is moved for that.
    let (mut chunk, mut next) = (buffer(), buffer());
    let mut held = read_full(source, &mut chunk[..CHUNK_BYTES])?;
    let mut plain_bytes = 0;
    for index in 0_u64.. {
        let following = match held {
            CHUNK_BYTES => read_full(source, &mut next[..CHUNK_BYTES])?,
            _ => 0,
        };
        let last = following == 0;
        chunks.seal(index, last, &mut chunk[..held + TAG_BYTES]);
        write(sink, &chunk[..held + TAG_BYTES])?;
        plain_bytes += held as u64;
        if last {
            break;
        }
        std::mem::swap(&mut chunk, &mut next);
        held = following;
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
