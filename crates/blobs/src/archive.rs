//! The archives in which results travel (middleware B.9): a zip of the content of `/iexec_out`, deflated, files
//! only, names relative to it. Written the same way every time; read as if a stranger made it. Blocking calls.

mod digest;
mod read;
mod write;

use std::io;
use std::path::PathBuf;

pub use digest::{Computed, result_digest};
pub use read::unpack;
pub use write::{Packed, pack};

/// Name of the file in which an application declares its result.
pub const COMPUTED_FILE: &str = "computed.json";

/// How much an archive may hold. Deflate never shrinks more than 1032 times, so an archive that claims more than
/// [`RATIO_MAX`] lists the same bytes several times over.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the archive itself.
    pub archive_bytes_max: u64,
    /// Files in it; at most 65534, since the large-archive form of zip is not taken.
    pub files_max: u32,
    /// Bytes of all its files unpacked.
    pub content_bytes_max: u64,
}

/// Unpacked bytes per archive byte.
pub const RATIO_MAX: u64 = 1_100;
/// Longest name of a file, with its directories.
pub(crate) const NAME_BYTES_MAX: usize = 4096;
/// Longest component of a name.
pub(crate) const COMPONENT_BYTES_MAX: usize = 255;

impl Default for Limits {
    fn default() -> Self {
        Self { archive_bytes_max: 1 << 30, files_max: 10_000, content_bytes_max: 4 << 30 }
    }
}

/// Why an archive is not written, or not taken.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file system refused.
    #[error("cannot {step} {}: {source}", path.display())]
    Io {
        /// The step that failed, as a verb.
        step: &'static str,
        /// The file or directory concerned.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Not a zip, or a broken one.
    #[error("not a sound zip archive: {0}")]
    Malformed(#[from] zip::result::ZipError),
    /// Bytes that cannot be unpacked.
    #[error("{name:?} cannot be unpacked: {source}")]
    Content {
        /// The file in the archive.
        name: String,
        /// The cause.
        source: io::Error,
    },
    /// Its end lists no files, several lists, or the large-archive form.
    #[error("the archive's directory is missing, ambiguous, or in the large-archive form")]
    Directory,
    /// Over [`Limits::archive_bytes_max`].
    #[error("the archive exceeds {max_bytes} bytes")]
    ArchiveTooLarge {
        /// The bound.
        max_bytes: u64,
    },
    /// Over [`Limits::files_max`].
    #[error("the archive holds more than {max} files")]
    TooManyFiles {
        /// The bound.
        max: u32,
    },
    /// Over [`Limits::content_bytes_max`], or over [`RATIO_MAX`] times the archive.
    #[error("the files of the archive exceed {max_bytes} bytes")]
    ContentTooLarge {
        /// The bound in force.
        max_bytes: u64,
    },
    /// A name that leads outside, or that no file can have.
    #[error("{name:?} is not a plain relative name")]
    Name {
        /// The name.
        name: String,
    },
    /// Two entries for one name, or a file where another entry has a directory.
    #[error("{name:?} is in the archive twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// A symbolic link or another special file.
    #[error("{name:?} is not a plain file")]
    NotPlain {
        /// The name.
        name: String,
    },
    /// An encrypted entry.
    #[error("{name:?} is encrypted")]
    Encrypted {
        /// The name.
        name: String,
    },
    /// No readable [`COMPUTED_FILE`].
    #[error("the archive has no usable {COMPUTED_FILE}: {reason}")]
    NoComputed {
        /// What is wrong with it.
        reason: String,
    },
    /// `deterministic-output-path` leads outside the result.
    #[error("the declared result {path:?} is not under /iexec_out")]
    Outside {
        /// The path declared.
        path: String,
    },
}
