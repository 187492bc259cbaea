//! Revelations, and reopening what nobody reveals (poco 11.4 and 11.5).

use alloy_primitives::{B256, U256};
use metacloud_abi::Hub;

use crate::harness::person;
use crate::harness::scene::{FUNDS, STAKE, Scene, T, digest, worker};
use crate::refused;

#[test]
fn reveals_need_the_digest_of_the_consensus_and_time() {
    let mut scene = Scene::new();
    let orders = scene.orders().with_trust(3);
    let task = scene.task(&orders);
    scene.contribute("worker 0", task, "x").unwrap();
    refused(scene.reveal("worker 0", task, "x"));
    let mut copied = Scene::contribution("worker 1", task, "x");
    // A copied hash with a seal of its own invention joins the group but can never be revealed.
    copied.resultSeal = digest("no seal");
    scene.world.hub(person("worker 1"), &copied).unwrap();
    assert_eq!(scene.view_task(task).status, 2);
    refused(scene.reveal("worker 0", task, "y"));
    refused(scene.reveal("worker 2", task, "x"));
    refused(scene.reveal("worker 1", task, "x"));
    scene.world.warp(2 * T);
    refused(scene.reveal("worker 0", task, "x"));
    scene.world.now_s -= 1;
    scene.reveal("worker 0", task, "x").unwrap();
    refused(scene.reveal("worker 0", task, "x"));
    refused(scene.reveal("worker 1", task, "x"));
    refused(scene.finalize(task));
    scene.world.warp(1);
    scene.finalize(task).unwrap();
    let view = scene.view_task(task);
    assert_eq!((view.revealCounter, view.winnerCounter), (U256::from(1), U256::from(2)));
    assert_eq!(scene.view_contribution(task, "worker 1").status, 1);
    assert_eq!(scene.account("worker 1"), (FUNDS - STAKE, 0));
    assert_eq!(scene.account("worker 0"), (FUNDS + 1_287_000_000, 0));
    scene.check_ledger();
}

#[test]
fn a_consensus_that_nobody_reveals_can_be_reopened() {
    // Example C of 12.3.
    let mut scene = Scene::new();
    let orders = scene.orders();
    let task = scene.task(&orders);
    let reopen = Hub::reopenCall { taskId: task.0 };
    refused(scene.world.hub(person("scheduler"), &reopen));
    scene.contribute("worker 0", task, "x").unwrap();
    refused(scene.world.hub(person("scheduler"), &reopen));
    scene.world.warp(2 * T);
    refused(scene.world.hub(person("anyone"), &reopen));
    let done = scene.world.hub(person("scheduler"), &reopen).unwrap();
    assert_eq!(done.names(&scene.world), ["TaskReopen"]);
    let view = scene.view_task(task);
    assert_eq!((view.status, view.consensusValue), (1, B256::ZERO));
    assert_eq!((view.revealDeadline, view.winnerCounter), (U256::ZERO, U256::ZERO));
    assert_eq!(view.contributors, [person("worker 0")]);
    assert_eq!(scene.view_contribution(task, "worker 0").status, 3);
    refused(scene.contribute("worker 0", task, "x"));
    refused(scene.world.hub(person("worker 1"), &Scene::one_step("worker 1", task, "x")));

    scene.contribute("worker 1", task, "x").unwrap();
    assert_eq!(scene.view_task(task).winnerCounter, U256::from(1));
    refused(scene.reveal("worker 0", task, "x"));
    scene.reveal("worker 1", task, "x").unwrap();
    refused(scene.world.hub(person("scheduler"), &reopen));
    scene.finalize(task).unwrap();
    assert_eq!(scene.account("worker 0"), (FUNDS - STAKE, 0));
    assert_eq!(scene.account("worker 1"), (FUNDS + 1_287_000_000, 0));
    assert_eq!(scene.score("worker 1"), 1);
    scene.check_ledger();
}

#[test]
fn a_consensus_on_another_hash_than_the_first_reopens_too() {
    let mut scene = Scene::new();
    let orders = scene.orders().with_trust(3);
    let task = scene.task(&orders);
    scene.contribute("worker 0", task, "y").unwrap();
    for index in 1..4 {
        scene.contribute(&worker(index), task, "x").unwrap();
    }
    assert_eq!(scene.view_task(task).winnerCounter, U256::from(3));
    scene.world.warp(2 * T);
    scene.world.hub(person("scheduler"), &Hub::reopenCall { taskId: task.0 }).unwrap();
    for index in 1..4 {
        assert_eq!(scene.view_contribution(task, &worker(index)).status, 3);
    }
    assert_eq!(scene.view_contribution(task, "worker 0").status, 1);
    // G(y) = 2 stands, G(x) starts anew: two more for y give G(y) = 8, total 9, 24 > 18.
    scene.contribute("worker 4", task, "x").unwrap();
    scene.contribute("worker 5", task, "y").unwrap();
    assert_eq!(scene.view_task(task).status, 1, "4 * 3 > 7 * 2 is false");
    scene.contribute("worker 6", task, "y").unwrap();
    let view = scene.view_task(task);
    assert_eq!((view.status, view.winnerCounter), (2, U256::from(3)));
    for name in ["worker 0", "worker 5", "worker 6"] {
        scene.reveal(name, task, "y").unwrap();
    }
    scene.finalize(task).unwrap();
    assert_eq!(scene.score("worker 0"), 1);
    scene.check_ledger();
}

#[test]
fn a_reopen_ends_at_the_final_deadline() {
    let mut scene = Scene::new();
    let orders = scene.orders();
    let task = scene.task(&orders);
    scene.contribute("worker 0", task, "x").unwrap();
    scene.world.warp(10 * T);
    refused(scene.world.hub(person("scheduler"), &Hub::reopenCall { taskId: task.0 }));
    refused(scene.finalize(task));
    scene.claim(task).unwrap();
}
