//! Finalizing, results, callbacks (poco 11.6 and 14).

use alloy_primitives::{Bytes, U256};
use metacloud_abi::Hub;

use crate::harness::scene::Scene;
use crate::harness::{panic_code, person};
use crate::refused;

#[test]
fn finalize_belongs_to_the_scheduler_and_to_the_agreed_data() {
    let mut scene = Scene::new();
    let orders = scene.orders();
    let task = scene.task(&orders);
    refused(scene.finalize(task));
    scene.contribute("worker 0", task, "x").unwrap();
    refused(scene.finalize(task));
    scene.reveal("worker 0", task, "x").unwrap();
    let mut call = Hub::finalizeCall { taskId: task.0, results: Bytes::new(), resultsCallback: Bytes::new() };
    refused(scene.world.hub(person("anyone"), &call));
    call.resultsCallback = Bytes::from_static(b"not x");
    refused(scene.world.hub(person("scheduler"), &call));
    // Without a consumer, data that hash to the digest are accepted and kept.
    call.resultsCallback = Bytes::from_static(b"x");
    scene.world.hub(person("scheduler"), &call).unwrap();
    let view = scene.view_task(task);
    assert_eq!((view.results, view.resultsCallback), (Bytes::new(), Bytes::from_static(b"x")));
    let result = scene.world.ask(&Hub::resultForCall { taskId: task.0 });
    assert_eq!(result, Bytes::from_static(b"x"));
}

#[test]
fn results_beyond_one_code_record_are_kept_whole() {
    for size in [0, 1, 24_571, 24_572, 60_000] {
        let mut scene = Scene::new();
        let orders = scene.orders();
        let task = scene.task(&orders);
        scene.contribute("worker 0", task, "x").unwrap();
        scene.reveal("worker 0", task, "x").unwrap();
        let results: Bytes = (0..size).map(|index| (index % 251) as u8).collect::<Vec<_>>().into();
        let call =
            Hub::finalizeCall { taskId: task.0, results: results.clone(), resultsCallback: Bytes::new() };
        scene.world.hub(person("scheduler"), &call).unwrap();
        assert!(scene.view_task(task).results == results, "{size} bytes");
    }
}

#[test]
fn results_go_to_the_consumer_last() {
    let consumer = person("consumer");
    let mut scene = Scene::new();
    scene.world.put_code(consumer, crate::harness::codes::stores_call());
    let mut orders = scene.orders();
    orders.request.callback = consumer;
    let task = scene.task(&orders);
    let mut call = Scene::one_step("worker 0", task, "data");
    refused(scene.world.hub(person("worker 0"), &call));
    call.resultsCallback = Bytes::from_static(b"other");
    refused(scene.world.hub(person("worker 0"), &call));
    call.resultsCallback = Bytes::from_static(b"data");
    scene.world.hub(person("worker 0"), &call).unwrap();
    let storage = &scene.world.db.cache.accounts[&consumer].storage;
    assert_eq!(storage[&U256::ZERO], U256::from(4 + 4 * 32));
    assert_eq!(storage[&U256::from(1)], U256::from_be_bytes(task.0.0));
    let result = scene.world.ask(&Hub::resultForCall { taskId: task.0 });
    assert_eq!(result, Bytes::from_static(b"data"));
}

#[test]
fn no_consumer_can_stop_a_settlement_and_none_is_starved() {
    use crate::harness::codes::{burns_gas, refuses, returns_much, silent};
    for code in [Bytes::new(), silent(), refuses(), burns_gas(), returns_much(20_000)] {
        let consumer = person("consumer");
        let mut scene = Scene::new();
        scene.world.put_code(consumer, code);
        let mut orders = scene.orders();
        orders.request.callback = consumer;
        let task = scene.task(&orders);
        scene.contribute("worker 0", task, "data").unwrap();
        scene.reveal("worker 0", task, "data").unwrap();
        let call = Hub::finalizeCall {
            taskId: task.0,
            results: Bytes::new(),
            resultsCallback: Bytes::from_static(b"data"),
        };
        scene.world.hub(person("scheduler"), &call).unwrap();
        assert_eq!(scene.view_task(task).status, 3);
    }
    // Too little gas for the consumer's allowance: the whole call fails with an assertion.
    let consumer = person("consumer");
    let mut scene = Scene::new();
    scene.world.put_code(consumer, burns_gas());
    let mut orders = scene.orders();
    orders.request.callback = consumer;
    let task = scene.task(&orders);
    let mut call = Scene::one_step("worker 0", task, "data");
    call.resultsCallback = Bytes::from_static(b"data");
    let enough = scene.world.clone().hub(person("worker 0"), &call).unwrap().gas;
    scene.world.gas_limit = enough - 20_000;
    assert_eq!(scene.world.hub(person("worker 0"), &call).err(), Some(panic_code(0x01)));
}

#[test]
fn the_answer_of_a_consumer_costs_nobody_but_itself() {
    // 21: an answer that is copied costs the caller as much memory again.
    use crate::harness::codes::{returns_much, silent};
    const ANSWER: u32 = 200_000;
    let words = u64::from(ANSWER / 32);
    let own_memory = 3 * words + words * words / 512;
    let gas = |code: Bytes| {
        let consumer = person("consumer");
        let mut scene = Scene::new();
        scene.world.put_code(consumer, code);
        let mut orders = scene.orders();
        orders.request.callback = consumer;
        let task = scene.task(&orders);
        let mut call = Scene::one_step("worker 0", task, "data");
        call.resultsCallback = Bytes::from_static(b"data");
        scene.world.hub(person("worker 0"), &call).unwrap().gas
    };
    let paid = gas(returns_much(ANSWER)) - gas(silent());
    assert!(paid < own_memory + 100, "{paid} for an answer that cost its consumer {own_memory}");
}
