//! Directories too large for one node: a trie over the murmur3 hash of the names, 256 slots a node, as kubo builds it.

use crate::key::Version;

use super::node::{Link, Node};
use super::{Block, Child};

/// Slots of one shard.
pub(crate) const FANOUT: u64 = 256;
/// Characters with which a shard's link names begin: the slot in upper-case hex.
pub(crate) const PREFIX_BYTES: usize = 2;
/// Levels of the trie: one byte of a 64-bit hash each.
pub(crate) const LEVELS_MAX: usize = 8;

/// The slot of a name on a level of the trie.
///
/// # Panics
/// If the level is not below [`LEVELS_MAX`].
pub(crate) fn slot(name: &str, level: usize) -> u8 {
    hash(name)[level]
}

/// The shards of a directory, children before parents, the root last; and the bytes of all nodes with and below it.
/// `None` if names share all 64 bits of their hash.
pub(crate) fn build(entries: Vec<(String, Child)>, version: Version) -> Option<(Vec<Block>, Child)> {
    let hashed = entries.into_iter().map(|(name, child)| (hash(&name), name, child)).collect();
    let mut blocks = Vec::new();
    let root = level(hashed, 0, version, &mut blocks)?;
    Some((blocks, root))
}

type Hashed = ([u8; LEVELS_MAX], String, Child);

/// Recursion is bounded by the levels of the trie.
fn level(entries: Vec<Hashed>, depth: usize, version: Version, blocks: &mut Vec<Block>) -> Option<Child> {
    if depth == LEVELS_MAX {
        return None;
    }
    let mut slots: Vec<Vec<Hashed>> = (0..FANOUT).map(|_| Vec::new()).collect();
    for entry in entries {
        slots[usize::from(entry.0[depth])].push(entry);
    }
    let mut links = Vec::new();
    let mut bitfield = [0u8; FANOUT as usize / 8];
    let mut below_bytes = 0;
    for (index, mut entries) in slots.into_iter().enumerate() {
        if entries.is_empty() {
            continue;
        }
        bitfield[bitfield.len() - 1 - index / 8] |= 1 << (index % 8);
        let (name, to) = if entries.len() == 1 {
            let (_, name, child) = entries.swap_remove(0);
            (format!("{index:02X}{name}"), child)
        } else {
            (format!("{index:02X}"), level(entries, depth + 1, version, blocks)?)
        };
        below_bytes += to.dag_bytes;
        links.push(Link { name, to });
    }
    let first = bitfield.iter().position(|byte| *byte != 0).unwrap_or(bitfield.len());
    let block = Node::shard(&links, &bitfield[first..], FANOUT);
    let dag_bytes = block.bytes.len() as u64 + below_bytes;
    let child = Child { key: block.key, version, dag_bytes };
    blocks.push(block);
    Some(child)
}

/// The first half of murmur3 (128 bits for 64-bit machines, seed 0) of a name, most significant byte first.
fn hash(name: &str) -> [u8; LEVELS_MAX] {
    const C1: u64 = 0x87c3_7b91_1142_53d5;
    const C2: u64 = 0x4cf5_ad43_2745_937f;
    let first = |k: u64| k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
    let second = |k: u64| k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |word, byte| (word << 8) | u64::from(*byte));
    let bytes = name.as_bytes();
    let (mut h1, mut h2) = (0u64, 0u64);
    let mut blocks = bytes.chunks_exact(16);
    for block in &mut blocks {
        h1 ^= first(word(&block[..8]));
        h1 = h1.rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= second(word(&block[8..]));
        h2 = h2.rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let tail = blocks.remainder();
    let (low, high) = tail.split_at(tail.len().min(8));
    h2 ^= second(word(high));
    h1 ^= first(word(low));
    h1 ^= bytes.len() as u64;
    h2 ^= bytes.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    let mixed = |mut k: u64| {
        k = (k ^ (k >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        k = (k ^ (k >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        k ^ (k >> 33)
    };
    mixed(h1).wrapping_add(mixed(h2)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digests of the published algorithm, from an independent implementation (PyPI `mmh3`, `hash64(name, 0)[0]`).
    #[test]
    fn hash_is_murmur3() {
        for (name, expected) in [
            ("", 0u64),
            ("hello", 0xcbd8_a7b3_41bd_9b02),
            ("hello, world", 0x342f_ac62_3a5e_bc8e),
            ("The quick brown fox jumps over the lazy dog.", 0xcd99_481f_9ee9_02c9),
        ] {
            assert_eq!(u64::from_be_bytes(hash(name)), expected, "{name:?}");
        }
    }

    #[test]
    fn names_that_share_a_hash_are_refused_not_descended_into_for_ever() {
        let child = Child {
            key: crate::key::Key::of(crate::key::Codec::Raw, b""),
            version: Version::V1,
            dag_bytes: 0,
        };
        let twice = vec![("same".to_owned(), child), ("same".to_owned(), child)];
        assert!(build(twice, Version::V0).is_none());
    }
}
