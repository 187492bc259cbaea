//! Hears refused requests out: many clients do not see an answer that comes before they have sent everything.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use futures::Stream as _;
use futures::future::poll_fn;

/// Bytes of a refused body that are still read, and dropped.
const DROPPED_BYTES_MAX: usize = 16 << 20;
/// How long that may take.
const DROPPED_WITHIN: Duration = Duration::from_secs(5);

/// A body that the handler reads, and this layer after it.
#[derive(Clone)]
struct Shared(Arc<Mutex<BodyDataStream>>);

impl Shared {
    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, axum::Error>>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::pin::Pin::new(&mut *body).poll_next(context)
    }

    async fn next(&self) -> Option<Result<Bytes, axum::Error>> {
        poll_fn(|context| self.poll(context)).await
    }
}

/// The layer around all routes.
pub(crate) async fn hear_out(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let shared = Shared(Arc::new(Mutex::new(body.into_data_stream())));
    let read = shared.clone();
    let body = Body::from_stream(futures::stream::poll_fn(move |context| read.poll(context)));
    let response = next.run(Request::from_parts(parts, body)).await;
    if response.status().is_client_error() || response.status().is_server_error() {
        let drop_rest = async {
            let mut dropped_bytes = 0;
            while let Some(Ok(piece)) = shared.next().await {
                dropped_bytes += piece.len();
                if dropped_bytes > DROPPED_BYTES_MAX {
                    break;
                }
            }
        };
        // Whoever sends more, or slowly, sees its connection closed.
        let _ = tokio::time::timeout(DROPPED_WITHIN, drop_rest).await;
    }
    response
}
