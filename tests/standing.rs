//! Requests left at the market of `up`: bought by its keeper and computed while their owner only waits.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use std::time::{Duration, Instant};

use metacloud_node::{Up, UpConfig};
use metacloud_protocol::Nrlc;
use metacloud_sdk::ready::Role;
use metacloud_sdk::{App, Cloud, Deal, Ending, Error, Purchase};
use serde_json::{Value, json};

/// Far above what any wait takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

fn purchase() -> Purchase {
    let bytes = std::fs::read(support::example("hello/hello.wasm")).unwrap();
    Purchase::new(App::Module { name: "hello".to_owned(), bytes: bytes.into() })
}

/// Deals of a request, once all its tasks are bought.
async fn bought(cloud: &Cloud, request: metacloud_protocol::OrderHash, volume: u64) -> Vec<Deal> {
    let began = Instant::now();
    loop {
        let deals = cloud.deals_of(request).await.unwrap();
        if deals.iter().map(|deal| deal.tasks().len() as u64).sum::<u64>() == volume {
            return deals;
        }
        assert!(began.elapsed() < PATIENCE, "the keeper never bought it");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_left_at_the_market_is_bought_by_a_keeper_without_ether_and_computed() {
    let up = Up::start(UpConfig::ephemeral(1)).await.expect("up starts");
    let key = up.ready().account(Role::Requester).expect("a requester").private_key.0;
    let cloud = Cloud::connect(up.ready(), key).await.expect("the cloud answers");
    let unbounded = cloud.leave_request(&purchase()).await;
    assert!(matches!(unbounded, Err(Error::NoLimit)), "{unbounded:?}");

    let limit = Nrlc::new(1_000_000_000);
    let wanted = Purchase { volume: 2, max_price: Some(limit), ..purchase() };
    let standing = cloud.leave_request(&wanted).await.expect("left at the market");
    assert_eq!((standing.volume, standing.price_max), (2, limit));
    let deals = bought(&cloud, standing.order, 2).await;
    for deal in deals {
        let price = deal.record().task_price().unwrap();
        assert!(price < limit, "{price} is the price of the offer, not the limit");
        let mut watch = deal.watch().await.unwrap();
        while watch.next().await.unwrap().is_some() {}
        let completed = |ending: &Option<Ending>| matches!(ending, Some(Ending::Completed));
        assert!(watch.endings().iter().all(completed), "{:?}", watch.endings());

        // Who sent the match has nothing to pay gas with: this chain asks for none.
        let url = format!("{}/deals/{}?chainId={}", up.ready().gateway_url, deal.id(), up.ready().chain_id);
        let (status, shown) = support::get(&url);
        assert_eq!(status, 200);
        let shown: Value = serde_json::from_slice(&shown).unwrap();
        let chain = cloud.hub().chain();
        let transaction: Value =
            chain.request("eth_getTransactionByHash", json!([shown["transactionHash"]])).await.unwrap();
        assert_ne!(transaction["from"], json!(cloud.account()), "the keeper sent it");
        let ether: String =
            chain.request("eth_getBalance", json!([transaction["from"], "latest"])).await.unwrap();
        assert_eq!(ether, "0x0");
    }
    up.stop().await.expect("up stops");
}
