//! The identifier of a file: the multihash of its root node.

use std::fmt;
use std::str::FromStr;

use crate::key::{Codec, Key};

/// Multicodec number of `sha2-256`.
pub(crate) const SHA2_256: u64 = 0x12;
/// Multicodec number of `dag-pb`, the only node format of files added with kubo's defaults.
pub(crate) const DAG_PB: u64 = 0x70;
/// Longest text taken for an identifier; a dag-pb sha2-256 one has 46 (v0) or 59 characters (v1, base32).
pub(crate) const TEXT_BYTES_MAX: usize = 128;

/// A file's content identifier: sha2-256 of its root node. A dag-pb one is shown as `CIDv0` (`Qm…`), which keeps nothing
/// but the multihash, as the contracts do (see [`Cid::to_multiaddr`]); a file that is one node of plain bytes as `CIDv1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cid(Key);

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
    /// The identifier whose dag-pb root node has this sha2-256 digest.
    pub const fn from_digest(digest: [u8; 32]) -> Self {
        Self(Key::new(Codec::DagPb, digest))
    }

    /// The sha2-256 digest of the root node.
    pub const fn digest(&self) -> &[u8; 32] {
        self.0.digest()
    }

    /// The name of the root node.
    pub const fn key(&self) -> Key {
        self.0
    }

    /// The binary multiaddr `/p2p/<cid>` in which contracts keep a location (http-surface 8.2):
    /// `a503 22 ‖ 12 20 ‖ digest`. `None` for a file of plain bytes, which it would turn into another.
    pub fn to_multiaddr(&self) -> Option<Vec<u8>> {
        (self.0.codec() == Codec::DagPb).then(|| [&MULTIADDR_PREFIX, &self.digest()[..]].concat())
    }

    /// Reads what [`Cid::to_multiaddr`] writes; `None` for anything else.
    pub fn from_multiaddr(bytes: &[u8]) -> Option<Self> {
        let digest = bytes.strip_prefix(&MULTIADDR_PREFIX)?;
        Some(Self::from_digest(digest.try_into().ok()?))
    }
}

/// `/p2p/` as a varint protocol number (421), the length of a sha2-256 multihash, its code and its size.
const MULTIADDR_PREFIX: [u8; 5] = [0xa5, 0x03, 0x22, 0x12, 0x20];

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
        text.parse().map(Self)
    }
}

impl From<Cid> for Key {
    fn from(cid: Cid) -> Self {
        cid.0
    }
}

impl From<Key> for Cid {
    fn from(key: Key) -> Self {
        Self(key)
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
        // Version 1, dag-cbor: no file.
        let cbor = "bafyreihyrpefhacm6kkp4ql6j6udakdit7g3dmkzfriqfykhjw6cad5lrm".parse::<Cid>();
        assert!(matches!(cbor, Err(ParseCid::Unsupported { codec: 0x71, .. })));
    }

    #[test]
    fn reads_both_versions_and_writes_version_0() {
        let cid: Cid = HELLO.parse().unwrap();
        assert_eq!(cid.to_string(), HELLO);
        let v1 = cid.key().text(crate::Version::V1);
        assert_ne!(v1, HELLO);
        assert_eq!(v1.parse::<Cid>().unwrap(), cid);
        let raw = "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
        assert_eq!(raw.parse::<Cid>().unwrap().to_string(), raw);
    }

    #[test]
    fn multiaddr_is_the_one_contracts_keep() {
        let cid: Cid = HELLO.parse().unwrap();
        let bytes = cid.to_multiaddr().unwrap();
        assert_eq!(
            hex::encode(&bytes),
            "a50322122046d44814b9c5af141c3aaab7c05dc5e844ead5f91f12858b021eba45768b4c0e"
        );
        assert_eq!(Cid::from_multiaddr(&bytes), Some(cid));
        assert_eq!(Cid::from_multiaddr(&bytes[..36]), None);
        assert_eq!(Cid::from_multiaddr(HELLO.as_bytes()), None);
    }
}
