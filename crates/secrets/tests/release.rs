//! What the enclave of a task receives, and everything that must not be released.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod world;

use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use metacloud_chain::Wallet;
use metacloud_protocol::ids::{authorization_hash, eip191};
use metacloud_protocol::{DealId, TaskId, signing};
use metacloud_seal::sealed::{SealKey, open};
use metacloud_wire::enclave::{
    AuthorizationView, BUNDLE_PURPOSE, Bundle, Evidence, SecretsRequest, Statement,
};
use metacloud_wire::orders::{DatasetOrderBody, OrderBody as _};
use metacloud_wire::secrets::{Policy, RESULT_KEY_NAME, ROUTE, SecretId, SetSecret, SetSecretMessage};
use serde_json::{Value, json};
use world::{CHAIN_ID, World};

const PATH: &str = "/enclave/secrets";

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A simulated enclave: its keys and what it says.
struct Enclave {
    seal: SealKey,
    statement: Statement,
}

impl Enclave {
    fn of(world: &World, task_id: TaskId) -> Self {
        let seal = SealKey::new([5; 32]);
        let key = signing::key_from_bytes(&B256::repeat_byte(6)).unwrap();
        let statement = Statement {
            chain_id: CHAIN_ID,
            hub: world.hub.address(),
            task_id,
            worker: world.worker.address(),
            enclave: signing::address_of(&key),
            seal_key: seal.public().into(),
            expires: now_s() + 3_600,
        };
        Self { seal, statement }
    }

    fn request(&self, world: &World) -> SecretsRequest {
        self.signed_by(&world.root, &world.pool_owner)
    }

    fn signed_by(&self, root: &Wallet, pool: &Wallet) -> SecretsRequest {
        let key = signing::key_from_bytes(&B256::repeat_byte(1)).unwrap();
        let mut evidence = Evidence::simulated(self.statement, B256::repeat_byte(7), &key);
        evidence.signature = root.sign_hash(evidence.report.digest());
        let Statement { worker, task_id, enclave, .. } = self.statement;
        let sign = pool.sign_hash(eip191(authorization_hash(worker, task_id, enclave)));
        let authorization = AuthorizationView { worker, task_id, enclave, sign };
        SecretsRequest { evidence, authorization, slice: Vec::new() }
    }

    fn open(&self, answer: &Value) -> Bundle {
        let sealed: Bytes = serde_json::from_value(answer["sealed"].clone()).unwrap();
        let binding = self.statement.digest();
        let json = open(&self.seal, BUNDLE_PURPOSE, binding.as_slice(), &sealed).unwrap();
        serde_json::from_slice(&json).unwrap()
    }
}

async fn ask(world: &World, request: &SecretsRequest) -> (u16, Value) {
    world.post_json(PATH, &serde_json::to_value(request).unwrap()).await
}

async fn refused(world: &World, request: &SecretsRequest, status: u16, says: &str) {
    let (found, answer) = ask(world, request).await;
    assert_eq!(found, status, "{answer}");
    let error = answer["error"].as_str().unwrap();
    assert!(error.contains(says), "{error} does not say {says}");
}

/// Everything that the deals below may name, and one more of each kind.
async fn fill(world: &World) {
    for (id, value, by) in [
        (world.dataset_id(), "the key", &world.dataset_owner),
        (world.app_id(), "of the app", &world.app_owner),
        (world.requester_id("first"), "one", &world.requester),
        (world.requester_id("second"), "two", &world.requester),
        (world.requester_id("unnamed"), "three", &world.requester),
        (world.account_id(RESULT_KEY_NAME), "a public key", &world.requester),
        (world.account_id("unnamed"), "four", &world.requester),
        (SecretId::requester(world.stranger.address(), "first").unwrap(), "theirs", &world.stranger),
    ] {
        assert_eq!(world.old("POST", &id, value, by).await.0, 204, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enclave_receives_what_its_deal_names_and_nothing_else() {
    let world = World::start().await;
    fill(&world).await;
    let params = json!({"iexec_secrets": {"1": "second", "7": "first"}, "iexec_result_encryption": true});
    let (_, task) = world.task(&params, true, 1).await;
    let enclave = Enclave::of(&world, task);
    let (status, answer) = ask(&world, &enclave.request(&world)).await;
    assert_eq!(status, 200, "{answer}");
    let bundle = serde_json::to_value(enclave.open(&answer)).unwrap();
    let expected = json!({
        "datasetKeys": [{"dataset": format!("{:#x}", world.dataset), "key": "the key"}],
        "appSecret": "of the app",
        "requesterSecrets": {"1": "two", "7": "one"},
        "resultEncryptionKey": "a public key",
    });
    assert_eq!(bundle, expected);

    // A second answer, for a worker that lost the first, is sealed anew to the same enclave and to no other.
    let (status, again) = ask(&world, &enclave.request(&world)).await;
    assert_eq!((status, again != answer), (200, true));
    assert_eq!(serde_json::to_value(enclave.open(&again)).unwrap(), expected);
    let sealed: Bytes = serde_json::from_value(answer["sealed"].clone()).unwrap();
    let binding = enclave.statement.digest();
    assert!(open(&SealKey::new([9; 32]), BUNDLE_PURPOSE, binding.as_slice(), &sealed).is_err());

    // A deal that names nothing receives the app's secret alone.
    let (_, bare) = world.task(&json!({"iexec_args": "x"}), false, 2).await;
    let enclave = Enclave::of(&world, bare);
    let (status, answer) = ask(&world, &enclave.request(&world)).await;
    assert_eq!(status, 200, "{answer}");
    let bundle = serde_json::to_value(enclave.open(&answer)).unwrap();
    let expected = json!({"datasetKeys": [], "appSecret": "of the app", "requesterSecrets": {}});
    assert_eq!(bundle, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_deal_needs_and_nobody_set_is_named() {
    let world = World::start().await;
    let all = json!({"iexec_secrets": {"1": "first"}, "iexec_result_encryption": true});
    let (_, task) = world.task(&all, true, 1).await;
    let request = Enclave::of(&world, task).request(&world);
    refused(&world, &request, 404, &format!("key of dataset {}", world.dataset)).await;
    assert_eq!(world.old("POST", &world.dataset_id(), "key", &world.dataset_owner).await.0, 204);
    refused(&world, &request, 404, "secret \"first\" of requester").await;
    assert_eq!(world.old("POST", &world.requester_id("first"), "v", &world.requester).await.0, 204);
    refused(&world, &request, 404, RESULT_KEY_NAME).await;
    assert_eq!(world.old("POST", &world.account_id(RESULT_KEY_NAME), "k", &world.requester).await.0, 204);
    let (status, answer) = ask(&world, &request).await;
    assert_eq!(status, 200, "an app needs no secret: {answer}");
    let odd = json!({"iexec_secrets": {"1": "no such/name"}});
    let (_, task) = world.task(&odd, false, 2).await;
    refused(&world, &Enclave::of(&world, task).request(&world), 404, "no possible name").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_foreign_and_expired_evidence_receives_nothing() {
    let world = World::start().await;
    fill(&world).await;
    let (_, task) = world.task(&json!({}), true, 1).await;
    let good = Enclave::of(&world, task);
    refused(&world, &good.signed_by(&world.stranger, &world.pool_owner), 401, "not signed by a root").await;
    let mut forged = good.request(&world);
    forged.evidence.report.measurement = B256::ZERO;
    refused(&world, &forged, 401, "not signed by a root").await;
    let mut forged = good.request(&world);
    forged.evidence.statement.seal_key = SealKey::new([8; 32]).public().into();
    refused(&world, &forged, 401, "not about this statement").await;
    let with = |change: fn(&mut Statement)| {
        let mut enclave = Enclave::of(&world, task);
        change(&mut enclave.statement);
        enclave.request(&world)
    };
    refused(&world, &with(|s| s.expires = now_s() - 1), 401, "expired").await;
    refused(&world, &with(|s| s.expires = u64::MAX), 401, "lives until").await;
    refused(&world, &with(|s| s.chain_id = 1), 401, "is for chain 1").await;
    refused(&world, &with(|s| s.hub = Address::repeat_byte(9)), 401, "is for chain").await;
    let mut one = [0; 32];
    one[0] = 1;
    let small = B256::from(one);
    let mut weak = Enclave::of(&world, task);
    weak.statement.seal_key = small;
    refused(&world, &weak.request(&world), 401, "Invalid authorization").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authorizations_of_others_or_for_others_are_refused() {
    let world = World::start().await;
    fill(&world).await;
    let (_, task) = world.task(&json!({}), true, 1).await;
    let (_, other) = world.task(&json!({}), true, 2).await;
    let good = Enclave::of(&world, task);
    for by in [&world.stranger, &world.worker, &world.requester, &world.dataset_owner] {
        refused(&world, &good.signed_by(&world.root, by), 401, "Invalid authorization").await;
    }
    // Authorizations that are good, each for something else than the evidence says.
    for (worker, task_id, enclave) in [
        (world.stranger.address(), task, good.statement.enclave),
        (good.statement.worker, other, good.statement.enclave),
        (good.statement.worker, task, Address::repeat_byte(9)),
        (good.statement.worker, task, Address::ZERO),
    ] {
        let sign = world.pool_owner.sign_hash(eip191(authorization_hash(worker, task_id, enclave)));
        let mut request = good.request(&world);
        request.authorization = AuthorizationView { worker, task_id, enclave, sign: sign.clone() };
        refused(&world, &request, 401, "Invalid authorization").await;
        // And the signature alone, under the names that fit.
        let mut request = good.request(&world);
        request.authorization.sign = sign;
        refused(&world, &request, 401, "Invalid authorization").await;
    }
    let mut unsigned = good.request(&world);
    unsigned.authorization.sign = Bytes::new();
    refused(&world, &unsigned, 401, "Invalid authorization").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_are_unknown_standard_or_over_receive_nothing() {
    let world = World::start().await;
    fill(&world).await;
    let unknown = Enclave::of(&world, TaskId(B256::repeat_byte(9)));
    refused(&world, &unknown.request(&world), 404, "not initialized").await;
    let app = world.tagged_task(&json!({}), false, 1, B256::ZERO).await.1;
    refused(&world, &Enclave::of(&world, app).request(&world), 403, "does not ask for an enclave").await;
    let (_, task) = world.task(&json!({}), true, 2).await;
    let enclave = Enclave::of(&world, task);
    assert_eq!(ask(&world, &enclave.request(&world)).await.0, 200);
    let deadlines = world.hub.view_task(task).await.unwrap();
    let head = world.chain.head().await.unwrap().timestamp_s;
    world.pass(deadlines.contribution_deadline_s - head).await;
    refused(&world, &enclave.request(&world), 409, "deadline").await;
    world.pass(deadlines.final_deadline_s - deadlines.contribution_deadline_s).await;
    world.hub.claim(&world.stranger, task).await.unwrap();
    refused(&world, &enclave.request(&world), 409, "no contribution any more").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_of_owners_and_of_the_operator_hold() {
    // An operator who admits a root but has what old clients set for hardware alone.
    let world = World::with(|config| config.old_form_release = Policy::HARDWARE).await;
    fill(&world).await;
    let (_, task) = world.task(&json!({}), true, 1).await;
    let request = Enclave::of(&world, task).request(&world);
    refused(&world, &request, 403, "released to hardware enclaves only, this one is a simulation").await;
    let set = async |id: SecretId, value: &str, release: Policy, by: &Wallet| {
        let message = SetSecretMessage {
            kind: id.kind(),
            subject: id.subject(),
            name: id.name().to_owned(),
            value_hash: keccak256(value),
            release,
            replace: true,
            nonce: B256::from(U256::from(u64::from(release == Policy::ANY)) + U256::from(id.subject().0[3])),
            expires: now_s() + 60,
        };
        let sign = by.sign_hash(message.digest(CHAIN_ID, world.hub.address()));
        let body = SetSecret { message, value: value.into(), sign };
        assert_eq!(world.post_json(ROUTE, &serde_json::to_value(body).unwrap()).await.0, 204, "{id}");
    };
    set(world.dataset_id(), "the key", Policy::ANY, &world.dataset_owner).await;
    refused(&world, &request, 403, "secret of app").await;
    set(world.app_id(), "of the app", Policy::ANY, &world.app_owner).await;
    assert_eq!(ask(&world, &request).await.0, 200);
    set(world.dataset_id(), "the key", Policy::HARDWARE, &world.dataset_owner).await;
    refused(&world, &request, 403, "key of dataset").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_admitted_root_simulations_are_refused() {
    let world = World::with(|config| config.admit_simulation.clear()).await;
    fill(&world).await;
    let (_, task) = world.task(&json!({}), true, 1).await;
    let request = Enclave::of(&world, task).request(&world);
    refused(&world, &request, 403, "simulated enclaves are not admitted here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_slice_are_released_where_the_hub_lets_the_deal_use_the_order() {
    let world = World::start().await;
    fill(&world).await;
    let (deal, task): (DealId, TaskId) = world.task(&json!({"bulk_cid": "QmSlices"}), false, 1).await;
    let enclave = Enclave::of(&world, task);
    let order = world.dataset_order(B256::repeat_byte(8));
    let body = |order, by: &Wallet| DatasetOrderBody::from_signed(&by.sign_order(order, &world.hub)).unwrap();
    let good = body(order.clone(), &world.dataset_owner);
    let forged = body(order.clone(), &world.stranger);
    let mut elsewhere = order.clone();
    elsewhere.apprestrict = world.pool;
    let elsewhere = body(elsewhere, &world.dataset_owner);
    let keys = async |enclave: &Enclave, slice: Vec<DatasetOrderBody>| {
        let request = SecretsRequest { slice, ..enclave.request(&world) };
        let (status, answer) = ask(&world, &request).await;
        assert_eq!(status, 200, "{answer} {deal}");
        enclave.open(&answer).dataset_keys.len()
    };
    assert_eq!(keys(&enclave, vec![]).await, 0);
    assert_eq!(keys(&enclave, vec![forged.clone()]).await, 0);
    assert_eq!(keys(&enclave, vec![elsewhere.clone()]).await, 0);
    assert_eq!(keys(&enclave, vec![forged, good.clone(), elsewhere, good.clone()]).await, 1);
    let (_, other) = world.task(&json!({}), false, 2).await;
    assert_eq!(keys(&Enclave::of(&world, other), vec![good.clone()]).await, 0, "not a bulk deal");
    let long = SecretsRequest { slice: vec![good; 101], ..enclave.request(&world) };
    refused(&world, &long, 400, "at most 100 orders").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_another_form_are_refused() {
    let world = World::start().await;
    let (_, task) = world.task(&json!({}), false, 1).await;
    let good = serde_json::to_value(Enclave::of(&world, task).request(&world)).unwrap();
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body.to_string()
    };
    for bad in [
        String::new(),
        "null".into(),
        "{}".into(),
        "[".repeat(100_000),
        with("/evidence/report/kind", json!("sgx")),
        with("/evidence/signature", json!("0xzz")),
        with("/evidence/statement/taskId", json!("0x12")),
        with("/authorization/worker", json!(7)),
        with("/authorization", json!([])),
    ] {
        let (status, text) = world.send("POST", PATH, None, bad.clone()).await;
        assert_eq!(status, 400, "{text} to {}", &bad[..bad.len().min(200)]);
        assert!(text.starts_with("{\"error\":\""), "{text}");
    }
    assert_eq!(world.send("POST", PATH, None, "x".repeat(600_000)).await.0, 413);
}
