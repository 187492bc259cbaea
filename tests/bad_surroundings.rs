//! What a person sees when something is missing, gone, or interrupted.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::process::{Process, until};
use support::{Up, assert_one_line, example, json_of, metacloud, stderr_of};

/// The key 1 and its account, which own nothing on a fresh chain.
const POOR_KEY: &str = "0x0000000000000000000000000000000000000000000000000000000000000001";
const POOR: &str = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf";

fn hello() -> String {
    example("hello/hello.wasm").to_str().expect("a text path").to_owned()
}

/// `metacloud run` by somebody who has nothing.
fn run_poorly(up: &Up, folder: &Path) -> Command {
    let mut ready = up.ready.clone();
    let accounts = ready["accounts"].as_array_mut().expect("accounts");
    let requester = accounts.iter_mut().find(|account| account["role"] == "requester").expect("requester");
    *requester = json!({ "role": "requester", "address": POOR, "privateKey": POOR_KEY });
    let path = folder.join("poor.json");
    std::fs::write(&path, ready.to_string()).expect("ready file");
    let mut command = metacloud();
    command.arg("run").arg("--ready-file").arg(path).arg(hello()).current_dir(folder);
    command
}

#[test]
fn a_buyer_without_funds_is_told_what_is_missing() {
    let up = Up::ephemeral(&["--workers", "1"]);
    let folder = tempfile::tempdir().expect("temporary folder");
    let output = run_poorly(&up, folder.path()).output().expect("run starts");
    assert_one_line(&output, 2, &[POOR, "needs", "has", "send it"]);
    assert!(!stderr_of(&output).contains(&POOR_KEY[2..]));

    // Ether alone buys nothing.
    let deployer = up.ready["accounts"][0]["address"].as_str().expect("text");
    let ether = json!([{ "from": deployer, "to": POOR, "value": "0xde0b6b3a7640000" }]);
    up.rpc("eth_sendTransaction", ether);
    let output = run_poorly(&up, folder.path()).output().expect("run starts");
    assert_one_line(&output, 2, &[POOR, "needs 0.0099999 RLC", "0 RLC", "send it"]);
    assert!(output.stdout.is_empty());
}

#[test]
fn a_ready_file_whose_cloud_is_gone_says_so() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let up = Up::durable(folder.path(), &["--workers", "0"]);
    let ready_file = up.ready_file.clone();
    let mark = folder.path().join("xdg/metacloud/ready.json");
    until("it leaves its mark for others, after its ready file", || mark.exists());
    up.kill();
    let run = |file: &Path| {
        let mut command = metacloud();
        command.arg("run").arg("--ready-file").arg(file).arg(hello());
        command.output().expect("run starts")
    };
    assert_one_line(&run(&ready_file), 2, &["cannot reach", "ready.json", "still run", "metacloud up"]);

    // The same for the file that `up` leaves for `run` on the same machine.
    let mut command = metacloud();
    command.arg("run").arg(hello()).env("XDG_RUNTIME_DIR", folder.path().join("xdg"));
    let output = command.output().expect("run starts");
    assert_one_line(&output, 2, &["cannot reach", "ready.json", "still run", "metacloud up"]);

    // Half a file, and something else.
    for text in ["", "{\"chainId\": 1", "[]", "{\"chainId\": \"x\"}"] {
        let file = folder.path().join("bad.json");
        std::fs::write(&file, text).expect("file");
        assert_one_line(&run(&file), 2, &["bad.json", "metacloud up --ready-file"]);
    }
}

#[test]
fn unknown_flags_are_refused_with_exit_code_two_everywhere() {
    for command in ["demo", "run", "up", "chain", "storage", "market", "secrets", "scheduler", "worker"] {
        let output = metacloud().args([command, "--frobnicate"]).output().expect("starts");
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(stderr_of(&output).contains("--frobnicate"), "{command}: {}", stderr_of(&output));
        assert!(output.stdout.is_empty());
    }
    for words in [&["config"][..], &["config", "show", "nobody"], &["frobnicate"], &[]] {
        let output = metacloud().args(words).output().expect("starts");
        assert_eq!(output.status.code(), Some(2), "{words:?}");
    }
}

/// A process whose stdout is kept, with temporary files in `folder/tmp`.
fn start(folder: &Path, arguments: &[&str]) -> Process {
    std::fs::create_dir_all(folder.join("tmp")).expect("folder");
    let mut command = metacloud();
    command.args(arguments).current_dir(folder).env("TMPDIR", folder.join("tmp")).stdout(Stdio::null());
    command.env("XDG_RUNTIME_DIR", folder.join("xdg"));
    Process::start(command, &folder.join("stderr.log"))
}

/// Whether a worker has a task, in any state folder below.
fn computes(below: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(below) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        path.is_dir() && ((entry.file_name() == "tasks" && has_entries(&path)) || computes(&path))
    })
}

fn has_entries(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}

#[test]
fn interrupted_demo_ends_everything_and_leaves_nothing() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut demo = start(folder.path(), &["demo", "--json", "--out", "picture.png"]);
        until("the demo computes", || computes(&folder.path().join("tmp")) || demo.has_ended());
        demo.signal(signal);
        assert_eq!(demo.wait(), Some(code), "{}", demo.stderr());
        assert_eq!(demo.stderr().lines().count(), 1, "{}", demo.stderr());
        assert!(demo.stderr().contains("interrupted"), "{}", demo.stderr());
        assert!(!has_entries(&folder.path().join("tmp")), "temporary folders stay");
        assert!(!folder.path().join("picture.png").exists());
    }
}

#[test]
fn interrupted_up_ends_everything_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let arguments =
        ["up", "--ephemeral", "--rpc-port", "0", "--http-port", "0", "--ready-file", "ready.json"];
    for signal in ["INT", "TERM"] {
        let mut up = start(folder.path(), &arguments);
        until("the cloud is ready", || folder.path().join("ready.json").exists());
        until("the cloud is registered", || folder.path().join("xdg/metacloud/ready.json").exists());
        up.signal(signal);
        assert_eq!(up.wait(), Some(0), "{}", up.stderr());
        assert!(!has_entries(&folder.path().join("tmp")), "temporary folders stay");
        assert!(!folder.path().join("xdg/metacloud/ready.json").exists(), "it is not found any more");
        std::fs::remove_file(folder.path().join("ready.json")).expect("ready file");
    }
    // Also before it is ready.
    let mut up = start(folder.path(), &arguments);
    until("something is there", || has_entries(&folder.path().join("tmp")));
    up.signal("INT");
    assert!(matches!(up.wait(), Some(0 | 130)), "{}", up.stderr());
    assert!(!has_entries(&folder.path().join("tmp")), "temporary folders stay");
}

#[test]
fn interrupted_run_names_the_deal_that_goes_on() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let up = Up::durable(folder.path(), &["--workers", "1"]);
    let module = folder.path().join("loops.wasm");
    std::fs::write(&module, wat::parse_str(include_str!("fixtures/loops.wat")).expect("module"))
        .expect("file");
    let ready_file = up.ready_file.to_str().expect("text");
    let mut run = start(folder.path(), &["run", "--ready-file", ready_file, "loops.wasm"]);
    until("the worker computes", || computes(&folder.path().join("data/workers")));
    run.signal("INT");
    assert_eq!(run.wait(), Some(130), "{}", run.stderr());
    let told = run.stderr();
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.contains("interrupted"), "{told}");
    // The buyer may not have heard of its deal yet although the worker has.
    assert!(told.contains("the deal is made and goes on") || told.contains("on its way"), "{told}");
    assert_eq!(up.interrupt(), Some(0), "a running application does not hold the cloud");
}

#[test]
fn what_up_says_of_its_keys_is_loud() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let arguments = ["up", "--ephemeral", "--rpc-port", "0", "--http-port", "0", "--workers", "0"];
    let up = start(folder.path(), &arguments);
    until("it says so", || up.stderr().contains("Ctrl-C ends the cloud"));
    assert!(up.stderr().contains("FOR DEVELOPMENT ONLY"), "{}", up.stderr());
    let wide: Vec<String> =
        up.stderr().lines().filter(|line| line.chars().count() > 80).map(str::to_owned).collect();
    assert!(wide.is_empty(), "wider than a terminal: {wide:?}");
}

#[test]
fn help_of_every_role_tells_defaults_and_variables() {
    for (role, words) in [
        ("up", &["8545", "8600", "31337", "METACLOUD_WORKERS"][..]),
        ("chain", &["127.0.0.1:8545", "METACLOUD_LISTEN", "31337"]),
        ("storage", &["127.0.0.1:8602", "METACLOUD_DATA_DIR"]),
        ("market", &["127.0.0.1:8600", "METACLOUD_RPC"]),
        (
            "secrets",
            &["127.0.0.1:8603", "METACLOUD_ADMIT_SIMULATION", "[default: hardware]", "METACLOUD_KEY_FILE"],
        ),
        ("explorer", &["127.0.0.1:8604", "METACLOUD_DATA_PROTECTOR"]),
        ("scheduler", &["127.0.0.1:8601", "33333 nRLC", "METACLOUD_PRIVATE_KEY"]),
        ("worker", &["[default: 1]", "METACLOUD_KEY", "METACLOUD_READY_FILE"]),
    ] {
        let output = metacloud().args([role, "--help"]).output().expect("help");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success());
        for word in words.iter().chain(&["METACLOUD_CONFIG", "config.toml"]) {
            assert!(text.contains(word), "{word:?} is missing in the help of {role}:\n{text}");
        }
    }
    let output = metacloud().args(["config", "show", "--json"]).output().expect("config show");
    let all: Value = json_of(&output);
    assert_eq!(all.as_object().map(serde_json::Map::len), Some(8));
}
