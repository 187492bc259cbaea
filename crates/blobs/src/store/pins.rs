//! Names that somebody wants kept, whatever refers to them: one empty file each, and their set in memory.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::blocking;
use crate::key::Key;

/// Why a name was not pinned.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PinError {
    #[error("this node keeps at most {max} pins; remove some")]
    TooMany { max: usize },
    #[error("not pinned or pinned indirectly: {key}")]
    NotPinned { key: Key },
    #[error("cannot write {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// The names pinned.
#[derive(Debug)]
pub(crate) struct Pins {
    dir: PathBuf,
    max: usize,
    durable: bool,
    pinned: Mutex<BTreeSet<Key>>,
}

impl Pins {
    pub(super) fn open(dir: &Path, max: usize, durable: bool) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let mut pinned = BTreeSet::new();
        for entry in fs::read_dir(dir)? {
            if let Some(key) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) {
                pinned.insert(key);
            }
        }
        Ok(Self { dir: dir.to_owned(), max, durable, pinned: Mutex::new(pinned) })
    }

    /// All of them, in order.
    pub(crate) fn all(&self) -> Vec<Key> {
        self.pinned.lock().expect("no holder of this lock panics").iter().copied().collect()
    }

    pub(crate) fn has(&self, key: Key) -> bool {
        self.pinned.lock().expect("no holder of this lock panics").contains(&key)
    }

    /// Pins a name; again is no error.
    pub(crate) async fn add(&self, key: Key) -> Result<(), PinError> {
        {
            let mut pinned = self.pinned.lock().expect("no holder of this lock panics");
            if pinned.len() >= self.max && !pinned.contains(&key) {
                return Err(PinError::TooMany { max: self.max });
            }
            pinned.insert(key);
        }
        let path = self.dir.join(key.to_string());
        let (dir, durable) = (self.dir.clone(), self.durable);
        let written = blocking(move || {
            File::create(&path)
                .and_then(|_| settle(&dir, durable))
                .map_err(|source| PinError::Io { path, source })
        });
        let written = written.await;
        if written.is_err() {
            self.pinned.lock().expect("no holder of this lock panics").remove(&key);
        }
        written
    }

    /// Removes a pin.
    pub(crate) async fn remove(&self, key: Key) -> Result<(), PinError> {
        if !self.pinned.lock().expect("no holder of this lock panics").remove(&key) {
            return Err(PinError::NotPinned { key });
        }
        let path = self.dir.join(key.to_string());
        let (dir, durable) = (self.dir.clone(), self.durable);
        blocking(move || match fs::remove_file(&path).and_then(|()| settle(&dir, durable)) {
            Err(source) if source.kind() != ErrorKind::NotFound => Err(PinError::Io { path, source }),
            _ => Ok(()),
        })
        .await
    }
}

fn settle(dir: &Path, durable: bool) -> io::Result<()> {
    if durable { File::open(dir)?.sync_all() } else { Ok(()) }
}
