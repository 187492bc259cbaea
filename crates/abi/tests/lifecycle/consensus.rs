//! Agreement, weights, and what each share is (poco 12.3, 13.5).

use alloy_primitives::{Address, B256, Bytes, U256};
use metacloud_abi::Hub;
use metacloud_protocol::{ResultDigest, ResultHash};

use crate::harness::person;
use crate::harness::scene::{FUNDS, STAKE, Scene, T, TASK_PRICE, digest, worker};
use crate::refused;

#[test]
fn dissent_costs_one_more_confirmation_and_pays_as_worked_out() {
    // Example A of 12.3 and its settlement in 13.5.
    let mut scene = Scene::new();
    let orders = scene.orders().with_trust(5);
    let task = scene.task(&orders);
    scene.contribute("worker 0", task, "y").unwrap();
    for index in 1..4 {
        let done = scene.contribute(&worker(index), task, "x").unwrap();
        assert!(done.events::<Hub::TaskConsensus>().is_empty(), "contribution {index}");
    }
    let consensus_time = scene.world.now_s;
    let done = scene.contribute("worker 4", task, "x").unwrap();
    let hash = ResultHash::derive(task, ResultDigest(digest("x"))).0;
    assert_eq!(done.names(&scene.world), ["Transfer", "Lock", "TaskContribute", "TaskConsensus"]);
    assert_eq!(done.events::<Hub::TaskConsensus>(), [Hub::TaskConsensus { taskid: task.0, consensus: hash }]);
    let view = scene.view_task(task);
    assert_eq!((view.status, view.winnerCounter, view.revealCounter), (2, U256::from(4), U256::ZERO));
    assert_eq!((view.consensusValue, view.resultDigest), (hash, B256::ZERO));
    assert_eq!(view.revealDeadline, U256::from(consensus_time + 2 * T));
    let contributors: Vec<_> = (0..5).map(|index| person(&worker(index))).collect();
    assert_eq!(view.contributors, contributors);
    refused(scene.contribute("worker 5", task, "x"));

    refused(scene.reveal("worker 0", task, "y"));
    refused(scene.reveal("worker 0", task, "x"));
    refused(scene.finalize(task));
    for index in 1..5 {
        let done = scene.reveal(&worker(index), task, "x").unwrap();
        assert_eq!(done.names(&scene.world), ["TaskReveal"]);
    }
    assert_eq!(scene.view_task(task).resultDigest, digest("x"));
    let done = scene.finalize(task).unwrap();
    let mut names = vec!["Seize", "Transfer", "Reward", "Transfer", "Reward", "Transfer", "Unlock"];
    names.extend(["Seize", "FaultyContribution"]);
    for _ in 1..5 {
        names.extend(["Transfer", "Unlock", "Transfer", "Reward", "AccurateContribution"]);
    }
    names.extend(["Transfer", "Reward", "TaskFinalize"]);
    assert_eq!(done.names(&scene.world), names);

    assert_eq!(scene.account("requester"), (FUNDS - TASK_PRICE, 0));
    assert_eq!(scene.account("app owner"), (1_000, 0));
    assert_eq!(scene.account("dataset owner"), (1_000_000, 0));
    assert_eq!(scene.account("scheduler"), (FUNDS + 13_000_000, 0));
    for index in 1..5 {
        assert_eq!(scene.account(&worker(index)), (FUNDS + 321_750_000, 0));
        assert_eq!(scene.score(&worker(index)), 1);
        assert_eq!(scene.view_contribution(task, &worker(index)).status, 2);
    }
    assert_eq!(scene.account("worker 0"), (FUNDS - STAKE, 0));
    assert_eq!(scene.score("worker 0"), 0);
    let view = scene.view_task(task);
    assert_eq!((view.status, view.revealCounter), (3, U256::from(4)));
    assert_eq!(view.results, Bytes::from(vec![0xaa; 84]));
    scene.check_ledger();
    refused(scene.finalize(task));
    refused(scene.claim(task));
}

#[test]
fn contributions_keep_their_records_after_the_revelation() {
    let mut scene = Scene::new();
    let orders = scene.orders().with_trust(5);
    let task = scene.task(&orders);
    for (index, result) in ["y", "x", "x", "x", "x"].into_iter().enumerate() {
        scene.contribute(&worker(index), task, result).unwrap();
    }
    let before: Vec<_> = (0..5).map(|index| scene.view_contribution(task, &worker(index))).collect();
    for index in 1..5 {
        scene.reveal(&worker(index), task, "x").unwrap();
    }
    for (index, old) in before.into_iter().enumerate() {
        let new = scene.view_contribution(task, &worker(index));
        assert_eq!((new.resultHash, new.resultSeal), (old.resultHash, old.resultSeal), "worker {index}");
        assert_eq!(new.weight, old.weight);
        assert_eq!(new.status, if index == 0 { 1 } else { 2 });
    }
}

#[test]
fn weight_follows_the_score_and_one_strong_worker_may_be_enough() {
    // Example B of 12.3: trust 10 needs w = 10, a score of 33.
    for (score, enough) in [(30_u64, false), (33, true)] {
        let mut scene = Scene::new();
        set_score(&mut scene, "worker 0", score);
        let orders = scene.orders().with_trust(10);
        let task = scene.task(&orders);
        scene.contribute("worker 0", task, "x").unwrap();
        assert_eq!(scene.view_task(task).status == 2, enough, "score {score}");
        assert_eq!(scene.view_contribution(task, "worker 0").weight, U256::from(3));
    }
}

/// Writes a score into the account word: bits 192 to 254 of `accounts[worker]`.
fn set_score(scene: &mut Scene, name: &str, score: u64) {
    let slot = accounts_slot(person(name));
    let hub = scene.world.at.hub;
    let old = scene.world.db.cache.accounts[&hub].storage[&slot];
    scene.world.db.insert_account_storage(hub, slot, old | (U256::from(score) << 192)).unwrap();
    assert_eq!(scene.score(name), score);
}

/// Storage slot of an account word: the tenth member of the layout documented in contracts/README.md.
fn accounts_slot(account: Address) -> U256 {
    let base = "9b12e39e42e887d7c19b7b9f55d00ea0a2e2267ed90219db97b6d1f19ce4bd00";
    let root = U256::from_str_radix(base, 16).unwrap() + U256::from(10);
    let preimage = [account.into_word().as_slice(), &root.to_be_bytes::<32>()].concat();
    U256::from_be_bytes(alloy_primitives::keccak256(preimage).0)
}

#[test]
fn unequal_weights_share_the_pot_in_proportion() {
    // 13.5: weights 1, 1, 2.
    let mut scene = Scene::new();
    set_score(&mut scene, "worker 2", 15);
    let orders = scene.orders().with_trust(16);
    let task = scene.task(&orders);
    for index in 0..3 {
        scene.contribute(&worker(index), task, "x").unwrap();
    }
    for index in 0..3 {
        scene.reveal(&worker(index), task, "x").unwrap();
    }
    scene.finalize(task).unwrap();
    assert_eq!(scene.account("worker 0").0, FUNDS + 247_500_000);
    assert_eq!(scene.account("worker 1").0, FUNDS + 247_500_000);
    assert_eq!(scene.account("worker 2").0, FUNDS + 495_000_000);
    assert_eq!(scene.account("scheduler").0, FUNDS + 10_000_000);
    assert_eq!(scene.score("worker 2"), 16);
    scene.check_ledger();
}

#[test]
fn the_rounding_remainder_goes_to_the_scheduler() {
    let mut scene = Scene::new();
    let mut orders = scene.orders().with_trust(4);
    orders.workerpool.workerpoolprice = U256::from(100);
    let task = scene.task(&orders);
    for name in ["worker 0", "worker 1"] {
        scene.contribute(name, task, "x").unwrap();
    }
    for name in ["worker 0", "worker 1"] {
        scene.reveal(name, task, "x").unwrap();
    }
    scene.finalize(task).unwrap();
    assert_eq!((scene.account("worker 0").0, scene.account("worker 1").0), (FUNDS + 49, FUNDS + 49));
    assert_eq!(scene.account("scheduler").0, FUNDS + 2);
    scene.check_ledger();
}
