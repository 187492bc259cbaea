//! Paths of content as strangers write them. They never reach a file system: each name is looked up in a directory node.

use crate::ParseCid;
use crate::key::{Key, Version};

/// Bytes of a path.
const PATH_BYTES_MAX: usize = 8192;
/// Names of a path behind its root.
const NAMES_MAX: usize = 256;

/// A name, and the path below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ContentPath {
    pub(super) root: Key,
    pub(super) version: Version,
    pub(super) names: Vec<String>,
}

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadPath {
    #[error(transparent)]
    Cid(#[from] ParseCid),
    #[error("the path has more than {PATH_BYTES_MAX} bytes or {NAMES_MAX} names")]
    TooLong,
    #[error("the path holds an empty name, or an escape that is not UTF-8")]
    NotPlain,
}

impl ContentPath {
    /// Reads `<cid>[/name]…` with names escaped as in URLs.
    pub(super) fn from_url(path: &str) -> Result<Self, BadPath> {
        Self::read(path, |name| decode(name, false))
    }

    /// Reads `[/ipfs/]<cid>[/name]…` with names as they are.
    pub(super) fn from_argument(path: &str) -> Result<Self, BadPath> {
        Self::read(path.strip_prefix("/ipfs/").unwrap_or(path), |name| Some(name.to_owned()))
    }

    fn read(path: &str, name_of: impl Fn(&str) -> Option<String>) -> Result<Self, BadPath> {
        if path.len() > PATH_BYTES_MAX {
            return Err(BadPath::TooLong);
        }
        let mut parts = path.strip_suffix('/').unwrap_or(path).split('/');
        let root = parts.next().unwrap_or_default();
        let (root, version) = Key::parse(root)?;
        let mut names = Vec::new();
        for part in parts {
            if names.len() >= NAMES_MAX {
                return Err(BadPath::TooLong);
            }
            let name = name_of(part).filter(|name| !name.is_empty()).ok_or(BadPath::NotPlain)?;
            names.push(name);
        }
        Ok(Self { root, version, names })
    }
}

/// Undoes the escapes of a URL; in forms a plus sign stands for a blank. `None` if they are broken or not UTF-8.
pub(super) fn decode(text: &str, form: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        bytes.push(match byte {
            b'%' => {
                let [high, low, after @ ..] = rest else { return None };
                rest = after;
                let digit = |byte: u8| char::from(byte).to_digit(16);
                (digit(*high)? * 16 + digit(*low)?) as u8
            }
            b'+' if form => b' ',
            byte => *byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Writes a name so that it stands in a URL and in a page.
pub(super) fn encode(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HELLO: &str = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o";

    #[test]
    fn refuses_paths_that_are_none() {
        for path in [
            "",
            "/",
            "..",
            "%2e%2e",
            "QmX",
            &format!("{HELLO}//a"),
            &format!("{HELLO}/%zz"),
            &format!("{HELLO}/%ff"),
            &format!("{HELLO}/%2"),
        ] {
            assert!(ContentPath::from_url(path).is_err(), "{path}");
        }
        let deep = format!("{HELLO}{}", "/a".repeat(NAMES_MAX + 1));
        assert_eq!(ContentPath::from_url(&deep), Err(BadPath::TooLong));
        let long = format!("{HELLO}/{}", "a".repeat(PATH_BYTES_MAX));
        assert_eq!(ContentPath::from_url(&long), Err(BadPath::TooLong));
        assert!(ContentPath::from_argument("/ipns/name").is_err());
    }

    #[test]
    fn names_are_unescaped_once_and_only_in_urls() {
        let path = ContentPath::from_url(&format!("{HELLO}/a%20b/%252F/")).unwrap();
        assert_eq!(path.names, ["a b", "%2F"]);
        let path = ContentPath::from_argument(&format!("/ipfs/{HELLO}/a%20b")).unwrap();
        assert_eq!(path.names, ["a%20b"]);
        assert_eq!(decode("a+b%2B", true).as_deref(), Some("a b+"));
    }

    proptest! {
        #[test]
        fn escapes_come_back(name in "\\PC{0,20}") {
            prop_assert_eq!(decode(&encode(&name), false), Some(name));
        }
    }
}
