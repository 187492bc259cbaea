//! Clients that ask too often, and what browsers of other origins may do.

use metacloud_market::{MarketConfig, RateLimits};
use serde_json::Value;

use crate::world::{CHAIN_ID, World, config, error, serve_with};

/// A market that tells clients apart by what a proxy writes.
async fn behind_proxy(per_address: u32, per_origin: u32, trust_forwarded: bool) -> World {
    let mut world = World::start().await;
    world.market.stop().await;
    let limits = RateLimits { per_address, per_origin, trust_forwarded };
    let started = config(&world.chain, world.hub.address(), world.dir.path()).await;
    (world.market, world.url) = serve_with(MarketConfig { limits, ..started }).await;
    world
}

async fn ask(world: &World, headers: &[(&str, &str)]) -> (u16, Value) {
    let mut request = world.http.get(format!("{}/version", world.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    assert!(answer.headers()["content-type"].to_str().unwrap().contains("application/json"));
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_is_refused_until_later() {
    let world = behind_proxy(3, 4, true).await;
    let from = |address: &'static str| [("x-forwarded-for", address)];
    for _ in 0..3 {
        assert_eq!(ask(&world, &from("192.0.2.1")).await.0, 200);
    }
    let (status, answer) = ask(&world, &from("192.0.2.1")).await;
    assert_eq!((status, error(&answer)), (429, "Rate limit exceeded"));
    // What the client wrote itself stands before what the proxy wrote.
    assert_eq!(ask(&world, &from("192.0.2.99, 192.0.2.1")).await.0, 429);
    assert_eq!(ask(&world, &from("192.0.2.1, 192.0.2.2")).await.0, 200);
    let page = |address: &'static str| [("x-forwarded-for", address), ("origin", "https://page.example")];
    for address in ["192.0.2.11", "192.0.2.12", "192.0.2.13", "192.0.2.14"] {
        assert_eq!(ask(&world, &page(address)).await.0, 200);
    }
    assert_eq!(ask(&world, &page("192.0.2.15")).await.0, 429, "the origin's allowance");
    assert_eq!(ask(&world, &from("192.0.2.15")).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn this_machine_is_not_limited_and_its_word_about_others_is_not_taken() {
    let world = behind_proxy(1, 1, false).await;
    for _ in 0..5 {
        let headers = [("x-forwarded-for", "192.0.2.1"), ("origin", "http://localhost:3000")];
        assert_eq!(ask(&world, &headers).await.0, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_of_any_origin_may_write() {
    let world = World::start().await;
    let url = format!("{}/apporders?chainId={CHAIN_ID}", world.url);
    let preflight = world
        .http
        .request(reqwest::Method::OPTIONS, &url)
        .header("origin", "https://page.example")
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "authorization,content-type,accept")
        .send()
        .await
        .unwrap();
    assert!(preflight.status().is_success());
    let allowed = |name: &str| preflight.headers()[name].to_str().unwrap().to_lowercase();
    assert_eq!(allowed("access-control-allow-origin"), "*");
    for method in ["get", "head", "post", "put", "options"] {
        assert!(allowed("access-control-allow-methods").contains(method), "{method}");
    }
    for header in ["authorization", "content-type", "accept"] {
        assert!(allowed("access-control-allow-headers").contains(header), "{header}");
    }
}
