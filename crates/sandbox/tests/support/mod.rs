//! A sandbox and jobs for tests, each in its own directory.
#![allow(dead_code, clippy::unwrap_used)] // each test file uses its part, and tests may panic

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use metacloud_sandbox::{
    CancelFlag, Failure, InputFile, Job, Limits, Outcome, RunError, Sandbox, SandboxConfig,
};
use tempfile::TempDir;

/// One sandbox with its cache, and a place for modules and outputs.
pub(crate) struct Bench {
    pub(crate) sandbox: Sandbox,
    pub(crate) dir: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = SandboxConfig { cache_dir: dir.path().join("cache"), cache_bytes_max: 64 << 20 };
        Self { sandbox: Sandbox::open(config).unwrap(), dir }
    }

    /// A file of the test's own.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// A job for the text form of a module.
    pub(crate) fn wat(&self, name: &str, text: &str) -> Job {
        self.job(self.file(name, &wat::parse_str(text).unwrap()), name)
    }

    /// A job whose output goes to a fresh directory called `out`.
    pub(crate) fn job(&self, module: PathBuf, out: &str) -> Job {
        Job {
            module,
            args: Vec::new(),
            env: Vec::new(),
            inputs: Vec::new(),
            out_dir: self.dir.path().join(format!("{out}.out")),
            limits: Limits {
                time: Duration::from_secs(60),
                memory_bytes: 64 << 20,
                output_bytes: 1 << 20,
                output_files: 50,
                log_bytes: 10_000,
            },
            seed: [7; 32],
        }
    }

    pub(crate) fn input(&self, name: &str, bytes: &[u8]) -> InputFile {
        InputFile { name: name.to_owned(), path: self.file(&format!("{name}.input"), bytes) }
    }

    pub(crate) fn run(&self, job: &Job) -> Result<Outcome, RunError> {
        self.sandbox.run(job.clone(), &CancelFlag::new())
    }

    /// Runs a job that must be refused or stopped.
    pub(crate) fn failure(&self, job: &Job) -> Failure {
        self.run(job).expect_err("the run must fail").failure
    }
}

/// Every file of a directory by relative path; directories map to `None`.
pub(crate) fn content(dir: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let relative = path.strip_prefix(dir).unwrap().to_owned();
            if path.is_dir() {
                found.insert(relative, None);
                open.push(path);
            } else {
                found.insert(relative, Some(std::fs::read(path).unwrap()));
            }
        }
    }
    found
}

/// A committed module of the examples.
pub(crate) fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../examples/{name}/{name}.wasm"))
}

/// The same as a component.
pub(crate) fn example_component(name: &str) -> PathBuf {
    example(name).with_extension("component.wasm")
}

/// The text of a component that exports `run`, which `body` makes: the inside of a core function that gives 0 for
/// success. `parts` are what stands before it, and `imports` those of its core module.
pub(crate) fn command(parts: &str, imports: &str, arguments: &str, body: &str) -> String {
    format!(
        r#"(component {parts}
            (core module $main {imports} (func (export "run") (result i32) {body}))
            (core instance $main (instantiate $main {arguments}))
            (func $run (result (result)) (canon lift (core func $main "run")))
            (instance $out (export "run" (func $run)))
            (export "wasi:cli/run@0.2.0" (instance $out)))"#
    )
}

impl Bench {
    /// A job of the probe fixture: the words say what it tries.
    pub(crate) fn probe(&self, words: &[&str]) -> Job {
        self.probe_as("probe.wasm", words)
    }

    /// The same of the probe as a component.
    pub(crate) fn probe_component(&self, words: &[&str]) -> Job {
        self.probe_as("probe.component.wasm", words)
    }

    fn probe_as(&self, file: &str, words: &[&str]) -> Job {
        let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(file);
        let mut job = self.job(module, &format!("{file}-{}", words.join("-").replace('/', "_")));
        job.args = words.iter().map(|word| (*word).to_owned()).collect();
        job.inputs = vec![self.input("data", b"input data\n")];
        job
    }

    /// What a run that ends well says on standard output.
    pub(crate) fn stdout(&self, job: &Job) -> String {
        let outcome = self.run(job).unwrap();
        assert_eq!(outcome.exit_code, 0, "{}", String::from_utf8_lossy(&outcome.stderr));
        String::from_utf8(outcome.stdout).unwrap()
    }
}
