//! The block log: reopening, damage, refusals.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use alloy_primitives::U256;
use metacloud_devchain::{Config, Devchain, StartError, start};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixture::*;

fn durable(dir: &Path) -> Config {
    Config { data_dir: Some(dir.to_owned()), ..config() }
}

async fn open(dir: &Path) -> Devchain {
    start(durable(dir)).await.unwrap()
}

fn log(dir: &Path) -> PathBuf {
    dir.join("blocks.log")
}

/// Everything about a chain that a client can see.
async fn sight(chain: &Devchain) -> Value {
    let mut blocks = Vec::new();
    for block in 0..=chain.head().0 {
        let tag = json!(U256::from(block));
        blocks.push(json!([
            result(chain, "eth_getBlockByNumber", json!([tag, true])).await,
            result(chain, "eth_getBlockReceipts", json!([tag])).await,
            result(chain, "eth_getBalance", json!([address(0), tag])).await,
            result(chain, "eth_getStorageAt", json!([address(0).create(0), "0x1", tag])).await,
        ]));
    }
    json!([
        blocks,
        result(chain, "txpool_content", json!([])).await,
        result(chain, "eth_getBalance", json!([address(5)])).await,
        result(chain, "eth_getCode", json!([address(0).create(0)])).await,
    ])
}

#[tokio::test]
async fn reopened_chain_is_the_chain_that_was_dropped() {
    let dir = TempDir::new().unwrap();
    let chain = open(dir.path()).await;
    let probe = probe(&chain).await;
    let send = |value| json!([{"from": address(0), "to": probe, "data": store(1, value)}]);
    result(&chain, "eth_sendTransaction", send(5)).await;
    result(&chain, "hardhat_setBalance", json!([address(5), "0x99"])).await;
    let snapshot = result(&chain, "evm_snapshot", json!([])).await;
    result(&chain, "eth_sendTransaction", send(6)).await;
    result(&chain, "hardhat_setBalance", json!([address(5), "0x98"])).await;
    result(&chain, "evm_revert", json!([snapshot])).await;
    result(&chain, "eth_sendTransaction", send(7)).await;
    result(&chain, "evm_increaseTime", json!([100_000])).await;
    result(&chain, "evm_mine", json!([])).await;
    result(&chain, "eth_sendRawTransaction", json!([raw(1, transfer(1))])).await;
    let before = sight(&chain).await;
    drop(chain);

    let chain = open(dir.path()).await;

    assert_eq!(sight(&chain).await, before);
    assert_eq!(chain.recovered().dropped_bytes, 0);
    assert_eq!(chain.recovered().blocks, 4 + 1);
    let head = result(&chain, "eth_getBlockByNumber", json!(["latest", false])).await;
    result(&chain, "evm_mine", json!([])).await;
    let next = result(&chain, "eth_getBlockByNumber", json!(["latest", false])).await;
    assert!(number(&next["timestamp"]) >= number(&head["timestamp"]), "the offset is kept");
    result(&chain, "eth_sendRawTransaction", json!([raw(1, transfer(0))])).await;
    let status = result(&chain, "txpool_status", json!([])).await;
    assert_eq!(status, json!({"pending": "0x0", "queued": "0x0"}));
}

/// Not a test of its own: the process that the next test kills.
#[tokio::test]
#[ignore = "started by killed_process_loses_nothing_that_it_acknowledged"]
async fn child_serves_until_it_is_killed() {
    let Some(dir) = std::env::var_os("DEVCHAIN_CHILD_DIR") else {
        return;
    };
    let chain = open(Path::new(&dir)).await;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "\nurl {}", chain.rpc_url()).unwrap();
    stdout.flush().unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn killed_process_loses_nothing_that_it_acknowledged() {
    let dir = TempDir::new().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["durability::child_serves_until_it_is_killed", "--exact", "--ignored", "--nocapture"])
        .env("DEVCHAIN_CHILD_DIR", dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let url = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .find_map(|line| line.unwrap().strip_prefix("url ").map(str::to_owned))
        .unwrap();
    let (acknowledged, mut inbox) = tokio::sync::mpsc::unbounded_channel();
    for index in 0..4 {
        let (url, acknowledged) = (url.clone(), acknowledged.clone());
        tokio::spawn(async move {
            let client = reqwest::Client::new();
            for nonce in 0.. {
                let body = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction",
                                  "params": [raw(index, transfer(nonce))]});
                let Ok(answer) = client.post(&url).body(body.to_string()).send().await else {
                    return;
                };
                let Ok(text) = answer.text().await else {
                    return;
                };
                let answer: Value = serde_json::from_str(&text).unwrap();
                acknowledged.send(answer["result"].clone()).unwrap();
            }
        });
    }
    drop(acknowledged);
    let mut hashes = Vec::new();
    while let Some(hash) = inbox.recv().await {
        hashes.push(hash);
        if hashes.len() == 200 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();

    let chain = open(dir.path()).await;

    assert!(hashes.len() >= 200);
    for hash in hashes {
        let receipt = result(&chain, "eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt["status"], "0x1");
    }
}

#[tokio::test]
async fn tail_torn_at_any_byte_falls_back_to_the_block_before() {
    let dir = TempDir::new().unwrap();
    let chain = open(dir.path()).await;
    result(&chain, "eth_sendRawTransaction", json!([raw(0, transfer(0))])).await;
    let whole = chain.head();
    chain.stop().await.unwrap();
    let keep = fs::metadata(log(dir.path())).unwrap().len();
    let chain = open(dir.path()).await;
    result(&chain, "eth_sendRawTransaction", json!([raw(0, transfer(1))])).await;
    chain.stop().await.unwrap();
    let bytes = fs::read(log(dir.path())).unwrap();

    for cut in usize::try_from(keep).unwrap()..bytes.len() {
        fs::write(log(dir.path()), &bytes[..cut]).unwrap();
        let chain = open(dir.path()).await;
        assert_eq!(chain.head(), whole, "cut at {cut}");
        assert_eq!(chain.recovered().dropped_bytes, cut as u64 - keep);
        drop(chain);
        assert_eq!(fs::metadata(log(dir.path())).unwrap().len(), keep);
    }
    fs::write(log(dir.path()), &bytes).unwrap();
    assert_eq!(open(dir.path()).await.head().0, 2);
}

#[tokio::test]
async fn flipped_bytes_are_noticed_and_what_follows_is_dropped_and_counted() {
    let dir = TempDir::new().unwrap();
    let chain = open(dir.path()).await;
    result(&chain, "eth_sendRawTransaction", json!([raw(0, transfer(0))])).await;
    let whole = chain.head();
    chain.stop().await.unwrap();
    let keep = usize::try_from(fs::metadata(log(dir.path())).unwrap().len()).unwrap();
    let chain = open(dir.path()).await;
    for nonce in 1..3 {
        result(&chain, "eth_sendRawTransaction", json!([raw(0, transfer(nonce))])).await;
    }
    chain.stop().await.unwrap();
    let bytes = fs::read(log(dir.path())).unwrap();
    let record = u32::from_le_bytes(bytes[keep..keep + 4].try_into().unwrap()) as usize;

    for at in (keep + 4..keep + 8 + record).step_by(37) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        fs::write(log(dir.path()), damaged).unwrap();
        let chain = open(dir.path()).await;
        assert_eq!(chain.head(), whole, "flipped at {at}");
        assert_eq!(chain.recovered().dropped_bytes as usize, bytes.len() - keep);
        assert_eq!(chain.recovered().dropped_records, 1);
        drop(chain);
    }
}

#[tokio::test]
async fn foreign_logs_are_refused_by_name_and_left_alone() {
    let dir = TempDir::new().unwrap();
    let chain = open(dir.path()).await;
    let in_use = start(durable(dir.path())).await.unwrap_err();
    assert!(matches!(in_use, StartError::InUse { .. }), "{in_use}");
    chain.stop().await.unwrap();
    let before = fs::read(log(dir.path())).unwrap();

    let mut other = durable(dir.path());
    other.chain_id = 7;
    let error = start(other).await.unwrap_err();
    assert!(matches!(error, StartError::OtherChain { found: CHAIN_ID, expected: 7, .. }), "{error}");
    let mut other = durable(dir.path());
    other.genesis.balances.pop();
    let error = start(other).await.unwrap_err();
    assert!(matches!(error, StartError::OtherGenesis { .. }), "{error}");
    assert_eq!(fs::read(log(dir.path())).unwrap(), before);

    let mut version = before.clone();
    version[8] = 99;
    fs::write(log(dir.path()), version).unwrap();
    let error = start(durable(dir.path())).await.unwrap_err();
    assert!(matches!(error, StartError::OtherVersion { found: 99, .. }), "{error}");
    fs::write(log(dir.path()), vec![b'x'; 200]).unwrap();
    let error = start(durable(dir.path())).await.unwrap_err();
    assert!(matches!(error, StartError::NotALog { .. }), "{error}");
}

#[tokio::test]
async fn busy_port_is_named() {
    let chain = chain().await;
    let mut config = config();
    config.listen = chain.local_addr();
    let error = start(config).await.unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }));
    assert!(error.to_string().contains(&chain.local_addr().to_string()));
}

#[tokio::test]
async fn genesis_executes_its_transactions_and_names_one_that_fails() {
    use metacloud_devchain::GenesisTransaction;
    let creation =
        GenesisTransaction { from: address(0), to: None, data: probe_creation(), value: U256::ZERO };
    let failing = GenesisTransaction { to: Some(address(0).create(0)), data: INVALID, ..creation.clone() };
    let mut with_contract = config();
    with_contract.genesis.transactions = vec![creation];
    let chain = start(with_contract.clone()).await.unwrap();
    let code = result(&chain, "eth_getCode", json!([address(0).create(0), "earliest"])).await;
    assert!(code.as_str().unwrap().len() > 2);
    let nonce = result(&chain, "eth_getTransactionCount", json!([address(0)])).await;
    assert_eq!(nonce, "0x1");

    with_contract.genesis.transactions.push(failing);
    let error = start(with_contract).await.unwrap_err();
    assert_eq!(error.to_string(), "transaction 1 of the genesis failed: invalid opcode: INVALID");
}
