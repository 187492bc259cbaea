//! The tree of nodes whose root names a file, computed while its bytes pass by.
//!
//! The layout is kubo's default (http-surface 8.2): chunks of 262144 bytes in protobuf-wrapped leaves, at most
//! 174 links per node, all leaves at the same depth. Memory is one chunk and one node per level.

use sha2::{Digest, Sha256};

use crate::Cid;

/// Bytes of content in one leaf.
pub const CHUNK_BYTES: usize = 262_144;
/// Children of one inner node.
pub const LINKS_PER_NODE: usize = 174;

/// What is known of a file once its last byte has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its identifier.
    pub cid: Cid,
    /// Bytes of content.
    pub size_bytes: u64,
    /// Bytes of all nodes together, the `Size` of kubo's answers.
    pub dag_bytes: u64,
}

/// Computes the identifier of a file from its bytes, given in pieces of any length.
#[derive(Debug, Default)]
pub struct Tree {
    chunk: Vec<u8>,
    /// Nodes still without a parent, by height: leaves first. None longer than [`LINKS_PER_NODE`].
    levels: Vec<Vec<Root>>,
}

impl Tree {
    /// A tree without content.
    pub fn new() -> Self {
        Self::default()
    }

    /// The identifier of `content`.
    pub fn of(content: &[u8]) -> Root {
        let mut tree = Self::new();
        tree.update(content);
        tree.finish()
    }

    /// Takes the next bytes of the file.
    pub fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.chunk.is_empty() && bytes.len() >= CHUNK_BYTES {
                let (whole, rest) = bytes.split_at(CHUNK_BYTES);
                self.push(0, leaf(whole));
                bytes = rest;
                continue;
            }
            let take = bytes.len().min(CHUNK_BYTES - self.chunk.len());
            let (head, rest) = bytes.split_at(take);
            self.chunk.extend_from_slice(head);
            bytes = rest;
            if self.chunk.len() == CHUNK_BYTES {
                self.push(0, leaf(&self.chunk));
                self.chunk.clear();
            }
        }
        assert!(self.chunk.len() < CHUNK_BYTES, "a full chunk is a leaf");
    }

    /// The root, after the last byte.
    pub fn finish(mut self) -> Root {
        if !self.chunk.is_empty() || self.levels.is_empty() {
            self.push(0, leaf(&self.chunk));
        }
        let mut height = 0;
        loop {
            let nodes = std::mem::take(&mut self.levels[height]);
            if height + 1 == self.levels.len() && nodes.len() == 1 {
                return nodes[0];
            }
            self.push(height + 1, parent(&nodes));
            height += 1;
        }
    }

    /// Adds a node at `height`; a full row gets its parent only when a further node arrives, so that a file of
    /// exactly one row has that parent as its root.
    fn push(&mut self, height: usize, node: Root) {
        if self.levels.len() == height {
            self.levels.push(Vec::new());
        }
        if self.levels[height].len() == LINKS_PER_NODE {
            let row = std::mem::take(&mut self.levels[height]);
            self.push(height + 1, parent(&row));
        }
        self.levels[height].push(node);
    }
}

/// A leaf: no links, `UnixFS` file with its bytes. An empty chunk has no data field.
fn leaf(chunk: &[u8]) -> Root {
    let size_bytes = chunk.len() as u64;
    let mut head = vec![0x08, 0x02];
    if !chunk.is_empty() {
        head.push(0x12);
        varint(size_bytes, &mut head);
    }
    let mut tail = vec![0x18];
    varint(size_bytes, &mut tail);
    let mut frame = vec![0x0a];
    varint((head.len() + chunk.len() + tail.len()) as u64, &mut frame);

    let mut hasher = Sha256::new();
    for part in [&frame[..], &head, chunk, &tail] {
        hasher.update(part);
    }
    Root {
        cid: Cid::from_digest(hasher.finalize().into()),
        size_bytes,
        dag_bytes: (frame.len() + head.len() + chunk.len() + tail.len()) as u64,
    }
}

/// An inner node: links first, then the `UnixFS` message with the content size of each child.
fn parent(children: &[Root]) -> Root {
    assert!(!children.is_empty() && children.len() <= LINKS_PER_NODE);
    let size_bytes = children.iter().map(|child| child.size_bytes).sum();
    let mut node = Vec::with_capacity(children.len() * 64);
    for child in children {
        let mut tsize = Vec::new();
        varint(child.dag_bytes, &mut tsize);
        node.push(0x12);
        // hash (tag, length, code, size, digest), empty name, tsize
        varint((2 + 34 + 2 + 1 + tsize.len()) as u64, &mut node);
        node.extend_from_slice(&[0x0a, 34, 0x12, 0x20]);
        node.extend_from_slice(child.cid.digest());
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
    Root {
        cid: Cid::from_digest(Sha256::digest(&node).into()),
        size_bytes,
        dag_bytes: node.len() as u64 + below,
    }
}

/// Protobuf's base-128 integer.
fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
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
