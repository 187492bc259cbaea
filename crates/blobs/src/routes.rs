//! The part of kubo's HTTP API and of an IPFS gateway that clients use (http-surface 8).

mod add;
mod described;
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
use metacloud_routes::{Description, Routes};
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
    table()
        .into_router()
        .layer(cors)
        .merge(tus::table().into_router().layer(axum::middleware::map_response(tus::open_to_all)))
        .layer(DefaultBodyLimit::disable())
        .with_state(Service { blobs, limits, uploads })
}

/// What these routes take and answer.
pub fn description() -> Description {
    let mut all = table().into_description();
    all.merge(tus::table().into_description());
    all
}

fn table() -> Routes<Service> {
    Routes::new(described::TAG, refusal)
        .post("/api/v0/add", add::add, described::add())
        .post("/api/v0/cat", kubo::cat, described::cat())
        .post("/api/v0/ls", kubo::ls, described::ls())
        .post("/api/v0/block/get", kubo::block_get, described::block_get())
        .post("/api/v0/block/put", kubo::block_put, described::block_put())
        .post("/api/v0/block/stat", kubo::block_stat, described::block_stat())
        .post("/api/v0/dag/export", kubo::dag_export, described::dag_export())
        .post("/api/v0/files/stat", kubo::files_stat, described::files_stat())
        .post("/api/v0/pin/add", kubo::pin_add, described::pin_add())
        .post("/api/v0/pin/ls", kubo::pin_ls, described::pin_ls())
        .post("/api/v0/pin/rm", kubo::pin_rm, described::pin_rm())
        .post("/api/v0/repo/stat", kubo::repo_stat, described::repo_stat())
        .post("/api/v0/version", kubo::version, described::version())
        .get("/ipfs/{*path}", gateway::get, described::gateway())
        .described(&Method::HEAD, "/ipfs/{*path}", described::gateway_head())
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
