//! The other end: uploads files to a node, and fetches them from a gateway, trusting neither.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use reqwest::multipart::{Form, Part};
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;

use crate::tree::{CHUNK_BYTES, Tree};
use crate::web::{self, REDIRECTS_MAX, Web, Word};
use crate::{Cid, Location, Reach};

/// Largest answer to an upload.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A client of one node (uploads) and one gateway (downloads). Clones share connections.
#[derive(Clone, Debug)]
pub struct BlobClient {
    add_url: String,
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
        let add_url = match node.path() {
            "/" => format!("{}/api/v0/add", node_url.trim_end_matches('/')),
            _ => format!("{}/add", node_url.trim_end_matches('/')),
        };
        let here = [&node, &gateway].iter().all(|url| is_loopback(url));
        let web = Web::new(gateway, here, reach)?;
        Ok(Self { add_url, gateway_url: gateway_url.trim_end_matches('/').to_owned(), web })
    }

    /// Uploads bytes in memory and checks the name that the node gives them.
    ///
    /// # Errors
    /// [`Upload`].
    pub async fn add_bytes(&self, content: impl Into<Bytes>) -> Result<Cid, Upload> {
        let content: Bytes = content.into();
        let cid = Tree::of(&content).cid;
        let length = content.len() as u64;
        self.add(cid, Part::stream_with_length(content, length)).await
    }

    /// Uploads a file, read twice: for its name, and to send it.
    ///
    /// # Errors
    /// [`Upload`].
    pub async fn add_file(&self, path: &Path) -> Result<Cid, Upload> {
        let failed = |source| Upload::Read { path: path.to_owned(), source };
        let (cid, size_bytes) = name_of(path).await.map_err(failed)?;
        let file = tokio::fs::File::open(path).await.map_err(failed)?;
        let stream = tokio_util::io::ReaderStream::with_capacity(file, CHUNK_BYTES);
        let body = reqwest::Body::wrap_stream(stream);
        self.add(cid, Part::stream_with_length(body, size_bytes)).await
    }

    async fn add(&self, cid: Cid, part: Part) -> Result<Cid, Upload> {
        #[derive(Deserialize)]
        struct Line {
            #[serde(rename = "Hash")]
            hash: Cid,
        }
        let url = || self.add_url.clone();
        let unreachable = |source| Upload::Unreachable { url: url(), source };
        let form = Form::new().part("file", part.file_name(""));
        let sent = self.web.services.post(self.add_url.as_str()).multipart(form).send().await;
        let mut response = sent.map_err(unreachable)?;
        let status = response.status();
        let mut answer = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(unreachable)? {
            answer.extend_from_slice(&piece);
            if answer.len() > ANSWER_BYTES_MAX {
                answer.truncate(ANSWER_BYTES_MAX);
                break;
            }
        }
        let short = || String::from_utf8_lossy(&answer[..answer.len().min(512)]).trim().to_owned();
        if !status.is_success() {
            return Err(Upload::Refused { url: url(), status: status.as_u16(), message: short() });
        }
        match serde_json::from_slice::<Line>(&answer) {
            Ok(line) if line.hash == cid => Ok(cid),
            _ => Err(Upload::WrongName { url: url(), cid, answered: short() }),
        }
    }

    /// Fetches a file of at most `max_bytes` into memory and checks that it is the one named.
    ///
    /// # Errors
    /// [`Fetch`].
    pub async fn fetch(&self, cid: &Cid, max_bytes: u64) -> Result<Vec<u8>, Fetch> {
        let mut content = Vec::new();
        let url = self.url(cid);
        let got = pump(&self.web, Word::Ours, &url, max_bytes, Sink::Memory(&mut content)).await?;
        check(cid, got.cid, url)?;
        Ok(content)
    }

    /// Fetches a file of at most `max_bytes` to `path`, where it appears only whole and checked.
    ///
    /// # Errors
    /// [`Fetch`]; `path` is untouched then.
    pub async fn fetch_to_file(&self, cid: &Cid, path: &Path, max_bytes: u64) -> Result<Fetched, Fetch> {
        let url = self.url(cid);
        to_file(&self.web, Word::Ours, url, path, max_bytes, Some(cid)).await
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
                pump(&self.web, Word::Strangers, url, max_bytes, Sink::Memory(&mut content)).await?;
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
                to_file(&self.web, Word::Strangers, url.clone(), path, max_bytes, None).await
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

async fn pump(
    web: &Web,
    word: Word,
    url: &str,
    max_bytes: u64,
    mut sink: Sink<'_>,
) -> Result<Fetched, Fetch> {
    let too_large = || Fetch::TooLarge { url: url.to_owned(), max_bytes };
    let mut response = web.get(url, word).await?;
    if !response.status().is_success() {
        return Err(Fetch::Refused { url: url.to_owned(), status: response.status().as_u16() });
    }
    if response.content_length().is_some_and(|length| length > max_bytes) {
        return Err(too_large());
    }
    let mut tree = Tree::new();
    let mut size_bytes = 0;
    while let Some(piece) = response.chunk().await.map_err(|source| web::failed(url, source))? {
        size_bytes += piece.len() as u64;
        if size_bytes > max_bytes {
            return Err(too_large());
        }
        tree.update(&piece);
        match &mut sink {
            Sink::Memory(content) => content.extend_from_slice(&piece),
            Sink::File(file, path) => file.write_all(&piece).await.map_err(writing(path))?,
        }
    }
    let root = tree.finish();
    Ok(Fetched { cid: root.cid, size_bytes })
}

/// Fetches beside the destination, and renames at the end.
async fn to_file(
    web: &Web,
    word: Word,
    url: String,
    path: &Path,
    max_bytes: u64,
    expected: Option<&Cid>,
) -> Result<Fetched, Fetch> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let temp = tempfile::NamedTempFile::new_in(dir).map_err(writing(path))?;
    let (file, temp) = temp.into_parts();
    let mut file = tokio::fs::File::from_std(file);
    let fetched = pump(web, word, &url, max_bytes, Sink::File(&mut file, path)).await?;
    file.flush().await.map_err(writing(path))?;
    if let Some(expected) = expected {
        check(expected, fetched.cid, url)?;
    }
    temp.persist(path).map_err(|error| writing(path)(error.error))?;
    Ok(fetched)
}

fn check(expected: &Cid, got: Cid, url: String) -> Result<(), Fetch> {
    match got == *expected {
        true => Ok(()),
        false => Err(Fetch::WrongContent { url, got }),
    }
}

fn writing(path: &Path) -> impl FnOnce(std::io::Error) -> Fetch {
    let path = path.to_owned();
    move |source| Fetch::Write { path, source }
}

async fn name_of(path: &Path) -> std::io::Result<(Cid, u64)> {
    use tokio::io::AsyncReadExt as _;
    let mut file = tokio::fs::File::open(path).await?;
    let mut tree = Tree::new();
    let mut piece = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut piece).await? {
            0 => break,
            length => tree.update(&piece[..length]),
        }
    }
    let root = tree.finish();
    Ok((root.cid, root.size_bytes))
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
