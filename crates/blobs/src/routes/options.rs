//! The options of an upload, as kubo names them.

use crate::key::Version;
use crate::tree::{CHUNK_BYTES, CHUNK_BYTES_RANGE, Layout};

/// What an upload is told by its query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) layout: Layout,
    pub(super) only_hash: bool,
    /// Asked for in words: what kubo does without being asked would keep everything for ever.
    pub(super) pin: bool,
    pub(super) wrap: bool,
    pub(super) progress: bool,
}

/// An option that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadOption {
    #[error("{option}={value} is not supported here; leave it out")]
    Unsupported { option: String, value: String },
    #[error("{option}={value:?} is not one of the values that it takes")]
    Value { option: String, value: String },
    #[error(
        "chunker={value}: taken is size-N with N from 1024 to 1048576; others, as rabin, are not supported"
    )]
    Chunker { value: String },
}

/// Options that change names, where only kubo's default is taken.
const FIXED: &[(&str, &str)] = &[
    ("hash", "sha2-256"),
    ("inline", "false"),
    ("max-directory-links", "0"),
    ("max-file-links", "174"),
    ("max-hamt-fanout", "256"),
    ("nocopy", "false"),
    ("preserve-mode", "false"),
    ("preserve-mtime", "false"),
    ("to-files", ""),
    ("trickle", "false"),
];

impl Options {
    /// Reads the pairs of a query. Options that change nothing about names are passed over.
    pub(super) fn parse(query: &[(String, String)]) -> Result<Self, BadOption> {
        let mut options =
            Self { layout: Layout::default(), only_hash: false, pin: false, wrap: false, progress: false };
        let mut raw_leaves = None;
        for (option, value) in query {
            let option = option.replace('_', "-");
            let truth = || match value.as_str() {
                "" | "true" | "1" => Ok(true),
                "false" | "0" => Ok(false),
                _ => Err(BadOption::Value { option: option.clone(), value: value.clone() }),
            };
            match option.as_str() {
                "cid-version" => {
                    options.layout.version = match value.as_str() {
                        "0" => Version::V0,
                        "1" => Version::V1,
                        _ => return Err(BadOption::Value { option, value: value.clone() }),
                    }
                }
                "raw-leaves" => raw_leaves = Some(truth()?),
                "chunker" => options.layout.chunk_bytes = chunker(value)?,
                "only-hash" => options.only_hash = truth()?,
                "pin" => options.pin = truth()?,
                "wrap-with-directory" => options.wrap = truth()?,
                "progress" => options.progress = truth()?,
                _ if FIXED
                    .iter()
                    .any(|(name, fixed)| *name == option && !value.eq_ignore_ascii_case(fixed)) =>
                {
                    return Err(BadOption::Unsupported { option, value: value.clone() });
                }
                _ => {}
            }
        }
        options.layout.raw_leaves = raw_leaves.unwrap_or(options.layout.version == Version::V1);
        Ok(options)
    }
}

fn chunker(value: &str) -> Result<usize, BadOption> {
    let bad = || BadOption::Chunker { value: value.chars().take(64).collect() };
    match value {
        "" | "default" => Ok(CHUNK_BYTES),
        _ => {
            let size = value.strip_prefix("size-").and_then(|size| size.parse().ok());
            size.filter(|size| CHUNK_BYTES_RANGE.contains(size)).ok_or_else(bad)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Options, BadOption> {
        let pairs: Vec<_> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(option, value)| (option.to_owned(), value.to_owned()))
            .collect();
        Options::parse(&pairs)
    }

    #[test]
    fn refuses_what_would_give_other_names_or_makes_no_sense() {
        for query in [
            "hash=blake3",
            "trickle=true",
            "to-files=/x",
            "inline",
            "max-file-links=1024",
            "cid-version=2",
            "cid-version=",
            "raw-leaves=perhaps",
            "chunker=rabin",
            "chunker=size-1",
            "chunker=size-99999999999999999999",
            "chunker=size-1048577",
            "chunker=size--1",
        ] {
            assert!(parse(query).is_err(), "{query}");
        }
    }

    #[test]
    fn version_1_has_raw_leaves_unless_told_otherwise() {
        assert_eq!(parse("stream-channels=true&quiet=true").unwrap().layout, Layout::default());
        assert!(parse("cid-version=1").unwrap().layout.raw_leaves);
        assert!(!parse("raw-leaves=false&cid_version=1").unwrap().layout.raw_leaves);
        let options = parse("chunker=size-1024&only-hash=true&wrap-with-directory&pin=true").unwrap();
        assert_eq!(options.layout.chunk_bytes, 1024);
        assert!(options.only_hash && options.wrap && options.pin && !options.progress);
    }
}
