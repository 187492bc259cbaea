//! Batches and notifications of JSON-RPC 2.0.

use serde_json::{Value, json};

use crate::fixture::*;

async fn batch(chain: &metacloud_devchain::Devchain, body: Value) -> Value {
    let (status, text) = post(chain, body.to_string()).await;
    assert_eq!(status, 200);
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn batch_answers_each_call_and_no_notification() {
    let chain = chain().await;
    let answers = batch(
        &chain,
        json!([
            {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"},
            {"jsonrpc": "2.0", "method": "eth_blockNumber"},
            {"jsonrpc": "2.0", "id": "two", "method": "eth_call", "params": [{"to": address(1)}, "latest"]},
            7,
            {"jsonrpc": "2.0", "id": 4, "method": "nope"},
        ]),
    )
    .await;
    assert_eq!(
        answers,
        json!([
            {"jsonrpc": "2.0", "id": 1, "result": "0xffff"},
            {"jsonrpc": "2.0", "id": "two", "result": "0x"},
            {"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "invalid request: not a JSON-RPC call"}},
            {"jsonrpc": "2.0", "id": 4, "error": {"code": -32601, "message": "the method nope does not exist/is not available"}},
        ])
    );
}

#[tokio::test]
async fn notifications_alone_get_an_empty_answer_and_are_executed() {
    let chain = chain().await;
    let body = json!([{"jsonrpc": "2.0", "method": "evm_mine"}]);
    let (status, text) = post(&chain, body.to_string()).await;
    assert_eq!((status, text.as_str()), (200, ""));
    assert_eq!(chain.head().0, 1);
}

#[tokio::test]
async fn transactions_of_a_batch_share_a_block_and_later_calls_see_them() {
    let chain = chain().await;
    let mut calls: Vec<Value> = (0..5)
        .map(|nonce| {
            json!({"jsonrpc": "2.0", "id": nonce, "method": "eth_sendRawTransaction",
                   "params": [raw(0, transfer(nonce))]})
        })
        .collect();
    calls.push(json!({"jsonrpc": "2.0", "id": 9, "method": "eth_getTransactionCount",
                      "params": [address(0), "latest"]}));
    let answers = batch(&chain, json!(calls)).await;
    assert_eq!(answers[5]["result"], "0x5");
    assert!(chain.head().0 <= 5);
    for index in 0..5 {
        let hash = &answers[index]["result"];
        let receipt = result(&chain, "eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt["status"], "0x1");
    }
}

#[tokio::test]
async fn empty_and_oversized_batches_are_refused_with_one_error() {
    let chain = chain().await;
    assert_eq!(batch(&chain, json!([])).await["error"]["code"], -32600);
    let many: Vec<Value> =
        (0..1_001).map(|id| json!({"jsonrpc": "2.0", "id": id, "method": "eth_chainId"})).collect();
    assert_eq!(batch(&chain, json!(many)).await["error"]["code"], -32600);
}
