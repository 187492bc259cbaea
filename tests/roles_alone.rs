//! Each role in a process of its own, as on machines of their own.

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::process::{Process, until};
use support::roles::{Roles, output, plainly};
use support::{example, head, json_of, metacloud, rpc, stderr_of};

fn hello() -> String {
    example("hello/hello.wasm").to_str().expect("a text path").to_owned()
}

#[test]
fn five_processes_sell_an_execution_and_another_worker_takes_over_after_kill_9() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut roles = Roles::start(folder.path(), &plainly);
    roles.add_worker(1, &plainly);

    let first = output(roles.run(&[&hello(), "--json", "--", "one", "worker"]));
    assert!(first.status.success(), "{}", stderr_of(&first));
    assert_eq!(json_of(&first)["status"], "COMPLETED");

    // A task of some seconds; its worker dies when it has begun, and one with another account comes.
    let scene = example("pathtracer/scene.txt");
    let renderer = example("pathtracer/pathtracer.wasm");
    let arguments =
        [renderer.to_str().expect("text"), "--input", scene.to_str().expect("text"), "--json", "--"];
    let mut command = roles.run(&arguments);
    command
        .args(["--tiles", "1,1"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let buyer = command.spawn().expect("run starts");
    let tasks = folder.path().join("worker-1/tasks");
    until("the worker has the task", || {
        std::fs::read_dir(&tasks).is_ok_and(|mut tasks| tasks.next().is_some())
    });
    roles.workers.remove(0).kill();
    roles.add_worker(2, &plainly);
    let second = buyer.wait_with_output().expect("run ends");
    assert!(second.status.success(), "{}", stderr_of(&second));
    assert_eq!(json_of(&second)["status"], "COMPLETED");

    // The dead one comes back over what it left, alone.
    end_well(&mut roles.workers.remove(0), "INT");
    roles.add_worker(1, &plainly);
    let third = output(roles.run(&[&hello(), "--json", "--", "back"]));
    assert!(third.status.success(), "{}", stderr_of(&third));

    let Roles { chain, storage, market, scheduler, workers, .. } = roles;
    for (mut process, signal) in workers
        .into_iter()
        .chain([scheduler, market, storage, chain])
        .zip(["TERM", "INT"].into_iter().cycle())
    {
        end_well(&mut process, signal);
    }
}

fn end_well(process: &mut Process, signal: &str) {
    process.signal(signal);
    assert_eq!(process.wait(), Some(0), "{signal}: {}", process.stderr());
}

#[test]
fn every_service_answers_browsers_with_one_layer_of_headers_alone_and_under_up() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let roles = Roles::start(folder.path(), &plainly);
    let up = support::Up::ephemeral(&["--workers", "0"]);
    let places = [
        (roles.text("rpcUrl").to_owned(), "/", "POST"),
        (roles.text("gatewayUrl").to_owned(), "/version", "GET"),
        (roles.text("ipfsNodeUrl").to_owned(), "/api/v0/version", "POST"),
        (roles.text("workerpoolApiUrl").to_owned(), "/tasks/0x00", "GET"),
        (up.text("rpcUrl"), "/", "POST"),
        (up.text("gatewayUrl"), "/version", "GET"),
        (up.text("gatewayUrl"), "/apporders", "POST"),
        (up.text("ipfsNodeUrl"), "/api/v0/version", "POST"),
        (up.text("workerpoolApiUrl"), "/tasks/0x00", "GET"),
        (up.text("schedulerUrl"), "/tasks/0x00", "GET"),
    ];
    for (url, path, method) in places {
        let url = format!("{url}{path}");
        let origin = "Origin: https://page.example";
        let plain = head(method, &url, &[origin]);
        assert_eq!(values(&plain, "access-control-allow-origin"), ["*"], "{method} {url}: {plain}");
        let asks = [
            origin,
            &format!("Access-Control-Request-Method: {method}"),
            "Access-Control-Request-Headers: content-type",
        ];
        let preflight = head("OPTIONS", &url, &asks);
        assert_eq!(values(&preflight, "access-control-allow-origin"), ["*"], "{url}: {preflight}");
        let methods = values(&preflight, "access-control-allow-methods");
        assert!(methods.len() == 1 && methods[0].contains(method), "{url}: {preflight}");
        let headers = values(&preflight, "access-control-allow-headers");
        assert!(headers.len() == 1 && headers[0].contains("content-type"), "{url}: {preflight}");
    }
}

/// The values of all lines of a header.
fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
}

#[test]
fn a_market_waits_for_a_chain_that_is_away_and_ends_when_another_chain_comes_back() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut roles = Roles::start(folder.path(), &plainly);
    let address = roles.text("rpcUrl").trim_start_matches("http://").to_owned();
    let chain = |id: &str, data: &Path| {
        let mut command = plainly("chain");
        command.args(["--json", "--listen", &address, "--chain-id", id, "--data-dir"]).arg(data);
        Process::announced(command, &folder.path().join("chain-again.log")).0
    };

    // The same chain again: the market goes on, and sees what is new.
    roles.chain.kill();
    roles.chain = chain("31337", &folder.path().join("chain"));
    let before = rpc(roles.text("rpcUrl"), "eth_blockNumber", json!([]));
    rpc(roles.text("rpcUrl"), "evm_mine", json!([]));
    assert_ne!(rpc(roles.text("rpcUrl"), "eth_blockNumber", json!([])), before);
    let offers = format!("{}/workerpoolorders?chainId=31337&category=0", roles.text("gatewayUrl"));
    until("the market answers", || support::get(&offers).0 == 200);
    assert!(!roles.market.has_ended(), "{}", roles.market.stderr());

    // Another chain at the same place, longer than the first was.
    roles.chain.kill();
    roles.chain = chain("5", &folder.path().join("another"));
    for _ in 0..20 {
        rpc(roles.text("rpcUrl"), "evm_mine", json!([]));
    }
    for (process, name) in [(&mut roles.market, "the market"), (&mut roles.scheduler, "the scheduler")] {
        until(&format!("{name} ends"), || process.has_ended());
        assert_eq!(process.wait(), Some(2), "{name}");
        let told = process.stderr();
        for word in [name, "stopped by itself", "the chain", "start again"] {
            assert!(told.contains(word), "{word:?} is missing in: {told}");
        }
    }
}

#[test]
fn what_a_role_lacks_is_named_with_all_ways_to_give_it() {
    for (role, lacks) in [
        ("market", "rpc"),
        ("explorer", "ipfs-gateway"),
        ("secrets", "rpc"),
        ("worker", "rpc"),
        ("scheduler", "ipfs-node"),
    ] {
        let output = metacloud().arg(role).output().expect("starts");
        let variable = format!("METACLOUD_{}", lacks.replace('-', "_").to_uppercase());
        support::assert_one_line(&output, 2, &[role, &format!("--{lacks}"), &variable, "--ready-file"]);
    }
    let given = ["--rpc", "http://127.0.0.1:1", "--hub", "0x5FbDB2315678afecb367f032d93F642f64180aa3"];
    let more = ["--scheduler", "http://127.0.0.1:1", "--workerpool", given[3]];
    let worker = || {
        let mut command = metacloud();
        command.arg("worker").args(given).args(more);
        command
    };
    let output = worker().output().expect("starts");
    support::assert_one_line(&output, 2, &["--key FILE", "METACLOUD_KEY", "METACLOUD_PRIVATE_KEY"]);

    // The key itself is never taken from the list of arguments, nor repeated.
    let key = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    let output = worker().args(["--key", key]).output().expect("starts");
    support::assert_one_line(&output, 2, &["--key names a file", "METACLOUD_PRIVATE_KEY"]);
    assert!(!stderr_of(&output).contains(key));
    let output = worker().env("METACLOUD_PRIVATE_KEY", "0xdead").output().expect("starts");
    support::assert_one_line(&output, 2, &["METACLOUD_PRIVATE_KEY is no key"]);
    assert!(!stderr_of(&output).contains("dead"));

    // With everything given it is the chain that is not there.
    let output = worker().env("METACLOUD_PRIVATE_KEY", key).output().expect("starts");
    support::assert_one_line(&output, 2, &["cannot reach the chain at http://127.0.0.1:1"]);
}

#[test]
fn a_port_in_use_a_bad_address_and_a_foreign_data_directory_are_named() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("address").to_string();
    for role in ["chain", "storage"] {
        let output = metacloud()
            .args([role, "--listen", &address, "--data-dir"])
            .arg(folder.path().join(role))
            .output()
            .expect("starts");
        support::assert_one_line(&output, 2, &[&address, "in use", "another port"]);
    }
    let output = metacloud().args(["storage", "--listen", "nowhere"]).output().expect("starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr_of(&output).contains("--listen"), "{}", stderr_of(&output));

    let mut command = plainly("storage");
    command.args(["--json", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path().join("mine"));
    let (_running, told) = Process::announced(command, &folder.path().join("log"));
    assert_eq!(told["role"], "storage");
    let output = metacloud()
        .args(["storage", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder.path().join("mine"))
        .output()
        .expect("starts");
    support::assert_one_line(&output, 2, &["mine", "in use"]);
}

#[test]
fn config_show_tells_where_each_value_comes_from_and_never_a_key() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("mc.toml");
    std::fs::write(
        &file,
        "rpc = \"http://file:1\"\n\n[worker]\nslots = 4\ntask-seconds = 9\nkey = \"w.key\"\n",
    )
    .expect("settings");
    let shown = |role: &str, flags: &[&str], variables: &[(&str, &str)]| -> Value {
        let mut command = metacloud();
        command.args(["config", "show", "--json", "--config"]).arg(&file).arg(role).args(flags);
        command.envs(variables.iter().copied());
        let output = command.output().expect("config show starts");
        assert!(output.status.success(), "{}", stderr_of(&output));
        json_of(&output)[role].clone()
    };

    let worker = shown(
        "worker",
        &["--slots", "6", "--data-dir", "here"],
        &[("METACLOUD_SLOTS", "5"), ("METACLOUD_TASK_SECONDS", "8"), ("METACLOUD_DATA_DIR", "there")],
    );
    let line = |number: usize| format!("{}:{number}", file.display());
    for (key, value, source, place) in [
        ("slots", json!("6"), "flag", Value::Null),
        ("data-dir", json!("here"), "flag", Value::Null),
        ("task-seconds", json!("8"), "environment", json!("METACLOUD_TASK_SECONDS")),
        ("rpc", json!("http://file:1"), "file", json!(line(1))),
        ("confirmations", json!("0"), "default", Value::Null),
        ("hub", Value::Null, "unset", Value::Null),
        ("key", json!(format!("set, in {}", folder.path().join("w.key").display())), "file", json!(line(6))),
    ] {
        assert_eq!(worker[key], json!({ "value": value, "source": source, "place": place }), "{key}");
    }

    let secret = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    let worker =
        shown("worker", &[], &[("METACLOUD_PRIVATE_KEY", secret), ("METACLOUD_RPC", "http://u:pw@h/token")]);
    assert_eq!(
        worker["key"],
        json!({ "value": "set", "source": "environment", "place": "METACLOUD_PRIVATE_KEY" })
    );
    assert_eq!(worker["rpc"]["value"], "http://h/…");
    assert_eq!(shown("market", &[], &[])["rpc"]["value"], "http://file:1");

    // All roles at once, for people, from the place where settings are looked for.
    let home = folder.path().join("config/metacloud");
    std::fs::create_dir_all(&home).expect("folder");
    std::fs::copy(&file, home.join("config.toml")).expect("settings");
    let output = metacloud()
        .args(["config", "show"])
        .env("XDG_CONFIG_HOME", folder.path().join("config"))
        .env("METACLOUD_PRIVATE_KEY", secret)
        .output()
        .expect("config show starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", stderr_of(&output));
    for word in [
        "[up]",
        "[chain]",
        "[storage]",
        "[market]",
        "[explorer]",
        "[secrets]",
        "[scheduler]",
        "[worker]",
        "config.toml line 4",
    ] {
        assert!(text.contains(word), "{word} is missing in:\n{text}");
    }
    assert!(!text.contains(secret));
}

#[test]
fn a_settings_file_that_is_wrong_is_refused_with_its_line() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("mc.toml");
    for (text, words) in [
        ("[worker]\nslot = 1\n", &["mc.toml line 2", "\"slot\"", "slots"][..]),
        ("[worker]\nslots = 0\n", &["mc.toml line 2", "slots", "1..=1024"]),
        ("[market]\nlisten = \"nowhere\"\n[worker]\nhub = \"0x12\"\n", &["mc.toml line 4", "hub"]),
        ("[worker\n", &["mc.toml line 1", "TOML"]),
    ] {
        std::fs::write(&file, text).expect("settings");
        let output = metacloud().args(["worker", "--config"]).arg(&file).output().expect("starts");
        support::assert_one_line(&output, 2, words);
    }
    let output = metacloud().args(["worker", "--config", "none.toml"]).output().expect("starts");
    support::assert_one_line(&output, 2, &["none.toml", "--config"]);
}
