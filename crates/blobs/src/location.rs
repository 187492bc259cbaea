//! Where content is said to be: by what it is, or at whose door.

use std::fmt;
use std::str::FromStr;

use crate::{Cid, ParseCid};

/// Longest location taken; URLs beyond it are refused.
const TEXT_BYTES_MAX: usize = 4096;

/// A place to fetch content from, as found in asset contracts, deal parameters and result links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// `/ipfs/<cid>` or `/p2p/<cid>`: what arrives is checked against the name.
    Ipfs(Cid),
    /// An `http://` or `https://` URL: what arrives is whatever that host sends.
    Url(String),
}

/// Why a text names no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseLocation {
    /// Neither a content path nor an http(s) URL.
    #[error("{text:?} is neither /ipfs/<cid> nor an http(s) URL")]
    Malformed {
        /// The text, cut to a printable length.
        text: String,
    },
    /// A content path whose identifier is not one of a file.
    #[error(transparent)]
    Cid(#[from] ParseCid),
}

impl Location {
    /// Reads the `multiaddr` bytes of an asset contract: a binary multiaddr, else UTF-8 text
    /// (http-surface 8.2).
    ///
    /// # Errors
    /// [`ParseLocation`] if the bytes are neither; an image name is not a location.
    pub fn from_chain(bytes: &[u8]) -> Result<Self, ParseLocation> {
        if let Some(cid) = Cid::from_multiaddr(bytes) {
            return Ok(Self::Ipfs(cid));
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => text.parse(),
            Err(_) => Err(malformed(&String::from_utf8_lossy(&bytes[..bytes.len().min(64)]))),
        }
    }

    /// The bytes that an asset contract keeps for this location.
    pub fn to_chain(&self) -> Vec<u8> {
        match self {
            Self::Ipfs(cid) => cid.to_multiaddr().unwrap_or_else(|| self.to_string().into_bytes()),
            Self::Url(url) => url.clone().into_bytes(),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ipfs(cid) => write!(f, "/ipfs/{cid}"),
            Self::Url(url) => f.write_str(url),
        }
    }
}

impl FromStr for Location {
    type Err = ParseLocation;

    fn from_str(text: &str) -> Result<Self, ParseLocation> {
        let path = ["/ipfs/", "/p2p/"].iter().find_map(|prefix| text.strip_prefix(prefix));
        if let Some(cid) = path {
            return Ok(Self::Ipfs(cid.parse()?));
        }
        let http = ["http://", "https://"].iter().any(|scheme| {
            text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
                && text.len() > scheme.len()
        });
        if http && text.len() <= TEXT_BYTES_MAX && !text.chars().any(|c| c.is_control() || c.is_whitespace())
        {
            return Ok(Self::Url(text.to_owned()));
        }
        Err(malformed(text))
    }
}

fn malformed(text: &str) -> ParseLocation {
    ParseLocation::Malformed { text: text.chars().take(128).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_other_places() {
        for text in [
            "",
            "/ipfs/",
            "/ipfs/../secret",
            "file:///etc/passwd",
            "http://",
            "http://a b",
            "ftp://host/x",
            "busybox:latest",
        ] {
            assert!(text.parse::<Location>().is_err(), "{text}");
        }
        assert!(Location::from_chain(&[0xff, 0xfe]).is_err());
        assert!(format!("http://host/{}", "x".repeat(TEXT_BYTES_MAX)).parse::<Location>().is_err());
    }

    #[test]
    fn a_content_path_survives_the_chain() {
        let text = "/ipfs/QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o";
        let location: Location = text.parse().unwrap();
        assert_eq!(Location::from_chain(&location.to_chain()), Ok(location));
        let plain: Location =
            "/ipfs/bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e".parse().unwrap();
        assert_eq!(Location::from_chain(&plain.to_chain()), Ok(plain));
        let read_back = "/p2p/QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o";
        assert_eq!(read_back.parse::<Location>().unwrap().to_string(), text);
        let url: Location = "HTTPS://example.org/a?b=c".parse().unwrap();
        assert_eq!(Location::from_chain(&url.to_chain()), Ok(url));
    }
}
