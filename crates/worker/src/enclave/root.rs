//! The simulation root: a key in a file that its owner alone may read.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use alloy_primitives::B256;
use metacloud_protocol::signing::{self, SigningKey};
use rand::Rng as _;
use zeroize::{Zeroize as _, Zeroizing};

/// Longest file of a key: 64 digits, a prefix, an end of line.
const FILE_BYTES_MAX: u64 = 128;

/// Why enclaves cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EnclavesError {
    /// The file cannot be read or made.
    #[error("cannot {step} the key of the simulation root {}: {source}", path.display())]
    File {
        /// What failed.
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may read it.
    #[error("{} may be read by others (mode {mode:03o}); a root's key is for its owner alone: chmod 600", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It holds something else.
    #[error("{} holds no key: 32 bytes in hex are expected", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
}

/// The key in the file, which is made if absent. Of two that make it at once, both get the same.
pub(super) fn open(path: &Path) -> Result<SigningKey, EnclavesError> {
    match read(path) {
        Err(EnclavesError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            make(path).map_err(|source| failed("make", path, source))?;
            read(path)
        }
        found => found,
    }
}

fn failed(step: &'static str, path: &Path, source: io::Error) -> EnclavesError {
    EnclavesError::File { step, path: path.to_owned(), source }
}

fn read(path: &Path) -> Result<SigningKey, EnclavesError> {
    let unread = |source| failed("read", path, source);
    let metadata = File::open(path).and_then(|file| file.metadata()).map_err(unread)?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(EnclavesError::Open { path: path.to_owned(), mode });
    }
    let no_key = || EnclavesError::NoKey { path: path.to_owned() };
    if metadata.len() > FILE_BYTES_MAX {
        return Err(no_key());
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(unread)?);
    let mut scalar: B256 = text.trim_ascii().parse().map_err(|_| no_key())?;
    let key = signing::key_from_bytes(&scalar);
    scalar.0.zeroize();
    key.map_err(|_| no_key())
}

fn make(path: &Path) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut scalar = B256::ZERO;
    while signing::key_from_bytes(&scalar).is_err() {
        rand::rng().fill_bytes(scalar.as_mut_slice());
    }
    fs::create_dir_all(dir)?;
    // Temporary files are made for their owner alone.
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    let text = Zeroizing::new(format!("{scalar}\n"));
    scalar.0.zeroize();
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_made_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root.key");
        let made = signing::address_of(&open(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(signing::address_of(&open(&path).unwrap()), made);
        make(&path).unwrap();
        assert_eq!(
            signing::address_of(&open(&path).unwrap()),
            made,
            "the second maker takes the first one's"
        );
    }

    #[test]
    fn file_that_others_read_or_that_holds_no_key_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("root.key");
        open(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(open(&path), Err(EnclavesError::Open { mode: 0o640, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for text in ["", "0x00", "hello", &"0".repeat(64), &"1".repeat(200)] {
            fs::write(&path, text).unwrap();
            assert!(matches!(open(&path), Err(EnclavesError::NoKey { .. })), "{text:?}");
        }
        fs::remove_file(&path).unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        let nowhere = dir.path().join("file/root.key");
        assert!(matches!(open(&nowhere), Err(EnclavesError::File { .. })));
    }
}
