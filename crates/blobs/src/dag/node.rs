//! One node in dag-pb with a `UnixFS` message inside: encoded as kubo does, decoded strictly.

use crate::key::{Codec, Key, Version};

use super::{BLOCK_BYTES_MAX, Block, Child};

/// Multihash number of murmur3-x64-64, by which directories are sharded.
const MURMUR3: u64 = 0x22;

/// A link of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) name: String,
    pub(crate) to: Child,
}

/// What the `UnixFS` message of a node says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    /// A part of a directory too large for one node; names begin with the slot.
    Shard,
    /// Content of its own, then that of each link, whose sizes are listed. Sizes add up.
    File {
        data: Vec<u8>,
        size_bytes: u64,
        parts: Vec<u64>,
    },
}

/// A decoded node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) links: Vec<Link>,
}

/// Why bytes are no node that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("a node has at most {BLOCK_BYTES_MAX} bytes")]
    TooLarge,
    #[error("not a dag-pb node: {0}")]
    Protobuf(&'static str),
    #[error("not a UnixFS node: {0}")]
    UnixFs(&'static str),
    #[error("a link names a codec or hash other than dag-pb or raw with sha2-256")]
    Link,
}

impl Node {
    /// The bytes of a directory node; links in the order of their names.
    pub(crate) fn directory(links: &[Link]) -> Block {
        encode(links, &[0x08, 0x01])
    }

    /// The bytes of a shard, whose `bitfield` has a bit for each slot in use.
    pub(crate) fn shard(links: &[Link], bitfield: &[u8], fanout: u64) -> Block {
        let mut message = vec![0x08, 0x05];
        if !bitfield.is_empty() {
            message.push(0x12);
            varint(bitfield.len() as u64, &mut message);
            message.extend_from_slice(bitfield);
        }
        message.push(0x28);
        varint(MURMUR3, &mut message);
        message.push(0x30);
        varint(fanout, &mut message);
        encode(links, &message)
    }

    /// Reads a node.
    pub(crate) fn decode(block: &[u8]) -> Result<Self, Malformed> {
        if block.len() > BLOCK_BYTES_MAX {
            return Err(Malformed::TooLarge);
        }
        let (mut links, mut message) = (Vec::new(), None);
        let mut fields = Fields(block);
        while let Some(field) = fields.next()? {
            match field {
                (2, Value::Bytes(link)) => links.push(decode_link(link)?),
                (1, Value::Bytes(bytes)) if message.is_none() => message = Some(bytes),
                _ => return Err(Malformed::Protobuf("a field that it does not have")),
            }
        }
        let message = message.ok_or(Malformed::UnixFs("no message in it"))?;
        let kind = decode_message(message, links.len())?;
        if kind == Kind::Shard && links.is_empty() {
            return Err(Malformed::UnixFs("a shard without entries"));
        }
        Ok(Self { kind, links })
    }
}

/// Protobuf's base-128 integer.
pub(crate) fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn encode(links: &[Link], message: &[u8]) -> Block {
    let mut bytes = Vec::with_capacity(links.len() * 64 + message.len() + 8);
    for link in links {
        let hash = link.to.key.bytes(link.to.version);
        let mut inner = vec![0x0a];
        varint(hash.len() as u64, &mut inner);
        inner.extend_from_slice(&hash);
        inner.push(0x12);
        varint(link.name.len() as u64, &mut inner);
        inner.extend_from_slice(link.name.as_bytes());
        inner.push(0x18);
        varint(link.to.dag_bytes, &mut inner);
        bytes.push(0x12);
        varint(inner.len() as u64, &mut bytes);
        bytes.extend_from_slice(&inner);
    }
    bytes.push(0x0a);
    varint(message.len() as u64, &mut bytes);
    bytes.extend_from_slice(message);
    Block { key: Key::of(Codec::DagPb, &bytes), bytes }
}

fn decode_link(bytes: &[u8]) -> Result<Link, Malformed> {
    let (mut to, mut name, mut dag_bytes) = (None, String::new(), 0);
    let mut fields = Fields(bytes);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Bytes(hash)) => to = Some(Key::from_bytes(hash).ok_or(Malformed::Link)?),
            (2, Value::Bytes(text)) => {
                let text = std::str::from_utf8(text);
                name = text.map_err(|_| Malformed::Protobuf("a name that is not UTF-8"))?.to_owned();
            }
            (3, Value::Number(number)) => dag_bytes = number,
            _ => return Err(Malformed::Protobuf("a field that a link does not have")),
        }
    }
    let (key, version): (Key, Version) = to.ok_or(Malformed::Link)?;
    Ok(Link { name, to: Child { key, version, dag_bytes } })
}

fn decode_message(bytes: &[u8], links: usize) -> Result<Kind, Malformed> {
    let (mut kind, mut data, mut size, mut parts) = (None, None, None, Vec::new());
    let (mut hash, mut fanout) = (None, None);
    let mut fields = Fields(bytes);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Number(number)) => kind = Some(number),
            (2, Value::Bytes(bytes)) => data = Some(bytes.to_vec()),
            (3, Value::Number(number)) => size = Some(number),
            (4, Value::Number(number)) => parts.push(number),
            (4, Value::Bytes(packed)) => {
                let mut packed = Fields(packed);
                while !packed.0.is_empty() {
                    parts.push(packed.number()?);
                }
            }
            (5, Value::Number(number)) => hash = Some(number),
            (6, Value::Number(number)) => fanout = Some(number),
            // Mode and time of change say nothing about content.
            (7 | 8, _) => {}
            _ => return Err(Malformed::UnixFs("a field that it does not have")),
        }
    }
    match kind {
        Some(1) => Ok(Kind::Directory),
        Some(5) if hash == Some(MURMUR3) && fanout == Some(super::FANOUT) => Ok(Kind::Shard),
        Some(5) => Err(Malformed::UnixFs("a shard of another hash or width")),
        Some(0 | 2) => {
            let data = data.unwrap_or_default();
            let sum = parts.iter().try_fold(data.len() as u64, |sum, part| sum.checked_add(*part));
            if parts.len() != links || sum.is_none() || size.is_some_and(|size| Some(size) != sum) {
                return Err(Malformed::UnixFs("the sizes of its parts do not add up"));
            }
            Ok(Kind::File { data, size_bytes: sum.unwrap_or_default(), parts })
        }
        Some(_) => Err(Malformed::UnixFs("neither file nor directory")),
        None => Err(Malformed::UnixFs("no type")),
    }
}

/// The fields of a protobuf message, one after another.
struct Fields<'a>(&'a [u8]);

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, Malformed> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.number()?;
        let value = match tag & 7 {
            0 => Value::Number(self.number()?),
            2 => {
                let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
                if length > self.0.len() {
                    return Err(Malformed::Protobuf("a field longer than the message"));
                }
                let (bytes, rest) = self.0.split_at(length);
                self.0 = rest;
                Value::Bytes(bytes)
            }
            // Times of change hold nanoseconds in four bytes.
            5 if self.0.len() >= 4 => {
                self.0 = &self.0[4..];
                Value::Number(0)
            }
            _ => return Err(Malformed::Protobuf("an unknown wire type")),
        };
        Ok(Some((tag >> 3, value)))
    }

    fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0u64;
        for at in 0..10 {
            let Some((&byte, rest)) = self.0.split_first() else {
                return Err(Malformed::Protobuf("it ends within a number"));
            };
            self.0 = rest;
            if at == 9 && byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed::Protobuf("a number of more than 64 bits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn link(name: &str, byte: u8) -> Link {
        let key = Key::new(if byte.is_multiple_of(2) { Codec::DagPb } else { Codec::Raw }, [byte; 32]);
        let version = if byte.is_multiple_of(2) { Version::V0 } else { Version::V1 };
        Link { name: name.to_owned(), to: Child { key, version, dag_bytes: u64::from(byte) << 40 } }
    }

    #[test]
    fn reads_what_it_writes() {
        let links = [link("", 1), link("a", 2), link("\u{2603}", 3)];
        let block = Node::directory(&links);
        let node = Node::decode(&block.bytes).unwrap();
        assert_eq!(node, Node { kind: Kind::Directory, links: links.to_vec() });
        assert_eq!(Node::directory(&[]).bytes, [0x0a, 2, 8, 1]);
        let shard = Node::shard(&links, &[1], super::super::FANOUT);
        assert_eq!(Node::decode(&shard.bytes).unwrap().kind, Kind::Shard);
    }

    #[test]
    fn refuses_nodes_whose_numbers_do_not_hold() {
        let file = |message: &[u8]| [&[0x0a, message.len() as u8][..], message].concat();
        for (bytes, why) in [
            (vec![], "empty"),
            (vec![0x0a, 5, 8, 2], "a length beyond the end"),
            (vec![0x0a], "a field without a value"),
            (vec![0xff; 11], "a number without an end"),
            (file(&[8, 2, 0x18, 7]), "content missing"),
            (file(&[8, 2, 0x20, 1]), "a part without a link"),
            (file(&[8, 4]), "a symbolic link"),
            (file(&[8, 5, 0x28, 0x22, 0x30, 8]), "a narrow shard"),
            (file(&[8, 5, 0x28, 0x22, 0x30, 0x80, 2]), "an empty shard"),
            (file(&[0x18, 0]), "no type"),
            (vec![0x12, 2, 0x0a, 0, 0x0a, 2, 8, 1], "a link to nothing"),
        ] {
            assert!(Node::decode(&bytes).is_err(), "{why}");
        }
        assert_eq!(Node::decode(&vec![0; BLOCK_BYTES_MAX + 1]), Err(Malformed::TooLarge));
        // Parts whose sizes overflow: 2^64 - 1 twice.
        let mut parts = vec![8, 2];
        for _ in 0..2 {
            parts.push(0x20);
            varint(u64::MAX, &mut parts);
        }
        let links = [link("", 2), link("", 4)];
        assert_eq!(
            Node::decode(&encode(&links, &parts).bytes),
            Err(Malformed::UnixFs("the sizes of its parts do not add up"))
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(node) = Node::decode(&bytes) {
                prop_assert!(node.links.len() <= bytes.len());
            }
        }
    }
}
