//! The digest of a result, recomputed from its archive (middleware A.2, B.6, G.2).

use std::io::{Read, Seek};

use alloy_primitives::B256;
use metacloud_protocol::ResultDigest;
use metacloud_protocol::result::{Child, DigestRules};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::read::Archive;
use super::{ArchiveError, COMPUTED_FILE, Limits};

/// Largest `computed.json`.
const COMPUTED_BYTES_MAX: usize = 1 << 20;
/// The directory that an archive is made of, as the application sees it.
const OUT_DIR: &str = "iexec_out";

/// What an application declared, as far as it concerns an archive. Other keys are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Computed {
    /// Absolute path of the result as the application sees it.
    #[serde(rename = "deterministic-output-path")]
    pub deterministic_output_path: Option<String>,
    /// Bytes for the callback contract, in hex.
    #[serde(rename = "callback-data")]
    pub callback_data: Option<String>,
}

/// The digest of the result that the archive's `computed.json` declares, and that declaration.
///
/// A declared path of which the archive holds nothing counts as an empty directory: archives hold files only, so
/// an honest empty directory leaves no trace, and a dishonest path gives a digest that nobody else computed.
///
/// # Errors
/// [`ArchiveError`]: not a sound archive, no usable declaration, a path outside the result, or one that has no digest
/// under these rules.
pub fn result_digest(
    reader: impl Read + Seek,
    rules: DigestRules,
    limits: &Limits,
) -> Result<(ResultDigest, Computed), ArchiveError> {
    let mut archive = Archive::open(reader, limits)?;
    let computed = declaration(&mut archive)?;
    let Some(declared) = &computed.deterministic_output_path else {
        return Err(unusable("no deterministic-output-path"));
    };
    let target = inside(declared)?;
    let files = archive.files.clone();
    if let Ok(at) = files.binary_search_by(|(name, _)| name.as_str().cmp(&target)) {
        let digest = rules.file(sha256(&mut archive, files[at].1)?);
        return digest.map(|digest| (digest, computed)).ok_or_else(no_content);
    }
    let mut children = Vec::new();
    for (name, index) in &files {
        let child = match target.as_str() {
            "" => Some(name.as_str()),
            target => name.strip_prefix(target).and_then(|rest| rest.strip_prefix('/')),
        };
        // Files further down make a child directory, which contributes nothing.
        if let Some(child) = child.filter(|child| !child.contains('/')) {
            children.push((child, Child::File(sha256(&mut archive, *index)?)));
        }
    }
    rules.directory(children).map(|digest| (digest, computed)).ok_or_else(no_content)
}

fn no_content() -> ArchiveError {
    unusable("the result that it declares is empty")
}

fn declaration<R: Read + Seek>(archive: &mut Archive<R>) -> Result<Computed, ArchiveError> {
    let found = archive.files.binary_search_by(|(name, _)| name.as_str().cmp(COMPUTED_FILE));
    let Ok(at) = found else {
        return Err(unusable("it is missing"));
    };
    let index = archive.files[at].1;
    let mut text = Vec::new();
    archive.read(index, &mut |piece| {
        text.extend_from_slice(piece);
        match text.len() <= COMPUTED_BYTES_MAX {
            true => Ok(()),
            false => Err(unusable("it is too long")),
        }
    })?;
    serde_json::from_slice(&text).map_err(|error| unusable(&error.to_string()))
}

/// The path relative to the result directory, `""` for that directory itself. There are no links in an archive,
/// so resolving is a matter of words.
fn inside(declared: &str) -> Result<String, ArchiveError> {
    let outside = || ArchiveError::Outside { path: declared.chars().take(256).collect() };
    let mut parts = Vec::new();
    for part in declared.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop().ok_or_else(outside)?),
            part => parts.push(part),
        }
    }
    match parts.split_first() {
        Some((&OUT_DIR, rest)) => Ok(rest.join("/")),
        _ => Err(outside()),
    }
}

fn sha256<R: Read + Seek>(archive: &mut Archive<R>, index: usize) -> Result<B256, ArchiveError> {
    let mut hasher = Sha256::new();
    archive.read(index, &mut |piece| {
        hasher.update(piece);
        Ok(())
    })?;
    Ok(B256::from(<[u8; 32]>::from(hasher.finalize())))
}

fn unusable(reason: &str) -> ArchiveError {
    ArchiveError::NoComputed { reason: reason.to_owned() }
}
