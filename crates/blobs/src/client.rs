//! The other end: uploads files to a node, and fetches them from a gateway, trusting neither.

mod nodes;
mod resumable;
mod upload;

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

use crate::key::{Codec, Key};
use crate::tree::{Branch, Tree};
use crate::web::{self, REDIRECTS_MAX, Web, Word};
use crate::{Cid, Location, Reach};

/// A client of one node (uploads) and one gateway (downloads). Clones share connections.
#[derive(Clone, Debug)]
pub struct BlobClient {
    add_url: String,
    /// Where resumable uploads begin, if the node may know of them.
    files_url: Option<String>,
    gateway_url: String,
    web: Web,
}

/// Why a client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Not an http(s) URL.
    #[error("{url:?} is not an http(s) URL")]
    Url {
        /// The text given.
        url: String,
    },
    /// TLS or the system's certificates cannot be set up.
    #[error("cannot prepare HTTP: {0}")]
    Http(#[source] reqwest::Error),
}

/// Why an upload failed.
#[derive(Debug, thiserror::Error)]
pub enum Upload {
    /// The file to upload cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// No answer from the node.
    #[error("{url} does not answer: {source}")]
    Unreachable {
        /// The node's upload route.
        url: String,
        /// The cause.
        source: reqwest::Error,
    },
    /// The node said no.
    #[error("{url} refused the file ({status}): {message}")]
    Refused {
        /// The node's upload route.
        url: String,
        /// HTTP status.
        status: u16,
        /// The node's words, cut short.
        message: String,
    },
    /// The node answered something else than the file's name.
    #[error("{url} answered {answered:?} for a file named {cid}")]
    WrongName {
        /// The node's upload route.
        url: String,
        /// The name computed here.
        cid: Cid,
        /// The node's answer, cut short.
        answered: String,
    },
}

/// Why a download failed.
#[derive(Debug, thiserror::Error)]
pub enum Fetch {
    /// No answer, or it broke off.
    #[error("cannot fetch {url}: {source}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// The cause.
        source: reqwest::Error,
    },
    /// Not an http(s) URL, or it redirects to what is none.
    #[error("{url} does not lead to an http(s) URL")]
    NoUrl {
        /// What was asked for.
        url: String,
    },
    /// It leads to an address that strangers' URLs do not reach ([`crate::Reach`]).
    #[error("{url} leads to a private address: {why}")]
    NotPublic {
        /// What was asked for.
        url: String,
        /// Which name, and where it is.
        why: String,
    },
    /// One redirect leads to another for too long.
    #[error("{url} redirects more than {REDIRECTS_MAX} times")]
    TooManyRedirects {
        /// What was asked for.
        url: String,
    },
    /// The other side said no.
    #[error("cannot fetch {url}: answered {status}")]
    Refused {
        /// What was asked for.
        url: String,
        /// HTTP status; 404 if the content is unknown there.
        status: u16,
    },
    /// More bytes than wanted.
    #[error("{url} has more than {max_bytes} bytes, the most that is taken")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The caller's bound.
        max_bytes: u64,
    },
    /// The name is that of nodes which make no file, whoever sends them.
    #[error("{url} is no file: {why}")]
    Broken {
        /// What was asked for.
        url: String,
        /// What is wrong with them.
        why: String,
    },
    /// The gateway sent other content than asked for.
    #[error("{url} sent content named {got}")]
    WrongContent {
        /// What was asked for.
        url: String,
        /// The name of what came.
        got: Cid,
    },
    /// The content cannot be kept here.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// What was fetched into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The content's name.
    pub cid: Cid,
    /// Its size.
    pub size_bytes: u64,
}

impl BlobClient {
    /// A client that uploads to `node_url` and downloads from `gateway_url`; URLs of strangers reach public addresses,
    /// and the gateway.
    ///
    /// # Errors
    /// [`ConnectError`] if a URL is none, or TLS cannot be set up. Nothing is sent yet.
    pub fn new(node_url: &str, gateway_url: &str) -> Result<Self, ConnectError> {
        Self::with_reach(node_url, gateway_url, Reach::default())
    }

    /// As [`BlobClient::new`], for URLs of strangers that reach as far as `reach`.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn with_reach(node_url: &str, gateway_url: &str, reach: Reach) -> Result<Self, ConnectError> {
        let node = base(node_url)?;
        let gateway = base(gateway_url)?;
        // A path names the API itself (http-surface 1.5).
        let at = node_url.trim_end_matches('/');
        let (add_url, files_url) = match node.path() {
            "/" => (format!("{at}/api/v0/add"), Some(format!("{at}/files"))),
            _ => (format!("{at}/add"), None),
        };
        let here = [&node, &gateway].iter().all(|url| is_loopback(url));
        let web = Web::new(gateway, here, reach)?;
        Ok(Self { add_url, files_url, gateway_url: gateway_url.trim_end_matches('/').to_owned(), web })
    }

    /// Fetches a file of at most `max_bytes` into memory and checks that it is the one named, in whatever layout.
    ///
    /// # Errors
    /// [`Fetch`].
    pub async fn fetch(&self, cid: &Cid, max_bytes: u64) -> Result<Vec<u8>, Fetch> {
        let mut content = Vec::new();
        self.checked(cid, max_bytes, &mut Sink::Memory(&mut content)).await?;
        Ok(content)
    }

    /// Fetches a file of at most `max_bytes` to `path`, where it appears only whole and checked.
    ///
    /// # Errors
    /// [`Fetch`]; `path` is untouched then.
    pub async fn fetch_to_file(&self, cid: &Cid, path: &Path, max_bytes: u64) -> Result<Fetched, Fetch> {
        let mut beside = Beside::new(path)?;
        let fetched = self.checked(cid, max_bytes, &mut beside.sink()).await?;
        beside.finish().await?;
        Ok(fetched)
    }

    /// The content alone, if it is in kubo's layout or one node; else with its nodes, which say how it is laid out.
    async fn checked(&self, cid: &Cid, max_bytes: u64, sink: &mut Sink<'_>) -> Result<Fetched, Fetch> {
        let url = self.url(cid);
        let got = pump(&self.web, Word::Ours, &url, max_bytes, cid.key().codec(), sink).await?;
        if got.cid == *cid {
            return Ok(got);
        }
        if cid.key().codec() == Codec::Raw {
            return Err(Fetch::WrongContent { url, got: got.cid });
        }
        sink.clear().await?;
        nodes::fetch(&self.web, cid, &url, got.cid, max_bytes, sink).await
    }

    /// Fetches what lies at a location into memory. Content from a plain URL is whatever its host sends.
    ///
    /// # Errors
    /// [`Fetch`].
    pub async fn fetch_location(&self, from: &Location, max_bytes: u64) -> Result<Vec<u8>, Fetch> {
        match from {
            Location::Ipfs(cid) => self.fetch(cid, max_bytes).await,
            Location::Url(url) => {
                let mut content = Vec::new();
                let mut sink = Sink::Memory(&mut content);
                pump(&self.web, Word::Strangers, url, max_bytes, Codec::DagPb, &mut sink).await?;
                Ok(content)
            }
        }
    }

    /// Fetches what lies at a location to `path`, where it appears only whole.
    ///
    /// # Errors
    /// [`Fetch`]; `path` is untouched then.
    pub async fn fetch_location_to_file(
        &self,
        from: &Location,
        path: &Path,
        max_bytes: u64,
    ) -> Result<Fetched, Fetch> {
        match from {
            Location::Ipfs(cid) => self.fetch_to_file(cid, path, max_bytes).await,
            Location::Url(url) => {
                let mut beside = Beside::new(path)?;
                let mut sink = beside.sink();
                let fetched =
                    pump(&self.web, Word::Strangers, url, max_bytes, Codec::DagPb, &mut sink).await?;
                beside.finish().await?;
                Ok(fetched)
            }
        }
    }

    fn url(&self, cid: &Cid) -> String {
        format!("{}/ipfs/{cid}", self.gateway_url)
    }
}

/// Where fetched bytes go.
enum Sink<'a> {
    Memory(&'a mut Vec<u8>),
    File(&'a mut tokio::fs::File, &'a Path),
}

/// Bytes copied at a time within a file.
const COPIED_BYTES: usize = 64 * 1024;

impl Sink<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), Fetch> {
        match self {
            Self::Memory(content) => content.extend_from_slice(bytes),
            Self::File(file, path) => file.write_all(bytes).await.map_err(writing(path))?,
        }
        Ok(())
    }

    /// Forgets what came.
    async fn clear(&mut self) -> Result<(), Fetch> {
        match self {
            Self::Memory(content) => content.clear(),
            Self::File(file, path) => {
                file.set_len(0).await.map_err(writing(path))?;
                file.rewind().await.map_err(writing(path))?;
            }
        }
        Ok(())
    }

    /// Writes again what was written at `range`.
    async fn repeat(&mut self, range: std::ops::Range<u64>) -> Result<(), Fetch> {
        match self {
            Self::Memory(content) => {
                let at = |end: u64| usize::try_from(end).expect("what is in memory has such a length");
                content.extend_from_within(at(range.start)..at(range.end));
            }
            Self::File(file, path) => {
                let mut piece = vec![0; COPIED_BYTES];
                let mut at = range.start;
                while at < range.end {
                    let take = (range.end - at).min(COPIED_BYTES as u64) as usize;
                    let copied = async {
                        file.seek(std::io::SeekFrom::Start(at)).await?;
                        file.read_exact(&mut piece[..take]).await?;
                        file.seek(std::io::SeekFrom::End(0)).await?;
                        file.write_all(&piece[..take]).await?;
                        file.flush().await
                    };
                    copied.await.map_err(writing(path))?;
                    at += take as u64;
                }
            }
        }
        Ok(())
    }
}

/// A file on its way to its place.
struct Beside<'a> {
    file: tokio::fs::File,
    temp: tempfile::TempPath,
    path: &'a Path,
}

impl<'a> Beside<'a> {
    fn new(path: &'a Path) -> Result<Self, Fetch> {
        let dir = match path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        };
        let temp = tempfile::NamedTempFile::new_in(dir).map_err(writing(path))?;
        let (file, temp) = temp.into_parts();
        Ok(Self { file: tokio::fs::File::from_std(file), temp, path })
    }

    fn sink(&mut self) -> Sink<'_> {
        Sink::File(&mut self.file, self.path)
    }

    async fn finish(mut self) -> Result<(), Fetch> {
        self.file.flush().await.map_err(writing(self.path))?;
        self.temp.persist(self.path).map_err(|error| writing(self.path)(error.error))
    }
}

/// What names content as it passes by: the tree of kubo's layout, or the digest of one node of plain bytes.
enum Naming {
    Tree(Tree),
    Plain(Sha256),
}

impl Naming {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Tree(tree) => tree.update(bytes),
            Self::Plain(digest) => digest.update(bytes),
        }
    }

    fn key(self) -> Key {
        match self {
            Self::Tree(tree) => {
                let Branch { key, .. } = tree.root();
                key
            }
            Self::Plain(digest) => Key::new(Codec::Raw, digest.finalize().into()),
        }
    }
}

async fn pump(
    web: &Web,
    word: Word,
    url: &str,
    max_bytes: u64,
    codec: Codec,
    sink: &mut Sink<'_>,
) -> Result<Fetched, Fetch> {
    let too_large = || Fetch::TooLarge { url: url.to_owned(), max_bytes };
    let mut response = web.get(url, word).await?;
    if !response.status().is_success() {
        return Err(Fetch::Refused { url: url.to_owned(), status: response.status().as_u16() });
    }
    if response.content_length().is_some_and(|length| length > max_bytes) {
        return Err(too_large());
    }
    let mut naming = match codec {
        Codec::DagPb => Naming::Tree(Tree::new()),
        Codec::Raw => Naming::Plain(Sha256::new()),
    };
    let mut size_bytes = 0;
    while let Some(piece) = response.chunk().await.map_err(|source| web::failed(url, source))? {
        size_bytes += piece.len() as u64;
        if size_bytes > max_bytes {
            return Err(too_large());
        }
        naming.update(&piece);
        sink.write(&piece).await?;
    }
    Ok(Fetched { cid: naming.key().into(), size_bytes })
}

fn writing(path: &Path) -> impl FnOnce(std::io::Error) -> Fetch {
    let path = path.to_owned();
    move |source| Fetch::Write { path, source }
}

fn base(url: &str) -> Result<reqwest::Url, ConnectError> {
    let parsed = reqwest::Url::parse(url)
        .ok()
        .filter(|parsed| matches!(parsed.scheme(), "http" | "https") && parsed.has_host());
    parsed.ok_or_else(|| ConnectError::Url { url: url.to_owned() })
}

fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
