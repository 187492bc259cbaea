//! A node that fails on purpose: what goes through it reaches the real one until its patience is used up.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::support::post;

/// How sending a transaction fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It never reaches the chain.
    Lost,
    /// It is mined, but nobody hears of it.
    Unheard,
}

/// Forwards JSON-RPC to a node. Ends with the process.
pub(crate) struct Proxy {
    pub(crate) url: String,
    left: Arc<AtomicU32>,
}

impl Proxy {
    pub(crate) fn before(node: &str, failure: Failure) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let left = Arc::new(AtomicU32::new(0));
        let (node, shared) = (node.to_owned(), Arc::clone(&left));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (node, left) = (node.clone(), Arc::clone(&shared));
                // A client that goes away ends its thread.
                std::thread::spawn(move || serve(stream, &node, failure, &left));
            }
        });
        Self { url, left }
    }

    /// From now on this many transactions get through well.
    pub(crate) fn allow(&self, transactions: u32) {
        self.left.store(transactions, Ordering::SeqCst);
    }
}

/// Answers one connection until it is closed.
fn serve(mut stream: TcpStream, node: &str, failure: Failure, left: &AtomicU32) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let header = line.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(std::io::Error::other)?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let answer = answer(node, &body, failure, left);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        stream.write_all(&[head.as_bytes(), &answer].concat())?;
    }
}

fn answer(node: &str, body: &[u8], failure: Failure, left: &AtomicU32) -> Vec<u8> {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    if request["method"] != "eth_sendRawTransaction" {
        return post(node, "application/json", body).1;
    }
    let is_allowed = |left: u32| left.checked_sub(1);
    if left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, is_allowed).is_ok() {
        return post(node, "application/json", body).1;
    }
    if failure == Failure::Unheard {
        post(node, "application/json", body);
    }
    let error = json!({"code": -32_000, "message": "the test pulls the plug"});
    json!({"jsonrpc": "2.0", "id": request["id"], "error": error}).to_string().into_bytes()
}
