//! `GET` and `HEAD /ipfs/{cid}[/path]`: content by its name, streamed, in whole or in part; or its nodes.

use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};

use super::paths::ContentPath;
use super::ranges::{Wanted, wanted};
use super::{Service, listing, refusal, unread};
use crate::backend::Content;
use crate::car::{self, Scope};
use crate::dag::Node;
use crate::key::Key;
use crate::store::{Entry, Walk};
use crate::{Blobs, Read};

/// Bytes looked at to guess what a file is.
const SNIFF_BYTES: u64 = 512;
/// What a name stands for never changes.
const FOR_EVER: &str = "public, max-age=29030400, immutable";
/// What divides the parts of an answer; the content is announced by length, so it needs no search.
const BOUNDARY: &str = "metacloud-part";

/// In which form content is asked for.
enum Form {
    Content,
    Raw,
    Car(Scope),
}

pub(super) async fn get(
    State(service): State<Service>,
    uri: Uri,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let path = uri.path().strip_prefix("/ipfs/").unwrap_or_default();
    let path = match ContentPath::from_url(path) {
        Ok(path) => path,
        Err(error) => return refusal(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let query = query.map(|Query(query)| query).map_err(|error| error.to_string());
    let form = match query.and_then(|query| form(&query, &headers)) {
        Ok(form) => form,
        Err(message) => return refusal(StatusCode::BAD_REQUEST, message),
    };
    let blobs = &service.blobs;
    let walk = match blobs.walk(path.root, path.version, &path.names).await {
        Ok(Some(walk)) => walk,
        Ok(None) => {
            let cid = path.root.text(path.version);
            return refusal(
                StatusCode::NOT_FOUND,
                format!("no link named {:?} under {cid}", path.names.join("/")),
            );
        }
        Err(error) => return unread(&error),
    };
    let answer = match form {
        Form::Content => content(blobs, &uri, &walk, &headers).await,
        Form::Raw => raw(blobs, &walk, &headers).await,
        Form::Car(scope) => Ok(archive(blobs, &path, &walk, scope, &headers)),
    };
    let mut response = answer.unwrap_or_else(|error| unread(&error));
    if let Ok(path) = HeaderValue::from_str(uri.path()) {
        response.headers_mut().insert(HeaderName::from_static("x-ipfs-path"), path);
    }
    response
}

/// By the query, else by what is accepted.
fn form(query: &[(String, String)], headers: &HeaderMap) -> Result<Form, String> {
    let asked = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let accepted = told(headers, header::ACCEPT).unwrap_or_default();
    let format = match asked("format") {
        Some(format) => format,
        None if accepted.contains("application/vnd.ipld.car") => "car",
        None if accepted.contains("application/vnd.ipld.raw") => "raw",
        None => "",
    };
    match format {
        "" => Ok(Form::Content),
        "raw" => Ok(Form::Raw),
        "car" if !matches!(asked("car-version"), None | Some("1")) => {
            Err("car-version: taken is 1".to_owned())
        }
        "car" => match asked("dag-scope") {
            None | Some("all") => Ok(Form::Car(Scope::All)),
            Some("entity") => Ok(Form::Car(Scope::Entity)),
            Some("block") => Ok(Form::Car(Scope::Block)),
            Some(_) => Err("dag-scope is one of block, entity and all".to_owned()),
        },
        _ => Err("format is one of raw and car".to_owned()),
    }
}

async fn content(blobs: &Blobs, uri: &Uri, walk: &Walk, headers: &HeaderMap) -> Result<Response, Read> {
    match &walk.entry {
        Entry::File { size_bytes, .. } => file(blobs, walk, *size_bytes, headers).await,
        Entry::Directory(node) => directory(blobs, uri, walk, node, headers).await,
    }
}

/// A directory is shown as its `index.html` where it has one, under the rules of any stranger's file.
async fn directory(
    blobs: &Blobs,
    uri: &Uri,
    walk: &Walk,
    node: &Arc<Node>,
    headers: &HeaderMap,
) -> Result<Response, Read> {
    let index = blobs.walk(walk.key, walk.version, &["index.html".to_owned()]).await?;
    if let Some(Walk { entry: Entry::File { size_bytes, .. }, .. }) = &index {
        return file(blobs, index.as_ref().expect("matched"), *size_bytes, headers).await;
    }
    let etag = format!("\"DirIndex-1_CID-{}\"", walk.key.text(walk.version));
    if is_known(headers, &etag) {
        return Ok(not_modified(&etag));
    }
    let entries = blobs.entries(walk.key, node).await?;
    let page = listing::page(uri.path(), walk.key, walk.version, &entries);
    let mut response = page.into_response();
    guard(&mut response, "text/html; charset=utf-8", &etag);
    // The page may look different in another version of this program.
    set(&mut response, header::CACHE_CONTROL, "public, max-age=604800");
    Ok(response)
}

async fn file(blobs: &Blobs, walk: &Walk, size_bytes: u64, headers: &HeaderMap) -> Result<Response, Read> {
    let etag = format!("\"{}\"", walk.key.text(walk.version));
    if is_known(headers, &etag) {
        return Ok(not_modified(&etag));
    }
    let fresh = told(headers, header::IF_RANGE).is_none_or(|known| known == etag);
    let parts = match told(headers, header::RANGE).filter(|_| fresh).map(|range| wanted(range, size_bytes)) {
        Some(Wanted::Parts(parts)) => parts,
        Some(Wanted::Nothing) => {
            let range = format!("bytes */{size_bytes}");
            let refused = refusal(StatusCode::RANGE_NOT_SATISFIABLE, "the file ends before that");
            return Ok(([(header::CONTENT_RANGE, range)], refused).into_response());
        }
        Some(Wanted::Whole) | None => Vec::new(),
    };
    let head = blobs.content(walk.key, 0..SNIFF_BYTES.min(size_bytes)).await?;
    let head = head.map_ok(|piece| piece.to_vec()).try_concat().await;
    let kind = sniff(&head.map_err(|error| Read::Io { key: walk.key, why: error.to_string() })?);
    let mut response = match parts.as_slice() {
        [part] => {
            let body = Body::from_stream(blobs.content(walk.key, part.clone()).await?);
            let mut response = (StatusCode::PARTIAL_CONTENT, body).into_response();
            set(&mut response, header::CONTENT_RANGE, &content_range(part, size_bytes));
            guard(&mut response, kind, &etag);
            set(&mut response, header::CONTENT_LENGTH, &(part.end - part.start).to_string());
            response
        }
        [] => {
            let body = Body::from_stream(blobs.content(walk.key, 0..size_bytes).await?);
            let mut response = body.into_response();
            guard(&mut response, kind, &etag);
            set(&mut response, header::CONTENT_LENGTH, &size_bytes.to_string());
            response
        }
        parts => several(blobs, walk.key, parts, size_bytes, kind, &etag),
    };
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    Ok(response)
}

/// Several parts, each under its own head (RFC 9110, 14.6).
fn several(
    blobs: &Blobs,
    key: Key,
    parts: &[Range<u64>],
    size_bytes: u64,
    kind: &str,
    etag: &str,
) -> Response {
    let mut length_bytes = 0;
    let mut pieces: Vec<(String, Option<Range<u64>>)> = Vec::new();
    for part in parts {
        let range = content_range(part, size_bytes);
        let head = format!("\r\n--{BOUNDARY}\r\nContent-Type: {kind}\r\nContent-Range: {range}\r\n\r\n");
        length_bytes += head.len() as u64 + part.end - part.start;
        pieces.push((head, Some(part.clone())));
    }
    let end = format!("\r\n--{BOUNDARY}--\r\n");
    length_bytes += end.len() as u64;
    pieces.push((end, None));
    let blobs = blobs.clone();
    let body = futures::stream::iter(pieces).then(move |(head, part)| {
        let blobs = blobs.clone();
        async move {
            let head = futures::stream::once(async { Ok(Bytes::from(head)) });
            let content: Content = match part {
                Some(part) => blobs.content(key, part).await.map_err(std::io::Error::other)?,
                None => futures::stream::empty().boxed(),
            };
            Ok::<_, std::io::Error>(head.chain(content).boxed())
        }
    });
    let mut response = (StatusCode::PARTIAL_CONTENT, Body::from_stream(body.try_flatten())).into_response();
    guard(&mut response, &format!("multipart/byteranges; boundary={BOUNDARY}"), etag);
    set(&mut response, header::CONTENT_LENGTH, &length_bytes.to_string());
    response
}

fn content_range(part: &Range<u64>, size_bytes: u64) -> String {
    format!("bytes {}-{}/{size_bytes}", part.start, part.end - 1)
}

/// One node, as its bytes.
async fn raw(blobs: &Blobs, walk: &Walk, headers: &HeaderMap) -> Result<Response, Read> {
    let cid = walk.key.text(walk.version);
    let etag = format!("\"{cid}.raw\"");
    if is_known(headers, &etag) {
        return Ok(not_modified(&etag));
    }
    let block = car::block(blobs, walk.key).await?;
    let length_bytes = block.len();
    let mut response = Body::from(block).into_response();
    guard(&mut response, "application/vnd.ipld.raw", &etag);
    set(&mut response, header::CONTENT_LENGTH, &length_bytes.to_string());
    set(&mut response, header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{cid}.bin\""));
    Ok(response)
}

/// All nodes, each once, parents before children in the order of their links.
fn archive(blobs: &Blobs, path: &ContentPath, walk: &Walk, scope: Scope, headers: &HeaderMap) -> Response {
    let (root, target) = (path.root.text(path.version), walk.key.text(walk.version));
    let etag = format!("W/\"{root}.{target}.{scope:?}.car\"");
    if is_known(headers, &etag) {
        return not_modified(&etag);
    }
    let body = car::archive(blobs, (path.root, path.version), &walk.through, walk.key, scope);
    let mut response = Body::from_stream(body).into_response();
    guard(&mut response, "application/vnd.ipld.car; version=1; order=dfs; dups=n", &etag);
    set(&mut response, header::CONTENT_DISPOSITION, &format!("attachment; filename=\"{target}.car\""));
    response
}

/// Strangers' files share an origin with the services: never to be run as a page.
fn guard(response: &mut Response, content_type: &str, etag: &str) {
    set(response, header::CONTENT_TYPE, content_type);
    set(response, header::ETAG, etag);
    set(response, header::CACHE_CONTROL, FOR_EVER);
    set(response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(response, header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox");
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    let value = HeaderValue::from_str(value).expect("names, numbers and constants are header text");
    response.headers_mut().insert(name, value);
}

fn told(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let bare = etag.strip_prefix("W/").unwrap_or(etag);
    told(headers, header::IF_NONE_MATCH).is_some_and(|known| known.trim() == "*" || known.contains(bare))
}

fn not_modified(etag: &str) -> Response {
    (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response()
}

/// A content type among those that no browser runs.
fn sniff(head: &[u8]) -> &'static str {
    const MAGIC: &[(&[u8], &str)] = &[
        (b"PK\x03\x04", "application/zip"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF8", "image/gif"),
        (b"%PDF-", "application/pdf"),
        (b"\0asm", "application/wasm"),
    ];
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return kind;
    }
    let text = match std::str::from_utf8(head) {
        Ok(_) => true,
        // A character may be cut at the end of the window.
        Err(error) => error.error_len().is_none(),
    };
    let printable = text && !head.iter().any(|byte| matches!(byte, 0..=8 | 14..=26));
    if printable && !head.is_empty() { "text/plain; charset=utf-8" } else { "application/octet-stream" }
}
