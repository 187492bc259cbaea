//! Boost.

use alloy_primitives::{Bytes, U256};
use metacloud_abi::Hub;
use metacloud_protocol::{DealId, TaskId};

use crate::classic::{fresh, warm_scene};
use crate::harness::scene::{Scene, T};
use crate::harness::{World, person};
use crate::table::Table;

pub(crate) fn boost(table: &mut Table) -> World {
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
        table.add(matching, &matched, reference.0, 80);
        table.add(push, &pushed, reference.1, 100);
        table.add(life, matched.gas + pushed.gas, reference.2, 80);
    }
    let orders = fresh(scene.orders(), "sponsored");
    let signed = scene.sign(&orders);
    let call = Hub::sponsorMatchOrdersBoostCall {
        appOrder: signed.app.into(),
        datasetOrder: signed.dataset.into(),
        workerpoolOrder: signed.workerpool.into(),
        requestOrder: signed.request.into(),
    };
    let matched = scene.world.hub(person("sponsor"), &call).unwrap();
    table.add("sponsorMatchOrdersBoost", &matched, 487_190, 80);
    scene.world.warp(7 * T);
    let deal = alloy_primitives::B256::from_slice(&matched.output);
    let call = Hub::claimBoostCall { dealId: deal, index: U256::ZERO };
    table.add("claimBoost", &scene.world.hub(person("anyone"), &call).unwrap(), 102_555, 100);
    scene.world
}
