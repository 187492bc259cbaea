//! A disk that fills up under a part: the part is named, nothing is corrupted, and with room again everything goes on.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::process::{Process, until};
use support::roles::{Roles, output, plainly};
use support::small_disk::SmallDisk;
use support::{assert_one_line, example, json_of, post, stderr_of};

/// Room for a few purchases.
const DISK_MIB: u32 = 32;

/// A cloud of processes with one worker, one role of which has its state on a small disk; something was bought already.
fn cloud(folder: &Path, small: &str) -> (SmallDisk, Roles) {
    let disk = SmallDisk::mount(&folder.join(small), DISK_MIB);
    let make = |role: &str| if role == small { disk.inside(role) } else { plainly(role) };
    let mut roles = Roles::start(folder, &make);
    roles.add_worker(1, &plainly);
    buy(&roles, "before");
    (disk, roles)
}

fn hello(roles: &Roles, word: &str) -> Command {
    roles.run(&[example("hello/hello.wasm").to_str().expect("text"), "--json", "--", word])
}

fn buy(roles: &Roles, word: &str) {
    let bought = output(hello(roles, word));
    assert!(bought.status.success(), "{word}: {}", stderr_of(&bought));
    assert_eq!(json_of(&bought)["status"], "COMPLETED");
}

/// The process ends with one line that names the part, the disk and the next step.
fn ends_because_of_the_disk(process: &mut Process, part: &str) {
    assert_eq!(process.wait(), Some(2), "{}", process.stderr());
    let told = process.stderr();
    let line = told.lines().find(|line| line.starts_with("metacloud: ")).unwrap_or_else(|| panic!("{told}"));
    for word in [part, "stopped by itself", "full", "free space", "start again"] {
        assert!(line.contains(word), "{word:?} is missing in: {line}");
    }
}

#[test]
#[ignore = "mounts a small disk, which takes root or user namespaces; .ci/run runs it"]
fn chain_refuses_transactions_and_goes_on_with_room_again() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (disk, mut roles) = cloud(folder.path(), "chain");
    disk.fill();
    assert_one_line(&output(hello(&roles, "full")), 2, &["block log could not be written", "No space left"]);
    assert!(!roles.chain.has_ended());
    disk.free();
    buy(&roles, "room");

    // The log is whole: the chain comes back with the same blocks.
    let number = support::rpc(roles.text("rpcUrl"), "eth_blockNumber", json!([]));
    roles.chain.kill();
    let mut again = disk.inside("chain");
    again.args(["--json", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path().join("chain"));
    let (chain, told) = Process::announced(again, &folder.path().join("again.log"));
    let url = told["rpcUrl"].as_str().expect("text");
    assert_eq!(support::rpc(url, "eth_blockNumber", json!([])), number);
    assert!(!chain.stderr().contains("not ended well"), "{}", chain.stderr());
}

#[test]
#[ignore = "mounts a small disk, which takes root or user namespaces; .ci/run runs it"]
fn storage_refuses_uploads_and_goes_on_with_room_again() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (disk, mut roles) = cloud(folder.path(), "storage");
    disk.fill();
    assert_one_line(&output(hello(&roles, "full")), 2, &["upload failed", "is full"]);
    assert!(!roles.storage.has_ended());
    disk.free();
    buy(&roles, "room");
}

#[test]
#[ignore = "mounts a small disk, which takes root or user namespaces; .ci/run runs it"]
fn market_ends_by_name_and_comes_back_whole() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (disk, mut roles) = cloud(folder.path(), "market");
    disk.fill();
    // Each block is news to the market.
    until("the market meets the end of its disk", || {
        support::rpc(roles.text("rpcUrl"), "evm_mine", json!([]));
        roles.market.has_ended()
    });
    ends_because_of_the_disk(&mut roles.market, "the market");
    disk.free();

    let listen = roles.text("gatewayUrl").trim_start_matches("http://").to_owned();
    let mut again = disk.inside("market");
    again.args(["--json", "--listen", &listen, "--data-dir"]).arg(folder.path().join("market"));
    again.args(["--rpc", roles.text("rpcUrl"), "--hub", roles.text("hub")]);
    roles.market = Process::announced(again, &folder.path().join("again.log")).0;
    buy(&roles, "room");
}

#[test]
#[ignore = "mounts a small disk, which takes root or user namespaces; .ci/run runs it"]
fn scheduler_under_up_ends_the_cloud_by_name_and_the_cloud_comes_back_whole() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let data = folder.path().join("data");
    let disk = SmallDisk::mount(&data.join("scheduler"), DISK_MIB);
    let start = || {
        let ready = folder.path().join("ready.json");
        let _ = std::fs::remove_file(&ready);
        let mut command = disk.inside("up");
        command.args(["--rpc-port", "0", "--http-port", "0", "--data-dir"]).arg(&data);
        command.arg("--ready-file").arg(&ready).env("XDG_RUNTIME_DIR", folder.path()).stdout(Stdio::null());
        let process = Process::start(command, &folder.path().join("up.log"));
        until("the cloud is ready", || ready.exists());
        let text = std::fs::read_to_string(&ready).expect("ready file");
        (process, serde_json::from_str::<Value>(&text).expect("JSON"))
    };
    let run = |word: &str| {
        let mut command = plainly("run");
        command.arg("--ready-file").arg(folder.path().join("ready.json")).arg(example("hello/hello.wasm"));
        command.args(["--json", "--", word]).current_dir(folder.path());
        command
    };
    let (mut up, ready) = start();
    let bought = output(run("before"));
    assert!(bought.status.success(), "{}", stderr_of(&bought));

    disk.fill();
    until("the scheduler meets the end of its disk", || {
        if up.has_ended() {
            return true;
        }
        // Each block is journalled. The cloud may end while it is asked.
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "evm_mine", "params": []}).to_string();
        let url = ready["rpcUrl"].as_str().expect("text").to_owned();
        let _ = std::panic::catch_unwind(move || post(&url, "application/json", body.as_bytes()));
        up.has_ended()
    });
    ends_because_of_the_disk(&mut up, "the scheduler");

    disk.free();
    let (_up, _) = start();
    let bought = output(run("room"));
    assert!(bought.status.success(), "{}", stderr_of(&bought));
}

#[test]
#[ignore = "mounts a small disk, which takes root or user namespaces; .ci/run runs it"]
fn worker_fails_its_task_by_name_and_others_do_it() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let disk = SmallDisk::mount(&folder.path().join("worker-1"), DISK_MIB);
    let make = |role: &str| {
        let mut command = disk.inside(role);
        command.env("RUST_LOG", "metacloud_worker=info");
        command
    };
    let mut roles = Roles::start(folder.path(), &plainly);
    roles.add_worker(1, &make);
    buy(&roles, "before");
    disk.fill();
    let buyer =
        hello(&roles, "full").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("run starts");
    until("the worker names its disk", || roles.workers[0].stderr().contains("No space left"));
    roles.add_worker(2, &plainly);
    let bought = buyer.wait_with_output().expect("run ends");
    assert!(bought.status.success(), "{}", stderr_of(&bought));
    assert!(!roles.workers[0].has_ended(), "{}", roles.workers[0].stderr());
    disk.free();
    roles.workers.remove(1).kill();
    buy(&roles, "room");
}

#[test]
#[ignore = "mounts a small disk, which takes root or user namespaces; .ci/run runs it"]
fn up_on_a_disk_that_is_full_already_says_so() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let disk = SmallDisk::mount(&folder.path().join("small"), DISK_MIB);
    disk.fill();
    let output = disk
        .inside("up")
        .args(["--rpc-port", "0", "--http-port", "0", "--data-dir"])
        .arg(folder.path().join("small/data"))
        .output()
        .expect("up starts");
    assert_one_line(&output, 2, &["small/data", "No space left"]);
}
