//! Claims and the kitty (poco 11.8 and 13.6).

use alloy_primitives::U256;
use metacloud_abi::Hub;
use metacloud_protocol::TaskId;

use crate::harness::person;
use crate::harness::scene::{FUNDS, STAKE, Scene, T, TASK_PRICE, digest, worker};
use crate::refused;

#[test]
fn a_claim_refunds_the_sponsor_and_feeds_the_kitty() {
    let mut scene = Scene::new();
    let orders = scene.orders().with_trust(5).with_volume(2);
    let deal = scene.deal(&orders);
    let task = TaskId::derive(deal, U256::ZERO);
    scene.world.warp(10 * T);
    refused(scene.claim(task));
    scene.initialize(deal, 0).unwrap();
    scene.world.warp(0);
    scene.world.now_s -= 1;
    refused(scene.claim(task));
    scene.world.now_s -= 5 * T;
    for (index, result) in ["x", "y"].into_iter().enumerate() {
        scene.contribute(&worker(index), task, result).unwrap();
    }
    scene.world.now_s += 5 * T + 1;
    let done = scene.claim(task).unwrap();
    let names = [
        "Transfer",
        "Unlock",
        "Seize",
        "Reward",
        "Lock",
        "Transfer",
        "Unlock",
        "Transfer",
        "Unlock",
        "TaskClaimed",
    ];
    assert_eq!(done.names(&scene.world), names);
    assert_eq!(scene.account("requester"), (FUNDS - TASK_PRICE, TASK_PRICE));
    assert_eq!(scene.account("scheduler"), (FUNDS - 2 * STAKE, STAKE));
    assert_eq!((scene.account("worker 0"), scene.account("worker 1")), ((FUNDS, 0), (FUNDS, 0)));
    let kitty = scene.world.ask(&Hub::kitty_addressCall {});
    assert_eq!(scene.world.account(kitty), (U256::ZERO, U256::from(STAKE)));
    assert_eq!(scene.view_task(task).status, 4);
    refused(scene.claim(task));
    refused(scene.reveal("worker 0", task, "x"));
    scene.check_ledger();

    let call = Hub::initializeAndClaimArrayCall { dealIds: vec![deal.0], indexes: vec![U256::from(1)] };
    let done = scene.world.hub(person("anyone"), &call).unwrap();
    assert_eq!(done.output.as_ref(), U256::from(1).to_be_bytes::<32>());
    assert_eq!(scene.account("requester"), (FUNDS, 0));
    refused(scene.world.hub(person("anyone"), &call));
    let uneven = Hub::initializeAndClaimArrayCall { dealIds: vec![deal.0], indexes: vec![] };
    refused(scene.world.hub(person("anyone"), &uneven));
    scene.world.hub(person("anyone"), &Hub::claimArrayCall { taskIds: vec![] }).unwrap();
    refused(scene.world.hub(person("anyone"), &Hub::claimArrayCall { taskIds: vec![task.0] }));
    scene.check_ledger();
}

#[test]
fn the_kitty_pays_one_fraction_per_success() {
    // 13.6: 10,200,000,000 pays a tenth, 1,000,000,000 is the least, less than that goes whole.
    let mut scene = Scene::new();
    let orders = scene.orders().with_volume(34);
    let deal = scene.deal(&orders);
    scene.world.warp(10 * T);
    for index in 0..34 {
        let pair =
            Hub::initializeAndClaimArrayCall { dealIds: vec![deal.0], indexes: vec![U256::from(index)] };
        scene.world.hub(person("anyone"), &pair).unwrap();
    }
    let kitty = scene.world.ask(&Hub::kitty_addressCall {});
    let frozen = |scene: &Scene| scene.world.account(kitty).1.to::<u64>();
    assert_eq!(frozen(&scene), 10_200_000_000);
    let mut paid = Vec::new();
    for round in 0..11 {
        let mut orders = scene.orders();
        orders.request.salt = digest(&format!("round {round}"));
        let task = scene.task(&orders);
        let before = frozen(&scene);
        let done = scene.world.hub(person("worker 0"), &Scene::one_step("worker 0", task, "x")).unwrap();
        paid.push(before - frozen(&scene));
        let names = done.names(&scene.world);
        assert_eq!(names[5..10], ["Transfer", "Unlock", "Seize", "Transfer", "Reward"]);
        scene.check_ledger();
    }
    let expected = [vec![1_020_000_000], vec![1_000_000_000; 9], vec![180_000_000]].concat();
    assert_eq!(paid, expected);
    assert_eq!(frozen(&scene), 0);
}
