//! Filters, order and pages of the lists (http-surface 4.7, 4.8).

use alloy_primitives::{Address, B256, U256};
use metacloud_protocol::{AppOrder, DatasetOrder, RequestOrder, WorkerpoolOrder};
use metacloud_wire::SAFE_UINT_MAX;
use metacloud_wire::orders::WorkerpoolOrderBody;
use serde_json::json;

use crate::world::{World, error};

const NONE: [u64; 0] = [];

#[tokio::test(flavor = "multi_thread")]
async fn restrictions_are_closed_unless_named() {
    let world = World::start().await;
    let (app, stranger) = (world.app, world.stranger.address());
    let restricted = |salt, price, to: Address| {
        let order = AppOrder { requesterrestrict: to, ..world.app_order(price, salt).order };
        world.app_owner.sign_order(order, &world.hub)
    };
    World::taken(world.post_app(&restricted(1, 10, Address::ZERO)).await);
    World::taken(world.post_app(&restricted(2, 20, stranger)).await);
    World::taken(world.post_app(&restricted(3, 30, world.requester.address())).await);
    for (query, expected) in [
        (String::new(), vec![10]),
        (format!("&requester={stranger}"), vec![10, 20]),
        (format!("&requester={stranger}&isRequesterStrict=true"), vec![20]),
        ("&requester=any".to_owned(), vec![10, 20, 30]),
        ("&requester=any&isRequesterStrict=true".to_owned(), vec![10, 20, 30]),
        (format!("&requester={}", stranger.to_string().to_lowercase()), vec![10, 20]),
        (format!("&workerpool={stranger}&isWorkerpoolStrict=true&requester=any"), vec![]),
        (format!("&dataset={stranger}&isDatasetStrict=true&requester=any"), vec![]),
    ] {
        assert_eq!(
            world.listed(&format!("/apporders?app={app}{query}"), "appprice").await,
            expected,
            "{query}"
        );
    }
    let (any, owner) = ("/apporders?app=any&requester=any", world.app_owner.address());
    assert_eq!(world.listed(any, "appprice").await, [10, 20, 30]);
    let owned = |owner| format!("/apporders?appOwner={owner}&requester=any");
    assert_eq!(world.listed(&owned(owner.to_string()), "appprice").await, [10, 20, 30]);
    assert_eq!(world.listed(&owned("any".to_owned()), "appprice").await, [10, 20, 30]);
    assert_eq!(world.listed(&owned(stranger.to_string()), "appprice").await, NONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_volumes_categories_and_trust_bound_the_list() {
    let world = World::start().await;
    let order = |price: u64, tag: u8, category: u64, trust: u64, volume: u64| WorkerpoolOrder {
        tag: B256::with_last_byte(tag),
        category: U256::from(category),
        trust: U256::from(trust),
        volume: U256::from(volume),
        ..world.pool_order(price, price as u8).order
    };
    for (price, tag, category, trust, volume) in
        [(1, 0, 0, 0, 1), (2, 9, 0, 1, 2), (3, 1, 0, 5, 3), (4, 9, 1, 9, 4)]
    {
        let signed = world.pool_owner.sign_order(order(price, tag, category, trust, volume), &world.hub);
        World::taken(world.post::<WorkerpoolOrderBody>(&world.pool_owner, &signed).await);
    }
    let tag = B256::with_last_byte;
    for (query, expected) in [
        (String::new(), vec![1, 2, 3, 4]),
        ("category=0".to_owned(), vec![1, 2, 3]),
        ("category=7".to_owned(), vec![]),
        (format!("minTag={}", tag(9)), vec![2, 4]),
        (format!("minTag={}", tag(0)), vec![1, 2, 3, 4]),
        (format!("maxTag={}", tag(0)), vec![1]),
        (format!("maxTag={}", tag(1)), vec![1, 3]),
        (format!("minTag={}&maxTag={}", tag(1), tag(1)), vec![3]),
        ("minVolume=3".to_owned(), vec![3, 4]),
        ("minTrust=0".to_owned(), vec![1, 2, 3, 4]),
        ("minTrust=1".to_owned(), vec![1, 2, 3, 4]),
        ("minTrust=2".to_owned(), vec![3, 4]),
        (format!("workerpool={}&minTrust=9", world.pool), vec![4]),
        (format!("workerpool={}", world.app), vec![]),
        (format!("workerpoolOwner={}&category=1", world.pool_owner.address()), vec![4]),
    ] {
        let listed = world.listed(&format!("/workerpoolorders?{query}"), "workerpoolprice").await;
        assert_eq!(listed, expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn datasets_for_use_in_bulk_are_told_apart() {
    let world = World::start().await;
    let dataset = world.dataset("contacts").await;
    let bulk = |price: u64, volume: u64, salt: u8| {
        let order = DatasetOrder {
            volume: U256::from(volume),
            apprestrict: world.app,
            ..world.dataset_order(dataset, price, salt).order
        };
        world.stranger.sign_order(order, &world.hub)
    };
    for (price, volume, salt, is_bulk) in [
        (0, SAFE_UINT_MAX, 1, true),
        (0, SAFE_UINT_MAX - 1, 2, true),
        (0, SAFE_UINT_MAX - 2, 3, false),
        (1, SAFE_UINT_MAX, 4, false),
    ] {
        let (status, answer) = world.post_dataset(&bulk(price, volume, salt)).await;
        assert_eq!((status, &answer["published"]["bulk"]), (200, &json!(is_bulk)), "{answer}");
    }
    let list = format!("/datasetorders?dataset={dataset}&app={}", world.app);
    assert_eq!(world.listed(&list, "datasetprice").await, [0, 0, 0, 1]);
    let list = format!("{list}&isAppStrict=true");
    assert_eq!(world.listed(&format!("{list}&bulkOnly=true"), "volume").await.len(), 2);
    let (_, page) = world.get(&format!("{list}&bulkOnly=true")).await;
    assert!(page["orders"].as_array().unwrap().iter().all(|order| order["bulk"] == true), "{page}");
    // Other kinds do not have the member.
    let (_, answer) = world.post_app(&world.app_order(1, 1)).await;
    assert!(answer["published"].get("bulk").is_none(), "{answer}");
    assert_eq!(world.listed("/datasetorders?dataset=any", "datasetprice").await, NONE, "open to anyone only");
    assert_eq!(world.listed("/datasetorders?datasetOwner=any&app=any", "datasetprice").await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_listed_by_what_they_pay() {
    let world = World::start().await;
    World::taken(world.post_app(&world.app_order(1, 1)).await);
    let (app, requester) = (world.app, world.requester.address());
    let request = |max: u64, salt: u8, workerpool: Address, trust: u64| {
        let order = RequestOrder {
            workerpoolmaxprice: U256::from(max),
            workerpool,
            trust: U256::from(trust),
            ..world.request_order(1, salt).order
        };
        world.requester.sign_order(order, &world.hub)
    };
    World::taken(world.post_request(&request(10, 1, Address::ZERO, 0)).await);
    World::taken(world.post_request(&request(30, 2, Address::ZERO, 4)).await);
    World::taken(world.post_request(&request(30, 3, Address::ZERO, 4)).await);
    World::taken(world.post_request(&request(20, 4, world.pool, 9)).await);
    for (query, expected) in [
        (String::new(), vec![30, 30, 10]),
        (format!("&workerpool={}", world.pool), vec![30, 30, 20, 10]),
        (format!("&workerpool={}&isWorkerpoolStrict=true", world.pool), vec![20]),
        ("&workerpool=any&maxTrust=4".to_owned(), vec![30, 30, 10]),
        ("&workerpool=any&maxTrust=0".to_owned(), vec![10]),
        (format!("&app={app}&dataset=any"), vec![30, 30, 10]),
        (format!("&requester={requester}&beneficiary={requester}"), vec![30, 30, 10]),
        (format!("&beneficiary={app}"), vec![]),
        (format!("&app={requester}"), vec![]),
        ("&category=1".to_owned(), vec![]),
    ] {
        let path = format!("/requestorders?{}", query.trim_start_matches('&'));
        assert_eq!(world.listed(&path, "workerpoolmaxprice").await, expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_full_but_for_the_last() {
    let world = World::start().await;
    for salt in 0..20 {
        World::taken(world.post_app(&world.app_order(100 - u64::from(salt), salt)).await);
    }
    let list = format!("/apporders?app={}", world.app);
    let page = async |query: &str| {
        let (status, page) = world.get(&format!("{list}{query}")).await;
        assert_eq!((status, &page["count"]), (200, &json!(20)), "{page}");
        let prices = page["orders"].as_array().unwrap().iter();
        let prices: Vec<u64> = prices.map(|order| order["order"]["appprice"].as_u64().unwrap()).collect();
        (prices, page.get("nextPage").cloned())
    };
    assert_eq!(page("").await, ((81..=100).collect(), Some(json!(20))), "20 are the default");
    assert_eq!(page("&pageSize=10").await, ((81..=90).collect(), Some(json!(10))));
    assert_eq!(page("&pageSize=10&pageIndex=1").await, ((91..=100).collect(), Some(json!(20))));
    assert_eq!(page("&pageSize=10&pageIndex=2").await, (vec![], None));
    assert_eq!(page("&pageSize=12&pageIndex=1").await, ((93..=100).collect(), None));
    assert_eq!(page("&pageSize=1000").await.1, None);
    assert_eq!(page("&pageIndex=4294967295").await, (vec![], None));
}

#[tokio::test(flavor = "multi_thread")]
async fn deals_are_found_by_every_party_and_order() {
    let world = World::start().await;
    let (app, pool, request) = (world.app_order(10, 1), world.pool_order(100, 1), world.request_order(2, 1));
    let app_hash = World::taken(world.post_app(&app).await);
    let made = world.make_deal(&app, &pool, &request).await;
    let requester = world.requester.address();
    for query in [
        format!("requester={requester}"),
        format!("beneficiary={requester}"),
        format!("app={}", world.app),
        format!("workerpool={}", world.pool),
        format!("appOwner={}", world.app_owner.address()),
        format!("workerpoolOwner={}", world.pool_owner.address()),
        format!("dataset={}", Address::ZERO),
        format!("datasetOwner={}", Address::ZERO),
        format!("apporderHash={}", app_hash.as_str().unwrap()),
        format!("datasetorderHash={}", B256::ZERO),
        format!("category=0&requester={requester}&app={}&pageSize=10", world.app),
    ] {
        let (status, page) = world.get(&format!("/deals?{query}")).await;
        assert_eq!((status, &page["count"]), (200, &json!(1)), "{query}: {page}");
    }
    for query in [format!("requester={}", world.app), "category=1".to_owned()] {
        assert_eq!(world.get(&format!("/deals?{query}")).await.1["count"], 0, "{query}");
    }
    let (status, answer) = world.get("/deals?requester=any").await;
    assert_eq!((status, error(&answer)), (400, "requester is not a valid ethereum address"));

    let (status, deal) = world.get(&format!("/deals/{}", made.deal)).await;
    assert_eq!((status, &deal["ok"], &deal["dealid"]), (200, &json!(true), &json!(made.deal.0)), "{deal}");
    assert_eq!((&deal["trust"], &deal["botSize"], &deal["chainId"]), (&json!(4), &json!(2), &json!(65_535)));
    let (status, answer) = world.get(&format!("/deals/{}", B256::ZERO)).await;
    assert_eq!((status, error(&answer)), (404, "deal not found"));
    let (status, answer) = world.get("/deals/0x12").await;
    assert_eq!((status, error(&answer)), (400, "dealid must be a bytes32 hexstring"));

    let (status, answer) = world.get("/metrics").await;
    let expected = json!({
        "deals": {"count": 1, "tasks": 2},
        "open": {"apporders": 1, "datasetorders": 0, "workerpoolorders": 0, "requestorders": 0},
    });
    assert_eq!((status, &answer["metrics"]), (200, &expected), "{answer}");
}
