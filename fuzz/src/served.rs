//! Requests to servers, over real HTTP.

use std::net::SocketAddr;

use metacloud_blobs::{Blobs, Limits, Settings, router};
use metacloud_devchain::{Config, Devchain};
use reqwest::{Client, StatusCode};
use tokio::runtime::Runtime;

/// Delimiter of the bodies below.
const BOUNDARY: &str = "x";

/// A server in this thread.
struct Server<T> {
    runtime: Runtime,
    client: Client,
    url: String,
    _held: T,
}

impl<T> Server<T> {
    fn start(start: impl AsyncFnOnce() -> (SocketAddr, T)) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (address, held) = runtime.block_on(start());
        Self { runtime, client: Client::new(), url: format!("http://{address}"), _held: held }
    }

    fn post(&self, path: &str, content_type: &str, body: &[u8]) -> (StatusCode, Vec<u8>) {
        let request = self.client.post(format!("{}{path}", self.url)).header("content-type", content_type);
        let request = request.body(body.to_vec());
        self.runtime.block_on(async {
            let answer = request.send().await.expect("an answer");
            (answer.status(), answer.bytes().await.expect("a whole answer").to_vec())
        })
    }
}

/// JSON-RPC: always 200 and JSON, or 400 and above but never a fault of the server.
pub(crate) fn rpc_request(bytes: &[u8]) {
    thread_local!(static CHAIN: Server<Devchain> = Server::start(async || {
        let chain = metacloud_devchain::start(Config::in_memory(31337)).await.expect("a chain");
        (chain.local_addr(), chain)
    }));
    let (status, answer) = CHAIN.with(|chain| chain.post("/", "application/json", bytes));
    assert!(!status.is_server_error(), "{status}");
    if status == StatusCode::OK && !answer.is_empty() {
        serde_json::from_slice::<serde_json::Value>(&answer).expect("JSON");
    }
}

thread_local!(static STORAGE: Server<tempfile::TempDir> = Server::start(async || {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let blobs = Blobs::open_with(folder.path(), Settings::default()).expect("a new store");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, router(blobs, Limits::default())).await });
    (address, folder)
}));

/// An upload.
pub(crate) fn multipart(bytes: &[u8]) {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let (status, _) = STORAGE.with(|storage| storage.post("/api/v0/add", &content_type, bytes));
    assert!(!status.is_server_error(), "{status}");
}

/// A node of a file or directory, put and, if taken, looked into.
pub(crate) fn node(bytes: &[u8]) {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let head =
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"data\"; filename=\"x\"\r\n\r\n");
    let form = [head.as_bytes(), bytes, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat();
    STORAGE.with(|storage| {
        let (status, answer) = storage.post("/api/v0/block/put?cid-codec=dag-pb", &content_type, &form);
        assert!(!status.is_server_error(), "{status}");
        if status == StatusCode::OK {
            let answer: serde_json::Value = serde_json::from_slice(&answer).expect("JSON");
            let name = answer["Key"].as_str().expect("a name");
            // What it links to is not here: an error with a name, and never a panic.
            storage.post(&format!("/api/v0/ls?arg={name}"), "text/plain", b"");
        }
    });
}
