//! Contributions and who may make them (poco 11.3).

use alloy_primitives::{Address, B256, Bytes, U256};
use metacloud_abi::Hub;
use metacloud_protocol::{ResultDigest, ResultHash, ResultSeal, TaskId};

use crate::harness::scene::{DATASET_PRICE, FUNDS, STAKE, Scene, T, digest, worker};
use crate::harness::{custom, person, text};
use crate::refused;

#[test]
fn a_contribution_needs_an_active_task_time_and_authorization() {
    let mut scene = Scene::new();
    let orders = scene.orders().with_trust(5);
    let deal = scene.deal(&orders);
    let task = TaskId::derive(deal, U256::ZERO);
    refused(scene.contribute("worker 0", task, "x"));
    scene.initialize(deal, 0).unwrap();

    let mut call = Scene::contribution("worker 0", task, "x");
    refused(scene.world.hub(person("worker 1"), &call));
    call.authorizationSign = Scene::authorization("worker 0", person("worker 0"), task, Address::ZERO);
    refused(scene.world.hub(person("worker 0"), &call));
    call.authorizationSign = Bytes::from(vec![1; 64]);
    refused(scene.world.hub(person("worker 0"), &call));
    call.authorizationSign = Bytes::from(vec![1; 63]);
    let malformed = scene.world.hub(person("worker 0"), &call);
    assert_eq!(malformed.err(), Some(text("invalid-signature-format")));

    let done = scene.contribute("worker 0", task, "x").unwrap();
    assert_eq!(done.names(&scene.world), ["Transfer", "Lock", "TaskContribute"]);
    assert_eq!(scene.account("worker 0"), (FUNDS - STAKE, STAKE));
    refused(scene.contribute("worker 0", task, "x"));
    refused(scene.contribute("worker 0", task, "y"));

    let poor = scene.contribute("poor worker", task, "x");
    assert_eq!(poor.err(), Some(text("IexecEscrow: Transfer amount exceeds balance")));

    scene.world.warp(7 * T);
    refused(scene.contribute("worker 1", task, "x"));
    scene.world.now_s -= 1;
    scene.contribute("worker 1", task, "x").unwrap();
    scene.check_ledger();
}

#[test]
fn a_contribution_is_recorded_as_made() {
    let mut scene = Scene::new();
    let orders = scene.orders().with_trust(5);
    let task = scene.task(&orders);
    let done = scene.contribute("worker 0", task, "x").unwrap();
    let hash = ResultHash::derive(task, ResultDigest(digest("x")));
    let seal = ResultSeal::derive(person("worker 0"), task, ResultDigest(digest("x")));
    let event = Hub::TaskContribute { taskid: task.0, worker: person("worker 0"), hash: hash.0 };
    assert_eq!(done.events::<Hub::TaskContribute>(), [event]);
    let made = scene.view_contribution(task, "worker 0");
    assert_eq!((made.status, made.resultHash, made.resultSeal), (1, hash.0, seal.0));
    assert_eq!((made.enclaveChallenge, made.weight), (Address::ZERO, U256::from(1)));
    let legacy =
        scene.world.ask(&Hub::viewContributionABILegacyCall { taskId: task.0, worker: person("worker 0") });
    assert_eq!((legacy.status, legacy.resultHash, legacy.resultSeal), (1, hash.0, seal.0));
}

#[test]
fn an_enclave_must_prove_itself() {
    let mut scene = Scene::new();
    let mut orders = scene.orders().with_trust(5);
    let tee = B256::with_last_byte(1);
    (orders.app.tag, orders.workerpool.tag, orders.request.tag) = (tee, tee, tee);
    let task = scene.task(&orders);
    refused(scene.contribute("worker 0", task, "x"));
    let mut call = Scene::enclave_contribution("worker 0", task, "x");
    let proof = std::mem::take(&mut call.enclaveSign);
    assert_eq!(scene.world.hub(person("worker 0"), &call).err(), Some(text("invalid-signature-format")));
    call.enclaveSign = call.authorizationSign.clone();
    refused(scene.world.hub(person("worker 0"), &call));
    call.enclaveSign = proof;
    scene.world.hub(person("worker 0"), &call).unwrap();
    assert_eq!(scene.view_contribution(task, "worker 0").enclaveChallenge, person("enclave"));

    // With a broker, its word replaces the scheduler's, for enclaves only.
    let owner = scene.world.owner;
    scene.world.hub(owner, &Hub::setTeeBrokerCall { broker: person("broker") }).unwrap();
    let mut call = Scene::enclave_contribution("worker 1", task, "x");
    refused(scene.world.hub(person("worker 1"), &call));
    call.authorizationSign = Scene::authorization("broker", person("worker 1"), task, person("enclave"));
    scene.world.hub(person("worker 1"), &call).unwrap();
}

#[test]
fn a_task_takes_256_contributors_and_still_settles() {
    let mut scene = Scene::new();
    let mut orders = scene.orders().with_trust(5);
    orders.workerpool.workerpoolprice = U256::from(1_000);
    orders.dataset.datasetprice = U256::from(DATASET_PRICE);
    let task = scene.task(&orders);
    for index in 0..256 {
        scene.world.fund(person(&worker(index)), 1_000);
        scene.contribute(&worker(index), task, &format!("result {index}")).unwrap();
    }
    scene.world.fund(person("worker 256"), 1_000);
    let late = scene.contribute("worker 256", task, "result 0");
    assert_eq!(late.err(), Some(custom(&Hub::TooManyContributors {})));
    refused(scene.contribute("worker 3", task, "result 0"));
    let contributors = scene.view_task(task).contributors;
    assert_eq!(contributors, (0..256).map(|index| person(&worker(index))).collect::<Vec<_>>());
    scene.world.warp(10 * T);
    scene.claim(task).unwrap();
    scene.check_ledger();
}
