//! Gas of every operation against the reference's (poco 22), with the bounds that the contracts keep.
//! `cargo test -p metacloud-abi --test gas -- --nocapture` prints the table.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod harness;

use alloy_primitives::{Bytes, U256};
use alloy_sol_types::SolCall as _;
use harness::scene::{Orders, Scene, digest, worker};
use harness::{World, person};
use metacloud_abi::{AppRegistry, Hub, Rlc};
use metacloud_protocol::{DealId, TaskId};

/// One line of the table.
struct Row {
    operation: &'static str,
    gas: u64,
    reference: u64,
    bound_percent: u64,
}

#[derive(Default)]
struct Table(Vec<Row>);

impl Table {
    fn add(&mut self, operation: &'static str, gas: u64, reference: u64, bound_percent: u64) -> u64 {
        self.0.push(Row { operation, gas, reference, bound_percent });
        gas
    }

    fn finish(self) {
        let mut broken = Vec::new();
        for Row { operation, gas, reference, bound_percent } in self.0 {
            let percent = gas * 100 / reference;
            println!("{operation:<44} {gas:>9} {reference:>9} {percent:>4} % of at most {bound_percent} %");
            if gas * 100 > reference * bound_percent {
                broken.push(operation);
            }
        }
        assert!(broken.is_empty(), "over their bounds: {broken:?}");
    }
}

/// A scene in which every account has been paid, locked and credited before.
fn warm_scene() -> Scene {
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

fn fresh(orders: Orders, salt: &str) -> Orders {
    let mut orders = orders;
    orders.app.salt = digest(&format!("a {salt}"));
    orders.dataset.salt = digest(&format!("d {salt}"));
    orders.workerpool.salt = digest(&format!("w {salt}"));
    orders.request.salt = digest(&format!("r {salt}"));
    orders
}

/// Gas of each step of one task's life.
struct Life {
    matching: u64,
    initialize: u64,
    contribute: Vec<u64>,
    reveal: Vec<u64>,
    finalize: u64,
}

impl Life {
    fn total(&self) -> u64 {
        let steps = [self.matching, self.initialize, self.finalize];
        steps.iter().chain(&self.contribute).chain(&self.reveal).sum()
    }
}

fn live(scene: &mut Scene, orders: &Orders, workers: usize) -> Life {
    let done = scene.try_match(orders).unwrap();
    let deal = DealId(alloy_primitives::B256::from_slice(&done.output));
    let task = TaskId::derive(deal, U256::ZERO);
    let initialize = scene.initialize(deal, 0).unwrap().gas;
    let mut gas = |index: usize, step: fn(&mut Scene, &str, TaskId) -> u64| step(scene, &worker(index), task);
    let contribute = (0..workers)
        .map(|i| gas(i, |scene, name, task| scene.contribute(name, task, "x").unwrap().gas))
        .collect();
    let reveal = (0..workers)
        .map(|i| gas(i, |scene, name, task| scene.reveal(name, task, "x").unwrap().gas))
        .collect();
    Life { matching: done.gas, initialize, contribute, reveal, finalize: scene.finalize(task).unwrap().gas }
}

#[test]
fn operations_stay_within_their_share_of_the_reference() {
    let mut table = Table::default();
    assets(&mut table);
    escrow(&mut table);
    classic(&mut table);
    one_step(&mut table);
    boost(&mut table);
    table.finish();
}

fn assets(table: &mut Table) {
    let mut world = World::deployed();
    let owner = person("gas owner");
    for (first, name) in [(true, "first"), (false, "second")] {
        let call = AppRegistry::createAppCall {
            holder: owner,
            appName: name.into(),
            appType: "DOCKER".into(),
            multiaddr: vec![0x11; 36].into(),
            checksum: digest(name),
            mrenclave: Bytes::new(),
        };
        let registry = world.at.app_registry;
        let app = world.send(person("anyone"), registry, &call).unwrap().gas;
        let dataset = metacloud_abi::DatasetRegistry::createDatasetCall {
            holder: owner,
            datasetName: name.into(),
            multiaddr: vec![0x22; 36].into(),
            checksum: digest(name),
        };
        let registry = world.at.dataset_registry;
        let dataset = world.send(person("anyone"), registry, &dataset).unwrap().gas;
        let pool = metacloud_abi::WorkerpoolRegistry::createWorkerpoolCall {
            holder: owner,
            description: name.into(),
        };
        let registry = world.at.workerpool_registry;
        let pool = world.send(person("anyone"), registry, &pool).unwrap().gas;
        if first {
            table.add("createApp, first", app, 655_341, 50);
            table.add("createDataset, first", dataset, 625_556, 50);
            table.add("createWorkerpool, first", pool, 577_238, 50);
        } else {
            table.add("createApp, second", app, 660_941, 50);
            table.add("createDataset, second", dataset, 631_156, 50);
            table.add("createWorkerpool, second", pool, 582_838, 50);
        }
    }
}

fn escrow(table: &mut Table) {
    let mut world = World::deployed();
    world.fund(person("someone"), 1_000);
    let (deployer, user, hub, rlc) = (world.deployer, person("gas user"), world.at.hub, world.at.rlc);
    let amount = U256::from(1_000_000);
    world.send(deployer, rlc, &Rlc::transferCall { to: user, value: amount * U256::from(100) }).unwrap();
    world.send(user, rlc, &Rlc::approveCall { spender: hub, value: amount * U256::from(10) }).unwrap();
    let deposit = Hub::depositCall { amount };
    table.add("deposit, first", world.hub(user, &deposit).unwrap().gas, 116_455, 90);
    table.add("deposit, next", world.hub(user, &deposit).unwrap().gas, 65_155, 90);
    table.add("withdraw", world.hub(user, &Hub::withdrawCall { amount }).unwrap().gas, 59_389, 90);
    let call = Rlc::approveAndCallCall { spender: hub, value: amount, extraData: Bytes::new() };
    table.add("approveAndCall, deposit only", world.send(user, rlc, &call).unwrap().gas, 84_893, 100);
}

fn classic(table: &mut Table) {
    let mut scene = warm_scene();
    let base = scene.orders();
    let one = live(&mut scene, &fresh(base.clone(), "1"), 1);
    table.add("matchOrders, dataset", one.matching, 723_983, 60);
    table.add("initialize", one.initialize, 222_337, 55);
    table.add("contribute, trust 1", one.contribute[0], 390_329, 60);
    table.add("reveal, first", one.reveal[0], 93_455, 75);
    table.add("finalize, 1 worker, dataset, warm", one.finalize, 312_199, 60);
    table.add("life, 1 worker, dataset", one.total(), 1_742_327, 60);
    let bare = live(&mut scene, &fresh(base.clone().without_dataset(), "2"), 1);
    table.add("matchOrders, no dataset", bare.matching, 603_292, 60);
    table.add("finalize, 1 worker, no dataset", bare.finalize, 300_177, 60);
    table.add("life, 1 worker, no dataset", bare.total(), 1_609_590, 60);
    let mut with_params = fresh(base.clone(), "3");
    with_params.request.params = "p".repeat(65);
    table.add("matchOrders, params of 65 bytes", scene.try_match(&with_params).unwrap().gas, 811_959, 60);

    let three = live(&mut scene, &fresh(base.clone().with_trust(5), "4"), 3);
    table.add("contribute, trust 5, first", three.contribute[0], 311_168, 60);
    table.add("contribute, trust 5, second", three.contribute[1], 276_988, 60);
    table.add("contribute, trust 5, third", three.contribute[2], 372_747, 60);
    table.add("reveal, following", three.reveal[1], 56_455, 75);
    table.add("finalize, 3 workers", three.finalize, 442_739, 60);
    table.add("life, 3 workers", three.total(), 2_556_347, 60);
    let five = live(&mut scene, &fresh(base.with_trust(17), "5"), 5);
    table.add("contribute, trust 17, fifth", five.contribute[4], 389_405, 60);
    table.add("finalize, 5 workers", five.finalize, 497_060, 60);
    table.add("life, 5 workers", five.total(), 3_294_224, 60);

    let orders = fresh(scene.orders(), "6");
    let signed = scene.sign(&orders);
    let sponsored = scene.world.hub(person("sponsor"), &Scene::sponsor_call(&signed)).unwrap().gas;
    table.add("sponsorMatchOrders", sponsored, 742_389, 60);
    let orders = fresh(scene.orders(), "7");
    let deal = scene.deal(&orders);
    scene.initialize(deal, 0).unwrap();
    scene.world.warp(1_000_000);
    table.add(
        "claim, no contributor",
        scene.claim(TaskId::derive(deal, U256::ZERO)).unwrap().gas,
        146_919,
        100,
    );
    let orders = fresh(scene.orders(), "8");
    let signed = scene.sign(&orders);
    let (deployer, rlc, hub) = (scene.world.deployer, scene.world.at.rlc, scene.world.at.hub);
    let value = U256::from(5_000_000_000_u64);
    scene.world.send(deployer, rlc, &Rlc::transferCall { to: person("requester"), value }).unwrap();
    let data = Scene::match_call(&signed).abi_encode().into();
    let call = Rlc::approveAndCallCall { spender: hub, value, extraData: data };
    let done = scene.world.send(person("requester"), rlc, &call).unwrap();
    table.add("approveAndCall, deposit and match", done.gas, 777_439, 60);
}

fn one_step(table: &mut Table) {
    let mut scene = warm_scene();
    let orders = fresh(scene.orders(), "1");
    let done = scene.try_match(&orders).unwrap();
    let deal = DealId(alloy_primitives::B256::from_slice(&done.output));
    let initialize = scene.initialize(deal, 0).unwrap().gas;
    let task = TaskId::derive(deal, U256::ZERO);
    let call = Scene::one_step("worker 0", task, "x");
    let settle = scene.world.hub(person("worker 0"), &call).unwrap().gas;
    table.add("contributeAndFinalize", settle, 528_043, 60);
    table.add("match, initialize, contributeAndFinalize", done.gas + initialize + settle, 1_474_411, 60);
}

fn boost(table: &mut Table) {
    let mut scene = warm_scene();
    let with_dataset = fresh(scene.orders(), "boost");
    let bare = fresh(scene.orders().without_dataset(), "boost without dataset");
    let figures = [
        ("matchOrdersBoost, dataset", "pushResultBoost, dataset", "Boost life, dataset", with_dataset),
        ("matchOrdersBoost, no dataset", "pushResultBoost, no dataset", "Boost life, no dataset", bare),
    ];
    let references = [(485_854, 154_426, 640_280), (399_334, 142_846, 542_180)];
    for ((matching, push, life, orders), reference) in figures.into_iter().zip(references) {
        let signed = scene.sign(&orders);
        let call = Hub::matchOrdersBoostCall {
            appOrder: signed.app.into(),
            datasetOrder: signed.dataset.into(),
            workerpoolOrder: signed.workerpool.into(),
            requestOrder: signed.request.into(),
        };
        let matched = scene.world.hub(person("requester"), &call).unwrap();
        let deal = DealId(alloy_primitives::B256::from_slice(&matched.output));
        let worker = person("worker 0");
        let task = TaskId::derive(deal, U256::ZERO);
        let call = Hub::pushResultBoostCall {
            dealId: deal.0,
            index: U256::ZERO,
            results: vec![0xaa; 84].into(),
            resultsCallback: Bytes::new(),
            authorizationSign: Scene::authorization("scheduler", worker, task, Default::default()),
            enclaveChallenge: Default::default(),
            enclaveSign: Bytes::new(),
        };
        let pushed = scene.world.hub(worker, &call).unwrap();
        table.add(matching, matched.gas, reference.0, 80);
        table.add(push, pushed.gas, reference.1, 100);
        table.add(life, matched.gas + pushed.gas, reference.2, 80);
    }
}
