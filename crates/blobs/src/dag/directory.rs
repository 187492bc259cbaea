//! The directories of one upload: paths in, nodes out.

use std::collections::BTreeMap;

use crate::key::Version;

use super::node::{Link, Node};
use super::{Block, Child, shard};

/// Bytes of names and identifiers past which a directory is sharded, as kubo does.
const SHARD_BYTES: usize = 256 << 10;
/// Directories within directories.
pub(crate) const DEPTH_MAX: usize = 64;
/// Bytes of one name; also the longest that file systems take.
pub(crate) const NAME_BYTES_MAX: usize = 255;

/// Why a path is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PathError {
    #[error(
        "{path:?} is not a plain relative path of at most {DEPTH_MAX} names of at most {NAME_BYTES_MAX} bytes"
    )]
    NotPlain { path: String },
    #[error("{path:?} is there twice, or both a file and a directory")]
    Twice { path: String },
    #[error("two names in {path:?} share a 64-bit hash: no shard holds both")]
    Collision { path: String },
}

/// A directory that files are put into.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug)]
enum Entry {
    File(Child),
    Directory(Directory),
}

/// A directory whose nodes are made: its path, and what a parent says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) path: String,
    pub(crate) child: Child,
}

impl Directory {
    /// The directories in it, for an upload that is not wrapped into one.
    pub(crate) fn into_directories(self) -> impl Iterator<Item = (String, Self)> {
        self.entries.into_iter().filter_map(|(name, entry)| match entry {
            Entry::Directory(directory) => Some((name, directory)),
            Entry::File(_) => None,
        })
    }

    /// Puts a file at a path.
    pub(crate) fn put(&mut self, path: &str, child: Child) -> Result<(), PathError> {
        let (directory, name) = match path.rsplit_once('/') {
            Some(("", _)) => return Err(PathError::NotPlain { path: shown(path) }),
            Some((parents, name)) => (self.enter(parents)?, name),
            None => (self, path),
        };
        let taken = directory.entries.insert(plain(name)?.to_owned(), Entry::File(child)).is_some();
        if taken { Err(PathError::Twice { path: shown(path) }) } else { Ok(()) }
    }

    /// The directory at a path, made if absent; the root itself for an empty path.
    pub(crate) fn enter(&mut self, path: &str) -> Result<&mut Self, PathError> {
        let mut here = self;
        if path.is_empty() {
            return Ok(here);
        }
        if path.split('/').count() > DEPTH_MAX {
            return Err(PathError::NotPlain { path: shown(path) });
        }
        for name in path.split('/') {
            let entry = here.entries.entry(plain(name)?.to_owned());
            here = match entry.or_insert_with(|| Entry::Directory(Self::default())) {
                Entry::Directory(directory) => directory,
                Entry::File(_) => return Err(PathError::Twice { path: shown(path) }),
            };
        }
        Ok(here)
    }

    /// Makes the nodes, children before parents: appends them to `blocks`, and each directory to `made`, itself last
    /// under the path given. Recursion is bounded by [`DEPTH_MAX`].
    pub(crate) fn build(
        self,
        path: &str,
        version: Version,
        blocks: &mut Vec<Block>,
        made: &mut Vec<Made>,
    ) -> Result<Child, PathError> {
        let mut children = Vec::with_capacity(self.entries.len());
        let mut size_bytes = 0;
        for (name, entry) in self.entries {
            let child = match entry {
                Entry::File(child) => child,
                Entry::Directory(directory) => {
                    let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                    directory.build(&below, version, blocks, made)?
                }
            };
            size_bytes += name.len() + child.key.bytes(child.version).len();
            children.push((name, child));
        }
        let child = if size_bytes > SHARD_BYTES {
            let (shards, root) =
                shard::build(children, version).ok_or_else(|| PathError::Collision { path: shown(path) })?;
            blocks.extend(shards);
            root
        } else {
            // The map gave them in the order of their names' bytes, which is the order of links.
            let links: Vec<Link> = children.into_iter().map(|(name, to)| Link { name, to }).collect();
            let block = Node::directory(&links);
            let below: u64 = links.iter().map(|link| link.to.dag_bytes).sum();
            let child = Child { key: block.key, version, dag_bytes: block.bytes.len() as u64 + below };
            blocks.push(block);
            child
        };
        made.push(Made { path: path.to_owned(), child });
        Ok(child)
    }
}

/// A name that is one, and leads nowhere else where somebody writes it to a disk.
fn plain(name: &str) -> Result<&str, PathError> {
    let plain = !matches!(name, "" | "." | "..") && name.len() <= NAME_BYTES_MAX && !name.contains('\0');
    if plain { Ok(name) } else { Err(PathError::NotPlain { path: shown(name) }) }
}

fn shown(path: &str) -> String {
    path.chars().take(128).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Codec, Key};

    #[test]
    fn refuses_paths_that_lead_astray() {
        let child = Child { key: Key::of(Codec::Raw, b""), version: Version::V1, dag_bytes: 0 };
        let mut root = Directory::default();
        let deep = vec!["d"; DEPTH_MAX + 2].join("/");
        for path in ["", "/a", "a//b", "a/", "./a", "../a", "a/../b", "a\0b", &deep, &"n".repeat(256)] {
            assert!(matches!(root.put(path, child), Err(PathError::NotPlain { .. })), "{path:?}");
        }
        let mut root = Directory::default();
        root.put("a/b", child).unwrap();
        for path in ["a/b", "a/b/c", "a"] {
            assert!(matches!(root.put(path, child), Err(PathError::Twice { .. })), "{path:?}");
        }
        assert!(root.enter("a/b").is_err());
    }
}
