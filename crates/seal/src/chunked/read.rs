use std::fmt;
use std::io::{Read, Seek, SeekFrom, Write};

use aws_lc_rs::aead::Aad;
use zeroize::Zeroizing;

use super::{
    CHUNK_BYTES, ChunkedError, Chunks, HEADER_BYTES, SEALED_CHUNK_BYTES, TAG_BYTES, buffer, header, nonce,
    read_full,
};
use crate::sealed::SealKey;

/// Decrypts a stream in constant memory; returns the plain bytes.
///
/// Each chunk is written after it was checked, so the sink holds a true beginning of the message even if a later chunk
/// is an error.
///
/// # Errors
/// [`ChunkedError`].
pub fn decrypt(key: &SealKey, source: &mut impl Read, sink: &mut impl Write) -> Result<u64, ChunkedError> {
    let chunks = open_header(key, source)?;
    // Whether a chunk is the last is known when there is no next one. Two buffers, so that no byte is moved for that.
    let (mut chunk, mut next) = (buffer(), buffer());
    let mut held = read_full(source, &mut chunk)?;
    let mut plain_bytes = 0;
    for index in 0_u64.. {
        let following = match held {
            SEALED_CHUNK_BYTES => read_full(source, &mut next)?,
            _ => 0,
        };
        let last = following == 0;
        let plain = chunks.open(index, last, &mut chunk[..held])?;
        sink.write_all(plain).map_err(|source| ChunkedError::Io { step: "write", source })?;
        plain_bytes += plain.len() as u64;
        if last {
            break;
        }
        std::mem::swap(&mut chunk, &mut next);
        held = following;
    }
    Ok(plain_bytes)
}

/// A sealed file that is read at any place.
pub struct Opened<R> {
    source: R,
    chunks: Chunks,
    /// Where the header begins.
    start: u64,
    plain_bytes: u64,
    /// The chunk that was opened last, so that small reads in a row cost one.
    cached: Option<u64>,
    buffer: Zeroizing<Vec<u8>>,
    length: usize,
}

impl<R: Read + Seek> Opened<R> {
    /// Opens the header, and the last chunk, which says that nothing is cut off or added.
    ///
    /// # Errors
    /// [`ChunkedError`].
    pub fn new(key: &SealKey, mut source: R) -> Result<Self, ChunkedError> {
        let start = seek(&mut source, SeekFrom::Current(0))?;
        let chunks = open_header(key, &mut source)?;
        let end = seek(&mut source, SeekFrom::End(0))?;
        let body_bytes = end.saturating_sub(start + HEADER_BYTES as u64);
        let count = body_bytes.div_ceil(SEALED_CHUNK_BYTES as u64);
        let plain_bytes = body_bytes.saturating_sub(count * TAG_BYTES as u64);
        let buffer = Zeroizing::new(vec![0; SEALED_CHUNK_BYTES]);
        let mut opened = Self { source, chunks, start, plain_bytes, cached: None, buffer, length: 0 };
        opened.load(count.saturating_sub(1))?;
        Ok(opened)
    }

    /// Bytes of the message.
    pub fn plain_bytes(&self) -> u64 {
        self.plain_bytes
    }

    /// Reads `into.len()` bytes of the message from `offset` on.
    ///
    /// # Errors
    /// [`ChunkedError::OutOfRange`] past the end; otherwise [`ChunkedError`].
    pub fn read_at(&mut self, mut offset: u64, mut into: &mut [u8]) -> Result<(), ChunkedError> {
        let end = offset.checked_add(into.len() as u64);
        if end.is_none_or(|end| end > self.plain_bytes) {
            return Err(ChunkedError::OutOfRange { bytes: self.plain_bytes });
        }
        while !into.is_empty() {
            let index = offset / CHUNK_BYTES as u64;
            if self.cached != Some(index) {
                self.load(index)?;
            }
            let within = usize::try_from(offset % CHUNK_BYTES as u64).expect("below a chunk");
            let taken = into.len().min(self.length - within);
            let (now, later) = into.split_at_mut(taken);
            now.copy_from_slice(&self.buffer[within..within + taken]);
            into = later;
            offset += taken as u64;
        }
        Ok(())
    }

    fn load(&mut self, index: u64) -> Result<(), ChunkedError> {
        self.cached = None;
        let last = index == self.plain_bytes.div_ceil(CHUNK_BYTES as u64).saturating_sub(1);
        let at = self.start + HEADER_BYTES as u64 + index * SEALED_CHUNK_BYTES as u64;
        seek(&mut self.source, SeekFrom::Start(at))?;
        let read = read_full(&mut self.source, &mut self.buffer)?;
        self.length = self.chunks.open(index, last, &mut self.buffer[..read])?.len();
        self.cached = Some(index);
        Ok(())
    }
}

impl<R> fmt::Debug for Opened<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("plain_bytes", &self.plain_bytes).finish_non_exhaustive()
    }
}

impl Chunks {
    /// Opens a chunk where it lies. Only an empty message has an empty chunk, its first.
    fn open<'a>(&self, index: u64, last: bool, sealed: &'a mut [u8]) -> Result<&'a [u8], ChunkedError> {
        let broken = ChunkedError::Chunk { index };
        if sealed.len() < TAG_BYTES || (sealed.len() == TAG_BYTES && index > 0) {
            return Err(broken);
        }
        match self.key.open_in_place(nonce(index, last), Aad::from(self.header), sealed) {
            Ok(plain) => Ok(plain),
            Err(_) => Err(broken),
        }
    }
}

fn open_header(key: &SealKey, source: &mut impl Read) -> Result<Chunks, ChunkedError> {
    let mut head = [0; HEADER_BYTES];
    if read_full(source, &mut head)? < HEADER_BYTES {
        return Err(ChunkedError::NotThisForm);
    }
    let file_key = header::open(key, &head)?;
    Ok(Chunks::new(&file_key, header::hash(&head)))
}

fn seek(source: &mut impl Seek, to: SeekFrom) -> Result<u64, ChunkedError> {
    source.seek(to).map_err(|source| ChunkedError::Io { step: "seek", source })
}
