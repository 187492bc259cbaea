//! Uploads that may be broken off and resumed: their bytes lie in `uploads/` until all are there, across restarts.
//!
//! `<id>` holds the bytes so far, `<id>.length` how many there will be, `<id>.cid` the name after the last. The whole
//! length counts in the quota from the start. Who does not go on within [`EXPIRY`] starts again.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tempfile::TempPath;

use super::adding::Charge;
use super::{Add, Blobs, Staged, Used};
use crate::backend::local::failed;
use crate::blocking;
use crate::key::Key;
use crate::tree::{Layout, Tree};

/// Uploads that are open or remembered at once.
const UPLOADS_MAX: usize = 256;
/// How long an upload is kept after its last change.
pub(crate) const EXPIRY: Duration = Duration::from_secs(24 * 3600);
/// Bytes read at a time to hash what has arrived.
const PIECE_BYTES: usize = 1 << 20;

/// Why an upload does not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    #[error("there is no such upload; it may have expired")]
    Unknown,
    #[error("the upload is at byte {at}, not at {asked}")]
    Offset { asked: u64, at: u64 },
    #[error("another request is writing to this upload")]
    Locked,
    #[error("more bytes than the {length} announced")]
    TooLong { length: u64 },
    #[error("{UPLOADS_MAX} uploads are open; try again later")]
    TooMany,
    #[error(transparent)]
    Add(#[from] Add),
}

/// The uploads of one store.
#[derive(Debug)]
pub(crate) struct Partials {
    dir: PathBuf,
    open: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Partial>>>>,
}

/// One upload.
#[derive(Debug)]
pub(crate) struct Partial {
    path: PathBuf,
    length: u64,
    at: u64,
    changed: SystemTime,
    /// Given up when the upload is whole, or its file is gone.
    charge: Option<Charge>,
    done: Option<Key>,
}

/// Where an upload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) at: u64,
    pub(crate) length: u64,
    pub(crate) expires: SystemTime,
    /// The name, once all bytes are there.
    pub(crate) done: Option<Key>,
}

impl Partial {
    fn standing(&self) -> Standing {
        Standing { at: self.at, length: self.length, expires: self.changed + EXPIRY, done: self.done }
    }

    fn beside(&self, what: &str) -> PathBuf {
        self.path.with_extension(what)
    }

    fn remove(&self) {
        for path in [self.path.clone(), self.beside("length"), self.beside("cid")] {
            if let Err(error) = fs::remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(path = %path.display(), %error, "an upload's file stays");
            }
        }
    }
}

impl Partials {
    /// Reads what earlier runs left, as far as it has not expired and fits.
    pub(super) fn open(dir: &Path, used: &Arc<Used>) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let mut open = HashMap::new();
        for entry in fs::read_dir(dir)? {
            let length_path = entry?.path();
            if length_path.extension().is_none_or(|extension| extension != "length") {
                continue;
            }
            let path = length_path.with_extension("");
            let Some(id) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else {
                continue;
            };
            let length = fs::read_to_string(&length_path)?.trim().parse().unwrap_or(0);
            let done = fs::read_to_string(path.with_extension("cid")).ok();
            let done: Option<Key> = done.and_then(|text| text.trim().parse().ok());
            let meta = fs::metadata(&path).or_else(|_| fs::metadata(&length_path))?;
            let at = if done.is_some() { length } else { fs::metadata(&path).map_or(0, |meta| meta.len()) };
            let mut charge = Charge::new(used.clone());
            let fits = done.is_some() || charge.grow_to(length).is_ok();
            let changed = meta.modified()?;
            let charge = done.is_none().then_some(charge);
            let expired = changed + EXPIRY < SystemTime::now();
            // Killed before it had a file of its own.
            let lost = done.is_none() && !path.exists();
            let partial = Partial { path, length, at, changed, charge, done };
            if expired || lost || !fits || at > length || open.len() >= UPLOADS_MAX {
                partial.remove();
            } else {
                open.insert(id, Arc::new(tokio::sync::Mutex::new(partial)));
            }
        }
        Ok(Self { dir: dir.to_owned(), open: Mutex::new(open) })
    }

    fn get(&self, id: &str) -> Result<Arc<tokio::sync::Mutex<Partial>>, Stopped> {
        self.expire();
        let open = self.open.lock().expect("no holder of this lock panics");
        open.get(id).cloned().ok_or(Stopped::Unknown)
    }

    /// Removes what expired; an upload that somebody is writing to has not.
    fn expire(&self) {
        let now = SystemTime::now();
        self.open.lock().expect("no holder of this lock panics").retain(|_, partial| {
            let Ok(partial) = partial.try_lock() else { return true };
            let stays = partial.standing().expires >= now;
            if !stays {
                partial.remove();
            }
            stays
        });
    }
}

impl Blobs {
    /// Opens an upload of so many bytes; answers its id.
    ///
    /// # Errors
    /// [`Stopped`].
    pub(crate) async fn open_upload(&self, length: u64) -> Result<(String, Standing), Stopped> {
        let store = self.shared().clone();
        let max_bytes = store.settings.blob_bytes_max;
        if length > max_bytes {
            return Err(Add::TooLarge { max_bytes }.into());
        }
        store.partials.expire();
        let id = hex::encode(rand::random::<[u8; 16]>());
        let mut charge = Charge::new(store.used.clone());
        charge.grow_to(length)?;
        let path = store.partials.dir.join(&id);
        let changed = SystemTime::now();
        let partial =
            Partial { path: path.clone(), length, at: 0, changed, charge: Some(charge), done: None };
        let standing = partial.standing();
        {
            let mut open = store.partials.open.lock().expect("no holder of this lock panics");
            if open.len() >= UPLOADS_MAX {
                return Err(Stopped::TooMany);
            }
            open.insert(id.clone(), Arc::new(tokio::sync::Mutex::new(partial)));
        }
        let length_path = path.with_extension("length");
        let written = blocking(move || {
            File::create_new(&path).map_err(failed("create", &path))?;
            fs::write(&length_path, length.to_string()).map_err(failed("write", &length_path))
        });
        if let Err(fault) = written.await {
            self.close_upload(&id).await?;
            return Err(store.adding(fault).into());
        }
        if length == 0 {
            return Ok((id.clone(), self.append(&id, 0, futures::stream::empty()).await?));
        }
        Ok((id, standing))
    }

    /// Where an upload stands.
    ///
    /// # Errors
    /// [`Stopped::Unknown`], or [`Stopped::Locked`] while it is being written to.
    pub(crate) async fn upload(&self, id: &str) -> Result<Standing, Stopped> {
        let partial = self.store().partials.get(id)?;
        let partial = partial.try_lock().map_err(|_| Stopped::Locked)?;
        Ok(partial.standing())
    }

    /// Takes the bytes from `offset` on. What arrived before a failure stays. With the last byte the file gets its name.
    ///
    /// # Errors
    /// [`Stopped`].
    pub(crate) async fn append(
        &self,
        id: &str,
        offset: u64,
        mut pieces: impl futures::Stream<Item = io::Result<Bytes>> + Unpin,
    ) -> Result<Standing, Stopped> {
        use futures::StreamExt as _;
        let store = self.shared().clone();
        let partial = store.partials.get(id)?;
        let mut partial = partial.try_lock_owned().map_err(|_| Stopped::Locked)?;
        if offset != partial.at || partial.done.is_some() {
            return Err(Stopped::Offset { asked: offset, at: partial.at });
        }
        let path = partial.path.clone();
        let opened =
            blocking(move || File::options().append(true).open(&path).map_err(failed("open", &path)));
        let mut file = opened.await.map_err(|fault| store.adding(fault))?;
        let mut broken = None;
        while let Some(piece) = pieces.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => {
                    broken = Some(Add::Source(error));
                    break;
                }
            };
            let after = partial.at + piece.len() as u64;
            if after > partial.length {
                return Err(Stopped::TooLong { length: partial.length });
            }
            let path = partial.path.clone();
            let written =
                blocking(move || file.write_all(&piece).map(|()| file).map_err(failed("write", &path)));
            file = written.await.map_err(|fault| store.adding(fault))?;
            (partial.at, partial.changed) = (after, SystemTime::now());
        }
        if store.settings.durable {
            let path = partial.path.clone();
            let synced = blocking(move || file.sync_data().map_err(failed("sync", &path)));
            synced.await.map_err(|fault| store.adding(fault))?;
        }
        if partial.at == partial.length && broken.is_none() {
            self.complete(&mut partial).await?;
        }
        broken.map_or(Ok(partial.standing()), |broken| Err(broken.into()))
    }

    async fn complete(&self, partial: &mut Partial) -> Result<(), Stopped> {
        let path = partial.path.clone();
        let hashed = blocking(move || hash(&path).map_err(failed("read", &path))).await;
        let root = hashed.map_err(|fault| self.store().adding(fault))?;
        // Under a second name: should the backend refuse, the bytes stay here, and the client asks again.
        let linked = self.store().incoming.join(partial.path.file_name().expect("its id"));
        let (from, to) = (partial.path.clone(), linked.clone());
        let made = blocking(move || fs::hard_link(&from, &to).map_err(failed("link", &to))).await;
        made.map_err(|fault| self.store().adding(fault))?;
        let temp = TempPath::try_from_path(linked).map_err(Add::Source)?;
        let charge = match partial.charge.take() {
            Some(charge) => charge,
            None => {
                let mut charge = Charge::new(self.store().used.clone());
                charge.grow_to(partial.length)?;
                charge
            }
        };
        let staged = Staged::new(root, Layout::default(), temp, charge);
        self.keep(vec![staged], Vec::new()).await?;
        let cid_path = partial.beside("cid");
        if let Err(error) = fs::write(&cid_path, root.key.to_string()) {
            // The file is there under its name; only who asks after a restart is told to upload it again.
            tracing::warn!(path = %cid_path.display(), %error, "an upload's name is not remembered");
        }
        partial.done = Some(root.key);
        if let Err(error) = fs::remove_file(&partial.path) {
            tracing::warn!(path = %partial.path.display(), %error, "an upload's bytes stay until it expires");
        }
        Ok(())
    }

    /// Gives an upload up. A file that got its name stays.
    ///
    /// # Errors
    /// [`Stopped::Unknown`], or [`Stopped::Locked`] while it is being written to.
    pub(crate) async fn close_upload(&self, id: &str) -> Result<(), Stopped> {
        let partials = &self.store().partials;
        let partial = partials.get(id)?;
        let partial = partial.try_lock().map_err(|_| Stopped::Locked)?;
        partial.remove();
        partials.open.lock().expect("no holder of this lock panics").remove(id);
        Ok(())
    }
}

fn hash(path: &Path) -> io::Result<crate::tree::Branch> {
    use std::io::Read as _;
    let mut file = File::open(path)?;
    let mut tree = Tree::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(tree.root()),
            length => tree.update(&piece[..length]),
        }
    }
}
