//! The name of any node: of a file, of a directory, of a piece of either.

use std::fmt;
use std::str::FromStr;

use multihash::Multihash;
use sha2::{Digest, Sha256};

use crate::ParseCid;
use crate::cid::{DAG_PB, SHA2_256, TEXT_BYTES_MAX};

/// Multicodec number of plain bytes.
const RAW: u64 = 0x55;

/// How the bytes of a node are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// A node with links (multicodec 0x70).
    DagPb,
    /// Bytes of content (multicodec 0x55).
    Raw,
}

/// How a name is written. Plain bytes have no name of version 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// `Qm…`: the multihash alone.
    #[default]
    V0,
    /// `baf…`: with its codec.
    V1,
}

/// The name of a node: its codec and sha2-256 digest. Names of version 0 and 1 are the same key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    codec: Codec,
    digest: [u8; 32],
}

impl Key {
    /// The name of a node with this digest.
    pub const fn new(codec: Codec, digest: [u8; 32]) -> Self {
        Self { codec, digest }
    }

    /// The name of these bytes.
    pub fn of(codec: Codec, block: &[u8]) -> Self {
        Self { codec, digest: Sha256::digest(block).into() }
    }

    /// How its bytes are read.
    pub const fn codec(&self) -> Codec {
        self.codec
    }

    /// The sha2-256 digest of its bytes.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Its text in the version asked for; plain bytes are always in version 1.
    pub fn text(&self, version: Version) -> String {
        let hash = Multihash::wrap(SHA2_256, &self.digest).expect("32 bytes fit a 64-byte multihash");
        match (self.codec, version) {
            (Codec::DagPb, Version::V0) => {
                ::cid::Cid::new_v0(hash).expect("sha2-256 of 32 bytes is what version 0 demands").to_string()
            }
            (Codec::DagPb, Version::V1) => ::cid::Cid::new_v1(DAG_PB, hash).to_string(),
            (Codec::Raw, _) => ::cid::Cid::new_v1(RAW, hash).to_string(),
        }
    }

    /// Its binary form, as links hold it; plain bytes are always in version 1.
    pub(crate) fn bytes(&self, version: Version) -> Vec<u8> {
        let mut bytes = match (self.codec, version) {
            (Codec::DagPb, Version::V0) => vec![0x12, 0x20],
            (Codec::DagPb, Version::V1) => vec![1, DAG_PB as u8, 0x12, 0x20],
            (Codec::Raw, _) => vec![1, RAW as u8, 0x12, 0x20],
        };
        bytes.extend_from_slice(&self.digest);
        bytes
    }

    /// Reads what [`Key::bytes`] writes; `None` for other codecs and hashes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<(Self, Version)> {
        let (codec, version, digest) = match bytes {
            [0x12, 0x20, digest @ ..] => (Codec::DagPb, Version::V0, digest),
            [1, 0x70, 0x12, 0x20, digest @ ..] => (Codec::DagPb, Version::V1, digest),
            [1, 0x55, 0x12, 0x20, digest @ ..] => (Codec::Raw, Version::V1, digest),
            _ => return None,
        };
        Some((Self { codec, digest: digest.try_into().ok()? }, version))
    }

    /// Reads a name, and in which version it was written.
    ///
    /// # Errors
    /// [`ParseCid`]: no name, or one of another codec or hash.
    pub fn parse(text: &str) -> Result<(Self, Version), ParseCid> {
        let malformed = || ParseCid::Malformed { text: text.chars().take(TEXT_BYTES_MAX).collect() };
        // The cid crate takes a whole `/ipfs/…` path too; a path is not a name.
        if text.len() > TEXT_BYTES_MAX || text.contains('/') {
            return Err(malformed());
        }
        let parsed = ::cid::Cid::from_str(text).map_err(|_| malformed())?;
        Self::from_bytes(&parsed.to_bytes()).ok_or_else(|| ParseCid::Unsupported {
            text: text.to_owned(),
            codec: parsed.codec(),
            hash: parsed.hash().code(),
        })
    }
}

impl fmt::Display for Key {
    /// In version 0 where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Version::V0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

impl FromStr for Key {
    type Err = ParseCid;

    fn from_str(text: &str) -> Result<Self, ParseCid> {
        Self::parse(text).map(|(key, _)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_base_names_the_same_node() {
        let v0 = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o";
        let (key, version) = Key::parse(v0).unwrap();
        assert_eq!(version, Version::V0);
        let parsed = ::cid::Cid::try_from(v0).unwrap().into_v1().unwrap();
        for base in [multibase::Base::Base32Lower, multibase::Base::Base36Lower, multibase::Base::Base58Btc] {
            let text = parsed.to_string_of_base(base).unwrap();
            assert_eq!(Key::parse(&text).unwrap(), (key, Version::V1), "{text}");
        }
        assert_eq!(Key::from_bytes(&key.bytes(Version::V1)), Some((key, Version::V1)));
        let raw = Key::of(Codec::Raw, b"");
        assert_eq!(raw.to_string(), "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
        assert_eq!(raw.text(Version::V0).parse::<Key>().unwrap(), raw);
    }

    #[test]
    fn other_codecs_hashes_and_lengths_are_refused_by_name() {
        // dag-cbor with sha2-256; raw with the identity hash; raw with blake2b-256.
        for text in [
            "bafyreihyrpefhacm6kkp4ql6j6udakdit7g3dmkzfriqfykhjw6cad5lrm",
            "bafkqabtimvwgy3yk",
            "bafk2bzacea73ycjnxe2qov7cvnhx52lzfp6nf5jcblnfus6gqreh6ygganbws",
        ] {
            assert!(matches!(Key::parse(text), Err(ParseCid::Unsupported { .. })), "{text}");
        }
        assert!(matches!(Key::parse("not a name"), Err(ParseCid::Malformed { .. })));
        assert_eq!(Key::from_bytes(&[0x12, 0x20, 1, 2, 3]), None);
        assert_eq!(Key::from_bytes(&[]), None);
    }
}
