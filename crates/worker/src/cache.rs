//! Content by its identifier, kept between tasks up to a bound.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use alloy_primitives::B256;
use metacloud_blobs::{BlobClient, Cid, Fetch};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

/// A directory of files named by their identifier.
pub(crate) struct Cache {
    dir: PathBuf,
    bytes_max: u64,
    clock: AtomicU64,
    entries: Mutex<HashMap<Cid, Arc<Entry>>>,
}

/// One file, in use as long as somebody besides the cache holds it.
#[derive(Debug)]
pub(crate) struct Entry {
    path: PathBuf,
    used: AtomicU64,
    /// On this disk, as far as known; 0 while it is not there.
    size_bytes: AtomicU64,
    /// Set once the file is there and measured. Whoever comes first fetches, the others wait.
    content: OnceCell<Content>,
}

/// What is known of a file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) size_bytes: u64,
    pub(crate) sha256: B256,
}

/// A file that stays until this is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Kept(Arc<Entry>);

impl Entry {
    fn new(path: PathBuf, size_bytes: u64) -> Arc<Self> {
        let (used, size_bytes) = (AtomicU64::new(0), AtomicU64::new(size_bytes));
        Arc::new(Self { path, used, size_bytes, content: OnceCell::new() })
    }
}

impl Kept {
    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }

    pub(crate) fn content(&self) -> Content {
        *self.0.content.get().expect("kept files were fetched")
    }
}

impl Cache {
    /// Opens the directory, made if absent; files left by a crash in the middle of a download are removed.
    pub(crate) fn open(dir: PathBuf, bytes_max: u64) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        let mut entries = HashMap::new();
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            let path = entry.path();
            match entry.file_name().to_str().and_then(|name| name.parse::<Cid>().ok()) {
                Some(cid) => drop(entries.insert(cid, Entry::new(path, entry.metadata()?.len()))),
                None => fs::remove_file(&path)?,
            }
        }
        Ok(Self { dir, bytes_max, clock: AtomicU64::new(1), entries: Mutex::new(entries) })
    }

    /// The content of `cid`, fetched unless it is there. Concurrent calls for one identifier share one download.
    ///
    /// # Errors
    /// As the download; the next caller tries again.
    pub(crate) async fn get(&self, cid: Cid, client: &BlobClient, size_max: u64) -> Result<Kept, Fetch> {
        let entry = self.entry(cid);
        let fetch = || async {
            if !entry.path.exists() {
                client.fetch_to_file(&cid, &entry.path, size_max).await?;
            }
            let path = entry.path.clone();
            let measured = tokio::task::spawn_blocking(move || measure(&path)).await;
            measured
                .map_err(io::Error::other)
                .flatten()
                .map_err(|source| Fetch::Write { path: entry.path.clone(), source })
        };
        let content = *entry.content.get_or_try_init(fetch).await?;
        entry.size_bytes.store(content.size_bytes, Ordering::Relaxed);
        self.evict();
        if content.size_bytes > size_max {
            return Err(Fetch::TooLarge { url: format!("/ipfs/{cid}"), max_bytes: size_max });
        }
        Ok(Kept(entry))
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Cid, Arc<Entry>>> {
        self.entries.lock().expect("nothing panics while it holds the map")
    }

    fn entry(&self, cid: Cid) -> Arc<Entry> {
        let new = || Entry::new(self.dir.join(cid.to_string()), 0);
        let entry = Arc::clone(self.entries().entry(cid).or_insert_with(new));
        entry.used.store(self.clock.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        entry
    }

    /// Removes what nobody uses, longest unused first, until the bound holds.
    fn evict(&self) {
        let mut entries = self.entries();
        let size = |entry: &Entry| entry.size_bytes.load(Ordering::Relaxed);
        let mut total: u64 = entries.values().map(|entry| size(entry)).sum();
        let mut idle: Vec<(u64, Cid)> = entries
            .iter()
            .filter(|(_, entry)| Arc::strong_count(entry) == 1)
            .map(|(cid, entry)| (entry.used.load(Ordering::Relaxed), *cid))
            .collect();
        idle.sort_unstable();
        for (_, cid) in idle {
            if total <= self.bytes_max {
                break;
            }
            let entry = entries.remove(&cid).expect("it was listed under the same lock");
            total -= size(&entry);
            // An entry whose download failed has no file.
            if let Err(error) = fs::remove_file(&entry.path)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(path = %entry.path.display(), %error, "cached file cannot be removed");
            }
        }
    }
}

/// Size and hash of a file. Blocks.
pub(crate) fn measure(path: &Path) -> io::Result<Content> {
    let mut file = fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    let mut size_bytes = 0;
    loop {
        let length = file.read(&mut piece)?;
        if length == 0 {
            let sha256 = B256::from_slice(&hash.finalize());
            return Ok(Content { size_bytes, sha256 });
        }
        size_bytes += length as u64;
        hash.update(&piece[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing listens there: whoever asks the network fails.
    fn nobody() -> BlobClient {
        BlobClient::new("http://127.0.0.1:9", "http://127.0.0.1:9").unwrap()
    }

    fn cid(byte: u8) -> Cid {
        Cid::from_digest([byte; 32])
    }

    fn with_files(sizes: &[(u8, usize)], bytes_max: u64) -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        for (byte, size) in sizes {
            fs::write(dir.path().join(cid(*byte).to_string()), vec![*byte; *size]).unwrap();
        }
        let cache = Cache::open(dir.path().to_owned(), bytes_max).unwrap();
        (dir, cache)
    }

    #[tokio::test]
    async fn longest_unused_content_goes_first_and_content_in_use_stays() {
        let (_dir, cache) = with_files(&[(1, 40), (2, 40), (3, 40)], 50);
        let in_use = cache.get(cid(1), &nobody(), 100).await.unwrap();
        assert!(in_use.path().exists(), "over the bound, but in use");

        assert!(cache.get(cid(2), &nobody(), 100).await.is_err(), "evicted when the first was taken");
        drop(cache.get(cid(3), &nobody(), 100).await.unwrap_err());
        drop(in_use);
        let again = cache.get(cid(1), &nobody(), 100).await.unwrap();
        assert_eq!(again.content().size_bytes, 40);
        assert_eq!(again.content().sha256, B256::from_slice(&Sha256::digest([1; 40])));
    }

    #[tokio::test]
    async fn content_over_the_callers_bound_is_refused_though_it_is_there() {
        let (_dir, cache) = with_files(&[(1, 40)], 100);
        assert!(matches!(cache.get(cid(1), &nobody(), 39).await, Err(Fetch::TooLarge { .. })));
        assert!(cache.get(cid(1), &nobody(), 40).await.is_ok());
    }

    #[test]
    fn leftovers_of_a_crashed_download_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".tmpAbCdEf"), "half").unwrap();
        Cache::open(dir.path().to_owned(), 1).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
