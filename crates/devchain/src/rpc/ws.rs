//! One WebSocket connection: calls, and subscriptions that follow the chain by a cursor, so that a slow reader costs no memory
//! and misses nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alloy::rpc::types::Filter;
use alloy_primitives::U128;
use axum::extract::ws::{Message, WebSocket};
use futures::stream::{FuturesUnordered, SplitSink};
use futures::{FutureExt as _, SinkExt as _, StreamExt as _, future::BoxFuture};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tracing::debug;

use crate::chain::Chain;
use crate::error::RpcError;
use crate::rpc::dispatch::{Node, single};
use crate::rpc::filters::{self, Cursor, Step, changed_logs, step};
use crate::rpc::http::stopped;
use crate::rpc::jsonrpc::{Answer, Body, json, parse};
use crate::rpc::params::Params;
use crate::rpc::present;

/// Subscriptions of one connection.
const SUBSCRIPTIONS_MAX: usize = 128;
/// Calls of one connection that are not answered yet; past it, the connection is not read.
const CALLS_OPEN_MAX: usize = 64;
/// How long a client may refuse to take a message before the connection is closed.
const SEND_PATIENCE: Duration = Duration::from_secs(30);

type Sink = SplitSink<WebSocket, Message>;

#[derive(Debug)]
enum Followed {
    Heads(Cursor),
    Logs(Cursor, Box<Filter>),
    Transactions {
        next: u64,
        whole: bool,
    },
    /// Nothing ever happens: this node is never syncing.
    Syncing,
}

#[derive(Default)]
struct Subscriptions {
    followed: BTreeMap<u64, Followed>,
    count: u64,
}

/// Serves a connection until either side ends it.
pub(crate) async fn run(socket: WebSocket, node: Arc<Node>, stop: watch::Receiver<bool>) {
    let (mut sink, mut stream) = socket.split();
    let mut signal = node.signal.clone();
    signal.mark_unchanged();
    let mut subscriptions = Subscriptions::default();
    let mut open: FuturesUnordered<BoxFuture<'static, Option<Vec<u8>>>> = FuturesUnordered::new();
    let stop = stopped(stop);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            message = stream.next(), if open.len() < CALLS_OPEN_MAX => {
                let body = match message {
                    Some(Ok(Message::Text(text))) => axum::body::Bytes::from(text),
                    Some(Ok(Message::Binary(body))) => body,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                };
                match receive(&node, &mut subscriptions, body) {
                    Received::Answer(answer) => {
                        if !send(&mut sink, answer).await {
                            break;
                        }
                    }
                    Received::Open(call) => open.push(call),
                    Received::Nothing => {}
                }
            }
            Some(answer) = open.next(), if !open.is_empty() => {
                if let Some(answer) = answer && !send(&mut sink, answer).await {
                    break;
                }
            }
            changed = signal.changed() => {
                if changed.is_err() || !notify(&node, &mut subscriptions, &mut sink).await {
                    break;
                }
            }
            () = &mut stop => break,
        }
    }
    let _ = tokio::time::timeout(SEND_PATIENCE, sink.close()).await;
}

enum Received {
    Answer(Vec<u8>),
    Open(BoxFuture<'static, Option<Vec<u8>>>),
    Nothing,
}

/// Begins the calls of a message, in the order of messages, and leaves their end to the caller.
fn receive(node: &Arc<Node>, subscriptions: &mut Subscriptions, body: axum::body::Bytes) -> Received {
    let call = match parse(&body) {
        Ok(Body::Single(Ok(call))) => call,
        Ok(Body::Single(Err(_)) | Body::Batch(_)) | Err(_) => {
            let node = Arc::clone(node);
            return Received::Open(async move { node.answer(&body).await }.boxed());
        }
    };
    let subscribed = match &*call.method {
        "eth_subscribe" => subscriptions.subscribe(&node.chain(), call.params),
        "eth_unsubscribe" => subscriptions.unsubscribe(call.params),
        _ => {
            let begun = node.begin(&call);
            let id: Option<Box<RawValue>> = call.id.map(ToOwned::to_owned);
            let node = Arc::clone(node);
            return Received::Open(
                async move {
                    let answer = node.finish(begun).await;
                    id.map(|id| single(Some(&id), &answer))
                }
                .boxed(),
            );
        }
    };
    match call.id {
        Some(id) => Received::Answer(single(Some(id), &subscribed)),
        None => Received::Nothing,
    }
}

impl Subscriptions {
    fn subscribe(&mut self, chain: &Chain, params: Option<&RawValue>) -> Answer {
        let params = Params::parse(params)?;
        let kind: String = params.required(0)?;
        let cursor = Cursor::at(chain.head());
        let followed = match kind.as_str() {
            "newHeads" => Followed::Heads(cursor),
            "logs" => {
                let filter: Filter = params.optional(1)?.unwrap_or_default();
                filters::check(&filter)?;
                Followed::Logs(cursor, Box::new(filter))
            }
            "newPendingTransactions" => Followed::Transactions {
                next: chain.next_announcement(),
                whole: params.optional(1)?.unwrap_or(false),
            },
            "syncing" => Followed::Syncing,
            other => {
                let shown: String = other.chars().take(64).collect();
                return Err(RpcError::method_not_found(&format!("eth_subscribe {shown}")));
            }
        };
        if self.followed.len() >= SUBSCRIPTIONS_MAX {
            return Err(RpcError::limit(format!(
                "{SUBSCRIPTIONS_MAX} subscriptions are open on this connection; end one first"
            )));
        }
        self.count += 1;
        self.followed.insert(self.count, followed);
        json(&name(self.count))
    }

    fn unsubscribe(&mut self, params: Option<&RawValue>) -> Answer {
        let id: U128 = Params::parse(params)?.required(0)?;
        let known = u64::try_from(id).is_ok_and(|id| self.followed.remove(&id).is_some());
        if known { json(&true) } else { Err(RpcError::refused("subscription not found")) }
    }
}

/// A subscription's name on the wire.
fn name(id: u64) -> U128 {
    U128::from(id)
}

/// Sends what happened; `false` ends the connection.
async fn notify(node: &Arc<Node>, subscriptions: &mut Subscriptions, sink: &mut Sink) -> bool {
    for (id, followed) in &mut subscriptions.followed {
        loop {
            let news = news(&node.chain(), *id, followed);
            let Some((messages, caught_up)) = news else {
                debug!("subscriber fell behind what the node remembers");
                return false;
            };
            for message in messages {
                if !send(sink, message).await {
                    return false;
                }
            }
            if caught_up {
                break;
            }
        }
    }
    true
}

/// The next notifications, and whether there are no more; `None`: the subscriber's place is forgotten.
fn news(chain: &Chain, id: u64, followed: &mut Followed) -> Option<(Vec<Vec<u8>>, bool)> {
    match followed {
        Followed::Syncing => Some((Vec::new(), true)),
        Followed::Transactions { next, whole } => {
            let hashes: Vec<_> = chain.announcements(*next).collect();
            *next = chain.next_announcement();
            let messages = hashes
                .into_iter()
                .filter_map(|hash| {
                    if !*whole {
                        return notification(id, &hash);
                    }
                    match (chain.mined(&hash), chain.pool.get(&hash)) {
                        (Some((_, _, mined)), _) => {
                            notification(id, &present::waiting_transaction(&mined.transaction))
                        }
                        (None, Some(waiting)) => notification(id, &present::waiting_transaction(waiting)),
                        (None, None) => None,
                    }
                })
                .collect();
            Some((messages, true))
        }
        Followed::Heads(cursor) => {
            let Step { added, .. } = step(chain, cursor)?;
            let messages =
                added.iter().filter_map(|block| notification(id, &present::header(block))).collect();
            Some((messages, *cursor == Cursor::at(chain.head())))
        }
        Followed::Logs(cursor, filter) => {
            let Step { undone, added } = step(chain, cursor)?;
            let messages = changed_logs(filter, &undone, &added)
                .iter()
                .filter_map(|log| notification(id, log))
                .collect();
            Some((messages, *cursor == Cursor::at(chain.head())))
        }
    }
}

fn notification(id: u64, result: &impl Serialize) -> Option<Vec<u8>> {
    #[derive(Serialize)]
    struct Form<'a, T> {
        jsonrpc: &'static str,
        method: &'static str,
        params: FormParams<'a, T>,
    }
    #[derive(Serialize)]
    struct FormParams<'a, T> {
        subscription: U128,
        result: &'a T,
    }
    serde_json::to_vec(&Form {
        jsonrpc: "2.0",
        method: "eth_subscription",
        params: FormParams { subscription: name(id), result },
    })
    .ok()
}

async fn send(sink: &mut Sink, message: Vec<u8>) -> bool {
    let Ok(text) = String::from_utf8(message) else {
        return false;
    };
    let sent = tokio::time::timeout(SEND_PATIENCE, sink.send(Message::Text(text.into()))).await;
    matches!(sent, Ok(Ok(())))
}
