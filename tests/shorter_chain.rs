//! The chain comes back shorter than it was left: its block log was damaged at the end, as a power cut may do.

mod support;

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Up, assert_one_line, example, get, json_of, metacloud, stderr_of};

/// Longest wait for a settlement.
const PATIENCE: Duration = Duration::from_secs(120);

fn log_of(folder: &Path) -> PathBuf {
    folder.join("data/chain/blocks.log")
}

fn length_of(folder: &Path) -> u64 {
    log_of(folder).metadata().expect("the block log").len()
}

fn cut_to(folder: &Path, length: u64) {
    let file = OpenOptions::new().write(true).open(log_of(folder)).expect("the block log");
    file.set_len(length).expect("the log is cut");
}

/// Buys one run and answers its report.
fn buy(up: &Up, word: &str) -> Value {
    let module = example("hello/hello.wasm");
    let output = up.run(&[module.to_str().expect("a text path"), "--json", "--", word]);
    assert!(output.status.success(), "{word}: {}", stderr_of(&output));
    let report = json_of(&output);
    assert_eq!(report["status"], "COMPLETED", "{report}");
    report
}

fn fetch(up: &Up, service: &str, path: &str) -> (u16, Value) {
    let (status, body) = get(&format!("{}{path}", up.text(service)));
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

fn deals(up: &Up) -> u64 {
    let path = format!("/deals?chainId={}", up.ready["chainId"]);
    fetch(up, "gatewayUrl", &path).1["count"].as_u64().expect("a count")
}

/// Every order of the pool that is open: hash and what is left of it.
fn pool_orders(up: &Up) -> Vec<(String, u64)> {
    let (pool, chain) = (up.text("workerpool"), &up.ready["chainId"]);
    let path = format!(
        "/workerpoolorders?chainId={chain}&workerpool={pool}&app=any&dataset=any&requester=any&pageSize=100"
    );
    let (status, page) = fetch(up, "gatewayUrl", &path);
    assert_eq!(status, 200, "{page}");
    let orders = page["orders"].as_array().expect("orders");
    let read = |order: &Value| {
        let hash = order["orderHash"].as_str().expect("a hash").to_owned();
        (hash, order["remaining"].as_u64().expect("a volume"))
    };
    let mut orders: Vec<_> = orders.iter().map(read).collect();
    orders.sort();
    orders
}

fn task_of(report: &Value) -> String {
    report["taskId"].as_str().expect("a task id").to_owned()
}

/// Waits until the pool shows the task as settled.
fn until_settled(up: &Up, task: &str) {
    let started = Instant::now();
    loop {
        let (status, view) = fetch(up, "workerpoolApiUrl", &format!("/tasks/{task}"));
        if status == 200 && view["currentStatus"] == "COMPLETED" {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{task} is not settled again: {view}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_torn_last_block_is_dropped_and_what_it_settled_is_settled_again() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let up = Up::durable(folder.path(), &[]);
    let first = buy(&up, "before");
    assert_eq!(up.interrupt(), Some(0));
    cut_to(folder.path(), length_of(folder.path()) - 5);

    let up = Up::durable(folder.path(), &[]);
    let said = std::fs::read_to_string(folder.path().join("up.log")).expect("stderr");
    assert!(said.contains("dropped") && said.contains("goes on from block"), "{said}");
    until_settled(&up, &task_of(&first));
    assert_eq!(deals(&up), 1);
    buy(&up, "after");
    assert_eq!(deals(&up), 2);
    assert_eq!(up.interrupt(), Some(0));
}

#[test]
fn blocks_lost_with_their_deal_are_forgotten_by_every_part() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let up = Up::durable(folder.path(), &[]);
    let kept = buy(&up, "kept");
    let (orders, length) = (pool_orders(&up), length_of(folder.path()));
    let lost = buy(&up, "lost");
    assert_ne!(pool_orders(&up), orders, "the second purchase used the pool's order");
    assert!(length_of(folder.path()) > length + 5);
    up.kill();
    cut_to(folder.path(), length + 3);

    let up = Up::durable(folder.path(), &[]);
    let said = std::fs::read_to_string(folder.path().join("up.log")).expect("stderr");
    assert!(said.contains("3 bytes") && said.contains("goes on from block"), "{said}");
    assert_eq!(deals(&up), 1, "the second deal is gone");
    assert_eq!(pool_orders(&up), orders, "and with it its use of the order");
    let (status, view) = fetch(&up, "workerpoolApiUrl", &format!("/tasks/{}", task_of(&kept)));
    assert_eq!((status, &view["currentStatus"]), (200, &Value::from("COMPLETED")));
    let (status, view) = fetch(&up, "workerpoolApiUrl", &format!("/tasks/{}", task_of(&lost)));
    assert_eq!(status, 404, "{view}");
    buy(&up, "next");
    assert_eq!(deals(&up), 2);
    assert_eq!(up.interrupt(), Some(0));

    // What is shorter is the same chain still; another one is refused.
    let data = folder.path().join("data");
    let data = data.to_str().expect("a text path");
    let other = ["up", "--data-dir", data, "--rpc-port", "0", "--http-port", "0", "--chain-id", "5"];
    let output = metacloud().args(other).output().expect("up starts");
    assert_one_line(&output, 2, &["chain"]);
}
