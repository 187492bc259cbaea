//! Requests that the keeper matches, and those that it leaves alone.

use std::time::{Duration, Instant};

use alloy_primitives::{Address, U256};
use metacloud_market::{MarketConfig, MatcherConfig};
use metacloud_protocol::{AppOrder, RequestOrder, Signed, WorkerpoolOrder, signing};
use metacloud_wire::orders::{OrderBody as _, RequestOrderBody, WorkerpoolOrderBody};
use serde_json::{Value, json};

use crate::world::{STAKE, World, config, cut, error, mine, serve_with, snapshot};

/// Far above what any wait takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Restarts the market with a keeper.
async fn keep(world: &mut World, standing_after: Option<Duration>) {
    world.market.stop().await;
    let started = config(&world.chain, world.hub.address(), world.dir.path()).await;
    let matcher = Some(MatcherConfig { key: world.keeper_key, standing_after });
    (world.market, world.url) = serve_with(MarketConfig { matcher, ..started }).await;
}

fn keeper(world: &World) -> Address {
    let key = signing::key_from_bytes(&world.keeper_key.0).unwrap();
    signing::address_of(&key)
}

async fn post(world: &World, request: &Signed<RequestOrder>, keeper: bool) -> (u16, Value) {
    let order = RequestOrderBody::from_signed(request).unwrap().to_client_json();
    let body = json!({"order": order, "keeper": keeper}).to_string();
    world.write("POST", "requestorders", &world.login(&world.requester).await, body).await
}

/// Waits until an order has this status and remainder.
async fn until(world: &World, route: &str, hash: &Value, wanted: (&str, u64)) {
    let began = Instant::now();
    loop {
        let (status, remaining) = world.status(route, hash).await;
        if (status.as_str(), remaining) == wanted {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{wanted:?} never came: {status} {remaining}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_left_on_the_book_gets_the_best_price() {
    let mut world = World::start().await;
    let (status, answer) = post(&world, &world.request_order(1, 1), true).await;
    let says = "this market matches no orders by itself, publish without keeper";
    assert_eq!((status, error(&answer)), (403, says));
    keep(&mut world, None).await;
    World::taken(world.post_app(&world.app_order(10, 1)).await);
    // Left alone, though it bids as much and came first.
    let alone = World::taken(post(&world, &world.request_order(1, 7), false).await);
    let request = world.request_order(4, 1);
    let (status, answer) = post(&world, &request, true).await;
    assert_eq!((status, &answer["published"]["keeper"]), (200, &json!(true)), "{answer}");
    let hash = answer["published"]["orderHash"].clone();
    assert_eq!(world.status("requestorders", &hash).await.0, "open", "there is no pool yet");

    // Too dear, then one that serves three tasks, then a cheaper one for the last.
    World::taken(world.post_pool(&world.pool_order(1_001, 1)).await);
    World::taken(world.post_pool(&world.pool_order(500, 2)).await);
    until(&world, "requestorders", &hash, ("open", 1)).await;
    let cheap = World::taken(world.post_pool(&world.pool_order(400, 3)).await);
    until(&world, "requestorders", &hash, ("filled", 0)).await;
    assert_eq!(world.status("workerpoolorders", &cheap).await, ("open".to_owned(), 2));
    assert_eq!(world.status("requestorders", &alone).await, ("open".to_owned(), 1));
    let stake = world.hub.view_account(world.requester.address()).await.unwrap();
    assert_eq!(
        stake.stake.0,
        U256::from(STAKE - 3 * 510 - 410),
        "paid from escrow at the price of each offer"
    );
    let (_, deals) = world.get(&format!("/deals?requestorderHash={}", hash.as_str().unwrap())).await;
    assert_eq!(deals["count"], 2);
    assert!(world.chain.nonce(keeper(&world)).await.unwrap() >= 2, "the keeper sent them");
    assert_eq!(world.chain.nonce(world.requester.address()).await.unwrap(), 1, "its deposit alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_highest_bid_comes_first_and_each_cap_holds() {
    let mut world = World::start().await;
    keep(&mut world, None).await;
    World::taken(world.post_app(&world.app_order(10, 1)).await);
    let bid = |max: u64, salt: u8| {
        let order =
            RequestOrder { workerpoolmaxprice: U256::from(max), ..world.request_order(1, salt).order };
        world.requester.sign_order(order, &world.hub)
    };
    let low = World::taken(post(&world, &bid(100, 1), true).await);
    let high = World::taken(post(&world, &bid(200, 2), true).await);
    let lower = World::taken(post(&world, &bid(99, 3), true).await);
    let one = WorkerpoolOrder { volume: U256::from(1), ..world.pool_order(100, 1).order };
    let one = world.pool_owner.sign_order(one, &world.hub);
    World::taken(world.post::<WorkerpoolOrderBody>(&world.pool_owner, &one).await);
    until(&world, "requestorders", &high, ("filled", 0)).await;
    assert_eq!(world.status("requestorders", &low).await.0, "open");
    World::taken(world.post_pool(&world.pool_order(100, 2)).await);
    until(&world, "requestorders", &low, ("filled", 0)).await;
    // Whatever is cheap in all, no part may cost more than its own cap.
    assert_eq!(world.status("requestorders", &lower).await, ("open".to_owned(), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_survives_a_restart() {
    let mut world = World::start().await;
    keep(&mut world, None).await;
    World::taken(world.post_app(&world.app_order(10, 1)).await);
    let hash = World::taken(post(&world, &world.request_order(2, 1), true).await);
    keep(&mut world, None).await;
    assert_eq!(world.status("requestorders", &hash).await, ("open".to_owned(), 2));
    World::taken(world.post_pool(&world.pool_order(500, 1)).await);
    until(&world, "requestorders", &hash, ("filled", 0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_match_that_a_reorganisation_took_is_made_again() {
    let mut world = World::start().await;
    keep(&mut world, None).await;
    World::taken(world.post_app(&world.app_order(10, 1)).await);
    let hash = World::taken(post(&world, &world.request_order(2, 1), true).await);
    let before = snapshot(&world.chain).await;
    World::taken(world.post_pool(&world.pool_order(500, 1)).await);
    until(&world, "requestorders", &hash, ("filled", 0)).await;
    cut(&world.chain, before).await;
    mine(&world.chain, 2).await;
    until(&world, "requestorders", &hash, ("filled", 0)).await;
    let (_, deals) = world.get("/deals").await;
    assert_eq!(deals["count"], 1, "{deals}");
    let on_chain = world
        .hub
        .view_consumed(metacloud_protocol::Order::hash(&world.request_order(2, 1).order, &world.hub.domain()))
        .await
        .unwrap();
    assert_eq!(on_chain, U256::from(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_spent_on_a_doomed_match_and_others_are_served() {
    let mut world = World::start().await;
    keep(&mut world, None).await;
    World::taken(world.post_app(&world.app_order(10, 1)).await);
    // A category that the hub does not have.
    let nowhere = U256::from(99);
    let request = RequestOrder { category: nowhere, ..world.request_order(1, 1).order };
    let doomed = World::taken(post(&world, &world.requester.sign_order(request, &world.hub), true).await);
    let pool = WorkerpoolOrder { category: nowhere, ..world.pool_order(1, 1).order };
    let pool = world.pool_owner.sign_order(pool, &world.hub);
    World::taken(world.post::<WorkerpoolOrderBody>(&world.pool_owner, &pool).await);
    // Served after the doomed one, whose bid is as high and older.
    let other = World::taken(post(&world, &world.request_order(1, 2), true).await);
    World::taken(world.post_pool(&world.pool_order(500, 2)).await);
    until(&world, "requestorders", &other, ("filled", 0)).await;
    assert_eq!(world.chain.nonce(keeper(&world)).await.unwrap(), 1, "one match was sent");
    assert_eq!(world.status("requestorders", &doomed).await, ("open".to_owned(), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_takes_standing_requests_of_others_too() {
    let mut world = World::start().await;
    keep(&mut world, Some(Duration::ZERO)).await;
    World::taken(world.post_app(&world.app_order(10, 1)).await);
    let hash = World::taken(post(&world, &world.request_order(1, 1), false).await);
    World::taken(world.post_pool(&world.pool_order(500, 1)).await);
    until(&world, "requestorders", &hash, ("filled", 0)).await;
    // Only requests.
    let order = AppOrder { salt: alloy_primitives::B256::repeat_byte(9), ..world.app_order(10, 1).order };
    let order = world.app_owner.sign_order(order, &world.hub);
    let order = metacloud_wire::orders::AppOrderBody::from_signed(&order).unwrap().to_client_json();
    let body = json!({"order": order, "keeper": true}).to_string();
    let login = world.login(&world.app_owner).await;
    let (status, answer) = world.write("POST", "apporders", &login, body).await;
    assert_eq!((status, error(&answer)), (400, "keeper is for requestorders only"));
}
