//! Files on their way in: hashed and written on blocking threads, a batch at a time, in constant memory.
//!
//! The floor is one pass of SHA-256 and one write of each byte. Leaves do not depend on each other, so several batches
//! are hashed at once while the one before them is written; a sender who stalls holds no thread.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, TryStreamExt as _};
use tempfile::{NamedTempFile, TempPath};
use tokio::task::JoinHandle;

use super::{Add, Blobs, Store, Used, rounded};
use crate::backend::{Whole, local};
use crate::dag::Block;
use crate::joined;
use crate::key::Key;
use crate::tree::{Branch, Layout, Tree, leaf_of};

/// Bytes hashed and written in one go.
const BATCH_BYTES: usize = 1 << 20;
/// Batches being hashed at once, of one file.
const BATCHES_AT_ONCE_MAX: usize = 4;
/// Pieces below this size are copied together.
const SMALL_BYTES: usize = 4096;
/// Bytes after which a durable file is synced while more of it arrives, so that the last sync has little to do.
const SYNC_BYTES: u64 = 64 << 20;
/// Files synced and named at once, of one upload.
const NAMED_AT_ONCE_MAX: usize = 8;

/// Bytes counted in the store's quota until they are kept or given up.
#[derive(Debug)]
pub(super) struct Charge {
    used: Arc<Used>,
    bytes: u64,
}

impl Charge {
    pub(super) fn new(used: Arc<Used>) -> Self {
        Self { used, bytes: 0 }
    }

    /// Counts a thing as `size_bytes` large.
    pub(super) fn grow_to(&mut self, size_bytes: u64) -> Result<(), Add> {
        let more = rounded(size_bytes).saturating_sub(self.bytes);
        self.used.take(more)?;
        self.bytes += more;
        Ok(())
    }

    fn settle(mut self) {
        self.bytes = 0;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.used.give_back(self.bytes);
    }
}

/// A file on its way in. Dropped, it leaves nothing.
pub(crate) struct Adding {
    store: Arc<Store>,
    layout: Layout,
    /// `None` if only the name is asked for.
    charge: Option<Charge>,
    size_bytes: u64,
    tree: Tree,
    batch: Batch,
    hashing: VecDeque<JoinHandle<Vec<Branch>>>,
    writing: Option<JoinHandle<Result<Written, Add>>>,
}

/// Bytes that are hashed and written together: whole chunks, but for the last of a file.
#[derive(Clone, Debug, Default)]
struct Batch {
    pieces: Vec<Bytes>,
    /// Small pieces since the last large one, gathered: each piece costs more memory than a byte.
    small: BytesMut,
    bytes: usize,
}

/// The file so far.
struct Written {
    temp: NamedTempFile,
    unsynced_bytes: u64,
}

/// A file that has arrived whole and waits for its name. Dropped, it leaves nothing.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) root: Branch,
    layout: Layout,
    /// `None` if only the name was asked for.
    kept: Option<(TempPath, Charge)>,
}

impl Staged {
    /// A file that was hashed where it lies.
    pub(super) fn new(root: Branch, layout: Layout, path: TempPath, charge: Charge) -> Self {
        Self { root, layout, kept: Some((path, charge)) }
    }
}

impl Adding {
    pub(super) fn new(store: Arc<Store>, layout: Layout, kept: bool) -> Self {
        let charge = kept.then(|| Charge::new(store.used.clone()));
        Self {
            store,
            layout,
            charge,
            size_bytes: 0,
            tree: Tree::with_layout(layout),
            batch: Batch::default(),
            hashing: VecDeque::new(),
            writing: None,
        }
    }

    /// Takes the next bytes of the file.
    pub(crate) async fn write(&mut self, mut piece: Bytes) -> Result<(), Add> {
        self.size_bytes += piece.len() as u64;
        let max_bytes = self.store.settings.blob_bytes_max;
        if self.size_bytes > max_bytes {
            return Err(Add::TooLarge { max_bytes });
        }
        if let Some(charge) = &mut self.charge {
            charge.grow_to(self.size_bytes)?;
        }
        let batch_bytes = BATCH_BYTES.next_multiple_of(self.layout.chunk_bytes);
        while self.batch.bytes + piece.len() >= batch_bytes {
            let head = piece.split_to(batch_bytes - self.batch.bytes);
            self.batch.push(head);
            let batch = std::mem::take(&mut self.batch);
            self.submit(batch).await?;
        }
        self.batch.push(piece);
        Ok(())
    }

    /// Bytes taken so far.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The file, after its last byte.
    pub(crate) async fn finish(mut self) -> Result<Staged, Add> {
        if let Some(charge) = &mut self.charge {
            charge.grow_to(self.size_bytes)?;
        }
        let batch = std::mem::take(&mut self.batch);
        if batch.bytes > 0 || (self.writing.is_none() && self.charge.is_some()) {
            self.submit(batch).await?;
        }
        while let Some(leaves) = self.hashing.pop_front() {
            joined(leaves.await).into_iter().for_each(|leaf| self.tree.push_leaf(leaf));
        }
        let kept = match (self.writing.take(), self.charge.take()) {
            (Some(writing), Some(charge)) => {
                let written = joined(writing.await)?;
                Some((written.temp.into_temp_path(), charge))
            }
            _ => None,
        };
        let root = self.tree.root();
        assert_eq!(root.size_bytes, self.size_bytes, "every byte is in a leaf");
        Ok(Staged { root, layout: self.layout, kept })
    }

    /// Hashes a batch and writes it behind those before it; waits if too many are under way.
    async fn submit(&mut self, mut batch: Batch) -> Result<(), Add> {
        batch.gather();
        while self.hashing.len() >= BATCHES_AT_ONCE_MAX {
            let leaves = self.hashing.pop_front().expect("not empty");
            joined(leaves.await).into_iter().for_each(|leaf| self.tree.push_leaf(leaf));
        }
        let layout = self.layout;
        let hashed = batch.clone();
        self.hashing.push_back(tokio::task::spawn_blocking(move || hashed.leaves(&layout)));
        if self.charge.is_some() {
            let before = match self.writing.take() {
                Some(writing) => Some(joined(writing.await)?),
                None => None,
            };
            let store = self.store.clone();
            self.writing = Some(tokio::task::spawn_blocking(move || write(&store, before, &batch)));
        }
        Ok(())
    }
}

impl Batch {
    fn push(&mut self, piece: Bytes) {
        self.bytes += piece.len();
        if piece.len() < SMALL_BYTES {
            self.small.extend_from_slice(&piece);
        } else {
            self.gather();
            self.pieces.push(piece);
        }
    }

    fn gather(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push(self.small.split().freeze());
        }
    }

    fn leaves(mut self, layout: &Layout) -> Vec<Branch> {
        self.pieces.reverse();
        let mut leaves = Vec::with_capacity(self.bytes.div_ceil(layout.chunk_bytes));
        while self.bytes > 0 {
            let chunk_bytes = self.bytes.min(layout.chunk_bytes);
            let mut chunk = Vec::new();
            let mut missing = chunk_bytes;
            while missing > 0 {
                let mut piece = self.pieces.pop().expect("bytes counts the pieces");
                if piece.len() > missing {
                    self.pieces.push(piece.split_off(missing));
                }
                missing -= piece.len();
                chunk.push(piece);
            }
            self.bytes -= chunk_bytes;
            leaves.push(leaf_of(layout, chunk_bytes, chunk.iter().map(|piece| &piece[..])));
        }
        leaves
    }
}

fn write(store: &Store, before: Option<Written>, batch: &Batch) -> Result<Written, Add> {
    let mut written = match before {
        Some(written) => written,
        None => {
            let temp = NamedTempFile::new_in(&store.incoming)
                .map_err(local::failed("create a file in", &store.incoming));
            Written { temp: temp.map_err(|fault| store.adding(fault))?, unsynced_bytes: 0 }
        }
    };
    let mut step = "write";
    let mut all = || {
        for piece in &batch.pieces {
            written.temp.write_all(piece)?;
        }
        written.unsynced_bytes += batch.bytes as u64;
        if store.settings.durable && written.unsynced_bytes >= SYNC_BYTES {
            step = "sync";
            written.temp.as_file().sync_data()?;
            written.unsynced_bytes = 0;
        }
        Ok(())
    };
    let done = all();
    done.map_err(|source| store.adding(local::failed(step, written.temp.path())(source)))?;
    Ok(written)
}

impl Blobs {
    /// Names what has arrived: files, then nodes in the order given, which is that of children before parents. A
    /// failure leaves what was named so far, of which nothing names the whole.
    ///
    /// # Errors
    /// [`Add`].
    pub(crate) async fn keep(&self, files: Vec<Staged>, blocks: Vec<Block>) -> Result<(), Add> {
        // Whoever asked may go away; what is whole is named all the same, and never in part.
        let this = self.clone();
        joined(tokio::spawn(async move { this.name(files, blocks).await }).await)
    }

    async fn name(&self, files: Vec<Staged>, blocks: Vec<Block>) -> Result<(), Add> {
        let mut charge = Charge::new(self.0.used.clone());
        let blocks_bytes: u64 = blocks.iter().map(|block| rounded(block.bytes.len() as u64)).sum();
        if blocks_bytes > 0 {
            charge.grow_to(blocks_bytes)?;
        }
        let _open = self.0.gate.read().await;
        let files = futures::stream::iter(files.into_iter().map(|staged| self.keep_file(staged)));
        files.buffer_unordered(NAMED_AT_ONCE_MAX).try_collect::<()>().await?;
        for block in blocks {
            let (key, size_bytes) = (block.key, rounded(block.bytes.len() as u64));
            let fresh = self.0.backend.keep_block(block).await.map_err(|fault| self.0.adding(fault))?;
            if fresh {
                charge.bytes = charge.bytes.saturating_sub(size_bytes);
            }
            self.0.collecting.named(key);
        }
        Ok(())
    }

    async fn keep_file(&self, staged: Staged) -> Result<(), Add> {
        let Staged { root: Branch { key, size_bytes, .. }, layout, kept } = staged;
        let Some((path, charge)) = kept else { return Ok(()) };
        let whole = Whole { key, layout, size_bytes, path };
        let fresh = self.0.backend.keep_file(whole).await.map_err(|fault| self.0.adding(fault))?;
        if fresh {
            charge.settle();
        }
        self.0.collecting.named(key);
        Ok(())
    }

    /// Keeps one node that a stranger made, which must make sense.
    ///
    /// # Errors
    /// [`Add`].
    pub(crate) async fn keep_block(&self, block: Block) -> Result<Key, Add> {
        let key = block.key;
        self.keep(Vec::new(), vec![block]).await?;
        Ok(key)
    }

    /// Pins what is here, or comes later.
    pub(crate) async fn pin(&self, key: Key) -> Result<(), super::PinError> {
        let _open = self.0.gate.read().await;
        self.0.pins.add(key).await?;
        self.0.collecting.named(key);
        Ok(())
    }
}
