//! The classic path, replicated and in one step.

use alloy_primitives::{Bytes, U256};
use alloy_sol_types::SolCall as _;
use metacloud_abi::Rlc;
use metacloud_protocol::{DealId, TaskId};

use crate::harness::codes::stores_call;
use crate::harness::scene::{Orders, Scene, T, digest, worker};
use crate::harness::{Done, World, person};
use crate::table::Table;

/// A scene in which every account has been paid, locked and credited before.
pub(crate) fn warm_scene() -> Scene {
    let mut scene = Scene::new();
    for round in 0..2 {
        let mut orders = scene.orders().with_trust(17);
        orders.request.salt = digest(&format!("warm {round}"));
        let task = scene.task(&orders);
        solve(&mut scene, task, 5);
    }
    for name in ["anyone", "sponsor"] {
        scene.world.fund(person(name), 1_000_000_000_000);
    }
    scene
}

fn solve(scene: &mut Scene, task: TaskId, workers: usize) {
    for index in 0..workers {
        scene.contribute(&worker(index), task, "x").unwrap();
    }
    for index in 0..workers {
        scene.reveal(&worker(index), task, "x").unwrap();
    }
    scene.finalize(task).unwrap();
}

pub(crate) fn fresh(orders: Orders, salt: &str) -> Orders {
    let mut orders = orders;
    orders.app.salt = digest(&format!("a {salt}"));
    orders.dataset.salt = digest(&format!("d {salt}"));
    orders.workerpool.salt = digest(&format!("w {salt}"));
    orders.request.salt = digest(&format!("r {salt}"));
    orders
}

/// Each step of one task's life.
pub(crate) struct Life {
    matching: Done,
    initialize: Done,
    contribute: Vec<Done>,
    reveal: Vec<Done>,
    finalize: Done,
}

impl Life {
    fn total(&self) -> u64 {
        let steps = [&self.matching, &self.initialize, &self.finalize];
        steps.into_iter().chain(&self.contribute).chain(&self.reveal).map(|step| step.gas).sum()
    }

    /// The match without its calldata: signatures and salts have zero bytes here and there, which are cheaper.
    pub(crate) fn bare_matching(&self) -> u64 {
        self.matching.gas - self.matching.floor.calldata
    }

    /// Without the match.
    pub(crate) fn settled_gas(&self) -> u64 {
        self.total() - self.matching.gas
    }
}

pub(crate) fn live(scene: &mut Scene, orders: &Orders, workers: usize) -> Life {
    let signed = scene.sign(orders);
    let call = Scene::match_call(&signed);
    let matching = scene.world.hub(person("requester"), &call).unwrap();
    let deal = DealId(alloy_primitives::B256::from_slice(&matching.output));
    let task = TaskId::derive(deal, U256::ZERO);
    let initialize = scene.initialize(deal, 0).unwrap();
    let contribute = (0..workers).map(|i| scene.contribute(&worker(i), task, "x").unwrap()).collect();
    let reveal = (0..workers).map(|i| scene.reveal(&worker(i), task, "x").unwrap()).collect();
    let finalize = scene.finalize(task).unwrap();
    Life { matching, initialize, contribute, reveal, finalize }
}

/// The first task that anyone is paid for.
pub(crate) fn first_use(table: &mut Table) -> World {
    let mut scene = Scene::new();
    let orders = fresh(scene.orders(), "first");
    let life = live(&mut scene, &orders, 1);
    table.add("finalize, 1 worker, dataset, first rewards", &life.finalize, 346_399, 60);
    table.add("life, 1 worker, dataset, first use", life.total(), 1_776_539, 60);
    scene.world
}

pub(crate) fn classic(table: &mut Table) -> World {
    let mut scene = warm_scene();
    let base = scene.orders();
    let one = live(&mut scene, &fresh(base.clone(), "1"), 1);
    table.add("matchOrders, dataset", &one.matching, 723_983, 60);
    table.add("initialize", &one.initialize, 222_337, 55);
    table.add("contribute, trust 1", &one.contribute[0], 390_329, 60);
    table.add("reveal, first", &one.reveal[0], 93_455, 75);
    table.add("finalize, 1 worker, dataset, warm", &one.finalize, 312_199, 60);
    table.add("life, 1 worker, dataset", one.total(), 1_742_327, 60);
    let bare = live(&mut scene, &fresh(base.clone().without_dataset(), "2"), 1);
    table.add("matchOrders, no dataset", &bare.matching, 603_292, 60);
    table.add("finalize, 1 worker, no dataset", &bare.finalize, 300_177, 60);
    table.add("life, 1 worker, no dataset", bare.total(), 1_609_590, 60);
    let mut with_params = fresh(base.clone(), "3");
    with_params.request.params = "p".repeat(65);
    let ten = fresh(base.clone().with_volume(10), "10");
    table.add("matchOrders, volume 10", &scene.try_match(&ten).unwrap(), 724_007, 60);
    table.add("matchOrders, params of 65 bytes", &scene.try_match(&with_params).unwrap(), 811_959, 60);

    let three = live(&mut scene, &fresh(base.clone().with_trust(5), "4"), 3);
    table.add("contribute, trust 5, first", &three.contribute[0], 311_168, 60);
    table.add("contribute, trust 5, second", &three.contribute[1], 276_988, 60);
    table.add("contribute, trust 5, third", &three.contribute[2], 372_747, 60);
    table.add("reveal, following", &three.reveal[1], 56_455, 75);
    table.add("finalize, 3 workers", &three.finalize, 442_739, 60);
    table.add("life, 3 workers", three.total(), 2_556_347, 60);
    let five = live(&mut scene, &fresh(base.with_trust(17), "5"), 5);
    table.add("contribute, trust 17, first", &five.contribute[0], 311_192, 60);
    table.add("contribute, trust 17, second", &five.contribute[1], 276_988, 60);
    table.add("contribute, trust 17, fifth", &five.contribute[4], 389_405, 60);
    table.add("finalize, 5 workers", &five.finalize, 497_060, 60);
    table.add("life, 5 workers", five.total(), 3_294_224, 60);

    let orders = fresh(scene.orders(), "6");
    let signed = scene.sign(&orders);
    let sponsored = scene.world.hub(person("sponsor"), &Scene::sponsor_call(&signed)).unwrap();
    table.add("sponsorMatchOrders", &sponsored, 742_389, 60);
    let orders = fresh(scene.orders(), "7");
    let deal = scene.deal(&orders);
    scene.initialize(deal, 0).unwrap();
    scene.world.warp(1_000_000);
    table.add("claim, no contributor", &scene.claim(TaskId::derive(deal, U256::ZERO)).unwrap(), 146_919, 100);
    let orders = fresh(scene.orders(), "8");
    let signed = scene.sign(&orders);
    let (deployer, rlc, hub) = (scene.world.deployer, scene.world.at.rlc, scene.world.at.hub);
    let value = U256::from(5_000_000_000_u64);
    scene.world.send(deployer, rlc, &Rlc::transferCall { to: person("requester"), value }).unwrap();
    let data = Scene::match_call(&signed).abi_encode().into();
    let call = Rlc::approveAndCallCall { spender: hub, value, extraData: data };
    let done = scene.world.send(person("requester"), rlc, &call).unwrap();
    table.add("approveAndCall, deposit and match", &done, 777_439, 60);
    scene.world
}

pub(crate) fn one_step(table: &mut Table) -> World {
    let mut scene = warm_scene();
    let orders = fresh(scene.orders(), "1");
    let done = scene.try_match(&orders).unwrap();
    let deal = DealId(alloy_primitives::B256::from_slice(&done.output));
    let initialize = scene.initialize(deal, 0).unwrap().gas;
    let task = TaskId::derive(deal, U256::ZERO);
    let call = Scene::one_step("worker 0", task, "x");
    let settle = scene.world.hub(person("worker 0"), &call).unwrap();
    table.add("contributeAndFinalize, empty kitty", &settle, 528_043, 60);
    table.add("match, initialize, contributeAndFinalize", done.gas + initialize + settle.gas, 1_474_411, 60);

    let mut orders = fresh(scene.orders(), "2");
    orders.request.callback = person("gas consumer");
    scene.world.put_code(person("gas consumer"), stores_call());
    let task = scene.task(&orders);
    let mut call = Scene::one_step("worker 0", task, "data");
    call.resultsCallback = Bytes::from_static(b"data");
    let done = scene.world.hub(person("worker 0"), &call).unwrap();
    table.add("contributeAndFinalize, callback", &done, 691_838, 60);

    let task = scene.task(&fresh(scene.orders(), "3"));
    let proved = Scene::enclave_contribution("worker 0", task, "x");
    let mut call = Scene::one_step("worker 0", task, "x");
    call.enclaveChallenge = proved.enclaveChallenge;
    call.enclaveSign = proved.enclaveSign;
    call.authorizationSign = proved.authorizationSign;
    let done = scene.world.hub(person("worker 0"), &call).unwrap();
    table.add("contributeAndFinalize, enclave", &done, 559_234, 60);

    let claimed = scene.task(&fresh(scene.orders(), "4"));
    scene.world.warp(10 * T);
    scene.claim(claimed).unwrap();
    let task = scene.task(&fresh(scene.orders(), "5"));
    let done = scene.world.hub(person("worker 0"), &Scene::one_step("worker 0", task, "x")).unwrap();
    table.add("contributeAndFinalize, non-empty kitty", &done, 535_969, 60);
    scene.world
}
