//! One port: HTTP POST, CORS for browsers, and the upgrade to WebSocket.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State, WebSocketUpgrade};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use metacloud_routes::{Routes, Site};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::cors::{Any, CorsLayer};
use tracing::warn;

use crate::rpc::described;
use crate::rpc::dispatch::Node;
use crate::rpc::jsonrpc::BODY_BYTES_MAX;
use crate::rpc::ws;

/// Connections at once, HTTP and WebSocket together; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 1_024;
/// WebSocket connections at once; further ones get status 503.
const WEBSOCKETS_MAX: usize = 256;
/// How long a browser may remember the answer to a preflight request.
const PREFLIGHT_AGE: Duration = Duration::from_secs(86_400);
/// Pause after a failure to accept, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[derive(Clone)]
struct Shared {
    node: Arc<Node>,
    websockets: Arc<Semaphore>,
    stop: tokio::sync::watch::Receiver<bool>,
}

/// Serves until `stop` turns true.
///
/// # Errors
/// The listener's own.
pub(crate) async fn serve(
    listener: TcpListener,
    node: Arc<Node>,
    stop: tokio::sync::watch::Receiver<bool>,
) -> io::Result<()> {
    let shared = Shared { node, websockets: Arc::new(Semaphore::new(WEBSOCKETS_MAX)), stop: stop.clone() };
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::OPTIONS])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, ACCEPT])
        .max_age(PREFLIGHT_AGE);
    let router = table()
        .into_router()
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(cors)
        .with_state(shared)
        .merge(site().router());
    let listener = Bounded { listener, permits: Arc::new(Semaphore::new(CONNECTIONS_MAX)) };
    axum::serve(listener, router).with_graceful_shutdown(stopped(stop)).await
}

fn table() -> Routes<Shared> {
    Routes::new(described::TAG, |status, words| (status, words).into_response())
        .get("/", upgrade, described::upgrade())
        .post("/", post, described::call())
}

/// What a chain tells of its origin.
#[must_use]
pub fn site() -> Site {
    let about = "The JSON-RPC of a metacloud development chain: that of Ethereum nodes, on one route.";
    Site::new("metacloud chain", about, env!("CARGO_PKG_VERSION"), [table().into_description()])
}

/// Ends when `stop` turns true or its sender goes.
pub(crate) async fn stopped(mut stop: tokio::sync::watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn post(State(shared): State<Shared>, body: Bytes) -> Response {
    match shared.node.answer(&body).await {
        Some(answer) => {
            ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], answer).into_response()
        }
        None => StatusCode::OK.into_response(),
    }
}

async fn upgrade(
    State(shared): State<Shared>,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        return (
            StatusCode::OK,
            "JSON-RPC of a metacloud development chain: POST requests here, or open a WebSocket.\n",
        )
            .into_response();
    };
    let Ok(permit) = shared.websockets.try_acquire_owned() else {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{WEBSOCKETS_MAX} WebSocket connections are open; close one first\n"),
        )
            .into_response();
    };
    upgrade.max_message_size(BODY_BYTES_MAX).max_frame_size(BODY_BYTES_MAX).on_upgrade(
        move |socket| async move {
            ws::run(socket, shared.node, shared.stop).await;
            drop(permit);
        },
    )
}

/// A listener that holds back connections past a bound.
struct Bounded {
    listener: TcpListener,
    permits: Arc<Semaphore>,
}

impl Listener for Bounded {
    type Io = Counted;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    // Answers are small and awaited: a delay to fill packets would only cost time.
                    let _ = stream.set_nodelay(true);
                    return (Counted { stream, _permit: permit }, address);
                }
                Err(error) => {
                    warn!(%error, "connection not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection that counts towards the bound.
struct Counted {
    stream: TcpStream,
    _permit: OwnedSemaphorePermit,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
