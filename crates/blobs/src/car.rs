//! Nodes as such: one by its name, or all that a name leads to as a `CARv1` archive, parents before children.
//!
//! The nodes of a file that is kept whole are computed: its leaves in one pass over the content, then the nodes above.
//! Each node is sent once, so an archive is never larger than what is kept, whatever the links claim.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};

use crate::backend::{Content, Sort};
use crate::dag::{Kind, Node, varint};
use crate::key::{Codec, Key, Version};
use crate::store::{Blobs, Entry, Nodes, Read, dag_error};
use crate::tree::{Layout, Tree, frame, leaf};

/// Nodes of one archive.
const NODES_MAX: usize = 1 << 20;
/// Bytes of the inner nodes of one file that is kept whole: 85 GiB of content in kubo's layout.
const INNER_BYTES_MAX: usize = 16 << 20;

/// How far an archive goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The node alone.
    Block,
    /// A whole file, or a directory without what is in it.
    Entity,
    /// All that it leads to.
    #[default]
    All,
}

/// The nodes of a file that is kept whole.
#[derive(Debug)]
struct Computed {
    file: Key,
    sort: Sort,
    layout: Layout,
    inner: HashMap<Key, Vec<u8>>,
}

/// What is still to be sent.
enum Todo {
    /// A node on the way to what was asked for.
    Alone(Key),
    Node(Key, Scope),
    Part {
        of: Arc<Computed>,
        key: Key,
        at: u64,
        size_bytes: u64,
    },
}

struct Archive {
    blobs: Blobs,
    version: Version,
    todo: Vec<Todo>,
    sent: HashSet<Key>,
}

/// The bytes of one node.
///
/// # Errors
/// [`Read`], also for nodes within a file that is kept whole, which have no address of their own here.
pub(crate) async fn block(blobs: &Blobs, key: Key) -> Result<Vec<u8>, Read> {
    match blobs.look(key).await? {
        Entry::File { size_bytes, nodes: Nodes::Computed(sort) } => {
            let computed = compute(blobs, key, size_bytes, sort).await?;
            let node = computed.node(blobs, key, 0, size_bytes).await;
            node.map_err(|error| Read::Io { key, why: error.to_string() })
        }
        Entry::File { nodes: Nodes::Kept(_), .. } | Entry::Directory(_) => {
            blobs.store().kept_block(key).await
        }
    }
}

/// An archive of what `key` leads to, with the nodes `through` which a path led there before it.
pub(crate) fn archive(
    blobs: &Blobs,
    root: (Key, Version),
    through: &[Key],
    target: Key,
    scope: Scope,
) -> Content {
    let mut todo = vec![Todo::Node(target, scope)];
    todo.extend(through.iter().rev().map(|key| Todo::Alone(*key)));
    let header = header(root.0, root.1);
    let archive = Archive { blobs: blobs.clone(), version: root.1, todo, sent: HashSet::new() };
    let sections = futures::stream::try_unfold(archive, Archive::next);
    futures::stream::once(async { Ok(Bytes::from(header)) }).chain(sections).boxed()
}

impl Archive {
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        while let Some(todo) = self.todo.pop() {
            let key = match &todo {
                Todo::Alone(key) | Todo::Node(key, _) | Todo::Part { key, .. } => *key,
            };
            if !self.sent.insert(key) {
                continue;
            }
            if self.sent.len() > NODES_MAX {
                return Err(dag_error("an archive of more nodes than are sent"));
            }
            let bytes = match todo {
                Todo::Alone(key) => block(&self.blobs, key).await.map_err(io::Error::other)?,
                Todo::Node(key, scope) => self.node(key, scope).await?,
                Todo::Part { of, key, at, size_bytes } => self.part(&of, key, at, size_bytes).await?,
            };
            return Ok(Some((self.section(key, &bytes), self)));
        }
        Ok(None)
    }

    /// The bytes of a node; what it leads to is put before all else that is to be sent.
    async fn node(&mut self, key: Key, scope: Scope) -> io::Result<Vec<u8>> {
        let (node, below) = match self.blobs.look(key).await.map_err(io::Error::other)? {
            Entry::File { size_bytes, nodes: Nodes::Computed(sort) } => {
                if scope == Scope::Block {
                    return block(&self.blobs, key).await.map_err(io::Error::other);
                }
                let computed = compute(&self.blobs, key, size_bytes, sort).await.map_err(io::Error::other)?;
                return self.part(&Arc::new(computed), key, 0, size_bytes).await;
            }
            Entry::File { nodes: Nodes::Kept(node), .. } => (node, scope),
            Entry::Directory(node) => (node, scope),
        };
        let is_shard = node.kind == Kind::Shard;
        let is_file = matches!(node.kind, Kind::File { .. });
        for link in node.links.iter().rev() {
            let within = is_file || (is_shard && link.name.len() == crate::dag::PREFIX_BYTES);
            if below == Scope::All || (below == Scope::Entity && within) {
                self.todo.push(Todo::Node(link.to.key, below));
            }
        }
        if self.todo.len() > NODES_MAX {
            return Err(dag_error("an archive of more nodes than are sent"));
        }
        self.blobs.store().kept_block(key).await.map_err(io::Error::other)
    }

    async fn part(&mut self, of: &Arc<Computed>, key: Key, at: u64, size_bytes: u64) -> io::Result<Vec<u8>> {
        let bytes = of.node(&self.blobs, key, at, size_bytes).await?;
        if of.inner.contains_key(&key) {
            let node = Node::decode(&bytes).map_err(io::Error::other)?;
            let Kind::File { parts, .. } = &node.kind else { return Err(dag_error("no file")) };
            let mut end = at + size_bytes;
            for (link, part) in node.links.iter().zip(parts).rev() {
                end -= part;
                let of = of.clone();
                self.todo.push(Todo::Part { of, key: link.to.key, at: end, size_bytes: *part });
            }
        }
        Ok(bytes)
    }

    fn section(&self, key: Key, bytes: &[u8]) -> Bytes {
        let name = key.bytes(self.version);
        let mut section = Vec::with_capacity(bytes.len() + 64);
        varint((name.len() + bytes.len()) as u64, &mut section);
        section.extend_from_slice(&name);
        section.extend_from_slice(bytes);
        section.into()
    }
}

impl Computed {
    /// The bytes of a node of the file: an inner one, or the leaf of the content at `at`.
    async fn node(&self, blobs: &Blobs, key: Key, at: u64, size_bytes: u64) -> io::Result<Vec<u8>> {
        if let Some(node) = self.inner.get(&key) {
            return Ok(node.clone());
        }
        let read = blobs.store().backend.read(self.file, self.sort, at..at + size_bytes).await;
        let content = read.map_err(io::Error::other)?.map_ok(|piece| piece.to_vec()).try_concat().await?;
        let layout = Layout { raw_leaves: key.codec() == Codec::Raw, ..self.layout };
        let (before, after) = frame(&layout, content.len());
        let bytes = [before, content, after].concat();
        // The name was computed from the same file, which could have been damaged since.
        if Key::of(key.codec(), &bytes) != key {
            return Err(dag_error("content that is not what its name says"));
        }
        Ok(bytes)
    }
}

/// The inner nodes of a file that is kept whole; a few at a time, since each takes a pass over the content.
async fn compute(blobs: &Blobs, key: Key, size_bytes: u64, sort: Sort) -> Result<Computed, Read> {
    let failed = |why: String| Read::Io { key, why };
    let store = blobs.store();
    let mut layout = Layout::default();
    let mut inner = HashMap::new();
    if key.codec() == Codec::Raw {
        return Ok(Computed { file: key, sort, layout, inner });
    }
    layout = store.backend.layout(key).await.map_err(|fault| failed(fault.to_string()))?;
    if size_bytes <= layout.chunk_bytes as u64 {
        return Ok(Computed { file: key, sort, layout, inner });
    }
    let _permit = store.computing().await;
    let content = store.backend.read(key, sort, 0..size_bytes).await;
    let mut content = content.map_err(|fault| failed(fault.to_string()))?;
    let mut tree = Tree::with_layout(layout);
    let mut inner_bytes = 0;
    let mut chunk = Vec::with_capacity(layout.chunk_bytes);
    loop {
        let piece = content.next().await.transpose().map_err(|error| failed(error.to_string()))?;
        let mut rest = piece.as_deref().unwrap_or_default();
        while !rest.is_empty() || (piece.is_none() && !chunk.is_empty()) {
            let take = rest.len().min(layout.chunk_bytes - chunk.len());
            chunk.extend_from_slice(&rest[..take]);
            rest = &rest[take..];
            if chunk.len() == layout.chunk_bytes || piece.is_none() {
                let (hashed, back) = crate::blocking(move || (leaf(&layout, &chunk), chunk)).await;
                chunk = back;
                chunk.clear();
                tree.push_leaf_with(hashed, &mut |key, node: Vec<u8>| {
                    inner_bytes += node.len();
                    inner.insert(key, node);
                });
                if inner_bytes > INNER_BYTES_MAX {
                    return Err(failed("a file of more leaves than are sent as nodes".to_owned()));
                }
            }
        }
        if piece.is_none() {
            break;
        }
    }
    let root = tree.root_with(&mut |key, node| drop(inner.insert(key, node)));
    if root.key != key {
        return Err(failed("the content is not what its name says".to_owned()));
    }
    Ok(Computed { file: key, sort, layout, inner })
}

/// What an archive begins with: its version and its root, in CBOR.
fn header(root: Key, version: Version) -> Vec<u8> {
    let name = root.bytes(version);
    // A map of two: "roots" is a list of one link (tag 42, a byte string that begins with 0), "version" is 1.
    let mut cbor = b"\xa2\x65roots\x81\xd8\x2a\x58".to_vec();
    cbor.push(name.len() as u8 + 1);
    cbor.push(0);
    cbor.extend_from_slice(&name);
    cbor.extend_from_slice(b"\x67version\x01");
    let mut header = Vec::new();
    varint(cbor.len() as u64, &mut header);
    header.extend_from_slice(&cbor);
    header
}
