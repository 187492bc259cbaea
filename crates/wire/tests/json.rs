//! The JSON forms, against the published examples (http-surface 4 and 7) and the committed ready file.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers as well")]

use alloy_primitives::{Address, B256};
use metacloud_protocol::{Domain, Order, Signed};
use metacloud_wire::market::{
    DealPage, OrderPage, PublishAnswer, PublishRequest, UnpublishRequest, UnpublishTarget,
};
use metacloud_wire::orders::{
    AppOrderBody, DatasetOrderBody, OrderBody, OrderFormError, RequestOrderBody, WorkerpoolOrderBody,
};
use metacloud_wire::ready::{Account, PrivateKey, ReadyFile, Role};
use metacloud_wire::task_view::TaskView;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn file(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Reads the committed example into `T` and writes it again: nothing is lost, nothing added.
fn round_trip<T: Serialize + DeserializeOwned>(name: &str) -> T {
    let example: Value = serde_json::from_str(&file(name)).unwrap();
    let read: T = serde_json::from_value(example.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), example, "{name}");
    read
}

/// The hash in the domain of the examples: chain 65535, hub 0x1111… (http-surface, introduction).
fn hash<O: Order>(signed: &Signed<O>) -> B256 {
    signed.order.hash(&Domain { chain_id: 65_535, hub: Address::repeat_byte(0x11) }).0
}

#[test]
fn publish_example_is_read_and_written() {
    let answer: PublishAnswer<AppOrderBody> = round_trip("publish-apporder.json");
    let signed = answer.published.order.to_signed();
    assert_eq!(AppOrderBody::from_signed(&signed).as_ref(), Ok(&answer.published.order));
    assert_eq!(hash(&signed), answer.published.order_hash);
}

#[test]
fn client_form_has_decimal_strings_and_reads_as_the_same_order() {
    let answer: PublishAnswer<AppOrderBody> = round_trip("publish-apporder.json");
    let client = answer.published.order.to_client_json();
    assert_eq!((&client["appprice"], &client["volume"]), (&json!("1000"), &json!("100")));
    let request: PublishRequest<AppOrderBody> = serde_json::from_value(json!({ "order": client })).unwrap();
    assert_eq!(request.order, answer.published.order);
}

#[test]
fn order_book_examples_are_read_and_written() {
    let datasets: OrderPage<DatasetOrderBody> = round_trip("datasetorders.json");
    assert_eq!(datasets.orders[0].bulk, Some(true));
    let pools: OrderPage<WorkerpoolOrderBody> = round_trip("workerpoolorders.json");
    let requests: OrderPage<RequestOrderBody> = round_trip("requestorders.json");
    let signed = requests.orders[0].order.to_signed();
    assert_eq!(signed.order.params, r#"{"iexec_result_storage_provider":"ipfs","iexec_args":"hello"}"#);
    assert_eq!(hash(&signed), requests.orders[0].order_hash);
    assert_eq!(hash(&datasets.orders[0].order.to_signed()), datasets.orders[0].order_hash);
    assert_eq!(hash(&pools.orders[0].order.to_signed()), pools.orders[0].order_hash);
}

#[test]
fn deals_example_is_read_and_written() {
    let page: DealPage = round_trip("deals.json");
    assert_eq!(page.deals.len(), 1);
}

#[test]
fn task_view_example_is_read_and_written() {
    let view: TaskView = round_trip("task-view.json");
    assert_eq!(view.replicates[0].app_exit_code, Some(0));
}

#[test]
fn orders_out_of_bounds_are_refused() {
    let answer: PublishAnswer<AppOrderBody> = round_trip("publish-apporder.json");
    let good = answer.published.order.to_client_json();
    let changes = [
        ("app", json!("0x33")),
        ("appprice", json!("9007199254740992")),
        ("appprice", json!(-1)),
        ("volume", json!(1.5)),
        ("tag", json!("0x09")),
        ("salt", Value::Null),
        ("sign", json!(format!("0x{}", "00".repeat(4_097)))),
        ("sign", json!("0xzz")),
    ];
    for (member, value) in changes {
        let mut bad = good.clone();
        bad[member] = value.clone();
        assert!(serde_json::from_value::<AppOrderBody>(bad).is_err(), "{member}: {value}");
    }
    for member in ["app", "appprice", "salt", "sign"] {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().remove(member);
        assert!(serde_json::from_value::<AppOrderBody>(bad).is_err(), "without {member}");
    }
}

#[test]
fn what_json_cannot_carry_is_said_with_its_member() {
    let answer: PublishAnswer<AppOrderBody> = round_trip("publish-apporder.json");
    let mut signed = answer.published.order.to_signed();
    signed.order.volume = alloy_primitives::U256::from(1u64 << 53);
    assert_eq!(AppOrderBody::from_signed(&signed), Err(OrderFormError::TooLarge { field: "volume" }));
}

#[test]
fn unpublish_target_defaults_to_one_order() {
    let one: UnpublishRequest = serde_json::from_value(json!({ "orderHash": B256::ZERO })).unwrap();
    assert_eq!((one.target, one.order_hash), (UnpublishTarget::OrderHash, Some(B256::ZERO)));
    let last: UnpublishRequest =
        serde_json::from_value(json!({ "target": "unpublish_last", "app": Address::ZERO })).unwrap();
    assert_eq!(last.target, UnpublishTarget::Last);
    assert!(serde_json::from_value::<UnpublishRequest>(json!({ "target": "unpublish_everything" })).is_err());
}

#[test]
fn ready_file_has_the_committed_form() {
    let url = |path: &str| format!("http://127.0.0.1:8600{path}");
    let ready = ReadyFile {
        chain_id: 65_535,
        rpc_url: "http://127.0.0.1:8545".into(),
        hub: Address::repeat_byte(1),
        rlc: Address::repeat_byte(2),
        app_registry: Address::repeat_byte(3),
        dataset_registry: Address::repeat_byte(4),
        workerpool_registry: Address::repeat_byte(5),
        data_protector: None,
        gateway_url: url("/market"),
        sms_url: None,
        compass_url: None,
        ipfs_gateway_url: url(""),
        ipfs_node_url: url(""),
        subgraph_url: None,
        data_protector_subgraph_url: None,
        explorer_url: None,
        workerpool: Address::repeat_byte(6),
        workerpool_api_url: url("/pool"),
        scheduler_url: "http://127.0.0.1:8601".into(),
        accounts: vec![
            Account {
                role: Role::Deployer,
                address: Address::repeat_byte(7),
                private_key: PrivateKey(B256::repeat_byte(8)),
            },
            Account {
                role: Role::WorkerpoolOwner,
                address: Address::repeat_byte(9),
                private_key: PrivateKey(B256::repeat_byte(10)),
            },
        ],
    };
    assert_eq!(ready.to_json(), file("ready.json"));
    assert_eq!(ReadyFile::from_json(&ready.to_json()).unwrap(), ready);
    assert_eq!(
        ready.account(Role::WorkerpoolOwner).map(|account| account.address),
        Some(Address::repeat_byte(9))
    );
    assert!(!format!("{ready:?}").contains("0808"), "keys stay out of logs");
}

#[test]
fn ready_file_without_a_needed_key_or_of_absurd_size_is_refused() {
    let mut ready: Value = serde_json::from_str(&file("ready.json")).unwrap();
    ready.as_object_mut().unwrap().remove("hub");
    let error = ReadyFile::from_json(&ready.to_string()).unwrap_err().to_string();
    assert!(error.contains("hub"), "{error}");
    assert!(ReadyFile::from_json(&" ".repeat(2 << 20)).is_err());
}
