//! Opening tasks (poco 11.2).

use alloy_primitives::{Address, B256, U256};
use metacloud_abi::Hub;
use metacloud_protocol::{DealId, TaskId};

use crate::harness::scene::{Scene, T, digest};
use crate::harness::{person, text};
use crate::refused;

#[test]
fn a_task_opens_once_within_its_deal() {
    let mut scene = Scene::new();
    let orders = scene.orders().with_volume(2);
    let deal = scene.deal(&orders);
    refused(scene.initialize(DealId(digest("unknown deal")), 0));
    refused(scene.initialize(deal, 2));
    let huge = Hub::initializeCall { dealId: deal.0, index: U256::MAX };
    refused(scene.world.hub(person("anyone"), &huge));

    let start = scene.world.now_s;
    scene.world.warp(1_000_000);
    let done = scene.initialize(deal, 1).unwrap();
    let id = TaskId::derive(deal, U256::from(1));
    assert_eq!(done.output.as_ref(), id.0.as_slice());
    let events = done.events::<Hub::TaskInitialize>();
    assert_eq!(events, [Hub::TaskInitialize { taskid: id.0, workerpool: scene.workerpool }]);
    refused(scene.initialize(deal, 1));

    let task = scene.view_task(id);
    assert_eq!((task.status, task.dealid, task.idx), (1, deal.0, U256::from(1)));
    assert_eq!(task.timeref, U256::from(T));
    assert_eq!(task.contributionDeadline, U256::from(start + 7 * T));
    assert_eq!(task.finalDeadline, U256::from(start + 10 * T));
    assert_eq!((task.revealDeadline, task.consensusValue), (U256::ZERO, B256::ZERO));
    assert!(task.contributors.is_empty());
}

#[test]
fn several_tasks_open_together_or_not_at_all() {
    let mut scene = Scene::new();
    let orders = scene.orders().with_volume(3);
    let deal = scene.deal(&orders).0;
    let index = |value: u64| U256::from(value);
    let call = |deals: Vec<B256>, indexes: Vec<U256>| Hub::initializeArrayCall { dealIds: deals, indexes };
    refused(scene.world.hub(person("anyone"), &call(vec![deal, deal], vec![index(0)])));
    refused(scene.world.hub(person("anyone"), &call(vec![deal, deal], vec![index(0), index(3)])));
    assert_eq!(scene.view_task(TaskId::derive(DealId(deal), index(0))).status, 0);
    let done = scene.world.hub(person("anyone"), &call(vec![deal, deal], vec![index(0), index(2)])).unwrap();
    assert_eq!(done.names(&scene.world), ["TaskInitialize", "TaskInitialize"]);
    scene.world.hub(person("anyone"), &call(vec![], vec![])).unwrap();
}

#[test]
fn unknown_identifiers_read_as_zero() {
    let scene = Scene::new();
    let task = scene.view_task(TaskId(digest("unknown")));
    assert_eq!((task.status, task.timeref, task.finalDeadline), (0, U256::ZERO, U256::ZERO));
    assert_eq!((task.dealid, task.contributors.len(), task.results.len()), (B256::ZERO, 0, 0));
    let deal = scene.world.ask(&Hub::viewDealCall { dealId: digest("unknown") });
    assert_eq!((deal.trust, deal.requester, deal.params.as_str()), (U256::ZERO, Address::ZERO, ""));
    assert_eq!(scene.view_contribution(TaskId(digest("unknown")), "worker 0").status, 0);
    let pending = scene.world.view(scene.world.at.hub, &Hub::resultForCall { taskId: digest("unknown") });
    assert_eq!(pending.err(), Some(text("task-pending")));
}

#[test]
fn an_index_beyond_16_bits_is_kept() {
    let mut scene = Scene::new();
    let mut orders = scene.orders().without_dataset();
    let huge = U256::MAX;
    (orders.app.volume, orders.workerpool.volume, orders.request.volume) = (huge, huge, huge);
    (orders.app.appprice, orders.workerpool.workerpoolprice) = (U256::ZERO, U256::ZERO);
    let deal = scene.deal(&orders);
    let view = scene.world.ask(&Hub::viewDealCall { dealId: deal.0 });
    assert_eq!((view.botFirst, view.botSize), (U256::ZERO, huge));
    for index in [U256::from(65_534), U256::from(65_535), huge - U256::from(1)] {
        scene.world.hub(person("anyone"), &Hub::initializeCall { dealId: deal.0, index }).unwrap();
        assert_eq!(scene.view_task(TaskId::derive(deal, index)).idx, index);
    }
    let signed = scene.sign(&orders);
    let hash = metacloud_protocol::Order::hash(&signed.request.order, &scene.world.domain());
    assert_eq!(scene.world.ask(&Hub::viewConsumedCall { orderHash: hash.0 }), huge);
    let again = scene.try_match(&orders);
    assert_eq!(again.err(), Some(text("iExecV5-matchOrders-0x60")));
}
