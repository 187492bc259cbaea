//! The published iExec clients, unpatched, against `metacloud up`. The programs are in `tests/clients`; they need Node.js
//! and its packages (`npm ci` there), so that they run only with `--ignored`.

#[path = "../crates/abi/tests/harness/anvil.rs"]
mod anvil;
#[path = "support/foreign_chain.rs"]
mod foreign_chain;
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use foreign_chain::OnAnvil;
use support::Up;

/// Of the library; 9.0.1 marks every order as one for enclaves.
const VERSIONS: [&str; 3] = ["9.0.1", "9.0.0", "8.24.0"];

/// The folder of the programs.
fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients")
}

/// Runs a program against the cloud of a ready file; its lines are shown if it fails.
fn run(ready_file: &Path, program: &str, arguments: &[&str]) {
    assert!(programs().join("node_modules").is_dir(), "run `npm ci` in tests/clients first");
    let output = Command::new("node")
        .arg(program)
        .args(arguments)
        .current_dir(programs())
        .env("METACLOUD_READY_FILE", ready_file)
        .env("METACLOUD_PROGRAM", env!("CARGO_BIN_EXE_metacloud"))
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

/// Runs a program for each version, all at once.
fn run_versions_at_once(ready_file: &Path, program: &str, arguments: &[&str]) {
    std::thread::scope(|scope| {
        for version in VERSIONS {
            scope.spawn(move || run(ready_file, program, &[&[version], arguments].concat()));
        }
    });
}

#[test]
#[ignore = "needs npm packages"]
fn ethers_sends_back_to_back_on_instant_and_timed_blocks() {
    for block_time in ["auto", "1"] {
        let up = Up::ephemeral(&["--workers", "0", "--block-time", block_time]);
        run(&up.ready_file, "nonces.mjs", &[]);
    }
}

#[test]
#[ignore = "needs npm packages"]
fn an_application_runs_to_its_downloaded_result() {
    let up = Up::ephemeral(&["--workers", "3"]);
    for version in VERSIONS {
        for trust in ["1", "3"] {
            run(&up.ready_file, "execution.mjs", &[version, trust]);
        }
    }
}

#[test]
#[ignore = "needs npm packages"]
fn an_application_runs_to_its_downloaded_result_on_timed_blocks() {
    let up = Up::ephemeral(&["--workers", "1", "--block-time", "1"]);
    for version in VERSIONS {
        run(&up.ready_file, "execution.mjs", &[version, "1"]);
    }
}

#[test]
#[ignore = "needs npm packages"]
fn secrets_datasets_callbacks_bulks_restrictions_and_contracts_hold_from_deployment_to_the_end() {
    let up = Up::ephemeral(&["--workers", "3"]);
    run_versions_at_once(&up.ready_file, "flows.mjs", &[]);
}

#[test]
#[ignore = "needs npm packages"]
fn deals_that_nobody_serves_are_claimed_when_their_time_is_over() {
    let up = Up::ephemeral(&["--workers", "0"]);
    for version in VERSIONS {
        run(&up.ready_file, "flows.mjs", &[version, "claim"]);
    }
}

#[test]
#[ignore = "needs npm packages"]
fn every_method_of_each_version_answers() {
    let up = Up::ephemeral(&["--workers", "2"]);
    for version in VERSIONS {
        run(&up.ready_file, "calls.mjs", &[version]);
    }
}

#[test]
#[ignore = "needs npm packages"]
fn a_cloud_of_processes_on_another_chain_does_the_same() {
    let cloud = OnAnvil::start(&programs());
    for version in VERSIONS {
        run(&cloud.ready_file, "execution.mjs", &[version, "3"]);
        run(&cloud.ready_file, "calls.mjs", &[version]);
    }
    run_versions_at_once(&cloud.ready_file, "flows.mjs", &[]);
    // Last, as these move the clock.
    for version in VERSIONS {
        run(&cloud.ready_file, "flows.mjs", &[version, "claim"]);
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
    run(&up.ready_file, "dataprotector.mjs", &[]);
    run(&up.ready_file, "web3mail.mjs", &[]);
    run(&up.ready_file, "subgraph.mjs", &[]);
}

#[test]
#[ignore = "needs npm packages"]
fn every_command_of_the_command_line_runs() {
    // The command line counts a wallet's transactions by itself: a cloud for each.
    std::thread::scope(|scope| {
        for (version, extent) in [("9.0.1", "all"), ("9.0.0", "runs")] {
            scope.spawn(move || {
                let up = Up::ephemeral(&["--workers", "1"]);
                run(&up.ready_file, "cli.mjs", &[version, extent]);
            });
        }
    });
}
