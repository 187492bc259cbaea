//! A directory of this machine.
//!
//! `files/<last two characters>/<name>` holds content, `blocks/…` single nodes, `layouts/…` how a file is laid out if
//! not as usual. A thing appears under its name by rename only, complete. If durable, its bytes are synced before the
//! rename and the directory after it, so that what was acknowledged also survives a power cut (a killed process loses
//! nothing either way).

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use tempfile::{NamedTempFile, TempPath};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use super::{
    Backend, Content, Doing, Fault, Found, Listed, Sort, Whole, is_recorded, layout_of, layout_text,
};
use crate::blocking;
use crate::dag::Block;
use crate::key::Key;
use crate::tree::Layout;

/// Bytes read from disk at a time.
const PIECE_BYTES: usize = 64 * 1024;
/// Things listed before somebody asks for them.
const LISTED_AHEAD: usize = 256;
/// Longest record of a layout.
const LAYOUT_BYTES_MAX: u64 = 64;

/// A directory of this machine.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    dir: PathBuf,
    incoming: PathBuf,
    durable: bool,
}

impl Local {
    /// Takes `dir`, making what is missing in it. Files on their way in lie in `incoming`, on the same file system.
    pub(crate) fn open(dir: &Path, incoming: &Path, durable: bool) -> Result<Self, (PathBuf, io::Error)> {
        for shelf in ["files", "blocks", "layouts"] {
            let path = dir.join(shelf);
            fs::create_dir_all(&path).map_err(|source| (path, source))?;
        }
        Ok(Self { dir: dir.to_owned(), incoming: incoming.to_owned(), durable })
    }

    fn path(&self, shelf: &str, key: Key) -> PathBuf {
        let name = key.to_string();
        self.dir.join(shelf).join(&name[name.len() - 2..]).join(name)
    }

    fn path_of(&self, sort: Sort, key: Key) -> PathBuf {
        match sort {
            Sort::File => self.path("files", key),
            Sort::Block => self.path("blocks", key),
        }
    }

    /// Gives a file its name, unless one of that name and size is there; true if it was not.
    fn name(&self, temp: TempPath, size_bytes: u64, path: &Path) -> Result<bool, Fault> {
        let dir = path.parent().expect("a name lies in a directory");
        if self.refreshed(path, size_bytes)? {
            return Ok(false);
        }
        if self.durable {
            File::open(&temp).and_then(|file| file.sync_all()).map_err(failed("sync", &temp))?;
        }
        let fresh_dir = !dir.exists();
        fs::create_dir_all(dir).map_err(failed("create", dir))?;
        if fresh_dir && self.durable {
            let above = dir.parent().expect("shelves lie in a directory");
            sync_dir(above).map_err(failed("sync", above))?;
        }
        let renamed = temp.persist(path).map_err(|error| error.error);
        renamed.map_err(failed("rename a file to", path))?;
        self.settle(dir)?;
        Ok(true)
    }

    /// Whether a thing of that size is there, whose age is then that of now.
    fn refreshed(&self, path: &Path, size_bytes: u64) -> Result<bool, Fault> {
        if !fs::metadata(path).is_ok_and(|meta| meta.len() == size_bytes) {
            return Ok(false);
        }
        let touched = File::options().append(true).open(path).and_then(|f| f.set_modified(SystemTime::now()));
        touched.map_err(failed("refresh", path))?;
        // Whoever added it first may not have come this far yet.
        self.settle(path.parent().expect("a name lies in a directory"))?;
        Ok(true)
    }

    fn settle(&self, dir: &Path) -> Result<(), Fault> {
        if self.durable { sync_dir(dir).map_err(failed("sync", dir)) } else { Ok(()) }
    }

    /// Writes a small thing beside the shelves, then names it.
    fn write(&self, bytes: &[u8], path: &Path) -> Result<bool, Fault> {
        if self.refreshed(path, bytes.len() as u64)? {
            return Ok(false);
        }
        let temp = NamedTempFile::new_in(&self.incoming);
        let mut temp = temp.map_err(failed("create a file in", &self.incoming))?;
        temp.write_all(bytes).map_err(failed("write", path))?;
        self.name(temp.into_temp_path(), bytes.len() as u64, path)
    }

    fn listed(&self) -> impl Iterator<Item = Result<Listed, Fault>> + Send + use<> {
        let shelves = [("files", Sort::File), ("blocks", Sort::Block)];
        let dir = self.dir.clone();
        shelves.into_iter().flat_map(move |(shelf, sort)| {
            let paths = entries(&dir.join(shelf)).flat_map(|subdir| -> Paths {
                match subdir {
                    Ok(subdir) => Box::new(entries(&subdir)),
                    Err(fault) => Box::new(std::iter::once(Err(fault))),
                }
            });
            paths.filter_map(move |path| match path {
                Ok(path) => listed(&path, sort),
                Err(fault) => Some(Err(fault)),
            })
        })
    }

    /// Bytes of all that is kept, each rounded up by `rounded`. Blocking.
    pub(crate) fn used_bytes(&self, rounded: impl Fn(u64) -> u64) -> Result<u64, Fault> {
        self.listed().try_fold(0, |sum, listed| Ok(sum + rounded(listed?.found.size_bytes)))
    }
}

impl Backend for Local {
    fn keep_file(&self, whole: Whole) -> Doing<'_, bool> {
        let this = self.clone();
        Box::pin(blocking(move || {
            let Whole { key, layout, size_bytes, path } = whole;
            if is_recorded(&layout, size_bytes) {
                this.write(layout_text(&layout).as_bytes(), &this.path("layouts", key))?;
            }
            this.name(path, size_bytes, &this.path_of(Sort::File, key))
        }))
    }

    fn keep_block(&self, block: Block) -> Doing<'_, bool> {
        let this = self.clone();
        Box::pin(blocking(move || this.write(&block.bytes, &this.path_of(Sort::Block, block.key))))
    }

    fn find(&self, key: Key) -> Doing<'_, Option<Found>> {
        Box::pin(async move {
            for sort in [Sort::File, Sort::Block] {
                let path = self.path_of(sort, key);
                match tokio::fs::metadata(&path).await {
                    Ok(meta) => return Ok(Some(Found { sort, size_bytes: meta.len() })),
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(source) => return Err(failed("look at", &path)(source)),
                }
            }
            Ok(None)
        })
    }

    fn layout(&self, key: Key) -> Doing<'_, Layout> {
        let path = self.path("layouts", key);
        Box::pin(blocking(move || {
            let mut text = String::new();
            let file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Layout::default()),
                Err(source) => return Err(failed("open", &path)(source)),
            };
            file.take(LAYOUT_BYTES_MAX).read_to_string(&mut text).map_err(failed("read", &path))?;
            let broken = || io::Error::new(ErrorKind::InvalidData, "not a layout");
            layout_of(&text).ok_or_else(|| failed("understand", &path)(broken()))
        }))
    }

    fn read(&self, key: Key, sort: Sort, range: Range<u64>) -> Doing<'_, Content> {
        let path = self.path_of(sort, key);
        Box::pin(blocking(move || {
            let mut file = File::open(&path).map_err(failed("open", &path))?;
            file.seek(SeekFrom::Start(range.start)).map_err(failed("read", &path))?;
            let file = tokio::fs::File::from_std(file).take(range.end - range.start);
            Ok(ReaderStream::with_capacity(file, PIECE_BYTES).boxed())
        }))
    }

    fn remove(&self, key: Key, sort: Sort) -> Doing<'_, ()> {
        let mut paths = vec![self.path_of(sort, key)];
        if sort == Sort::File {
            paths.push(self.path("layouts", key));
        }
        Box::pin(blocking(move || {
            for path in paths {
                match fs::remove_file(&path) {
                    Err(source) if source.kind() != ErrorKind::NotFound => {
                        return Err(failed("remove", &path)(source));
                    }
                    _ => {}
                }
            }
            Ok(())
        }))
    }

    fn list(&self) -> BoxStream<'_, Result<Listed, Fault>> {
        // Directories are read on a blocking thread, a little ahead of whoever asks.
        let (sender, receiver) = tokio::sync::mpsc::channel(LISTED_AHEAD);
        let mut listed = self.listed();
        tokio::task::spawn_blocking(move || listed.try_for_each(|each| sender.blocking_send(each)));
        futures::stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)))
            .boxed()
    }
}

type Paths = Box<dyn Iterator<Item = Result<PathBuf, Fault>> + Send>;

/// The paths in a directory; a directory that vanished is empty.
fn entries(dir: &Path) -> impl Iterator<Item = Result<PathBuf, Fault>> + Send + use<> {
    let (found, fault) = match fs::read_dir(dir) {
        Ok(found) => (Some(found), None),
        Err(source) if source.kind() == ErrorKind::NotFound => (None, None),
        Err(source) => (None, Some(failed("list", dir)(source))),
    };
    let dir = dir.to_owned();
    let found = found.into_iter().flatten();
    let paths = found.map(move |entry| entry.map(|entry| entry.path()).map_err(failed("list", &dir)));
    fault.map(Err).into_iter().chain(paths)
}

/// A thing kept; `None` for a file whose name is none of ours, or that vanished.
fn listed(path: &Path, sort: Sort) -> Option<Result<Listed, Fault>> {
    let key = path.file_name()?.to_str()?.parse().ok()?;
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(source) => return Some(Err(failed("look at", path)(source))),
    };
    let added = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    Some(Ok(Listed { key, found: Found { sort, size_bytes: meta.len() }, added }))
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

pub(crate) fn failed(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Fault + use<> {
    let path = path.to_owned();
    move |source| match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Fault::Full,
        _ => Fault::Io { step, path, source },
    }
}
