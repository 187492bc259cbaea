//! Resumable uploads over real HTTP: broken off, resumed, across restarts, and what strangers try with them.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;

use metacloud_blobs::tree::Tree;
use metacloud_blobs::{Blobs, Limits, Open, Settings, router};
use reqwest::{Client, Method, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

struct Node {
    url: String,
    http: Client,
    server: tokio::task::JoinHandle<()>,
    blobs: Blobs,
}

impl Node {
    async fn start(dir: &Path) -> Self {
        let settings = Settings { blob_bytes_max: 1 << 20, total_bytes_max: 2 << 20, ..Settings::default() };
        let blobs = loop {
            match Blobs::open_with(dir, settings) {
                Ok(blobs) => break blobs,
                // Connections of the server before may take a moment to end.
                Err(Open::InUse { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = router(blobs.clone(), Limits::default());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, http: Client::new(), server, blobs }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Response {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.url)).body(body);
        request = request.header("Tus-Resumable", "1.0.0");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    async fn create(&self, length: usize) -> String {
        let created = self.ask("POST", "/files", &[("Upload-Length", &length.to_string())], vec![]).await;
        assert_eq!(created.status(), 201);
        created.headers()["location"].to_str().unwrap().to_owned()
    }

    async fn patch(&self, path: &str, offset: usize, body: &[u8]) -> Response {
        let offset = offset.to_string();
        let headers =
            [("Upload-Offset", offset.as_str()), ("Content-Type", "application/offset+octet-stream")];
        self.ask("PATCH", path, &headers, body.to_vec()).await
    }

    async fn offset(&self, path: &str) -> Option<usize> {
        let head = self.ask("HEAD", path, &[], vec![]).await;
        head.status().is_success().then(|| head.headers()["upload-offset"].to_str().unwrap().parse().unwrap())
    }
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

#[tokio::test]
async fn an_upload_goes_on_after_a_broken_connection_and_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    let whole = content(600_000);
    let path = node.create(whole.len()).await;
    assert_eq!(node.patch(&path, 0, &whole[..100_000]).await.headers()["upload-offset"], "100000");

    // A piece that announces more than it sends: what came stays.
    let address = node.url.strip_prefix("http://").unwrap().to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: {address}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 100000\r\n\
         Content-Type: application/offset+octet-stream\r\nContent-Length: 500000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&whole[100_000..150_000]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 204"));
    let reached = node.offset(&path).await.unwrap();
    assert!((100_000..=150_000).contains(&reached), "{reached}");

    let Node { server, blobs, http, .. } = node;
    drop(http);
    server.abort();
    let _ = server.await;
    let used = blobs.used_bytes().0;
    drop(blobs);
    let node = Node::start(dir.path()).await;
    assert_eq!(node.blobs.used_bytes().0, used, "what is announced counts after a restart as well");
    assert_eq!(node.offset(&path).await, Some(reached));
    let done = node.patch(&path, reached, &whole[reached..]).await;
    assert_eq!(done.status(), 204);
    let cid = Tree::of(&whole).cid;
    assert_eq!(done.headers()["upload-cid"], cid.to_string().as_str());
    assert_eq!(node.ask("HEAD", &path, &[], vec![]).await.headers()["upload-cid"], cid.to_string().as_str());
    let served = node.http.get(format!("{}/ipfs/{cid}", node.url)).send().await.unwrap();
    assert_eq!(served.bytes().await.unwrap(), whole);
}

#[tokio::test]
async fn pieces_that_do_not_fit_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    let path = node.create(10).await;
    node.patch(&path, 0, b"01234").await;
    for (offset, body, status) in
        [(0, &b"01234"[..], 409), (6, b"6", 409), (5, b"567890", 413), (usize::MAX, b"", 409)]
    {
        assert_eq!(node.patch(&path, offset, body).await.status().as_u16(), status, "{offset}");
        assert_eq!(node.offset(&path).await, Some(5));
    }
    let wrong = node.ask("PATCH", &path, &[("Upload-Offset", "5"), ("Content-Type", "text/plain")], vec![]);
    assert_eq!(wrong.await.status(), 415);
    assert_eq!(node.patch("/files/0123", 0, b"x").await.status(), 404);
    assert_eq!(node.patch("/files/..%2f..%2flock", 0, b"x").await.status(), 404);
    assert_eq!(node.ask("GET", &path, &[], vec![]).await.status(), 405);
    let old =
        node.http.head(format!("{}{path}", node.url)).header("Tus-Resumable", "0.2.2").send().await.unwrap();
    assert_eq!((old.status().as_u16(), &old.headers()["tus-version"]), (412, &"1.0.0".parse().unwrap()));
    assert_eq!(node.patch(&path, 5, b"56789").await.status(), 204);
    assert_eq!(node.patch(&path, 10, b"").await.status(), 409, "it is whole");
}

#[tokio::test]
async fn announcements_are_bounded_and_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    for (length, status) in
        [("-1", 400), ("x", 400), ("99999999999999999999", 400), ("1048577", 413), ("+5", 400)]
    {
        let created = node.ask("POST", "/files", &[("Upload-Length", length)], vec![]).await;
        assert_eq!(created.status().as_u16(), status, "{length}");
    }
    assert_eq!(node.ask("POST", "/files", &[], vec![]).await.status(), 400);
    let (one, two) = (node.create(1 << 20).await, node.create(1 << 20).await);
    let full = node.ask("POST", "/files", &[("Upload-Length", "1")], vec![]).await;
    assert_eq!(full.status(), 507);
    for path in [one, two] {
        assert_eq!(node.ask("DELETE", &path, &[], vec![]).await.status(), 204);
        assert_eq!(node.offset(&path).await, None);
    }
    assert_eq!(node.blobs.used_bytes().0, 0);
    assert_eq!(std::fs::read_dir(dir.path().join("uploads")).unwrap().count(), 0);
    let empty = node.create(0).await;
    let head = node.ask("HEAD", &empty, &[], vec![]).await;
    assert_eq!(head.headers()["upload-cid"], Tree::of(b"").cid.to_string().as_str());
    let offer = node.ask("OPTIONS", "/files", &[], vec![]).await;
    assert_eq!(offer.headers()["tus-extension"], "creation,expiration,termination");
    assert_eq!(offer.headers()["tus-max-size"], "1048576");
    assert_eq!(offer.headers()["access-control-allow-origin"], "*");
}
