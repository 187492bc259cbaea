//! What tasks cost and cost before: from deals and the book, and back again when the chain is.

use serde_json::json;

use crate::world::{World, cut, error, snapshot};

#[tokio::test(flavor = "multi_thread")]
async fn deals_and_orders_are_told_as_prices() {
    let world = World::start().await;
    for path in ["/ohlc", "/market/candles", "/market/trades", "/market/depth", "/market/ticker"] {
        let (status, answer) = world.get(path).await;
        assert_eq!((status, error(&answer)), (400, "category is a required field"), "{path}");
        let (status, answer) = world.get(&format!("{path}?category=-1")).await;
        assert_eq!((status, error(&answer)), (400, "category must be greater than or equal to 0"), "{path}");
        assert_eq!(world.get(&format!("{path}?category=0")).await.0, 200, "{path}");
    }
    for query in ["interval=59", "interval=x", "from=2&to=1", "to=-1"] {
        assert_eq!(world.get(&format!("/market/candles?category=0&{query}")).await.0, 400, "{query}");
    }
    assert_eq!(world.get("/market/depth?category=0&levels=1001").await.0, 400);
    let (_, nothing) = world.get("/market/ticker?category=0").await;
    assert_eq!(nothing, json!({"ok": true}));

    // A deal of one task at 20, then one of two at 50.
    let before = snapshot(&world.chain).await;
    let app = world.app_order(10, 1);
    world.make_deal(&app, &world.pool_order(20, 1), &world.request_order(1, 1)).await;
    let dear = world.make_deal(&app, &world.pool_order(50, 2), &world.request_order(2, 2)).await;
    let (_, trades) = world.get("/market/trades?category=0").await;
    assert_eq!(trades["count"], 2);
    let newest = &trades["trades"][0];
    assert_eq!((&newest["dealid"], &newest["price"]), (&json!(dear.deal.0), &json!(50)));
    assert_eq!(trades["trades"][1]["price"], 20);
    let (_, year) = world.get("/market/candles?category=0&interval=31622400").await;
    let tasks: u64 =
        year["candles"].as_array().unwrap().iter().map(|year| year["volume"].as_u64().unwrap()).sum();
    assert_eq!((tasks, &year["interval"]), (3, &json!(31_622_400)));
    let (_, days) = world.get("/ohlc?category=0").await;
    let tasks: u64 = days["ohlc"].as_array().unwrap().iter().map(|day| day[5].as_u64().unwrap()).sum();
    assert_eq!(tasks, 3);
    assert_eq!(world.get("/ohlc?category=1").await.1, json!({"ok": true, "ohlc": []}));
    let (_, none) = world.get("/ohlc?category=0&to=1").await;
    assert_eq!(none["ohlc"], json!([]));

    // On offer: two prices, the better one twice.
    World::taken(world.post_app(&world.app_order(1, 9)).await);
    for (price, salt) in [(30, 3), (30, 4), (70, 5)] {
        World::taken(world.post_pool(&world.pool_order(price, salt)).await);
    }
    World::taken(world.post_request(&world.request_order(4, 6)).await);
    let (_, depth) = world.get("/market/depth?category=0").await;
    let asks = json!([{"price": 30, "volume": 6, "orders": 2}, {"price": 70, "volume": 3, "orders": 1}]);
    let bids = json!([{"price": 1000, "volume": 4, "orders": 1}]);
    assert_eq!((&depth["asks"], &depth["bids"]), (&asks, &bids));
    let (_, one) = world.get("/market/depth?category=0&levels=1").await;
    assert_eq!(one["asks"], json!([asks[0]]));
    let (_, ticker) = world.get("/market/ticker?category=0").await;
    assert_eq!((&ticker["ask"], &ticker["bid"], &ticker["last"]["price"]), (&asks[0], &bids[0], &json!(50)));
    let names = ["open", "high", "low", "close", "volume", "deals", "average"];
    let day = names.map(|name| ticker["day"][name].as_u64().unwrap());
    assert_eq!(day, [20, 50, 20, 50, 3, 2, 40]);

    // The chain takes the deals back, and so do the prices.
    cut(&world.chain, before).await;
    crate::world::mine(&world.chain, 3).await;
    let (_, trades) = world.get("/market/trades?category=0").await;
    assert_eq!(trades, json!({"ok": true, "count": 0, "trades": []}));
    let (_, ticker) = world.get("/market/ticker?category=0").await;
    assert_eq!((&ticker["last"], &ticker["day"]), (&json!(null), &json!(null)));
    assert_eq!(ticker["ask"], asks[0]);
}
