//! The key under which values lie at rest: 32 bytes in base64 and a line end, in a file that only its owner reads.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use metacloud_seal::AesKey;
use zeroize::Zeroizing;

/// Longest file that is read as a key.
const FILE_BYTES_MAX: u64 = 256;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file system refused.
    #[error("cannot {step} the key file {}: {source}", path.display())]
    Io {
        /// The step that failed, as a verb.
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Others may read it.
    #[error("others may read the key file {}: take their rights away (chmod 600)", path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// Not a key.
    #[error("the key file {} does not hold the base64 form of 32 bytes", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
}

/// The key of the file, if there is one.
///
/// # Errors
/// [`KeyFileError`].
pub(crate) fn read(path: &Path) -> Result<Option<AesKey>, KeyFileError> {
    let failed = |source| KeyFileError::Io { step: "read", path: path.to_owned(), source };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(KeyFileError::Open { path: path.to_owned() });
        }
    }
    let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX as usize));
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => KeyFileError::NotAKey { path: path.to_owned() },
        _ => failed(error),
    })?;
    AesKey::from_base64(&text).map(Some).map_err(|_| KeyFileError::NotAKey { path: path.to_owned() })
}

/// Writes a new key; an existing file stays.
///
/// The file is whole or absent: it is written under another name, synced, and then linked to its own.
///
/// # Errors
/// [`KeyFileError::Io`], also if the file exists.
pub(crate) fn write(path: &Path, key: &AesKey) -> Result<(), KeyFileError> {
    let failed = |step| move |source| KeyFileError::Io { step, path: path.to_owned(), source };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.new", std::process::id()));
    let draft = PathBuf::from(draft);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let written = options.open(&draft).and_then(|mut file| {
        file.write_all(key.to_base64().as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()
    });
    // A link does not replace what is there, as a rename would.
    let linked =
        written.map_err(failed("write")).and_then(|()| fs::hard_link(&draft, path).map_err(failed("make")));
    let _ = fs::remove_file(&draft);
    linked?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("sync"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_for_its_owner_alone_and_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        assert!(read(&path).unwrap().is_none());
        write(&path, &AesKey::new([7; 32])).unwrap();
        assert_eq!(read(&path).unwrap().unwrap().as_bytes(), &[7; 32]);
        assert!(matches!(write(&path, &AesKey::new([8; 32])), Err(KeyFileError::Io { step: "make", .. })));
        assert_eq!(read(&path).unwrap().unwrap().as_bytes(), &[7; 32]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn other_files_are_no_keys() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        for text in ["".as_bytes(), b"AA==", &[0xff; 100], &[b'A'; 5_000]] {
            let _ = fs::remove_file(&path);
            write(&path, &AesKey::new([7; 32])).unwrap();
            fs::write(&path, text).unwrap();
            assert!(matches!(read(&path), Err(KeyFileError::NotAKey { .. })), "{}", text.len());
        }
        assert!(matches!(read(dir.path()), Err(KeyFileError::Io { .. } | KeyFileError::Open { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write(&path, &AesKey::new([7; 32])).unwrap();
        for mode in [0o640, 0o604, 0o644, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(read(&path), Err(KeyFileError::Open { .. })), "{mode:o}");
        }
    }
}
