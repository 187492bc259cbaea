//! Packing a directory that a stranger's application wrote.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::{ArchiveError, COMPONENT_BYTES_MAX, Limits, NAME_BYTES_MAX};

/// Directories within directories; deeper ones are skipped.
const DEPTH_MAX: usize = 64;
/// Bytes moved at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// What was packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Files in the archive.
    pub files: u32,
    /// Bytes of the archive.
    pub archive_bytes: u64,
    /// What is not in it: links, special files, names that are not UTF-8 or too long. Relative to the directory,
    /// sorted; to be reported to the buyer.
    pub skipped: Vec<String>,
}

/// Packs the files under `dir` into an archive at `to`, which appears only whole. Equal files give equal
/// archives: names are sorted, times and modes fixed. Links are never followed.
///
/// # Errors
/// [`ArchiveError::Io`], or a limit that the directory exceeds.
pub fn pack(dir: &Path, to: &Path, limits: &Limits) -> Result<Packed, ArchiveError> {
    let mut found = Found::default();
    found.walk(dir, "", 0, limits)?;
    let parent = match to.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let temp = NamedTempFile::new_in(parent).map_err(failed("create a file in", parent))?;
    let mut zip = ZipWriter::new(temp);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(6))
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut content_bytes = 0;
    for (name, path) in &found.files {
        zip.start_file(name.as_str(), options)?;
        let source = File::open(path).map_err(failed("open", path))?;
        content_bytes += copy(source, &mut zip, limits.content_bytes_max - content_bytes, path, limits)?;
    }
    let mut temp = zip.finish()?;
    let archive_bytes = temp.stream_position().map_err(failed("measure", to))?;
    if archive_bytes > limits.archive_bytes_max {
        return Err(ArchiveError::ArchiveTooLarge { max_bytes: limits.archive_bytes_max });
    }
    temp.persist(to).map_err(|error| failed("rename a file to", to)(error.error))?;
    found.skipped.sort();
    Ok(Packed {
        files: u32::try_from(found.files.len()).expect("at most files_max, a u32"),
        archive_bytes,
        skipped: found.skipped,
    })
}

fn copy(
    mut from: File,
    to: &mut ZipWriter<NamedTempFile>,
    room_bytes: u64,
    path: &Path,
    limits: &Limits,
) -> Result<u64, ArchiveError> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut copied = 0;
    loop {
        let length = match from.read(&mut piece).map_err(failed("read", path))? {
            0 => return Ok(copied),
            length => length,
        };
        copied += length as u64;
        if copied > room_bytes {
            return Err(ArchiveError::ContentTooLarge { max_bytes: limits.content_bytes_max });
        }
        to.write_all(&piece[..length]).map_err(failed("pack", path))?;
    }
}

/// Plain files by their name in the archive, in the order of its bytes.
#[derive(Default)]
struct Found {
    files: BTreeMap<String, PathBuf>,
    skipped: Vec<String>,
}

impl Found {
    fn walk(&mut self, dir: &Path, prefix: &str, depth: usize, limits: &Limits) -> Result<(), ArchiveError> {
        for entry in fs::read_dir(dir).map_err(failed("list", dir))? {
            let entry = entry.map_err(failed("list", dir))?;
            let lossy = format!("{prefix}{}", entry.file_name().to_string_lossy());
            // Of the entry itself: a link is a link, wherever it leads.
            let kind = entry.file_type().map_err(failed("inspect", dir))?;
            let Ok(name) = entry.file_name().into_string() else {
                self.skipped.push(lossy);
                continue;
            };
            let nameable = name.len() <= COMPONENT_BYTES_MAX
                && lossy.len() < NAME_BYTES_MAX
                && !name.chars().any(|c| c == '\\' || c.is_control());
            if kind.is_dir() && nameable && depth < DEPTH_MAX {
                self.walk(&entry.path(), &format!("{lossy}/"), depth + 1, limits)?;
            } else if kind.is_file() && nameable {
                self.files.insert(lossy, entry.path());
            } else {
                self.skipped.push(lossy);
            }
            if self.files.len() + self.skipped.len() > limits.files_max as usize {
                return Err(ArchiveError::TooManyFiles { max: limits.files_max });
            }
        }
        Ok(())
    }
}

fn failed(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ArchiveError {
    let path = path.to_owned();
    move |source| ArchiveError::Io { step, path, source }
}
