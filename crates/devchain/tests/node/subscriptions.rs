//! Subscriptions over WebSocket, by alloy's provider.

use alloy::providers::{Provider as _, ProviderBuilder, WsConnect};
use alloy::rpc::types::Filter;
use alloy_primitives::B256;
use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::fixture::*;

#[tokio::test]
async fn heads_logs_and_pending_transactions_arrive_in_order() {
    let chain = chain().await;
    let probe = probe(&chain).await;
    let client = ProviderBuilder::new().connect_ws(WsConnect::new(chain.ws_url())).await.unwrap();
    let mut heads = client.subscribe_blocks().await.unwrap().into_stream();
    let filter = Filter::new().address(probe);
    let mut logs = client.subscribe_logs(&filter).await.unwrap().into_stream();
    let mut pending = client.subscribe_pending_transactions().await.unwrap().into_stream();

    for round in 0..12_u8 {
        let data = emit(B256::repeat_byte(round));
        let request = json!([{"from": address(0), "to": probe, "data": data}]);
        let hash = result(&chain, "eth_sendTransaction", request).await;
        assert_eq!(json!(pending.next().await.unwrap()), hash);
    }
    for round in 0..12_u8 {
        assert_eq!(heads.next().await.unwrap().number, u64::from(round) + 2);
        let log = logs.next().await.unwrap();
        assert_eq!(log.topics()[0], B256::repeat_byte(round));
        assert_eq!(log.block_number, Some(u64::from(round) + 2));
    }
}

#[tokio::test]
async fn calls_and_subscriptions_share_a_connection_and_are_bounded() {
    let chain = chain().await;
    let client = ProviderBuilder::new().connect_ws(WsConnect::new(chain.ws_url())).await.unwrap();
    assert_eq!(client.get_chain_id().await.unwrap(), CHAIN_ID);
    for _ in 0..128 {
        let _: Value = client.raw_request("eth_subscribe".into(), json!(["newHeads"])).await.unwrap();
    }
    let refused =
        client.raw_request::<_, Value>("eth_subscribe".into(), json!(["newHeads"])).await.unwrap_err();
    assert_eq!(refused.as_error_resp().unwrap().code, -32005);
    let removed: bool = client.raw_request("eth_unsubscribe".into(), json!(["0x1"])).await.unwrap();
    assert!(removed);
    let unknown =
        client.raw_request::<_, Value>("eth_subscribe".into(), json!(["weather"])).await.unwrap_err();
    assert_eq!(unknown.as_error_resp().unwrap().code, -32601);
}

#[tokio::test]
async fn subscription_over_http_is_refused_by_name() {
    let chain = chain().await;
    let refused = error(&chain, "eth_subscribe", json!(["newHeads"])).await;
    assert!(refused["message"].as_str().unwrap().starts_with("notifications not supported"));
}
