//! Tasks in development enclaves, through the binary: bought, killed, lied about, refused.

mod support;

use std::path::PathBuf;
use std::process::Command;

use metacloud_node::{UpConfig, WORKERS_MAX};
use metacloud_sdk::{App, Cloud, Ending, Purchase};
use serde_json::Value;
use support::process::{Process, until};
use support::roles::{Roles, plainly};
use support::{Up, example, get, json_of, metacloud, stderr_of};

fn hello() -> String {
    example("hello/hello.wasm").to_str().expect("a text path").to_owned()
}

fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures").join(name);
    path.to_str().expect("a text path").to_owned()
}

/// A JSON answer of the pool about a task.
fn asked(api: &str, path: &str) -> Value {
    let (status, body) = get(&format!("{api}{path}"));
    assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).expect("the pool answers JSON")
}

/// Processes that `parent` started as enclaves.
fn enclaves_of(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    // One that ends meanwhile cannot be read.
    let is_one = |process: &u32| {
        let read =
            |file: &str| std::fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default();
        let (stat, arguments) = (read("stat"), read("cmdline"));
        // Behind the name in parentheses come the state and the parent.
        let of_parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        of_parent == Some(parent.to_string().as_str()) && arguments.split('\0').nth(1) == Some("enclave")
    };
    numbers.filter(is_one).collect()
}

fn kill_9(process: u32) {
    // It may have ended by itself.
    let _ = Command::new("kill").args(["-9", &process.to_string()]).status();
}

#[test]
fn confidential_tasks_complete_at_trust_one_and_with_replicas_and_are_called_simulated() {
    let up = Up::ephemeral(&["--workers", "3", "-v"]);
    assert!(up.stderr().contains("SIMULATED enclaves"), "the log says so: {}", up.stderr());
    until("the banner says so", || up.stderr().contains("enclaves       SIMULATED (root 0x"));
    for (trust, replicas) in [("1", 1), ("3", 2)] {
        let out = tempfile::tempdir().expect("temporary folder");
        let folder = out.path().to_str().expect("text");
        let arguments =
            [&hello(), "--confidential", "--trust", trust, "--out", folder, "--json", "--", "Alice"];
        let output = up.run(&arguments);
        assert!(output.status.success(), "trust {trust}: {}", stderr_of(&output));
        let report = json_of(&output);
        assert_eq!(report["status"], "COMPLETED", "{report}");
        let result = std::fs::read_to_string(out.path().join("result.txt")).expect("the result is unpacked");
        assert!(result.contains("Alice"), "{result}");
        let task = report["taskId"].as_str().expect("task id");
        let view = asked(&up.text("workerpoolApiUrl"), &format!("/tasks/{task}"));
        assert_eq!(view["enclave"], "simulation", "{view}");
        let replicates = view["replicates"].as_array().expect("replicates");
        assert_eq!(replicates.len(), replicas, "{view}");
        assert!(replicates.iter().all(|replicate| replicate["enclave"] == "simulation"), "{view}");
    }
    assert_eq!(enclaves_of(up.id()), Vec::<u32>::new(), "an enclave ends with its task");
    let plain = json_of(&up.run(&[&hello(), "--json", "--", "Bob"]));
    let task = plain["taskId"].as_str().expect("task id");
    let view = asked(&up.text("workerpoolApiUrl"), &format!("/tasks/{task}"));
    assert_eq!((&view["currentStatus"], view.get("enclave")), (&"COMPLETED".into(), None), "{view}");
}

#[test]
fn killed_enclaves_are_replaced_and_then_the_replica_fails_with_its_cause() {
    let up = Up::ephemeral(&["--workers", "1", "--chain-id", "31338"]);
    let mut command = metacloud();
    let app = fixture("confidential.wasm");
    command.args(["run", &app, "--confidential", "--json", "--ready-file"]).arg(&up.ready_file);
    command.args(["--", "spin"]);
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut buyer = Process::start(command, &folder.path().join("run.log"));
    // Each is another process with other keys; the worker gives up after the third.
    let mut killed = Vec::new();
    until("three enclaves ran and were killed", || {
        let running = enclaves_of(up.id());
        for enclave in running.into_iter().filter(|enclave| !killed.contains(enclave)).collect::<Vec<_>>() {
            kill_9(enclave);
            killed.push(enclave);
        }
        killed.len() >= 3
    });
    let api = up.text("workerpoolApiUrl");
    let task = task_of(&up);
    let failures = || asked(&api, &format!("/tasks/{task}/explain"))["failures"].clone();
    until("the replica failed", || failures().as_array().is_some_and(|failures| !failures.is_empty()));
    let failure = failures()[0].clone();
    assert_eq!(failure["cause"], "TEE_PREPARATION_FAILED", "{failure}");
    let message = failure["message"].as_str().unwrap_or_default();
    assert!(message.contains("3 enclaves were lost"), "{failure}");
    buyer.kill();
    // The worker itself is well.
    let after = json_of(&up.run(&[&hello(), "--confidential", "--json", "--", "after"]));
    assert_eq!(after["status"], "COMPLETED", "{after}");
}

/// The first task that the chain of this cloud initialized.
fn task_of(up: &Up) -> String {
    let topic = "0x252992fb0468d68d6a5784ec03214f0d0a362083f2d7ebd157af43b017a22e06";
    let filter = serde_json::json!([{ "fromBlock": "0x0", "toBlock": "latest", "topics": [topic] }]);
    let mut found = None;
    until("a task is initialized", || {
        found = up.rpc("eth_getLogs", filter.clone())[0]["topics"][1].as_str().map(str::to_owned);
        found.is_some()
    });
    found.expect("it was just found")
}

#[test]
fn worker_whose_root_is_not_admitted_gets_no_confidential_task_and_the_pool_says_why() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let make = |role: &str| {
        let mut command = plainly(role);
        let more: &[&str] = match role {
            "scheduler" => &["--admit-simulation", "0x1300000000000000000000000000000000000013"],
            "worker" => &["--enclave", "simulation"],
            _ => &[],
        };
        command.args(more);
        command
    };
    let mut roles = Roles::start(folder.path(), &make);
    roles.add_worker(1, &make);
    let buying = roles.run(&[&hello(), "--confidential", "--json", "--", "nobody"]);
    let mut buyer = Process::start(buying, &folder.path().join("run.log"));
    let topic = "0x252992fb0468d68d6a5784ec03214f0d0a362083f2d7ebd157af43b017a22e06";
    let filter = serde_json::json!([{ "fromBlock": "0x0", "toBlock": "latest", "topics": [topic] }]);
    let mut task = None;
    until("the task is initialized", || {
        let logs = support::rpc(roles.text("rpcUrl"), "eth_getLogs", filter.clone());
        task = logs[0]["topics"][1].as_str().map(str::to_owned);
        task.is_some()
    });
    let task = task.expect("it was just found");
    let api = roles.text("workerpoolApiUrl").to_owned();
    let explained = || asked(&api, &format!("/tasks/{task}/explain"));
    until("the pool knows that nobody can take it", || {
        explained()["workers"].as_array().is_some_and(|workers| !workers.is_empty())
    });
    let reason = explained()["workers"][0]["reason"].clone();
    assert!(reason.as_str().is_some_and(|reason| reason.contains("does not admit the root")), "{reason}");
    buyer.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn liar_has_no_enclaves_word_for_its_lie_and_cannot_contribute_it() {
    let config = UpConfig {
        liars: 1,
        enclave_program: Some(env!("CARGO_BIN_EXE_metacloud").into()),
        ..UpConfig::ephemeral(2)
    };
    assert!(config.workers + config.liars <= WORKERS_MAX);
    let up = metacloud_node::Up::start(config).await.expect("up starts");
    let ready = up.ready();
    let requester =
        ready.accounts.iter().find(|account| account.role == metacloud_sdk::ready::Role::Requester);
    let key = requester.expect("a requester").private_key.0;
    let cloud = Cloud::connect(ready, key).await.expect("the cloud answers");
    let bytes = std::fs::read(example("hello/hello.wasm")).expect("the example");
    let module = App::Module { name: "hello".to_owned(), bytes: bytes.into() };
    // Three replicas at least, so that the liar is among those who are asked.
    let tag = "0x0000000000000000000000000000000000000000000000000000000000000009".parse().expect("a tag");
    let purchase = Purchase { trust: 3, volume: 2, tag, ..Purchase::new(module) };
    let deal = cloud.buy(&purchase).await.expect("bought");
    let mut watch = deal.watch().await.expect("followed");
    while watch.next().await.expect("the chain answers").is_some() {}
    let completed = |ending: &Option<Ending>| matches!(ending, Some(Ending::Completed));
    assert!(watch.endings().iter().all(completed), "{:?}", watch.endings());
    for state in deal.states().await.expect("the chain answers") {
        for liar in up.liars() {
            assert!(!state.contributors.contains(liar), "the chain refuses what no enclave signed");
        }
    }
    up.stop().await.expect("up ends well");
}
