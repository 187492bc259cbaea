//! How fast, and in how much memory, does storage take a large file?
//!
//! The floor is one pass of SHA-256 over every byte and one write. The peer is that pass alone: the same bytes through
//! the same hash on one thread, in the same process right before. Both are wall time. Printed on stderr are also the
//! add over HTTP and the durable one, which the disk decides.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a measuring program")]

use std::time::Instant;

use bytes::Bytes;
use metacloud_blobs::{Blobs, Limits, Settings, router};
use sha2::{Digest, Sha256};

const FILE_BYTES: u64 = 1 << 30;
const PIECE_BYTES: usize = 256 << 10;
/// Memory that taking the file may need, whatever its size.
const GROWTH_BYTES_MAX: u64 = 32 << 20;
/// Rounds, of which the best counts: the machine may have other work.
const ROUNDS: usize = 3;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let report = runtime.block_on(measure());
    println!("{report}");
}

async fn measure() -> serde_json::Value {
    let piece = piece();
    let (mut hash_s, mut add_s) = (f64::MAX, f64::MAX);
    let mut growth_bytes = 0;
    for _ in 0..ROUNDS {
        hash_s = hash_s.min(hash(&piece));
        let (seconds, grown) = add(&piece, false).await;
        add_s = add_s.min(seconds);
        growth_bytes = growth_bytes.max(grown);
    }
    let (durable_s, _) = add(&piece, true).await;
    let (http_s, http_growth) = add_over_http(&piece).await;
    growth_bytes = growth_bytes.max(http_growth);
    eprintln!(
        "1 GiB: SHA-256 {hash_s:.2} s, add {add_s:.2} s, durable {durable_s:.2} s, over HTTP {http_s:.2} s, \
         memory grew {} MiB at most",
        growth_bytes >> 20
    );
    assert!(growth_bytes < GROWTH_BYTES_MAX, "memory grew by {growth_bytes} bytes");
    serde_json::json!({
        "bench": "blobs_add", "ours": add_s, "peer": hash_s, "peerName": "SHA-256 alone", "unit": "s",
        "ratio": add_s / hash_s, "bound": 1.25,
    })
}

/// Bytes that repeat at no power of two.
fn piece() -> Bytes {
    (0..PIECE_BYTES).map(|at| (at % 251) as u8).collect()
}

fn hash(piece: &[u8]) -> f64 {
    let started = Instant::now();
    let mut hasher = Sha256::new();
    for _ in 0..FILE_BYTES / PIECE_BYTES as u64 {
        hasher.update(piece);
    }
    std::hint::black_box(hasher.finalize());
    started.elapsed().as_secs_f64()
}

async fn add(piece: &Bytes, durable: bool) -> (f64, u64) {
    let dir = tempfile::tempdir_in(".").unwrap();
    let blobs = Blobs::open_with(dir.path(), Settings { durable, ..Settings::default() }).unwrap();
    let reader = tokio_util::io::StreamReader::new(stream(piece.clone()));
    let (before, started) = (resident_bytes(), Instant::now());
    let adding = tokio::spawn(async move { blobs.add_reader(Box::pin(reader)).await.unwrap() });
    let grown = watch(&adding, before).await;
    let added = adding.await.unwrap();
    assert_eq!(added.size_bytes, FILE_BYTES);
    (started.elapsed().as_secs_f64(), grown)
}

async fn add_over_http(piece: &Bytes) -> (f64, u64) {
    let dir = tempfile::tempdir_in(".").unwrap();
    let blobs = Blobs::open_with(dir.path(), Settings { durable: false, ..Settings::default() }).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/v0/add", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router(blobs, Limits::default())).await.unwrap() });
    let part = reqwest::multipart::Part::stream_with_length(
        reqwest::Body::wrap_stream(stream(piece.clone())),
        FILE_BYTES,
    );
    let form = reqwest::multipart::Form::new().part("file", part.file_name(""));
    let (before, started) = (resident_bytes(), Instant::now());
    let sending = tokio::spawn(reqwest::Client::new().post(url).multipart(form).send());
    let grown = watch(&sending, before).await;
    let answer = sending.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    (started.elapsed().as_secs_f64(), grown)
}

fn stream(piece: Bytes) -> impl futures::Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    futures::stream::iter((0..FILE_BYTES / PIECE_BYTES as u64).map(move |_| Ok(piece.clone())))
}

/// The most by which memory grew until the work was done.
async fn watch<T>(work: &tokio::task::JoinHandle<T>, before_bytes: u64) -> u64 {
    let mut most = 0;
    while !work.is_finished() {
        most = most.max(resident_bytes().saturating_sub(before_bytes));
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    most
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
