//! Resumable uploads: tus 1.0.0 with its extensions creation, expiration and termination, at `/files`. The answer to the
//! last piece, and every later question, names the content in `Upload-Cid`.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use metacloud_routes::Routes;

use super::{Service, described, refusal, unadded};
use crate::store::{Standing, Stopped};

const PROTOCOL: &str = "1.0.0";
/// The content type of a piece.
const PIECE: &str = "application/offset+octet-stream";
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const CID: HeaderName = HeaderName::from_static("upload-cid");
const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");

/// The routes. They tell browsers of any origin what they may do by themselves ([`open_to_all`]), since their OPTIONS has
/// an answer.
pub(super) fn table() -> Routes<Service> {
    Routes::new(described::UPLOADS, refusal)
        .on(&Method::OPTIONS, "/files", offer, described::offer("getUploadOffer"))
        .post("/files", create, described::create())
        .every(
            "/files/{id}",
            upload,
            vec![
                (Method::OPTIONS, described::offer_of_upload()),
                (Method::HEAD, described::standing()),
                (Method::PATCH, described::piece()),
                (Method::DELETE, described::close()),
            ],
        )
}

pub(super) async fn open_to_all(mut response: Response) -> Response {
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST, HEAD, PATCH, DELETE, OPTIONS"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "content-type, tus-resumable, upload-length, upload-metadata, upload-offset",
        ),
        (
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "location, tus-extension, tus-max-size, tus-resumable, tus-version, upload-cid, upload-expires, upload-length, upload-offset",
        ),
        (RESUMABLE, PROTOCOL),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn offer(State(service): State<Service>) -> Response {
    let max = service.blobs.store().settings().blob_bytes_max.to_string();
    let headers = [
        (HeaderName::from_static("tus-version"), PROTOCOL.to_owned()),
        (HeaderName::from_static("tus-extension"), "creation,expiration,termination".to_owned()),
        (HeaderName::from_static("tus-max-size"), max),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

async fn create(State(service): State<Service>, headers: HeaderMap) -> Response {
    if let Err(refused) = speaks(&headers) {
        return *refused;
    }
    let Some(length) = number(&headers, &LENGTH) else {
        return refusal(StatusCode::BAD_REQUEST, "Upload-Length is a number of bytes, known from the start");
    };
    match service.blobs.open_upload(length).await {
        Ok((id, standing)) => {
            let location = [(header::LOCATION, format!("/files/{id}"))];
            (StatusCode::CREATED, location, told(&standing)).into_response()
        }
        Err(stopped) => refused(&stopped),
    }
}

async fn upload(
    State(service): State<Service>,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Response {
    if method == Method::OPTIONS {
        return offer(State(service)).await;
    }
    if let Err(refused) = speaks(&headers) {
        return *refused;
    }
    let blobs = &service.blobs;
    let done = match method {
        Method::HEAD => {
            let no_store = [(header::CACHE_CONTROL, "no-store")];
            blobs
                .upload(&id)
                .await
                .map(|standing| (StatusCode::OK, no_store, told(&standing)).into_response())
        }
        Method::PATCH => match piece(&service, &id, &headers, body).await {
            Ok(done) => done.map(|standing| (StatusCode::NO_CONTENT, told(&standing)).into_response()),
            Err(refused) => return *refused,
        },
        Method::DELETE => blobs.close_upload(&id).await.map(|()| StatusCode::NO_CONTENT.into_response()),
        _ => return refusal(StatusCode::METHOD_NOT_ALLOWED, "taken are HEAD, PATCH and DELETE"),
    };
    done.unwrap_or_else(|stopped| refused(&stopped))
}

async fn piece(
    service: &Service,
    id: &str,
    headers: &HeaderMap,
    body: Body,
) -> Result<Result<Standing, Stopped>, Box<Response>> {
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != PIECE) {
        return Err(Box::new(refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("a piece is {PIECE}"))));
    }
    let Some(offset) = number(headers, &OFFSET) else {
        return Err(Box::new(refusal(StatusCode::BAD_REQUEST, "Upload-Offset is a number of bytes")));
    };
    let Ok(permit) = service.uploads.clone().try_acquire_owned() else {
        return Err(Box::new(refusal(StatusCode::SERVICE_UNAVAILABLE, "too many uploads are in flight")));
    };
    let pause = service.limits.upload_pause_max;
    let pieces = futures::stream::unfold(body.into_data_stream(), move |mut pieces| async move {
        match tokio::time::timeout(pause, pieces.next()).await {
            Ok(Some(piece)) => Some((piece.map_err(std::io::Error::other), pieces)),
            Ok(None) => None,
            Err(paused) => Some((Err(std::io::Error::other(paused)), pieces)),
        }
    });
    // A sender who goes away must not stop this between a write and its account.
    let (blobs, id) = (service.blobs.clone(), id.to_owned());
    let append = async move {
        let _permit = permit;
        blobs.append(&id, offset, std::pin::pin!(pieces)).await
    };
    Ok(crate::joined(tokio::spawn(append).await))
}

/// Whether a request is in the version of the protocol spoken here.
fn speaks(headers: &HeaderMap) -> Result<(), Box<Response>> {
    if headers.get(RESUMABLE).is_some_and(|version| version == PROTOCOL) {
        return Ok(());
    }
    let version = [(HeaderName::from_static("tus-version"), PROTOCOL)];
    let refused = refusal(StatusCode::PRECONDITION_FAILED, format!("Tus-Resumable: spoken is {PROTOCOL}"));
    Err(Box::new((version, refused).into_response()))
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    let text = headers.get(name)?.to_str().ok()?;
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn told(standing: &Standing) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name, value: String| {
        let value = HeaderValue::from_str(&value).expect("numbers, dates and names are header text");
        headers.insert(name, value);
    };
    set(OFFSET, standing.at.to_string());
    set(LENGTH, standing.length.to_string());
    match standing.done {
        Some(key) => set(CID, key.to_string()),
        None => set(EXPIRES, httpdate::fmt_http_date(standing.expires)),
    }
    headers
}

fn refused(stopped: &Stopped) -> Response {
    let status = match stopped {
        Stopped::Unknown => StatusCode::NOT_FOUND,
        Stopped::Offset { .. } => StatusCode::CONFLICT,
        Stopped::Locked => StatusCode::LOCKED,
        Stopped::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Stopped::TooMany => StatusCode::SERVICE_UNAVAILABLE,
        Stopped::Add(error) => {
            let (status, message) = unadded(error);
            return refusal(status, message);
        }
    };
    refusal(status, stopped.to_string())
}
