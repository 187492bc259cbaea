//! Tells when the chain has a new head: by a WebSocket subscription where the
//! node offers one, else by polling while somebody waits.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tracing::{debug, info, warn};

use crate::block::Header;
use crate::endpoint;
use crate::rpc::Rpc;

const WS_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const WS_MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// A ping goes out after this silence; after as much again the connection counts as dead.
const WS_SILENCE_MAX: Duration = Duration::from_secs(20);
const RECONNECT_MIN: Duration = Duration::from_millis(50);
const RECONNECT_MAX: Duration = Duration::from_secs(5);
const POLL_MIN: Duration = Duration::from_millis(10);
const POLL_MAX: Duration = Duration::from_millis(250);
/// Between looks whether somebody waits, when nobody does.
const POLL_UNWATCHED: Duration = Duration::from_millis(100);

/// The newest header seen, shared by all who wait for blocks. Stops when dropped.
#[derive(Debug)]
pub(crate) struct Heads {
    receiver: watch::Receiver<Option<Header>>,
    task: JoinHandle<()>,
}

impl Heads {
    /// Starts the watching task.
    pub(crate) fn start(rpc: Rpc) -> Self {
        let (sender, receiver) = watch::channel(None);
        let task = tokio::spawn(async move { watch_heads(&rpc, &sender).await });
        Self { receiver, task }
    }

    /// A receiver of the newest header; it may skip headers, never goes silent for good.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<Header>> {
        self.receiver.clone()
    }
}

impl Drop for Heads {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How a subscription ended.
enum Ended {
    /// The node offers no WebSocket or no `newHeads`.
    Unsupported(String),
    /// It had worked or may work later.
    Lost(String),
}

async fn watch_heads(rpc: &Rpc, sender: &watch::Sender<Option<Header>>) {
    let mut pause = RECONNECT_MIN;
    let mut lost = false;
    loop {
        let started = Instant::now();
        match subscribe(rpc, sender).await {
            Ended::Unsupported(reason) => {
                info!(url = rpc.shown(), reason, "no subscription to new heads, polling");
                return poll(rpc, sender).await;
            }
            Ended::Lost(reason) if lost => debug!(url = rpc.shown(), reason, "still no new heads"),
            Ended::Lost(reason) => warn!(url = rpc.shown(), reason, "lost the stream of new heads"),
        }
        lost = started.elapsed() < RECONNECT_MAX;
        pause = if lost { (pause * 2).min(RECONNECT_MAX) } else { RECONNECT_MIN };
        sleep(pause).await;
    }
}

async fn subscribe(rpc: &Rpc, sender: &watch::Sender<Option<Header>>) -> Ended {
    let url = rpc.endpoint().ws.clone();
    let config = WebSocketConfig::default().max_message_size(Some(WS_MESSAGE_BYTES_MAX));
    let connecting = tokio_tungstenite::connect_async_with_config(url.as_str(), Some(config), true);
    let mut socket = match timeout(WS_CONNECT_TIMEOUT, connecting).await {
        Err(_) => return Ended::Lost(format!("no WebSocket at {} in time", endpoint::shown(&url))),
        Ok(Err(WsError::Http(answer))) if answer.status().is_server_error() => {
            return Ended::Lost(format!("HTTP {}", answer.status()));
        }
        Ok(Err(WsError::Http(answer))) => {
            return Ended::Unsupported(format!("HTTP {}", answer.status()));
        }
        Ok(Err(WsError::Io(error))) => return Ended::Lost(error.to_string()),
        Ok(Err(error)) => return Ended::Unsupported(error.to_string()),
        Ok(Ok((socket, _))) => socket,
    };
    let ask = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]});
    if let Err(error) = socket.send(Message::text(ask.to_string())).await {
        return Ended::Lost(error.to_string());
    }
    let mut pinged = false;
    loop {
        let message = match timeout(WS_SILENCE_MAX, socket.next()).await {
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(error))) => return Ended::Lost(error.to_string()),
            Ok(None) => return Ended::Lost("closed by the node".to_owned()),
            Err(_) if pinged => return Ended::Lost("no answer to a ping".to_owned()),
            Err(_) => {
                pinged = true;
                if let Err(error) = socket.send(Message::Ping(Vec::new().into())).await {
                    return Ended::Lost(error.to_string());
                }
                continue;
            }
        };
        pinged = false;
        let Message::Text(text) = message else { continue };
        match read(&text) {
            Said::Head(header) => publish(sender, header),
            Said::Subscribed => announce(rpc, sender).await,
            Said::Refused(reason) => return Ended::Unsupported(reason),
            Said::Other => {}
        }
    }
}

/// What a text message of the subscription says.
enum Said {
    Head(Header),
    Subscribed,
    Refused(String),
    Other,
}

#[derive(Deserialize)]
struct MessageJson {
    id: Option<Value>,
    error: Option<Value>,
    params: Option<NotificationJson>,
}

#[derive(Deserialize)]
struct NotificationJson {
    result: Value,
}

fn read(text: &str) -> Said {
    let Ok(message) = serde_json::from_str::<MessageJson>(text) else { return Said::Other };
    if let Some(error) = message.error {
        return Said::Refused(error.to_string());
    }
    if message.id.is_some() {
        return Said::Subscribed;
    }
    match message.params.map(|params| serde_json::from_value(params.result)) {
        Some(Ok(header)) => Said::Head(header),
        Some(Err(_)) | None => Said::Other,
    }
}

/// Publishes the present head once, so that what was mined while nobody listened is seen.
async fn announce(rpc: &Rpc, sender: &watch::Sender<Option<Header>>) {
    match latest(rpc).await {
        Ok(header) => publish(sender, header),
        Err(error) => debug!(%error, "no head yet"),
    }
}

fn publish(sender: &watch::Sender<Option<Header>>, header: Header) {
    sender.send_if_modified(|current| {
        let is_new = current.as_ref().is_none_or(|known| known.block.hash != header.block.hash);
        if is_new {
            *current = Some(header);
        }
        is_new
    });
}

async fn poll(rpc: &Rpc, sender: &watch::Sender<Option<Header>>) {
    let mut pause = POLL_MIN;
    let mut known = None;
    loop {
        // One receiver is the chain's own; more mean that somebody waits.
        if sender.receiver_count() <= 1 {
            sleep(POLL_UNWATCHED).await;
            pause = POLL_MIN;
            continue;
        }
        match latest(rpc).await {
            Ok(header) if known == Some(header.block.hash) => pause = (pause * 2).min(POLL_MAX),
            Ok(header) => {
                known = Some(header.block.hash);
                pause = POLL_MIN;
                publish(sender, header);
            }
            Err(error) => {
                debug!(%error, "no head");
                pause = POLL_MAX;
            }
        }
        sleep(pause).await;
    }
}

/// Asks for the newest header.
pub(crate) async fn latest(rpc: &Rpc) -> Result<Header, crate::error::RpcError> {
    rpc.request("eth_getBlockByNumber", json!(["latest", false])).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rubbish_on_the_stream_is_ignored() {
        for text in ["", "[]", "{}", "null", r#"{"params":{"result":"0x1"}}"#] {
            assert!(matches!(read(text), Said::Other), "{text}");
        }
    }

    #[test]
    fn a_refused_subscription_is_known_as_such() {
        let text = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}"#;
        assert!(matches!(read(text), Said::Refused(_)));
        assert!(matches!(read(r#"{"id":1,"result":"0xabc"}"#), Said::Subscribed));
    }
}
