//! Uploads: small content in one form as kubo takes it, large content in pieces that a broken connection does not undo.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::StreamExt as _;
use reqwest::Body;
use reqwest::multipart::{Form, Part};
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

use super::{BlobClient, Upload, resumable};
use crate::Cid;
use crate::tree::{CHUNK_BYTES, Tree};

/// Largest answer to an upload.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Content from which on an upload is worth resuming.
const RESUMED_BYTES_MIN: u64 = 8 << 20;

/// What is uploaded.
pub(super) enum Source {
    Bytes(Bytes),
    File(PathBuf),
}

impl Source {
    /// The content from a byte on.
    pub(super) async fn body(&self, from: u64) -> Result<Body, Upload> {
        match self {
            Self::Bytes(bytes) => {
                let from = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
                let mut rest = bytes.slice(from..);
                let pieces = std::iter::from_fn(move || {
                    let piece = rest.split_to(rest.len().min(CHUNK_BYTES));
                    (!piece.is_empty()).then_some(Ok::<_, std::io::Error>(piece))
                });
                Ok(Body::wrap_stream(futures::stream::iter(pieces)))
            }
            Self::File(path) => {
                let failed = |source| Upload::Read { path: path.clone(), source };
                let mut file = tokio::fs::File::open(path).await.map_err(failed)?;
                file.seek(SeekFrom::Start(from)).await.map_err(failed)?;
                let stream = tokio_util::io::ReaderStream::with_capacity(file, CHUNK_BYTES);
                Ok(Body::wrap_stream(stream.boxed()))
            }
        }
    }
}

impl BlobClient {
    /// Uploads bytes in memory and checks the name that the node gives them.
    ///
    /// # Errors
    /// [`Upload`].
    pub async fn add_bytes(&self, content: impl Into<Bytes>) -> Result<Cid, Upload> {
        let content: Bytes = content.into();
        let (cid, size_bytes) = (Tree::of(&content).cid, content.len() as u64);
        self.add(&Source::Bytes(content), cid, size_bytes).await
    }

    /// Uploads a file, read twice: for its name, and to send it.
    ///
    /// # Errors
    /// [`Upload`].
    pub async fn add_file(&self, path: &Path) -> Result<Cid, Upload> {
        let failed = |source| Upload::Read { path: path.to_owned(), source };
        let (cid, size_bytes) = name_of(path).await.map_err(failed)?;
        self.add(&Source::File(path.to_owned()), cid, size_bytes).await
    }

    /// Large content goes in pieces if the node says that it takes them; kubo does not know of that.
    async fn add(&self, source: &Source, cid: Cid, size_bytes: u64) -> Result<Cid, Upload> {
        if size_bytes >= RESUMED_BYTES_MIN
            && let Some(url) = &self.files_url
            && resumable::is_spoken(&self.web.services, url).await
        {
            return resumable::send(&self.web.services, url, source, cid, size_bytes).await;
        }
        let part = Part::stream_with_length(source.body(0).await?, size_bytes);
        self.send(cid, part).await
    }

    async fn send(&self, cid: Cid, part: Part) -> Result<Cid, Upload> {
        #[derive(Deserialize)]
        struct Line {
            #[serde(rename = "Hash")]
            hash: Cid,
        }
        let url = || self.add_url.clone();
        let unreachable = |source| Upload::Unreachable { url: url(), source };
        let form = Form::new().part("file", part.file_name(""));
        let sent = self.web.services.post(self.add_url.as_str()).multipart(form).send().await;
        let response = sent.map_err(unreachable)?;
        let status = response.status();
        let answer = answer(response).await.map_err(unreachable)?;
        if !status.is_success() {
            return Err(Upload::Refused { url: url(), status: status.as_u16(), message: short(&answer) });
        }
        match serde_json::from_slice::<Line>(&answer) {
            Ok(line) if line.hash == cid => Ok(cid),
            _ => Err(Upload::WrongName { url: url(), cid, answered: short(&answer) }),
        }
    }
}

/// The body of an answer, as far as it is read.
pub(super) async fn answer(mut response: reqwest::Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut answer = Vec::new();
    while let Some(piece) = response.chunk().await? {
        answer.extend_from_slice(&piece);
        if answer.len() > ANSWER_BYTES_MAX {
            answer.truncate(ANSWER_BYTES_MAX);
            break;
        }
    }
    Ok(answer)
}

/// The beginning of an answer, for people.
pub(super) fn short(answer: &[u8]) -> String {
    String::from_utf8_lossy(&answer[..answer.len().min(512)]).trim().to_owned()
}

async fn name_of(path: &Path) -> std::io::Result<(Cid, u64)> {
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
