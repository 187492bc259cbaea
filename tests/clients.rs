//! The published iExec clients, unpatched, against `metacloud up`. The programs are in `tests/clients`; they need Node.js
//! and its packages (`npm ci` there), so that they run only with `--ignored`.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::Up;

/// The folder of the programs.
fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients")
}

/// Runs a program against a cloud; its lines are shown if it fails.
fn run(up: &Up, program: &str, arguments: &[&str]) {
    assert!(programs().join("node_modules").is_dir(), "run `npm ci` in tests/clients first");
    let output = Command::new("node")
        .arg(program)
        .args(arguments)
        .current_dir(programs())
        .env("METACLOUD_READY_FILE", &up.ready_file)
        .output()
        .expect("node starts");
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
#[ignore = "needs npm packages"]
fn ethers_sends_back_to_back_on_instant_and_timed_blocks() {
    for block_time in ["auto", "1"] {
        let up = Up::ephemeral(&["--workers", "0", "--block-time", block_time]);
        run(&up, "nonces.mjs", &[]);
    }
}

#[test]
#[ignore = "needs npm packages"]
fn an_application_runs_to_its_downloaded_result() {
    let up = Up::ephemeral(&["--workers", "3"]);
    for version in ["9.0.0", "8.24.0"] {
        for trust in ["1", "3"] {
            run(&up, "execution.mjs", &[version, trust]);
        }
    }
}

#[test]
#[ignore = "needs npm packages"]
fn every_method_of_each_version_answers() {
    let up = Up::ephemeral(&["--workers", "2"]);
    for version in ["9.0.1", "9.0.0", "8.24.0"] {
        run(&up, "calls.mjs", &[version]);
    }
}

/// Where web3mail's program registers its application: follows from its owner, name and bytes, and is told to compass by
/// whoever starts the cloud.
const MAIL_APP: &str = "0x1BcC2932D28FdF69D0153a4b4a28eeB5157a396E";

#[test]
#[ignore = "needs npm packages"]
fn dataprotector_and_web3mail_process_protected_data_in_an_enclave() {
    let app = format!("web3mail-tdx={MAIL_APP}");
    let up = Up::ephemeral(&["--chain-id", "421614", "--workers", "1", "--iapp", &app]);
    run(&up, "dataprotector.mjs", &[]);
    run(&up, "web3mail.mjs", &[]);
}
