//! Model against contract: random traces of everything that accounts can do to the hub run through the executable model
//! (`metacloud_protocol::hub`) and through the deployed contracts on an EVM. After every event both sides must agree on
//! success or failure, return or revert data, events in order, balances, locked values, scores and the records
//! concerned, and the invariants of the ledger must hold; at the end of a trace everything is compared.
//!
//! `METACLOUD_MODEL_CASES` sets the number of traces; `METACLOUD_MODEL_REPORT` makes the test end by telling what the
//! traces met.

mod cast;
mod encode;
mod evm;
mod faults;
mod ops;
mod stage;
mod strangers;
mod strategies;
mod trace;
mod world;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

use ops::{Contribute, Flaw, MatchOp, Op, Price, Trust, Volume};
use trace::{Agreed, Trace};

/// Traces of an everyday run.
const CASES: u32 = 128;
/// Traces that make a run a deep one, and the operations that it must consist of at least.
const DEEP: (u32, usize) = (2_500, 100_000);
/// What the traces of a run must reach together, so that agreement says something.
const REACHED: [&str; 14] = [
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
];
/// Prices with which the kitty is fed: its least payment is more, less, or far more than a task's stake.
const KITTY_PRICES: [u32; 3] = [1_000_000_000, 4_000_000_000, 100];
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
    let config =
        Config { cases: cases(), max_shrink_iters: 1_000, failure_persistence: None, ..Config::default() };
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

/// A match with one price, trust and number of tasks for all.
fn simple_match(price: u32, trust: Trust, tasks: u32) -> Op {
    Op::Match(Box::new(MatchOp {
        app: ops::Asset::App(0),
        dataset: Some(ops::Asset::Dataset(0)),
        workerpool: ops::Asset::Workerpool(0),
        requester: cast::Who::Requester,
        by: ops::Payer::Requester,
        trust,
        category: 0,
        tags: [0; 3],
        prices: [Price::Nrlc(price); 3],
        volumes: [Volume::Tasks(tasks); 4],
        callback: None,
        params: vec![],
        salt: 0,
        fault: ops::Fault::None,
    }))
}

fn contribution(worker: cast::Who, result: u8) -> Op {
    Op::Contribute(Contribute { task: 0, worker, result, flaw: Flaw::None })
}

/// Groups beyond 96 bits, the bound on contributors, and the settlement of so many.
#[test]
fn model_and_contracts_agree_on_a_crowded_task() -> Agreed {
    let initialize = Op::Initialize { deal: 0, offset: 0, by: cast::Who::Scheduler };
    let mut events = vec![simple_match(1_000, Trust::TwoTo(120), 1), initialize];
    // Two groups, the second of which outgrows 96 bits; a third one joins late.
    let crowd = (0..cast::CROWD).map(|number| {
        let result = if number % 16 == 0 { 0 } else { u8::from(number < 120) + 1 };
        contribution(cast::Who::Crowd(number), result.min(1))
    });
    events.extend(crowd.take(150));
    events.push(Op::RevealAll { task: 0 });
    events.push(Op::Finalize { task: 0, by: None, data: ops::CallbackData::Fitting });
    run(&events).map(drop)
}

/// A task with as many contributors as it may have, and one more, is claimed.
#[test]
fn model_and_contracts_agree_on_the_last_contributor() -> Agreed {
    let initialize = Op::Initialize { deal: 0, offset: 0, by: cast::Who::Scheduler };
    let mut events = vec![simple_match(1_000, Trust::Level(u16::MAX), 1), initialize];
    // Nobody agrees with more than a few others, so that no consensus comes.
    events.extend((0..cast::CROWD).map(|number| contribution(cast::Who::Crowd(number), (number / 4) as u8)));
    let wait = ops::Wait::Until { task: 0, deadline: ops::Deadline::Final, shift: 0 };
    events.extend([Op::Wait(wait), Op::Claim { task: 0, by: cast::Who::Pauper }]);
    run(&events).map(drop)
}

/// A failed task feeds the kitty, and the next one that ends well takes from it.
fn kitty_walk(price: u32) -> Vec<Op> {
    let begin = |offset| {
        [
            simple_match(price, Trust::Level(1), 9),
            Op::Initialize { deal: ops::LATEST, offset, by: cast::Who::Scheduler },
        ]
    };
    let mut events = begin(0).to_vec();
    let tasks = (1..9).map(|offset| (0, offset)).collect();
    events.push(Op::InitializeArray { tasks, uneven: false });
    let wait = ops::Wait::Until { task: 0, deadline: ops::Deadline::Final, shift: 0 };
    events.extend([Op::Wait(wait), Op::ClaimArray { tasks: (0..9).collect() }]);
    let Op::Match(mut again) = simple_match(price, Trust::Level(1), 2) else { unreachable!() };
    again.salt = 1;
    events.push(Op::Match(again));
    for offset in 0..2 {
        events.push(Op::Initialize { deal: ops::LATEST, offset, by: cast::Who::Scheduler });
        let worker = cast::Who::Worker(offset);
        events.push(Op::Contribute(Contribute { task: ops::LATEST, worker, result: 0, flaw: Flaw::None }));
        events.push(Op::RevealAll { task: ops::LATEST });
        events.push(Op::Finalize { task: ops::LATEST, by: None, data: ops::CallbackData::Fitting });
    }
    events
}

#[test]
fn model_and_contracts_agree_on_the_kitty() -> Agreed {
    for price in KITTY_PRICES {
        let met = run(&kitty_walk(price))?.met;
        assert_eq!(met["TaskClaimed"], 9);
        assert_eq!(met["TaskFinalize"], 2);
    }
    Ok(())
}

/// Boost tasks that are pushed, too late to be pushed, claimed, and paid from the kitty that the claims fed.
fn boost_walk() -> Vec<Op> {
    let Op::Match(mut op) = simple_match(1_000_000_000, Trust::Level(1), 3) else { unreachable!() };
    op.callback = Some(ops::Callback::Contract(strangers::Stranger::Silent));
    let push = |offset, data| {
        let worker = cast::Who::Worker(offset);
        Op::Push(ops::PushOp { deal: ops::LATEST, offset, worker, result: 1, flaw: Flaw::None, data })
    };
    let claim = |offset| Op::ClaimBoost { deal: ops::LATEST, offset, by: cast::Who::Pauper };
    let fitting = ops::CallbackData::Fitting;
    let mut events = Vec::new();
    for (salt, by) in [(0, ops::Payer::Boost), (1, ops::Payer::BoostSponsor(cast::Who::Sponsor))] {
        (op.salt, op.by) = (salt, by);
        events.extend([Op::Match(op.clone()), claim(0), push(0, ops::CallbackData::Empty), push(0, fitting)]);
        events.extend([push(0, fitting), push(3, fitting), Op::Wait(ops::Wait::Seconds(2_100))]);
        events.extend([push(1, fitting), claim(0), claim(1), claim(1), claim(2), claim(3)]);
    }
    events
}

#[test]
fn model_and_contracts_agree_on_boost() -> Agreed {
    let met = run(&boost_walk())?.met;
    assert_eq!((met["ResultPushedBoost"], met["TaskClaimed"]), (2, 4));
    for text in [
        "Unknown task",
        "Task status not unset",
        "Deadline not reached",
        "Deadline reached",
        "Callback requires data",
    ] {
        assert!(met.keys().any(|key| key.contains(&format!("PocoBoost: {text}"))), "{text}: {met:#?}");
    }
    Ok(())
}

/// One consensus is revealed in the last second; another one too late, so that its scheduler, and nobody else, reopens it.
fn reveal_walk() -> Vec<Op> {
    let until =
        |shift| Op::Wait(ops::Wait::Until { task: ops::LATEST, deadline: ops::Deadline::Reveal, shift });
    let reveal = Op::Reveal { task: ops::LATEST, worker: cast::Who::Worker(0), result: None };
    let reopen = |by| Op::Reopen { task: ops::LATEST, by };
    let mut events = vec![simple_match(1_000, Trust::Level(1), 2)];
    for (offset, shift) in [(0, -1), (1, 0)] {
        events.push(Op::Initialize { deal: ops::LATEST, offset, by: cast::Who::Scheduler });
        let worker = cast::Who::Worker(0);
        events.push(Op::Contribute(Contribute { task: ops::LATEST, worker, result: 0, flaw: Flaw::None }));
        events.extend([until(shift), reveal.clone(), reopen(Some(cast::Who::Pauper)), reopen(None)]);
    }
    events
}

#[test]
fn model_and_contracts_agree_on_late_revelations() -> Agreed {
    let met = run(&reveal_walk())?.met;
    assert_eq!((met["TaskReveal"], met["TaskReopen"]), (1, 1));
    Ok(())
}
