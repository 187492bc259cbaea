//! Money and scores of the worked examples (poco 12.3, 13.5, 13.6).

use super::*;
use crate::deal::{ContributionStatus, KITTY_ADDRESS, TaskStatus};

fn n(nrlc: u64) -> Nrlc {
    Nrlc::new(nrlc)
}

/// Example A: one wrong worker first, then four right ones.
fn example_a() -> (Stage, TaskId, Vec<Event>) {
    let mut stage = Stage::new();
    let task = stage.task(5);
    stage.contribute(WORKER, task, b'y');
    for worker in WORKER + 1..WORKER + 5 {
        stage.contribute(worker, task, b'x');
    }
    for worker in WORKER + 1..WORKER + 5 {
        stage.reveal(worker, task, b'x');
    }
    let events = stage.finalize(task).unwrap();
    (stage, task, events)
}

#[test]
fn a_match_locks_price_and_stake_for_the_whole_volume() {
    let mut stage = Stage::new();
    let orders = stage.orders(1, 3);
    stage.match_orders(&orders).unwrap();
    assert_eq!(stage.locked(REQUESTER), n(3_003_003_000));
    assert_eq!(stage.locked(SCHEDULER), n(900_000_000));
}

#[test]
fn example_a_pays_as_published() {
    let (stage, task, events) = example_a();
    assert_eq!(stage.free(APP_PROVIDER), n(FUNDS + 1_000));
    assert_eq!(stage.free(DATASET_PROVIDER), n(FUNDS + 1_000_000));
    assert_eq!(stage.free(SCHEDULER), n(FUNDS - 900_000_000 + 313_000_000));
    assert_eq!(stage.free(WORKER), n(FUNDS - 300_000_000));
    for worker in WORKER + 1..WORKER + 5 {
        assert_eq!(stage.free(worker), n(FUNDS + 321_750_000));
        assert_eq!(stage.hub.score(account(worker)), U256::from(1));
        assert_eq!(stage.locked(worker), n(0));
    }
    assert_eq!(stage.locked(WORKER), n(0));
    assert_eq!(stage.hub.task(task).winner_counter, 4);

    let names: Vec<_> = events.iter().map(name).collect();
    let right = ["Transfer", "Unlock", "Transfer", "Reward", "AccurateContribution"];
    let expected = [
        &["Seize", "Transfer", "Reward", "Transfer", "Reward", "Transfer", "Unlock"][..],
        &["Seize", "FaultyContribution"],
        &right.repeat(4),
        &["Transfer", "Reward", "TaskFinalize"],
    ]
    .concat();
    assert_eq!(names, expected);
}

#[test]
fn rounding_remainder_goes_to_the_scheduler() {
    let mut stage = Stage::new();
    let mut orders = stage.orders(3, 1);
    orders.workerpool.order.workerpoolprice = U256::from(100);
    let SignedOrders { app, dataset, workerpool, request } = orders;
    let orders = stage.sign(app.order, dataset.order, workerpool.order, request.order);
    let deal = stage.match_orders(&orders).unwrap();
    let task = stage.initialized(deal, U256::ZERO);
    for worker in [WORKER, WORKER + 1] {
        stage.contribute(worker, task, 1);
    }
    for worker in [WORKER, WORKER + 1] {
        stage.reveal(worker, task, 1);
    }
    stage.finalize(task).unwrap();
    assert_eq!(stage.free(WORKER), n(FUNDS + 49));
    assert_eq!(stage.free(WORKER + 1), n(FUNDS + 49));
    assert_eq!(stage.free(SCHEDULER), n(FUNDS + 2));
}

#[test]
fn one_step_path_pays_at_once_and_locks_no_stake() {
    let mut stage = Stage::new();
    let task = stage.task(0);
    let events = stage.task_call(WORKER, one_step(task, Address::ZERO, Bytes::new())).unwrap();
    assert_eq!(stage.free(WORKER), n(FUNDS + 990_000_000));
    assert_eq!(stage.free(SCHEDULER), n(FUNDS - 600_000_000 + 10_000_000));
    assert_eq!(stage.hub.score(account(WORKER)), U256::ZERO);
    assert_eq!(stage.hub.task(task).status, TaskStatus::Completed);
    let contribution = stage.hub.contribution(task, account(WORKER));
    assert_eq!((contribution.status, contribution.weight), (ContributionStatus::Proved, 0));
    assert_eq!(
        events.iter().rev().take(4).map(name).collect::<Vec<_>>(),
        ["TaskFinalize", "TaskReveal", "TaskConsensus", "TaskContribute"]
    );
}

#[test]
fn claim_refunds_and_feeds_the_kitty_which_later_tasks_drain() {
    let mut stage = Stage::new();
    let first = stage.task(5);
    stage.contribute(WORKER, first, 1);
    stage.now_s = START_S + 3_000;
    let claim = TaskCall::Claim { task: first };
    let events = stage.task_call(SPONSOR, claim).unwrap();
    assert_eq!(
        events.iter().map(name).collect::<Vec<_>>(),
        ["Transfer", "Unlock", "Seize", "Reward", "Lock", "Transfer", "Unlock", "TaskClaimed"]
    );
    assert_eq!(stage.locked(REQUESTER), n(2 * 1_001_001_000));
    assert_eq!(stage.free(WORKER), n(FUNDS));
    assert_eq!(stage.hub.ledger().frozen_of(KITTY_ADDRESS), n(300_000_000));

    let mut orders = stage.orders(1, 1);
    orders.request.order.salt = B256::repeat_byte(1);
    let SignedOrders { app, dataset, workerpool, request } = orders;
    let orders = stage.sign(app.order, dataset.order, workerpool.order, request.order);
    let deal = stage.match_orders(&orders).unwrap();
    let task = stage.initialized(deal, U256::ZERO);
    let before = stage.free(SCHEDULER);
    stage.task_call(WORKER, one_step(task, Address::ZERO, Bytes::new())).unwrap();
    let stake_share_and_kitty = n(300_000_000 + 10_000_000 + 300_000_000);
    assert_eq!(Some(stage.free(SCHEDULER)), before.checked_add(stake_share_and_kitty));
    assert_eq!(stage.hub.ledger().frozen_of(KITTY_ADDRESS), n(0));
}

#[test]
fn reopened_worker_is_rejected_and_pays_when_the_task_ends_well() {
    let mut stage = Stage::new();
    let task = stage.task(1);
    stage.contribute(WORKER, task, 1);
    stage.now_s += 600;
    stage.task_call(SCHEDULER, TaskCall::Reopen { task }).unwrap();
    let again = stage.contribution(WORKER, task, digest(1));
    assert_eq!(stage.task_call(WORKER, again), Err(Revert::Empty));
    stage.contribute(WORKER + 1, task, 1);
    assert_eq!(stage.hub.task(task).winner_counter, 1);
    stage.reveal(WORKER + 1, task, 1);
    stage.finalize(task).unwrap();
    let rejected = stage.hub.contribution(task, account(WORKER)).status;
    assert_eq!(rejected, ContributionStatus::Rejected);
    assert_eq!(stage.free(WORKER), n(FUNDS - 300_000_000));
    assert_eq!(stage.free(WORKER + 1), n(FUNDS + 1_287_000_000));
}

/// A one-step contribution of [`WORKER`].
fn one_step(task: TaskId, enclave_challenge: Address, enclave_sign: Bytes) -> TaskCall {
    TaskCall::ContributeAndFinalize {
        task,
        digest: digest(1),
        results: Bytes::new(),
        results_callback: Bytes::new(),
        enclave_challenge,
        enclave_sign,
        authorization_sign: authorization(SCHEDULER, WORKER, task, enclave_challenge),
    }
}

fn name(event: &Event) -> String {
    let text = format!("{event:?}");
    text.split([' ', '(']).next().unwrap().to_owned()
}
