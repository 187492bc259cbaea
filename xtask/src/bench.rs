//! `cargo xtask bench [NAME] [--json]`: figures on demand.
//!
//! Each question is one file in `benches/`; it answers with ours, the peer's (or a stated target), their ratio and the
//! bound the ratio must keep. A ratio is a cost, ours over the peer's: smaller is better. Everything is built with the
//! release profile first, so that no answer includes a compiler.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

#[path = "../../benches/demo.rs"]
mod demo;
#[path = "../../benches/idle_memory.rs"]
mod idle_memory;
#[path = "../../benches/up_ready.rs"]
mod up_ready;

/// One question's answer.
pub(crate) struct Answer {
    /// The question's name.
    pub(crate) bench: &'static str,
    /// Our figure, in `unit`.
    pub(crate) ours: f64,
    /// The peer's figure, in `unit`.
    pub(crate) peer: f64,
    /// Who the peer is, or which target it is.
    pub(crate) peer_name: &'static str,
    /// Unit of both figures.
    pub(crate) unit: &'static str,
    /// What ours over the peer's may be at most.
    pub(crate) bound: f64,
}

impl Answer {
    fn to_json(&self) -> Value {
        json!({
            "bench": self.bench, "ours": self.ours, "peer": self.peer, "peerName": self.peer_name,
            "unit": self.unit, "ratio": self.ours / self.peer, "bound": self.bound,
        })
    }
}

/// What a question is given to work with.
pub(crate) struct Bench {
    /// The release build of the binary.
    pub(crate) metacloud: PathBuf,
    /// The workspace's root.
    pub(crate) root: PathBuf,
}

type Question = fn(&Bench) -> Result<Value, String>;

/// All questions, in the order they are asked.
const QUESTIONS: &[(&str, Question)] = &[
    ("up_ready", |bench| up_ready::answer(bench).map(|answer| answer.to_json())),
    ("idle_memory", |bench| idle_memory::answer(bench).map(|answer| answer.to_json())),
    ("demo", |bench| demo::answer(bench).map(|answer| answer.to_json())),
    ("task_latency", |bench| example(bench, "metacloud", "task_latency", &[])),
    ("devchain_transfers", devchain_transfers),
    ("blobs_add", |bench| example(bench, "metacloud-blobs", "blobs_add", &[])),
];

/// Asks one question or all of them; prints a line or a JSON object each.
///
/// # Errors
/// An unknown name, a build that fails, a question without an answer, or a bound that does not hold.
pub(crate) fn run(name: Option<&str>, as_json: bool) -> Result<(), String> {
    let asked: Vec<_> =
        QUESTIONS.iter().filter(|(known, _)| name.is_none_or(|name| name == *known)).collect();
    if asked.is_empty() {
        let known: Vec<_> = QUESTIONS.iter().map(|(known, _)| *known).collect();
        return Err(format!("no benchmark {}; there are: {}", name.unwrap_or_default(), known.join(", ")));
    }
    let root = crate::tidy::root()?;
    let bench = Bench { metacloud: build_release(&root)?, root };
    let mut missed = Vec::new();
    for (known, question) in asked {
        let answer = question(&bench).map_err(|failure| format!("{known}: {failure}"))?;
        let (ratio, bound) = (number(&answer, "ratio")?, number(&answer, "bound")?);
        if as_json {
            println!("{answer}");
        } else {
            println!(
                "{known}: ours {:.3} {unit}, {peer} {:.3} {unit}, ratio {ratio:.3}, bound {bound:.3}: {}",
                number(&answer, "ours")?,
                number(&answer, "peer")?,
                if ratio <= bound { "holds" } else { "MISSED" },
                unit = answer["unit"].as_str().unwrap_or_default(),
                peer = answer["peerName"].as_str().unwrap_or_default(),
            );
        }
        if ratio > bound {
            missed.push(*known);
        }
    }
    if missed.is_empty() { Ok(()) } else { Err(format!("bounds missed: {}", missed.join(", "))) }
}

fn number(answer: &Value, key: &str) -> Result<f64, String> {
    answer[key].as_f64().ok_or_else(|| format!("the answer has no number `{key}`: {answer}"))
}

fn build_release(root: &Path) -> Result<PathBuf, String> {
    let out = Command::new("cargo")
        .args(["build", "--release", "--package", "metacloud", "--message-format", "json-render-diagnostics"])
        .current_dir(root)
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo build: {error}"))?;
    if !out.status.success() {
        return Err("cargo build --release failed".to_owned());
    }
    String::from_utf8_lossy(&out.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "metacloud")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| "cargo build --release made no executable".to_owned())
}

/// Runs a measuring program, an example of a package; its last line of output is the answer.
fn example(bench: &Bench, package: &str, name: &str, arguments: &[&str]) -> Result<Value, String> {
    let out = Command::new("cargo")
        .args(["run", "--release", "--quiet", "--package", package, "--example", name, "--"])
        .args(arguments)
        .current_dir(&bench.root)
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo run --example {name}: {error}"))?;
    if !out.status.success() {
        return Err(format!("example {name} ended with {}", out.status));
    }
    let text = String::from_utf8_lossy(&out.stdout);
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line).map_err(|error| format!("example {name} answered {line:?}: {error}"))
}

/// The peer is the native binary inside the npm package, pinned in `benches/package-lock.json`.
fn devchain_transfers(bench: &Bench) -> Result<Value, String> {
    let folder = bench.root.join("benches");
    let anvil = folder.join("node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil");
    if !anvil.exists() {
        let status = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .stdout(std::process::Stdio::null())
            .status()
            .map_err(|error| format!("npm ci in benches: {error}"))?;
        if !status.success() {
            return Err("npm ci in benches failed; the peer anvil comes from there".to_owned());
        }
    }
    let anvil = anvil.to_str().ok_or("the path of anvil is not text")?;
    example(bench, "metacloud", "devchain_transfers", &["--anvil", anvil])
}

/// A running `metacloud up`, ended when dropped.
pub(crate) struct RunningUp {
    child: std::process::Child,
    /// Its ready file, parsed.
    pub(crate) ready: Value,
    /// Seconds from start to the ready file.
    pub(crate) ready_s: f64,
    _folder: Folder,
}

/// A folder of our own below the system's temporary one, removed when dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// How long `up` may take before a benchmark gives up.
const READY_WAIT: std::time::Duration = std::time::Duration::from_secs(60);

impl RunningUp {
    /// Starts an ephemeral `up` with `workers` workers on free ports and waits for its ready file.
    ///
    /// # Errors
    /// If it ends early or is not ready within [`READY_WAIT`].
    pub(crate) fn start(metacloud: &Path, workers: u32) -> Result<Self, String> {
        let nanos =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        let folder =
            Folder(std::env::temp_dir().join(format!("metacloud-bench-{}-{nanos}", std::process::id())));
        std::fs::create_dir_all(&folder.0).map_err(|error| error.to_string())?;
        let ready_file = folder.0.join("ready.json");
        let started = std::time::Instant::now();
        let mut child = Command::new(metacloud)
            .args([
                "up",
                "--ephemeral",
                "--rpc-port",
                "0",
                "--http-port",
                "0",
                "--workers",
                &workers.to_string(),
            ])
            .arg("--ready-file")
            .arg(&ready_file)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .map_err(|error| format!("metacloud up: {error}"))?;
        loop {
            if let Ok(text) = std::fs::read_to_string(&ready_file)
                && let Ok(ready) = serde_json::from_str(&text)
            {
                let ready_s = started.elapsed().as_secs_f64();
                return Ok(Self { child, ready, ready_s, _folder: folder });
            }
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!("metacloud up ended with {status}"));
            }
            if started.elapsed() > READY_WAIT {
                let _ = child.kill();
                return Err(format!("metacloud up was not ready within {READY_WAIT:?}"));
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for RunningUp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
