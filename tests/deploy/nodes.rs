//! Chains to deploy to: the embedded one in this process, and anvil from npm.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use metacloud_devchain::{Config, Devchain};
use serde_json::{Value, json};

use crate::support::post;

/// Chain id of every chain here.
pub(crate) const CHAIN_ID: u64 = 31_337;
/// Gas that a transaction of a plan is sent with: the most that one may have (EIP-7825).
const GAS: &str = "0x1000000";
/// How long a receipt may take on a busy machine.
const RECEIPT_PATIENCE: Duration = Duration::from_secs(60);

/// A chain with funded development accounts and nothing else.
pub(crate) struct Node {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    _running: Running,
}

#[allow(dead_code, reason = "held until the test ends")]
enum Running {
    Devchain(Devchain, tokio::runtime::Runtime),
    Anvil(Anvil),
}

struct Anvil(Child);

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Node {
    pub(crate) fn devchain() -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let chain =
            runtime.block_on(metacloud_devchain::start(Config::in_memory(CHAIN_ID))).expect("devchain");
        Self { name: "devchain", url: chain.rpc_url(), _running: Running::Devchain(chain, runtime) }
    }

    pub(crate) fn anvil() -> Self {
        let mut child = Command::new(anvil_binary())
            .args(["--port", "0", "--chain-id", &CHAIN_ID.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("anvil starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let running = Anvil(child);
        let mut lines = BufReader::new(stdout).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("Listening on ").map(str::to_owned))
            .expect("anvil says where it listens");
        // Whatever it says later is read, so that it never blocks; the thread ends with it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { name: "anvil", url: format!("http://{address}"), _running: Running::Anvil(running) }
    }

    /// Both kinds.
    pub(crate) fn both() -> [Self; 2] {
        [Self::devchain(), Self::anvil()]
    }

    /// One JSON-RPC call; its result.
    pub(crate) fn rpc(&self, method: &str, params: Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let (_, answer) = post(&self.url, "application/json", body.as_bytes());
        let answer: Value = serde_json::from_slice(&answer).expect("JSON-RPC answers are JSON");
        assert!(answer.get("error").is_none(), "{} {method}: {answer}", self.name);
        answer["result"].clone()
    }

    pub(crate) fn code(&self, address: &str) -> String {
        self.rpc("eth_getCode", json!([address, "latest"])).as_str().expect("code is text").to_owned()
    }

    /// Transactions that an account has sent.
    pub(crate) fn nonce(&self, address: &str) -> u64 {
        let nonce = self.rpc("eth_getTransactionCount", json!([address, "latest"]));
        u64::from_str_radix(nonce.as_str().expect("a number").trim_start_matches("0x"), 16).expect("hex")
    }

    /// What a contract answers to a call.
    pub(crate) fn view(&self, to: &str, data: &str) -> String {
        let call = json!([{"to": to, "data": data}, "latest"]);
        self.rpc("eth_call", call).as_str().expect("return data is text").to_owned()
    }

    /// Sends a transaction of a plan as the development account that it is from, and returns its receipt.
    pub(crate) fn send(&self, planned: &Value) -> Value {
        let mut transaction = planned.clone();
        let members = transaction.as_object_mut().expect("a transaction is an object");
        members.remove("creates");
        if members["to"].is_null() {
            members.remove("to");
        }
        members.insert("gas".to_owned(), json!(GAS));
        let hash = self.rpc("eth_sendTransaction", json!([transaction]));
        let started = Instant::now();
        loop {
            let receipt = self.rpc("eth_getTransactionReceipt", json!([hash]));
            if !receipt.is_null() {
                return receipt;
            }
            assert!(started.elapsed() < RECEIPT_PATIENCE, "{}: {hash} is not mined", self.name);
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The native binary in the npm package that `benches/package-lock.json` pins.
fn anvil_binary() -> &'static Path {
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
