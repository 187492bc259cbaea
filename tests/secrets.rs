//! The secrets service as a process, and a person who gives it values.

mod support;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Map, Value, json};
use support::process::Process;
use support::roles::{account, plainly, write_key};
use support::{assert_one_line, json_of, metacloud, stderr_of};

const VALUE: &str = "a value that nobody else may read";

/// A chain and a secrets service, and the ready file that names them.
struct Cloud {
    _chain: Process,
    secrets: Process,
    ready: Map<String, Value>,
}

impl Cloud {
    fn start(folder: &Path) -> Self {
        let mut chain = plainly("chain");
        chain.args(["--json", "--listen", "127.0.0.1:0", "--ephemeral"]);
        let (chain, told) = Process::announced(chain, &folder.join("chain.log"));
        let Value::Object(mut ready) = told else { panic!("the chain announces {told}") };
        // What no test here needs, and a ready file has.
        for key in ["gatewayUrl", "ipfsNodeUrl", "ipfsGatewayUrl", "workerpoolApiUrl", "schedulerUrl"] {
            ready.insert(key.to_owned(), json!("http://127.0.0.1:1"));
        }
        let (secrets, told) = Process::announced(service(folder, &ready), &folder.join("secrets.log"));
        assert_eq!(told["role"], "secrets");
        ready.insert("smsUrl".to_owned(), told["smsUrl"].clone());
        write_ready(folder, &ready);
        Self { _chain: chain, secrets, ready }
    }

    /// The service again, over the same folder, on another port.
    fn again(&mut self, folder: &Path) {
        let (secrets, told) = Process::announced(service(folder, &self.ready), &folder.join("again.log"));
        self.secrets = secrets;
        self.ready.insert("smsUrl".to_owned(), told["smsUrl"].clone());
        write_ready(folder, &self.ready);
    }
}

fn service(folder: &Path, ready: &Map<String, Value>) -> Command {
    let mut command = metacloud();
    command.args(["-vv", "secrets", "--json", "--listen", "127.0.0.1:0", "--data-dir"]);
    command.arg(folder.join("secrets")).arg("--key-file").arg(folder.join("kept/secrets.key"));
    std::fs::create_dir_all(folder.join("kept")).expect("folder");
    for (flag, key) in [("--rpc", "rpcUrl"), ("--hub", "hub")] {
        command.arg(flag).arg(ready[key].as_str().expect("text"));
    }
    command
}

fn write_ready(folder: &Path, ready: &Map<String, Value>) {
    let text = Value::Object(ready.clone()).to_string();
    std::fs::write(folder.join("ready.json"), text).expect("ready file");
}

/// `metacloud secret …` with a value on stdin.
fn secret(folder: &Path, arguments: &[&str], value: &str) -> Output {
    let mut command = metacloud();
    command.arg("secret").args(arguments).arg("--ready-file").arg(folder.join("ready.json"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("secret starts");
    // It may refuse before it reads.
    let _ = child.stdin.take().expect("a pipe").write_all(value.as_bytes());
    child.wait_with_output().expect("secret ends")
}

#[test]
fn a_person_sets_and_checks_and_kill_9_loses_nothing() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let folder = temporary.path();
    let mut cloud = Cloud::start(folder);
    let named = ["requester", "--name", "mine", "--json"];
    let check = |folder: &Path| secret(folder, &[&["check"], &named[..]].concat(), "");

    let absent = check(folder);
    assert_eq!((absent.status.code(), &json_of(&absent)["set"]), (Some(1), &json!(false)));
    let set = secret(folder, &[&["set"], &named[..]].concat(), VALUE);
    assert!(set.status.success(), "{}", stderr_of(&set));
    assert_eq!(json_of(&set)["release"], json!(["hardware"]));
    // Killed when it has answered: what was answered is kept.
    cloud.secrets.kill();
    let refused = secret(folder, &[&["check"], &named[..]].concat(), "");
    assert_one_line(&refused, 2, &["secrets service", "does not answer"]);
    cloud.again(folder);
    let present = check(folder);
    assert_eq!((present.status.code(), &json_of(&present)["set"]), (Some(0), &json!(true)));

    let again = secret(folder, &["set", "requester", "--name", "mine"], "another");
    assert_one_line(&again, 1, &["409", "--replace"]);
    let replaced = ["set", "requester", "--name", "mine", "--replace", "--release", "hardware,simulation"];
    let replaced = secret(folder, &replaced, "another");
    assert!(replaced.status.success(), "{}", stderr_of(&replaced));
    assert!(String::from_utf8_lossy(&replaced.stdout).contains("hardware,simulation"));

    // A stranger's key, and an asset that is none.
    let key = folder.join("stranger.key");
    write_key(&key, &account(&cloud.ready, "worker", 0));
    let subject = cloud.ready["accounts"][0]["address"].as_str().expect("text").to_owned();
    let key = key.to_str().expect("text");
    let foreign = ["set", "account", "--subject", &subject, "--name", "x", "--key", key];
    assert_one_line(&secret(folder, &foreign, "x"), 1, &["401", "Invalid authorization"]);
    let no_app = ["set", "app", "--subject", &subject];
    assert_one_line(&secret(folder, &no_app, "x"), 1, &["401"]);

    // Neither the files of the service nor what it says, most talkative, hold a value.
    cloud.secrets.signal("TERM");
    assert_eq!(cloud.secrets.wait(), Some(0));
    let mut files = vec![folder.join("secrets.log"), folder.join("again.log")];
    files.extend(std::fs::read_dir(folder.join("secrets")).expect("folder").flatten().map(|e| e.path()));
    assert!(files.iter().any(|file| file.ends_with("secrets.sqlite")), "{files:?}");
    for file in files {
        let bytes = std::fs::read(&file).expect("file");
        for value in [VALUE, "another"] {
            let holds = bytes.windows(value.len()).any(|window| window == value.as_bytes());
            assert!(!holds, "{} holds a value", file.display());
        }
    }
}

#[test]
fn values_and_words_that_cannot_be_are_refused_before_they_are_sent() {
    let temporary = tempfile::tempdir().expect("temporary folder");
    let folder = temporary.path();
    let _cloud = Cloud::start(folder);
    let long = "x".repeat(4_097);
    for (arguments, value, code, words) in [
        (&["set", "requester", "--name", "x"][..], "", 2, &["empty"][..]),
        (&["set", "requester", "--name", "x"], &long, 2, &["4097 bytes", "4096"]),
        (&["set", "requester"], "x", 2, &["--name", "64 characters"]),
        (&["set", "requester", "--name", "a b"], "x", 2, &["--name", "64 characters"]),
        (&["set", "dataset"], "x", 2, &["--subject"]),
        (&["set", "requester", "--name", "x", "--file", "none"], "x", 2, &["none", "cannot be read"]),
        (&["check", "account", "--name", "x"], "", 1, &["is not set"]),
    ] {
        assert_one_line(&secret(folder, arguments, value), code, words);
    }
    for bad in [&["set", "wallet"][..], &["set", "requester", "value"], &["check", "app", "--release", "any"]]
    {
        assert_eq!(secret(folder, bad, "").status.code(), Some(2), "{bad:?}");
    }
}

#[test]
fn up_serves_secrets_under_its_one_origin() {
    let up = support::Up::ephemeral(&["--workers", "0"]);
    let url = up.text("smsUrl");
    assert_eq!(url, up.text("gatewayUrl"));
    let requester = up.text("hub");
    let path = format!("{url}/requesters/{requester}/secrets/x");
    let head = support::head("HEAD", &path, &["Origin: https://example.org"]);
    assert!(head.starts_with("HTTP/1.0 404") || head.starts_with("HTTP/1.1 404"), "{head}");
    assert!(head.to_lowercase().contains("access-control-allow-origin: *"), "{head}");
    let (status, _) = support::get(&format!("{url}/version"));
    assert_eq!(status, 200, "the market is under it too");
}
