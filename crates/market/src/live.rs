//! Orders and deals told as they happen, over Socket.IO (http-surface 4.1).
//!
//! The keeper says what is news once it is kept; one task here passes it on. Nobody's slowness holds the market up: a
//! client that does not read is let go, and one too many is refused.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use metacloud_protocol::{OrderHash, OrderKind};
use metacloud_wire::live::{DEAL_CREATED, JOIN, Join, Joined, PATH, Topic};
use metacloud_wire::market::{DealRecord, ErrorBody};
use metacloud_wire::orders::{AppOrderBody, DatasetOrderBody, RequestOrderBody, WorkerpoolOrderBody};
use serde_json::Value;
use socketioxide::extract::{AckSender, SocketRef, TryData};
use socketioxide::handler::ConnectHandler as _;
use socketioxide::{SendError, SocketError, SocketIo};
use tokio::sync::broadcast;

use crate::kind::{self, Kind};
use crate::records::Row;

/// News waiting to be passed on.
pub(crate) const NEWS_MAX: usize = 4_096;
/// Clients at a time.
const CLIENTS_MAX: usize = 1_024;
/// Events that wait for one client; with more, it is let go.
const WAITING_MAX: usize = 256;
/// How long a client that has begun may take until it is one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest message of a client, bytes. `join` is far below.
const MESSAGE_BYTES_MAX: usize = 4_096;
/// Bytes of events in one answer to a client that polls, and of what it sends at once.
const POLL_BYTES_MAX: u64 = 100_000;

/// What clients are told. All of it is kept already.
#[derive(Clone, Debug)]
pub(crate) enum News {
    Published(Row),
    Updated(Row),
    Unpublished(OrderKind, OrderHash),
    Deal(Box<DealRecord>),
}

/// Who has begun to be a client.
#[derive(Debug, Default)]
struct Door {
    begun: Mutex<VecDeque<Instant>>,
}

impl Door {
    /// Whether one more may begin. Who begins counts until it must have become a client, or been dropped.
    fn admits(&self, connected: usize, now: Instant) -> bool {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        while begun.front().is_some_and(|then| now.saturating_duration_since(*then) > CONNECT_TIMEOUT) {
            begun.pop_front();
        }
        let admits = connected + begun.len() < CLIENTS_MAX;
        if admits {
            begun.push_back(now);
        }
        admits
    }
}

/// The endpoint and its clients.
pub(crate) struct Live {
    io: SocketIo,
    routes: Router,
    chain_id: u64,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("chain_id", &self.chain_id).finish_non_exhaustive()
    }
}

impl Live {
    pub(crate) fn new(chain_id: u64) -> Self {
        let (service, io) = SocketIo::builder()
            .req_path(PATH)
            .connect_timeout(CONNECT_TIMEOUT)
            .max_buffer_size(WAITING_MAX)
            .max_payload(POLL_BYTES_MAX)
            .ws_max_message_size(MESSAGE_BYTES_MAX)
            .ws_max_frame_size(MESSAGE_BYTES_MAX)
            .build_svc();
        // Before a client is told that it is one: it may ask at once.
        let listen = async move |socket: SocketRef| {
            socket.on(JOIN, async move |socket: SocketRef, TryData(said): TryData<Join>, ack: AckSender| {
                let answer = join(&socket, said.ok(), chain_id);
                // Whoever asked for no answer gets none; whoever went away needs none.
                drop(ack.send(&answer));
            });
            Ok::<(), Infallible>(())
        };
        io.ns("/", connected.with(listen));
        let door = (Arc::new(Door::default()), io.clone());
        let routes = Router::new()
            .route_service(PATH, service.clone())
            .route_service(&format!("{PATH}/"), service)
            .layer(from_fn_with_state(door, admit));
        Self { io, routes, chain_id }
    }

    pub(crate) fn routes(&self) -> Router {
        self.routes.clone()
    }

    /// Passes news on until dropped.
    pub(crate) async fn run(&self, mut news: broadcast::Receiver<News>) {
        let mut slow = Vec::new();
        loop {
            match news.recv().await {
                Ok(news) => self.tell(&news, &mut slow),
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    // They come again and read the book anew, rather than miss something without a word.
                    tracing::warn!(
                        missed,
                        "news came faster than they could be passed on; clients are let go"
                    );
                    let clients = self.io.sockets();
                    slow.extend(clients.into_iter().filter_map(let_go));
                }
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }

    /// Ends all connections.
    pub(crate) async fn close(&self) {
        self.io.close().await;
    }

    fn tell(&self, news: &News, slow: &mut Vec<SocketRef>) {
        *slow = std::mem::take(slow).into_iter().filter_map(let_go).collect();
        let topic = match news {
            News::Published(_) | News::Updated(_) | News::Unpublished(..) => Topic::Orders,
            News::Deal(_) => Topic::Deals,
        };
        let clients = self.io.within(topic.name()).sockets();
        if clients.is_empty() {
            return;
        }
        let (event, body) = match news {
            News::Published(row) => (format!("{}_published", kind::name(row.kind)), self.order(row)),
            News::Updated(row) => (format!("{}_updated", kind::name(row.kind)), self.order(row)),
            News::Unpublished(kind, hash) => {
                (format!("{}_unpublished", kind::name(*kind)), Value::String(hash.to_string()))
            }
            News::Deal(deal) => (DEAL_CREATED.to_owned(), value(deal)),
        };
        for client in clients {
            if let Err(SendError::Socket(SocketError::InternalChannelFull)) = client.emit(&event, &body) {
                slow.extend(let_go(client));
            }
        }
    }

    fn order(&self, row: &Row) -> Value {
        fn shown<K: Kind>(row: &Row, chain_id: u64) -> Value {
            kind::record_of::<K>(row, chain_id, true).as_ref().map_or(Value::Null, value)
        }
        match row.kind {
            OrderKind::App => shown::<AppOrderBody>(row, self.chain_id),
            OrderKind::Dataset => shown::<DatasetOrderBody>(row, self.chain_id),
            OrderKind::Workerpool => shown::<WorkerpoolOrderBody>(row, self.chain_id),
            OrderKind::Request => shown::<RequestOrderBody>(row, self.chain_id),
        }
    }
}

fn value(body: &impl serde::Serialize) -> Value {
    serde_json::to_value(body).expect("numbers and strings always serialise")
}

/// Ends a connection that fell behind; it gets nothing more. Answers it if it cannot even be told so yet.
fn let_go(client: SocketRef) -> Option<SocketRef> {
    client.leave_all();
    match client.clone().disconnect() {
        Err(SocketError::InternalChannelFull) => Some(client),
        Ok(()) | Err(_) => None,
    }
}

fn join(client: &SocketRef, said: Option<Join>, chain_id: u64) -> Joined {
    let refused = |error: &str| Joined { ok: false, error: Some(error.to_owned()) };
    match said {
        Some(Join { chain_id: wanted, topic }) if wanted.is(chain_id) => {
            client.join(topic.name());
            Joined { ok: true, error: None }
        }
        Some(_) => refused("this chainId is not supported"),
        None => refused("join needs a chainId and a topic, orders or deals"),
    }
}

/// A client is told so; all else was said before.
async fn connected(_client: SocketRef) {}

/// Refuses a client too many. Requests of those who have begun name a session.
async fn admit(State((door, io)): State<(Arc<Door>, SocketIo)>, request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let begins = !query.split('&').any(|pair| pair.starts_with("sid="));
    if begins && !door.admits(io.sockets().len(), Instant::now()) {
        let full = ErrorBody::new("too many clients follow this market");
        return (StatusCode::SERVICE_UNAVAILABLE, axum::Json(full)).into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_begins_counts_until_it_is_a_client_or_dropped() {
        let (door, now) = (Door::default(), Instant::now());
        let admits = |now| door.admits(CLIENTS_MAX - 2, now);
        assert!(admits(now) && admits(now));
        assert!(!admits(now + CONNECT_TIMEOUT));
        let later = now + CONNECT_TIMEOUT + Duration::from_millis(1);
        assert!(admits(later) && admits(later) && !admits(later));
        assert!(!door.admits(CLIENTS_MAX, later + 2 * CONNECT_TIMEOUT));
    }
}
