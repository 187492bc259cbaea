//! The rest of kubo's API: reading, nodes, pins. All of it is POST, with arguments in the query.

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use serde_json::{Map, Value, json};

use super::paths::ContentPath;
use super::{Service, refusal, unadded, unread};
use crate::Blobs;
use crate::car::{self, Scope};
use crate::dag::{BLOCK_BYTES_MAX, Block, Link, Node};
use crate::key::{Codec, Key, Version};
use crate::multipart::{Event, Reader};
use crate::store::{Entry, PinError, Walk};

/// Names of one request.
const ARGUMENTS_MAX: usize = 256;
/// Entries looked at at once, to say what each is.
const LOOKS_AT_ONCE: usize = 16;

type Arguments = Result<Query<Vec<(String, String)>>, QueryRejection>;
type Answer = Result<Response, Box<Response>>;

fn bad(message: impl Into<String>) -> Box<Response> {
    Box::new(refusal(StatusCode::BAD_REQUEST, message))
}

fn given<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// The paths of all `arg`s; at least one.
fn paths(query: &[(String, String)]) -> Result<Vec<ContentPath>, Box<Response>> {
    let arguments: Vec<_> = query.iter().filter(|(key, _)| key == "arg").collect();
    match arguments.len() {
        0 => Err(bad("argument \"ipfs-path\" is required")),
        1..=ARGUMENTS_MAX => arguments
            .into_iter()
            .map(|(_, path)| ContentPath::from_argument(path).map_err(|error| bad(error.to_string())))
            .collect(),
        _ => Err(bad(format!("a request names at most {ARGUMENTS_MAX} paths"))),
    }
}

fn only_path(query: &[(String, String)]) -> Result<ContentPath, Box<Response>> {
    let mut paths = paths(query)?;
    if paths.len() > 1 { Err(bad("one path is taken")) } else { Ok(paths.remove(0)) }
}

async fn walk(blobs: &Blobs, path: &ContentPath) -> Result<Walk, Box<Response>> {
    match blobs.walk(path.root, path.version, &path.names).await {
        Ok(Some(walk)) => Ok(walk),
        Ok(None) => {
            let message = format!("no link named {:?} under {}", path.names.join("/"), path.root);
            Err(Box::new(refusal(StatusCode::NOT_FOUND, message)))
        }
        Err(error) => Err(Box::new(unread(&error))),
    }
}

fn number(query: &[(String, String)], name: &str) -> Result<Option<u64>, Box<Response>> {
    let parsed = given(query, name).map(str::parse).transpose();
    parsed.map_err(|_| bad(format!("{name} is a number of bytes")))
}

fn answered(answer: Answer) -> Response {
    answer.unwrap_or_else(|refused| *refused)
}

fn queried(arguments: Arguments) -> Result<Vec<(String, String)>, Box<Response>> {
    arguments.map(|Query(query)| query).map_err(|error| bad(error.to_string()))
}

/// `cat?arg=<path>[&offset=N][&length=N]`.
pub(super) async fn cat(State(service): State<Service>, arguments: Arguments) -> Response {
    let answer = async {
        let query = queried(arguments)?;
        let (offset, length) = (number(&query, "offset")?, number(&query, "length")?);
        let mut answers = Vec::new();
        for path in paths(&query)? {
            let walk = walk(&service.blobs, &path).await?;
            let Entry::File { size_bytes, .. } = walk.entry else {
                return Err(bad("this dag node is a directory"));
            };
            let start = offset.unwrap_or(0).min(size_bytes);
            let end = length.map_or(size_bytes, |length| start.saturating_add(length).min(size_bytes));
            let content = service.blobs.content(walk.key, start..end).await;
            answers.push(content.map_err(|error| Box::new(unread(&error)))?);
        }
        let headers =
            [(header::CONTENT_TYPE, "application/octet-stream"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
        Ok((headers, Body::from_stream(futures::stream::iter(answers).flatten())).into_response())
    };
    answered(answer.await)
}

/// `ls?arg=<path>`.
pub(super) async fn ls(State(service): State<Service>, arguments: Arguments) -> Response {
    let answer = async {
        let mut objects = Vec::new();
        for path in paths(&queried(arguments)?)? {
            let walk = walk(&service.blobs, &path).await?;
            let links = match &walk.entry {
                Entry::File { .. } => Vec::new(),
                Entry::Directory(node) => {
                    let entries = service.blobs.entries(walk.key, node).await;
                    entries.map_err(|error| Box::new(unread(&error)))?
                }
            };
            let links = futures::stream::iter(links).map(|link| entry(&service.blobs, link));
            let links: Vec<Value> = links.buffered(LOOKS_AT_ONCE).collect().await;
            objects.push(json!({ "Hash": walk.key.text(walk.version), "Links": links }));
        }
        Ok(axum::Json(json!({ "Objects": objects })).into_response())
    };
    answered(answer.await)
}

/// A line of a listing; an entry that is not here has no type.
async fn entry(blobs: &Blobs, link: Link) -> Value {
    let (kind, size_bytes) = match blobs.look(link.to.key).await {
        Ok(Entry::File { size_bytes, .. }) => (2, size_bytes),
        Ok(Entry::Directory(_)) => (1, 0),
        Err(_) => (-1, 0),
    };
    json!({
        "Name": link.name, "Hash": link.to.key.text(link.to.version), "Size": size_bytes, "Type": kind,
        "Target": "",
    })
}

/// `block/get?arg=<cid>`.
pub(super) async fn block_get(State(service): State<Service>, arguments: Arguments) -> Response {
    let answer = async {
        let path = only_path(&queried(arguments)?)?;
        let walk = walk(&service.blobs, &path).await?;
        let block = car::block(&service.blobs, walk.key).await.map_err(|error| Box::new(unread(&error)))?;
        Ok(([(header::CONTENT_TYPE, "application/vnd.ipld.raw")], block).into_response())
    };
    answered(answer.await)
}

/// `block/stat?arg=<cid>`.
pub(super) async fn block_stat(State(service): State<Service>, arguments: Arguments) -> Response {
    let answer = async {
        let path = only_path(&queried(arguments)?)?;
        let walk = walk(&service.blobs, &path).await?;
        let block = car::block(&service.blobs, walk.key).await.map_err(|error| Box::new(unread(&error)))?;
        let stat = json!({ "Key": walk.key.text(walk.version), "Size": block.len() });
        Ok(axum::Json(stat).into_response())
    };
    answered(answer.await)
}

/// `block/put?cid-codec=raw|dag-pb`: one node in a form. A node with links must be one of a file or a directory.
pub(super) async fn block_put(
    State(service): State<Service>,
    arguments: Arguments,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let answer = async {
        let query = queried(arguments)?;
        let (codec, version) = codec(&query)?;
        let Ok(_permit) = service.uploads.try_acquire() else {
            return Err(Box::new(refusal(StatusCode::SERVICE_UNAVAILABLE, "too many uploads are in flight")));
        };
        let bytes = block_of(&service, &headers, body).await?;
        if codec == Codec::DagPb {
            Node::decode(&bytes).map_err(|error| bad(error.to_string()))?;
        }
        let size_bytes = bytes.len();
        let block = Block { key: Key::of(codec, &bytes), bytes };
        let key = service.blobs.keep_block(block).await.map_err(|error| {
            let (status, message) = unadded(&error);
            Box::new(refusal(status, message))
        })?;
        if given(&query, "pin") == Some("true") {
            pin(&service.blobs, key).await?;
        }
        Ok(axum::Json(json!({ "Key": key.text(version), "Size": size_bytes })).into_response())
    };
    answered(answer.await)
}

fn codec(query: &[(String, String)]) -> Result<(Codec, Version), Box<Response>> {
    if !matches!(given(query, "mhtype"), None | Some("sha2-256")) {
        return Err(bad("mhtype: taken is sha2-256"));
    }
    match (given(query, "format"), given(query, "cid-codec")) {
        (Some("v0"), None) => Ok((Codec::DagPb, Version::V0)),
        (Some("protobuf" | "dag-pb"), None) | (None, Some("dag-pb")) => Ok((Codec::DagPb, Version::V1)),
        (None, None) | (Some("raw"), None) | (None, Some("raw")) => Ok((Codec::Raw, Version::V1)),
        _ => Err(bad("cid-codec: taken are raw and dag-pb")),
    }
}

/// The bytes of the one file in a form.
async fn block_of(service: &Service, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Box<Response>> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let reader = Reader::new(content_type.unwrap_or_default());
    let mut reader = reader.map_err(|error| bad(error.to_string()))?;
    let mut pieces = body.into_data_stream();
    let (mut events, mut bytes, mut files) = (Vec::new(), Vec::new(), 0);
    loop {
        let piece = tokio::time::timeout(service.limits.upload_pause_max, pieces.next()).await;
        let paused = |_| Box::new(refusal(StatusCode::REQUEST_TIMEOUT, "the sender paused for too long"));
        let Some(piece) = piece.map_err(paused)? else { break };
        let piece = piece.map_err(|_| bad("the sender stopped before the end of the body"))?;
        reader.feed(&piece, &mut events).map_err(|error| bad(error.to_string()))?;
        for event in events.drain(..) {
            match event {
                Event::Started(_) => files += 1,
                Event::Data(data) => bytes.extend_from_slice(&data),
                Event::Ended => {}
            }
        }
        if bytes.len() > BLOCK_BYTES_MAX {
            let message = format!("a node has at most {BLOCK_BYTES_MAX} bytes");
            return Err(Box::new(refusal(StatusCode::PAYLOAD_TOO_LARGE, message)));
        }
    }
    reader.finish().map_err(|error| bad(error.to_string()))?;
    if files == 1 { Ok(bytes) } else { Err(bad("one file is taken")) }
}

/// `dag/export?arg=<cid>`.
pub(super) async fn dag_export(State(service): State<Service>, arguments: Arguments) -> Response {
    let answer = async {
        let path = only_path(&queried(arguments)?)?;
        let walk = walk(&service.blobs, &path).await?;
        let root = (walk.key, walk.version);
        let body = car::archive(&service.blobs, root, &[], walk.key, Scope::All);
        Ok(([(header::CONTENT_TYPE, "application/vnd.ipld.car; version=1")], Body::from_stream(body))
            .into_response())
    };
    answered(answer.await)
}

/// `files/stat?arg=/ipfs/<path>`.
pub(super) async fn files_stat(State(service): State<Service>, arguments: Arguments) -> Response {
    let answer = async {
        let path = only_path(&queried(arguments)?)?;
        let walk = walk(&service.blobs, &path).await?;
        let (kind, size_bytes) = match &walk.entry {
            Entry::File { size_bytes, .. } => ("file", *size_bytes),
            Entry::Directory(_) => ("directory", 0),
        };
        let stat = json!({ "Hash": walk.key.text(walk.version), "Size": size_bytes, "Type": kind });
        Ok(axum::Json(stat).into_response())
    };
    answered(answer.await)
}

async fn pin(blobs: &Blobs, key: Key) -> Result<(), Box<Response>> {
    blobs.pin(key).await.map_err(|error| Box::new(unpinned(&error)))
}

fn unpinned(error: &PinError) -> Response {
    let status = match error {
        PinError::TooMany { .. } => StatusCode::INSUFFICIENT_STORAGE,
        // As kubo answers.
        PinError::NotPinned { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        PinError::Io { .. } => {
            tracing::error!(%error, "pin failed");
            return refusal(StatusCode::INTERNAL_SERVER_ERROR, "this node cannot pin now");
        }
    };
    refusal(status, error.to_string())
}

fn not_recursive(query: &[(String, String)]) -> Result<(), Box<Response>> {
    match given(query, "recursive") {
        None | Some("" | "true") => Ok(()),
        Some(_) => Err(bad("pins here are recursive")),
    }
}

/// `pin/add?arg=<path>…`: what is named stays, with all that it leads to.
pub(super) async fn pin_add(State(service): State<Service>, arguments: Arguments) -> Response {
    let answer = async {
        let query = queried(arguments)?;
        not_recursive(&query)?;
        let mut pins = Vec::new();
        for path in paths(&query)? {
            let walk = walk(&service.blobs, &path).await?;
            pin(&service.blobs, walk.key).await?;
            pins.push(walk.key.text(walk.version));
        }
        Ok(axum::Json(json!({ "Pins": pins })).into_response())
    };
    answered(answer.await)
}

/// `pin/rm?arg=<path>…`.
pub(super) async fn pin_rm(State(service): State<Service>, arguments: Arguments) -> Response {
    let answer = async {
        let query = queried(arguments)?;
        not_recursive(&query)?;
        let mut pins = Vec::new();
        for path in paths(&query)? {
            // The content may be gone; its pin goes by its name.
            let (key, version) = match path.names.is_empty() {
                true => (path.root, path.version),
                false => walk(&service.blobs, &path).await.map(|walk| (walk.key, walk.version))?,
            };
            let removed = service.blobs.store().pins().remove(key).await;
            removed.map_err(|error| Box::new(unpinned(&error)))?;
            pins.push(key.text(version));
        }
        Ok(axum::Json(json!({ "Pins": pins })).into_response())
    };
    answered(answer.await)
}

/// `pin/ls[?arg=<path>…][&stream=true]`.
pub(super) async fn pin_ls(State(service): State<Service>, arguments: Arguments) -> Response {
    let answer = async {
        let query = queried(arguments)?;
        if !matches!(given(&query, "type"), None | Some("" | "all" | "recursive")) {
            return Err(bad("type: pins here are recursive"));
        }
        let pins = service.blobs.store().pins();
        let mut keys = Vec::new();
        if given(&query, "arg").is_none() {
            keys.extend(pins.all().into_iter().map(|key| (key, Version::V0)));
        } else {
            for path in paths(&query)? {
                let walk = walk(&service.blobs, &path).await?;
                if !pins.has(walk.key) {
                    return Err(Box::new(unpinned(&PinError::NotPinned { key: walk.key })));
                }
                keys.push((walk.key, walk.version));
            }
        }
        if given(&query, "stream") == Some("true") {
            let line = |(key, version): (Key, Version)| {
                format!("{}\n", json!({ "Cid": key.text(version), "Type": "recursive" }))
            };
            let lines = futures::stream::iter(keys).map(move |key| Ok::<_, std::io::Error>(line(key)));
            let headers = [(header::CONTENT_TYPE, "application/json")];
            return Ok((headers, Body::from_stream(lines)).into_response());
        }
        let keys: Map<String, Value> = keys
            .into_iter()
            .map(|(key, version)| (key.text(version), json!({ "Type": "recursive" })))
            .collect();
        Ok(axum::Json(json!({ "Keys": keys })).into_response())
    };
    answered(answer.await)
}

/// `repo/stat`.
pub(super) async fn repo_stat(State(service): State<Service>) -> Response {
    let (used_bytes, max_bytes) = service.blobs.used_bytes();
    axum::Json(json!({ "RepoSize": used_bytes, "StorageMax": max_bytes })).into_response()
}

/// Answers as kubo does; the version is ours.
pub(super) async fn version() -> Response {
    axum::Json(json!({
        "Version": concat!("metacloud-", env!("CARGO_PKG_VERSION")),
        "Commit": "",
        "Repo": "1",
        "System": std::env::consts::ARCH,
    }))
    .into_response()
}
