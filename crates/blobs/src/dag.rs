//! Nodes and what is made of them: the forms of `UnixFS` in dag-pb, written as kubo writes them and read as if a
//! stranger made them. Pure: no disk, no network.

mod directory;
#[cfg(test)]
mod golden;
mod node;
mod shard;

pub(crate) use directory::{Directory, Made, PathError};
pub(crate) use node::{Kind, Link, Node, varint};
pub(crate) use shard::{FANOUT, LEVELS_MAX, PREFIX_BYTES, slot};

use crate::key::{Key, Version};

/// Largest node taken or made, in bytes; what kubo and its peers exchange at most.
pub(crate) const BLOCK_BYTES_MAX: usize = 2 << 20;

/// A node whose bytes are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) key: Key,
    pub(crate) bytes: Vec<u8>,
}

/// What a directory says of one of its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Child {
    pub(crate) key: Key,
    pub(crate) version: Version,
    /// Bytes of all nodes below and with it.
    pub(crate) dag_bytes: u64,
}
