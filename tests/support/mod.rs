//! What black-box tests share: starting the binary, talking to it, ending it.
#![allow(dead_code, unreachable_pub)] // each test file uses its part

pub mod process;
pub mod roles;
pub mod small_disk;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long a cloud may take to be ready, or to end, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The binary under test, without the user's own settings.
pub fn metacloud() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_metacloud"));
    for (name, _) in std::env::vars_os() {
        if name == "RUST_LOG" || name.to_string_lossy().starts_with("METACLOUD_") {
            command.env_remove(name);
        }
    }
    // Nobody's settings: a folder that is not there.
    command.env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR").to_owned() + "/no-settings");
    command.stdin(Stdio::null());
    command
}

/// A file of the examples.
pub fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(path)
}

/// A running `metacloud up`; killed when dropped.
pub struct Up {
    child: Child,
    pub ready_file: PathBuf,
    pub ready: Value,
    _folder: Option<tempfile::TempDir>,
}

impl Up {
    /// An ephemeral cloud on free ports.
    pub fn ephemeral(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut arguments = vec!["--ephemeral"];
        arguments.extend(more);
        let mut up = Self::start(folder.path(), &arguments);
        up._folder = Some(folder);
        up
    }

    /// A cloud with its state in `folder/data`.
    pub fn durable(folder: &Path, more: &[&str]) -> Self {
        let data = folder.join("data");
        let mut arguments = vec!["--data-dir", data.to_str().expect("a text path")];
        arguments.extend(more);
        Self::start(folder, &arguments)
    }

    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let ready_file = folder.join("ready.json");
        let _ = std::fs::remove_file(&ready_file);
        let log = std::fs::File::create(folder.join("up.log")).expect("log file");
        let mut child = metacloud()
            .args(["up", "--rpc-port", "0", "--http-port", "0", "--ready-file"])
            .arg(&ready_file)
            .args(arguments)
            .env("XDG_DATA_HOME", folder.join("xdg"))
            .env("XDG_RUNTIME_DIR", folder.join("xdg"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("metacloud up starts");
        let started = Instant::now();
        loop {
            if let Ok(text) = std::fs::read_to_string(&ready_file) {
                let ready = serde_json::from_str(&text).expect("the ready file is written whole");
                return Self { child, ready_file, ready, _folder: None };
            }
            let log = || std::fs::read_to_string(folder.join("up.log")).unwrap_or_default();
            if let Some(status) = child.try_wait().expect("the child can be asked") {
                panic!("metacloud up ended with {status}:\n{}", log());
            }
            assert!(started.elapsed() < PATIENCE, "metacloud up is not ready:\n{}", log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it said on stderr so far.
    pub fn stderr(&self) -> String {
        let folder = self.ready_file.parent().expect("the ready file lies in a folder");
        std::fs::read_to_string(folder.join("up.log")).unwrap_or_default()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("the child can be killed");
        self.child.wait().expect("the child ends");
    }

    /// Ctrl-C, and the exit code that follows.
    pub fn interrupt(mut self) -> Option<i32> {
        let status = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status()
            .expect("kill is there");
        assert!(status.success());
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                return status.code();
            }
            assert!(started.elapsed() < PATIENCE, "metacloud up does not end on Ctrl-C");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A member of the ready file that is text.
    pub fn text(&self, key: &str) -> String {
        self.ready[key].as_str().unwrap_or_else(|| panic!("the ready file has no {key}")).to_owned()
    }

    /// One JSON-RPC call; the answer's `result`.
    pub fn rpc(&self, method: &str, params: Value) -> Value {
        rpc(&self.text("rpcUrl"), method, params)
    }

    /// `metacloud run` against this cloud.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = metacloud();
        command.arg("run").arg("--ready-file").arg(&self.ready_file).args(arguments);
        let folder = self.ready_file.parent().expect("the ready file lies in a folder");
        command.current_dir(folder);
        command.output().expect("metacloud run starts")
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The JSON object on stdout.
pub fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "stdout is not JSON ({error}): {}\nstderr: {}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// stderr as text.
pub fn stderr_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Asserts that the command ended with `code` and one line on stderr that holds every word.
pub fn assert_one_line(output: &Output, code: i32, words: &[&str]) {
    let text = stderr_of(output);
    assert_eq!(output.status.code(), Some(code), "stderr: {text}");
    assert_eq!(text.trim_end().lines().count(), 1, "one line, not: {text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is missing in: {text}");
    }
}

/// GET, over a connection of its own.
pub fn get(url: &str) -> (u16, Vec<u8>) {
    exchange("GET", url, "", &[])
}

/// POST, over a connection of its own.
pub fn post(url: &str, content_type: &str, body: &[u8]) -> (u16, Vec<u8>) {
    exchange("POST", url, content_type, body)
}

/// One JSON-RPC call; the answer's `result`.
pub fn rpc(url: &str, method: &str, params: Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let (status, answer) = post(url, "application/json", body.as_bytes());
    assert_eq!(status, 200, "{method}");
    let answer: Value = serde_json::from_slice(&answer).expect("JSON-RPC answers are JSON");
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].clone()
}

/// The head of the answer to a request without a body, with these headers.
pub fn head(method: &str, url: &str, headers: &[&str]) -> String {
    let (head, _) = converse(method, url, headers, &[]);
    head
}

fn exchange(method: &str, url: &str, content_type: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let content_type = format!("Content-Type: {content_type}");
    let (head, body) = converse(method, url, &[&content_type], body);
    let status = head.split_whitespace().nth(1).and_then(|code| code.parse().ok());
    (status.expect("an answer has a status"), body)
}

/// Head and body of the answer to any request, with these headers.
pub fn converse(method: &str, url: &str, headers: &[&str], body: &[u8]) -> (String, Vec<u8>) {
    let rest = url.strip_prefix("http://").expect("a plain http URL");
    let (host, path) =
        rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, path.to_owned()));
    let mut stream = TcpStream::connect(host).unwrap_or_else(|error| panic!("{host}: {error}"));
    let headers: String = headers.iter().flat_map(|header| [header, "\r\n"]).collect();
    let head = format!(
        "{method} /{path} HTTP/1.0\r\nHost: {host}\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("request head");
    stream.write_all(body).expect("request body");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("answer");
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("an answer has a head");
    (String::from_utf8_lossy(&answer[..end]).into_owned(), answer[end + 4..].to_vec())
}
