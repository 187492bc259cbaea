//! The identifier of a file: the multihash of its root node.

use std::fmt;
use std::str::FromStr;

use multihash::Multihash;

/// Multicodec number of `sha2-256`.
pub(crate) const SHA2_256: u64 = 0x12;
/// Multicodec number of `dag-pb`, the only node format of files added with kubo's defaults.
pub(crate) const DAG_PB: u64 = 0x70;
/// Longest text taken for an identifier; a dag-pb sha2-256 one has 46 (v0) or 59 characters (v1, base32).
pub(crate) const TEXT_BYTES_MAX: usize = 128;

/// A file's content identifier: sha2-256 of its dag-pb root node. Shown as `CIDv0` (`Qm…`), which keeps nothing
/// but the multihash, as the contracts do (see [`Cid::to_multiaddr`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cid([u8; 32]);

/// Why a text or a byte string names no file of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseCid {
    /// Not a CID at all.
    #[error("{text:?} is not a content identifier")]
    Malformed {
        /// The text, cut to a printable length.
        text: String,
    },
    /// A CID of another codec or hash function.
    #[error(
        "{text} names codec {codec:#x} with hash {hash:#x}; taken are dag-pb (0x70) and raw (0x55) with sha2-256 (0x12)"
    )]
    Unsupported {
        /// The text as given.
        text: String,
        /// Its multicodec number.
        codec: u64,
        /// Its multihash number.
        hash: u64,
    },
}

impl Cid {
    /// The identifier whose root node has this sha2-256 digest.
    pub const fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The sha2-256 digest of the root node.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.0
    }

    /// The binary multiaddr `/p2p/<cid>` in which contracts keep a location (http-surface 8.2):
    /// `a503 22 ‖ 12 20 ‖ digest`.
    pub fn to_multiaddr(&self) -> Vec<u8> {
        let mut bytes = MULTIADDR_PREFIX.to_vec();
        bytes.extend_from_slice(&self.0);
        bytes
    }

    /// Reads what [`Cid::to_multiaddr`] writes; `None` for anything else.
    pub fn from_multiaddr(bytes: &[u8]) -> Option<Self> {
        let digest = bytes.strip_prefix(&MULTIADDR_PREFIX)?;
        Some(Self(digest.try_into().ok()?))
    }

    fn to_v0(self) -> ::cid::Cid {
        let hash = Multihash::wrap(SHA2_256, &self.0).expect("32 bytes fit a 64-byte multihash");
        ::cid::Cid::new_v0(hash).expect("sha2-256 of 32 bytes is what version 0 demands")
    }
}

/// `/p2p/` as a varint protocol number (421), the length of a sha2-256 multihash, its code and its size.
const MULTIADDR_PREFIX: [u8; 5] = [0xa5, 0x03, 0x22, 0x12, 0x20];

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_v0().fmt(f)
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cid({self})")
    }
}

impl FromStr for Cid {
    type Err = ParseCid;

    /// Takes version 0 and version 1 of the same multihash.
    fn from_str(text: &str) -> Result<Self, ParseCid> {
        let malformed = || ParseCid::Malformed { text: text.chars().take(TEXT_BYTES_MAX).collect() };
        // The cid crate takes a whole `/ipfs/…` path too; here a path is a `Location`.
        if text.len() > TEXT_BYTES_MAX || text.contains('/') {
            return Err(malformed());
        }
        let parsed = ::cid::Cid::from_str(text).map_err(|_| malformed())?;
        let digest = <[u8; 32]>::try_from(parsed.hash().digest());
        match digest {
            Ok(digest) if parsed.codec() == DAG_PB && parsed.hash().code() == SHA2_256 => Ok(Self(digest)),
            _ => Err(ParseCid::Unsupported {
                text: text.to_owned(),
                codec: parsed.codec(),
                hash: parsed.hash().code(),
            }),
        }
    }
}

impl serde::Serialize for Cid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Cid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o";

    #[test]
    fn refuses_what_is_not_a_file_of_ours() {
        for text in
            ["", "Qm", "hello", "/ipfs/QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o", "../../etc/passwd"]
        {
            assert!(matches!(text.parse::<Cid>(), Err(ParseCid::Malformed { .. })), "{text}");
        }
        assert!("Qm".repeat(100).parse::<Cid>().is_err());
        // Version 1, raw codec: a block, not a file added with kubo's defaults.
        let raw = "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e".parse::<Cid>();
        assert!(matches!(raw, Err(ParseCid::Unsupported { codec: 0x55, .. })));
    }

    #[test]
    fn reads_both_versions_and_writes_version_0() {
        let cid: Cid = HELLO.parse().unwrap();
        assert_eq!(cid.to_string(), HELLO);
        let v1 = cid.to_v0().into_v1().unwrap().to_string();
        assert_ne!(v1, HELLO);
        assert_eq!(v1.parse::<Cid>().unwrap(), cid);
    }

    #[test]
    fn multiaddr_is_the_one_contracts_keep() {
        let cid: Cid = HELLO.parse().unwrap();
        let bytes = cid.to_multiaddr();
        assert_eq!(
            hex::encode(&bytes),
            "a50322122046d44814b9c5af141c3aaab7c05dc5e844ead5f91f12858b021eba45768b4c0e"
        );
        assert_eq!(Cid::from_multiaddr(&bytes), Some(cid));
        assert_eq!(Cid::from_multiaddr(&bytes[..36]), None);
        assert_eq!(Cid::from_multiaddr(HELLO.as_bytes()), None);
    }
}
