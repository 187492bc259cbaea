//! What the collector of a running cloud leaves and takes, with real deals on a real chain.

use std::path::Path;
use std::time::{Duration, SystemTime};

use alloy_sol_types::SolCall as _;
use futures::StreamExt as _;
use metacloud_abi::DatasetRegistry;
use metacloud_blobs::{BlobClient, Cid, Key, Location};
use metacloud_protocol::category::{DEFAULT_CATEGORIES, FINAL_DEADLINE_RATIO};
use metacloud_protocol::result::ResultLink;
use metacloud_sdk::{App, Cloud, Deal, Input, Purchase};
use metacloud_wire::ready::{ReadyFile, Role};

use super::*;
use crate::{DevelopmentNetwork, Up, UpConfig};

/// Names of what was put into a cloud.
struct Contents {
    app: Cid,
    dataset: Cid,
    /// An input of the deal: a list, as that of a bulk deal.
    list: Cid,
    /// What the list names.
    listed: Cid,
    result: Cid,
    /// What nothing leads to.
    loose: Cid,
    until: SystemTime,
}

fn config(dir: &Path) -> UpConfig {
    UpConfig { data_dir: Some(dir.to_owned()), ..UpConfig::ephemeral(1) }
}

async fn connect(ready: &ReadyFile, role: Role) -> Cloud {
    let key = DevelopmentNetwork::new(ready.chain_id).account(role).private_key;
    Cloud::connect(ready, key).await.unwrap()
}

async fn completed(deal: &Deal) {
    let mut watch = deal.watch().await.unwrap();
    while watch.next().await.unwrap().is_some() {}
}

/// A registered application and dataset, a deal of an application with an input, its result, and a loose file.
async fn fill(up: &Up) -> Contents {
    let ready = up.ready();
    let blobs = BlobClient::new(&ready.ipfs_node_url, &ready.ipfs_gateway_url).unwrap();
    let dataset = blobs.add_bytes(&b"a dataset"[..]).await.unwrap();
    let provider = connect(ready, Role::AppProvider).await;
    let call = DatasetRegistry::createDatasetCall {
        holder: provider.account(),
        datasetName: "a dataset".to_owned(),
        multiaddr: Location::Ipfs(dataset).to_chain().into(),
        checksum: alloy_primitives::B256::ZERO,
    };
    provider.wallet().send(provider.registries().dataset, call.abi_encode().into()).await.unwrap();

    let loose = blobs.add_bytes(&b"nothing leads here"[..]).await.unwrap();
    let listed = blobs.add_bytes(&b"named by a list alone"[..]).await.unwrap();
    let list = blobs.add_bytes(format!("[\"{listed}\"]").into_bytes()).await.unwrap();
    let module =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/hello/hello.wasm")).unwrap();
    let app = metacloud_blobs::tree::Tree::of(&module).cid;
    let buyer = connect(ready, Role::Requester).await;
    let app_module = App::Module { name: "hello".to_owned(), bytes: module.into() };
    let inputs = vec![Input::Place(format!("/ipfs/{list}"))];
    let deal = buyer.buy(&Purchase { inputs, ..Purchase::new(app_module) }).await.unwrap();
    completed(&deal).await;
    let task = deal.states().await.unwrap().remove(0);
    let link = ResultLink::from_bytes(&task.results);
    let Ok(Location::Ipfs(result)) = link.location.parse() else { panic!("{link:?}") };
    let deadline_s = deal.record().start_time_s
        + DEFAULT_CATEGORIES[0].work_clock_time_ref_s * FINAL_DEADLINE_RATIO
        + KEPT.as_secs();
    let until = SystemTime::UNIX_EPOCH + Duration::from_secs(deadline_s);
    Contents { app, dataset, list, listed, result, loose, until }
}

/// Which of these the gateway of a cloud still has.
async fn there(up: &Up, cids: &[Cid]) -> Vec<bool> {
    let ready = up.ready();
    let blobs = BlobClient::new(&ready.ipfs_node_url, &ready.ipfs_gateway_url).unwrap();
    let asked = cids.iter().map(|cid| async { blobs.fetch(cid, 1 << 24).await.is_ok() });
    futures::stream::iter(asked).buffered(1).collect().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_assets_live_deals_and_results_need_stays_across_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(config(dir.path())).await.unwrap();
    let all = fill(&up).await;
    let needed = [all.app, all.dataset, all.list, all.listed, all.result];
    let live = all.until - Duration::from_secs(1);

    // Young content stays whatever leads to it.
    let collected = up.collector.collecting.once(KEPT, SystemTime::now()).await.unwrap();
    assert_eq!(collected.removed, 0, "{collected:?}");
    up.stop().await.unwrap();

    // Another run reads the chain anew. As if all had been added long ago: no grace.
    let up = Up::start(config(dir.path())).await.unwrap();
    let now = all.until - KEPT;
    let collected = up.collector.collecting.once(Duration::ZERO, now).await.unwrap();
    assert!(collected.removed >= 1, "{collected:?}");
    assert_eq!(there(&up, &[all.loose]).await, [false]);
    assert_eq!(there(&up, &needed).await, [true; 5]);

    // Results count from their own block; what the deal names from its last deadline.
    up.collector.collecting.once(Duration::ZERO, live).await.unwrap();
    assert_eq!(there(&up, &needed[..4]).await, [true; 4]);

    // After its time a deal keeps nothing; assets are sold for ever.
    up.collector.collecting.once(Duration::ZERO, all.until).await.unwrap();
    assert_eq!(there(&up, &needed).await, [true, true, false, false, false]);
    up.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_arrives_after_its_deal_is_followed_and_a_silent_chain_removes_nothing() {
    let up = Up::start(UpConfig::ephemeral(1)).await.unwrap();
    let ready = up.ready().clone();
    let store = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(store.path()).unwrap();
    let chain = metacloud_chain::Chain::connect(&ready.rpc_url).await.unwrap();
    let roots = ChainRoots::new(chain, ready.hub, blobs.clone(), KEPT).await.unwrap();
    let now = SystemTime::now();

    // The deal names a list that this store does not have yet.
    let all = fill(&up).await;
    let knows = async |name: Cid| -> bool {
        use metacloud_blobs::Roots as _;
        roots.names(now).await.unwrap().contains(&Key::from(name))
    };
    assert!(knows(all.list).await && !knows(all.listed).await);
    let list = blobs.add_bytes(format!("[\"{}\"]", all.listed).as_bytes()).await.unwrap();
    assert_eq!(list.cid, all.list);
    assert!(knows(all.listed).await);

    blobs.add_bytes(b"loose").await.unwrap();
    up.stop().await.unwrap();
    let collecting = Collecting { blobs: blobs.clone(), roots };
    assert!(
        collecting.once(Duration::ZERO, now + KEPT).await.is_err(),
        "without a chain nothing can be told"
    );
    assert!(blobs.has(&list.cid).await);
}
