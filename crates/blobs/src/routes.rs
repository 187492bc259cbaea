//! The part of kubo's HTTP API and of an IPFS gateway that clients use (http-surface 8).

mod add;
mod gateway;

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

use crate::Blobs;

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

/// Routes: `POST /api/v0/add`, `/api/v0/cat`, `/api/v0/version`; `GET` and `HEAD /ipfs/{cid}`. They answer
/// browsers of any origin.
pub fn router(blobs: Blobs, limits: Limits) -> Router {
    let uploads = Arc::new(Semaphore::new(limits.uploads_at_once_max));
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::OPTIONS])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT, header::RANGE])
        .expose_headers([header::CONTENT_RANGE, header::CONTENT_LENGTH, header::ETAG]);
    Router::new()
        .route("/api/v0/add", post(add::add))
        .route("/api/v0/cat", post(gateway::cat))
        .route("/api/v0/version", post(version))
        .route("/ipfs/{cid}", get(gateway::file))
        .route("/ipfs/{cid}/{*path}", get(gateway::beneath))
        .layer(DefaultBodyLimit::disable())
        .layer(cors)
        .with_state(Service { blobs, limits, uploads })
}

/// Answers as kubo does; the version is ours.
async fn version() -> Response {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Version {
        version: &'static str,
        commit: &'static str,
        repo: &'static str,
        system: &'static str,
    }
    axum::Json(Version {
        version: concat!("metacloud-", env!("CARGO_PKG_VERSION")),
        commit: "",
        repo: "1",
        system: std::env::consts::ARCH,
    })
    .into_response()
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
