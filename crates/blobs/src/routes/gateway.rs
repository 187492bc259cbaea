//! `GET /ipfs/{cid}`: a file by its name, streamed, in whole or in part.

use std::io::SeekFrom;
use std::ops::Range;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use super::{Service, refusal};
use crate::{Blobs, Cid, Read};

/// Bytes read from disk at a time.
const PIECE_BYTES: usize = 64 * 1024;
/// Bytes looked at to guess what a file is.
const SNIFF_BYTES: usize = 512;

pub(super) async fn file(
    State(service): State<Service>,
    Path(cid): Path<String>,
    headers: HeaderMap,
) -> Response {
    match cid.parse::<Cid>() {
        Ok(cid) => serve(&service.blobs, cid, &headers).await,
        Err(error) => refusal(StatusCode::BAD_REQUEST, error.to_string()),
    }
}

/// Files have nothing beneath them, and directories are not stored.
pub(super) async fn beneath(Path((cid, path)): Path<(String, String)>) -> Response {
    refusal(StatusCode::NOT_FOUND, format!("no link named {path:?} under {cid}"))
}

#[derive(Deserialize)]
pub(super) struct Cat {
    arg: Option<String>,
}

/// `POST /api/v0/cat?arg=<cid>`.
pub(super) async fn cat(State(service): State<Service>, Query(cat): Query<Cat>) -> Response {
    let Some(arg) = cat.arg else {
        return refusal(StatusCode::BAD_REQUEST, "argument \"ipfs-path\" is required");
    };
    match arg.strip_prefix("/ipfs/").unwrap_or(&arg).parse::<Cid>() {
        Ok(cid) => serve(&service.blobs, cid, &HeaderMap::new()).await,
        Err(error) => refusal(StatusCode::BAD_REQUEST, error.to_string()),
    }
}

async fn serve(blobs: &Blobs, cid: Cid, headers: &HeaderMap) -> Response {
    match answer(blobs, cid, headers).await {
        Ok(response) => response,
        Err(error @ Read::NotFound { .. }) => refusal(StatusCode::NOT_FOUND, error.to_string()),
        Err(error @ (Read::Io { .. } | Read::TooLarge { .. })) => {
            tracing::error!(%error, "download failed");
            refusal(StatusCode::INTERNAL_SERVER_ERROR, format!("{cid} cannot be read now"))
        }
    }
}

async fn answer(blobs: &Blobs, cid: Cid, headers: &HeaderMap) -> Result<Response, Read> {
    let (size_bytes, mut file) = blobs.open_stream(&cid).await?;
    let etag = format!("\"{cid}\"");
    let told = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if told(header::IF_NONE_MATCH).is_some_and(|known| known == "*" || known.contains(&etag)) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let (status, part) = match told(header::RANGE).map(|range| byte_range(range, size_bytes)) {
        Some(Wanted::Part(part)) => (StatusCode::PARTIAL_CONTENT, part),
        Some(Wanted::Nothing) => {
            let range = format!("bytes */{size_bytes}");
            let refused = refusal(StatusCode::RANGE_NOT_SATISFIABLE, "the file ends before that");
            return Ok(([(header::CONTENT_RANGE, range)], refused).into_response());
        }
        Some(Wanted::Whole) | None => (StatusCode::OK, 0..size_bytes),
    };
    let failed = |source| Read::Io { cid, source };
    let content_type = sniff(&mut file).await.map_err(failed)?;
    file.seek(SeekFrom::Start(part.start)).await.map_err(failed)?;
    let length_bytes = part.end - part.start;
    let stream = ReaderStream::with_capacity(file.take(length_bytes), PIECE_BYTES);
    let mut response = (status, Body::from_stream(stream)).into_response();
    let mut set = |name, value: &str| {
        let value = HeaderValue::from_str(value).expect("names, numbers and constants are header text");
        response.headers_mut().insert(name, value);
    };
    set(header::CONTENT_TYPE, content_type);
    set(header::CONTENT_LENGTH, &length_bytes.to_string());
    set(header::ACCEPT_RANGES, "bytes");
    set(header::ETAG, &etag);
    set(header::CACHE_CONTROL, "public, max-age=29030400, immutable");
    // Strangers' files share an origin with the services: never to be run as a page.
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox");
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{size_bytes}", part.start, part.end - 1);
        set(header::CONTENT_RANGE, &range);
    }
    Ok(response)
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// No usable range: RFC 9110 has it ignored.
    Whole,
    Part(Range<u64>),
    Nothing,
}

/// One range of bytes; several at once are answered with the whole file.
fn byte_range(header: &str, size_bytes: u64) -> Wanted {
    let bounds = header.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-'));
    let parsed = match bounds {
        Some(("", last)) => last.parse().ok().map(|last: u64| (size_bytes.saturating_sub(last), size_bytes)),
        Some((first, "")) => first.parse().ok().map(|first| (first, size_bytes)),
        Some((first, last)) => match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) if first <= last => Some((first, last.saturating_add(1).min(size_bytes))),
            _ => None,
        },
        None => None,
    };
    match parsed {
        None => Wanted::Whole,
        Some((first, end)) if first < end => Wanted::Part(first..end),
        Some(_) => Wanted::Nothing,
    }
}

/// A content type among those that no browser runs.
async fn sniff(file: &mut File) -> std::io::Result<&'static str> {
    let mut head = Vec::with_capacity(SNIFF_BYTES);
    file.take(SNIFF_BYTES as u64).read_to_end(&mut head).await?;
    const MAGIC: &[(&[u8], &str)] = &[
        (b"PK\x03\x04", "application/zip"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF8", "image/gif"),
        (b"%PDF-", "application/pdf"),
        (b"\0asm", "application/wasm"),
    ];
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Ok(kind);
    }
    let text = match std::str::from_utf8(&head) {
        Ok(_) => true,
        // A character may be cut at the end of the window.
        Err(error) => error.error_len().is_none(),
    };
    let printable = text && !head.iter().any(|byte| matches!(byte, 0..=8 | 14..=26));
    Ok(if printable && !head.is_empty() { "text/plain; charset=utf-8" } else { "application/octet-stream" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_rfc_9110() {
        for (header, wanted) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=2-", Wanted::Part(2..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-30", Wanted::Part(0..10)),
            ("bytes=5-99", Wanted::Part(5..10)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=3-2", Wanted::Whole),
            ("bytes=0-1,4-5", Wanted::Whole),
            ("bytes=x-", Wanted::Whole),
            ("items=0-1", Wanted::Whole),
            ("bytes=0-18446744073709551615", Wanted::Part(0..10)),
        ] {
            assert_eq!(byte_range(header, 10), wanted, "{header}");
        }
        assert_eq!(byte_range("bytes=0-", 0), Wanted::Nothing);
    }
}
