//! Contributing and finalizing in one step (poco 11.7).

use alloy_primitives::{Address, U256};
use metacloud_protocol::{ResultDigest, ResultHash, ResultSeal};

use crate::harness::person;
use crate::harness::scene::{FUNDS, Scene, T, digest};
use crate::refused;

#[test]
fn one_step_settles_at_once() {
    let mut scene = Scene::new();
    let orders = scene.orders();
    let task = scene.task(&orders);
    let call = Scene::one_step("worker 0", task, "x");
    refused(scene.world.hub(person("worker 1"), &call));
    let before = scene.world.now_s;
    let done = scene.world.hub(person("worker 0"), &call).unwrap();
    let names = [
        "Seize",
        "Transfer",
        "Reward",
        "Transfer",
        "Reward",
        "Transfer",
        "Unlock",
        "Transfer",
        "Reward",
        "Transfer",
        "Reward",
        "TaskContribute",
        "TaskConsensus",
        "TaskReveal",
        "TaskFinalize",
    ];
    assert_eq!(done.names(&scene.world), names);
    assert_eq!(scene.account("worker 0"), (FUNDS + 990_000_000, 0));
    assert_eq!(scene.account("scheduler"), (FUNDS + 10_000_000, 0));
    assert_eq!(scene.score("worker 0"), 0);
    let hash = ResultHash::derive(task, ResultDigest(digest("x"))).0;
    let seal = ResultSeal::derive(person("worker 0"), task, ResultDigest(digest("x"))).0;
    let view = scene.view_task(task);
    assert_eq!((view.status, view.consensusValue, view.resultDigest), (3, hash, digest("x")));
    assert_eq!((view.revealCounter, view.winnerCounter), (U256::from(1), U256::from(1)));
    assert_eq!(view.revealDeadline, U256::from(before + 2 * T));
    assert_eq!(view.contributors, [person("worker 0")]);
    assert_eq!(view.results, call.results);
    let made = scene.view_contribution(task, "worker 0");
    assert_eq!((made.status, made.resultHash, made.resultSeal), (2, hash, seal));
    assert_eq!((made.weight, made.enclaveChallenge), (U256::ZERO, Address::ZERO));
    assert_eq!(scene.view_contribution(task, "worker 1").status, 0);
    refused(scene.world.hub(person("worker 0"), &call));
    scene.check_ledger();
}

#[test]
fn one_step_is_for_trust_one_and_untouched_tasks() {
    let mut scene = Scene::new();
    let orders = scene.orders().with_trust(2);
    let task = scene.task(&orders);
    refused(scene.world.hub(person("worker 0"), &Scene::one_step("worker 0", task, "x")));

    let mut orders = scene.orders();
    orders.request.salt = digest("trust 0 counts as 1");
    orders.request.trust = U256::ZERO;
    let task = scene.task(&orders);
    scene.world.warp(7 * T);
    refused(scene.world.hub(person("worker 0"), &Scene::one_step("worker 0", task, "x")));
    scene.world.now_s -= 1;
    scene.world.hub(person("worker 0"), &Scene::one_step("worker 0", task, "x")).unwrap();
}

#[test]
fn a_one_step_enclave_is_remembered() {
    let mut scene = Scene::new();
    let orders = scene.orders();
    let task = scene.task(&orders);
    let proved = Scene::enclave_contribution("worker 0", task, "x");
    let mut call = Scene::one_step("worker 0", task, "x");
    call.enclaveChallenge = proved.enclaveChallenge;
    call.enclaveSign = proved.enclaveSign;
    call.authorizationSign = proved.authorizationSign;
    scene.world.hub(person("worker 0"), &call).unwrap();
    let made = scene.view_contribution(task, "worker 0");
    assert_eq!((made.status, made.enclaveChallenge), (2, person("enclave")));
    assert_eq!(scene.view_task(task).results, call.results);
}
