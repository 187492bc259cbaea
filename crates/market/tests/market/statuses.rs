//! What happens on chain makes orders unmatchable, and requests with them (http-surface 4.4 rules 8 to 11, 4.9).

use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall as _;
use metacloud_abi::AppRegistry;
use metacloud_protocol::{AppOrder, Nrlc, OrderOperation, RequestOrder, Tag};
use metacloud_wire::orders::{AppOrderBody, DatasetOrderBody, RequestOrderBody};
use serde_json::json;

use crate::world::{STAKE, World, error};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_dies_with_the_last_app_order_whatever_ends_it() {
    let world = World::start().await;
    let first = world.app_order(10, 1);
    World::taken(world.post_app(&first).await);
    let request = world.request_order(1, 1);
    let hash = World::taken(world.post_request(&request).await);
    // Another offer keeps it alive when the first is closed.
    let second = world.app_order(20, 2);
    World::taken(world.post_app(&second).await);
    world.hub.manage_order(&world.app_owner, &first.order, OrderOperation::Close).await.unwrap();
    assert_eq!(world.status("requestorders", &hash).await.0, "open");
    world.hub.manage_order(&world.app_owner, &second.order, OrderOperation::Close).await.unwrap();
    assert_eq!(world.status("requestorders", &hash).await, ("dead".to_owned(), 1));

    // Back again, the app order is used up by another request.
    let third = AppOrder { volume: U256::from(1), ..world.app_order(30, 3).order };
    let third = world.app_owner.sign_order(third, &world.hub);
    World::taken(world.post_app(&third).await);
    World::taken(world.post_request(&request).await);
    assert_eq!(world.status("requestorders", &hash).await.0, "open", "republished");
    world.make_deal(&third, &world.pool_order(0, 1), &world.request_order(1, 2)).await;
    assert_eq!(world.status("requestorders", &hash).await.0, "dead");

    // Back again, the app changes hands.
    World::taken(world.post_app(&world.app_order(40, 4)).await);
    World::taken(world.post_request(&request).await);
    let call = AppRegistry::transferFromCall {
        from: world.app_owner.address(),
        to: world.stranger.address(),
        tokenId: U256::from_be_bytes(world.app.into_word().0),
    };
    let registry = world.hub.registries().await.unwrap().app;
    world.app_owner.send(registry, call.abi_encode().into()).await.unwrap();
    assert_eq!(world.status("requestorders", &hash).await.0, "dead");
    // The former owner cannot sell it any more, the new one can.
    let (status, answer) = world.post_app(&world.app_order(50, 5)).await;
    let says = format!("only order signer {} can publish an order", world.stranger.address());
    assert_eq!((status, error(&answer)), (403, &*says));
    let order = world.stranger.sign_order(world.app_order(50, 5).order, &world.hub);
    World::taken(world.post::<AppOrderBody>(&world.stranger, &order).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_a_dataset_needs_one_on_offer() {
    let world = World::start().await;
    World::taken(world.post_app(&world.app_order(10, 1)).await);
    let dataset = world.dataset("numbers").await;
    let request = RequestOrder { dataset, datasetmaxprice: U256::from(5), ..world.request_order(1, 1).order };
    let request = world.requester.sign_order(request, &world.hub);
    let (status, answer) = world.post_request(&request).await;
    assert_eq!((status, error(&answer)), (403, &*format!("No datasetorder published for dataset {dataset}")));
    World::taken(world.post_dataset(&world.dataset_order(dataset, 6, 1)).await);
    let (status, answer) = world.post_request(&request).await;
    let says = format!("datasetmaxprice for dataset {dataset} is too low, actual best price is 6 nRLC");
    assert_eq!((status, error(&answer)), (403, &*says));
    let cheap = world.dataset_order(dataset, 5, 2);
    let cheap_hash = World::taken(world.post_dataset(&cheap).await);
    let hash = World::taken(world.post_request(&request).await);
    let body = json!({"orderHash": cheap_hash}).to_string();
    let login = world.login(&world.stranger).await;
    assert_eq!(world.write("PUT", "datasetorders", &login, body).await.0, 200);
    assert_eq!(world.status("requestorders", &hash).await.0, "dead");
    assert_eq!(world.get(&format!("/datasetorders/{}", cheap_hash.as_str().unwrap())).await.0, 404);
    World::taken(world.post::<DatasetOrderBody>(&world.stranger, &cheap).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_dies_when_its_stake_is_withdrawn_or_spent() {
    let world = World::start().await;
    World::taken(world.post_app(&world.app_order(10, 1)).await);
    let hash = World::taken(world.post_request(&world.request_order(3, 1)).await);
    // Three tasks at 1,100 nRLC at most.
    world.hub.withdraw(&world.requester, Nrlc::new(STAKE - 3_300)).await.unwrap();
    assert_eq!(world.status("requestorders", &hash).await.0, "open", "just enough");
    world.hub.withdraw(&world.requester, Nrlc::new(1)).await.unwrap();
    assert_eq!(world.status("requestorders", &hash).await.0, "dead");
    let (status, answer) = world.post_request(&world.request_order(3, 2)).await;
    let says =
        "requester stake is too low to cover requestorder payment, minimum stake required is 3300 nRLC";
    assert_eq!((status, error(&answer)), (403, says));
    // A deal locks what the other request needs.
    let hash = World::taken(world.post_request(&world.request_order(1, 3)).await);
    world.make_deal(&world.app_order(100, 2), &world.pool_order(1_000, 1), &world.request_order(1, 4)).await;
    assert_eq!(world.status("requestorders", &hash).await.0, "open", "2,199 are left");
    world.make_deal(&world.app_order(100, 3), &world.pool_order(1_000, 2), &world.request_order(1, 5)).await;
    assert_eq!(world.status("requestorders", &hash).await.0, "dead");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_an_enclave_needs_an_app_order_for_one() {
    let world = World::start().await;
    let app = world.app;
    World::taken(world.post_app(&world.app_order(1, 1)).await);
    let request = RequestOrder { tag: Tag::TEE.0, ..world.request_order(1, 1).order };
    let request = world.requester.sign_order(request, &world.hub);
    let (status, answer) = world.post_request(&request).await;
    assert_eq!((status, error(&answer)), (403, &*format!("No tee enabled apporder published for app {app}")));
    let tee = AppOrder { tag: Tag::TEE.0, ..world.app_order(2, 2).order };
    World::taken(world.post_app(&world.app_owner.sign_order(tee, &world.hub)).await);
    World::taken(world.post_request(&request).await);
    // Restricted to other pools: not for this request.
    let tied = RequestOrder { workerpool: Address::repeat_byte(9), ..world.request_order(1, 2).order };
    let own = AppOrder { workerpoolrestrict: world.pool, ..world.app_order(0, 3).order };
    World::taken(world.post_app(&world.app_owner.sign_order(own, &world.hub)).await);
    let tied = world.requester.sign_order(RequestOrder { appmaxprice: U256::ZERO, ..tied }, &world.hub);
    let (status, answer) = world.post::<RequestOrderBody>(&world.requester, &tied).await;
    let says = format!("appmaxprice for app {app} is too low, actual best price is 1 nRLC");
    assert_eq!((status, error(&answer)), (403, &*says));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_open_cannot_be_taken_back() {
    let world = World::start().await;
    let order = world.app_order(10, 1);
    let hash = World::taken(world.post_app(&order).await);
    world.hub.manage_order(&world.app_owner, &order.order, OrderOperation::Close).await.unwrap();
    assert_eq!(world.status("apporders", &hash).await.0, "canceled");
    let shown = hash.as_str().unwrap();
    let owner = world.app_owner.address();
    for (body, says) in [
        (json!({"orderHash": hash}), format!("apporder with orderHash {shown} is not published")),
        (
            json!({"target": "unpublish_last", "app": world.app}),
            format!("no open apporder published by signer {owner} for app {}", world.app),
        ),
        (
            json!({"target": "unpublish_all", "app": world.pool}),
            format!("no open apporder published by signer {owner} for app {}", world.pool),
        ),
    ] {
        let login = world.login(&world.app_owner).await;
        let (status, answer) = world.write("PUT", "apporders", &login, body.to_string()).await;
        assert_eq!((status, error(&answer)), (403, &*says));
    }
    for (route, body, field) in [
        ("apporders", json!({"target": "unpublish_all"}), "app"),
        ("datasetorders", json!({"target": "unpublish_last"}), "dataset"),
        ("workerpoolorders", json!({"target": "unpublish_last", "app": world.app}), "workerpool"),
        ("requestorders", json!({"target": "unpublish_all"}), "requester"),
        ("requestorders", json!({"target": "unpublish_orderHash"}), "orderHash"),
    ] {
        let login = world.login(&world.app_owner).await;
        let (status, answer) = world.write("PUT", route, &login, body.to_string()).await;
        assert_eq!((status, error(&answer)), (400, &*format!("{field} is a required field")));
    }
}
