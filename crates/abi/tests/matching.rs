//! Every requirement of a match with its code, what a match records and locks, and the fixes of poco 21 that touch it.

#![allow(clippy::unwrap_used)]

mod harness;

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall as _;
use harness::codes::{answers, magic, refuses, silent};
use harness::scene::{APP_PRICE, DATASET_PRICE, FUNDS, Orders, POOL_PRICE, STAKE, Scene, TASK_PRICE, digest};
use harness::{Done, custom, empty, key, panic_code, person, text};
use metacloud_abi::{Hub, Rlc, Workerpool};
use metacloud_protocol::order::SignedOrders;
use metacloud_protocol::{DealId, Order as _, Signed};

/// A change to the orders.
type Change = Box<dyn Fn(&Scene, &mut Orders)>;
type Forge = fn(&mut SignedOrders, Bytes);
type Replace = fn(&mut Orders, Address);
type Restrict = fn(&mut metacloud_protocol::DatasetOrder, Address);

fn change(change: impl Fn(&Scene, &mut Orders) + 'static) -> Change {
    Box::new(change)
}

fn code(number: &str) -> Bytes {
    text(&format!("iExecV5-matchOrders-0x{number}"))
}

fn send(scene: &mut Scene, signed: &SignedOrders) -> Result<Done, Bytes> {
    scene.world.hub(person("requester"), &Scene::match_call(signed))
}

#[test]
fn each_requirement_on_terms_has_its_code() {
    let other = person("someone else");
    let cases: Vec<(&str, Change)> = vec![
        ("00", change(|_, orders| orders.request.category = U256::from(2))),
        (
            "01",
            change(|_, orders| {
                (orders.request.category, orders.workerpool.category) = (U256::from(5), U256::from(5));
            }),
        ),
        ("02", change(|_, orders| orders.request.trust = U256::from(2))),
        ("03", change(|_, orders| orders.app.appprice += U256::from(1))),
        ("04", change(|_, orders| orders.dataset.datasetprice += U256::from(1))),
        ("05", change(|_, orders| orders.workerpool.workerpoolprice += U256::from(1))),
        ("06", change(|_, orders| orders.request.tag = B256::with_last_byte(0x10))),
        ("06", change(|_, orders| orders.dataset.tag = B256::with_last_byte(0x10))),
        (
            "07",
            change(|_, orders| {
                (orders.request.tag, orders.workerpool.tag) =
                    (B256::with_last_byte(1), B256::with_last_byte(1));
            }),
        ),
        ("10", change(move |_, orders| orders.request.app = other)),
        ("11", change(move |_, orders| orders.request.dataset = other)),
        ("12", change(move |_, orders| orders.request.workerpool = other)),
        ("13", change(move |_, orders| orders.app.datasetrestrict = other)),
        ("14", change(move |_, orders| orders.app.workerpoolrestrict = other)),
        ("15", change(move |_, orders| orders.app.requesterrestrict = other)),
        ("16", change(move |_, orders| orders.dataset.apprestrict = other)),
        ("17", change(move |_, orders| orders.dataset.workerpoolrestrict = other)),
        ("18", change(move |_, orders| orders.dataset.requesterrestrict = other)),
        ("19", change(move |_, orders| orders.workerpool.apprestrict = other)),
        ("1a", change(move |_, orders| orders.workerpool.datasetrestrict = other)),
        ("1b", change(move |_, orders| orders.workerpool.requesterrestrict = other)),
        ("60", change(|_, orders| orders.app.volume = U256::ZERO)),
        ("60", change(|_, orders| orders.dataset.volume = U256::ZERO)),
        ("60", change(|_, orders| orders.workerpool.volume = U256::ZERO)),
        ("60", change(|_, orders| orders.request.volume = U256::ZERO)),
    ];
    let scene = Scene::new();
    for (number, change) in cases {
        let mut scene = scene.clone();
        let mut orders = scene.orders();
        change(&scene, &mut orders);
        assert_eq!(scene.try_match(&orders).err(), Some(code(number)), "code {number}");
    }
}

#[test]
fn each_signature_has_its_code() {
    let scene = Scene::new();
    let good = scene.sign(&scene.orders());
    let stolen = good.request.sign.clone();
    let cases: [(&str, Forge); 4] = [
        ("21", |signed, sign| signed.app.sign = sign),
        ("31", |signed, sign| signed.dataset.sign = sign),
        ("41", |signed, sign| signed.workerpool.sign = sign),
        ("50", |signed, sign| signed.request.sign = sign),
    ];
    for (number, forge) in cases {
        let mut scene = scene.clone();
        let mut signed = good.clone();
        let wrong = if number == "50" { good.app.sign.clone() } else { stolen.clone() };
        forge(&mut signed, wrong);
        assert_eq!(send(&mut scene, &signed).err(), Some(code(number)), "code {number}");
        for length in [0, 1, 63, 66] {
            forge(&mut signed, vec![1; length].into());
            assert_eq!(
                send(&mut scene, &signed).err(),
                Some(text("invalid-signature-format")),
                "{length} bytes"
            );
        }
        forge(&mut signed, vec![0; 65].into());
        assert_eq!(send(&mut scene, &signed).err(), Some(code(number)), "no key signs with zeros");
    }
}

#[test]
fn assets_must_be_registered_where_they_belong() {
    // An asset-like contract whose owner is the right one, but which no registry knows.
    let cases: [(&str, &str, Replace); 3] = [
        ("20", "app owner", |orders, rogue| (orders.app.app, orders.request.app) = (rogue, rogue)),
        ("30", "dataset owner", |orders, rogue| {
            (orders.dataset.dataset, orders.request.dataset) = (rogue, rogue);
        }),
        ("40", "scheduler", |orders, rogue| orders.workerpool.workerpool = rogue),
    ];
    for (number, owner, replace) in cases {
        let mut scene = Scene::new();
        let rogue = person("rogue asset");
        let mut orders = scene.orders();
        replace(&mut orders, rogue);
        assert_eq!(scene.try_match(&orders).err(), Some(empty()), "{number}: no code at the address");
        scene.world.put_code(rogue, silent());
        assert_eq!(scene.try_match(&orders).err(), Some(empty()), "{number}: an answer that is too short");
        scene.world.put_code(rogue, harness::codes::refuses_with(digest("why")));
        assert_eq!(
            scene.try_match(&orders).err(),
            Some(digest("why").0.into()),
            "{number}: its revert propagates"
        );
        scene.world.put_code(rogue, answers(person(owner).into_word()));
        assert_eq!(scene.try_match(&orders).err(), Some(code(number)));
    }
}

#[test]
fn registries_that_know_no_tokens_are_asked_the_questions_of_the_protocol() {
    // Foreign registries: `ownerOf` and `termsOf` fail, `isRegistered` says yes, `owner()` comes from the assets.
    let mut scene = Scene::new();
    let owner = scene.world.owner;
    let old = scene.world.at;
    let fresh = |scene: &mut Scene, name: &str, code: Bytes| {
        scene.world.put_code(person(name), code);
        person(name)
    };
    let app = fresh(&mut scene, "foreign registry", harness::codes::says_yes_only_to(0xc3c5_a547));
    let call = Hub::changeRegistriesCall { appRegistry: app, datasetRegistry: app, workerpoolRegistry: app };
    scene.world.hub(owner, &call).unwrap();
    let orders = scene.orders();
    let deal = scene.deal(&orders);
    let view = scene.world.ask(&Hub::viewDealCall { dealId: deal.0 });
    assert_eq!((view.app.owner, view.workerpool.owner), (person("app owner"), person("scheduler")));
    assert_eq!((view.workerStake, view.schedulerRewardRatio), (U256::from(STAKE), U256::from(1)));
    assert_ne!(old.app_registry, app);
}

#[test]
fn a_deal_records_what_was_agreed() {
    let mut scene = Scene::new();
    let mut orders = scene.orders().with_trust(5).with_volume(3);
    orders.request.beneficiary = person("beneficiary");
    orders.request.callback = person("callback");
    orders.request.params = r#"{"iexec_args":"hello"}"#.into();
    let deal_tag = B256::with_last_byte(0x11);
    (orders.app.tag, orders.workerpool.tag, orders.request.tag) =
        (B256::with_last_byte(1), B256::repeat_byte(0xff), B256::with_last_byte(0x10));
    // Framework bits of a dataset do not count.
    orders.dataset.tag = B256::with_last_byte(0x0f);
    let signed = scene.sign(&orders);
    let domain = scene.world.domain();
    let done = send(&mut scene, &signed).unwrap();
    let deal_id = DealId::derive(orders.request.hash(&domain), U256::ZERO);
    assert_eq!(done.output.as_ref(), deal_id.0.as_slice());
    assert_eq!(
        done.names(&scene.world),
        ["Transfer", "Lock", "Transfer", "Lock", "SchedulerNotice", "OrdersMatched"]
    );
    let event = Hub::OrdersMatched {
        dealid: deal_id.0,
        appHash: orders.app.hash(&domain).0,
        datasetHash: orders.dataset.hash(&domain).0,
        workerpoolHash: orders.workerpool.hash(&domain).0,
        requestHash: orders.request.hash(&domain).0,
        volume: U256::from(3),
    };
    assert_eq!(done.events::<Hub::OrdersMatched>(), [event]);

    let deal = scene.world.ask(&Hub::viewDealCall { dealId: deal_id.0 });
    let resource =
        |pointer, name, price: u64| Hub::Resource { pointer, owner: person(name), price: U256::from(price) };
    assert_eq!(deal.app, resource(scene.app, "app owner", APP_PRICE));
    assert_eq!(deal.dataset, resource(scene.dataset, "dataset owner", DATASET_PRICE));
    assert_eq!(deal.workerpool, resource(scene.workerpool, "scheduler", POOL_PRICE));
    assert_eq!((deal.trust, deal.category, deal.tag), (U256::from(5), U256::from(1), deal_tag));
    assert_eq!(
        (deal.requester, deal.beneficiary, deal.callback, deal.sponsor),
        (person("requester"), person("beneficiary"), person("callback"), person("requester"))
    );
    assert_eq!(deal.params, orders.request.params);
    assert_eq!(deal.startTime, U256::from(scene.world.now_s));
    assert_eq!((deal.botFirst, deal.botSize), (U256::ZERO, U256::from(3)));
    assert_eq!((deal.workerStake, deal.schedulerRewardRatio), (U256::from(STAKE), U256::from(1)));
    let flat = scene.world.ask(&Hub::viewDealABILegacy_pt2Call { dealId: deal_id.0 });
    assert_eq!((flat.beneficiary, flat.params), (deal.beneficiary, deal.params));
    let flat = scene.world.ask(&Hub::viewConfigABILegacyCall { dealId: deal_id.0 });
    assert_eq!((flat.botSize, flat.workerStake), (deal.botSize, deal.workerStake));

    assert_eq!(scene.account("requester"), (FUNDS - 3 * TASK_PRICE, 3 * TASK_PRICE));
    assert_eq!(scene.account("scheduler"), (FUNDS - 3 * STAKE, 3 * STAKE));
    scene.check_ledger();
}

#[test]
fn values_beyond_the_compact_record_are_kept() {
    let mut scene = Scene::new();
    let mut orders = scene.orders();
    let trust = U256::MAX >> 1;
    (orders.workerpool.trust, orders.request.trust) = (trust, trust);
    let tag = B256::repeat_byte(0xfe);
    (orders.app.tag, orders.workerpool.tag) = (tag, tag);
    orders.request.params = "long ".repeat(6_000);
    orders.request.beneficiary = Address::ZERO;
    let deal = scene.deal(&orders);
    let view = scene.world.ask(&Hub::viewDealCall { dealId: deal.0 });
    assert_eq!((view.trust, view.tag, view.beneficiary), (trust, tag, Address::ZERO));
    assert!(view.params == orders.request.params);
    assert_eq!((view.workerpool.price, view.workerStake), (U256::from(POOL_PRICE), U256::from(STAKE)));
    assert_eq!(view.sponsor, person("requester"));
    scene.initialize(deal, 0).unwrap();
}

#[test]
fn a_sponsor_pays_instead_of_the_requester() {
    let mut scene = Scene::new();
    scene.world.fund(person("sponsor"), FUNDS);
    let signed = scene.sign(&scene.orders());
    let done = scene.world.hub(person("sponsor"), &Scene::sponsor_call(&signed)).unwrap();
    let deal_id = B256::from_slice(&done.output);
    assert_eq!(
        done.events::<Hub::DealSponsored>(),
        [Hub::DealSponsored { dealId: deal_id, sponsor: person("sponsor") }]
    );
    assert_eq!(done.names(&scene.world).last(), Some(&"DealSponsored"));
    assert_eq!(scene.account("requester"), (FUNDS, 0));
    assert_eq!(scene.account("sponsor"), (FUNDS - TASK_PRICE, TASK_PRICE));
    assert_eq!(scene.world.ask(&Hub::viewDealCall { dealId: deal_id }).sponsor, person("sponsor"));
    scene.check_ledger();
}

#[test]
fn volumes_are_consumed_and_ranges_are_adjacent() {
    let mut scene = Scene::new();
    let mut orders = scene.orders().with_volume(5);
    orders.workerpool.volume = U256::from(2);
    let domain = scene.world.domain();
    let request = orders.request.hash(&domain);
    let first = scene.deal(&orders);
    assert_eq!(first, DealId::derive(request, U256::ZERO));
    assert_eq!(scene.try_match(&orders).err(), Some(code("60")));
    orders.workerpool.salt = digest("more capacity");
    orders.workerpool.volume = U256::from(10);
    let signed = scene.sign(&orders);
    let SignedOrders { app, dataset, workerpool, request: ask } = signed.clone();
    let volume = Hub::computeDealVolumeCall {
        appOrder: app.into(),
        datasetOrder: dataset.into(),
        workerpoolOrder: workerpool.into(),
        requestOrder: ask.into(),
    };
    assert_eq!(scene.world.ask(&volume), U256::from(3));
    let second = scene.deal(&orders);
    assert_eq!(second, DealId::derive(request, U256::from(2)));
    let view = scene.world.ask(&Hub::viewDealCall { dealId: second.0 });
    assert_eq!((view.botFirst, view.botSize), (U256::from(2), U256::from(3)));
    assert_eq!(scene.world.ask(&Hub::viewConsumedCall { orderHash: request.0 }), U256::from(5));
    assert!(scene.initialize(second, 1).is_err());
    scene.initialize(second, 2).unwrap();
}

#[test]
fn short_balances_and_overflowing_prices_fail_in_their_forms() {
    let short = Some(text("IexecEscrow: Transfer amount exceeds balance"));
    let mut scene = Scene::new();
    let orders = scene.orders().with_volume(1_000);
    assert_eq!(scene.try_match(&orders).err(), short, "the requester cannot pay 1,000 tasks");

    let mut orders = scene.orders();
    (orders.app.appprice, orders.request.appmaxprice) = (U256::MAX, U256::MAX);
    assert_eq!(scene.try_match(&orders).err(), Some(panic_code(0x11)), "the sum of prices overflows");
    let mut orders = scene.orders().without_dataset();
    (orders.app.appprice, orders.request.appmaxprice) = (U256::from(1) << 200, U256::MAX);
    assert_eq!(scene.try_match(&orders).err(), short, "beyond any supply, but a number");

    let hub = scene.world.at.hub;
    let all = scene.account("scheduler").0;
    scene.world.send(person("scheduler"), hub, &Hub::withdrawCall { amount: U256::from(all) }).unwrap();
    assert_eq!(scene.try_match(&scene.orders()).err(), short, "the scheduler cannot stake");
}

#[test]
fn groups_accept_their_members_and_malformed_answers_mean_no() {
    let scene = Scene::new();
    let group = person("group");
    let yes = answers(B256::with_last_byte(1));
    let mut orders = scene.orders();
    (orders.request.workerpool, orders.app.requesterrestrict) = (group, group);
    for (answer, accepted) in [
        (yes, true),
        (answers(B256::ZERO), false),
        (answers(B256::with_last_byte(2)), false),
        (silent(), false),
        (refuses(), false),
    ] {
        let mut scene = scene.clone();
        scene.world.put_code(group, answer);
        let matched = scene.try_match(&orders);
        assert_eq!(matched.err(), (!accepted).then(|| code("12")));
    }
}

#[test]
fn contracts_sign_by_their_answer_alone() {
    let scene = Scene::new();
    let wallet = person("requester");
    let orders = scene.orders();
    for (answer, valid) in [(magic(true), true), (magic(false), false), (silent(), false), (refuses(), false)]
    {
        let mut scene = scene.clone();
        scene.world.put_code(wallet, answer);
        // The key of the address signs well, but an account with code is never a key holder.
        let signed = scene.sign(&orders);
        let matched = scene.world.hub(person("anyone"), &Scene::match_call(&signed));
        assert_eq!(matched.err(), (!valid).then(|| code("50")));
    }
}

#[test]
fn without_dataset_the_dataset_order_has_no_effect() {
    // 21.2 and 21.3: the order is signed by nobody, so neither tag, price nor restrictions count.
    let mut scene = Scene::new();
    let mut orders = scene.orders().without_dataset();
    orders.dataset.datasetprice = U256::MAX;
    orders.dataset.tag = B256::repeat_byte(0xff);
    let nobody = person("nobody");
    (orders.dataset.apprestrict, orders.dataset.workerpoolrestrict, orders.dataset.requesterrestrict) =
        (nobody, nobody, nobody);
    let signed = scene.sign(&orders);
    let done = send(&mut scene, &signed).unwrap();
    assert_eq!(done.events::<Hub::OrdersMatched>()[0].datasetHash, B256::ZERO);
    let deal = scene.world.ask(&Hub::viewDealCall { dealId: B256::from_slice(&done.output) });
    assert_eq!(
        deal.dataset,
        Hub::Resource { pointer: Address::ZERO, owner: Address::ZERO, price: U256::ZERO }
    );
    assert_eq!(deal.tag, B256::ZERO);
    assert_eq!(scene.account("requester").1, APP_PRICE + POOL_PRICE);
    let hash = orders.dataset.hash(&scene.world.domain()).0;
    assert_eq!(scene.world.ask(&Hub::viewConsumedCall { orderHash: hash }), U256::ZERO);

    let mut orders = scene.orders().without_dataset();
    orders.request.salt = digest("another");
    orders.app.datasetrestrict = scene.dataset;
    assert_eq!(scene.try_match(&orders).err(), Some(code("13")), "the app demands a dataset");
    let mut orders = scene.orders().without_dataset();
    orders.workerpool.datasetrestrict = scene.dataset;
    assert_eq!(scene.try_match(&orders).err(), Some(code("1a")));
}

#[test]
fn nobody_signs_for_the_zero_address() {
    // 21.4
    let mut scene = Scene::new();
    scene.world.fund(person("sponsor"), FUNDS);
    let mut orders = scene.orders();
    orders.request.requester = Address::ZERO;
    let mut signed = scene.sign(&orders);
    for junk in [vec![0; 65], vec![0; 64], vec![0xff; 65]] {
        signed.request.sign = junk.into();
        let matched = scene.world.hub(person("sponsor"), &Scene::sponsor_call(&signed));
        assert_eq!(matched.err(), Some(code("50")));
        let verify = Hub::verifySignatureCall {
            account: Address::ZERO,
            hash: digest("anything"),
            signature: signed.request.sign.clone(),
        };
        assert!(!scene.world.ask(&verify));
    }
    let presigned = Hub::verifyPresignatureCall { account: Address::ZERO, hash: digest("anything") };
    assert!(!scene.world.ask(&presigned));
}

#[test]
fn a_guarded_requester_pays_only_by_its_own_hand() {
    // 21.7
    let mut scene = Scene::new();
    scene.world.fund(person("sponsor"), FUNDS);
    let requester = person("requester");
    let set = |enabled| Hub::setMatchGuardCall { enabled };
    assert!(!scene.world.ask(&Hub::matchGuardCall { requester }));
    let done = scene.world.hub(requester, &set(true)).unwrap();
    assert_eq!(
        done.events::<Hub::MatchGuardUpdated>(),
        [Hub::MatchGuardUpdated { requester, enabled: true }]
    );
    assert!(scene.world.ask(&Hub::matchGuardCall { requester }));
    assert_eq!(scene.account("requester"), (FUNDS, 0), "the flag shares a word with money");

    let mut orders = scene.orders();
    let call = Scene::match_call(&scene.sign(&orders));
    let guarded = Some(custom(&Hub::MatchGuarded { requester }));
    assert_eq!(scene.world.hub(person("anyone"), &call).err(), guarded);
    scene.world.hub(requester, &call).unwrap();

    orders.request.salt = digest("sponsored");
    let signed = scene.sign(&orders);
    scene.world.hub(person("sponsor"), &Scene::sponsor_call(&signed)).unwrap();

    orders.request.salt = digest("deposited");
    let data: Bytes = Scene::match_call(&scene.sign(&orders)).abi_encode().into();
    let (hub, rlc) = (scene.world.at.hub, scene.world.at.rlc);
    let approve = Rlc::approveAndCallCall { spender: hub, value: U256::ZERO, extraData: data };
    scene.world.send(requester, rlc, &approve).unwrap();

    orders.request.salt = digest("unguarded");
    scene.world.hub(requester, &set(false)).unwrap();
    let call = Scene::match_call(&scene.sign(&orders));
    scene.world.hub(person("anyone"), &call).unwrap();
    scene.check_ledger();
}

#[test]
fn policies_are_taken_at_the_match() {
    let mut scene = Scene::new();
    let pool = scene.workerpool;
    let policy = |stake: u64, reward: u64| Workerpool::changePolicyCall {
        newWorkerStakeRatioPolicy: U256::from(stake),
        newSchedulerRewardRatioPolicy: U256::from(reward),
    };
    let before = scene.deal(&scene.orders());
    assert_eq!(
        scene.world.send(person("anyone"), pool, &policy(1, 1)).err(),
        Some(text("caller is not the owner"))
    );
    assert_eq!(scene.world.send(person("scheduler"), pool, &policy(1, 101)).err(), Some(empty()));
    // 21.6
    let too_high = custom(&Workerpool::WorkerStakeRatioTooHigh { ratio: U256::from(1_001) });
    assert_eq!(scene.world.send(person("scheduler"), pool, &policy(1_001, 1)).err(), Some(too_high));
    let done = scene.world.send(person("scheduler"), pool, &policy(1_000, 40)).unwrap();
    let event = Workerpool::PolicyUpdate {
        oldWorkerStakeRatioPolicy: U256::from(30),
        newWorkerStakeRatioPolicy: U256::from(1_000),
        oldSchedulerRewardRatioPolicy: U256::from(1),
        newSchedulerRewardRatioPolicy: U256::from(40),
    };
    assert_eq!(done.events::<Workerpool::PolicyUpdate>(), [event]);
    let mut orders = scene.orders();
    orders.request.salt = digest("after");
    let after = scene.deal(&orders);
    for (deal, stake, reward) in [(before, STAKE, 1), (after, 10 * POOL_PRICE, 40)] {
        let view = scene.world.ask(&Hub::viewDealCall { dealId: deal.0 });
        assert_eq!((view.workerStake, view.schedulerRewardRatio), (U256::from(stake), U256::from(reward)));
    }
    let info = scene.world.ask(&Hub::viewWorkerpoolCall { workerpool: pool });
    assert_eq!(info.owner, person("scheduler"));
    assert_eq!(info.m_workerStakeRatioPolicy, U256::from(1_000));
}

#[test]
fn a_bulk_dataset_is_checked_against_its_deal() {
    let mut scene = Scene::new();
    let mut orders = scene.orders().without_dataset();
    (orders.app.tag, orders.workerpool.tag) = (B256::with_last_byte(1), B256::with_last_byte(1));
    let deal = scene.deal(&orders);
    let with_dataset = {
        let mut orders = scene.orders();
        orders.request.salt = digest("with dataset");
        scene.deal(&orders)
    };
    let domain = scene.world.domain();
    let mut good = scene.orders().dataset;
    (good.datasetprice, good.tag) = (U256::ZERO, B256::with_last_byte(0x0f));
    let check = |scene: &Scene, order: &metacloud_protocol::DatasetOrder, deal: DealId, signer: &str| {
        let signed = Signed::by(&key(signer), order.clone(), &domain);
        let call = Hub::assertDatasetDealCompatibilityCall { datasetOrder: signed.into(), dealId: deal.0 };
        scene.world.view(scene.world.at.hub, &call).map(|_| ())
    };
    let reason = |reason: &str| Err(custom(&Hub::IncompatibleDatasetOrder { reason: reason.into() }));
    let owner = "dataset owner";
    assert_eq!(check(&scene, &good, deal, owner), Ok(()));
    let mut order = good.clone();
    order.volume = U256::ZERO;
    assert_eq!(check(&scene, &order, deal, owner), reason("Dataset order is revoked or fully consumed"));
    assert_eq!(check(&scene, &good, deal, "anyone"), reason("Invalid dataset order signature"));
    assert_eq!(check(&scene, &good, DealId(digest("none")), owner), reason("Deal not found"));
    assert_eq!(check(&scene, &good, with_dataset, owner), reason("Deal already has a dataset"));
    let nobody = person("nobody");
    let restrict: [(&str, Restrict); 3] = [
        ("App restriction not satisfied", |order, nobody| order.apprestrict = nobody),
        ("Workerpool restriction not satisfied", |order, nobody| order.workerpoolrestrict = nobody),
        ("Requester restriction not satisfied", |order, nobody| order.requesterrestrict = nobody),
    ];
    for (text, restrict) in restrict {
        let mut order = good.clone();
        restrict(&mut order, nobody);
        assert_eq!(check(&scene, &order, deal, owner), reason(text));
    }
    let mut order = good;
    order.tag = B256::with_last_byte(0x10);
    assert_eq!(check(&scene, &order, deal, owner), reason("Tag compatibility not satisfied"));
}
