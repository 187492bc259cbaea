//! Where content lies: one small contract, which the local disk, a bucket and another node keep.
//!
//! A backend keeps two sorts of things under their names: whole files (whose nodes are computed when somebody asks for
//! them) and single nodes. It knows nothing of quotas, pins or reachability; [`crate::Blobs`] sees to those.

pub(crate) mod local;
mod s3;

use std::fmt::Debug;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::time::SystemTime;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tempfile::TempPath;

use crate::dag::Block;
use crate::key::{Key, Version};
use crate::tree::{CHUNK_BYTES_RANGE, Layout};

pub(crate) use local::Local;
pub use s3::Bucket;
pub(crate) use s3::S3;

/// Where the content of a store lies. Its pins, and uploads under way, are in its directory in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Backing {
    /// In its directory.
    #[default]
    Disk,
    /// In a bucket of a service that speaks S3.
    Bucket(Bucket),
}

/// Of which sort a thing kept is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// The content of a whole file; its name is that of its root.
    File,
    /// One node, as its bytes.
    Block,
}

/// A thing kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) sort: Sort,
    /// Bytes of the content, or of the node.
    pub(crate) size_bytes: u64,
}

/// A thing kept, as a listing shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) key: Key,
    pub(crate) found: Found,
    /// When it was last added.
    pub(crate) added: SystemTime,
}

/// A file that is whole, hashed and waiting for its name.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) key: Key,
    pub(crate) layout: Layout,
    pub(crate) size_bytes: u64,
    pub(crate) path: TempPath,
}

/// Why a backend did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("no space is left")]
    Full,
    #[error("cannot {step} {}: {source}", path.display())]
    Io { step: &'static str, path: PathBuf, source: io::Error },
    #[error("cannot {step} {name} at the backend: {why}")]
    Remote { step: &'static str, name: String, why: String },
}

pub(crate) type Doing<'a, T> = BoxFuture<'a, Result<T, Fault>>;
/// Content as it comes.
pub(crate) type Content = BoxStream<'static, io::Result<Bytes>>;

/// Where content lies.
pub(crate) trait Backend: Debug + Send + Sync {
    /// Keeps a file under its name. True if it was not there before; its age is that of now in any case.
    fn keep_file(&self, whole: Whole) -> Doing<'_, bool>;
    /// Keeps a node under its name, as [`Backend::keep_file`].
    fn keep_block(&self, block: Block) -> Doing<'_, bool>;
    /// What is under a name; a file before a node.
    fn find(&self, key: Key) -> Doing<'_, Option<Found>>;
    /// How a file that was found is laid out.
    fn layout(&self, key: Key) -> Doing<'_, Layout>;
    /// Bytes of what was found.
    fn read(&self, key: Key, sort: Sort, range: Range<u64>) -> Doing<'_, Content>;
    /// Removes a thing; an absent one is no fault.
    fn remove(&self, key: Key, sort: Sort) -> Doing<'_, ()>;
    /// All that is kept, in any order.
    fn list(&self) -> BoxStream<'_, Result<Listed, Fault>>;
}

/// The text in which a layout is recorded beside a file.
fn layout_text(layout: &Layout) -> String {
    let leaves = if layout.raw_leaves { "raw" } else { "wrapped" };
    let version = match layout.version {
        Version::V0 => 0,
        Version::V1 => 1,
    };
    format!("{} {leaves} {version}\n", layout.chunk_bytes)
}

/// Reads what [`layout_text`] writes.
fn layout_of(text: &str) -> Option<Layout> {
    let mut words = text.trim_end().split(' ');
    let chunk_bytes = words.next()?.parse().ok().filter(|bytes| CHUNK_BYTES_RANGE.contains(bytes))?;
    let raw_leaves = match words.next()? {
        "raw" => true,
        "wrapped" => false,
        _ => return None,
    };
    let version = match words.next()? {
        "0" => Version::V0,
        "1" => Version::V1,
        _ => return None,
    };
    Some(Layout { chunk_bytes, raw_leaves, version })
}

/// Whether the layout of a file must be recorded: not if it has one leaf, nor if it is kubo's own.
fn is_recorded(layout: &Layout, size_bytes: u64) -> bool {
    *layout != Layout::default() && size_bytes > layout.chunk_bytes as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_survives_its_record_and_nonsense_is_no_layout() {
        for layout in
            [Layout::default(), Layout { chunk_bytes: 1 << 20, raw_leaves: true, version: Version::V1 }]
        {
            assert_eq!(layout_of(&layout_text(&layout)), Some(layout));
        }
        for text in ["", "1 raw 0", "262144", "262144 raw", "262144 cooked 1", "262144 raw 2"] {
            assert_eq!(layout_of(text), None, "{text}");
        }
    }
}
