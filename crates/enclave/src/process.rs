//! The process: two messages in, two out.

use std::fs::File;
use std::io::{self, Read as _, Stdin, Stdout};
use std::process::ExitCode;

use alloy_primitives::B256;
use metacloud_wire::enclave::Statement;

use crate::confine::confine;
use crate::datasets::sha256;
use crate::frame::{self, FrameError};
use crate::keys::Keys;
use crate::talk::{Begin, Born, Run};
use crate::task::perform;

/// What runs applications, as it enters the measurement.
pub const RUNTIME: &str = concat!("metacloud-enclave/", env!("CARGO_PKG_VERSION"));

/// Why a process ends without a result. It is written to standard error: nothing in it is secret.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("the process cannot be confined: {0}")]
    Unconfined(#[source] io::Error),
    #[error("the application cannot be read: {0}")]
    Application(#[source] io::Error),
}

/// Serves one task over standard input and output, and ends. To be called first of all, before there are threads.
pub fn serve() -> ExitCode {
    match talk(io::stdin(), io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write as _;
            // Whoever started it may be gone, and its standard error with it.
            let _ = writeln!(io::stderr(), "enclave (simulation): {error}");
            ExitCode::FAILURE
        }
    }
}

fn talk(mut input: Stdin, mut output: Stdout) -> Result<(), Ended> {
    let begin: Begin = frame::read(&mut input)?;
    let confined = confine(begin.bounds.memory_bytes).map_err(Ended::Unconfined)?;
    let application = hash_of_application(&begin).map_err(Ended::Application)?;
    let keys = Keys::new();
    let statement = Statement {
        chain_id: begin.chain_id,
        hub: begin.hub,
        task_id: begin.task,
        worker: begin.worker,
        enclave: keys.address(),
        seal_key: B256::from(keys.seal.public()),
        expires: begin.expires_s,
    };
    let configuration = configuration(&begin);
    frame::write(&mut output, &Born { statement, application, configuration, confined })?;
    let run: Run = frame::read(&mut input)?;
    end_with(input);
    let done = perform(&begin, &keys, &statement, run);
    frame::write(&mut output, &done)?;
    Ok(())
}

/// Hashes the application. It is read from the same place again when it runs, which the owner of the machine could use
/// to run another one: one more promise that a simulation cannot make.
fn hash_of_application(begin: &Begin) -> io::Result<B256> {
    sha256(&mut File::open(&begin.application)?)
}

/// Canonical: members in this order, no white space.
fn configuration(begin: &Begin) -> String {
    let bounds = serde_json::to_string(&begin.bounds).expect("numbers always serialise");
    format!(r#"{{"bounds":{bounds},"runtime":"{RUNTIME}"}}"#)
}

/// Nobody waits for a result whose worker is gone: ends the process when its input ends.
fn end_with(mut input: Stdin) {
    std::thread::spawn(move || {
        let mut byte = [0];
        // A further message is none of the protocol's.
        let _ = input.read(&mut byte);
        std::process::exit(i32::from(u8::MAX));
    });
}
