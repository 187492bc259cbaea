//! Model against contract: random traces of everything that accounts can do to the hub run through the executable model
//! (`metacloud_protocol::hub`) and through the deployed contracts on an EVM. After every event both sides must agree on
//! success or failure, return or revert data, events in order, balances, locked values, scores and the records
//! concerned, and the invariants of the ledger must hold; at the end of a trace everything is compared.
//!
//! `METACLOUD_MODEL_CASES` sets the number of traces; `METACLOUD_MODEL_REPORT` makes the test end by telling what the
//! traces met.

mod asm;
mod cast;
mod encode;
mod evm;
mod faults;
mod mischief;
mod ops;
mod puppet;
mod reader;
mod stage;
mod strangers;
mod strategies;
mod trace;
mod walks;
mod world;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};

use ops::Op;
use trace::Trace;

/// Traces of an everyday run.
const CASES: u32 = 48;
/// Traces that make a run a deep one, and the operations that it must consist of at least.
const DEEP: (u32, usize) = (2_500, 100_000);
/// What the traces of a run must reach together, so that agreement says something.
const REACHED: [&str; 16] = [
    "OrdersMatched",
    "TaskInitialize",
    "TaskContribute",
    "TaskConsensus",
    "TaskReveal",
    "TaskFinalize",
    "TaskClaimed",
    "AccurateContribution",
    "FaultyContribution",
    "Empty",
    "TaskReopen",
    "SchedulerNoticeBoost",
    "DealSponsoredBoost",
    "ResultPushedBoost",
    trace::PUPPET_SUCCEEDS,
    trace::PUPPET_FAILS,
];
/// Where chance starts in an everyday run, so that what it reaches does not change from run to run; deep runs take their
/// own start each time.
const SEED: u64 = 20;
/// Episodes of the longest trace.
const EPISODES_MAX: usize = 50;

fn cases() -> u32 {
    std::env::var("METACLOUD_MODEL_CASES")
        .map_or(CASES, |cases| cases.parse().expect("METACLOUD_MODEL_CASES is a number of traces"))
}

/// A trace that begins with a deal and its first task, so that most of it is about tasks.
fn events() -> impl Strategy<Value = Vec<Op>> {
    let beginning = strategies::plain_match().prop_map(|op| {
        let initialize = Op::Initialize { deal: 0, offset: 0, by: cast::Who::Scheduler };
        vec![Op::Match(Box::new(op)), initialize]
    });
    (beginning, prop::collection::vec(strategies::episode(), 0..EPISODES_MAX)).prop_map(
        |(mut events, rest)| {
            events.extend(rest.into_iter().flatten());
            events
        },
    )
}

fn run(events: &[Op]) -> Result<Trace, TestCaseError> {
    run_on(Trace::new(), events)
}

fn run_on(mut trace: Trace, events: &[Op]) -> Result<Trace, TestCaseError> {
    for (index, event) in events.iter().enumerate() {
        trace
            .step(event)
            .map_err(|error| TestCaseError::fail(format!("event {index}, {event:?}\n{error}")))?;
    }
    trace.compare_all()?;
    Ok(trace)
}

#[test]
fn model_and_contracts_agree_on_random_traces() {
    let rng_seed = if cases() < DEEP.0 { RngSeed::Fixed(SEED) } else { RngSeed::Random };
    let config = Config {
        cases: cases(),
        max_shrink_iters: 1_000,
        failure_persistence: None,
        rng_seed,
        ..Config::default()
    };
    let met = RefCell::new(BTreeMap::<String, usize>::new());
    let outcome = TestRunner::new(config).run(&events(), |events| {
        for (what, times) in run(&events)?.met {
            *met.borrow_mut().entry(what).or_default() += times;
        }
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, events)) => {
            let events: String = events.iter().map(|event| format!("  {event:?}\n")).collect();
            panic!("{reason}\nsmallest trace found:\n{events}");
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
    let met = met.into_inner();
    for what in REACHED {
        assert!(met.contains_key(what), "no trace reached {what}, only {met:#?}");
    }
    assert!(cases() < DEEP.0 || met[trace::OPERATIONS] >= DEEP.1, "too shallow: {met:#?}");
    if std::env::var_os("METACLOUD_MODEL_REPORT").is_some() {
        panic!("asked for a report: {met:#?}");
    }
}
