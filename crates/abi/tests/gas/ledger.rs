//! Assets, deposits and orders.

use alloy_primitives::{Bytes, U256};
use metacloud_abi::{AppRegistry, Hub, Rlc};
use metacloud_protocol::Signed;

use crate::harness::scene::{Scene, digest};
use crate::harness::{World, person};
use crate::table::Table;

pub(crate) fn assets(table: &mut Table) -> World {
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
        let app = world.send(person("anyone"), registry, &call).unwrap();
        let dataset = metacloud_abi::DatasetRegistry::createDatasetCall {
            holder: owner,
            datasetName: name.into(),
            multiaddr: vec![0x22; 36].into(),
            checksum: digest(name),
        };
        let registry = world.at.dataset_registry;
        let dataset = world.send(person("anyone"), registry, &dataset).unwrap();
        let pool = metacloud_abi::WorkerpoolRegistry::createWorkerpoolCall {
            holder: owner,
            description: name.into(),
        };
        let registry = world.at.workerpool_registry;
        let pool = world.send(person("anyone"), registry, &pool).unwrap();
        if first {
            table.add("createApp, first", &app, 655_341, 50);
            table.add("createDataset, first", &dataset, 625_556, 50);
            table.add("createWorkerpool, first", &pool, 577_238, 50);
        } else {
            table.add("createApp, second", &app, 660_941, 50);
            table.add("createDataset, second", &dataset, 631_156, 50);
            table.add("createWorkerpool, second", &pool, 582_838, 50);
        }
    }
    world
}

pub(crate) fn escrow(table: &mut Table) -> World {
    let mut world = World::deployed();
    world.fund(person("someone"), 1_000);
    let (deployer, user, hub, rlc) = (world.deployer, person("gas user"), world.at.hub, world.at.rlc);
    let amount = U256::from(1_000_000);
    world.send(deployer, rlc, &Rlc::transferCall { to: user, value: amount * U256::from(100) }).unwrap();
    world.send(user, rlc, &Rlc::approveCall { spender: hub, value: amount * U256::from(10) }).unwrap();
    let deposit = Hub::depositCall { amount };
    table.add("deposit, first", &world.hub(user, &deposit).unwrap(), 116_455, 90);
    table.add("deposit, next", &world.hub(user, &deposit).unwrap(), 65_155, 90);
    let done = world.hub(user, &Hub::depositForCall { amount, target: person("gas friend") }).unwrap();
    table.add("depositFor", &done, 82_634, 100);
    table.add("withdraw", &world.hub(user, &Hub::withdrawCall { amount }).unwrap(), 59_389, 90);
    let call = Rlc::approveAndCallCall { spender: hub, value: amount, extraData: Bytes::new() };
    table.add("approveAndCall, deposit only", &world.send(user, rlc, &call).unwrap(), 84_893, 100);
    world
}

pub(crate) fn orders(table: &mut Table) -> World {
    let mut scene = Scene::new();
    let order: Hub::RequestOrder = Signed::unsigned(scene.orders().request).into();
    let requester = person("requester");
    for (operation, name, reference) in
        [(0, "manageRequestOrder, SIGN", 73_151), (1, "manageRequestOrder, CLOSE", 73_541)]
    {
        let operation = Hub::RequestOrderOperation { order: order.clone(), operation, sign: Bytes::new() };
        let done = scene.world.hub(requester, &Hub::manageRequestOrderCall { operation }).unwrap();
        table.add(name, &done, reference, 100);
    }
    let done = scene.world.hub(requester, &Hub::broadcastRequestOrderCall { order }).unwrap();
    table.add("broadcastRequestOrder", &done, 41_463, 100);
    scene.world
}
