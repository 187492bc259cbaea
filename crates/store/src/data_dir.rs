//! A directory that one process of one version holds at a time.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Longest version file read.
const VERSION_BYTES_MAX: usize = 128;

/// A locked data directory. The lock ends with the value, or with the process, however it dies.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenDataDir {
    /// Another process holds it.
    #[error("the data directory {} is in use by another process; stop that process or give another --data-dir", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// Another version or another role wrote it.
    #[error(
        "the data directory {} was written by {found}, this program reads {wanted}; use that program, or give another --data-dir",
        path.display()
    )]
    OtherVersion {
        /// The directory.
        path: PathBuf,
        /// Role and version that wrote it, as `role version`.
        found: String,
        /// Role and version that this program reads.
        wanted: String,
    },
    /// The file system refused.
    #[error("cannot {step} {}: {source}", path.display())]
    Io {
        /// The step that failed, as a verb.
        step: &'static str,
        /// The file or directory concerned.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl DataDir {
    /// Opens the directory of `role`, made if absent, and keeps others out. `version` counts layouts: a program
    /// that reads older ones migrates after opening with [`DataDir::version_of`] in mind; any difference is
    /// refused here.
    ///
    /// # Errors
    /// [`OpenDataDir`] says who or what is in the way, and the next step.
    pub fn open(path: &Path, role: &str, version: u32) -> Result<Self, OpenDataDir> {
        let failed = |step, path: &Path| {
            let path = path.to_owned();
            move |source| OpenDataDir::Io { step, path, source }
        };
        fs::create_dir_all(path).map_err(failed("create", path))?;
        let lock_path = path.join("lock");
        let lock = File::create(&lock_path).map_err(failed("create", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenDataDir::InUse { path: path.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock", &lock_path)(source)),
        }
        let wanted = format!("{role} {version}");
        match Self::version_of(path).map_err(failed("read the version of", path))? {
            Some(found) if found == wanted => {}
            Some(found) => {
                return Err(OpenDataDir::OtherVersion { path: path.to_owned(), found, wanted });
            }
            None => write_version(path, &wanted).map_err(failed("write the version of", path))?,
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Which role and version wrote a directory, as `role version`; `None` for a new one.
    ///
    /// # Errors
    /// If the version file is there but cannot be read.
    pub fn version_of(path: &Path) -> io::Result<Option<String>> {
        match fs::read(path.join("version")) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes[..bytes.len().min(VERSION_BYTES_MAX)]);
                Ok(Some(text.trim().chars().filter(|c| !c.is_control()).collect()))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file or directory in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// By rename, so that a crash leaves the whole text or none.
fn write_version(path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.join("version.new");
    let mut file = File::create(&fresh)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&fresh, path.join("version"))?;
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_of_one_version_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("made/on/demand");
        let held = DataDir::open(&path, "market", 3).unwrap();
        let second = DataDir::open(&path, "market", 3).unwrap_err();
        assert!(matches!(&second, OpenDataDir::InUse { .. }));
        assert!(second.to_string().contains("made/on/demand"), "{second}");
        drop(held);

        for (role, version) in [("market", 4), ("market", 2), ("scheduler", 3)] {
            let other = DataDir::open(&path, role, version).unwrap_err();
            let OpenDataDir::OtherVersion { found, wanted, .. } = &other else {
                panic!("{other}");
            };
            assert_eq!((found.as_str(), wanted), ("market 3", &format!("{role} {version}")));
            assert!(other.to_string().contains("--data-dir"), "{other}");
        }
        assert_eq!(DataDir::open(&path, "market", 3).unwrap().path(), path);
    }

    #[test]
    fn a_version_file_of_rubbish_is_another_version() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("version"), [b'\xff'; 4096]).unwrap();
        let refused = DataDir::open(dir.path(), "market", 1);
        assert!(matches!(refused, Err(OpenDataDir::OtherVersion { found, .. }) if found.len() < 1000));
        fs::write(dir.path().join("version"), "").unwrap();
        let empty = DataDir::open(dir.path(), "market", 1);
        assert!(matches!(empty, Err(OpenDataDir::OtherVersion { .. })));
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "").unwrap();
        let refused = DataDir::open(&path, "market", 1).unwrap_err();
        assert!(matches!(&refused, OpenDataDir::Io { step: "create", .. }), "{refused}");
    }
}
