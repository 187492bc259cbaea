//! `POST /api/v0/add`: files and directories in, their names out.

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt as _;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use super::options::{BadOption, Options};
use super::paths::decode;
use super::{Limits, Service, refusal, unadded};
use crate::dag::{Child, Directory, Made, PathError};
use crate::key::Key;
use crate::multipart::{Event, Malformed, Part, Reader};
use crate::store::{Adding, PinError, Staged};
use crate::{Add, Blobs};

/// Files and directories of one request.
const FILES_MAX: usize = 20_000;
/// Bytes between two words about progress.
const PROGRESS_BYTES: u64 = 256 << 10;
/// Lines of an answer that wait to be sent.
const LINES_AHEAD_MAX: usize = 16;

/// Why an upload is refused.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the query cannot be read: {0}")]
    Query(#[from] QueryRejection),
    #[error(transparent)]
    Option(#[from] BadOption),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("file argument 'path' is required")]
    NoFile,
    #[error("the file name {name:?} is not UTF-8 in the escapes of a form")]
    Name { name: String },
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("a request carries at most {FILES_MAX} files and directories")]
    TooManyFiles,
    #[error("the request body exceeds {max_bytes} bytes")]
    BodyTooLarge { max_bytes: u64 },
    #[error("the sender stopped before the end of the body")]
    Broken,
    #[error("the sender paused for too long")]
    Paused,
    #[error("too many uploads are in flight; try again")]
    Busy,
    #[error(transparent)]
    Add(#[from] Add),
    #[error(transparent)]
    Pin(#[from] PinError),
}

/// One line of the answer.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line<'a> {
    name: &'a str,
    hash: String,
    size: String,
}

/// A word about progress.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Progress<'a> {
    name: &'a str,
    bytes: u64,
}

pub(super) async fn add(
    State(service): State<Service>,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let options = match query.map_err(Refused::from).and_then(|Query(query)| Ok(Options::parse(&query)?)) {
        Ok(options) => options,
        Err(refused) => return refused.into_response(),
    };
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let reader = match Reader::new(content_type.unwrap_or_default()) {
        Ok(reader) => reader,
        Err(malformed) => return Refused::from(malformed).into_response(),
    };
    let Ok(permit) = service.uploads.clone().try_acquire_owned() else {
        return Refused::Busy.into_response();
    };
    let upload = Upload::new(service.blobs.clone(), options);
    if options.progress {
        // The answer begins while the body still comes, so its status is said before its end is known; a refusal
        // breaks it off.
        let (sender, lines) = mpsc::channel(LINES_AHEAD_MAX);
        let task = async move {
            let _permit = permit;
            let mut upload = upload;
            upload.told = Some(sender.clone());
            if let Err(refused) = receive(&service.limits, reader, body, upload).await {
                tracing::info!(why = refused.told().1, "an upload was refused");
                let _ = sender.send(Err(std::io::Error::other("the upload was refused"))).await;
            }
        };
        return streamed(AbortOnDropHandle::new(tokio::spawn(task)), lines);
    }
    let received = receive(&service.limits, reader, body, upload).await;
    drop(permit);
    match received {
        Ok(lines) => ([(header::CONTENT_TYPE, "application/json")], lines).into_response(),
        Err(refused) => refused.into_response(),
    }
}

/// An answer line by line; the upload ends with whoever reads it.
fn streamed(task: AbortOnDropHandle<()>, lines: mpsc::Receiver<std::io::Result<Bytes>>) -> Response {
    let lines = futures::stream::unfold((task, lines), async |(task, mut lines)| {
        let line = lines.recv().await?;
        Some((line, (task, lines)))
    });
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(lines)).into_response()
}

async fn receive(
    limits: &Limits,
    mut reader: Reader,
    body: Body,
    mut upload: Upload,
) -> Result<String, Refused> {
    let &Limits { upload_bytes_max, upload_pause_max, .. } = limits;
    let mut pieces = body.into_data_stream();
    let mut received_bytes = 0;
    let mut events = Vec::new();
    loop {
        let next = tokio::time::timeout(upload_pause_max, pieces.next()).await;
        let Some(piece) = next.map_err(|_| Refused::Paused)? else {
            break;
        };
        let piece = piece.map_err(|_| Refused::Broken)?;
        received_bytes += piece.len() as u64;
        if received_bytes > upload_bytes_max {
            return Err(Refused::BodyTooLarge { max_bytes: upload_bytes_max });
        }
        reader.feed(&piece, &mut events)?;
        for event in events.drain(..) {
            upload.handle(event).await?;
        }
    }
    reader.finish()?;
    upload.finish().await
}

/// The files of one request as they come in. Nothing has a name before all of them are here.
struct Upload {
    blobs: Blobs,
    options: Options,
    parts: usize,
    open: Option<Open>,
    staged: Vec<Staged>,
    /// What lies in directories.
    root: Directory,
    /// Files beside them.
    single: Vec<Key>,
    lines: String,
    told: Option<mpsc::Sender<std::io::Result<Bytes>>>,
}

/// A file on its way in.
struct Open {
    name: String,
    adding: Adding,
    told_bytes: u64,
}

impl Upload {
    fn new(blobs: Blobs, options: Options) -> Self {
        Self {
            blobs,
            options,
            parts: 0,
            open: None,
            staged: Vec::new(),
            root: Directory::default(),
            single: Vec::new(),
            lines: String::new(),
            told: None,
        }
    }

    async fn handle(&mut self, event: Event) -> Result<(), Refused> {
        match event {
            Event::Started(part) => self.start(part),
            Event::Data(data) => self.data(data).await,
            Event::Ended => match self.open.take() {
                Some(open) => self.end(open).await,
                None => Ok(()),
            },
        }
    }

    /// An empty file name is a file all the same; a part without one is a form field and is passed over.
    fn start(&mut self, part: Part) -> Result<(), Refused> {
        let Some(name) = part.file_name else {
            return Ok(());
        };
        self.parts += 1;
        if self.parts > FILES_MAX {
            return Err(Refused::TooManyFiles);
        }
        let decoded = decode(&name, true).ok_or(Refused::Name { name })?;
        let name = decoded.strip_prefix('/').unwrap_or(&decoded);
        if part.content_type.eq_ignore_ascii_case("application/x-directory") {
            self.root.enter(name.strip_suffix('/').unwrap_or(name))?;
            return Ok(());
        }
        let Options { layout, only_hash, .. } = self.options;
        let adding = if only_hash { self.blobs.begin_unkept(layout) } else { self.blobs.begin(layout) };
        self.open = Some(Open { name: name.to_owned(), adding, told_bytes: 0 });
        Ok(())
    }

    async fn data(&mut self, data: Bytes) -> Result<(), Refused> {
        let Some(open) = &mut self.open else { return Ok(()) };
        open.adding.write(data).await?;
        let bytes = open.adding.size_bytes();
        if let Some(told) = &self.told
            && bytes - open.told_bytes >= PROGRESS_BYTES
        {
            open.told_bytes = bytes;
            let line = json_line(&Progress { name: &open.name, bytes });
            told.send(Ok(line)).await.map_err(|_| Refused::Broken)?;
        }
        Ok(())
    }

    async fn end(&mut self, open: Open) -> Result<(), Refused> {
        let staged = open.adding.finish().await?;
        let version = self.options.layout.version;
        let root = staged.root;
        let name = if open.name.is_empty() { root.key.text(version) } else { open.name };
        self.staged.push(staged);
        if self.options.wrap || name.contains('/') {
            let child = Child { key: root.key, version, dag_bytes: root.dag_bytes };
            self.root.put(&name, child)?;
        } else {
            self.single.push(root.key);
        }
        self.say(&name, root.key, root.dag_bytes).await
    }

    async fn say(&mut self, name: &str, key: Key, dag_bytes: u64) -> Result<(), Refused> {
        let hash = key.text(self.options.layout.version);
        let line = json_line(&Line { name, hash, size: dag_bytes.to_string() });
        match &self.told {
            Some(told) => told.send(Ok(line)).await.map_err(|_| Refused::Broken),
            None => {
                self.lines.push_str(std::str::from_utf8(&line).expect("JSON is UTF-8"));
                Ok(())
            }
        }
    }

    /// Makes the directories, names everything, pins what is asked for. Answers the lines that were not sent already.
    async fn finish(mut self) -> Result<String, Refused> {
        assert!(self.open.is_none(), "a closed body has no open part");
        if self.parts == 0 {
            return Err(Refused::NoFile);
        }
        let version = self.options.layout.version;
        let (mut blocks, mut made) = (Vec::new(), Vec::new());
        let mut roots = std::mem::take(&mut self.single);
        let root = std::mem::take(&mut self.root);
        if self.options.wrap {
            roots.push(root.build("", version, &mut blocks, &mut made)?.key);
        } else {
            for (name, directory) in root.into_directories() {
                roots.push(directory.build(&name, version, &mut blocks, &mut made)?.key);
            }
        }
        if !self.options.only_hash {
            self.blobs.keep(std::mem::take(&mut self.staged), blocks).await?;
            if self.options.pin {
                for root in roots {
                    self.blobs.pin(root).await?;
                }
            }
        }
        for Made { path, child } in made {
            self.say(&path, child.key, child.dag_bytes).await?;
        }
        Ok(self.lines)
    }
}

fn json_line(line: &impl Serialize) -> Bytes {
    let mut text = serde_json::to_string(line).expect("strings and numbers serialize");
    text.push('\n');
    text.into()
}

impl Refused {
    /// Status, and what a stranger is told.
    fn told(&self) -> (StatusCode, String) {
        let status = match self {
            Self::Add(error) => return unadded(error),
            Self::Pin(error @ PinError::Io { .. }) => {
                tracing::error!(%error, "upload failed");
                return (StatusCode::INTERNAL_SERVER_ERROR, "this node cannot pin now".to_owned());
            }
            Self::Pin(_) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Query(_)
            | Self::Option(_)
            | Self::Malformed(_)
            | Self::NoFile
            | Self::Name { .. }
            | Self::Path(_)
            | Self::TooManyFiles
            | Self::Broken => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Paused => StatusCode::REQUEST_TIMEOUT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, self.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, message) = self.told();
        refusal(status, message)
    }
}
