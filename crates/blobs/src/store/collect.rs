//! Garbage collection: what nothing leads to any more is removed.
//!
//! Roots are the pins, what [`Roots`] names (live deals and assets, above all), and whatever was added less than a grace
//! time ago, with all that any of them links to. Additions go on meanwhile: each name that is given during a collection
//! is told to it, and things are removed in small batches while nothing is being named, after what was told has been
//! followed to its end.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use futures::StreamExt as _;
use futures::future::BoxFuture;

use super::{Blobs, rounded};
use crate::backend::{Backend, Fault, Found, Sort};
use crate::dag::{BLOCK_BYTES_MAX, Node};
use crate::key::{Codec, Key};

/// Things removed while nothing may be named.
const BATCH: usize = 64;
/// Batches after which the roots are asked again: what became live meanwhile stays.
const ROUND: usize = 16;
/// Names given during one collection; past it the collection ends early and removes nothing more.
const NAMED_MAX: usize = 1 << 20;

/// Names what must be kept beside the pins: whoever knows deals and assets.
pub trait Roots: Send + Sync {
    /// All names in use at `now`. Names of things that are not here are no error.
    ///
    /// # Errors
    /// [`RootsError`] if they cannot all be told; then nothing is removed.
    fn names(&self, now: SystemTime) -> BoxFuture<'_, Result<Vec<Key>, RootsError>>;
}

/// Why the names in use are not known now.
#[derive(Debug, thiserror::Error)]
#[error("what is in use cannot be told: {0}")]
pub struct RootsError(pub String);

impl Roots for Vec<Key> {
    fn names(&self, _: SystemTime) -> BoxFuture<'_, Result<Vec<Key>, RootsError>> {
        Box::pin(async { Ok(self.clone()) })
    }
}

/// What a collection did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Things removed.
    pub removed: u64,
    /// Their bytes, each thing rounded up to 4096.
    pub freed_bytes: u64,
    /// Things that stay.
    pub kept: u64,
}

/// What a collection under way is told of new names.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<Option<Vec<Key>>>);

impl Watch {
    pub(super) fn named(&self, key: Key) {
        if let Some(named) = self.0.lock().expect("no holder of this lock panics").as_mut()
            && named.len() <= NAMED_MAX
        {
            named.push(key);
        }
    }

    fn begin(&self) -> Option<Watching<'_>> {
        let mut watch = self.0.lock().expect("no holder of this lock panics");
        if watch.is_some() {
            return None;
        }
        *watch = Some(Vec::new());
        Some(Watching(self))
    }
}

/// Ends the watch, however the collection ends.
struct Watching<'a>(&'a Watch);

impl Watching<'_> {
    /// The names given since the last question; `None` if they were too many to remember.
    fn named(&self) -> Option<Vec<Key>> {
        let mut watch = self.0.0.lock().expect("no holder of this lock panics");
        let named = watch.as_mut().expect("there while this lives");
        if named.len() > NAMED_MAX { None } else { Some(std::mem::take(named)) }
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        *self.0.0.lock().expect("no holder of this lock panics") = None;
    }
}

impl Blobs {
    /// Removes what was added before `now - grace` and to which nothing leads.
    ///
    /// # Errors
    /// [`RootsError`] if what is in use, or what is kept, cannot be told; nothing that is in use is removed in any case.
    pub async fn collect(
        &self,
        roots: &dyn Roots,
        grace: Duration,
        now: SystemTime,
    ) -> Result<Collected, RootsError> {
        let store = self.store();
        let told = |fault: Fault| RootsError(fault.to_string());
        let Some(watching) = store.collecting.begin() else {
            return Err(RootsError("a collection is under way already".to_owned()));
        };
        let mut reached = Reached::default();
        let mut used = roots.names(now).await?;
        used.extend(store.pins.all());
        let oldest = now.checked_sub(grace).unwrap_or(SystemTime::UNIX_EPOCH);
        let mut old = Vec::new();
        let mut collected = Collected::default();
        let mut listing = store.backend.list();
        while let Some(listed) = listing.next().await {
            let listed = listed.map_err(told)?;
            if listed.added > oldest {
                used.push(listed.key);
                collected.kept += 1;
            } else {
                old.push((listed.key, listed.found));
            }
        }
        drop(listing);
        reached.follow(&*store.backend, used).await.map_err(told)?;
        for (at, batch) in old.chunks(BATCH).enumerate() {
            if at % ROUND == 0 {
                reached.follow(&*store.backend, roots.names(now).await?).await.map_err(told)?;
            }
            let _alone = store.gate.write().await;
            let named = watching.named().ok_or_else(|| RootsError("too much is being added".to_owned()))?;
            reached.follow(&*store.backend, named).await.map_err(told)?;
            for &(key, Found { sort, size_bytes }) in batch {
                if reached.keys.contains(&key) {
                    collected.kept += 1;
                    continue;
                }
                store.backend.remove(key, sort).await.map_err(told)?;
                store.used.give_back(rounded(size_bytes));
                collected.removed += 1;
                collected.freed_bytes += rounded(size_bytes);
            }
        }
        Ok(collected)
    }
}

/// What the roots lead to, as far as it was followed.
#[derive(Default)]
struct Reached {
    keys: HashSet<Key>,
}

impl Reached {
    /// Each node is followed once, however often it is linked to.
    async fn follow(&mut self, backend: &dyn Backend, mut from: Vec<Key>) -> Result<(), Fault> {
        while let Some(key) = from.pop() {
            if !self.keys.insert(key) || key.codec() == Codec::Raw {
                continue;
            }
            // A file's own nodes are computed from it; only nodes kept as such lead elsewhere.
            let Some(Found { sort: Sort::Block, size_bytes }) = backend.find(key).await? else { continue };
            let mut content =
                backend.read(key, Sort::Block, 0..size_bytes.min(BLOCK_BYTES_MAX as u64)).await?;
            let mut bytes = Vec::new();
            while let Some(piece) = content.next().await {
                let failed = |source| Fault::Io { step: "read", path: key.to_string().into(), source };
                bytes.extend_from_slice(&piece.map_err(failed)?);
            }
            // What was kept made sense, so what makes none is damage, which leads nowhere.
            if let Ok(node) = Node::decode(&bytes) {
                from.extend(node.links.iter().map(|link| link.to.key));
            }
        }
        Ok(())
    }
}
