//! The part of kubo's HTTP API and of an IPFS gateway that clients use (http-surface 8).

mod add;
mod gateway;
mod kubo;
mod listing;
mod options;
mod paths;
mod ranges;
mod tus;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use tokio::sync::Semaphore;
use tower_http::cors::{Any, CorsLayer};

use crate::{Add, Blobs, Read};

/// What one request may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one request body. One file is further bounded by [`crate::Settings::blob_bytes_max`].
    pub upload_bytes_max: u64,
    /// Uploads in flight; further ones are answered 503.
    pub uploads_at_once_max: usize,
    /// How long a sender may pause within an upload.
    pub upload_pause_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { upload_bytes_max: 4 << 30, uploads_at_once_max: 64, upload_pause_max: Duration::from_secs(60) }
    }
}

#[derive(Clone)]
struct Service {
    blobs: Blobs,
    limits: Limits,
    uploads: Arc<Semaphore>,
}

/// Routes: of kubo's API `POST /api/v0/` `add`, `cat`, `ls`, `block/get|put|stat`, `dag/export`, `files/stat`,
/// `pin/add|ls|rm`, `repo/stat`, `version`; of a gateway `GET` and `HEAD /ipfs/{cid}[/path]`; for resumable uploads
/// `/files` (tus 1.0.0). They answer browsers of any origin.
pub fn router(blobs: Blobs, limits: Limits) -> Router {
    let uploads = Arc::new(Semaphore::new(limits.uploads_at_once_max));
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::OPTIONS])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::ACCEPT,
            header::RANGE,
            header::IF_NONE_MATCH,
            header::IF_RANGE,
        ])
        .expose_headers([header::CONTENT_RANGE, header::CONTENT_LENGTH, header::ETAG]);
    Router::new()
        .route("/api/v0/add", post(add::add))
        .route("/api/v0/cat", post(kubo::cat))
        .route("/api/v0/ls", post(kubo::ls))
        .route("/api/v0/block/get", post(kubo::block_get))
        .route("/api/v0/block/put", post(kubo::block_put))
        .route("/api/v0/block/stat", post(kubo::block_stat))
        .route("/api/v0/dag/export", post(kubo::dag_export))
        .route("/api/v0/files/stat", post(kubo::files_stat))
        .route("/api/v0/pin/add", post(kubo::pin_add))
        .route("/api/v0/pin/ls", post(kubo::pin_ls))
        .route("/api/v0/pin/rm", post(kubo::pin_rm))
        .route("/api/v0/repo/stat", post(kubo::repo_stat))
        .route("/api/v0/version", post(kubo::version))
        .route("/ipfs/{*path}", get(gateway::get))
        .layer(cors)
        .merge(tus::router())
        .layer(DefaultBodyLimit::disable())
        .with_state(Service { blobs, limits, uploads })
}

/// A refusal in kubo's form, which its clients show to people.
fn refusal(status: StatusCode, message: impl Into<String>) -> Response {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Refusal {
        message: String,
        code: u8,
        r#type: &'static str,
    }
    let body = axum::Json(Refusal { message: message.into(), code: 0, r#type: "error" });
    (status, body).into_response()
}

/// What a stranger is told of a failure to read; what happened on this machine is for the log.
fn unread(error: &Read) -> Response {
    let status = match error {
        Read::NotFound { .. } => StatusCode::NOT_FOUND,
        Read::Broken { .. } | Read::TooLarge { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        Read::Io { key, .. } => {
            tracing::error!(%error, "download failed");
            return refusal(StatusCode::INTERNAL_SERVER_ERROR, format!("{key} cannot be read now"));
        }
    };
    refusal(status, error.to_string())
}

/// What a stranger is told of a failure to add, and its status.
fn unadded(error: &Add) -> (StatusCode, String) {
    let (status, stranger) = match error {
        Add::TooLarge { .. } => return (StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
        Add::Quota { .. } => return (StatusCode::INSUFFICIENT_STORAGE, error.to_string()),
        Add::Source(_) => return (StatusCode::BAD_REQUEST, error.to_string()),
        Add::DiskFull { .. } => (StatusCode::INSUFFICIENT_STORAGE, "the disk of this node is full"),
        Add::Io { .. } | Add::Backend { .. } => {
            (StatusCode::INTERNAL_SERVER_ERROR, "this node cannot store files now")
        }
    };
    tracing::error!(%error, "upload failed");
    (status, stranger.to_owned())
}
