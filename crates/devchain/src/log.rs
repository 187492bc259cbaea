//! The durable log: one append-only file of checksummed records, behind a lock.
//!
//! File: a header (magic, version, chain id, digest of the genesis, CRC-32), then records, each `length: u32 LE`,
//! `crc: u32 LE` over length and payload, `payload`. Whatever follows the first record that is not whole is dropped at the
//! next opening.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use alloy_primitives::B256;

use crate::node::StartError;
use crate::record::Record;

/// Version of the file's form.
pub(crate) const VERSION: u32 = 1;
/// Bytes of the largest record: a block of the largest gas limit is far below.
const RECORD_BYTES_MAX: u32 = 1 << 28;
const MAGIC: &[u8; 8] = b"mc-chain";
const HEADER_BYTES: usize = 8 + 4 + 8 + 32 + 4;
const FRAME_BYTES: usize = 8;
const LOG_NAME: &str = "blocks.log";
const LOCK_NAME: &str = "lock";
const READ_BUFFER_BYTES: usize = 1 << 20;

/// Whose log it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) chain_id: u64,
    pub(crate) genesis: B256,
}

/// What opening a log found at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Blocks read back, without block 0.
    pub blocks: u64,
    /// Bytes after the last whole record, which were cut off; 0 after an orderly or an ordinary unorderly end.
    pub dropped_bytes: u64,
    /// Whole-looking records within those bytes, which followed a damaged one: blocks and changes that are lost.
    pub dropped_records: u64,
}

/// An open log.
#[derive(Debug)]
pub(crate) struct BlockLog {
    file: File,
    end: u64,
    path: PathBuf,
    /// Held for the life of the log.
    _lock: File,
}

impl BlockLog {
    /// Opens or creates the log in `dir`, hands each record to `replay` and cuts off a damaged tail. `replay` answers
    /// `false` for a record that does not continue the chain, which counts as damage.
    ///
    /// # Errors
    /// In use by another process; another version, chain or genesis; not a log; the file system's own.
    pub(crate) fn open(
        dir: &Path,
        identity: Identity,
        mut replay: impl FnMut(Record) -> bool,
    ) -> Result<(Self, Recovered), StartError> {
        let failed = |source| StartError::DataDir { path: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(failed)?;
        let lock = lock(dir)?;
        let path = dir.join(LOG_NAME);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        if length < HEADER_BYTES as u64 {
            // A crash within the creation: nothing was acknowledged yet.
            file.set_len(0).map_err(failed)?;
            file.write_all(&header(identity)).map_err(failed)?;
            file.sync_all().map_err(failed)?;
            sync_dir(dir).map_err(failed)?;
            let log = Self { file, end: HEADER_BYTES as u64, path, _lock: lock };
            return Ok((log, Recovered::default()));
        }
        check_header(&mut file, dir, identity)?;
        let (recovered, end) = read_back(&file, length, &mut replay).map_err(failed)?;
        if recovered.dropped_bytes > 0 {
            // Not flushed: a tail that came back after a power loss would be cut off again.
            file.set_len(end).map_err(failed)?;
        }
        file.seek(SeekFrom::Start(end)).map_err(failed)?;
        let log = Self { file, end, path, _lock: lock };
        Ok((log, recovered))
    }

    /// Whether there is no record yet: the genesis is still to be written.
    pub(crate) fn is_fresh(&self) -> bool {
        self.end == HEADER_BYTES as u64
    }

    /// Hands one record to the operating system, whole or not at all: after this it survives the end of the process.
    ///
    /// # Errors
    /// The file system's own; the file is as before then.
    pub(crate) fn append(&mut self, record: &Record) -> io::Result<()> {
        let payload = record.encode();
        let length = u32::try_from(payload.len())
            .ok()
            .filter(|length| *length <= RECORD_BYTES_MAX)
            .ok_or_else(|| io::Error::other("the record is too large for the block log"))?;
        let mut frame = Vec::with_capacity(FRAME_BYTES + payload.len());
        frame.extend_from_slice(&length.to_le_bytes());
        frame.extend_from_slice(&checksum(length, &payload).to_le_bytes());
        frame.extend_from_slice(&payload);
        if let Err(error) = self.file.write_all(&frame) {
            self.file.set_len(self.end)?;
            self.file.seek(SeekFrom::Start(self.end))?;
            return Err(error);
        }
        self.end += frame.len() as u64;
        Ok(())
    }

    /// A second handle, to bring what was appended to the disk without holding up appends.
    ///
    /// # Errors
    /// The file system's own.
    pub(crate) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Hands each whole record to `replay`; answers what was found and where the last record that was taken in ends.
fn read_back(
    file: &File,
    length: u64,
    replay: &mut impl FnMut(Record) -> bool,
) -> io::Result<(Recovered, u64)> {
    let mut reader = Reader {
        input: BufReader::with_capacity(READ_BUFFER_BYTES, file),
        left: length - HEADER_BYTES as u64,
    };
    let mut recovered = Recovered::default();
    let mut end = HEADER_BYTES as u64;
    loop {
        let before = reader.left;
        match reader.next()? {
            Frame::End => break,
            Frame::Whole(payload) => {
                let record = Record::decode(&payload);
                let is_block = matches!(record, Some(Record::Block { .. }));
                if !record.is_some_and(&mut *replay) {
                    recovered.dropped_records = 1 + reader.count_rest()?;
                    break;
                }
                recovered.blocks += u64::from(is_block);
                end += before - reader.left;
            }
            Frame::Damaged => {
                recovered.dropped_records = reader.count_rest()?;
                break;
            }
            Frame::Torn => break,
        }
    }
    recovered.blocks = recovered.blocks.saturating_sub(1);
    recovered.dropped_bytes = length - end;
    Ok((recovered, end))
}

enum Frame {
    Whole(Vec<u8>),
    /// The checksum does not match.
    Damaged,
    /// The file ends within the record.
    Torn,
    End,
}

struct Reader<'a> {
    input: BufReader<&'a File>,
    left: u64,
}

impl Reader<'_> {
    fn next(&mut self) -> io::Result<Frame> {
        if self.left == 0 {
            return Ok(Frame::End);
        }
        if self.left < FRAME_BYTES as u64 {
            return Ok(Frame::Torn);
        }
        let mut frame = [0; FRAME_BYTES];
        self.input.read_exact(&mut frame)?;
        self.left -= FRAME_BYTES as u64;
        let [l0, l1, l2, l3, c0, c1, c2, c3] = frame;
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let crc = u32::from_le_bytes([c0, c1, c2, c3]);
        if length > RECORD_BYTES_MAX || u64::from(length) > self.left {
            return Ok(Frame::Torn);
        }
        let mut payload = vec![0; length as usize];
        self.input.read_exact(&mut payload)?;
        self.left -= u64::from(length);
        Ok(if checksum(length, &payload) == crc { Frame::Whole(payload) } else { Frame::Damaged })
    }

    /// Whole records from here on.
    fn count_rest(&mut self) -> io::Result<u64> {
        let mut count = 0;
        loop {
            match self.next()? {
                Frame::Whole(_) => count += 1,
                Frame::Damaged => {}
                Frame::Torn | Frame::End => return Ok(count),
            }
        }
    }
}

fn checksum(length: u32, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

fn header(identity: Identity) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&identity.chain_id.to_le_bytes());
    bytes.extend_from_slice(identity.genesis.as_slice());
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

fn check_header(file: &mut File, dir: &Path, identity: Identity) -> Result<(), StartError> {
    let mut found = [0; HEADER_BYTES];
    file.read_exact(&mut found).map_err(|source| StartError::DataDir { path: dir.to_owned(), source })?;
    let path = || dir.to_owned();
    let (magic, rest) = found.split_at(MAGIC.len());
    let (version, rest) = rest.split_at(4);
    let (chain_id, rest) = rest.split_at(8);
    let (genesis, crc) = rest.split_at(32);
    if magic != MAGIC {
        return Err(StartError::NotALog { path: path() });
    }
    let version = u32::from_le_bytes(version.try_into().expect("four bytes were split off"));
    if version != VERSION {
        return Err(StartError::OtherVersion { path: path(), found: version, expected: VERSION });
    }
    let crc = u32::from_le_bytes(crc.try_into().expect("four bytes are left"));
    if crc != crc32fast::hash(&found[..HEADER_BYTES - 4]) {
        return Err(StartError::NotALog { path: path() });
    }
    let chain_id = u64::from_le_bytes(chain_id.try_into().expect("eight bytes were split off"));
    if chain_id != identity.chain_id {
        return Err(StartError::OtherChain { path: path(), found: chain_id, expected: identity.chain_id });
    }
    if genesis != identity.genesis.as_slice() {
        return Err(StartError::OtherGenesis { path: path() });
    }
    Ok(())
}

fn lock(dir: &Path) -> Result<File, StartError> {
    let failed = |source| StartError::DataDir { path: dir.to_owned(), source };
    let lock = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(dir.join(LOCK_NAME))
        .map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StartError::InUse { path: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Makes the file's name durable too.
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
