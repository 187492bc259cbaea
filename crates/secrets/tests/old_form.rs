//! The routes of iExec clients, against a real chain with the contracts deployed.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod world;

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall as _;
use metacloud_abi::DatasetRegistry;
use metacloud_secrets::StartError;
use metacloud_wire::secrets::{RESULT_KEY_NAME, SecretId};
use world::{World, account_that_signed, config, database, serve};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn list(text: &str) -> String {
    format!("{{\"error\":[\"{text}\"]}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_set_once_and_others_never() {
    let world = World::start().await;
    let requester = world.requester_id("0x00112233445566778899aabbccddeeff");
    for (id, owner, speaks) in [
        (world.dataset_id(), &world.dataset_owner, false),
        (world.app_id(), &world.app_owner, true),
        (requester, &world.requester, true),
        (world.account_id(RESULT_KEY_NAME), &world.requester, false),
    ] {
        let says = |text: &str| if speaks { list(text) } else { String::new() };
        assert_eq!(world.head(&id).await, 404, "{id}");
        let refused = world.old("POST", &id, KEY, &world.stranger).await;
        assert_eq!(refused, (401, says("Invalid authorization")), "{id}");
        assert_eq!(world.head(&id).await, 404, "{id}");
        assert_eq!(world.old("POST", &id, KEY, owner).await, (204, String::new()), "{id}");
        assert_eq!(world.head(&id).await, 204, "{id}");
        let again = world.old("POST", &id, "another", owner).await;
        assert_eq!(again, (409, says("Secret already exists")), "{id}");
        let repeated = world.old("POST", &id, KEY, owner).await;
        assert_eq!(repeated.0, 409, "{id}");
    }
    assert_eq!(world.head(&world.requester_id("another")).await, 404);
    assert_eq!(world.head(&world.account_id("another")).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_of_another_value_name_or_secret_are_refused() {
    let world = World::start().await;
    let id = world.requester_id("mine");
    let by = &world.requester;
    let sign = |id: &SecretId, value: &str| by.sign_hash(id.old_digest(value.as_bytes())).to_string();
    let good = sign(&id, "value");
    let raw = by.sign_hash(id.old_challenge(b"value")).to_string();
    let others = [
        sign(&id, "other"),
        sign(&world.requester_id("other"), "value"),
        sign(&world.dataset_id(), "value"),
        raw,
        good[..130].to_owned(),
        good[2..].to_owned(),
        format!("{good}00"),
        format!("Bearer {good}"),
        "0x".to_owned(),
        "0xzz".to_owned(),
        format!("0x{}", "00".repeat(65)),
        format!("0x{}", "ff".repeat(4_097)),
    ];
    for header in &others {
        let refused = world.send("POST", &id.old_path(), Some(header), "value").await;
        assert_eq!(refused, (401, list("Invalid authorization")), "{}", &header[..header.len().min(140)]);
    }
    assert_eq!(world.send("POST", &id.old_path(), None, "value").await.0, 401);
    for value in ["value ", " value", "value\n", "Value"] {
        assert_eq!(world.send("POST", &id.old_path(), Some(&good), value).await.0, 401, "{value:?}");
    }
    assert_eq!(world.send("POST", &id.old_path(), Some(&good), "value").await.0, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_taken_as_they_are_up_to_4096_bytes() {
    let world = World::start().await;
    let by = &world.requester;
    for (name, value) in
        [("trimmed", " \tspaces and a line end\r\n"), ("wide", "ключ 鍵 🔑"), ("long", &"x".repeat(4_096))]
    {
        assert_eq!(world.old("POST", &world.requester_id(name), value, by).await.0, 204, "{name}");
    }
    let long = "x".repeat(4_097);
    let longest = "x".repeat(600_000);
    for value in [&long, &longest] {
        let refused = world.old("POST", &world.requester_id("too-long"), value, by).await;
        assert_eq!(refused, (400, list("Secret size should not exceed 4 Kb")));
        let refused = world.old("POST", &world.account_id("too-long"), value, by).await;
        assert_eq!(refused, (413, String::new()));
        let refused = world.old("POST", &world.app_id(), value, &world.app_owner).await;
        assert_eq!(refused, (413, list("Secret size should not exceed 4 Kb")));
        let refused = world.old("POST", &world.dataset_id(), value, &world.dataset_owner).await;
        assert_eq!(refused, (413, String::new()));
    }
    let id = world.account_id("bytes");
    let bytes = vec![0xff, 0xfe];
    let signature = by.sign_hash(id.old_digest(&bytes)).to_string();
    assert_eq!(world.send("POST", &id.old_path(), Some(&signature), bytes).await.0, 400, "not UTF-8");
    assert_eq!(world.old("POST", &id, "", by).await.0, 400, "empty");
    assert_eq!(world.head(&id).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn account_secrets_are_replaced_but_not_put_back_by_a_replay() {
    let world = World::start().await;
    let id = world.account_id(RESULT_KEY_NAME);
    let by = &world.requester;
    assert_eq!(world.old("PUT", &id, "first", by).await, (404, String::new()), "nothing to replace");
    assert_eq!(world.old("POST", &id, "first", by).await.0, 204);
    assert_eq!(world.old("PUT", &id, "second", &world.stranger).await.0, 401);
    assert_eq!(world.old("PUT", &id, "second", by).await.0, 204);
    assert_eq!(world.old("PUT", &id, "second", by).await.0, 204, "a request repeated after a lost answer");
    assert_eq!(world.old("PUT", &id, "first", by).await.0, 409, "replayed");
    assert_eq!(world.old("PUT", &id, "third", by).await.0, 204);
    for replayed in ["first", "second"] {
        assert_eq!(world.old("PUT", &id, replayed, by).await.0, 409, "{replayed}");
    }
    let other = world.account_id("another name");
    assert_eq!(world.old("POST", &other, "first", by).await.0, 204);
    // Not for those that are set once.
    for id in [world.app_id(), world.dataset_id(), world.requester_id("x")] {
        assert_eq!(world.old("PUT", &id, "value", by).await.0, 405, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_owns_the_asset_at_the_newest_block_sets() {
    let world = World::start().await;
    let token = U256::from_be_slice(world.dataset.as_slice());
    let registry = world.hub.registries().await.unwrap().dataset;
    let transfer = DatasetRegistry::transferFromCall {
        from: world.dataset_owner.address(),
        to: world.stranger.address(),
        tokenId: token,
    };
    world.dataset_owner.send(registry, transfer.abi_encode().into()).await.unwrap();
    let id = world.dataset_id();
    assert_eq!(world.old("POST", &id, KEY, &world.dataset_owner).await.0, 401, "the owner before");
    assert_eq!(world.old("POST", &id, KEY, &world.stranger).await.0, 204);
    // An asset of another kind, and none at all.
    for subject in [world.app, world.pool, Address::repeat_byte(0x77), Address::ZERO] {
        let id = SecretId::dataset(subject);
        for by in [&world.app_owner, &world.pool_owner] {
            assert_eq!(world.old("POST", &id, KEY, by).await.0, 401, "{subject}");
        }
    }
    assert_eq!(world.old("POST", &SecretId::app(world.dataset), KEY, &world.stranger).await.0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_account_says_itself_what_it_signed() {
    let world = World::start().await;
    let id = SecretId::requester(world.next_contract().await, "of-a-contract").unwrap();
    let account = world.deploy(&account_that_signed(id.old_digest(b"value"))).await;
    assert_eq!(account, id.subject());
    for (signature, value, status) in
        [("0x", "value", 401), ("0x1234", "other", 401), ("0x1234", "value", 204)]
    {
        let answer = world.send("POST", &id.old_path(), Some(signature), value).await;
        assert_eq!(answer.0, status, "{signature} {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_another_form_are_refused() {
    let world = World::start().await;
    let owner = world.requester.address();
    let name = list("Secret key should contain at most 64 characters from [0-9A-Za-z-_]");
    let long = "a".repeat(65);
    for bad in ["a%20b", "a.b", "%C3%A9", "%ff", "a%2Fb", "a%00", &long] {
        let path = format!("/requesters/{owner}/secrets/{bad}");
        let expected = if bad == "%ff" { list("the path cannot be read") } else { name.clone() };
        assert_eq!(world.send("POST", &path, None, "x").await, (400, expected), "{bad}");
        assert_eq!(world.send("HEAD", &path, None, "").await.0, 400, "{bad}");
    }
    let huge = "a".repeat(30_000);
    for path in [
        "/secrets/web3".to_owned(),
        "/secrets/web3?secretAddress=".to_owned(),
        "/secrets/web3?secretAddress=0x12".to_owned(),
        "/secrets/web3?secretAddress=%ff".to_owned(),
        format!("/secrets/web3?secretAddress={owner}&secretAddress={owner}"),
        format!("/secrets/web3?secretAddress={huge}"),
        "/secrets/web2".to_owned(),
        format!("/secrets/web2?ownerAddress={owner}"),
        format!("/secrets/web2?ownerAddress={owner}&secretName="),
        format!("/secrets/web2?ownerAddress={owner}&secretName={huge}"),
        "/secrets/web2?ownerAddress=x&secretName=x".to_owned(),
        "/apps/0x12/secrets".to_owned(),
        format!("/apps/{huge}/secrets"),
        "/requesters/me/secrets/x".to_owned(),
    ] {
        for method in ["HEAD", "POST"] {
            let (status, _) = world.send(method, &path, None, "x").await;
            assert_eq!(status, 400, "{method} {}", &path[..path.len().min(80)]);
        }
    }
    for (method, path) in [
        ("GET", "/secrets/web3".to_owned()),
        ("DELETE", "/secrets/web2".to_owned()),
        ("PUT", "/secrets/web3".to_owned()),
        ("PATCH", format!("/apps/{owner}/secrets")),
        ("GET", format!("/requesters/{owner}/secrets/x")),
        ("GET", "/enclave/secrets".to_owned()),
        ("PUT", "/v2/secrets".to_owned()),
    ] {
        assert_eq!(world.send(method, &path, None, "").await.0, 405, "{method} {path}");
    }
    for path in ["/secrets", "/secrets/web1", "/apps", &format!("/requesters/{owner}/secrets"), "/enclave"] {
        assert_eq!(world.send("POST", path, None, "").await.0, 404, "{path}");
    }
    // Addresses in any case.
    let lower = format!("/secrets/web3?secretAddress={:#x}", world.dataset);
    assert_eq!(world.old("POST", &world.dataset_id(), KEY, &world.dataset_owner).await.0, 204);
    assert_eq!(world.send("HEAD", &lower, None, "").await.0, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_of_any_origin_may_ask() {
    let world = World::start().await;
    let url = format!("{}/secrets/web2", world.url);
    let preflight = world
        .http
        .request(reqwest::Method::OPTIONS, url)
        .header("origin", "https://example.org")
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "authorization,content-type");
    let answer = preflight.send().await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    let allowed = answer.headers()["access-control-allow-methods"].to_str().unwrap();
    for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS"] {
        assert!(allowed.contains(method), "{allowed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_all_and_files_hold_no_value() {
    let world = World::start().await;
    let value = "a value that nobody else may read";
    let id = world.requester_id("kept");
    assert_eq!(world.old("POST", &id, value, &world.requester).await.0, 204);
    // As a copy of the files at this moment, which is what kill -9 leaves: nothing is closed first.
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(world.dir.path()).unwrap() {
        let entry = entry.unwrap();
        let bytes = std::fs::read(entry.path()).unwrap();
        let found = bytes.windows(value.len()).any(|window| window == value.as_bytes());
        assert!(!found, "{} holds the value", entry.path().display());
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let again = config(&world.chain, world.hub.address(), copy.path(), database(copy.path()).await);
    let (_secrets, url) = serve(again).await.unwrap();
    let path = format!("{url}{}", id.old_path());
    assert_eq!(world.http.head(path).send().await.unwrap().status(), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_key_or_for_another_hub_it_does_not_start() {
    let world = World::start().await;
    assert_eq!(world.old("POST", &world.requester_id("x"), "value", &world.requester).await.0, 204);
    world.secrets.stop().await;
    assert_eq!(world.head(&world.requester_id("x")).await, 500, "stopped");
    let again = async |change: fn(&mut metacloud_secrets::SecretsConfig)| {
        let dir = world.dir.path();
        let mut config = config(&world.chain, world.hub.address(), dir, database(dir).await);
        change(&mut config);
        metacloud_secrets::Secrets::start(config).await
    };
    let elsewhere = again(|config| config.key_file = config.key_file.with_extension("gone")).await;
    assert!(matches!(elsewhere, Err(StartError::KeyGone { .. })), "{elsewhere:?}");
    assert!(!world.dir.path().join("secrets.gone").exists(), "no new key beside old secrets");
    let key = world.dir.path().join("secrets.key");
    let kept = std::fs::read(&key).unwrap();
    std::fs::write(&key, format!("{KEY}\n")).unwrap();
    let other = again(|_| ()).await;
    assert!(matches!(other, Err(StartError::OtherKey { .. })), "{other:?}");
    std::fs::write(&key, kept).unwrap();
    let sound = again(|_| ()).await.unwrap();
    sound.stop().await;
    let registry = world.hub.registries().await.unwrap().app;
    let no_hub = again(|config| config.hub = Address::repeat_byte(9)).await;
    assert!(matches!(no_hub, Err(StartError::Hub(_))), "{no_hub:?} {registry}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_moved_or_changed_in_the_database_is_noticed() {
    let world = World::start().await;
    let by = &world.requester;
    for (name, value) in [("one", "first"), ("two", "second")] {
        assert_eq!(world.old("POST", &world.account_id(name), value, by).await.0, 204);
    }
    let files = database(world.dir.path()).await;
    let mut write = files.write().await.unwrap();
    let swap = "UPDATE secret SET sealed = (SELECT sealed FROM secret WHERE name = 'two') WHERE name = 'one'";
    sqlx::query(swap).execute(&mut *write).await.unwrap();
    write.commit().await.unwrap();
    let put = world.old("PUT", &world.account_id("one"), "third", by).await;
    assert_eq!(put.0, 500, "what gives way is opened first");
    assert_eq!(world.old("PUT", &world.account_id("two"), "third", by).await.0, 204);
}
