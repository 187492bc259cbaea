//! Digests of results and the link to them that goes on chain (middleware A.2 and G.1).

use alloy_primitives::{B256, Bytes, b256, hex, keccak256};
use serde::{Deserialize, Serialize};

use crate::ids::ResultDigest;
use crate::tag::Tag;

/// A direct child of the directory that an application declared as its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Child {
    /// A readable file, by the sha256 of its bytes.
    File(B256),
    /// A directory or something unreadable: contributes nothing to the digest.
    Opaque,
}

/// How empty files and directories, and odd names, enter a digest: existing workers of the two kinds of task differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestRules {
    /// Tasks without enclave: an empty file counts as any other, names are ordered by UTF-16 code units.
    Standard,
    /// Tasks in enclaves: an empty file counts for nothing, names are ordered by bytes, and a result without any
    /// content has no digest.
    Attested,
}

/// sha256 of nothing.
const EMPTY: B256 = b256!("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

impl DigestRules {
    /// Those for tasks of deals with this tag.
    pub fn of(tag: Tag) -> Self {
        if tag.tee() { Self::Attested } else { Self::Standard }
    }

    /// Digest of a result that is one file; none for an empty one under [`DigestRules::Attested`].
    pub fn file(self, sha256: B256) -> Option<ResultDigest> {
        let empty = self == Self::Attested && sha256 == EMPTY;
        (!empty).then_some(file_digest(sha256))
    }

    /// Digest of a result that is a directory; none for one without content under [`DigestRules::Attested`].
    pub fn directory<'a>(self, children: impl IntoIterator<Item = (&'a str, Child)>) -> Option<ResultDigest> {
        match self {
            Self::Standard => Some(directory_digest(children)),
            Self::Attested => {
                let mut files: Vec<_> = children
                    .into_iter()
                    .filter_map(|(name, child)| match child {
                        Child::File(sha256) if sha256 != EMPTY => Some((name, sha256)),
                        Child::File(_) | Child::Opaque => None,
                    })
                    .collect();
                files.sort_unstable();
                let hashes: Vec<u8> = files.iter().flat_map(|(_, sha256)| sha256.0).collect();
                (!hashes.is_empty()).then(|| ResultDigest(keccak256(hashes)))
            }
        }
    }
}

/// Digest of a result that is one file: the sha256 of its bytes.
pub const fn file_digest(sha256: B256) -> ResultDigest {
    ResultDigest(sha256)
}

/// Digest of a result that is a directory, under [`DigestRules::Standard`]: keccak256 over the sha256 of its direct
/// children, sorted by name in UTF-16 code units. Names, modes and nesting do not enter.
pub fn directory_digest<'a>(children: impl IntoIterator<Item = (&'a str, Child)>) -> ResultDigest {
    let mut children: Vec<_> = children.into_iter().collect();
    children.sort_by(|(left, _), (right, _)| left.encode_utf16().cmp(right.encode_utf16()));
    let hashes: Vec<u8> = children
        .into_iter()
        .filter_map(|(_, child)| match child {
            Child::File(sha256) => Some(sha256.0),
            Child::Opaque => None,
        })
        .flatten()
        .collect();
    ResultDigest(keccak256(hashes))
}

/// Digest of a result that goes to a callback contract: keccak256 of the bytes that the contract receives.
pub fn callback_digest(callback_data: &[u8]) -> ResultDigest {
    ResultDigest(keccak256(callback_data))
}

/// Reads the `callback-data` of computed.json: hex with or without `0x`; an odd number of digits reads as if a zero
/// stood in front.
///
/// # Errors
/// If a character is no hex digit.
pub fn callback_data_from_hex(text: &str) -> Result<Bytes, hex::FromHexError> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let even =
        if digits.len().is_multiple_of(2) { hex::decode(digits) } else { hex::decode(format!("0{digits}")) };
    even.map(Bytes::from)
}

/// Where a result is: the `results` bytes of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultLink {
    /// Kind of place: `ipfs`, `dropbox`, `ethereum`, or `none`.
    pub storage: String,
    /// Where in that place: `/ipfs/<cid>`, `/results/<taskId>`, the callback contract.
    #[serde(default)]
    pub location: String,
}

impl ResultLink {
    /// A result in content-addressed storage.
    pub fn ipfs(cid: &str) -> Self {
        Self { storage: "ipfs".into(), location: format!("/ipfs/{cid}") }
    }

    /// A result that is in the callback data on chain.
    pub fn ethereum(callback: alloy_primitives::Address) -> Self {
        Self { storage: "ethereum".into(), location: callback.to_string() }
    }

    /// What stands for an absent or unreadable link.
    pub fn none() -> Self {
        Self { storage: "none".into(), location: String::new() }
    }

    /// The bytes for the chain, with the spacing of the reference.
    pub fn to_bytes(&self) -> Bytes {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        format!(r#"{{ "storage": {}, "location": {} }}"#, quoted(&self.storage), quoted(&self.location))
            .into_bytes()
            .into()
    }

    /// Reads the bytes of a task; anything that is no link is [`ResultLink::none`].
    pub fn from_bytes(results: &[u8]) -> Self {
        serde_json::from_slice(results).unwrap_or_else(|_| Self::none())
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;

    use super::*;

    /// sha256 of `hello\n`.
    const F: B256 = b256!("5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
    /// sha256 of `world\n`.
    const G: B256 = b256!("e258d248fda94c63753607f7c4494ee0fcbe92f1a76bfdac795c9d84101eb317");
    #[test]
    fn digests_of_the_published_vectors() {
        let two = directory_digest([("b.txt", Child::File(G)), ("a.txt", Child::File(F))]);
        assert_eq!(two.0, b256!("3a73242c72ddede9db1a4085151d159175e956ee47eb34d272492784e16f7a58"));
        let nested = directory_digest([("a.txt", Child::File(F)), ("sub", Child::Opaque)]);
        assert_eq!(nested.0, b256!("5e0c3040e53ee159c1cab119e0610cffeecc52b3bfa8042072660641b546b01d"));
        let with_empty = directory_digest([("a.txt", Child::File(F)), ("b.txt", Child::File(EMPTY))]);
        assert_eq!(with_empty.0, b256!("c778fe1198ca5b4a5ff3dd167c6ff424d67b767d5e8a382531f6cb8abfed2bab"));
        assert_eq!(
            directory_digest([]).0,
            b256!("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")
        );
        assert_eq!(file_digest(F).0, F);
        assert_eq!(
            callback_digest(&U256::from(1_700_000_000).to_be_bytes::<32>()).0,
            b256!("fe53ebede849abf4b4d59ce424b0457b2044a01b62f4c53ca12928dc216ef087")
        );
    }

    #[test]
    fn attested_results_ignore_what_is_empty() {
        let rules = DigestRules::of(Tag::TEE | Tag::TDX);
        let with_empty = rules.directory([("a.txt", Child::File(F)), ("b.txt", Child::File(EMPTY))]);
        let published = b256!("5e0c3040e53ee159c1cab119e0610cffeecc52b3bfa8042072660641b546b01d");
        assert_eq!(with_empty, Some(ResultDigest(published)));
        assert_eq!(rules.directory([]), None);
        assert_eq!(rules.directory([("a", Child::File(EMPTY)), ("b", Child::Opaque)]), None);
        assert_eq!((rules.file(EMPTY), rules.file(F)), (None, Some(ResultDigest(F))));
        let by_bytes = rules.directory([("\u{10000}", Child::File(F)), ("\u{fffd}", Child::File(G))]);
        assert_eq!(by_bytes, Some(ResultDigest(keccak256([G.0, F.0].concat()))));
        let standard = DigestRules::of(Tag::NONE);
        assert_eq!(standard.file(EMPTY), Some(ResultDigest(EMPTY)));
        assert!(standard.directory([]).is_some());
    }

    #[test]
    fn children_are_sorted_by_utf16_units() {
        // U+10000 is D800 DC00 in UTF-16 and so comes before U+FFFD, unlike in UTF-8.
        let digest = directory_digest([("\u{fffd}", Child::File(G)), ("\u{10000}", Child::File(F))]);
        assert_eq!(digest.0, keccak256([F.0, G.0].concat()));
    }

    #[test]
    fn callback_data_may_lack_a_nibble_but_not_be_text() {
        assert_eq!(callback_data_from_hex("0xabc").unwrap()[..], [0x0a, 0xbc]);
        assert_eq!(callback_data_from_hex("ab").unwrap()[..], [0xab]);
        assert!(callback_data_from_hex("").unwrap().is_empty());
        assert!(callback_data_from_hex("0xhello").is_err());
        assert!(callback_data_from_hex("é").is_err());
    }

    #[test]
    fn link_has_the_published_bytes() {
        let link = ResultLink::ipfs("QmTest");
        let bytes = hex!(
            "7b202273746f72616765223a202269706673222c20226c6f636174696f6e223a20222f697066732f516d5465737422207d"
        );
        assert_eq!(link.to_bytes()[..], bytes);
        assert_eq!(ResultLink::from_bytes(&bytes), link);
    }

    #[test]
    fn links_read_as_json_or_as_none() {
        let link = ResultLink::from_bytes(br#"{"location":"/ipfs/Q","storage":"ipfs","more":1}"#);
        assert_eq!(link, ResultLink::ipfs("Q"));
        for bad in [&b""[..], b"{", b"[]", b"\xff", br#"{"storage":5}"#, br#""ipfs""#] {
            assert_eq!(ResultLink::from_bytes(bad), ResultLink::none());
        }
        let odd = ResultLink { storage: "a\"b".into(), location: "\\\n".into() };
        assert_eq!(ResultLink::from_bytes(&odd.to_bytes()), odd);
    }
}
