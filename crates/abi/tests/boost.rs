//! The path without replication (poco 17), with the fixes of poco 21 that touch it.

#![allow(clippy::unwrap_used)]

mod harness;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use harness::scene::{APP_PRICE, FUNDS, Orders, POOL_PRICE, STAKE, Scene, T, TASK_PRICE, digest};
use harness::{Done, custom, person, text};
use metacloud_abi::Hub;
use metacloud_protocol::ids::eip191;
use metacloud_protocol::order::SignedOrders;
use metacloud_protocol::signing::sign;
use metacloud_protocol::{DealId, TaskId};

/// A change to the orders.
type Change = Box<dyn Fn(&mut Orders)>;
type PlainChange = fn(&mut Orders);

fn boost(reason: &str) -> Bytes {
    text(&format!("PocoBoost: {reason}"))
}

fn match_call(signed: &SignedOrders) -> Hub::matchOrdersBoostCall {
    let Hub::matchOrdersCall { appOrder, datasetOrder, workerpoolOrder, requestOrder } =
        Scene::match_call(signed);
    Hub::matchOrdersBoostCall { appOrder, datasetOrder, workerpoolOrder, requestOrder }
}

fn sponsor_call(signed: &SignedOrders) -> Hub::sponsorMatchOrdersBoostCall {
    let Hub::matchOrdersCall { appOrder, datasetOrder, workerpoolOrder, requestOrder } =
        Scene::match_call(signed);
    Hub::sponsorMatchOrdersBoostCall { appOrder, datasetOrder, workerpoolOrder, requestOrder }
}

fn try_boost(scene: &mut Scene, orders: &Orders) -> Result<Done, Bytes> {
    let call = match_call(&scene.sign(orders));
    scene.world.hub(person("requester"), &call)
}

fn sponsored(scene: &mut Scene, orders: &Orders) -> Result<Done, Bytes> {
    let call = sponsor_call(&scene.sign(orders));
    scene.world.hub(person("sponsor"), &call)
}

fn deal_of(done: &Done) -> DealId {
    DealId(B256::from_slice(&done.output))
}

fn push_call(deal: DealId, index: u64) -> Hub::pushResultBoostCall {
    let task = TaskId::derive(deal, U256::from(index));
    Hub::pushResultBoostCall {
        dealId: deal.0,
        index: U256::from(index),
        results: b"results".into(),
        resultsCallback: Bytes::new(),
        authorizationSign: Scene::authorization("scheduler", person("worker 0"), task, Address::ZERO),
        enclaveChallenge: Address::ZERO,
        enclaveSign: Bytes::new(),
    }
}

#[test]
fn each_requirement_has_its_text() {
    let other = person("someone else");
    let cases: Vec<(&str, Change)> = vec![
        ("Bad trust level", Box::new(|orders| orders.request.trust = U256::from(2))),
        ("Category mismatch", Box::new(|orders| orders.request.category = U256::from(2))),
        ("Overpriced app", Box::new(|orders| orders.app.appprice += U256::from(1))),
        ("Overpriced dataset", Box::new(|orders| orders.dataset.datasetprice += U256::from(1))),
        ("Overpriced workerpool", Box::new(|orders| orders.workerpool.workerpoolprice += U256::from(1))),
        // Unlike the classic path, framework bits of a dataset count.
        (
            "Workerpool tag does not match demand",
            Box::new(|orders| orders.dataset.tag = B256::with_last_byte(2)),
        ),
        ("App mismatch", Box::new(move |orders| orders.request.app = other)),
        ("Dataset mismatch", Box::new(move |orders| orders.request.dataset = other)),
        ("Workerpool restricted by request order", Box::new(move |orders| orders.request.workerpool = other)),
        ("Dataset restricted by app order", Box::new(move |orders| orders.app.datasetrestrict = other)),
        ("Workerpool restricted by app order", Box::new(move |orders| orders.app.workerpoolrestrict = other)),
        ("Requester restricted by app order", Box::new(move |orders| orders.app.requesterrestrict = other)),
        ("App restricted by dataset order", Box::new(move |orders| orders.dataset.apprestrict = other)),
        (
            "Workerpool restricted by dataset order",
            Box::new(move |orders| orders.dataset.workerpoolrestrict = other),
        ),
        (
            "Requester restricted by dataset order",
            Box::new(move |orders| orders.dataset.requesterrestrict = other),
        ),
        ("App restricted by workerpool order", Box::new(move |orders| orders.workerpool.apprestrict = other)),
        (
            "Dataset restricted by workerpool order",
            Box::new(move |orders| orders.workerpool.datasetrestrict = other),
        ),
        (
            "Requester restricted by workerpool order",
            Box::new(move |orders| orders.workerpool.requesterrestrict = other),
        ),
        ("App not registered", Box::new(move |orders| (orders.app.app, orders.request.app) = (other, other))),
        ("Workerpool not registered", Box::new(move |orders| orders.workerpool.workerpool = other)),
        ("One or more orders consumed", Box::new(|orders| orders.request.volume = U256::ZERO)),
    ];
    let scene = Scene::new();
    for (reason, change) in cases {
        let mut orders = scene.orders();
        change(&mut orders);
        assert_eq!(try_boost(&mut scene.clone(), &orders).err(), Some(boost(reason)));
    }
}

#[test]
fn a_boost_deal_is_packed_and_a_push_settles_it() {
    let mut scene = Scene::new();
    let mut orders = scene.orders().with_volume(2);
    orders.request.params = "params".into();
    orders.request.beneficiary = person("beneficiary");
    let done = try_boost(&mut scene, &orders).unwrap();
    let names = ["Transfer", "Lock", "Transfer", "Lock", "SchedulerNoticeBoost", "OrdersMatched"];
    assert_eq!(done.names(&scene.world), names);
    let deal = deal_of(&done);
    let notice = Hub::SchedulerNoticeBoost {
        workerpool: scene.workerpool,
        dealId: deal.0,
        app: scene.app,
        dataset: scene.dataset,
        category: U256::from(1),
        tag: B256::ZERO,
        params: "params".into(),
        beneficiary: person("beneficiary"),
    };
    assert_eq!(done.events::<Hub::SchedulerNoticeBoost>(), [notice]);
    let view = scene.world.ask(&Hub::viewDealBoostCall { dealId: deal.0 });
    assert_eq!((view.appOwner, view.datasetOwner), (person("app owner"), person("dataset owner")));
    assert_eq!((view.workerpoolOwner, view.requester), (person("scheduler"), person("requester")));
    assert_eq!((view.botFirst, view.botSize), (0, 2));
    assert_eq!(view.deadline.to::<u64>(), scene.world.now_s + 7 * T);
    assert_eq!((view.callback, view.sponsor), (Address::ZERO, person("requester")));
    assert_eq!(view.workerReward.to::<u64>(), 990_000_000);
    let classic = scene.world.ask(&Hub::viewDealCall { dealId: deal.0 });
    assert_eq!(classic.botSize, U256::ZERO, "no classic deal");
    assert!(scene.initialize(deal, 0).is_err());

    let call = push_call(deal, 1);
    let refused = Some(boost("Invalid contribution authorization signature"));
    assert_eq!(scene.world.hub(person("worker 1"), &call).err(), refused);
    let done = scene.world.hub(person("worker 0"), &call).unwrap();
    let names = [
        "Seize",
        "Transfer",
        "Reward",
        "Transfer",
        "Reward",
        "Transfer",
        "Reward",
        "Transfer",
        "Unlock",
        "Transfer",
        "Reward",
        "ResultPushedBoost",
    ];
    assert_eq!(done.names(&scene.world), names);
    assert_eq!(scene.account("worker 0"), (FUNDS + 990_000_000, 0));
    assert_eq!(scene.account("app owner"), (APP_PRICE, 0));
    assert_eq!(scene.account("scheduler"), (FUNDS - STAKE + 10_000_000, STAKE));
    assert_eq!(scene.account("requester"), (FUNDS - 2 * TASK_PRICE, TASK_PRICE));
    let task = TaskId::derive(deal, U256::from(1));
    let view = scene.view_task(task);
    assert_eq!((view.status, view.dealid, view.contributors.len()), (3, B256::ZERO, 0));
    assert_eq!(scene.world.ask(&Hub::resultForCall { taskId: task.0 }), Bytes::new());
    let again = scene.world.hub(person("worker 0"), &call);
    assert_eq!(again.err(), Some(boost("Task status not unset")));
    let beyond = scene.world.hub(person("worker 0"), &push_call(deal, 2));
    assert_eq!(beyond.err(), Some(boost("Unknown task")));
    let unknown = scene.world.hub(person("worker 0"), &push_call(DealId(digest("none")), 0));
    assert_eq!(unknown.err(), Some(boost("Unknown task")));
    scene.check_ledger();

    let claim = Hub::claimBoostCall { dealId: deal.0, index: U256::ZERO };
    assert_eq!(scene.world.hub(person("anyone"), &claim).err(), Some(boost("Deadline not reached")));
    scene.world.warp(7 * T);
    let late = scene.world.hub(person("worker 0"), &push_call(deal, 0));
    assert_eq!(late.err(), Some(boost("Deadline reached")));
    let done = scene.world.hub(person("anyone"), &claim).unwrap();
    assert_eq!(done.names(&scene.world), ["Transfer", "Unlock", "Seize", "Reward", "Lock", "TaskClaimed"]);
    assert_eq!(scene.account("requester"), (FUNDS - TASK_PRICE, 0));
    assert_eq!(scene.world.hub(person("anyone"), &claim).err(), Some(boost("Task status not unset")));
    scene.check_ledger();
}

#[test]
fn the_sponsor_of_a_boost_deal_pays_for_it() {
    // 21.1: the requester has locked value of another deal, which must not be touched.
    let mut scene = Scene::new();
    scene.world.fund(person("sponsor"), FUNDS);
    scene.deal(&scene.orders());
    let mut orders = scene.orders();
    orders.request.salt = digest("sponsored");
    let done = sponsored(&mut scene, &orders).unwrap();
    let event = Hub::DealSponsoredBoost { dealId: deal_of(&done).0, sponsor: person("sponsor") };
    assert_eq!(done.events::<Hub::DealSponsoredBoost>(), [event]);
    let done = scene.world.hub(person("worker 0"), &push_call(deal_of(&done), 0)).unwrap();
    assert_eq!(done.events::<Hub::Seize>()[0].owner, person("sponsor"));
    assert_eq!(scene.account("sponsor"), (FUNDS - TASK_PRICE, 0));
    assert_eq!(scene.account("requester"), (FUNDS - TASK_PRICE, TASK_PRICE));
    scene.check_ledger();
}

#[test]
fn an_unsigned_dataset_price_is_not_locked() {
    // 21.2
    let mut scene = Scene::new();
    let mut orders = scene.orders().without_dataset();
    orders.dataset.datasetprice = U256::from(5);
    orders.dataset.tag = B256::repeat_byte(0xff);
    let deal = deal_of(&try_boost(&mut scene, &orders).unwrap());
    assert_eq!(scene.account("requester").1, APP_PRICE + POOL_PRICE);
    scene.world.hub(person("worker 0"), &push_call(deal, 0)).unwrap();
    assert_eq!(scene.account("requester").1, 0);
    scene.check_ledger();
}

#[test]
fn terms_of_an_absent_dataset_are_nothing_to_boost() {
    // 21.3, by both payers
    let nobody = person("nobody");
    for is_sponsored in [false, true] {
        let mut scene = Scene::new();
        scene.world.fund(person("sponsor"), FUNDS);
        let mut orders = scene.orders().without_dataset();
        orders.dataset.datasetprice = U256::MAX;
        orders.dataset.tag = B256::repeat_byte(0xff);
        (orders.dataset.apprestrict, orders.dataset.workerpoolrestrict, orders.dataset.requesterrestrict) =
            (nobody, nobody, nobody);
        let matched =
            if is_sponsored { sponsored(&mut scene, &orders) } else { try_boost(&mut scene, &orders) };
        let done = matched.unwrap();
        assert_eq!(done.events::<Hub::OrdersMatched>()[0].datasetHash, B256::ZERO);
        assert_eq!(done.events::<Hub::SchedulerNoticeBoost>()[0].tag, B256::ZERO);
        let payer = if is_sponsored { "sponsor" } else { "requester" };
        assert_eq!(scene.account(payer), (FUNDS - APP_PRICE - POOL_PRICE, APP_PRICE + POOL_PRICE));
        scene.check_ledger();
    }
}

#[test]
fn nobody_signs_a_boost_request_for_the_zero_address() {
    // 21.4
    let mut scene = Scene::new();
    scene.world.fund(person("sponsor"), FUNDS);
    let mut orders = scene.orders();
    orders.request.requester = Address::ZERO;
    let mut signed = scene.sign(&orders);
    for junk in [vec![0; 65], vec![0; 64], vec![0xff; 65]] {
        signed.request.sign = junk.into();
        let matched = scene.world.hub(person("sponsor"), &sponsor_call(&signed));
        assert_eq!(matched.err(), Some(text("PocoBoost: Invalid request order signature")));
    }
}

#[test]
fn a_guarded_requester_pays_for_boost_only_by_its_own_hand() {
    // 21.7
    let mut scene = Scene::new();
    scene.world.fund(person("sponsor"), FUNDS);
    let requester = person("requester");
    scene.world.hub(requester, &Hub::setMatchGuardCall { enabled: true }).unwrap();
    let mut orders = scene.orders();
    let call = match_call(&scene.sign(&orders));
    let guarded = custom(&Hub::MatchGuarded { requester });
    assert_eq!(scene.world.hub(person("anyone"), &call).err(), Some(guarded));
    scene.world.hub(requester, &call).unwrap();
    orders.request.salt = digest("sponsored");
    sponsored(&mut scene, &orders).unwrap();
    scene.check_ledger();
}

#[test]
fn what_does_not_fit_is_named() {
    let mut scene = Scene::new();
    let huge = U256::from(1) << 96;
    let cases: [(u8, U256, PlainChange); 2] = [
        (96, huge, |orders| {
            (orders.app.appprice, orders.request.appmaxprice) = (U256::from(1) << 96, U256::MAX)
        }),
        (16, U256::from(1 << 16), |orders| {
            let volume = U256::from(1 << 16);
            (orders.app.volume, orders.dataset.volume) = (volume, volume);
            (orders.workerpool.volume, orders.request.volume) = (volume, volume);
        }),
    ];
    for (bits, value, change) in cases {
        let mut orders = scene.orders();
        change(&mut orders);
        let error = Hub::SafeCastOverflowedUintDowncast { bits, value };
        assert_eq!(try_boost(&mut scene, &orders).err(), Some(custom(&error)));
    }
}

#[test]
fn an_enclave_proves_the_digest_of_a_push() {
    let mut scene = Scene::new();
    let mut orders = scene.orders();
    let tee = B256::with_last_byte(1);
    (orders.app.tag, orders.workerpool.tag) = (tee, tee);
    let deal = deal_of(&try_boost(&mut scene, &orders).unwrap());
    let task = TaskId::derive(deal, U256::ZERO);
    let mut call = push_call(deal, 0);
    let missing = scene.world.hub(person("worker 0"), &call);
    assert_eq!(missing.err(), Some(boost("Tag requires enclave challenge")));
    call.enclaveChallenge = person("enclave");
    call.authorizationSign = Scene::authorization("scheduler", person("worker 0"), task, person("enclave"));
    call.enclaveSign = call.authorizationSign.clone();
    let wrong = scene.world.hub(person("worker 0"), &call);
    assert_eq!(wrong.err(), Some(boost("Invalid enclave signature")));
    let proof = [person("worker 0").as_slice(), task.0.as_slice(), keccak256("results").as_slice()].concat();
    call.enclaveSign = sign(&harness::key("enclave"), eip191(keccak256(proof))).into();
    scene.world.hub(person("worker 0"), &call).unwrap();
}

#[test]
fn callback_data_are_required_and_delivered() {
    let consumer = person("consumer");
    let mut scene = Scene::new();
    scene.world.put_code(consumer, harness::codes::stores_call());
    let mut orders = scene.orders();
    orders.request.callback = consumer;
    let deal = deal_of(&try_boost(&mut scene, &orders).unwrap());
    let mut call = push_call(deal, 0);
    let missing = scene.world.hub(person("worker 0"), &call);
    assert_eq!(missing.err(), Some(boost("Callback requires data")));
    call.resultsCallback = b"data".into();
    scene.world.hub(person("worker 0"), &call).unwrap();
    let storage = &scene.world.db.cache.accounts[&consumer].storage;
    assert_eq!(storage[&U256::from(1)], U256::from_be_bytes(TaskId::derive(deal, U256::ZERO).0.0));
}
