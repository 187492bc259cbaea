//! Messages between worker and enclave: a length of four bytes, the highest first, and that much JSON.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// Longest message in bytes: two log tails and callback data in hex are the bulk of the longest one.
pub const FRAME_BYTES_MAX: usize = 4 << 20;
/// Bytes of the length.
pub const HEADER_BYTES: usize = 4;

/// Why a message is not sent or not taken.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The other end is gone, or the pipe broke.
    #[error("the pipe between worker and enclave broke: {0}")]
    Pipe(#[from] io::Error),
    /// Over [`FRAME_BYTES_MAX`].
    #[error("a message has {found} bytes, at most {FRAME_BYTES_MAX} are taken")]
    TooLong {
        /// Its bytes.
        found: usize,
    },
    /// Not the JSON of the message that is due. What it is instead is not told: it may hold secrets.
    #[error("a message is not the one that is due")]
    Unreadable,
}

/// A message with its length in front. Wiped when dropped.
///
/// # Errors
/// [`FrameError::TooLong`].
pub fn encode(message: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, FrameError> {
    let mut frame = Zeroizing::new(vec![0; HEADER_BYTES]);
    serde_json::to_writer(&mut *frame, message).expect("texts, numbers and lists always serialise");
    let length = frame.len() - HEADER_BYTES;
    let header = u32::try_from(length).ok().filter(|_| length <= FRAME_BYTES_MAX);
    let header = header.ok_or(FrameError::TooLong { found: length })?;
    frame[..HEADER_BYTES].copy_from_slice(&header.to_be_bytes());
    Ok(frame)
}

/// The bytes that follow a header.
///
/// # Errors
/// [`FrameError::TooLong`].
pub fn length(header: [u8; HEADER_BYTES]) -> Result<usize, FrameError> {
    let found = u32::from_be_bytes(header) as usize;
    if found > FRAME_BYTES_MAX { Err(FrameError::TooLong { found }) } else { Ok(found) }
}

/// The message in what followed a header.
///
/// # Errors
/// [`FrameError::Unreadable`].
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, FrameError> {
    serde_json::from_slice(body).map_err(|_| FrameError::Unreadable)
}

/// Writes a message and flushes.
///
/// # Errors
/// [`FrameError`].
pub fn write(to: &mut impl Write, message: &impl Serialize) -> Result<(), FrameError> {
    to.write_all(&encode(message)?)?;
    Ok(to.flush()?)
}

/// Reads a message; the end of the pipe is an error.
///
/// # Errors
/// [`FrameError`].
pub fn read<T: DeserializeOwned>(from: &mut impl Read) -> Result<T, FrameError> {
    let mut header = [0; HEADER_BYTES];
    from.read_exact(&mut header)?;
    let mut body = Zeroizing::new(vec![0; length(header)?]);
    from.read_exact(&mut body)?;
    decode(&body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_follow_one_another() {
        let mut pipe = Vec::new();
        write(&mut pipe, &"one").unwrap();
        write(&mut pipe, &2).unwrap();
        let mut pipe = pipe.as_slice();
        assert_eq!(read::<String>(&mut pipe).unwrap(), "one");
        assert_eq!(read::<u8>(&mut pipe).unwrap(), 2);
        assert!(matches!(read::<u8>(&mut pipe), Err(FrameError::Pipe(_))));
    }

    #[test]
    fn what_is_too_long_cut_or_something_else_is_refused() {
        let long = "x".repeat(FRAME_BYTES_MAX);
        assert!(matches!(encode(&long), Err(FrameError::TooLong { .. })));
        // A length alone must not make anybody set aside as much memory.
        let claim = u32::MAX.to_be_bytes();
        assert!(matches!(read::<u8>(&mut claim.as_slice()), Err(FrameError::TooLong { .. })));
        assert!(matches!(read::<u8>(&mut [0, 0, 0, 9, b'1'].as_slice()), Err(FrameError::Pipe(_))));
        assert!(matches!(read::<u8>(&mut [0, 0, 0, 2, b'"', b'"'].as_slice()), Err(FrameError::Unreadable)));
    }
}
