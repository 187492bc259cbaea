//! Faults planted into the contracts (`contracts/faults.mjs`), each of which some trace must notice.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use alloy_primitives::Bytes;
use metacloud_abi::Contract;
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::{Config, RngSeed, TestRunner};

use crate::ops::Op;
use crate::trace::Trace;
use crate::walks::walks;
use crate::{events, run_on};

/// Random traces that a fault may survive that no walk noticed.
const TRACES_MAX: usize = 60;
/// The seed of those traces.
const SEED: u64 = 1;

#[derive(serde::Deserialize)]
struct Fault {
    fault: String,
    contract: String,
    code: Bytes,
}

/// The faults: from the file that `METACLOUD_FAULTS` names, or compiled now.
fn faults() -> Vec<Fault> {
    let text = match std::env::var_os("METACLOUD_FAULTS") {
        Some(path) => std::fs::read(path).expect("the file of faults"),
        None => {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts");
            let out = Command::new("node").arg("faults.mjs").current_dir(folder).output();
            let out = out.expect("node is there: install Node.js 20 or later");
            assert!(out.status.success(), "faults.mjs: {}", String::from_utf8_lossy(&out.stderr));
            out.stdout
        }
    };
    serde_json::from_slice(&text).expect("faults.mjs prints JSON")
}

fn module(name: &str) -> Contract {
    let modules =
        [Contract::TasksModule, Contract::BoostModule, Contract::MatchingModule, Contract::EscrowModule];
    modules.into_iter().find(|module| module.name() == name).expect("faults are planted into these modules")
}

/// What a trace says of the fault, if it notices.
fn says(fault: &Fault, events: &[Op]) -> Option<String> {
    let trace = Trace::with_fault(module(&fault.contract), &fault.code);
    // What the model takes for impossible is noticed, too.
    match catch_unwind(AssertUnwindSafe(|| run_on(trace, events))) {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("  a panic".to_owned()),
    }
}

/// The trace that notices, and what it says.
fn noticed(fault: &Fault) -> Option<(String, String)> {
    let by_walk = walks().into_iter().find_map(|(name, events)| {
        let what = says(fault, &events)?;
        Some((name.to_owned(), what))
    });
    if by_walk.is_some() {
        return by_walk;
    }
    let config = Config { rng_seed: RngSeed::Fixed(SEED), failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    (0..TRACES_MAX).find_map(|number| {
        let events = events().new_tree(&mut runner).expect("a trace").current();
        says(fault, &events).map(|what| (format!("random trace {number}"), what))
    })
}

/// Takes minutes: every fault is compiled, and some live for many traces.
#[test]
#[ignore = "for the deep run: cargo test --workspace --test model -- --ignored"]
fn planted_faults_are_noticed() {
    let mut survived = Vec::new();
    let mut told = BTreeMap::new();
    for fault in faults() {
        match noticed(&fault) {
            Some((trace, what)) => {
                let what: String = what.lines().filter(|line| line.starts_with("  ")).take(1).collect();
                told.insert(fault.fault, format!("{trace}:{what}"));
            }
            None => survived.push(fault.fault),
        }
    }
    assert!(survived.is_empty(), "nobody noticed: {survived:#?}; noticed: {told:#?}");
    if std::env::var_os("METACLOUD_MODEL_REPORT").is_some() {
        panic!("asked for a report: {told:#?}");
    }
}
