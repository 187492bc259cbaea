//! The tree of nodes whose root names a file, computed while its bytes pass by.
//!
//! The default layout is kubo's (http-surface 8.2): chunks of 262144 bytes in protobuf-wrapped leaves, at most
//! 174 links per node, all leaves at the same depth. Memory is one chunk and one node per level.

use sha2::{Digest, Sha256};

use crate::Cid;
use crate::dag::varint;
use crate::key::{Codec, Key, Version};

/// Bytes of content in one leaf.
pub const CHUNK_BYTES: usize = 262_144;
/// Children of one inner node.
pub const LINKS_PER_NODE: usize = 174;

/// Chunks of other layouts than kubo's default one, in bytes.
pub const CHUNK_BYTES_RANGE: std::ops::RangeInclusive<usize> = 1024..=1 << 20;

/// What decides, beside its content, how a file is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes of content in one leaf, within [`CHUNK_BYTES_RANGE`].
    pub chunk_bytes: usize,
    /// Leaves are plain bytes rather than wrapped ones.
    pub raw_leaves: bool,
    /// How nodes name their children, and the file is named.
    pub version: Version,
}

impl Default for Layout {
    /// kubo's own.
    fn default() -> Self {
        Self { chunk_bytes: CHUNK_BYTES, raw_leaves: false, version: Version::V0 }
    }
}

/// What is known of a file in kubo's default layout once its last byte has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its identifier.
    pub cid: Cid,
    /// Bytes of content.
    pub size_bytes: u64,
    /// Bytes of all nodes together, the `Size` of kubo's answers.
    pub dag_bytes: u64,
}

/// A node of a file, in any layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Its name.
    pub key: Key,
    /// Bytes of content below it.
    pub size_bytes: u64,
    /// Bytes of it and all nodes below.
    pub dag_bytes: u64,
}

/// Computes the identifier of a file from its bytes, given in pieces of any length.
#[derive(Debug, Default)]
pub struct Tree {
    layout: Layout,
    chunk: Vec<u8>,
    /// Nodes still without a parent, by height: leaves first. None longer than [`LINKS_PER_NODE`].
    levels: Vec<Vec<Branch>>,
}

impl Tree {
    /// A tree without content, in kubo's default layout.
    pub fn new() -> Self {
        Self::default()
    }

    /// A tree without content in another layout.
    pub fn with_layout(layout: Layout) -> Self {
        assert!(CHUNK_BYTES_RANGE.contains(&layout.chunk_bytes), "checked where it came in");
        Self { layout, ..Self::default() }
    }

    /// The identifier of `content`.
    pub fn of(content: &[u8]) -> Root {
        let mut tree = Self::new();
        tree.update(content);
        tree.finish()
    }

    /// Takes the next bytes of the file.
    pub fn update(&mut self, mut bytes: &[u8]) {
        let chunk_bytes = self.layout.chunk_bytes;
        while !bytes.is_empty() {
            if self.chunk.is_empty() && bytes.len() >= chunk_bytes {
                let (whole, rest) = bytes.split_at(chunk_bytes);
                self.push_leaf(leaf(&self.layout, whole));
                bytes = rest;
                continue;
            }
            let take = bytes.len().min(chunk_bytes - self.chunk.len());
            let (head, rest) = bytes.split_at(take);
            self.chunk.extend_from_slice(head);
            bytes = rest;
            if self.chunk.len() == chunk_bytes {
                let whole = leaf(&self.layout, &self.chunk);
                self.chunk.clear();
                self.push_leaf(whole);
            }
        }
        assert!(self.chunk.len() < chunk_bytes, "a full chunk is a leaf");
    }

    /// The root, after the last byte.
    ///
    /// # Panics
    /// For trees of another layout, which [`Tree::root`] ends.
    pub fn finish(self) -> Root {
        assert_eq!(self.layout, Layout::default(), "a tree of kubo's default layout");
        let Branch { key, size_bytes, dag_bytes } = self.root();
        Root { cid: Cid::from_digest(*key.digest()), size_bytes, dag_bytes }
    }

    /// The root, after the last byte, in any layout.
    pub fn root(self) -> Branch {
        self.root_with(&mut |_, _| {})
    }

    /// Takes a leaf that was hashed elsewhere. Only the last one may hold less than a chunk.
    pub(crate) fn push_leaf(&mut self, leaf: Branch) {
        assert!(self.chunk.is_empty(), "bytes and leaves are not mixed");
        self.push(0, leaf, &mut |_, _| {});
    }

    /// As [`Tree::push_leaf`], and gives each inner node that it completes to `made`.
    pub(crate) fn push_leaf_with(&mut self, leaf: Branch, made: &mut impl FnMut(Key, Vec<u8>)) {
        self.push(0, leaf, made);
    }

    /// As [`Tree::root`], and gives each inner node that was not complete yet to `made`.
    pub(crate) fn root_with(mut self, made: &mut impl FnMut(Key, Vec<u8>)) -> Branch {
        if !self.chunk.is_empty() || self.levels.is_empty() {
            let last = leaf(&self.layout, &self.chunk);
            self.push(0, last, made);
        }
        let mut height = 0;
        loop {
            let nodes = std::mem::take(&mut self.levels[height]);
            if height + 1 == self.levels.len() && nodes.len() == 1 {
                return nodes[0];
            }
            let above = self.parent(&nodes, made);
            self.push(height + 1, above, made);
            height += 1;
        }
    }

    /// Adds a node at `height`; a full row gets its parent only when a further node arrives, so that a file of
    /// exactly one row has that parent as its root.
    fn push(&mut self, height: usize, node: Branch, made: &mut impl FnMut(Key, Vec<u8>)) {
        if self.levels.len() == height {
            self.levels.push(Vec::new());
        }
        if self.levels[height].len() == LINKS_PER_NODE {
            let row = std::mem::take(&mut self.levels[height]);
            let above = self.parent(&row, made);
            self.push(height + 1, above, made);
        }
        self.levels[height].push(node);
    }

    fn parent(&self, children: &[Branch], made: &mut impl FnMut(Key, Vec<u8>)) -> Branch {
        let (branch, bytes) = parent(self.layout.version, children);
        made(branch.key, bytes);
        branch
    }
}

/// What stands around the bytes of a chunk in its leaf.
pub(crate) fn frame(layout: &Layout, chunk_bytes: usize) -> (Vec<u8>, Vec<u8>) {
    if layout.raw_leaves {
        return (Vec::new(), Vec::new());
    }
    let size_bytes = chunk_bytes as u64;
    let mut head = vec![0x08, 0x02];
    // An empty chunk has no data field.
    if chunk_bytes > 0 {
        head.push(0x12);
        varint(size_bytes, &mut head);
    }
    let mut tail = vec![0x18];
    varint(size_bytes, &mut tail);
    let mut before = vec![0x0a];
    varint((head.len() + chunk_bytes + tail.len()) as u64, &mut before);
    before.extend_from_slice(&head);
    (before, tail)
}

/// A leaf: no links, the bytes of its chunk, wrapped or plain.
pub(crate) fn leaf(layout: &Layout, chunk: &[u8]) -> Branch {
    leaf_of(layout, chunk.len(), [chunk])
}

/// The leaf of a chunk that lies in pieces.
pub(crate) fn leaf_of<'a>(
    layout: &Layout,
    chunk_bytes: usize,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Branch {
    let (before, after) = frame(layout, chunk_bytes);
    let mut hasher = Sha256::new();
    hasher.update(&before);
    for piece in pieces {
        hasher.update(piece);
    }
    hasher.update(&after);
    let codec = if layout.raw_leaves { Codec::Raw } else { Codec::DagPb };
    Branch {
        key: Key::new(codec, hasher.finalize().into()),
        size_bytes: chunk_bytes as u64,
        dag_bytes: (before.len() + chunk_bytes + after.len()) as u64,
    }
}

/// An inner node: links first, then the `UnixFS` message with the content size of each child.
fn parent(version: Version, children: &[Branch]) -> (Branch, Vec<u8>) {
    assert!(!children.is_empty() && children.len() <= LINKS_PER_NODE);
    let size_bytes = children.iter().map(|child| child.size_bytes).sum();
    let mut node = Vec::with_capacity(children.len() * 64);
    for child in children {
        let mut tsize = Vec::new();
        varint(child.dag_bytes, &mut tsize);
        let hash = child.key.bytes(version);
        node.push(0x12);
        // hash (tag, length), empty name, tsize
        varint((2 + hash.len() + 2 + 1 + tsize.len()) as u64, &mut node);
        node.push(0x0a);
        varint(hash.len() as u64, &mut node);
        node.extend_from_slice(&hash);
        node.extend_from_slice(&[0x12, 0x00, 0x18]);
        node.extend_from_slice(&tsize);
    }
    let mut file = vec![0x08, 0x02, 0x18];
    varint(size_bytes, &mut file);
    for child in children {
        file.push(0x20);
        varint(child.size_bytes, &mut file);
    }
    node.push(0x0a);
    varint(file.len() as u64, &mut node);
    node.extend_from_slice(&file);

    let below: u64 = children.iter().map(|child| child.dag_bytes).sum();
    let dag_bytes = node.len() as u64 + below;
    (Branch { key: Key::of(Codec::DagPb, &node), size_bytes, dag_bytes }, node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Names of http-surface 8.2, and the size that kubo reports for `hello world`.
    #[test]
    fn equals_the_names_of_the_specification() {
        for (content_bytes, cid) in [
            (0, "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"),
            (262_144, "QmRk1rduJvo5DfEYAaLobS2za9tDszk35hzaNSDCJ74DA7"),
            (262_145, "QmbVuw4C4vcmVKqxoWtgDVobvcHrSn51qsmQmyxjk4sB2Q"),
            (1_000_000, "QmXXNNbwe4zzpdMg62ZXvnX1oU7MwSrQ3vAEtuwFKCm1oD"),
            (45_875_200, "QmaL1KiQRV8secNszpjjFPg722T53c77k2dz5UsNua59ZT"),
        ] {
            let root = Tree::of(&vec![0; content_bytes]);
            assert_eq!(root.cid.to_string(), cid, "{content_bytes} zero bytes");
            assert_eq!(root.size_bytes, content_bytes as u64);
        }
        let hello = Tree::of(b"hello world\n");
        assert_eq!(hello.cid.to_string(), "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o");
        assert_eq!(hello.dag_bytes, 20);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn pieces_do_not_matter(cuts in proptest::collection::vec(0usize..600_000, 0..6), seed: u8) {
            let content: Vec<u8> = (0..600_000usize).map(|at| (at as u8).wrapping_mul(31) ^ seed).collect();
            let mut cuts = cuts;
            cuts.sort_unstable();
            let mut tree = Tree::new();
            let mut from = 0;
            for cut in cuts.into_iter().chain([content.len()]) {
                tree.update(&content[from..cut]);
                from = cut;
            }
            prop_assert_eq!(tree.finish(), Tree::of(&content));
        }
    }
}
