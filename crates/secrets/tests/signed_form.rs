//! Our own form: EIP-712 with nonce, expiry and policy.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod world;

use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::{Address, B256, keccak256};
use metacloud_chain::Wallet;
use metacloud_secrets::RateLimits;
use metacloud_wire::secrets::{
    DeleteSecret, DeleteSecretMessage, LIFE_S_MAX, Policy, ROUTE, SecretId, SetSecret, SetSecretMessage,
};
use serde_json::{Value, json};
use world::{CHAIN_ID, World, account_that_signed};

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn message(id: &SecretId, value: &str, nonce: u8) -> SetSecretMessage {
    SetSecretMessage {
        kind: id.kind(),
        subject: id.subject(),
        name: id.name().to_owned(),
        value_hash: keccak256(value),
        release: Policy::HARDWARE,
        replace: false,
        nonce: B256::repeat_byte(nonce),
        expires: now_s() + 3_600,
    }
}

fn body(world: &World, message: SetSecretMessage, value: &str, by: &Wallet) -> Value {
    let sign = by.sign_hash(message.digest(CHAIN_ID, world.hub.address()));
    serde_json::to_value(SetSecret { message, value: value.into(), sign }).unwrap()
}

async fn set(world: &World, message: SetSecretMessage, value: &str, by: &Wallet) -> (u16, Value) {
    world.post_json(ROUTE, &body(world, message, value, by)).await
}

async fn shown(world: &World, id: &SecretId) -> (u16, Value) {
    let path = format!("{ROUTE}?kind={}&subject={}&name={}", id.kind(), id.subject(), id.name());
    let (status, text) = world.send("GET", &path, None, "").await;
    (status, serde_json::from_str(&text).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_of_all_kinds_set_with_a_policy() {
    let world = World::start().await;
    for (nonce, (id, owner)) in [
        (world.dataset_id(), &world.dataset_owner),
        (world.app_id(), &world.app_owner),
        (world.requester_id("name"), &world.requester),
        (world.account_id("name"), &world.requester),
    ]
    .into_iter()
    .enumerate()
    {
        let nonce = u8::try_from(nonce).unwrap();
        assert_eq!(shown(&world, &id).await.0, 404, "{id}");
        let refused = set(&world, message(&id, "value", nonce), "value", &world.stranger).await;
        assert_eq!(refused, (401, json!({"error": "Invalid authorization"})), "{id}");
        let done = set(&world, message(&id, "value", nonce), "value", owner).await;
        assert_eq!(done, (204, Value::Null), "{id}");
        let (status, view) = shown(&world, &id).await;
        assert_eq!((status, &view["release"]), (200, &json!(["hardware"])), "{id}");
        assert_eq!(world.head(&id).await, 204, "the old form sees it");
        assert!(!view.to_string().contains("value"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_serves_once_within_its_time_at_its_place() {
    let world = World::start().await;
    let by = &world.requester;
    let id = world.requester_id("name");
    let first = SetSecretMessage { replace: true, ..message(&id, "first", 1) };
    let first = body(&world, first, "first", by);
    assert_eq!(world.post_json(ROUTE, &first).await.0, 204);
    let replayed = world.post_json(ROUTE, &first).await;
    assert_eq!(replayed, (401, json!({"error": "the nonce was used before"})));
    let second = SetSecretMessage { replace: true, ..message(&id, "second", 2) };
    assert_eq!(set(&world, second, "second", by).await.0, 204);
    assert_eq!(world.post_json(ROUTE, &first).await.0, 401, "replayed after another value");

    let expired = SetSecretMessage { expires: now_s(), ..message(&id, "x", 3) };
    assert_eq!(set(&world, expired, "x", by).await.0, 401);
    let endless = SetSecretMessage { expires: now_s() + LIFE_S_MAX + 60, ..message(&id, "x", 3) };
    assert_eq!(set(&world, endless, "x", by).await.0, 400);
    let other = world.requester_id("other");
    for digest in [
        message(&other, "x", 3).digest(1, world.hub.address()),
        message(&other, "x", 3).digest(CHAIN_ID, Address::repeat_byte(9)),
        message(&other, "y", 3).digest(CHAIN_ID, world.hub.address()),
        other.old_digest(b"x"),
    ] {
        let sign = by.sign_hash(digest);
        let elsewhere = SetSecret { message: message(&other, "x", 3), value: "x".into(), sign };
        let elsewhere = serde_json::to_value(elsewhere).unwrap();
        assert_eq!(world.post_json(ROUTE, &elsewhere).await.0, 401);
    }
    assert_eq!(shown(&world, &other).await.0, 404);
    assert_eq!(set(&world, message(&other, "x", 3), "x", by).await.0, 204, "a refused nonce is not used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn replacing_is_said_and_the_old_form_keeps_the_policy() {
    let world = World::start().await;
    let by = &world.requester;
    let id = world.account_id("name");
    assert_eq!(set(&world, message(&id, "one", 1), "one", by).await.0, 204);
    let refused = set(&world, message(&id, "two", 2), "two", by).await;
    assert_eq!(refused, (409, json!({"error": "Secret already exists"})));
    let said = SetSecretMessage { replace: true, ..message(&id, "two", 2) };
    assert_eq!(set(&world, said, "two", by).await.0, 204);
    assert_eq!(world.old("PUT", &id, "one", by).await.0, 409, "a value that gave way does not come back");
    let back = SetSecretMessage { replace: true, ..message(&id, "one", 3) };
    assert_eq!(set(&world, back, "one", by).await.0, 204, "unless its owner says so");
    assert_eq!(world.old("PUT", &id, "three", by).await.0, 204);
    assert_eq!(shown(&world, &id).await.1["release"], json!(["hardware"]), "not the policy of the old form");
    let open = SetSecretMessage { replace: true, release: Policy::ANY, ..message(&id, "three", 4) };
    assert_eq!(set(&world, open, "three", by).await.0, 204);
    assert_eq!(shown(&world, &id).await.1["release"], json!(["hardware", "simulation"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_account_signs_this_form_too() {
    let world = World::start().await;
    let id = SecretId::requester(world.next_contract().await, "of-a-contract").unwrap();
    let good = message(&id, "value", 1);
    let account = world.deploy(&account_that_signed(good.digest(CHAIN_ID, world.hub.address()))).await;
    assert_eq!(account, id.subject());
    let send = async |message: SetSecretMessage| {
        let body = SetSecret { message, value: "value".into(), sign: vec![1, 2, 3].into() };
        world.post_json(ROUTE, &serde_json::to_value(body).unwrap()).await.0
    };
    assert_eq!(send(SetSecretMessage { nonce: B256::repeat_byte(2), ..good.clone() }).await, 401);
    assert_eq!(send(good).await, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_another_form_are_refused_and_not_repeated() {
    let world = World::start().await;
    let by = &world.requester;
    let id = world.requester_id("name");
    let good = body(&world, message(&id, "hidden", 1), "hidden", by);
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body.to_string()
    };
    let mut extra = good.clone();
    extra["message"]["admin"] = json!(true);
    for bad in [
        String::new(),
        "hidden".into(),
        "[]".into(),
        "{}".into(),
        "[".repeat(20_000),
        extra.to_string(),
        with("/value", json!("other")),
        with("/value", json!("")),
        with("/value", json!(1)),
        with("/sign", json!("zz")),
        with("/message/kind", json!("web2")),
        with("/message/kind", json!("dataset")),
        with("/message/name", json!("a b")),
        with("/message/subject", json!("0x12")),
        with("/message/release", json!([])),
        with("/message/release", json!(["anything"])),
        with("/message/expires", json!(-1)),
        with("/message/expires", json!(1e30)),
        with("/message/nonce", json!("0x00")),
    ] {
        let (status, text) = world.send("POST", ROUTE, None, bad.clone()).await;
        assert_eq!(status, 400, "{text} to {}", &bad[..bad.len().min(300)]);
        assert!(text.starts_with("{\"error\":\"") && !text.contains("hidden"), "{text}");
    }
    let long = "x".repeat(4_097);
    assert_eq!(set(&world, message(&id, &long, 1), &long, by).await.0, 413);
    assert_eq!(world.send("POST", ROUTE, None, "x".repeat(1 << 20)).await.0, 413);
    for query in ["", "?kind=x", "?kind=dataset&subject=0x12&name=", "?kind=app&subject=0x12", "?%ff"] {
        let (status, text) = world.send("GET", &format!("{ROUTE}{query}"), None, "").await;
        assert_eq!(status, 400, "{query}");
        assert!(text.starts_with("{\"error\":\""), "{text}");
    }
    let widest = "\u{1}".repeat(4_096);
    assert_eq!(set(&world, message(&id, &widest, 9), &widest, by).await.0, 204, "six bytes each in JSON");
}

fn deletion(id: &SecretId, nonce: u8) -> DeleteSecretMessage {
    DeleteSecretMessage {
        kind: id.kind(),
        subject: id.subject(),
        name: id.name().to_owned(),
        nonce: B256::repeat_byte(nonce),
        expires: now_s() + 3_600,
    }
}

async fn delete(world: &World, message: DeleteSecretMessage, by: &Wallet) -> (u16, String) {
    let sign = by.sign_hash(message.digest(CHAIN_ID, world.hub.address()));
    let body = serde_json::to_value(DeleteSecret { message, sign }).unwrap();
    let url = format!("{}{ROUTE}", world.url);
    let answer = world.http.delete(url).json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_removed_by_its_owner_and_does_not_come_back_by_an_old_message() {
    let world = World::start().await;
    let by = &world.requester;
    let id = world.requester_id("name");
    assert_eq!(delete(&world, deletion(&id, 1), by).await.0, 404, "there is none yet");
    assert_eq!(world.old("POST", &id, "one", by).await.0, 204);

    // Strangers, messages over their time, and those that were signed to set something.
    assert_eq!(delete(&world, deletion(&id, 1), &world.stranger).await.0, 401);
    let late = DeleteSecretMessage { expires: now_s(), ..deletion(&id, 1) };
    assert_eq!(delete(&world, late, by).await.0, 401);
    let endless = DeleteSecretMessage { expires: now_s() + LIFE_S_MAX + 60, ..deletion(&id, 1) };
    assert_eq!(delete(&world, endless, by).await.0, 400);
    let sign = by.sign_hash(message(&id, "one", 1).digest(CHAIN_ID, world.hub.address()));
    let other = serde_json::to_value(DeleteSecret { message: deletion(&id, 1), sign }).unwrap();
    let url = format!("{}{ROUTE}", world.url);
    assert_eq!(world.http.delete(&url).json(&other).send().await.unwrap().status(), 401);
    assert_eq!(world.http.delete(&url).body("{}").send().await.unwrap().status(), 400);
    assert_eq!(shown(&world, &id).await.0, 200);

    assert_eq!(delete(&world, deletion(&id, 1), by).await.0, 204);
    assert_eq!(shown(&world, &id).await.0, 404);
    assert_eq!(world.head(&id).await, 404, "for the old form, too");
    assert_eq!(delete(&world, deletion(&id, 1), by).await.0, 401, "a nonce serves once");
    assert_eq!(delete(&world, deletion(&id, 2), by).await.0, 404);

    assert_eq!(world.old("POST", &id, "one", by).await.0, 409, "what anybody may have copied");
    assert_eq!(world.old("POST", &id, "two", by).await.0, 204);
    assert_eq!(delete(&world, deletion(&id, 3), by).await.0, 204);
    assert_eq!(set(&world, message(&id, "one", 4), "one", by).await.0, 204, "unless its owner says so");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_too_often_is_told_to_wait_and_nobody_else() {
    let limits = RateLimits { per_address: 3, per_origin: 100, trust_forwarded: true };
    let world = World::with(|config| config.limits = limits).await;
    let id = world.requester_id("name");
    let path = format!("{ROUTE}?kind={}&subject={}&name={}", id.kind(), id.subject(), id.name());
    let ask = async |forwarded: &str| {
        let request = world.http.get(format!("{}{path}", world.url)).header("X-Forwarded-For", forwarded);
        request.send().await.unwrap().status().as_u16()
    };
    for _ in 0..3 {
        assert_eq!(ask("192.0.2.1").await, 404);
    }
    assert_eq!(ask("192.0.2.1").await, 429);
    assert_eq!(ask("192.0.2.7, 192.0.2.1").await, 429, "what a client writes itself does not count");
    assert_eq!(ask("192.0.2.2").await, 404);
    assert_eq!(ask("127.0.0.1").await, 404, "this machine is never refused");
}
