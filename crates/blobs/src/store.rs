//! The store: files, directories and nodes under their names, on a backend, within quotas.
//!
//! What comes in is hashed and written to a file of its own in `incoming/` first, and is named when the whole upload
//! has arrived: what a crash, a full disk or a sender who goes away interrupts leaves nothing under any name, and the
//! next opening empties `incoming/`.

mod adding;
mod collect;
mod partial;
mod pins;
mod read;

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::TryStreamExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::Semaphore;

use crate::Cid;
use crate::backend::{Backend, Backing, Fault, Local, S3};
use crate::key::Key;
use crate::tree::{CHUNK_BYTES, Layout};

pub(crate) use adding::{Adding, Staged};
pub use collect::{Collected, Roots, RootsError};
pub(crate) use partial::{Standing, Stopped};
pub(crate) use pins::{PinError, Pins};
pub(crate) use read::{Entry, Nodes, Walk, dag_error};

/// Layout of the directory; another number is refused.
const FORMAT: &str = "metacloud blobs 1\n";
/// What a thing is counted as at least, and what its size is rounded up to: a block of a file system, in bytes.
const ROUND_BYTES: u64 = 4096;
/// Trees computed at once from files, to be sent as nodes.
const COMPUTED_AT_ONCE_MAX: usize = 2;

/// How a store is kept.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Sync what is added before it is acknowledged. Off for directories that are thrown away at the end.
    pub durable: bool,
    /// Largest file taken, in bytes.
    pub blob_bytes_max: u64,
    /// All that is kept, in bytes, each thing rounded up to 4096.
    pub total_bytes_max: u64,
    /// Names pinned.
    pub pins_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { durable: true, blob_bytes_max: 4 << 30, total_bytes_max: 1 << 40, pins_max: 1_000_000 }
    }
}

/// A store of files, directories and nodes. A handle: clones share it.
#[derive(Clone, Debug)]
pub struct Blobs(Arc<Store>);

#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) backend: Box<dyn Backend>,
    incoming: PathBuf,
    dir: PathBuf,
    settings: Settings,
    used: Arc<Used>,
    pins: Pins,
    partials: partial::Partials,
    /// Held shared while things are named, alone while some are removed.
    gate: tokio::sync::RwLock<()>,
    collecting: collect::Watch,
    computing: Semaphore,
    /// Held for the life of the handle; the kernel frees it with the process.
    _lock: File,
}

/// Bytes in use and on their way in.
#[derive(Debug)]
struct Used {
    bytes: AtomicU64,
    max_bytes: u64,
}

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Open {
    /// Another process keeps files there.
    #[error("{} is in use by another process; stop it, or choose another directory", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// Written by a version with another layout.
    #[error("{} holds {found:?}, this version reads {FORMAT:?}; choose another directory", dir.display())]
    OtherVersion {
        /// The directory.
        dir: PathBuf,
        /// What its format file says, cut short.
        found: String,
    },
    /// The file system refused.
    #[error("cannot prepare {}: {source}", path.display())]
    Io {
        /// What was being prepared.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The backend refused.
    #[error("cannot use the storage's backend: {why}")]
    Backend {
        /// The cause.
        why: String,
    },
}

/// Why a file was not added.
#[derive(Debug, thiserror::Error)]
pub enum Add {
    /// No space is left on the device, or a quota of it is reached.
    #[error("the disk under {} is full; free space or move the data directory", dir.display())]
    DiskFull {
        /// Where the bytes were written.
        dir: PathBuf,
    },
    /// Over [`Settings::blob_bytes_max`].
    #[error("the file has more than {max_bytes} bytes, the largest taken")]
    TooLarge {
        /// The bound.
        max_bytes: u64,
    },
    /// Over [`Settings::total_bytes_max`].
    #[error("the store is full: it keeps at most {max_bytes} bytes")]
    Quota {
        /// The bound.
        max_bytes: u64,
    },
    /// Reading what was to be added failed.
    #[error("cannot read what is to be added: {0}")]
    Source(#[source] io::Error),
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
    /// The backend refused.
    #[error("{why}")]
    Backend {
        /// The cause.
        why: String,
    },
}

/// Why something was not read.
#[derive(Debug, thiserror::Error)]
pub enum Read {
    /// Never added here, or removed since.
    #[error("{key} is not stored here")]
    NotFound {
        /// The name asked for.
        key: Key,
    },
    /// Larger than the reader takes, or than any file here may be.
    #[error("{key} has {size_bytes} bytes, more than the {max_bytes} that are read at most")]
    TooLarge {
        /// The name asked for.
        key: Key,
        /// Its size.
        size_bytes: u64,
        /// The bound.
        max_bytes: u64,
    },
    /// A node that somebody put here and that makes no sense, or a directory where a file is meant.
    #[error("{key}: {why}")]
    Broken {
        /// The name of the node.
        key: Key,
        /// What is wrong with it.
        why: String,
    },
    /// The backend failed.
    #[error("cannot read {key}: {why}")]
    Io {
        /// The name asked for.
        key: Key,
        /// The cause.
        why: String,
    },
}

/// An added file.
pub type Added = crate::tree::Root;

impl Blobs {
    /// Opens a directory, made if absent, with default [`Settings`].
    ///
    /// # Errors
    /// [`Open`] says who or what is in the way.
    pub fn open(dir: &Path) -> Result<Self, Open> {
        Self::open_with(dir, Settings::default())
    }

    /// Opens a directory, made if absent, and drops what a crash left unfinished in it.
    ///
    /// # Errors
    /// [`Open`] says who or what is in the way.
    pub fn open_with(dir: &Path, settings: Settings) -> Result<Self, Open> {
        let place = Place::open(dir)?;
        let local = Local::open(dir, &place.incoming, settings.durable);
        let local = local.map_err(|(path, source)| Open::Io { path, source })?;
        let used = local.used_bytes(rounded).map_err(|fault| Open::Backend { why: fault.to_string() })?;
        Self::over(place, Box::new(local), used, settings)
    }

    /// As [`Blobs::open_with`], with the content where `backing` says.
    ///
    /// # Errors
    /// [`Open`], also if the backend does not answer: nothing else stands in for it.
    pub async fn open_on(dir: &Path, settings: Settings, backing: &Backing) -> Result<Self, Open> {
        let refused = |why| Open::Backend { why };
        let bucket = match backing {
            Backing::Disk => return Self::open_with(dir, settings),
            Backing::Bucket(bucket) => bucket,
        };
        let place = Place::open(dir)?;
        let backend = S3::open(bucket, dir).await.map_err(refused)?;
        let used = backend.list().try_fold(0_u64, |sum, listed| {
            std::future::ready(Ok(sum.saturating_add(rounded(listed.found.size_bytes))))
        });
        let used = used.await.map_err(|fault| refused(fault.to_string()))?;
        Self::over(place, Box::new(backend), used, settings)
    }

    fn over(place: Place, backend: Box<dyn Backend>, used: u64, settings: Settings) -> Result<Self, Open> {
        let Place { dir, incoming, lock } = place;
        let pins = Pins::open(&dir.join("pins"), settings.pins_max, settings.durable)
            .map_err(|source| Open::Io { path: dir.join("pins"), source })?;
        let used = Arc::new(Used { bytes: AtomicU64::new(used), max_bytes: settings.total_bytes_max });
        let partials = partial::Partials::open(&dir.join("uploads"), &used)
            .map_err(|source| Open::Io { path: dir.join("uploads"), source })?;
        Ok(Self(Arc::new(Store {
            backend,
            incoming,
            dir,
            settings,
            used,
            pins,
            partials,
            gate: tokio::sync::RwLock::new(()),
            collecting: collect::Watch::default(),
            computing: Semaphore::new(COMPUTED_AT_ONCE_MAX),
            _lock: lock,
        })))
    }

    /// Adds bytes in memory.
    ///
    /// # Errors
    /// [`Add`]; nothing is kept then.
    pub async fn add_bytes(&self, content: &[u8]) -> Result<Added, Add> {
        let mut adding = self.begin(Layout::default());
        adding.write(Bytes::copy_from_slice(content)).await?;
        self.end(adding).await
    }

    /// Adds what a reader yields until its end.
    ///
    /// # Errors
    /// [`Add`]; nothing is kept then.
    pub async fn add_reader(&self, mut reader: impl AsyncRead + Unpin) -> Result<Added, Add> {
        let mut adding = self.begin(Layout::default());
        loop {
            let mut piece = Vec::with_capacity(CHUNK_BYTES);
            let limit = CHUNK_BYTES as u64;
            (&mut reader).take(limit).read_to_end(&mut piece).await.map_err(Add::Source)?;
            if piece.is_empty() {
                return self.end(adding).await;
            }
            adding.write(piece.into()).await?;
        }
    }

    /// Adds a copy of a file.
    ///
    /// # Errors
    /// [`Add`]; nothing is kept then.
    pub async fn add_file(&self, path: &Path) -> Result<Added, Add> {
        let file = tokio::fs::File::open(path).await.map_err(Add::Source)?;
        self.add_reader(file).await
    }

    /// Starts a file whose bytes come in pieces. Dropped unfinished, it leaves nothing.
    pub(crate) fn begin(&self, layout: Layout) -> Adding {
        Adding::new(self.0.clone(), layout, true)
    }

    /// Starts a file of which only the name is asked for.
    pub(crate) fn begin_unkept(&self, layout: Layout) -> Adding {
        Adding::new(self.0.clone(), layout, false)
    }

    /// Names a file of kubo's default layout.
    async fn end(&self, adding: Adding) -> Result<Added, Add> {
        let staged = adding.finish().await?;
        let root = staged.root;
        self.keep(vec![staged], Vec::new()).await?;
        let cid = Cid::from_digest(*root.key.digest());
        Ok(Added { cid, size_bytes: root.size_bytes, dag_bytes: root.dag_bytes })
    }

    /// Bytes in use, and the most that may be.
    pub fn used_bytes(&self) -> (u64, u64) {
        (self.0.used.bytes.load(Ordering::Relaxed), self.0.used.max_bytes)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0
    }

    pub(crate) fn shared(&self) -> &Arc<Store> {
        &self.0
    }
}

impl Store {
    fn adding(&self, fault: Fault) -> Add {
        match fault {
            Fault::Full => Add::DiskFull { dir: self.dir.clone() },
            Fault::Io { step, path, source } => Add::Io { step, path, source },
            fault @ Fault::Remote { .. } => Add::Backend { why: fault.to_string() },
        }
    }

    /// Waits for a place among those who compute trees.
    pub(crate) async fn computing(&self) -> tokio::sync::SemaphorePermit<'_> {
        self.computing.acquire().await.expect("never closed")
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn pins(&self) -> &Pins {
        &self.pins
    }
}

impl Used {
    /// Counts `bytes` more, unless that would be too many.
    fn take(&self, bytes: u64) -> Result<(), Add> {
        let taken = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|used| *used <= self.max_bytes)
        });
        taken.map(drop).map_err(|_| Add::Quota { max_bytes: self.max_bytes })
    }

    fn give_back(&self, bytes: u64) {
        let _ = self
            .bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| Some(used.saturating_sub(bytes)));
    }
}

/// What a thing of that size counts as.
fn rounded(size_bytes: u64) -> u64 {
    size_bytes.max(1).next_multiple_of(ROUND_BYTES)
}

/// A directory that is ours alone.
struct Place {
    dir: PathBuf,
    incoming: PathBuf,
    lock: File,
}

impl Place {
    fn open(dir: &Path) -> Result<Self, Open> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| Open::Io { path, source }
        };
        fs::create_dir_all(dir).map_err(at(dir))?;
        let lock_path = dir.join("lock");
        let lock = File::create(&lock_path).map_err(at(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Open::InUse { dir: dir.to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(at(&lock_path)(source)),
        }
        check_format(dir)?;
        let incoming = dir.join("incoming");
        match fs::remove_dir_all(&incoming) {
            Err(source) if source.kind() != ErrorKind::NotFound => return Err(at(&incoming)(source)),
            _ => {}
        }
        fs::create_dir_all(&incoming).map_err(at(&incoming))?;
        Ok(Self { dir: dir.to_owned(), incoming, lock })
    }
}

fn check_format(dir: &Path) -> Result<(), Open> {
    let path = dir.join("format");
    match fs::read(&path) {
        Ok(found) if found == FORMAT.as_bytes() => Ok(()),
        Ok(found) => Err(Open::OtherVersion {
            dir: dir.to_owned(),
            found: String::from_utf8_lossy(&found).chars().take(64).collect(),
        }),
        Err(source) if source.kind() == ErrorKind::NotFound => {
            fs::write(&path, FORMAT).map_err(|source| Open::Io { path, source })
        }
        Err(source) => Err(Open::Io { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_disk_has_a_name_and_other_failures_another() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(dir.path()).unwrap();
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
            let error = blobs.0.adding(crate::backend::local::failed("write", dir.path())(kind.into()));
            assert!(matches!(&error, Add::DiskFull { .. }), "{error}");
        }
        fs::remove_dir(dir.path().join("incoming")).unwrap();
        let error = blobs.add_bytes(b"x").await.unwrap_err();
        assert!(matches!(&error, Add::Io { step: "create a file in", .. }), "{error}");
        assert_eq!(blobs.used_bytes().0, 0, "what was not kept is not counted");
    }
}
