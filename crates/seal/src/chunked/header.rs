use aws_lc_rs::digest;

use super::{CHUNK_LOG2, ChunkedError};
use crate::key::{AesKey, KEY_BYTES};
use crate::sealed::{self, OVERHEAD_BYTES, SealKey, SealedError, X25519_BYTES};

const MAGIC: &[u8; 6] = b"mcseal";
const VERSION: u8 = 1;
const PREFIX_BYTES: usize = MAGIC.len() + 2;
/// Bytes before the first chunk.
pub const HEADER_BYTES: usize = PREFIX_BYTES + KEY_BYTES + OVERHEAD_BYTES;
/// What the file key is sealed for.
const PURPOSE: &[u8] = b"metacloud chunked v1";

fn prefix() -> [u8; PREFIX_BYTES] {
    let mut prefix = [0; PREFIX_BYTES];
    prefix[..MAGIC.len()].copy_from_slice(MAGIC);
    prefix[MAGIC.len()] = VERSION;
    prefix[MAGIC.len() + 1] = CHUNK_LOG2;
    prefix
}

/// Whether these are the first bytes of a message of this form.
pub fn is_sealed(head: &[u8]) -> bool {
    head.starts_with(&prefix())
}

pub(super) fn make(
    recipient: &[u8; X25519_BYTES],
    file_key: &AesKey,
    ephemeral: [u8; X25519_BYTES],
) -> Result<[u8; HEADER_BYTES], ChunkedError> {
    let prefix = prefix();
    let sealed = sealed::seal(recipient, PURPOSE, &prefix, file_key.as_bytes(), ephemeral);
    let sealed = sealed.map_err(|error| match error {
        SealedError::PublicKey => ChunkedError::PublicKey,
        SealedError::TooLong { .. } | SealedError::NotOpened => unreachable!("32 bytes are sealed: {error}"),
    })?;
    let mut header = [0; HEADER_BYTES];
    header[..PREFIX_BYTES].copy_from_slice(&prefix);
    header[PREFIX_BYTES..].copy_from_slice(&sealed);
    Ok(header)
}

pub(super) fn open(key: &SealKey, header: &[u8; HEADER_BYTES]) -> Result<AesKey, ChunkedError> {
    let (found, sealed) = header.split_at(PREFIX_BYTES);
    if &found[..MAGIC.len()] != MAGIC {
        return Err(ChunkedError::NotThisForm);
    }
    if found[MAGIC.len()] != VERSION {
        return Err(ChunkedError::Version(found[MAGIC.len()]));
    }
    // There is one size of chunks; another one is a changed header.
    if found != prefix() {
        return Err(ChunkedError::OtherKey);
    }
    let file_key = sealed::open(key, PURPOSE, found, sealed).map_err(|_| ChunkedError::OtherKey)?;
    AesKey::try_from(file_key.as_slice()).map_err(|_| ChunkedError::OtherKey)
}

pub(super) fn hash(header: &[u8; HEADER_BYTES]) -> [u8; 32] {
    let hash = digest::digest(&digest::SHA256, header);
    hash.as_ref().try_into().expect("SHA-256 gives 32 bytes")
}
