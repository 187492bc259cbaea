//! The routes and the client over real HTTP, and the directory across restarts.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use metacloud_blobs::{
    Add, BlobClient, Blobs, Cid, Fetch, Limits, Location, Open, Reach, Read, Settings, Upload, router,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const HELLO: &str = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o";
const EMPTY: &str = "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH";

struct Node {
    _dir: tempfile::TempDir,
    blobs: Blobs,
    address: SocketAddr,
    client: BlobClient,
}

impl Node {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn serve(app: axum::Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

async fn node(settings: Settings, limits: Limits) -> Node {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open_with(dir.path(), settings).unwrap();
    let address = serve(router(blobs.clone(), limits)).await;
    let url = format!("http://{address}");
    let client = BlobClient::new(&url, &url).unwrap();
    Node { _dir: dir, blobs, address, client }
}

async fn usual() -> Node {
    node(Settings::default(), Limits::default()).await
}

/// Bytes that repeat at no power of two, so that no two chunks are equal.
fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

/// The request that kubo's JavaScript client streams from Node: chunked, a boundary that ends with a dash, an
/// empty file name (http-surface 8.1).
fn kubo_request(address: SocketAddr, content: &[u8], chunk: usize) -> Vec<u8> {
    let boundary = "-----------------------------aRE5t_xLcAm15nWlnqKw-";
    let mut body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(content);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let mut request = format!(
        "POST /api/v0/add?stream-channels=true&progress=false HTTP/1.1\r\nHost: {address}\r\n\
         Content-Type: multipart/form-data; boundary={boundary}\r\nTransfer-Encoding: chunked\r\n\
         Connection: close\r\n\r\n"
    )
    .into_bytes();
    for piece in body.chunks(chunk) {
        request.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        request.extend_from_slice(piece);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn takes_what_kubo_clients_stream() {
    let node = usual().await;
    for chunk in [1, 7, 100_000] {
        let answer = exchange(node.address, &kubo_request(node.address, b"hello world\n", chunk)).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let line = format!("{{\"Name\":\"{HELLO}\",\"Hash\":\"{HELLO}\",\"Size\":\"20\"}}\n");
        assert!(answer.contains(&line), "{answer}");
    }
    let served = reqwest::get(node.url(&format!("/ipfs/{HELLO}"))).await.unwrap();
    assert_eq!(served.status(), 200);
    assert_eq!(served.bytes().await.unwrap(), &b"hello world\n"[..]);
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let node = usual().await;
    let request = kubo_request(node.address, &content(300_000), 4096);
    let mut stream = tokio::net::TcpStream::connect(node.address).await.unwrap();
    stream.write_all(&request[..request.len() / 2]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(!String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 200"));
    for place in ["incoming", "files"] {
        let left = std::fs::read_dir(node._dir.path().join(place)).unwrap().count();
        assert_eq!(left, 0, "{place}");
    }
}

#[tokio::test]
async fn refuses_with_a_name() {
    let limits = Limits { upload_bytes_max: 100_000, ..Limits::default() };
    let settings = Settings { blob_bytes_max: 1000, ..Settings::default() };
    let node = node(settings, limits).await;
    let http = reqwest::Client::new();
    let post = |query: &str, body: Vec<u8>, name: &str| {
        let part = reqwest::multipart::Part::bytes(body).file_name(name.to_owned());
        let form = reqwest::multipart::Form::new().part("file", part);
        http.post(node.url(&format!("/api/v0/add{query}"))).multipart(form).send()
    };
    for (query, size, name, status, says) in [
        ("", 1001, "a", 413, "more than 1000 bytes"),
        ("?cid-version=2", 1, "a", 400, "cid-version"),
        ("?hash=blake3", 1, "a", 400, "hash=blake3"),
        ("?chunker=rabin", 1, "a", 400, "chunker=rabin"),
        ("?trickle=true", 1, "a", 400, "trickle=true"),
        ("?pin=perhaps", 1, "a", 400, "pin"),
        ("", 1, "dir/../a", 400, "not a plain relative path"),
        ("", 1, "a/%2e%2e/b", 400, "not a plain relative path"),
        ("", 1, "%zz", 400, "escapes"),
    ] {
        let answer = post(query, content(size), name).await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{query}");
        let text = answer.text().await.unwrap();
        let refusal: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(refusal["Message"].as_str().unwrap().contains(says), "{text}");
        assert_eq!(refusal["Type"], "error");
    }
    let not_multipart = http.post(node.url("/api/v0/add")).body("x").send().await.unwrap();
    assert_eq!(not_multipart.status(), 400);
    let fields = reqwest::multipart::Form::new().text("file", "a field, not a file");
    let no_file = http.post(node.url("/api/v0/add")).multipart(fields).send().await.unwrap();
    assert_eq!(no_file.status(), 400);
    let oversized = exchange(node.address, &kubo_request(node.address, &content(100_001), 9000)).await;
    assert!(oversized.starts_with("HTTP/1.1 413"), "{oversized}");
    assert!(!node.blobs.has(&HELLO.parse().unwrap()).await);
}

#[tokio::test]
async fn a_silent_sender_is_dropped_and_uploads_are_bounded() {
    let limits =
        Limits { uploads_at_once_max: 1, upload_pause_max: Duration::from_millis(200), ..Limits::default() };
    let node = node(Settings::default(), limits).await;
    let request = kubo_request(node.address, b"hello world\n", 8);
    let mut silent = tokio::net::TcpStream::connect(node.address).await.unwrap();
    silent.write_all(&request[..400]).await.unwrap();
    let mut answer = [0; 12];
    silent.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    let next = exchange(node.address, &request).await;
    assert!(next.starts_with("HTTP/1.1 200"), "the place is free again: {next}");
}

#[tokio::test]
async fn serves_by_name_whole_in_part_and_head() {
    let node = usual().await;
    let whole = content(600_000);
    let cid = node.client.add_bytes(whole.clone()).await.unwrap();
    let http = reqwest::Client::new();
    let url = node.url(&format!("/ipfs/{cid}"));

    let head = http.head(&url).send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers()["content-length"], "600000");
    assert_eq!(head.headers()["x-content-type-options"], "nosniff");
    assert!(head.bytes().await.unwrap().is_empty());

    let part = http.get(&url).header("Range", "bytes=262140-262150").send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.headers()["content-range"], "bytes 262140-262150/600000");
    assert_eq!(part.bytes().await.unwrap(), whole[262_140..=262_150]);
    let beyond = http.get(&url).header("Range", "bytes=600000-").send().await.unwrap();
    assert_eq!(beyond.status(), 416);
    let known = http.get(&url).header("If-None-Match", format!("\"{cid}\"")).send().await.unwrap();
    assert_eq!(known.status(), 304);
    let other_origin = http.get(&url).header("Origin", "http://page.example").send().await.unwrap();
    assert_eq!(other_origin.headers()["access-control-allow-origin"], "*");

    for (path, status) in [
        (format!("/ipfs/{HELLO}"), 404),
        (format!("/ipfs/{cid}/inside"), 404),
        ("/ipfs/..%2F..%2Flock".to_owned(), 400),
        ("/ipfs/QmNotACid".to_owned(), 400),
    ] {
        let answer = http.get(node.url(&path)).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
    }
    let cat = http.post(node.url(&format!("/api/v0/cat?arg=/ipfs/{cid}"))).send().await.unwrap();
    assert_eq!(cat.bytes().await.unwrap(), whole);
    let version = http.post(node.url("/api/v0/version")).send().await.unwrap();
    assert!(version.text().await.unwrap().contains("Version"));
}

#[tokio::test]
async fn a_strangers_page_is_never_served_as_one() {
    let node = usual().await;
    let page = b"<html><script>alert(1)</script></html>";
    let cid = node.client.add_bytes(&page[..]).await.unwrap();
    let answer = reqwest::get(node.url(&format!("/ipfs/{cid}"))).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.headers()["content-security-policy"], "default-src 'none'; sandbox");
}

#[tokio::test]
async fn the_client_trusts_neither_node_nor_gateway() {
    let lying = axum::Router::new()
        .route("/ipfs/{cid}", axum::routing::get(async || "something else"))
        .route("/endless/{n}", axum::routing::get(async || vec![0u8; 1 << 20]))
        .route(
            "/api/v0/add",
            axum::routing::post(async || format!("{{\"Name\":\"\",\"Hash\":\"{HELLO}\",\"Size\":\"1\"}}\n")),
        );
    let url = format!("http://{}", serve(lying).await);
    let client = BlobClient::new(&url, &url).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fetched");
    let cid: Cid = HELLO.parse().unwrap();

    assert!(matches!(client.fetch(&cid, 100).await, Err(Fetch::WrongContent { .. })));
    let to_file = client.fetch_to_file(&cid, &path, 100).await;
    assert!(matches!(to_file, Err(Fetch::WrongContent { .. })));
    let endless: Location = format!("{url}/endless/1").parse().unwrap();
    let too_large = client.fetch_location_to_file(&endless, &path, 1000).await;
    assert!(matches!(too_large, Err(Fetch::TooLarge { max_bytes: 1000, .. })));
    let nowhere: Location = format!("{url}/nowhere").parse().unwrap();
    let refused = client.fetch_location(&nowhere, 1000).await;
    assert!(matches!(refused, Err(Fetch::Refused { status: 404, .. })));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing unchecked is left");
    assert!(matches!(client.add_bytes(&b"mine"[..]).await, Err(Upload::WrongName { .. })));
    assert!(BlobClient::new("ftp://host", &url).is_err());
}

/// A server that redirects `/to?{url}` there and `/round/{n}` to the next of itself; counts who asks for `/secret`.
async fn redirecting() -> (String, std::sync::Arc<std::sync::atomic::AtomicU32>) {
    use std::sync::atomic::{AtomicU32, Ordering};
    let asked = std::sync::Arc::new(AtomicU32::new(0));
    let counts = asked.clone();
    let to = async |axum::extract::RawQuery(to): axum::extract::RawQuery| {
        (axum::http::StatusCode::FOUND, [("location", to.unwrap_or_default())])
    };
    let round = async |axum::extract::Path(n): axum::extract::Path<u32>| {
        (axum::http::StatusCode::TEMPORARY_REDIRECT, [("location", format!("{}", n + 1))])
    };
    let secret = move || async move {
        counts.fetch_add(1, Ordering::SeqCst);
        "secret"
    };
    let router = axum::Router::new()
        .route("/to", axum::routing::get(to))
        .route("/round/{n}", axum::routing::get(round))
        .route("/secret", axum::routing::get(secret));
    (format!("http://{}", serve(router).await), asked)
}

#[tokio::test]
async fn urls_of_strangers_reach_the_gateway_and_nothing_else_that_is_private() {
    let (gateway, at_gateway) = redirecting().await;
    let (inner, at_inner) = redirecting().await;
    let asked = |count: &std::sync::atomic::AtomicU32| count.load(std::sync::atomic::Ordering::SeqCst);
    let client = BlobClient::new(&gateway, &gateway).unwrap();
    let fetch =
        async |client: &BlobClient, url: String| client.fetch_location(&url.parse().unwrap(), 100).await;
    let port = inner.rsplit(':').next().unwrap().to_owned();
    for url in [
        format!("{inner}/secret"),
        format!("http://localhost:{port}/secret"),
        format!("http://[::ffff:127.0.0.1]:{port}/secret"),
        format!("http://2130706433:{port}/secret"),
        // From where it may begin to where it may not end.
        format!("{gateway}/to?{inner}/secret"),
        format!("{gateway}/to?//127.0.0.1:{port}/secret"),
        format!("{gateway}/to?http://localhost:{port}/secret"),
        format!("{gateway}/to?{gateway}/to?{inner}/secret"),
    ] {
        let refused = fetch(&client, url.clone()).await.unwrap_err();
        assert!(matches!(refused, Fetch::NotPublic { .. }), "{url}: {refused:?}");
        assert!(refused.to_string().contains("private address"), "{refused}");
    }
    assert_eq!(asked(&at_inner), 0, "nobody was asked");
    for (url, refusal) in [("file:///etc/passwd", "no http(s) URL"), ("ftp://host/x", "no http(s) URL")] {
        let refused = fetch(&client, format!("{gateway}/to?{url}")).await.unwrap_err();
        assert!(matches!(refused, Fetch::NoUrl { .. }), "{url} is {refusal}: {refused:?}");
    }
    let refused = fetch(&client, format!("{gateway}/round/0")).await.unwrap_err();
    assert!(matches!(refused, Fetch::TooManyRedirects { .. }), "{refused:?}");

    assert_eq!(fetch(&client, format!("{gateway}/to?{gateway}/secret")).await.unwrap(), b"secret");
    assert_eq!(asked(&at_gateway), 1);
    // Where everybody is trusted, all of it is followed.
    let open = BlobClient::with_reach(&gateway, &gateway, Reach::Anywhere).unwrap();
    assert_eq!(fetch(&open, format!("{gateway}/to?{inner}/secret")).await.unwrap(), b"secret");
    assert_eq!(asked(&at_inner), 1);
}

#[tokio::test]
async fn files_travel_through_the_client() {
    let node = usual().await;
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("from");
    for length in [0, 1, 262_144, 1_000_003] {
        std::fs::write(&from, content(length)).unwrap();
        let cid = node.client.add_file(&from).await.unwrap();
        assert_eq!(node.blobs.size(&cid).await.unwrap(), length as u64);
        let to = dir.path().join("to");
        let fetched = node.client.fetch_to_file(&cid, &to, length as u64).await.unwrap();
        assert_eq!((fetched.cid, fetched.size_bytes), (cid, length as u64));
        assert_eq!(std::fs::read(&to).unwrap(), content(length));
        let at = Location::Ipfs(cid);
        assert_eq!(node.client.fetch_location(&at, 2_000_000).await.unwrap(), content(length));
        let url: Location = node.url(&format!("/ipfs/{cid}")).parse().unwrap();
        assert_eq!(node.client.fetch_location(&url, 2_000_000).await.unwrap(), content(length));
    }
    let missing = node.client.fetch(&HELLO.parse().unwrap(), 10).await;
    assert!(matches!(missing, Err(Fetch::Refused { status: 404, .. })));
}

fn files_below(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries.map(|entry| if entry.path().is_dir() { files_below(&entry.path()) } else { 1 }).sum()
}

#[tokio::test]
async fn keeps_each_content_once_and_across_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    assert!(matches!(Blobs::open(dir.path()), Err(Open::InUse { .. })));
    let both = tokio::join!(blobs.add_bytes(&[7; 500_000]), blobs.add_bytes(&[7; 500_000]));
    let cid = both.0.unwrap().cid;
    assert_eq!(both.1.unwrap().cid, cid);
    assert_eq!(blobs.add_bytes(&[]).await.unwrap().cid.to_string(), EMPTY);
    assert_eq!(files_below(&dir.path().join("files")), 2);
    let small = blobs.get_bytes(cid, 499_999).await;
    assert!(matches!(small, Err(Read::TooLarge { size_bytes: 500_000, .. })));
    drop(blobs);

    // What a killed process leaves: a half-written file, and the lock of a dead process.
    std::fs::write(dir.path().join("incoming/half"), b"half").unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    assert_eq!(files_below(&dir.path().join("incoming")), 0);
    assert_eq!(blobs.get_bytes(cid, 500_000).await.unwrap(), [7; 500_000]);
    assert!(matches!(blobs.size(&HELLO.parse().unwrap()).await, Err(Read::NotFound { .. })));
    drop(blobs);

    std::fs::write(dir.path().join("format"), "metacloud blobs 99\n").unwrap();
    let other = Blobs::open(dir.path()).unwrap_err();
    assert!(matches!(other, Open::OtherVersion { .. }));
    assert!(other.to_string().contains("blobs 99"), "{other}");
}

#[tokio::test]
async fn a_file_cut_by_a_power_failure_is_healed_by_adding_it_again() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    let cid = blobs.add_bytes(b"hello world\n").await.unwrap().cid;
    let path = dir.path().join("files/5o").join(HELLO);
    std::fs::write(&path, b"hel").unwrap();
    blobs.add_bytes(b"hello world\n").await.unwrap();
    assert_eq!(blobs.get_bytes(cid, 100).await.unwrap(), b"hello world\n");
}

#[tokio::test]
async fn bounds_what_is_added() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { blob_bytes_max: 10, durable: false, ..Settings::default() };
    let blobs = Blobs::open_with(dir.path(), settings).unwrap();
    assert!(matches!(blobs.add_bytes(&[0; 11]).await, Err(Add::TooLarge { max_bytes: 10 })));
    assert!(matches!(blobs.add_reader(tokio::io::repeat(0)).await, Err(Add::TooLarge { .. })));
    let missing = blobs.add_file(Path::new("/nonexistent/file")).await;
    assert!(matches!(missing, Err(Add::Source(_))));
    assert_eq!(files_below(&dir.path().join("files")), 0);
    blobs.add_reader(&[1u8; 10][..]).await.unwrap();
}
