//! Signing and closing orders on chain, signature checks, relay (poco 6 to 8).

#![allow(clippy::unwrap_used)]

mod harness;

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall as _;
use harness::scene::{Scene, digest};
use harness::{empty, key, person, text};
use metacloud_abi::Hub;
use metacloud_protocol::signing::sign;
use metacloud_protocol::{Order as _, OrderOperation, Signed};

const NOT_ALLOWED: &str = "invalid-sender-or-signature";

#[test]
fn an_owner_signs_and_closes_its_orders() {
    let mut scene = Scene::new();
    let orders = scene.orders();
    let domain = scene.world.domain();
    let hashes = [
        orders.app.hash(&domain),
        orders.dataset.hash(&domain),
        orders.workerpool.hash(&domain),
        orders.request.hash(&domain),
    ];
    for (operation, names) in [
        (0, ["SignedAppOrder", "SignedDatasetOrder", "SignedWorkerpoolOrder", "SignedRequestOrder"]),
        (1, ["ClosedAppOrder", "ClosedDatasetOrder", "ClosedWorkerpoolOrder", "ClosedRequestOrder"]),
    ] {
        let app = Hub::AppOrderOperation {
            order: Signed::unsigned(orders.app.clone()).into(),
            operation,
            sign: Bytes::new(),
        };
        let dataset = Hub::DatasetOrderOperation {
            order: Signed::unsigned(orders.dataset.clone()).into(),
            operation,
            sign: Bytes::new(),
        };
        let workerpool = Hub::WorkerpoolOrderOperation {
            order: Signed::unsigned(orders.workerpool.clone()).into(),
            operation,
            sign: Bytes::new(),
        };
        let request = Hub::RequestOrderOperation {
            order: Signed::unsigned(orders.request.clone()).into(),
            operation,
            sign: Bytes::new(),
        };
        let calls = [
            ("app owner", Hub::manageAppOrderCall { operation: app }.abi_encode()),
            ("dataset owner", Hub::manageDatasetOrderCall { operation: dataset }.abi_encode()),
            ("scheduler", Hub::manageWorkerpoolOrderCall { operation: workerpool }.abi_encode()),
            ("requester", Hub::manageRequestOrderCall { operation: request }.abi_encode()),
        ];
        for (((owner, data), name), hash) in calls.into_iter().zip(names).zip(hashes) {
            let hub = Some(scene.world.at.hub);
            let malformed = scene.world.transact(person("anyone"), hub, data.clone().into());
            assert_eq!(malformed.err(), Some(text("invalid-signature-format")), "no signature at all");
            let done = scene.world.transact(person(owner), hub, data.into()).unwrap();
            assert_eq!(done.names(&scene.world), [name]);
            assert_eq!(done.logs[0].data.data.as_ref(), hash.0.as_slice());
            assert_eq!(scene.world.ask(&Hub::viewPresignedCall { orderHash: hash.0 }), person(owner));
        }
    }
    for hash in hashes {
        assert_ne!(scene.world.ask(&Hub::viewConsumedCall { orderHash: hash.0 }), U256::ZERO);
    }
    assert_eq!(scene.try_match(&orders).err(), Some(text("iExecV5-matchOrders-0x60")));
}

#[test]
fn presigned_orders_match_without_signatures() {
    let mut scene = Scene::new();
    let orders = scene.orders();
    let mut signed = scene.sign(&orders);
    signed.request.sign = Bytes::new();
    let operation =
        Hub::RequestOrderOperation { order: signed.request.clone().into(), operation: 0, sign: Bytes::new() };
    scene.world.hub(person("requester"), &Hub::manageRequestOrderCall { operation }).unwrap();
    let hash = orders.request.hash(&scene.world.domain()).0;
    let presigned = |account| Hub::verifyPresignatureCall { account, hash };
    assert!(scene.world.ask(&presigned(person("requester"))));
    assert!(!scene.world.ask(&presigned(person("anyone"))));
    assert!(!scene.world.ask(&presigned(Address::ZERO)));
    scene.world.hub(person("anyone"), &Scene::match_call(&signed)).unwrap();
    assert_eq!(scene.world.ask(&Hub::viewPresignedCall { orderHash: hash }), person("requester"));
    assert_eq!(scene.world.ask(&Hub::viewConsumedCall { orderHash: hash }), U256::from(1));
}

#[test]
fn a_signature_over_the_operation_lets_anyone_submit_it() {
    let mut scene = Scene::new();
    let order = scene.orders().request;
    let domain = scene.world.domain();
    let hash = order.hash(&domain).0;
    let signature = |operation: OrderOperation| -> Bytes {
        sign(&key("requester"), operation.digest(&order, &domain)).into()
    };
    let call = |operation, sign| Hub::manageRequestOrderCall {
        operation: Hub::RequestOrderOperation {
            order: Signed::unsigned(order.clone()).into(),
            operation,
            sign,
        },
    };
    let wrong = call(1, signature(OrderOperation::Sign));
    assert_eq!(scene.world.hub(person("anyone"), &wrong).err(), Some(text(NOT_ALLOWED)));
    let order_signature: Bytes = sign(&key("requester"), hash).into();
    let wrong = call(1, order_signature);
    assert_eq!(scene.world.hub(person("anyone"), &wrong).err(), Some(text(NOT_ALLOWED)));
    assert_eq!(scene.world.hub(person("requester"), &call(2, Bytes::new())).err(), Some(empty()));
    scene.world.hub(person("anyone"), &call(1, signature(OrderOperation::Close))).unwrap();
    assert_eq!(scene.world.ask(&Hub::viewConsumedCall { orderHash: hash }), order.volume);
}

#[test]
fn volumes_of_any_size_are_closed_and_presignatures_survive() {
    for volume in [U256::from(1), (U256::from(1) << 95) - U256::from(1), U256::from(1) << 95, U256::MAX] {
        let mut scene = Scene::new();
        let mut order = scene.orders().request;
        order.volume = volume;
        let hash = order.hash(&scene.world.domain()).0;
        for operation in [1, 0] {
            let order = Signed::unsigned(order.clone()).into();
            let operation = Hub::RequestOrderOperation { order, operation, sign: Bytes::new() };
            scene.world.hub(person("requester"), &Hub::manageRequestOrderCall { operation }).unwrap();
            assert_eq!(scene.world.ask(&Hub::viewConsumedCall { orderHash: hash }), volume);
        }
        assert_eq!(scene.world.ask(&Hub::viewPresignedCall { orderHash: hash }), person("requester"));
    }
}

#[test]
fn requests_of_the_zero_address_cannot_be_managed() {
    // 21.4
    let mut scene = Scene::new();
    let mut order = scene.orders().request;
    order.requester = Address::ZERO;
    let operation = Hub::RequestOrderOperation {
        order: Signed::unsigned(order).into(),
        operation: 0,
        sign: vec![0; 65].into(),
    };
    let call = Hub::manageRequestOrderCall { operation };
    assert_eq!(scene.world.hub(person("anyone"), &call).err(), Some(text(NOT_ALLOWED)));
}

#[test]
fn signatures_have_two_lengths_and_one_form() {
    let scene = Scene::new();
    let hash = digest("message");
    let good = sign(&key("signer"), hash);
    let verify = |account, signature: &[u8]| {
        let signature = Bytes::copy_from_slice(signature);
        scene.world.view(scene.world.at.hub, &Hub::verifySignatureCall { account, hash, signature })
    };
    let signer = person("signer");
    assert_eq!(verify(signer, &good), Ok(true));
    assert_eq!(verify(person("other"), &good), Ok(false));
    let mut compact = good[..64].to_vec();
    compact[32] |= (good[64] - 27) << 7;
    assert_eq!(verify(signer, &compact), Ok(true));
    // The malleable twin: s' = n - s, the other parity.
    let order: U256 = "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141".parse().unwrap();
    let twin = order - U256::from_be_slice(&good[32..64]);
    let mut high = good;
    high[32..64].copy_from_slice(&twin.to_be_bytes::<32>());
    high[64] = 55 - good[64];
    assert_eq!(verify(signer, &high), Ok(false));
    for v in [0, 1, 26, 29, 255] {
        let mut odd = good;
        odd[64] = v;
        assert_eq!(verify(signer, &odd), Ok(false), "v {v}");
    }
    for length in [0, 63, 66, 130] {
        assert_eq!(verify(signer, &vec![1; length]), Err(text("invalid-signature-format")));
    }
}

#[test]
fn relays_repeat_the_order_and_check_nothing() {
    let mut scene = Scene::new();
    let signed = scene.sign(&scene.orders());
    let done = scene
        .world
        .hub(person("anyone"), &Hub::broadcastRequestOrderCall { order: signed.request.clone().into() });
    let events = done.unwrap().events::<Hub::BroadcastRequestOrder>();
    assert_eq!(events, [Hub::BroadcastRequestOrder { requestorder: signed.request.into() }]);
    let mut app = signed.app;
    app.sign = b"junk".into();
    let done =
        scene.world.hub(person("anyone"), &Hub::broadcastAppOrderCall { order: app.clone().into() }).unwrap();
    assert_eq!(done.events::<Hub::BroadcastAppOrder>(), [Hub::BroadcastAppOrder { apporder: app.into() }]);
    let done = scene
        .world
        .hub(person("anyone"), &Hub::broadcastDatasetOrderCall { order: signed.dataset.into() })
        .unwrap();
    assert_eq!(done.names(&scene.world), ["BroadcastDatasetOrder"]);
    let done = scene
        .world
        .hub(person("anyone"), &Hub::broadcastWorkerpoolOrderCall { order: signed.workerpool.into() })
        .unwrap();
    assert_eq!(done.names(&scene.world), ["BroadcastWorkerpoolOrder"]);
}

#[test]
fn addresses_with_dirty_upper_bytes_are_malformed() {
    let mut scene = Scene::new();
    let signed = scene.sign(&scene.orders());
    let clean = Scene::match_call(&signed).abi_encode();
    // The first member of the first order is the word behind the four offsets.
    let mut dirty = clean.clone();
    dirty[4 + 4 * 32] = 1;
    let hub = Some(scene.world.at.hub);
    assert_eq!(scene.world.transact(person("requester"), hub, dirty.into()).err(), Some(empty()));
    scene.world.transact(person("requester"), hub, clean.into()).unwrap();
}

#[test]
fn scores_can_only_be_imported_from_a_hub_that_exists() {
    let mut scene = Scene::new();
    let call = Hub::importScoreCall { worker: person("worker 0") };
    assert_eq!(scene.world.hub(person("anyone"), &call).err(), Some(empty()));
}
