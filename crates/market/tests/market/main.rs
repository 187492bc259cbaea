//! The market against a real chain with the contracts deployed.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod bad_input;
mod contracts;
mod data;
mod keeper;
mod limits;
mod lists;
mod live;
mod statuses;
mod world;

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall as _;
use metacloud_abi::AppRegistry;
use metacloud_market::{Market, MarketConfig, RateLimits, StartError};
use metacloud_protocol::{AppOrder, Nrlc, OrderOperation, Signed, WorkerpoolOrder};
use metacloud_store::{Database, Durability};
use metacloud_wire::orders::{AppOrderBody, OrderBody as _, WorkerpoolOrderBody};
use serde_json::json;
use world::{CHAIN_ID, STAKE, World, cut, error, mine, serve, snapshot};

#[tokio::test(flavor = "multi_thread")]
async fn logins_serve_once_and_only_their_wallet() {
    let world = World::start().await;
    let order = world.app_order(10, 1);
    let body = json!({"order": AppOrderBody::from_signed(&order).unwrap().to_client_json()}).to_string();
    let login = world.login(&world.app_owner).await;
    let others = world.login(&world.stranger).await;
    let forged = {
        let mut parts: Vec<&str> = login.split('_').collect();
        parts[1] = others.split('_').nth(1).unwrap();
        parts.join("_")
    };
    for bad in ["", "x", "0x_0x_0x", &forged] {
        let (status, answer) = world.write("POST", "apporders", bad, body.clone()).await;
        assert_eq!((status, error(&answer)), (403, "invalid authorization"), "{bad}");
    }
    // The forged attempt used the challenge up.
    let (status, _) = world.write("POST", "apporders", &login, body.clone()).await;
    assert_eq!(status, 403);
    let login = world.login(&world.app_owner).await;
    let (status, answer) = world.write("POST", "apporders", &login, "{").await;
    assert_eq!(status, 400, "{answer}");
    let (status, answer) = world.write("POST", "apporders", &login, body.clone()).await;
    assert_eq!((status, error(&answer)), (403, "invalid authorization"), "replayed");
    let (status, answer) = world.post_app(&order).await;
    assert_eq!((status, &answer["ok"]), (200, &json!(true)), "{answer}");
    let (status, answer) = world.get("/challenge").await;
    assert_eq!((status, error(&answer)), (400, "address is a required field"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_another_form_are_refused() {
    let world = World::start().await;
    let good = AppOrderBody::from_signed(&world.app_order(10, 1)).unwrap().to_client_json();
    let with = |member: &str, value: serde_json::Value| {
        let mut order = good.clone();
        order[member] = value;
        json!({ "order": order }).to_string()
    };
    let missing = {
        let mut order = good.clone();
        order.as_object_mut().unwrap().remove("tag");
        json!({ "order": order }).to_string()
    };
    for body in [
        String::new(),
        "[]".to_owned(),
        "{}".to_owned(),
        "{\"order\":1}".to_owned(),
        "[".repeat(100_000),
        missing,
        with("volume", json!("0")),
        with("appprice", json!("9007199254740992")),
        with("appprice", json!(-1)),
        with("app", json!("0x12")),
        with("sign", json!("zz")),
        with("salt", json!("0x01")),
    ] {
        let login = world.login(&world.app_owner).await;
        let (status, answer) = world.write("POST", "apporders", &login, body.clone()).await;
        assert_eq!(status, 400, "{answer} to {}", &body[..body.len().min(200)]);
        assert_eq!(answer["ok"], false);
    }
    let login = world.login(&world.app_owner).await;
    let huge = with("salt", json!("x".repeat(1_000_001)));
    let (status, answer) = world.write("POST", "apporders", &login, huge).await;
    assert_eq!((status, &answer["ok"]), (413, &json!(false)));

    for (query, says) in [
        ("", "chainId is a required field"),
        ("?chainId=", "chainId is a required field"),
        ("?chainId=1", "chainId 1 is not supported"),
        ("?chainId=65535", "app or appOwner is required"),
    ] {
        let answer = world.http.get(format!("{}/apporders{query}", world.url)).send().await.unwrap();
        assert_eq!(answer.status(), 400);
        let text = answer.text().await.unwrap();
        assert!(text.contains(says), "{text}");
    }
    let (status, answer) = world.get(&format!("/apporders/{}", B256::ZERO)).await;
    assert_eq!((status, error(&answer)), (404, "apporder not found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_the_chain_does_not_back_are_refused() {
    let world = World::start().await;
    let order = world.app_order(10, 1);
    // Signed by somebody else.
    let forged =
        Signed { sign: world.stranger.sign_order(order.order.clone(), &world.hub).sign, ..order.clone() };
    let (status, answer) = world.post_app(&forged).await;
    assert_eq!((status, error(&answer)), (403, "invalid sign"));
    let short = Signed { sign: Bytes::from_static(&[1, 2, 3]), ..order.clone() };
    let (status, answer) = world.post_app(&short).await;
    assert_eq!((status, error(&answer)), (403, "invalid sign"));
    // Signed for another hub.
    let elsewhere = metacloud_chain::HubClient::new(world.chain.clone(), Address::repeat_byte(9));
    let foreign = world.app_owner.sign_order(order.order.clone(), &elsewhere);
    let (status, answer) = world.post_app(&foreign).await;
    assert_eq!((status, error(&answer)), (403, "invalid sign"));
    // Published by somebody else.
    let (status, answer) = world.post::<AppOrderBody>(&world.stranger, &order).await;
    let owner = world.app_owner.address();
    assert_eq!((status, error(&answer)), (403, &*format!("only order signer {owner} can publish an order")));
    // Not an app.
    let nothing = AppOrder { app: Address::repeat_byte(7), ..order.order.clone() };
    let (status, answer) = world.post_app(&world.app_owner.sign_order(nothing, &world.hub)).await;
    assert_eq!((status, error(&answer)), (403, "Resource not deployed"));
    // Closed.
    let closed = world.app_order(10, 2);
    world.hub.manage_order(&world.app_owner, &closed.order, OrderOperation::Close).await.unwrap();
    let (status, answer) = world.post_app(&closed).await;
    assert_eq!((status, error(&answer)), (403, "order already consumed"));
    // Used up.
    let (pool, request) = (world.pool_order(0, 1), world.request_order(3, 1));
    world.make_deal(&order, &pool, &request).await;
    let (status, answer) = world.post_pool(&pool).await;
    assert_eq!((status, error(&answer)), (403, "order already consumed"));
    // More than the stake covers: 30 % of the price for each of three tasks.
    let dear = world.pool_order(STAKE * 2, 2);
    let (status, answer) = world.post_pool(&dear).await;
    let says = "workerpool owner's stake is too low to cover required workerpool lock";
    assert_eq!((status, error(&answer)), (403, says));
    // Partly used: what is left is published.
    let (status, answer) = world.post_app(&order).await;
    assert_eq!((status, &answer["published"]["remaining"]), (200, &json!(7)), "{answer}");
    let (status, answer) = world.post_app(&order).await;
    assert_eq!((status, error(&answer)), (403, "order already published"));
    // An order signed on chain needs no signature.
    let presigned = Signed::unsigned(world.app_order(10, 3).order);
    world.hub.manage_order(&world.app_owner, &presigned.order, OrderOperation::Sign).await.unwrap();
    let (status, answer) = world.post_app(&presigned).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_need_stake_and_counterparts() {
    let world = World::start().await;
    let request = world.request_order(2, 1);
    let (status, answer) = world.post_request(&request).await;
    let app = world.app;
    assert_eq!((status, error(&answer)), (403, &*format!("No apporder published for app {app}")));
    assert_eq!(world.post_app(&world.app_order(101, 1)).await.0, 200);
    let (status, answer) = world.post_request(&request).await;
    let says = format!("appmaxprice for app {app} is too low, actual best price is 101 nRLC");
    assert_eq!((status, error(&answer)), (403, &*says));
    assert_eq!(world.post_app(&world.app_order(100, 2)).await.0, 200);
    let greedy = world.request_order(1000, 2);
    let (status, answer) = world.post_request(&greedy).await;
    let says =
        "requester stake is too low to cover requestorder payment, minimum stake required is 1100000 nRLC";
    assert_eq!((status, error(&answer)), (403, says));
    let (status, answer) = world.post_request(&request).await;
    assert_eq!((status, &answer["published"]["status"]), (200, &json!("open")), "{answer}");
    // When the last matching app order is taken back, the request is dead.
    let hash = answer["published"]["orderHash"].clone();
    let body = json!({"target": "unpublish_all", "app": app}).to_string();
    let (status, answer) = world.write("PUT", "apporders", &world.login(&world.app_owner).await, body).await;
    assert_eq!((status, answer["unpublished"].as_array().unwrap().len()), (200, 2), "{answer}");
    assert_eq!(world.status("requestorders", &hash).await, ("dead".to_owned(), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cheapest_offer_is_found_and_follows_the_chain() {
    let world = World::start().await;
    let (status, answer) = world.get(&world.best_path()).await;
    assert_eq!(status, 404);
    assert!(error(&answer).contains("no open apporder"), "{answer}");
    let app = world.app_order(10, 1);
    let (cheap, dear) = (world.pool_order(100, 1), world.pool_order(200, 2));
    for answer in [world.post_app(&app).await, world.post_pool(&dear).await, world.post_pool(&cheap).await] {
        assert_eq!(answer.0, 200, "{}", answer.1);
    }
    let (status, best) = world.get(&world.best_path()).await;
    assert_eq!(status, 200, "{best}");
    assert_eq!(best["workerpoolorder"]["order"]["workerpoolprice"], 100);
    let cheap_hash = best["workerpoolorder"]["orderHash"].clone();
    let (status, answer) = world.get(&format!("{}&maxPrice=109", world.best_path())).await;
    assert_eq!(status, 404, "{answer}");

    // A deal takes two of three tasks, a second one the last.
    let request = world.request_order(2, 1);
    let deal = world.make_deal(&app, &cheap, &request).await;
    assert_eq!(world.status("workerpoolorders", &cheap_hash).await, ("open".to_owned(), 1));
    world.make_deal(&app, &cheap, &world.request_order(1, 2)).await;
    assert_eq!(world.status("workerpoolorders", &cheap_hash).await, ("filled".to_owned(), 0));
    let (_, best) = world.get(&world.best_path()).await;
    assert_eq!(best["workerpoolorder"]["order"]["workerpoolprice"], 200);
    assert_eq!(best["apporder"]["remaining"], 7);

    let requester = world.requester.address();
    let (_, deals) = world.get(&format!("/deals?requester={requester}")).await;
    assert_eq!((&deals["count"], deals["deals"].as_array().unwrap().len()), (&json!(2), 2));
    let (_, deals) = world.get(&format!("/deals?workerpoolorderHash={}", cheap_hash.as_str().unwrap())).await;
    assert_eq!(deals["count"], 2);
    let oldest = &deals["deals"][1];
    assert_eq!(oldest["dealid"], json!(deal.deal.0), "newest first");
    assert_eq!(oldest["workerpool"]["price"], 100);
    assert_eq!(oldest["params"], "{\"iexec_args\":\"hello\"}");
    assert_eq!(oldest["transactionHash"], json!(deal.receipt.tx_hash));
    let (_, none) = world.get(&format!("/deals?requester={}", world.stranger.address())).await;
    assert_eq!(none["count"], 0);

    let (_, categories) = world.get("/categories").await;
    assert_eq!(categories["categories"][0]["workClockTimeRef"], 300);
    assert_eq!(world.get("/categories/99").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_the_chain_close_and_kill_orders() {
    let world = World::start().await;
    let (app, pool) = (world.app_order(10, 1), world.pool_order(STAKE, 1));
    let app_hash = world.post_app(&app).await.1["published"]["orderHash"].clone();
    let closing = world.app_order(20, 2);
    let closing_hash = world.post_app(&closing).await.1["published"]["orderHash"].clone();
    let pool_hash = world.post_pool(&pool).await.1["published"]["orderHash"].clone();
    let free_hash = world.post_pool(&world.pool_order(0, 2)).await.1["published"]["orderHash"].clone();

    world.hub.manage_order(&world.app_owner, &closing.order, OrderOperation::Close).await.unwrap();
    assert_eq!(world.status("apporders", &closing_hash).await, ("canceled".to_owned(), 0));

    // The stake no longer covers the dear pool order; the free one needs none.
    world.hub.withdraw(&world.pool_owner, Nrlc::new(STAKE / 2)).await.unwrap();
    assert_eq!(world.status("workerpoolorders", &pool_hash).await, ("dead".to_owned(), 3));
    assert_eq!(world.status("workerpoolorders", &free_hash).await, ("open".to_owned(), 3));
    // Stake back: it stays dead until it is published again, under its old time.
    world.hub.deposit(&world.pool_owner, world.token, Nrlc::new(STAKE / 2)).await.unwrap();
    assert_eq!(world.status("workerpoolorders", &pool_hash).await.0, "dead");
    let (status, answer) = world.post_pool(&pool).await;
    assert_eq!((status, &answer["published"]["status"]), (200, &json!("open")), "{answer}");

    // The app changes hands.
    let registry = world.hub.registries().await.unwrap().app;
    let call = AppRegistry::transferFromCall {
        from: world.app_owner.address(),
        to: world.stranger.address(),
        tokenId: U256::from_be_bytes(world.app.into_word().0),
    };
    world.app_owner.send(registry, call.abi_encode().into()).await.unwrap();
    assert_eq!(world.status("apporders", &app_hash).await, ("dead".to_owned(), 10));
    assert_eq!(world.get(&world.best_path()).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn books_are_listed_by_price_and_orders_taken_back() {
    let world = World::start().await;
    let mut hashes = Vec::new();
    for (price, salt) in [(30, 1), (10, 2), (20, 3), (10, 4)] {
        hashes.push(world.post_app(&world.app_order(price, salt)).await.1["published"]["orderHash"].clone());
    }
    let list = format!("/apporders?app={}&dataset=any&workerpool=any&requester=any", world.app);
    let (_, page) = world.get(&list).await;
    let listed: Vec<_> = page["orders"].as_array().unwrap().iter().map(|o| o["orderHash"].clone()).collect();
    assert_eq!(listed, [1, 3, 2, 0].map(|at| hashes[at].clone()));
    assert_eq!((&page["count"], page.get("nextPage")), (&json!(4), None));
    assert_eq!(page["orders"][0]["order"]["appprice"], 10, "a number");
    assert_eq!(page["orders"][0]["signer"], json!(world.app_owner.address().to_checksum(None)));

    let login = world.login(&world.stranger).await;
    let one = json!({"orderHash": hashes[0]}).to_string();
    let (status, answer) = world.write("PUT", "apporders", &login, one.clone()).await;
    assert_eq!(status, 403);
    assert!(error(&answer).contains("can unpublish an order"), "{answer}");
    for (body, expected) in [
        (one.clone(), vec![0]),
        (json!({"target": "unpublish_last", "app": world.app}).to_string(), vec![3]),
        (json!({"target": "unpublish_all", "app": world.app}).to_string(), vec![2, 1]),
    ] {
        let (status, answer) =
            world.write("PUT", "apporders", &world.login(&world.app_owner).await, body).await;
        let expected: Vec<_> = expected.into_iter().map(|at: usize| hashes[at].clone()).collect();
        assert_eq!((status, &answer["unpublished"]), (200, &json!(expected)), "{answer}");
    }
    let (status, answer) = world.write("PUT", "apporders", &world.login(&world.app_owner).await, one).await;
    assert_eq!(status, 403);
    assert!(error(&answer).contains("is not published"), "{answer}");
    let (status, answer) = world.write("PUT", "apporders", &world.login(&world.app_owner).await, "{}").await;
    assert_eq!((status, error(&answer)), (400, "orderHash is a required field"));
    assert_eq!(world.get(&list).await.1["count"], 0);
    assert_eq!(world.post_app(&world.app_order(30, 1)).await.0, 200, "it may come back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_has_a_bounded_number_of_open_orders() {
    let world = World::start().await;
    for salt in 0..50 {
        assert_eq!(world.post_app(&world.app_order(1, salt)).await.0, 200);
    }
    let (status, answer) = world.post_app(&world.app_order(1, 50)).await;
    let signer = world.app_owner.address();
    let says = format!("maximum of 50 published open apporder has been reached for wallet {signer}");
    assert_eq!((status, error(&answer)), (403, &*says));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_orders_and_catches_up() {
    let mut world = World::start().await;
    let (app, pool) = (world.app_order(10, 1), world.pool_order(100, 1));
    let app_hash = world.post_app(&app).await.1["published"]["orderHash"].clone();
    let pool_hash = world.post_pool(&pool).await.1["published"]["orderHash"].clone();
    world.market.stop().await;
    let (status, answer) = world.get(&world.best_path()).await;
    assert_eq!((status, error(&answer)), (500, "Something went wrong, you should retry later."));

    // While nobody looks: a deal, and an order is closed.
    world.make_deal(&app, &pool, &world.request_order(1, 1)).await;
    world.hub.manage_order(&world.app_owner, &app.order, OrderOperation::Close).await.unwrap();
    (world.market, world.url) = serve(&world.chain, world.hub.address(), world.dir.path()).await;
    assert_eq!(world.status("workerpoolorders", &pool_hash).await, ("open".to_owned(), 2));
    assert_eq!(world.status("apporders", &app_hash).await, ("canceled".to_owned(), 0));
    assert_eq!(world.get("/deals").await.1["count"], 1);
    assert_eq!(world.post_app(&app).await.0, 403, "a closed order stays so");

    // The database of one hub serves no other.
    world.market.stop().await;
    let database =
        Database::open(&world.dir.path().join("market.db"), Durability::ProcessDeath).await.unwrap();
    let other = World::begun_at(Some(1_000_000_000)).await;
    let hub = other.hub.registries().await.map(|_| other.hub.address()).unwrap();
    let config = MarketConfig {
        chain: other.chain.clone(),
        hub,
        database,
        limits: RateLimits::default(),
        matcher: None,
    };
    let started = Market::start(config).await;
    assert!(matches!(started, Err(StartError::OtherChain { .. })), "{:?}", started.err());
    let line = started.unwrap_err().to_string();
    assert!(line.contains("another --data-dir") && !line.contains('\n'), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_lost_blocks_while_the_market_was_away_is_followed_from_the_last_common_one() {
    let mut world = World::start().await;
    let (app, pool) = (world.app_order(10, 1), world.pool_order(100, 1));
    let app_hash = world.post_app(&app).await.1["published"]["orderHash"].clone();
    let pool_hash = world.post_pool(&pool).await.1["published"]["orderHash"].clone();
    world.make_deal(&app, &pool, &world.request_order(1, 1)).await;
    let before = snapshot(&world.chain).await;
    world.make_deal(&app, &pool, &world.request_order(2, 2)).await;
    world.hub.manage_order(&world.app_owner, &app.order, OrderOperation::Close).await.unwrap();
    assert_eq!(world.status("workerpoolorders", &pool_hash).await, ("filled".to_owned(), 0));
    assert_eq!(world.status("apporders", &app_hash).await, ("canceled".to_owned(), 0));
    world.market.stop().await;

    cut(&world.chain, before).await;
    (world.market, world.url) = serve(&world.chain, world.hub.address(), world.dir.path()).await;
    assert_eq!(world.status("workerpoolorders", &pool_hash).await, ("open".to_owned(), 2));
    assert_eq!(world.status("apporders", &app_hash).await, ("open".to_owned(), 9));
    assert_eq!(world.get("/deals").await.1["count"], 1);
    // And on it goes.
    world.make_deal(&app, &pool, &world.request_order(2, 3)).await;
    assert_eq!(world.status("workerpoolorders", &pool_hash).await, ("filled".to_owned(), 0));
    assert_eq!(world.get("/deals").await.1["count"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_blocks_lost_than_are_remembered_rebuild_the_market_from_block_zero() {
    /// More than the market remembers.
    const LOST: usize = 1_100;
    let mut world = World::start().await;
    let (app, pool) = (world.app_order(10, 1), world.pool_order(100, 1));
    let app_hash = world.post_app(&app).await.1["published"]["orderHash"].clone();
    let pool_hash = world.post_pool(&pool).await.1["published"]["orderHash"].clone();
    world.make_deal(&app, &pool, &world.request_order(1, 1)).await;
    let before = snapshot(&world.chain).await;
    world.make_deal(&app, &pool, &world.request_order(2, 2)).await;
    world.hub.manage_order(&world.app_owner, &app.order, OrderOperation::Close).await.unwrap();
    mine(&world.chain, LOST).await;
    assert_eq!(world.status("apporders", &app_hash).await, ("canceled".to_owned(), 0));
    world.market.stop().await;

    cut(&world.chain, before).await;
    (world.market, world.url) = serve(&world.chain, world.hub.address(), world.dir.path()).await;
    assert_eq!(world.status("workerpoolorders", &pool_hash).await, ("open".to_owned(), 2));
    assert_eq!(world.status("apporders", &app_hash).await, ("open".to_owned(), 9));
    assert_eq!(world.get("/deals").await.1["count"], 1, "read again from the chain");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_use_known_before_the_order_was_published_is_given_back_by_a_reorganisation() {
    let world = World::start().await;
    let (app, pool) = (world.app_order(10, 1), world.pool_order(100, 1));
    let before = snapshot(&world.chain).await;
    world.make_deal(&app, &pool, &world.request_order(2, 1)).await;
    let pool_hash = world.post_pool(&pool).await.1["published"]["orderHash"].clone();
    assert_eq!(world.status("workerpoolorders", &pool_hash).await, ("open".to_owned(), 1));
    mine(&world.chain, 1).await;
    assert_eq!(world.status("workerpoolorders", &pool_hash).await, ("open".to_owned(), 1));

    cut(&world.chain, before).await;
    mine(&world.chain, 3).await;
    assert_eq!(world.status("workerpoolorders", &pool_hash).await, ("open".to_owned(), 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorganisation_undoes_deals() {
    let world = World::start().await;
    let (app, pool) = (world.app_order(10, 1), world.pool_order(100, 1));
    let app_hash = world.post_app(&app).await.1["published"]["orderHash"].clone();
    let pool_hash = world.post_pool(&pool).await.1["published"]["orderHash"].clone();
    assert_eq!(world.status("workerpoolorders", &pool_hash).await, ("open".to_owned(), 3));
    let snapshot: String = world.chain.request("evm_snapshot", json!([])).await.unwrap();
    world.make_deal(&app, &pool, &world.request_order(3, 1)).await;
    world.hub.manage_order(&world.app_owner, &app.order, OrderOperation::Close).await.unwrap();
    assert_eq!(world.status("workerpoolorders", &pool_hash).await, ("filled".to_owned(), 0));
    assert_eq!(world.status("apporders", &app_hash).await, ("canceled".to_owned(), 0));

    let reverted: bool = world.chain.request("evm_revert", json!([snapshot])).await.unwrap();
    assert!(reverted);
    for _ in 0..3 {
        let _mined: serde_json::Value = world.chain.request("evm_mine", json!([])).await.unwrap();
    }
    assert_eq!(world.status("workerpoolorders", &pool_hash).await, ("open".to_owned(), 3));
    assert_eq!(world.status("apporders", &app_hash).await, ("open".to_owned(), 10));
    assert_eq!(world.get("/deals").await.1["count"], 0);
    assert_eq!(world.get(&world.best_path()).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_for_others_are_not_offered() {
    let world = World::start().await;
    assert_eq!(world.post_app(&world.app_order(10, 1)).await.0, 200);
    let order =
        WorkerpoolOrder { requesterrestrict: world.stranger.address(), ..world.pool_order(1, 1).order };
    let restricted = world.pool_owner.sign_order(order, &world.hub);
    assert_eq!(world.post::<WorkerpoolOrderBody>(&world.pool_owner, &restricted).await.0, 200);
    assert_eq!(world.get(&world.best_path()).await.0, 404);
    let stranger = world
        .best_path()
        .replace(&world.requester.address().to_string(), &world.stranger.address().to_string());
    assert_eq!(world.get(&stranger).await.0, 200);
    assert_eq!(CHAIN_ID, world.chain.id());
}
