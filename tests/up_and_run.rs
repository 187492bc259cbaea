//! `metacloud up`, and buying from it.

mod support;

use serde_json::{Value, json};
use support::{Up, assert_one_line, example, get, json_of, metacloud, stderr_of};

fn hello() -> String {
    example("hello/hello.wasm").to_str().expect("a text path").to_owned()
}

#[test]
fn ready_file_names_everything_and_everything_answers() {
    let up = Up::ephemeral(&["--chain-id", "65535"]);

    assert_eq!(up.ready["chainId"], 65_535);
    assert_eq!(up.rpc("eth_chainId", json!([])), "0xffff");
    for key in ["hub", "rlc", "appRegistry", "datasetRegistry", "workerpoolRegistry", "workerpool"] {
        let code = up.rpc("eth_getCode", json!([up.text(key), "latest"]));
        assert!(code.as_str().is_some_and(|code| code.len() > 2), "{key} has code");
    }
    let roles: Vec<&str> = up.ready["accounts"]
        .as_array()
        .expect("accounts")
        .iter()
        .filter_map(|a| a["role"].as_str())
        .collect();
    for role in ["deployer", "appProvider", "datasetProvider", "workerpoolOwner", "requester", "worker"] {
        assert!(roles.contains(&role), "{role} is missing in {roles:?}");
    }
    for key in ["gatewayUrl", "ipfsGatewayUrl", "ipfsNodeUrl", "workerpoolApiUrl", "schedulerUrl"] {
        assert!(up.text(key).starts_with("http://127.0.0.1:"), "{key}");
    }
    let (status, version) = get(&format!("{}/version", up.text("gatewayUrl")));
    assert_eq!((status, String::from_utf8_lossy(&version).contains("version")), (200, true));
    let (status, _) = get(&format!("{}/workerpoolorders?chainId=65535&category=0", up.text("gatewayUrl")));
    assert_eq!(status, 200);
    assert_eq!(up.interrupt(), Some(0), "Ctrl-C ends it well");
}

#[test]
fn run_buys_computes_and_fetches() {
    let up = Up::ephemeral(&["--workers", "4"]);
    let folder = tempfile::tempdir().expect("temporary folder");
    let input = folder.path().join("input.txt");
    std::fs::write(&input, "the answer is 42\n").expect("input");

    let component = hello().replace("hello.wasm", "hello.component.wasm");
    for (app, trust) in [(hello(), "1"), (hello(), "4"), (component, "1")] {
        let out = folder.path().join(format!("trust-{trust}-{}", app.ends_with("component.wasm")));
        let arguments = [
            &app,
            "--input",
            input.to_str().expect("text"),
            "--trust",
            trust,
            "--out",
            out.to_str().expect("text"),
            "--json",
            "--",
            "Alice",
            "two words",
        ];
        let output = up.run(&arguments);
        assert!(output.status.success(), "{app} at trust {trust}: {}", stderr_of(&output));
        let report = json_of(&output);
        assert_eq!(report["status"], "COMPLETED", "{report}");
        assert!(report["taskId"].as_str().is_some_and(|id| id.len() == 66), "{report}");
        let result = std::fs::read_to_string(out.join("result.txt")).expect("the result is unpacked");
        for part in ["Alice", "two words", "the answer is 42"] {
            assert!(result.contains(part), "{part:?} is missing in {result:?}");
        }
    }
}

#[test]
fn state_survives_kill_9() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let up = Up::durable(folder.path(), &[]);
    let first = json_of(&up.run(&[&hello(), "--json", "--", "before"]));
    let (hub, head) = (up.text("hub"), up.rpc("eth_blockNumber", json!([])));
    up.kill();

    let up = Up::durable(folder.path(), &[]);

    assert_eq!(up.text("hub"), hub);
    let number = |value: &Value| u64::from_str_radix(&value.as_str().expect("hex")[2..], 16).expect("hex");
    assert!(number(&up.rpc("eth_blockNumber", json!([]))) >= number(&head), "no block is lost");
    let task = first["taskId"].as_str().expect("task id");
    let (status, view) = get(&format!("{}/tasks/{task}", up.text("workerpoolApiUrl")));
    assert_eq!(status, 200, "the scheduler still knows the task");
    assert!(String::from_utf8_lossy(&view).contains("COMPLETED"));
    let second = json_of(&up.run(&[&hello(), "--json", "--", "after"]));
    assert_eq!(second["status"], "COMPLETED", "{second}");
}

#[test]
fn surroundings_that_are_wrong_get_one_line_and_exit_code_two() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("address").port().to_string();
    let output = metacloud()
        .args(["up", "--ephemeral", "--http-port", "0", "--rpc-port", &port])
        .output()
        .expect("up starts");
    assert_one_line(&output, 2, &[&port, "in use"]);
    let output = metacloud()
        .args(["up", "--ephemeral", "--rpc-port", "0", "--http-port", &port])
        .output()
        .expect("up starts");
    assert_one_line(&output, 2, &[&port, "in use"]);

    let up = Up::durable(folder.path(), &[]);
    let data = folder.path().join("data");
    let data = data.to_str().expect("text");
    let second = ["up", "--data-dir", data, "--rpc-port", "0", "--http-port", "0"];
    let output = metacloud().args(second).output().expect("up starts");
    assert_one_line(&output, 2, &["data", "in use"]);
    up.kill();

    let output = metacloud().args(second).args(["--chain-id", "5"]).output().expect("up starts");
    assert_one_line(&output, 2, &["chain"]);

    let output = metacloud()
        .args(["run", &hello(), "--ready-file", "no-such-ready-file.json"])
        .output()
        .expect("run starts");
    assert_one_line(&output, 2, &["no-such-ready-file.json"]);
}
