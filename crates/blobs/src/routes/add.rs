//! `POST /api/v0/add`: files in, their names out.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use serde::Serialize;

use super::{Limits, Service, refusal};
use crate::disk::Adding;
use crate::multipart::{Event, Malformed, Part, Reader};
use crate::{Add, Added, Blobs};

/// Files of one request.
const FILES_MAX: usize = 256;

/// Why an upload is refused.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{option}={value} would give other identifiers than kubo's defaults; leave it out")]
    Option { option: String, value: String },
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("file argument 'path' is required")]
    NoFile,
    #[error("{name:?} lies in a directory; only single files are taken, so send an archive")]
    Directory { name: String },
    #[error("a request carries at most {FILES_MAX} files")]
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
}

/// One line of the answer.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    name: String,
    hash: String,
    size: String,
}

pub(super) async fn add(
    State(service): State<Service>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Ok(_permit) = service.uploads.try_acquire() else {
        return Refused::Busy.into_response();
    };
    match receive(&service, query.as_deref().unwrap_or_default(), &headers, body).await {
        Ok(lines) => ([(header::CONTENT_TYPE, "application/json")], lines).into_response(),
        Err(refused) => refused.into_response(),
    }
}

async fn receive(service: &Service, query: &str, headers: &HeaderMap, body: Body) -> Result<String, Refused> {
    check_options(query)?;
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut reader = Reader::new(content_type.unwrap_or_default())?;
    let mut upload = Upload::new(&service.blobs);
    let Limits { upload_bytes_max, upload_pause_max, .. } = service.limits;
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
    upload.answer()
}

/// The files of one request as they come in.
struct Upload<'a> {
    blobs: &'a Blobs,
    files: usize,
    open: Option<(String, Adding)>,
    lines: String,
}

impl<'a> Upload<'a> {
    fn new(blobs: &'a Blobs) -> Self {
        Self { blobs, files: 0, open: None, lines: String::new() }
    }

    async fn handle(&mut self, event: Event) -> Result<(), Refused> {
        match event {
            Event::Started(part) => self.start(part).await,
            Event::Data(data) => match &mut self.open {
                Some((_, adding)) => Ok(adding.write(data).await?),
                None => Ok(()),
            },
            Event::Ended => match self.open.take() {
                Some((name, adding)) => {
                    let added = adding.finish().await?;
                    self.lines.push_str(&line(name, &added));
                    Ok(())
                }
                None => Ok(()),
            },
        }
    }

    /// An empty file name is a file all the same; a part without one is a form field and is passed over.
    async fn start(&mut self, part: Part) -> Result<(), Refused> {
        let Some(name) = part.file_name else {
            return Ok(());
        };
        let slash = name.contains('/') || name.to_ascii_lowercase().contains("%2f");
        if slash || part.content_type.eq_ignore_ascii_case("application/x-directory") {
            return Err(Refused::Directory { name });
        }
        self.files += 1;
        if self.files > FILES_MAX {
            return Err(Refused::TooManyFiles);
        }
        self.open = Some((name, self.blobs.begin().await?));
        Ok(())
    }

    fn answer(self) -> Result<String, Refused> {
        assert!(self.open.is_none(), "a closed body has no open part");
        match self.files {
            0 => Err(Refused::NoFile),
            _ => Ok(self.lines),
        }
    }
}

fn line(name: String, added: &Added) -> String {
    let hash = added.cid.to_string();
    let line = Line {
        name: if name.is_empty() { hash.clone() } else { name },
        hash,
        size: added.dag_bytes.to_string(),
    };
    let mut text = serde_json::to_string(&line).expect("strings serialize");
    text.push('\n');
    text
}

/// Refuses options that would change the identifiers; the others (progress, pinning) change nothing here.
fn check_options(query: &str) -> Result<(), Refused> {
    const DEFAULTS: &[(&str, &str)] = &[
        ("chunker", "size-262144"),
        ("cid-version", "0"),
        ("hash", "sha2-256"),
        ("inline", "false"),
        ("nocopy", "false"),
        ("only-hash", "false"),
        ("preserve-mode", "false"),
        ("preserve-mtime", "false"),
        ("raw-leaves", "false"),
        ("to-files", ""),
        ("trickle", "false"),
        ("wrap-with-directory", "false"),
    ];
    for pair in query.split('&') {
        let (option, value) = pair.split_once('=').unwrap_or((pair, "true"));
        let changes = DEFAULTS
            .iter()
            .any(|&(name, default)| name == option.replace('_', "-") && !value.eq_ignore_ascii_case(default));
        if changes {
            return Err(Refused::Option { option: option.to_owned(), value: value.to_owned() });
        }
    }
    Ok(())
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Option { .. }
            | Self::Malformed(_)
            | Self::NoFile
            | Self::Directory { .. }
            | Self::TooManyFiles
            | Self::Broken
            | Self::Add(Add::Source(_)) => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge { .. } | Self::Add(Add::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Paused => StatusCode::REQUEST_TIMEOUT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Add(Add::DiskFull { .. }) => StatusCode::INSUFFICIENT_STORAGE,
            Self::Add(Add::Io { .. }) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        match self {
            // Paths of this machine are for the log.
            Self::Add(error @ (Add::DiskFull { .. } | Add::Io { .. })) => {
                tracing::error!(%error, "upload failed");
                let stranger = match error {
                    Add::DiskFull { .. } => "the disk of this node is full",
                    _ => "this node cannot store files now",
                };
                refusal(status, stranger)
            }
            refused => refusal(status, refused.to_string()),
        }
    }
}
