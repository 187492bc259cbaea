//! The client against nodes that break off, and gateways that lie or lay files out as they like.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use axum::Router;
use axum::extract::Query;
use axum::routing::get;
use metacloud_blobs::tree::Tree;
use metacloud_blobs::{BlobClient, Blobs, Cid, Codec, Fetch, Key, Limits, Upload, router};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const MIB: usize = 1 << 20;

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

async fn node() -> (tempfile::TempDir, Blobs, String) {
    let dir = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(dir.path()).unwrap();
    let url = serve(router(blobs.clone(), Limits::default())).await;
    (dir, blobs, url)
}

fn client(url: &str) -> BlobClient {
    BlobClient::new(url, url).unwrap()
}

/// Content whose first and third quarter are the same, so that nodes occur twice.
fn content(length: usize) -> Vec<u8> {
    let quarter: Vec<u8> = (0..length / 4).map(|at| (at / 3 % 251) as u8).collect();
    let other: Vec<u8> = quarter.iter().rev().copied().collect();
    [&quarter[..], &other, &quarter, b"end"].concat()
}

#[tokio::test]
async fn every_layout_is_fetched_and_checked() {
    let (_dir, _, url) = node().await;
    let whole = content(4 * MIB);
    let http = reqwest::Client::new();
    for options in [
        "cid-version=1",
        "raw-leaves=true",
        "chunker=size-1024",
        "cid-version=1&raw-leaves=false&chunker=size-1048576",
        "chunker=size-65536&raw-leaves=true",
    ] {
        let part = reqwest::multipart::Part::bytes(whole.clone()).file_name("x");
        let form = reqwest::multipart::Form::new().part("file", part);
        let added = http.post(format!("{url}/api/v0/add?{options}")).multipart(form).send().await.unwrap();
        let added: serde_json::Value = serde_json::from_str(&added.text().await.unwrap()).unwrap();
        let cid: Cid = added["Hash"].as_str().unwrap().parse().unwrap();
        assert_ne!(cid, Tree::of(&whole).cid, "{options}");
        assert_eq!(client(&url).fetch(&cid, whole.len() as u64).await.unwrap(), whole, "{options}");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fetched");
        let fetched = client(&url).fetch_to_file(&cid, &path, whole.len() as u64).await.unwrap();
        assert_eq!((fetched.cid, fetched.size_bytes), (cid, whole.len() as u64));
        assert_eq!(std::fs::read(&path).unwrap(), whole, "{options}");
        let small = client(&url).fetch(&cid, whole.len() as u64 - 1).await.unwrap_err();
        assert!(matches!(small, Fetch::TooLarge { .. }), "{small}");
    }
    // One node of plain bytes has a name of its own kind.
    let form = reqwest::multipart::Form::new()
        .part("file", reqwest::multipart::Part::bytes(b"plain".to_vec()).file_name("x"));
    http.post(format!("{url}/api/v0/add?cid-version=1")).multipart(form).send().await.unwrap();
    let plain = Cid::from(Key::of(Codec::Raw, b"plain"));
    assert_eq!(client(&url).fetch(&plain, 5).await.unwrap(), b"plain");
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn section(key: Key, block: &[u8]) -> Vec<u8> {
    let codec = if key.codec() == Codec::Raw { 0x55 } else { 0x70 };
    let name = [&[1, codec, 0x12, 0x20], &key.digest()[..]].concat();
    [varint((name.len() + block.len()) as u64), name, block.to_vec()].concat()
}

/// A file node over leaves of plain bytes, which claims these sizes.
fn file(leaves: &[(Key, u64)]) -> Vec<u8> {
    let total: u64 = leaves.iter().map(|leaf| leaf.1).sum();
    let mut message = [vec![8, 2, 0x18], varint(total)].concat();
    let mut node = Vec::new();
    for (key, size_bytes) in leaves {
        message.extend([vec![0x20], varint(*size_bytes)].concat());
        let hash = [&[1, 0x55, 0x12, 0x20], &key.digest()[..]].concat();
        let link = [vec![0x0a, hash.len() as u8], hash].concat();
        node.extend([vec![0x12], varint(link.len() as u64), link].concat());
    }
    [node, vec![0x0a], varint(message.len() as u64), message].concat()
}

/// A gateway that answers any question with `plain`, or with `car` if asked for nodes.
async fn gateway(plain: Vec<u8>, car: Vec<u8>) -> String {
    let answer = |Query(query): Query<std::collections::HashMap<String, String>>| async move {
        if query.contains_key("format") { car } else { plain }
    };
    serve(Router::new().route("/ipfs/{cid}", get(answer))).await
}

#[tokio::test]
async fn a_gateway_that_lies_is_caught() {
    let leaves = [Key::of(Codec::Raw, b"one"), Key::of(Codec::Raw, b"two")];
    let root = file(&[(leaves[0], 3), (leaves[1], 3)]);
    let key = Key::of(Codec::DagPb, &root);
    let header = section(key, b"whatever an archive begins with");
    let sections = [section(key, &root), section(leaves[0], b"one"), section(leaves[1], b"two")];
    let honest = [&header[..], &sections.concat()].concat();
    let url = gateway(b"other".to_vec(), honest.clone()).await;
    assert_eq!(client(&url).fetch(&key.into(), 6).await.unwrap(), b"onetwo");
    assert!(matches!(client(&url).fetch(&key.into(), 5).await, Err(Fetch::TooLarge { .. })));

    let lying = file(&[(leaves[0], 3), (leaves[1], 4)]);
    let lying_key = Key::of(Codec::DagPb, &lying);
    let directory = [0x0a, 2, 8, 1];
    let directory_key = Key::of(Codec::DagPb, &directory);
    let cases: [(&str, Key, Vec<u8>); 8] = [
        ("nothing", key, vec![]),
        ("cut off", key, honest[..honest.len() - 1].to_vec()),
        ("swapped", key, [&header[..], &sections[0], &sections[2], &sections[1]].concat()),
        ("damaged", key, [&header[..], &sections[0], &section(leaves[0], b"0ne"), &sections[2]].concat()),
        ("another root", key, [&header[..], &section(leaves[0], b"one")].concat()),
        (
            "a size that is not true",
            lying_key,
            [&header[..], &section(lying_key, &lying), &sections[1], &sections[2]].concat(),
        ),
        ("a directory", directory_key, [&header[..], &section(directory_key, &directory)].concat()),
        ("a section without end", key, [&header[..], &[0xff; 10]].concat()),
    ];
    for (what, key, car) in cases {
        let url = gateway(b"other".to_vec(), car).await;
        let refused = client(&url).fetch(&key.into(), 1 << 20).await.unwrap_err();
        assert!(matches!(refused, Fetch::Broken { .. } | Fetch::WrongContent { .. }), "{what}: {refused}");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        assert!(client(&url).fetch_to_file(&key.into(), &path, 1 << 20).await.is_err(), "{what}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{what}: nothing stays");
    }
    let plain = Cid::from(Key::of(Codec::Raw, b"plain"));
    let url = gateway(b"plane".to_vec(), vec![]).await;
    assert!(matches!(client(&url).fetch(&plain, 9).await, Err(Fetch::WrongContent { .. })));
}

/// A way to a node on which the first `breaks` connections that carry much end after `after` bytes.
async fn breaking(to: String, breaks: usize, after: u64) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let carried = Arc::new(AtomicU64::new(0));
    let broken = Arc::new(AtomicUsize::new(0));
    let counted = carried.clone();
    tokio::spawn(async move {
        loop {
            let (from, _) = listener.accept().await.unwrap();
            let (to, carried, broken) = (to.clone(), counted.clone(), broken.clone());
            tokio::spawn(async move {
                let to = TcpStream::connect(to.trim_start_matches("http://")).await.unwrap();
                let ((mut here, mut back), (mut answers, mut there)) = (from.into_split(), to.into_split());
                let answering = tokio::spawn(async move { tokio::io::copy(&mut answers, &mut back).await });
                let (mut piece, mut passed) = (vec![0; 16 * 1024], 0);
                loop {
                    let read = here.read(&mut piece).await.unwrap_or(0);
                    passed += read as u64;
                    if passed > after && broken.fetch_add(1, Ordering::SeqCst) < breaks {
                        answering.abort();
                        break;
                    }
                    if read == 0 || there.write_all(&piece[..read]).await.is_err() {
                        break;
                    }
                    carried.fetch_add(read as u64, Ordering::SeqCst);
                }
            });
        }
    });
    (url, carried)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_goes_on_where_it_was_broken_off() {
    let (_dir, blobs, url) = node().await;
    let whole = content(16 * MIB);
    let (way, carried) = breaking(url.clone(), 3, 3 * MIB as u64).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large");
    std::fs::write(&path, &whole).unwrap();
    let cid = client(&way).add_file(&path).await.unwrap();
    assert_eq!(cid, Tree::of(&whole).cid);
    assert_eq!(blobs.get_bytes(cid, 1 << 30).await.unwrap(), whole);
    let carried = carried.load(Ordering::SeqCst);
    assert!(carried < 2 * whole.len() as u64, "{carried} bytes were sent for {}", whole.len());

    // From memory, and what the node has no room for.
    let (way, _) = breaking(url, 1, MIB as u64).await;
    assert_eq!(client(&way).add_bytes(whole.clone()).await.unwrap(), cid);
    let tight = tempfile::tempdir().unwrap();
    let settings = metacloud_blobs::Settings { total_bytes_max: 9 << 20, ..Default::default() };
    let full = Blobs::open_with(tight.path(), settings).unwrap();
    let url = serve(router(full, Limits::default())).await;
    let refused = client(&url).add_bytes(whole).await.unwrap_err();
    assert!(matches!(refused, Upload::Refused { status: 507, .. }), "{refused}");
}

#[tokio::test]
async fn a_node_that_always_breaks_off_is_given_up() {
    let (_dir, _, url) = node().await;
    let (way, _) = breaking(url, usize::MAX, 1024).await;
    let refused = client(&way).add_bytes(content(12 * MIB)).await.unwrap_err();
    assert!(matches!(refused, Upload::Unreachable { .. } | Upload::Refused { .. }), "{refused}");
}
