//! anvil, from the npm package that `benches/package-lock.json` pins, and JSON-RPC to it.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test file uses its part")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long a receipt may take on a busy machine.
const RECEIPT_PATIENCE: Duration = Duration::from_secs(60);

/// A running anvil on a port of its own, killed when dropped.
pub struct Anvil {
    child: Child,
    /// `host:port`.
    address: String,
}

impl Anvil {
    pub fn start(chain_id: u64) -> Self {
        Self::start_with(chain_id, &[])
    }

    /// With further flags.
    pub fn start_with(chain_id: u64, flags: &[&str]) -> Self {
        let mut child = Command::new(binary())
            .args(["--port", "0", "--chain-id", &chain_id.to_string()])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("Listening on ").map(str::to_owned))
            .expect("anvil says where it listens");
        // Whatever it says later is read, so that it never blocks; the thread ends with it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// One JSON-RPC call; its result.
    pub fn rpc(&self, method: &str, params: Value) -> Value {
        rpc(&self.address, method, params)
    }

    /// Sends a transaction of an account that anvil holds or impersonates; its receipt.
    pub fn transact(&self, call: &Value) -> Value {
        transact(&self.address, call)
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `eth_sendTransaction` to the node at `host:port`, and the receipt once there is one.
pub fn transact(address: &str, call: &Value) -> Value {
    let hash = rpc(address, "eth_sendTransaction", json!([call]));
    let started = Instant::now();
    loop {
        let receipt = rpc(address, "eth_getTransactionReceipt", json!([hash]));
        if !receipt.is_null() {
            return receipt;
        }
        assert!(started.elapsed() < RECEIPT_PATIENCE, "{hash} is not mined");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// One JSON-RPC call to the node at `host:port`; its result.
pub fn rpc(address: &str, method: &str, params: Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST / HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a head");
    let answer: Value = serde_json::from_slice(&answer[end + 4..]).unwrap();
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].clone()
}

/// The native binary, installed if it is not there.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benches");
        let binary = folder.join("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
        if !binary.exists() {
            let npm =
                Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder).output();
            let done = npm.expect("npm is there: install Node.js 20 or later");
            assert!(done.status.success(), "npm ci: {}", String::from_utf8_lossy(&done.stderr));
        }
        binary
    })
}
