//! A directory of files kept under their names.
//!
//! Whole files, `files/<last two characters>/<cid>`; the nodes of the tree are computed, never stored. A file
//! appears under its name by rename only, complete: what a crash interrupts stays in `incoming/`, which the next
//! [`Blobs::open`] empties. With [`Settings::durable`] the bytes are synced before the rename and the directory
//! after it, so that an acknowledged file also survives a power cut (a killed process loses nothing either way).

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::Cid;
use crate::tree::{CHUNK_BYTES, Tree};

/// Layout of the directory; another number is refused.
const FORMAT: &str = "metacloud blobs 1\n";

/// How a directory of files is kept.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Sync each file before it is acknowledged. Off for directories that are thrown away at the end.
    pub durable: bool,
    /// Largest file taken.
    pub blob_bytes_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { durable: true, blob_bytes_max: 4 << 30 }
    }
}

/// A directory of files kept under their names. A handle: clones share it.
#[derive(Clone, Debug)]
pub struct Blobs(Arc<Shelf>);

#[derive(Debug)]
struct Shelf {
    files: PathBuf,
    incoming: PathBuf,
    settings: Settings,
    /// Held for the life of the handle; the kernel frees it with the process.
    _lock: File,
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
}

/// Why a file was not added.
#[derive(Debug, thiserror::Error)]
pub enum Add {
    /// No space is left on the device, or a quota is reached.
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
}

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum Read {
    /// Never added here.
    #[error("{cid} is not stored here")]
    NotFound {
        /// The name asked for.
        cid: Cid,
    },
    /// Larger than the reader takes.
    #[error("{cid} has {size_bytes} bytes, more than the {max_bytes} asked for at most")]
    TooLarge {
        /// The name asked for.
        cid: Cid,
        /// Its size.
        size_bytes: u64,
        /// The reader's bound.
        max_bytes: u64,
    },
    /// The file system refused.
    #[error("cannot read {cid}: {source}")]
    Io {
        /// The name asked for.
        cid: Cid,
        /// The cause.
        source: io::Error,
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
        let files = dir.join("files");
        for path in [&incoming, &files] {
            fs::create_dir_all(path).map_err(at(path))?;
        }
        Ok(Self(Arc::new(Shelf { files, incoming, settings, _lock: lock })))
    }

    /// Adds bytes in memory.
    ///
    /// # Errors
    /// [`Add`]; nothing is kept then.
    pub async fn add_bytes(&self, content: &[u8]) -> Result<Added, Add> {
        let mut adding = self.begin().await?;
        adding.write(Bytes::copy_from_slice(content)).await?;
        adding.finish().await
    }

    /// Adds what a reader yields until its end.
    ///
    /// # Errors
    /// [`Add`]; nothing is kept then.
    pub async fn add_reader(&self, mut reader: impl AsyncRead + Unpin) -> Result<Added, Add> {
        let mut adding = self.begin().await?;
        loop {
            let mut piece = Vec::with_capacity(CHUNK_BYTES);
            let limit = CHUNK_BYTES as u64;
            (&mut reader).take(limit).read_to_end(&mut piece).await.map_err(Add::Source)?;
            if piece.is_empty() {
                return adding.finish().await;
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
    pub(crate) async fn begin(&self) -> Result<Adding, Add> {
        let shelf = self.0.clone();
        let writer = blocking(move || Writer::new(shelf)).await?;
        Ok(Adding { writer })
    }

    /// Whether a file is here.
    pub async fn has(&self, cid: &Cid) -> bool {
        self.size(cid).await.is_ok()
    }

    /// Its size in bytes.
    ///
    /// # Errors
    /// [`Read::NotFound`], or [`Read::Io`].
    pub async fn size(&self, cid: &Cid) -> Result<u64, Read> {
        let found = tokio::fs::metadata(self.0.path(cid)).await;
        found.map(|meta| meta.len()).map_err(reading(cid))
    }

    /// The whole file, if it has at most `max_bytes`.
    ///
    /// # Errors
    /// [`Read`].
    pub async fn get_bytes(&self, cid: &Cid, max_bytes: u64) -> Result<Vec<u8>, Read> {
        let (size_bytes, mut file) = self.open_stream(cid).await?;
        if size_bytes > max_bytes {
            return Err(Read::TooLarge { cid: *cid, size_bytes, max_bytes });
        }
        let mut content = Vec::with_capacity(usize::try_from(size_bytes).unwrap_or_default());
        file.read_to_end(&mut content).await.map_err(reading(cid))?;
        Ok(content)
    }

    /// The file's size in bytes and its content, to be read in pieces and from any position.
    ///
    /// # Errors
    /// [`Read::NotFound`], or [`Read::Io`].
    pub async fn open_stream(&self, cid: &Cid) -> Result<(u64, tokio::fs::File), Read> {
        let file = tokio::fs::File::open(self.0.path(cid)).await.map_err(reading(cid))?;
        let size_bytes = file.metadata().await.map_err(reading(cid))?.len();
        Ok((size_bytes, file))
    }
}

impl Shelf {
    fn path(&self, cid: &Cid) -> PathBuf {
        let name = cid.to_string();
        self.files.join(&name[name.len() - 2..]).join(name)
    }

    fn failed(&self, step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Add {
        let (dir, path) = (self.files.clone(), path.to_owned());
        move |source| match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Add::DiskFull { dir },
            _ => Add::Io { step, path, source },
        }
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

fn reading(cid: &Cid) -> impl FnOnce(io::Error) -> Read {
    let cid = *cid;
    move |source| match source.kind() {
        ErrorKind::NotFound => Read::NotFound { cid },
        _ => Read::Io { cid, source },
    }
}

/// A file on its way in, for async callers: hashing and disk happen on blocking threads, one piece at a time,
/// so a stalled sender holds no thread.
pub(crate) struct Adding {
    writer: Writer,
}

impl Adding {
    pub(crate) async fn write(&mut self, piece: Bytes) -> Result<(), Add> {
        self.writer.room_for(piece.len())?;
        let Some(mut open) = self.writer.open.take() else {
            unreachable!("an open writer is put back after each piece; a failed one is dropped by its owner");
        };
        let shelf = self.writer.shelf.clone();
        self.writer.open = Some(
            blocking(move || {
                open.tree.update(&piece);
                let written = open.temp.write_all(&piece);
                written.map_err(shelf.failed("write", open.temp.path()))?;
                Ok(open)
            })
            .await?,
        );
        Ok(())
    }

    pub(crate) async fn finish(self) -> Result<Added, Add> {
        blocking(move || self.writer.commit()).await
    }
}

struct Writer {
    shelf: Arc<Shelf>,
    size_bytes: u64,
    open: Option<Unfinished>,
}

struct Unfinished {
    temp: NamedTempFile,
    tree: Tree,
}

impl Writer {
    fn new(shelf: Arc<Shelf>) -> Result<Self, Add> {
        let temp = NamedTempFile::new_in(&shelf.incoming);
        let temp = temp.map_err(shelf.failed("create a file in", &shelf.incoming))?;
        Ok(Self { open: Some(Unfinished { temp, tree: Tree::new() }), size_bytes: 0, shelf })
    }

    fn room_for(&mut self, more: usize) -> Result<(), Add> {
        let max_bytes = self.shelf.settings.blob_bytes_max;
        self.size_bytes += more as u64;
        if self.size_bytes > max_bytes {
            return Err(Add::TooLarge { max_bytes });
        }
        Ok(())
    }

    /// Gives the file its name. A file of that name and size is left as it is.
    fn commit(self) -> Result<Added, Add> {
        let Self { shelf, open, .. } = self;
        let Some(Unfinished { temp, tree }) = open else {
            unreachable!("an open writer is put back after each piece; a failed one is dropped by its owner");
        };
        let added = tree.finish();
        let path = shelf.path(&added.cid);
        let dir = path.parent().expect("a name lies in a directory");
        let known = fs::metadata(&path).is_ok_and(|meta| meta.len() == added.size_bytes);
        if !known {
            let durable = shelf.settings.durable;
            if durable {
                let synced = temp.as_file().sync_all();
                synced.map_err(shelf.failed("sync", temp.path()))?;
            }
            let fresh_dir = !dir.exists();
            fs::create_dir_all(dir).map_err(shelf.failed("create", dir))?;
            if fresh_dir && durable {
                sync_dir(&shelf.files).map_err(shelf.failed("sync", &shelf.files))?;
            }
            let renamed = temp.persist(&path).map_err(|error| error.error);
            renamed.map_err(shelf.failed("rename a file to", &path))?;
        }
        if shelf.settings.durable {
            // Also for a known file: whoever added it first may not have come this far yet.
            sync_dir(dir).map_err(shelf.failed("sync", dir))?;
        }
        Ok(added)
    }
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Runs disk work off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Add> + Send + 'static,
) -> Result<T, Add> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
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
            let error = blobs.0.failed("write", dir.path())(kind.into());
            assert!(matches!(&error, Add::DiskFull { .. }), "{error}");
        }
        fs::remove_dir(dir.path().join("incoming")).unwrap();
        let error = blobs.add_bytes(b"x").await.unwrap_err();
        assert!(matches!(&error, Add::Io { step: "create a file in", .. }), "{error}");
    }
}
