//! A file with its nodes, as a `CARv1` archive: each node is what its name says, and the root leads to all of them, so
//! that any layout is checked without trusting the gateway.
//!
//! Nodes come in the order of the file's content, parents first. A node that occurs twice may come once: its content is
//! then taken from where it was written.

use std::collections::HashMap;
use std::ops::Range;

use bytes::BytesMut;

use super::{Fetch, Fetched, Sink};
use crate::Cid;
use crate::dag::{BLOCK_BYTES_MAX, Kind, Node};
use crate::key::{Codec, Key};
use crate::web::{self, Web, Word};

/// Nodes of one file.
const NODES_MAX: usize = 1 << 20;
/// Bytes of what an archive begins with.
const HEADER_BYTES_MAX: usize = 4096;
/// Bytes of a name in an archive.
const NAME_BYTES_MAX: usize = 64;
/// Bytes of nodes beside the content: this, and an eighth of it.
const OVERHEAD_BYTES: u64 = 4 << 20;

/// What the file consists of, last first.
enum Todo {
    /// This node, with the content that its parent says, if it has one.
    Node(Key, Option<u64>),
    /// All of a node has been written, from this byte on.
    Written(Key, u64),
}

/// An archive that arrives.
struct Sections<'a> {
    response: reqwest::Response,
    url: &'a str,
    plainly: Cid,
    buffer: BytesMut,
    received: u64,
    max_bytes: u64,
}

/// Fetches the file at `url` with its nodes. `plainly` names what came without them.
///
/// # Errors
/// [`Fetch`]; what is no archive of the file is [`Fetch::WrongContent`], of which nothing but `plainly` is known.
pub(super) async fn fetch(
    web: &Web,
    cid: &Cid,
    url: &str,
    plainly: Cid,
    max_bytes: u64,
    sink: &mut Sink<'_>,
) -> Result<Fetched, Fetch> {
    let asked = format!("{url}?format=car");
    let response = web.get(&asked, Word::Ours).await?;
    if !response.status().is_success() {
        tracing::debug!(url = asked, status = %response.status(), "no archive of a file");
        return Err(Fetch::WrongContent { url: url.to_owned(), got: plainly });
    }
    let most = max_bytes.saturating_add(max_bytes / 8).saturating_add(OVERHEAD_BYTES);
    let buffer = BytesMut::new();
    let mut sections = Sections { response, url: &asked, plainly, buffer, received: 0, max_bytes: most };
    // What it begins with names its roots; the root is known here.
    sections.next(HEADER_BYTES_MAX).await?;
    let mut written: HashMap<Key, Range<u64>> = HashMap::new();
    let mut todo = vec![Todo::Node(cid.key(), None)];
    let (mut at, mut nodes) = (0_u64, 0);
    while let Some(next) = todo.pop() {
        let (key, said) = match next {
            Todo::Node(key, said) => (key, said),
            Todo::Written(key, from) => {
                written.insert(key, from..at);
                continue;
            }
        };
        let grown = |at: u64, by: u64| match at.checked_add(by) {
            Some(at) if at <= max_bytes => Ok(at),
            _ => Err(Fetch::TooLarge { url: asked.clone(), max_bytes }),
        };
        if let Some(range) = written.get(&key).cloned() {
            check_size(said, range.end - range.start, &asked)?;
            at = grown(at, range.end - range.start)?;
            sink.repeat(range).await?;
            continue;
        }
        nodes += 1;
        if nodes > NODES_MAX {
            return Err(broken(&asked, "more nodes than are taken"));
        }
        let block = sections.node(key).await?;
        todo.push(Todo::Written(key, at));
        if key.codec() == Codec::Raw {
            check_size(said, block.len() as u64, &asked)?;
            at = grown(at, block.len() as u64)?;
            sink.write(&block).await?;
            continue;
        }
        let node = Node::decode(&block).map_err(|error| broken(&asked, &error.to_string()))?;
        let Kind::File { data, size_bytes, parts } = node.kind else {
            return Err(broken(&asked, "a directory, not a file"));
        };
        check_size(said, size_bytes, &asked)?;
        grown(at, size_bytes)?;
        at = grown(at, data.len() as u64)?;
        sink.write(&data).await?;
        let links = node.links.iter().zip(parts).rev();
        todo.extend(links.map(|(link, size_bytes)| Todo::Node(link.to.key, Some(size_bytes))));
    }
    Ok(Fetched { cid: *cid, size_bytes: at })
}

impl Sections<'_> {
    /// The bytes of the next node, which must be the one with this name.
    async fn node(&mut self, key: Key) -> Result<BytesMut, Fetch> {
        let mut section = self.next(BLOCK_BYTES_MAX + NAME_BYTES_MAX).await?;
        let name_bytes = match section[..] {
            [0x12, 0x20, ..] => 34,
            [1, _, 0x12, 0x20, ..] => 36,
            _ => return Err(self.garbled("a node with a name of another kind")),
        };
        if section.len() < name_bytes {
            return Err(self.garbled("a name that is cut off"));
        }
        let name = section.split_to(name_bytes);
        let named = Key::from_bytes(&name).map(|(key, _)| key);
        let digest = |key: Key, block: &[u8]| Key::of(key.codec(), block);
        if named != Some(key) {
            return Err(self.garbled("not the node that comes next in the file"));
        }
        let got = digest(key, &section);
        if got != key {
            return Err(Fetch::WrongContent { url: self.url.to_owned(), got: got.into() });
        }
        Ok(section)
    }

    /// The next section, of at most so many bytes.
    async fn next(&mut self, max_bytes: usize) -> Result<BytesMut, Fetch> {
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            self.fill(1).await?;
            let byte = self.buffer.split_to(1)[0];
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                break;
            }
            if shift > 28 {
                return Err(self.garbled("a section without end"));
            }
        }
        if length == 0 || length > max_bytes {
            return Err(self.garbled("a section of a length that is not taken"));
        }
        self.fill(length).await?;
        Ok(self.buffer.split_to(length))
    }

    /// It is no archive of the file, which says nothing of the file itself.
    fn garbled(&self, why: &str) -> Fetch {
        tracing::debug!(url = self.url, why, "no archive of a file");
        Fetch::WrongContent { url: self.url.to_owned(), got: self.plainly }
    }

    /// Waits until so many bytes are there.
    async fn fill(&mut self, bytes: usize) -> Result<(), Fetch> {
        while self.buffer.len() < bytes {
            let piece = self.response.chunk().await.map_err(|source| web::failed(self.url, source))?;
            let Some(piece) = piece else {
                return Err(self.garbled("the archive ends within the file"));
            };
            self.received += piece.len() as u64;
            if self.received > self.max_bytes {
                return Err(Fetch::TooLarge { url: self.url.to_owned(), max_bytes: self.max_bytes });
            }
            self.buffer.extend_from_slice(&piece);
        }
        Ok(())
    }
}

fn check_size(said: Option<u64>, found: u64, url: &str) -> Result<(), Fetch> {
    match said {
        Some(said) if said != found => Err(broken(url, "a part of another size than the file says")),
        _ => Ok(()),
    }
}

fn broken(url: &str, why: &str) -> Fetch {
    Fetch::Broken { url: url.to_owned(), why: why.to_owned() }
}
