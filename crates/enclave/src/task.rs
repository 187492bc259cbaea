//! The run of the application, from its secrets to its signed result.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::Instant;

use metacloud_sandbox::{CancelFlag, InputFile, Job, Limits, Sandbox, SandboxConfig};
use metacloud_wire::cause::{Cause, Failure};
use metacloud_wire::enclave::Statement;

use crate::datasets;
use crate::keys::Keys;
use crate::ran::Ran;
use crate::results::conclude;
use crate::secrets;
use crate::talk::{Begin, Done, Run};

/// Runs the task. Whatever it writes in clear lies in its own directory, which is empty afterwards.
pub(crate) fn perform(begin: &Begin, keys: &Keys, statement: &Statement, run: Run) -> Done {
    let done = attempt(begin, keys, statement, run);
    match clear(&begin.work_dir) {
        Ok(()) => done,
        Err(error) => Done { result: Err(vec![disk("empty its directory", &error)]), ..done },
    }
}

fn attempt(begin: &Begin, keys: &Keys, statement: &Statement, mut run: Run) -> Done {
    let failed = |failure| Done { ran: Ran::default(), result: Err(vec![failure]) };
    let bundle = match secrets::open(keys, statement, run.sealed.as_ref().map(|sealed| &sealed[..])) {
        Ok(bundle) => bundle,
        Err(failure) => return failed(failure),
    };
    if let Err(error) = clear(&begin.work_dir).and_then(|()| make(&begin.work_dir.join("clear"))) {
        return failed(disk("make its directories", &error));
    }
    let mut inputs: Vec<_> =
        run.inputs.drain(..).map(|input| InputFile { name: input.name, path: input.path }).collect();
    let mut left_out = Vec::new();
    for dataset in &run.datasets {
        match datasets::open(dataset, &bundle, &begin.work_dir.join("clear")) {
            Ok(file) => inputs.push(file),
            Err(failure) if run.bulk => left_out.push(failure),
            Err(failure) => return failed(failure),
        }
    }
    let out = begin.work_dir.join("out");
    let job = Job {
        module: begin.application.clone(),
        args: std::mem::take(&mut run.args),
        env: secrets::environment(std::mem::take(&mut run.env), &bundle),
        inputs,
        out_dir: out.clone(),
        limits: Limits::from(&begin.bounds),
        seed: begin.task.0.0,
    };
    let sandbox = match Sandbox::open(SandboxConfig::in_dir(begin.modules_dir.clone())) {
        Ok(sandbox) => sandbox,
        Err(error) => return failed(Failure::new(Cause::TEE_PREPARATION_FAILED, error.to_string())),
    };
    let started = Instant::now();
    let ended = sandbox.run(job, &CancelFlag::new());
    let compute_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (mut ran, may_hold_result) = Ran::of(ended, compute_ms);
    ran.failures.splice(0..0, left_out);
    let encryption = bundle.result_encryption_key.as_deref();
    if encryption.is_some() {
        // What the application said is for the beneficiary as well: it is in the archive.
        ran.stdout_tail.clear();
        ran.stderr_tail.clear();
    }
    let result = match may_hold_result {
        true => conclude(begin, keys, &out, run.callback, encryption, &run.archive)
            .map_err(|failure| ran.failures.iter().cloned().chain([failure]).collect()),
        false => Err(ran.failures.clone()),
    };
    Done { ran, result }
}

/// Removes everything in the directory, and the directory.
fn clear(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A directory, with those above it, that its owner alone may enter.
fn make(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn disk(step: &str, error: &io::Error) -> Failure {
    Failure::new(Cause::TEE_PREPARATION_FAILED, format!("the enclave could not {step}: {error}"))
}
