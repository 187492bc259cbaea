//! Reading: what a name stands for, what lies beneath it, its content as it comes.
//!
//! Nodes are strangers' work. They may be nested without end, link to one node a million times, or claim exabytes: so
//! files are read as a stream from a stack of bounded height, sizes are checked at every step, content beyond the
//! largest file taken is refused, and a directory's listing is bounded.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};

use super::{Blobs, Read, Store};
use crate::Cid;
use crate::backend::{Content, Fault, Found, Sort};
use crate::dag::{BLOCK_BYTES_MAX, Child, Kind, LEVELS_MAX, Link, Node, PREFIX_BYTES, slot};
use crate::key::{Codec, Key, Version};

/// Nodes within nodes of one file. 174 children each reach the largest file in four.
const DEPTH_MAX: usize = 16;
/// Children of one node of a file, as far as files are read; kubo makes 174, others up to 1024.
const PARTS_MAX: usize = 8192;
/// Entries of a directory that are listed.
pub(crate) const ENTRIES_MAX: usize = 100_000;

/// What a name stands for.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    File { size_bytes: u64, nodes: Nodes },
    Directory(Arc<Node>),
}

/// How a file's nodes are had.
#[derive(Clone, Debug)]
pub(crate) enum Nodes {
    /// Computed from the content, which is kept whole.
    Computed(Sort),
    /// Kept, each by itself.
    Kept(Arc<Node>),
}

/// Where a path ended.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    pub(crate) key: Key,
    pub(crate) version: Version,
    pub(crate) entry: Entry,
    /// The nodes on the way, the end not among them.
    pub(crate) through: Vec<Key>,
}

impl Blobs {
    /// Whether a file is here.
    pub async fn has(&self, cid: &Cid) -> bool {
        self.size(cid).await.is_ok()
    }

    /// A file's size in bytes.
    ///
    /// # Errors
    /// [`Read::NotFound`], [`Read::Broken`] for directories, [`Read::Io`].
    pub async fn size(&self, cid: &Cid) -> Result<u64, Read> {
        self.size_of(Key::from(*cid)).await
    }

    async fn size_of(&self, key: Key) -> Result<u64, Read> {
        match self.look(key).await? {
            Entry::File { size_bytes, .. } => Ok(size_bytes),
            Entry::Directory(_) => Err(broken(key, "a directory, not a file")),
        }
    }

    /// The whole file, if it has at most `max_bytes`.
    ///
    /// # Errors
    /// [`Read`].
    pub async fn get_bytes(&self, name: impl Into<Key>, max_bytes: u64) -> Result<Vec<u8>, Read> {
        let key = name.into();
        let size_bytes = self.size_of(key).await?;
        if size_bytes > max_bytes {
            return Err(Read::TooLarge { key, size_bytes, max_bytes });
        }
        let mut content = Vec::with_capacity(usize::try_from(size_bytes).unwrap_or_default());
        let mut pieces = self.content(key, 0..size_bytes).await?;
        while let Some(piece) = pieces.next().await {
            content.extend_from_slice(&piece.map_err(|error| Read::Io { key, why: error.to_string() })?);
        }
        Ok(content)
    }

    /// What a name stands for.
    pub(crate) async fn look(&self, key: Key) -> Result<Entry, Read> {
        self.store().look(key).await
    }

    /// Goes down a path of names from `key`.
    pub(crate) async fn walk(
        &self,
        key: Key,
        version: Version,
        path: &[String],
    ) -> Result<Option<Walk>, Read> {
        let mut here = Walk { key, version, entry: self.look(key).await?, through: Vec::new() };
        for name in path {
            let Entry::Directory(node) = &here.entry else { return Ok(None) };
            let mut through = Vec::new();
            let Some(child) = self.store().child(here.key, node.clone(), name, &mut through).await? else {
                return Ok(None);
            };
            let entry = self.look(child.key).await?;
            here.through.push(here.key);
            here.through.append(&mut through);
            here = Walk { key: child.key, version: child.version, entry, through: here.through };
        }
        Ok(Some(here))
    }

    /// The entries of a directory, in the order of its links.
    pub(crate) async fn entries(&self, key: Key, node: &Arc<Node>) -> Result<Vec<Link>, Read> {
        let mut entries = Vec::new();
        let mut shards = vec![(key, node.clone(), 1)];
        while let Some((key, node, level)) = shards.pop() {
            let sharded = node.kind == Kind::Shard;
            for link in &node.links {
                if entries.len() + shards.len() >= ENTRIES_MAX {
                    return Err(broken(key, "a directory of more entries than are listed"));
                }
                if !sharded {
                    entries.push(link.clone());
                    continue;
                }
                let name =
                    link.name.get(PREFIX_BYTES..).ok_or_else(|| broken(key, "a shard without slots"))?;
                if !name.is_empty() {
                    entries.push(Link { name: name.to_owned(), to: link.to });
                } else if level < LEVELS_MAX {
                    shards.push((link.to.key, self.store().shard(link.to.key).await?, level + 1));
                } else {
                    return Err(broken(key, "shards nested deeper than their hash is long"));
                }
            }
        }
        if node.kind == Kind::Shard {
            entries.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Ok(entries)
    }

    /// A part of a file's content, as it comes.
    pub(crate) async fn content(&self, key: Key, range: Range<u64>) -> Result<Content, Read> {
        let Entry::File { size_bytes, nodes } = self.look(key).await? else {
            return Err(broken(key, "a directory, not a file"));
        };
        let store = self.shared().clone();
        if size_bytes > store.settings.blob_bytes_max {
            return Err(Read::TooLarge { key, size_bytes, max_bytes: store.settings.blob_bytes_max });
        }
        match nodes {
            Nodes::Computed(sort) => {
                let content = store.backend.read(key, sort, range).await;
                content.map_err(|fault| failed(key, &fault))
            }
            Nodes::Kept(node) => {
                let mut stack = Vec::new();
                push_frame(&mut stack, node, range).map_err(|error| broken(key, &error.to_string()))?;
                let reading = Reading { store, stack, current: None };
                Ok(futures::stream::try_unfold(reading, Reading::next).boxed())
            }
        }
    }
}

impl Store {
    pub(crate) async fn look(&self, key: Key) -> Result<Entry, Read> {
        let found = self.backend.find(key).await.map_err(|fault| failed(key, &fault))?;
        match found.ok_or(Read::NotFound { key })? {
            Found { sort, size_bytes } if sort == Sort::File || key.codec() == Codec::Raw => {
                Ok(Entry::File { size_bytes, nodes: Nodes::Computed(sort) })
            }
            Found { .. } => {
                let bytes = self.kept_block(key).await?;
                let node = Node::decode(&bytes).map_err(|error| broken(key, &error.to_string()))?;
                Ok(match node.kind {
                    Kind::Directory | Kind::Shard => Entry::Directory(Arc::new(node)),
                    Kind::File { size_bytes, .. } => {
                        Entry::File { size_bytes, nodes: Nodes::Kept(Arc::new(node)) }
                    }
                })
            }
        }
    }

    /// The bytes of a node that is kept by itself.
    pub(crate) async fn kept_block(&self, key: Key) -> Result<Vec<u8>, Read> {
        let max = BLOCK_BYTES_MAX as u64;
        let content =
            self.backend.read(key, Sort::Block, 0..max).await.map_err(|fault| failed(key, &fault))?;
        let bytes = content.map_ok(|piece| piece.to_vec()).try_concat().await;
        bytes.map_err(|error| Read::Io { key, why: error.to_string() })
    }

    async fn shard(&self, key: Key) -> Result<Arc<Node>, Read> {
        match self.look(key).await? {
            Entry::Directory(node) if node.kind == Kind::Shard => Ok(node),
            _ => Err(broken(key, "not the shard that it should be")),
        }
    }

    /// The entry of a name in a directory; `through` gets the shards on the way.
    async fn child(
        &self,
        key: Key,
        node: Arc<Node>,
        name: &str,
        through: &mut Vec<Key>,
    ) -> Result<Option<Child>, Read> {
        if node.kind == Kind::Directory {
            return Ok(node.links.iter().find(|link| link.name == name).map(|link| link.to));
        }
        let mut here = (key, node);
        for level in 0..LEVELS_MAX {
            let prefix = format!("{:02X}", slot(name, level));
            let is_entry = |link: &&Link| link.name.strip_prefix(&prefix) == Some(name);
            if let Some(link) = here.1.links.iter().find(is_entry) {
                return Ok(Some(link.to));
            }
            let Some(deeper) = here.1.links.iter().find(|link| link.name == prefix) else { return Ok(None) };
            let deeper = deeper.to.key;
            through.push(deeper);
            here = (deeper, self.shard(deeper).await?);
        }
        Ok(None)
    }
}

/// A file of kept nodes, being read.
struct Reading {
    store: Arc<Store>,
    stack: Vec<Frame>,
    /// The content of a part that is kept whole.
    current: Option<Content>,
}

/// A node whose parts are being read.
struct Frame {
    node: Arc<Node>,
    /// What is wanted of it.
    range: Range<u64>,
    /// 0 for its own content, then the parts from 1.
    next: usize,
    /// Where the next part begins.
    at: u64,
}

/// What comes next of a node.
enum Step {
    Own(Bytes),
    Part { key: Key, size_bytes: u64, range: Range<u64> },
}

impl Reading {
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        loop {
            if let Some(content) = &mut self.current {
                match content.next().await.transpose()? {
                    Some(piece) => return Ok(Some((piece, self))),
                    None => self.current = None,
                }
            }
            let Some(frame) = self.stack.last_mut() else { return Ok(None) };
            match frame.step() {
                Some(Step::Own(bytes)) => return Ok(Some((bytes, self))),
                Some(Step::Part { key, size_bytes, range }) => self.enter(key, size_bytes, range).await?,
                None => drop(self.stack.pop()),
            }
        }
    }

    async fn enter(&mut self, key: Key, size_bytes: u64, range: Range<u64>) -> io::Result<()> {
        let entry = self.store.look(key).await.map_err(io::Error::other)?;
        let Entry::File { size_bytes: found, nodes } = entry else {
            return Err(dag_error("a directory within a file"));
        };
        if found != size_bytes {
            return Err(dag_error("a part of another size than the file says"));
        }
        match nodes {
            Nodes::Computed(sort) => {
                let content = self.store.backend.read(key, sort, range).await.map_err(io::Error::other)?;
                self.current = Some(content);
                Ok(())
            }
            Nodes::Kept(node) => push_frame(&mut self.stack, node, range),
        }
    }
}

impl Frame {
    /// What comes next; `None` at the end. Parts of which nothing is wanted are passed over, those without content among
    /// them: they could be nested without end.
    fn step(&mut self) -> Option<Step> {
        let Kind::File { data, parts, .. } = &self.node.kind else { return None };
        if self.next == 0 {
            self.next = 1;
            self.at = data.len() as u64;
            let end = self.at.min(self.range.end);
            if self.range.start < end {
                // In memory already, so both ends fit.
                return Some(Step::Own(Bytes::copy_from_slice(
                    &data[self.range.start as usize..end as usize],
                )));
            }
        }
        while let Some(&size_bytes) = parts.get(self.next - 1) {
            let key = self.node.links[self.next - 1].to.key;
            let start = self.at;
            self.next += 1;
            self.at += size_bytes;
            let (from, to) = (self.range.start.max(start), self.range.end.min(self.at));
            if from < to {
                return Some(Step::Part { key, size_bytes, range: from - start..to - start });
            }
        }
        None
    }
}

fn push_frame(stack: &mut Vec<Frame>, node: Arc<Node>, range: Range<u64>) -> io::Result<()> {
    if stack.len() >= DEPTH_MAX {
        return Err(dag_error("nodes nested deeper than is read"));
    }
    if node.links.len() > PARTS_MAX {
        return Err(dag_error("a node of more parts than are read"));
    }
    stack.push(Frame { node, range, next: 0, at: 0 });
    Ok(())
}

/// A node that is not what another says it is.
pub(crate) fn dag_error(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn broken(key: Key, why: &str) -> Read {
    Read::Broken { key, why: why.to_owned() }
}

fn failed(key: Key, fault: &Fault) -> Read {
    Read::Io { key, why: fault.to_string() }
}
