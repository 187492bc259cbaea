//! Log queries and polled filters.

use alloy_primitives::{Address, B256};
use metacloud_devchain::Devchain;
use serde_json::{Value, json};

use crate::fixture::*;

async fn emit_one(chain: &Devchain, probe: Address, topic: u8) -> Value {
    let request = json!([{"from": address(0), "to": probe, "data": emit(B256::repeat_byte(topic))}]);
    let hash = result(chain, "eth_sendTransaction", request).await;
    result(chain, "eth_getTransactionReceipt", json!([hash])).await
}

fn topics(logs: &Value) -> Vec<u8> {
    logs.as_array()
        .unwrap()
        .iter()
        .map(|log| log["topics"][0].as_str().unwrap().parse::<B256>().unwrap()[0])
        .collect()
}

#[tokio::test]
async fn queries_select_by_range_hash_address_and_topic() {
    let chain = chain().await;
    let probe = probe(&chain).await;
    let mut receipts = Vec::new();
    for topic in [1, 2, 1] {
        receipts.push(emit_one(&chain, probe, topic).await);
    }
    let one = B256::repeat_byte(1);
    let two = B256::repeat_byte(2);
    for (filter, expected) in [
        (json!({"fromBlock": "earliest"}), vec![1, 2, 1]),
        (json!({}), vec![1]),
        (json!({"fromBlock": "0x2", "toBlock": "0x3"}), vec![1, 2]),
        (json!({"fromBlock": "0x0", "toBlock": "0x99"}), vec![1, 2, 1]),
        (json!({"fromBlock": "0x0", "topics": [two]}), vec![2]),
        (json!({"fromBlock": "0x0", "topics": [[one, two]]}), vec![1, 2, 1]),
        (json!({"fromBlock": "0x0", "topics": [null, one]}), vec![]),
        (json!({"fromBlock": "0x0", "address": address(0)}), vec![]),
        (json!({"fromBlock": "0x0", "address": [address(0), probe]}), vec![1, 2, 1]),
        (json!({"blockHash": receipts[1]["blockHash"]}), vec![2]),
    ] {
        let logs = result(&chain, "eth_getLogs", json!([filter])).await;
        assert_eq!(topics(&logs), expected, "{filter}");
    }
    let logs = result(&chain, "eth_getLogs", json!([{}])).await;
    assert_eq!(logs[0], receipts[2]["logs"][0]);

    let backwards = error(&chain, "eth_getLogs", json!([{"fromBlock": "0x3", "toBlock": "0x2"}])).await;
    assert_eq!(backwards["message"], "invalid block range params");
    let unknown = error(&chain, "eth_getLogs", json!([{"blockHash": one}])).await;
    assert_eq!(unknown["message"], "unknown block");
}

#[tokio::test]
async fn filters_tell_what_is_new_since_the_last_poll() {
    let chain = chain().await;
    let probe = probe(&chain).await;
    let logs = result(&chain, "eth_newFilter", json!([{"address": probe}])).await;
    let blocks = result(&chain, "eth_newBlockFilter", json!([])).await;
    let pending = result(&chain, "eth_newPendingTransactionFilter", json!([])).await;
    let receipt = emit_one(&chain, probe, 3).await;

    let changes = result(&chain, "eth_getFilterChanges", json!([logs])).await;
    assert_eq!(topics(&changes), [3]);
    let changes = result(&chain, "eth_getFilterChanges", json!([blocks])).await;
    assert_eq!(changes, json!([receipt["blockHash"]]));
    let changes = result(&chain, "eth_getFilterChanges", json!([pending])).await;
    assert_eq!(changes, json!([receipt["transactionHash"]]));

    for filter in [&logs, &blocks, &pending] {
        let changes = result(&chain, "eth_getFilterChanges", json!([filter])).await;
        assert_eq!(changes, json!([]));
        assert_eq!(result(&chain, "eth_uninstallFilter", json!([filter])).await, true);
        let gone = error(&chain, "eth_getFilterChanges", json!([filter])).await;
        assert_eq!(gone["message"], "filter not found");
    }
    assert_eq!(result(&chain, "eth_uninstallFilter", json!([logs])).await, false);
}

#[tokio::test]
async fn filter_reports_logs_that_an_evm_revert_removed() {
    let chain = chain().await;
    let probe = probe(&chain).await;
    let snapshot = result(&chain, "evm_snapshot", json!([])).await;
    let filter = result(&chain, "eth_newFilter", json!([{"address": probe}])).await;
    emit_one(&chain, probe, 1).await;
    result(&chain, "eth_getFilterChanges", json!([filter])).await;
    result(&chain, "evm_revert", json!([snapshot])).await;
    emit_one(&chain, probe, 2).await;

    let changes = result(&chain, "eth_getFilterChanges", json!([filter])).await;

    assert_eq!(topics(&changes), [1, 2]);
    assert_eq!(changes[0]["removed"], true);
    assert_eq!(changes[1]["removed"], false);
}

#[tokio::test]
async fn too_many_filters_or_alternatives_are_refused() {
    let chain = chain().await;
    let many: Vec<B256> = (0..1_001_u64).map(|index| B256::left_padding_from(&index.to_be_bytes())).collect();
    let error_of_many = error(&chain, "eth_getLogs", json!([{"topics": [many]}])).await;
    assert_eq!(error_of_many["code"], -32602);
    for _ in 0..1_024 {
        result(&chain, "eth_newBlockFilter", json!([])).await;
    }
    let full = error(&chain, "eth_newBlockFilter", json!([])).await;
    assert_eq!(full["code"], -32005);
}
