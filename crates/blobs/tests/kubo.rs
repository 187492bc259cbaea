//! Directories, nodes, paths, ranges, pins and garbage over real HTTP, and what strangers try with them.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use metacloud_blobs::{Blobs, Codec, Key, Limits, Roots, RootsError, Settings, router};
use serde_json::Value;

struct Node {
    dir: tempfile::TempDir,
    blobs: Blobs,
    address: SocketAddr,
    http: reqwest::Client,
}

/// A part of a form: name of a file, its content type, its bytes.
type FilePart<'a> = (&'a str, &'a str, Vec<u8>);

impl Node {
    async fn start(settings: Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open_with(dir.path(), settings).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = router(blobs.clone(), Limits::default());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { dir, blobs, address, http: reqwest::Client::new() }
    }

    async fn usual() -> Self {
        Self::start(Settings { durable: false, ..Settings::default() }).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn form(&self, route: &str, parts: &[FilePart<'_>]) -> (u16, String) {
        let answer = self.send(route, parts).await;
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn send(&self, route: &str, parts: &[FilePart<'_>]) -> reqwest::Response {
        let mut body = Vec::new();
        for (name, kind, content) in parts {
            body.extend_from_slice(
                format!(
                    "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
                     Content-Type: {kind}\r\n\r\n"
                )
                .as_bytes(),
            );
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--b--\r\n");
        let post = self.http.post(self.url(route)).header("Content-Type", "multipart/form-data; boundary=b");
        post.body(body).send().await.unwrap()
    }

    async fn post(&self, route: &str) -> (u16, Value) {
        let answer = self.http.post(self.url(route)).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    async fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let answer = self.http.get(self.url(path)).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.bytes().await.unwrap_or_default().to_vec())
    }

    /// Puts a node and answers its name.
    async fn put_node(&self, block: &[u8]) -> Key {
        let put = self.form("/api/v0/block/put?cid-codec=dag-pb", &[("", "", block.to_vec())]).await;
        assert_eq!(put.0, 200, "{}", put.1);
        let answer: Value = serde_json::from_str(&put.1).unwrap();
        answer["Key"].as_str().unwrap().parse().unwrap()
    }

    fn files_in(&self, place: &str) -> usize {
        fn below(dir: &std::path::Path) -> usize {
            let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
            entries.map(|entry| if entry.path().is_dir() { below(&entry.path()) } else { 1 }).sum()
        }
        below(&self.dir.path().join(place))
    }
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

fn lines(answer: &str) -> BTreeMap<String, String> {
    let parsed = answer.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    parsed
        .filter(|line| line.get("Hash").is_some())
        .map(|line| (text(&line["Name"]), text(&line["Hash"])))
        .collect()
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A dag-pb node with links (name, key) and a `UnixFS` message.
fn dag_pb(links: &[(&str, Key)], message: &[u8]) -> Vec<u8> {
    let mut node = Vec::new();
    for (name, key) in links {
        let mut hash = match key.codec() {
            Codec::DagPb => vec![0x12, 0x20],
            Codec::Raw => vec![1, 0x55, 0x12, 0x20],
        };
        hash.extend_from_slice(key.digest());
        let mut link = vec![0x0a, hash.len() as u8];
        link.extend_from_slice(&hash);
        link.extend_from_slice(&[0x12, name.len() as u8]);
        link.extend_from_slice(name.as_bytes());
        node.push(0x12);
        varint(link.len() as u64, &mut node);
        node.extend_from_slice(&link);
    }
    node.push(0x0a);
    varint(message.len() as u64, &mut node);
    node.extend_from_slice(message);
    node
}

/// A file whose parts have these sizes.
fn file_node(parts: &[(Key, u64)]) -> Vec<u8> {
    let mut message = vec![8, 2];
    for (_, size_bytes) in parts {
        message.push(0x20);
        varint(*size_bytes, &mut message);
    }
    let links: Vec<_> = parts.iter().map(|(key, _)| ("", *key)).collect();
    dag_pb(&links, &message)
}

/// Root, and nodes in order, of a `CARv1` archive whose names are all true.
fn read_car(mut car: &[u8]) -> Vec<(Key, Vec<u8>)> {
    fn number(bytes: &mut &[u8]) -> usize {
        let (mut value, mut shift) = (0, 0);
        loop {
            let (&byte, rest) = bytes.split_first().unwrap();
            *bytes = rest;
            value |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    let header = number(&mut car);
    assert!(car[..header].ends_with(b"\x67version\x01"));
    car = &car[header..];
    let mut nodes = Vec::new();
    while !car.is_empty() {
        let (section, rest) = {
            let length = number(&mut car);
            car.split_at(length)
        };
        car = rest;
        let (codec, name) = match section {
            [0x12, 0x20, ..] => (Codec::DagPb, 2),
            [1, 0x70, 0x12, 0x20, ..] => (Codec::DagPb, 4),
            [1, 0x55, 0x12, 0x20, ..] => (Codec::Raw, 4),
            _ => panic!("an unknown name"),
        };
        let block = &section[name + 32..];
        let key = Key::of(codec, block);
        assert_eq!(key.digest()[..], section[name..name + 32]);
        nodes.push((key, block.to_vec()));
    }
    nodes
}

/// The tree `few` of the golden vectors, as clients send it: directories as parts of their own, names escaped.
fn few() -> Vec<FilePart<'static>> {
    let file = "application/octet-stream";
    let dir = "application/x-directory";
    vec![
        ("top", dir, vec![]),
        ("top%2Fa.txt", file, content(5)),
        ("top%2Fb+b", file, content(300_000)),
        ("top%2Fdeep", dir, vec![]),
        ("top%2Fdeep%2Fer%2Fest%2Fleaf", file, content(1)),
        ("top%2Fdeep%2Fer%2Fempty", dir, vec![]),
        ("top%2Fdeep%2F%C3%A4%2F%E2%98%83", file, content(7)),
        ("top/A", file, vec![]),
    ]
}

fn golden(tree: &str, version: u64) -> Value {
    let vectors: Value = serde_json::from_str(include_str!("golden/vectors.json")).unwrap();
    let found = vectors["directories"].as_array().unwrap().iter();
    let mut found = found.filter(|made| made["tree"] == tree && made["version"] == version);
    found.next().unwrap()["lines"].clone()
}

#[tokio::test]
async fn directories_get_the_names_that_other_nodes_give_them() {
    let node = Node::usual().await;
    for (version, query) in [(0, ""), (1, "&cid-version=1"), (0, "&only-hash=true")] {
        let (status, answer) =
            node.form(&format!("/api/v0/add?wrap-with-directory=true{query}"), &few()).await;
        assert_eq!(status, 200, "{answer}");
        let lines = lines(&answer);
        for (path, made) in golden("few", version).as_object().unwrap() {
            assert_eq!(lines.get(path).map(String::as_str), made[0].as_str(), "{path:?} {query}");
        }
        assert_eq!(lines.len(), 5 + 7, "{answer}");
    }
    // Without a directory around them, and with progress told as it is made.
    let (_, answer) = node.form("/api/v0/add?progress=true&stream-channels=true", &few()).await;
    assert_eq!(lines(&answer).get("top").map(String::as_str), golden("few", 0)["top"][0].as_str());
    assert!(answer.contains("{\"Name\":\"top/b b\",\"Bytes\":"), "{answer}");
    assert!(!lines(&answer).contains_key(""));
}

#[tokio::test]
async fn only_hash_keeps_nothing_and_half_a_directory_leaves_nothing() {
    let node = Node::start(Settings { blob_bytes_max: 1_000_000, ..Settings::default() }).await;
    node.form("/api/v0/add?only-hash=true&wrap-with-directory=true", &few()).await;
    let mut parts = few();
    parts.push(("top%2Fhuge", "application/octet-stream", content(1_000_001)));
    let (status, answer) = node.form("/api/v0/add", &parts).await;
    assert_eq!(status, 413, "{answer}");
    let mut told = node.send("/api/v0/add?progress=true", &parts).await;
    let mut answer = Vec::new();
    let broke_off = loop {
        match told.chunk().await {
            Ok(Some(piece)) => answer.extend_from_slice(&piece),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    let answer = String::from_utf8(answer).unwrap();
    assert!(broke_off && !lines(&answer).contains_key("top"), "{answer}");
    let mut twice = few();
    twice.push(("top%2FA", "application/octet-stream", content(1)));
    assert_eq!(node.form("/api/v0/add", &twice).await.0, 400);
    for place in ["files", "blocks", "layouts", "incoming"] {
        assert_eq!(node.files_in(place), 0, "{place}");
    }
    assert_eq!(node.blobs.used_bytes().0, 0);
}

#[tokio::test]
async fn a_full_store_says_so_and_has_room_again_for_what_it_knows() {
    let node = Node::start(Settings { total_bytes_max: 40_960, durable: false, ..Settings::default() }).await;
    let file = "application/octet-stream";
    assert_eq!(node.form("/api/v0/add", &[("", file, content(30_000))]).await.0, 200);
    let (status, answer) = node.form("/api/v0/add", &[("", file, content(20_000))]).await;
    let refusal: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status, refusal["Type"].as_str()), (507, Some("error")), "{answer}");
    assert!(refusal["Message"].as_str().unwrap().contains("at most 40960 bytes"), "{answer}");
    let used = node.blobs.used_bytes().0;
    assert_eq!(used, 32_768, "rounded up, and nothing for what was refused");
    assert_eq!(node.form("/api/v0/add", &[("", file, content(5_000))]).await.0, 200);
    assert_eq!(node.post("/api/v0/repo/stat").await.1["RepoSize"], 32_768 + 8192);
}

#[tokio::test]
async fn serves_paths_pages_nodes_and_archives() {
    let node = Node::usual().await;
    let (_, answer) = node.form("/api/v0/add", &few()).await;
    let top = lines(&answer)["top"].clone();
    assert_eq!(node.get(&format!("/ipfs/{top}/b%20b")).await, (200, content(300_000)));
    assert_eq!(node.get(&format!("/ipfs/{top}/deep/%C3%A4/%E2%98%83")).await, (200, content(7)));
    let v1 = top.parse::<Key>().unwrap().text(metacloud_blobs::Version::V1);
    let (status, page) = node.get(&format!("/ipfs/{v1}/")).await;
    let page = String::from_utf8(page).unwrap();
    assert!(status == 200 && page.contains(&format!("<a href=\"/ipfs/{v1}/b%20b\">b b</a>")), "{page}");
    for (path, status) in [
        (format!("/ipfs/{top}/none"), 404),
        (format!("/ipfs/{top}/a.txt/below"), 404),
        (format!("/ipfs/{top}/..%2fa.txt"), 404),
        (format!("/ipfs/{top}//a.txt"), 400),
        (format!("/ipfs/{top}/%zz"), 400),
        (format!("/ipfs/{top}?format=tar"), 400),
        (format!("/ipfs/{top}?format=car&dag-scope=most"), 400),
        (format!("/ipfs/{top}?format=car&car-version=2"), 400),
        ("/ipfs/bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e".to_owned(), 404),
        ("/ipfs/bafyreihyrpefhacm6kkp4ql6j6udakdit7g3dmkzfriqfykhjw6cad5lrm".to_owned(), 400),
    ] {
        assert_eq!(node.get(&path).await.0, status, "{path}");
    }
    let (_, raw) = node.get(&format!("/ipfs/{top}?format=raw")).await;
    assert_eq!(Key::of(Codec::DagPb, &raw).to_string(), top);
    let car = read_car(&node.get(&format!("/ipfs/{top}?format=car")).await.1);
    assert_eq!(car[0].0.to_string(), top, "the root comes first");
    // Seven directories, five files; one of the files has two leaves.
    assert_eq!(car.len(), 6 + 5 + 2, "{:?}", car.iter().map(|node| node.0).collect::<Vec<_>>());
    let entity = node.get(&format!("/ipfs/{top}/deep?format=car&dag-scope=entity")).await.1;
    assert_eq!(read_car(&entity).len(), 2, "the way there, and the directory itself");
    let (_, listing) = node.post(&format!("/api/v0/ls?arg={top}")).await;
    let links = listing["Objects"][0]["Links"].as_array().unwrap();
    let kinds: Vec<_> = links.iter().map(|link| (link["Name"].as_str().unwrap(), &link["Type"])).collect();
    assert_eq!(kinds.len(), 4);
    assert!(kinds.contains(&("deep", &Value::from(1))) && kinds.contains(&("b b", &Value::from(2))));
    let (status, stat) = node.post(&format!("/api/v0/block/stat?arg={top}")).await;
    assert_eq!((status, stat["Size"].as_u64()), (200, Some(raw.len() as u64)));
}

#[tokio::test]
async fn archives_of_every_layout_hold_every_byte_once() {
    let node = Node::usual().await;
    let whole = content(400_000);
    for query in ["", "?cid-version=1", "?chunker=size-1024", "?raw-leaves=true&chunker=size-2048"] {
        let (_, answer) = node.form(&format!("/api/v0/add{query}"), &[("f", "", whole.clone())]).await;
        let cid = lines(&answer)["f"].clone();
        let car = read_car(&node.get(&format!("/ipfs/{cid}?format=car")).await.1);
        assert_eq!(car[0].0, cid.parse().unwrap());
        let mut joined = Vec::new();
        for (key, block) in &car {
            if key.codec() == Codec::Raw {
                joined.extend_from_slice(block);
            }
        }
        if query.contains("1&") || query.contains("raw") || query.ends_with("=1") {
            assert_eq!(joined, whole, "{query}");
        }
        // The nodes alone, put into another node, are the same file.
        let other = Node::usual().await;
        for (key, block) in &car {
            let codec = if key.codec() == Codec::Raw { "raw" } else { "dag-pb" };
            let put = format!("/api/v0/block/put?cid-codec={codec}");
            assert_eq!(other.form(&put, &[("", "", block.clone())]).await.0, 200);
        }
        assert_eq!(other.get(&format!("/ipfs/{cid}")).await, (200, whole.clone()), "{query}");
        let cat = other.http.post(other.url(&format!("/api/v0/cat?arg={cid}&offset=262140&length=10")));
        assert_eq!(cat.send().await.unwrap().bytes().await.unwrap(), whole[262_140..262_150]);
    }
}

#[tokio::test]
async fn several_ranges_come_in_one_answer() {
    let node = Node::usual().await;
    let whole = content(1000);
    let (_, answer) = node.form("/api/v0/add", &[("f", "", whole.clone())]).await;
    let url = node.url(&format!("/ipfs/{}", lines(&answer)["f"]));
    let get = |range: &'static str| node.http.get(&url).header("Range", range).send();
    let answer = get("bytes=0-1,900-904").await.unwrap();
    assert_eq!(answer.status(), 206);
    assert_eq!(answer.headers()["content-type"], "multipart/byteranges; boundary=metacloud-part");
    let length = answer.content_length().unwrap();
    let body = answer.bytes().await.unwrap();
    assert_eq!(body.len() as u64, length);
    for part in [
        [b"Content-Range: bytes 0-1/1000\r\n\r\n", &whole[..2], b"\r\n"].concat(),
        [b"Content-Range: bytes 900-904/1000\r\n\r\n", &whole[900..905], b"\r\n"].concat(),
    ] {
        assert!(body.windows(part.len()).any(|window| window == part));
    }
    assert_eq!(get("bytes=0-,0-,0-").await.unwrap().status(), 200, "more than there is");
    assert_eq!(get("bytes=1000-").await.unwrap().status(), 416);
    let stale = node.http.get(&url).header("Range", "bytes=0-1").header("If-Range", "\"other\"");
    assert_eq!(stale.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn nodes_that_claim_too_much_are_refused_or_cut_short() {
    let node = Node::usual().await;
    let leaf = node.put_node(&dag_pb(&[], &[8, 2, 0x12, 4, 1, 2, 3, 4])).await;
    // Ten levels of a hundred links to the same node: 4 * 100^9 bytes out of ten nodes.
    let (mut bomb, mut size_bytes) = (leaf, 4u64);
    for _ in 0..9 {
        bomb = node.put_node(&file_node(&[(bomb, size_bytes); 100])).await;
        size_bytes *= 100;
    }
    assert_eq!(node.get(&format!("/ipfs/{bomb}")).await.0, 422);
    assert_eq!(node.post(&format!("/api/v0/cat?arg={bomb}")).await.0, 422);
    let car = read_car(&node.get(&format!("/ipfs/{bomb}?format=car")).await.1);
    assert_eq!(car.len(), 10, "each node once");

    // Nodes without content, nested a hundred to the tenth times: nothing is wanted of them, so none is entered.
    let mut hollow = node.put_node(&dag_pb(&[], &[8, 2])).await;
    for _ in 0..10 {
        hollow = node.put_node(&file_node(&[(hollow, 0); 100])).await;
    }
    let answer =
        node.get(&format!("/ipfs/{}", node.put_node(&file_node(&[(hollow, 0), (leaf, 4)])).await)).await;
    assert_eq!(answer, (200, vec![1, 2, 3, 4]));

    // A chain deeper than is read: the answer breaks off.
    let mut deep = leaf;
    for _ in 0..40 {
        deep = node.put_node(&file_node(&[(deep, 4)])).await;
    }
    assert!(
        node.http.get(node.url(&format!("/ipfs/{deep}"))).send().await.unwrap().error_for_status().is_err()
    );

    // A part that is shorter than said, one that is not here, one that is a directory.
    let dir = node.put_node(&dag_pb(&[], &[8, 1])).await;
    for (part, size_bytes) in [(leaf, 5), (Key::of(Codec::Raw, b"absent"), 5), (dir, 4)] {
        let liar = node.put_node(&file_node(&[(part, size_bytes)])).await;
        let answer = node.http.get(node.url(&format!("/ipfs/{liar}"))).send().await.unwrap();
        assert!(answer.status() != 200 || answer.bytes().await.is_err(), "{part} {size_bytes}");
    }

    // Shards of shards of the same shard.
    let shard = [8, 5, 0x28, 0x22, 0x30, 0x80, 2];
    let mut nested = node.put_node(&dag_pb(&[("00name", leaf)], &shard)).await;
    for _ in 0..12 {
        nested = node.put_node(&dag_pb(&[("00", nested), ("01", nested), ("02", nested)], &shard)).await;
    }
    assert_eq!(node.get(&format!("/ipfs/{nested}")).await.0, 422);
    assert_eq!(node.post(&format!("/api/v0/ls?arg={nested}")).await.0, 422);
    assert_eq!(node.get(&format!("/ipfs/{nested}/name")).await.0, 404);
    assert_eq!(read_car(&node.get(&format!("/ipfs/{nested}?format=car")).await.1).len(), 14);
}

#[tokio::test]
async fn bad_arguments_are_refused_in_kubos_form() {
    let node = Node::usual().await;
    let file = &[("", "", vec![8u8, 1])];
    for (route, parts) in [
        ("/api/v0/block/put?cid-codec=dag-pb", &file[..]),
        ("/api/v0/block/put?cid-codec=dag-cbor", &file[..]),
        ("/api/v0/block/put?mhtype=blake3", &file[..]),
        ("/api/v0/block/put", &[][..]),
        ("/api/v0/block/put", &[("", "", vec![1]), ("", "", vec![2])][..]),
        ("/api/v0/add", &[][..]),
    ] {
        let (status, answer) = node.form(route, parts).await;
        assert_eq!(status, 400, "{route}: {answer}");
        assert!(answer.starts_with("{\"Message\":"), "{answer}");
    }
    let large = node.form("/api/v0/block/put", &[("", "", vec![0; (2 << 20) + 1])]).await;
    assert_eq!(large.0, 413, "{}", large.1);
    let hello = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o";
    for (route, status) in [
        ("/api/v0/cat".to_owned(), 400),
        ("/api/v0/cat?arg=nonsense".to_owned(), 400),
        (format!("/api/v0/cat?arg={hello}"), 404),
        (format!("/api/v0/cat?arg={hello}&offset=-1"), 400),
        (format!("/api/v0/cat?arg={hello}&length=99999999999999999999"), 400),
        (format!("/api/v0/ls?arg={}", "x&arg=".repeat(300)), 400),
        (format!("/api/v0/block/get?arg={hello}&arg={hello}"), 400),
        (format!("/api/v0/pin/add?arg={hello}"), 404),
        (format!("/api/v0/pin/add?arg={hello}&recursive=false"), 400),
        (format!("/api/v0/pin/rm?arg={hello}"), 500),
        ("/api/v0/pin/ls?type=direct".to_owned(), 400),
        (format!("/api/v0/files/stat?arg=/ipfs/{hello}"), 404),
        (format!("/api/v0/dag/export?arg={hello}"), 404),
    ] {
        let (found, answer) = node.post(&route).await;
        assert_eq!(found, status, "{route}: {answer}");
        assert!(answer["Message"].is_string(), "{answer}");
    }
    assert_eq!(node.get("/api/v0/cat?arg=x").await.0, 405);
}

/// Roots that somebody else knows.
struct Known(Result<Vec<Key>, &'static str>);

impl Roots for Known {
    fn names(&self, _: SystemTime) -> futures::future::BoxFuture<'_, Result<Vec<Key>, RootsError>> {
        Box::pin(async { self.0.clone().map_err(|why| RootsError(why.to_owned())) })
    }
}

#[tokio::test]
async fn only_what_nothing_leads_to_is_collected() {
    let node = Node::usual().await;
    let later = SystemTime::now() + Duration::from_secs(3600);
    let grace = Duration::from_secs(60);
    let (_, answer) = node.form("/api/v0/add", &few()).await;
    let top = lines(&answer)["top"].clone();
    let file = "application/octet-stream";
    let (_, answer) =
        node.form("/api/v0/add", &[("deal", file, content(9)), ("loose", file, content(8))]).await;
    let (deal, loose) = (lines(&answer)["deal"].clone(), lines(&answer)["loose"].clone());
    let (_, answer) = node.form("/api/v0/add?pin=true", &[("pinned", file, content(99))]).await;
    let pinned = lines(&answer)["pinned"].clone();
    let (status, pins) = node.post(&format!("/api/v0/pin/add?arg={top}")).await;
    assert_eq!((status, &pins["Pins"][0]), (200, &Value::from(top.clone())));
    let (_, listed) = node.post("/api/v0/pin/ls").await;
    assert_eq!(listed["Keys"].as_object().unwrap().len(), 2);

    // Not while what is in use is unknown, and not what is young.
    assert!(node.blobs.collect(&Known(Err("the chain does not answer")), grace, later).await.is_err());
    let young = node.blobs.collect(&Known(Ok(vec![])), grace, SystemTime::now()).await.unwrap();
    assert_eq!(young.removed, 0);

    let known = Known(Ok(vec![deal.parse().unwrap(), Key::of(Codec::Raw, b"not here")]));
    let used = node.blobs.used_bytes().0;
    let collected = node.blobs.collect(&known, grace, later).await.unwrap();
    assert_eq!((collected.removed, collected.freed_bytes), (1, 4096), "{collected:?}");
    assert_eq!(node.blobs.used_bytes().0, used - 4096);
    assert_eq!(node.get(&format!("/ipfs/{loose}")).await.0, 404);
    for path in [deal.clone(), pinned, format!("{top}/b%20b"), format!("{top}/deep/er/est/leaf")] {
        assert_eq!(node.get(&format!("/ipfs/{path}")).await.0, 200, "{path}");
    }
    let (status, _) = node.post(&format!("/api/v0/pin/rm?arg={top}")).await;
    assert_eq!(status, 200);
    node.blobs.collect(&known, grace, later).await.unwrap();
    assert_eq!(node.get(&format!("/ipfs/{top}")).await.0, 404);
    assert_eq!(node.get(&format!("/ipfs/{deal}")).await.0, 200);
}

/// Roots that take the time of being asked to let somebody add things.
struct Meanwhile<'a>(&'a Node, Vec<u8>);

impl Roots for Meanwhile<'_> {
    fn names(&self, _: SystemTime) -> futures::future::BoxFuture<'_, Result<Vec<Key>, RootsError>> {
        Box::pin(async {
            let Self(node, directory) = self;
            node.blobs.add_bytes(b"added again").await.unwrap();
            node.put_node(directory).await;
            Ok(vec![])
        })
    }
}

#[tokio::test]
async fn what_is_added_or_led_to_during_a_collection_stays() {
    let node = Node::usual().await;
    let later = SystemTime::now() + Duration::from_secs(3600);
    let mut cids = Vec::new();
    for bytes in [&b"added again"[..], b"only linked to", b"neither"] {
        cids.push(node.blobs.add_bytes(bytes).await.unwrap().cid);
    }
    // A directory, put while the collection runs, leads to a file that is old and that nothing else leads to.
    let directory = dag_pb(&[("x", cids[1].into())], &[8, 1]);
    let meanwhile = Meanwhile(&node, directory);
    let collected = node.blobs.collect(&meanwhile, Duration::from_secs(60), later).await.unwrap();
    assert_eq!((collected.removed, collected.kept), (1, 3));
    for (cid, stays) in cids.iter().zip([true, true, false]) {
        assert_eq!(node.blobs.has(cid).await, stays, "{cid}");
    }
}

#[tokio::test]
async fn additions_and_collections_at_once_lose_nothing() {
    let node = Node::usual().await;
    let later = SystemTime::now() + Duration::from_secs(3600);
    let nothing: Vec<Key> = vec![];
    let collections = async {
        for _ in 0..20 {
            node.blobs.collect(&nothing, Duration::ZERO, later).await.unwrap();
        }
    };
    let additions = async {
        for at in 0..200u32 {
            node.blobs.add_bytes(&at.to_be_bytes()).await.unwrap();
        }
    };
    tokio::join!(collections, additions);
    // What was counted is what is there, whoever came first.
    let used = node.blobs.used_bytes().0;
    assert_eq!(used, node.files_in("files") as u64 * 4096);
    assert_eq!(node.files_in("incoming"), 0);
}
