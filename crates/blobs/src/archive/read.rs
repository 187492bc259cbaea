//! Reading an archive that a stranger made.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::path::Path;

use zip::ZipArchive;

use super::{ArchiveError, COMPONENT_BYTES_MAX, Limits, NAME_BYTES_MAX, RATIO_MAX};

/// The record that ends a zip: its signature and its length without the comment.
const END_MAGIC: &[u8] = b"PK\x05\x06";
const END_BYTES: usize = 22;
/// Longest comment after it.
const COMMENT_BYTES_MAX: usize = u16::MAX as usize;
/// Signature of the pointer to the large-archive form, and its length.
const LARGE_MAGIC: &[u8] = b"PK\x06\x07";
const LARGE_BYTES: usize = 20;
/// Bytes moved at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// An archive whose list of files was found sound: bounded, plain names, no links, nothing twice.
pub(super) struct Archive<R> {
    zip: ZipArchive<R>,
    /// Name and index of each file, sorted by name.
    pub(super) files: Vec<(String, usize)>,
    room_bytes: u64,
    max_bytes: u64,
}

impl<R: Read + Seek> Archive<R> {
    pub(super) fn open(mut reader: R, limits: &Limits) -> Result<Self, ArchiveError> {
        let archive_bytes = reader.seek(SeekFrom::End(0)).map_err(reading)?;
        if archive_bytes > limits.archive_bytes_max {
            return Err(ArchiveError::ArchiveTooLarge { max_bytes: limits.archive_bytes_max });
        }
        // Before the list is read into memory: how long is it?
        let listed = listed_files(&mut reader, archive_bytes)?;
        if u32::from(listed) > limits.files_max {
            return Err(ArchiveError::TooManyFiles { max: limits.files_max });
        }
        let mut zip = ZipArchive::new(reader)?;
        if zip.has_duplicate_names() {
            return Err(ArchiveError::Twice { name: "a name".to_owned() });
        }
        let mut files = Vec::with_capacity(zip.len());
        for index in 0..zip.len() {
            if let Some(name) = plain_name(&mut zip, index)? {
                files.push((name, index));
            }
        }
        files.sort();
        refuse_twice(&files)?;
        let max_bytes = limits.content_bytes_max.min(archive_bytes.saturating_mul(RATIO_MAX));
        Ok(Self { zip, files, room_bytes: max_bytes, max_bytes })
    }

    /// Gives the bytes of one file to `sink`, piece by piece. All calls together give no more than the limit.
    pub(super) fn read(
        &mut self,
        index: usize,
        sink: &mut impl FnMut(&[u8]) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        let mut file = self.zip.by_index(index)?;
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let length = match file.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(length) => length,
                Err(source) => {
                    let name = file.name().unwrap_or_default().into_owned();
                    return Err(ArchiveError::Content { name, source });
                }
            };
            let too_large = ArchiveError::ContentTooLarge { max_bytes: self.max_bytes };
            self.room_bytes = self.room_bytes.checked_sub(length as u64).ok_or(too_large)?;
            sink(&piece[..length])?;
        }
    }
}

/// Unpacks an archive into `dir`, which must exist and should be empty; answers the names of the files, sorted.
///
/// # Errors
/// [`ArchiveError`]; `dir` may then hold a part of the files, none of them outside of it.
pub fn unpack(reader: impl Read + Seek, dir: &Path, limits: &Limits) -> Result<Vec<String>, ArchiveError> {
    let mut archive = Archive::open(reader, limits)?;
    let files = archive.files.clone();
    for (name, index) in &files {
        let path = dir.join(name);
        let failed = |step| {
            let path = path.clone();
            move |source| ArchiveError::Io { step, path, source }
        };
        let parent = path.parent().expect("a plain name lies below dir");
        fs::create_dir_all(parent).map_err(failed("create the directory of"))?;
        let mut file = File::create_new(&path).map_err(failed("create"))?;
        archive.read(*index, &mut |piece| file.write_all(piece).map_err(failed("write")))?;
    }
    Ok(files.into_iter().map(|(name, _)| name).collect())
}

/// How many files the end record lists. Exactly one such record is taken, at the very end.
fn listed_files(reader: &mut (impl Read + Seek), archive_bytes: u64) -> Result<u16, ArchiveError> {
    let window = (archive_bytes).min((END_BYTES + COMMENT_BYTES_MAX + LARGE_BYTES) as u64);
    reader.seek(SeekFrom::Start(archive_bytes - window)).map_err(reading)?;
    let mut tail = Vec::new();
    reader.take(window).read_to_end(&mut tail).map_err(reading)?;
    let mut ends = memchr::memmem::find_iter(&tail, END_MAGIC);
    let (Some(at), None) = (ends.next(), ends.next()) else {
        return Err(ArchiveError::Directory);
    };
    let end = &tail[at..];
    let comment = end.get(20..22).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    let large = at >= LARGE_BYTES && tail[at - LARGE_BYTES..].starts_with(LARGE_MAGIC);
    if large || comment.map(|length| END_BYTES + usize::from(length)) != Some(end.len()) {
        return Err(ArchiveError::Directory);
    }
    match u16::from_le_bytes([end[10], end[11]]) {
        u16::MAX => Err(ArchiveError::Directory),
        listed => Ok(listed),
    }
}

/// The name of a plain file; `None` for a directory, which carries nothing.
fn plain_name<R: Read + Seek>(zip: &mut ZipArchive<R>, index: usize) -> Result<Option<String>, ArchiveError> {
    let entry = zip.by_index_raw(index)?;
    let shown = || String::from_utf8_lossy(entry.name_raw()).chars().take(256).collect::<String>();
    let Ok(name) = std::str::from_utf8(entry.name_raw()) else {
        return Err(ArchiveError::Name { name: shown() });
    };
    let trimmed = name.strip_suffix('/').unwrap_or(name);
    let plain = name.len() < NAME_BYTES_MAX
        && !name.chars().any(|c| c == '\\' || c.is_control())
        && trimmed
            .split('/')
            .all(|part| !matches!(part, "" | "." | "..") && part.len() <= COMPONENT_BYTES_MAX);
    if !plain {
        return Err(ArchiveError::Name { name: shown() });
    }
    if entry.encrypted() {
        return Err(ArchiveError::Encrypted { name: shown() });
    }
    /// Type bits of a Unix mode, and the two types taken.
    const TYPE: u32 = 0o170_000;
    const PLAIN: u32 = 0o100_000;
    const DIRECTORY: u32 = 0o040_000;
    let is_dir = trimmed.len() != name.len();
    match entry.unix_mode().map(|mode| mode & TYPE) {
        None | Some(0) => {}
        Some(PLAIN) if !is_dir => {}
        Some(DIRECTORY) if is_dir => {}
        Some(_) => return Err(ArchiveError::NotPlain { name: shown() }),
    }
    Ok((!is_dir).then(|| name.to_owned()))
}

/// A file cannot also be a directory: `a` and `a/b`.
fn refuse_twice(files: &[(String, usize)]) -> Result<(), ArchiveError> {
    for (name, _) in files {
        for (at, _) in name.match_indices('/') {
            let above = &name[..at];
            if files.binary_search_by(|(other, _)| other.as_str().cmp(above)).is_ok() {
                return Err(ArchiveError::Twice { name: above.to_owned() });
            }
        }
    }
    Ok(())
}

fn reading(source: io::Error) -> ArchiveError {
    ArchiveError::Malformed(zip::result::ZipError::Io(source))
}
