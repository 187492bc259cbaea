//! An encrypted result of iExec clients: a zip with the two root entries `aes-key.rsa` and `iexec_out.zip.aes`
//! (http-surface 9).

use std::io::{self, Read, Seek, Write};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use crate::cbc::{self, CbcError};
use crate::key::{AesKey, Iv};
use crate::rsa_key::{PADDING_BYTES_MAX, PrivateKey, PublicKey, RsaError};

/// Entry that holds the encrypted key.
pub const KEY_ENTRY: &str = "aes-key.rsa";
/// Entry that holds the encrypted plain archive.
pub const ARCHIVE_ENTRY: &str = "iexec_out.zip.aes";
/// Longest key entry that clients read, in bytes.
pub const KEY_ENTRY_BYTES_MAX: u64 = 1_000;
/// Longest archive entry that clients read, in bytes.
pub const ARCHIVE_ENTRY_BYTES_MAX: u64 = 1_000_000_000;

/// Why a result is not encrypted or not decrypted.
#[derive(Debug, thiserror::Error)]
pub enum ResultError {
    /// Not a zip, or a broken one.
    #[error("not an encrypted result: {0}")]
    Zip(#[source] ZipError),
    /// The zip has no such root entry.
    #[error("not an encrypted result: it has no root entry {entry}")]
    Missing {
        /// The entry.
        entry: &'static str,
    },
    /// An entry longer than clients read.
    #[error("{entry} has more than {max} bytes, which no client reads")]
    TooLong {
        /// The entry.
        entry: &'static str,
        /// The bound.
        max: u64,
    },
    /// The key of the result is not encrypted to this key, or cannot be.
    #[error("cannot turn the key of the result: {0}")]
    Key(#[from] RsaError),
    /// What the key entry holds is no AES-256 key. The legacy form (AES-128-ECB) is not read.
    #[error("the key of the result is not a key of AES-256")]
    NotAes256,
    /// The archive cannot be turned.
    #[error(transparent)]
    Archive(#[from] CbcError),
}

/// Entropy of one encrypted result: all of it fresh, used for this result alone.
#[derive(Debug)]
pub struct ResultEntropy {
    /// The result's key.
    pub key: AesKey,
    /// Its vector.
    pub iv: Iv,
    /// For the encryption of the key.
    pub padding: Box<[u8; 2 * PADDING_BYTES_MAX]>,
}

/// Encrypts a plain archive of `archive_bytes` for a beneficiary, in constant memory. Returns the sink.
///
/// # Errors
/// [`ResultError`]; what the sink holds is then to be dropped.
pub fn write<W: Write + Seek>(
    beneficiary: &PublicKey,
    entropy: &ResultEntropy,
    archive: &mut impl Read,
    archive_bytes: u64,
    sink: W,
) -> Result<W, ResultError> {
    if cbc::encrypted_bytes(archive_bytes) > ARCHIVE_ENTRY_BYTES_MAX {
        return Err(ResultError::TooLong { entry: ARCHIVE_ENTRY, max: ARCHIVE_ENTRY_BYTES_MAX });
    }
    let encrypted_key = beneficiary.encrypt(entropy.key.as_bytes(), &entropy.padding)?;
    // Encrypted bytes do not shrink; a fixed date makes equal input equal output.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(sink);
    zip.start_file(KEY_ENTRY, options).map_err(ResultError::Zip)?;
    zip.write_all(&encrypted_key).map_err(|error| ResultError::Zip(ZipError::Io(error)))?;
    zip.start_file(ARCHIVE_ENTRY, options).map_err(ResultError::Zip)?;
    let mut bounded = archive.take(archive_bytes);
    let written = cbc::encrypt_stream(&entropy.key, entropy.iv, &mut bounded, &mut zip)?;
    if written != cbc::encrypted_bytes(archive_bytes) {
        let short = io::Error::new(io::ErrorKind::UnexpectedEof, "the archive is shorter than was said");
        return Err(ResultError::Archive(CbcError::Io { step: "read", source: short }));
    }
    zip.finish().map_err(ResultError::Zip)
}

/// Decrypts a result for its beneficiary into `sink`. Returns the bytes of the plain archive.
///
/// # Errors
/// [`ResultError`]; what the sink received is then to be dropped.
pub fn read(key: &PrivateKey, result: impl Read + Seek, sink: &mut impl Write) -> Result<u64, ResultError> {
    let mut zip = ZipArchive::new(result).map_err(ResultError::Zip)?;
    let encrypted_key = {
        let mut entry = entry(&mut zip, KEY_ENTRY, KEY_ENTRY_BYTES_MAX)?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| ResultError::Zip(ZipError::Io(error)))?;
        bytes
    };
    let aes_key = key.decrypt(&encrypted_key)?;
    let aes_key = AesKey::try_from(aes_key.as_slice()).map_err(|_| ResultError::NotAes256)?;
    let mut entry = entry(&mut zip, ARCHIVE_ENTRY, ARCHIVE_ENTRY_BYTES_MAX)?;
    Ok(cbc::decrypt_stream(&aes_key, &mut entry, sink)?)
}

/// Whether a zip is an encrypted result: it has both root entries.
pub fn is_encrypted(result: impl Read + Seek) -> bool {
    ZipArchive::new(result)
        .is_ok_and(|zip| [KEY_ENTRY, ARCHIVE_ENTRY].iter().all(|name| zip.index_for_name(name).is_some()))
}

fn entry<'a, R: Read + Seek>(
    zip: &'a mut ZipArchive<R>,
    name: &'static str,
    max: u64,
) -> Result<io::Take<zip::read::ZipFile<'a, R>>, ResultError> {
    let file = match zip.by_name(name) {
        Ok(file) => file,
        Err(ZipError::FileNotFound) => return Err(ResultError::Missing { entry: name }),
        Err(error) => return Err(ResultError::Zip(error)),
    };
    if file.size() > max {
        return Err(ResultError::TooLong { entry: name, max });
    }
    // A size that lies is cut here, and then ends in the middle of the format.
    Ok(file.take(max))
}
