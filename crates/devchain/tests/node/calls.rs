//! `eth_call`, `eth_estimateGas`, receipts, traces, and their errors.

use alloy::sol_types::{Panic, Revert, SolError as _};
use alloy_primitives::{Address, Bytes, U256};
use serde_json::json;

use crate::fixture::*;

#[tokio::test]
async fn revert_comes_with_code_three_reason_and_data() {
    let chain = chain().await;
    let probe = probe(&chain).await;
    let text: Bytes = Revert::from("too late").abi_encode().into();
    let overflow: Bytes = Panic::from(0x11).abi_encode().into();
    let custom = Bytes::from_static(&[1, 2, 3, 4, 5]);
    for (data, message) in [
        (text, "execution reverted: too late"),
        (overflow, "execution reverted: arithmetic underflow or overflow"),
        (custom, "execution reverted"),
        (Bytes::new(), "execution reverted"),
    ] {
        for method in ["eth_call", "eth_estimateGas"] {
            let error = error(&chain, method, json!([{"to": probe, "data": revert_with(&data)}])).await;
            assert_eq!(error["code"], 3, "{method}");
            assert_eq!(error["message"], message, "{method}");
            assert_eq!(error["data"], json!(data), "{method}");
        }
    }
}

#[tokio::test]
async fn halts_have_geths_names() {
    let chain = chain().await;
    let probe = probe(&chain).await;

    let invalid = error(&chain, "eth_call", json!([{"to": probe, "data": INVALID}])).await;
    assert_eq!(invalid["code"], -32000);
    assert_eq!(invalid["message"], "invalid opcode: INVALID");

    let endless = error(&chain, "eth_call", json!([{"to": probe, "data": LOOP, "gas": "0x10000"}])).await;
    assert_eq!(endless["message"], "out of gas");

    let estimate =
        error(&chain, "eth_estimateGas", json!([{"to": probe, "data": LOOP, "gas": "0x10000"}])).await;
    assert_eq!(estimate["message"], "gas required exceeds allowance (65536)");
}

#[tokio::test]
async fn estimate_is_exact() {
    let chain = chain().await;
    let probe = probe(&chain).await;
    let transfer = result(
        &chain,
        "eth_estimateGas",
        json!([{"from": address(0), "to": Address::repeat_byte(7), "value": "0x1"}]),
    )
    .await;
    assert_eq!(transfer, "0x5208");

    let request = json!({"from": address(0), "to": probe, "data": store(1, 7)});
    let gas = number(&result(&chain, "eth_estimateGas", json!([request])).await);
    for (gas, status) in [(gas - 1, "0x0"), (gas, "0x1")] {
        let snapshot = result(&chain, "evm_snapshot", json!([])).await;
        let mut request = request.clone();
        request["gas"] = json!(U256::from(gas));
        let hash = result(&chain, "eth_sendTransaction", json!([request])).await;
        let receipt = result(&chain, "eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt["status"], status, "with {gas}");
        result(&chain, "evm_revert", json!([snapshot])).await;
    }
}

#[tokio::test]
async fn call_with_value_beyond_the_balance_is_refused_in_geths_words() {
    let chain = chain().await;
    let poor = Address::repeat_byte(9);
    let error = error(&chain, "eth_call", json!([{"from": poor, "to": address(0), "value": "0x1"}])).await;
    assert_eq!(
        error["message"],
        format!("insufficient funds for gas * price + value: address {poor} have 0 want 1")
    );
}

#[tokio::test]
async fn overrides_and_older_blocks_are_seen_by_calls_and_leave_no_trace() {
    let chain = chain().await;
    let probe = probe(&chain).await;
    for value in [7, 8] {
        let request = json!([{"from": address(0), "to": probe, "data": store(1, value)}]);
        result(&chain, "eth_sendTransaction", request).await;
    }
    let call = json!({"to": probe, "data": load(1)});
    let word =
        |value: u64| json!(U256::from(value).to_be_bytes::<32>().map(|byte| format!("{byte:02x}")).concat());
    for (tag, value) in [("0x1", 0), ("0x2", 7), ("0x3", 8), ("latest", 8), ("pending", 8)] {
        let answer = result(&chain, "eth_call", json!([call, tag])).await;
        assert_eq!(answer.as_str().unwrap().trim_start_matches("0x"), word(value), "{tag}");
    }
    let unknown = error(&chain, "eth_call", json!([call, "0x9"])).await;
    assert_eq!(unknown["message"], "header not found");

    let slot = format!("0x{:064x}", 1);
    let nine = format!("0x{:064x}", 9);
    let answer =
        result(&chain, "eth_call", json!([call, "latest", {probe.to_string(): {"stateDiff": {slot: nine}}}]))
            .await;
    assert_eq!(answer, json!(nine));
    let stored = result(&chain, "eth_getStorageAt", json!([probe, "0x1", "latest"])).await;
    assert_eq!(stored, json!(format!("0x{:064x}", 8)));
}

#[tokio::test]
async fn failed_transaction_has_a_receipt_and_a_trace_that_tells_why() {
    let chain = chain().await;
    let probe = probe(&chain).await;
    let text: Bytes = Revert::from("no").abi_encode().into();
    let hash = result(
        &chain,
        "eth_sendTransaction",
        json!([{"from": address(1), "to": probe, "data": revert_with(&text), "gas": "0x186a0"}]),
    )
    .await;

    let receipt = result(&chain, "eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt["status"], "0x0");
    assert_eq!(receipt["logs"], json!([]));

    let trace = result(&chain, "debug_traceTransaction", json!([hash, {"tracer": "callTracer"}])).await;
    assert_eq!(trace["type"], "CALL");
    assert_eq!(trace["error"], "execution reverted");
    assert_eq!(trace["revertReason"], "no");
    assert_eq!(trace["gasUsed"], receipt["gasUsed"]);
    assert_eq!(trace["output"], json!(text));

    for options in [json!({}), json!({"tracer": "prestateTracer"})] {
        let error = error(&chain, "debug_traceTransaction", json!([hash, options])).await;
        assert_eq!(error["code"], -32000);
        assert!(error["message"].as_str().unwrap().contains("callTracer"));
    }
}

#[tokio::test]
async fn block_hash_is_that_of_its_header_and_roots_commit_to_the_content() {
    let chain = chain().await;
    probe(&chain).await;
    let block = result(&chain, "eth_getBlockByNumber", json!(["latest", true])).await;
    let block: alloy::rpc::types::Block = serde_json::from_value(block).unwrap();

    assert_eq!(block.header.inner.hash_slow(), block.header.hash);
    let transactions: Vec<_> =
        block.transactions.txns().map(|transaction| transaction.inner.inner().clone()).collect();
    assert_eq!(
        alloy::consensus::proofs::calculate_transaction_root(&transactions),
        block.header.transactions_root
    );
}

#[tokio::test]
async fn unknown_things_are_null_and_unknown_methods_are_named() {
    let chain = chain().await;
    let hash = format!("0x{:064x}", 5);
    for method in ["eth_getTransactionReceipt", "eth_getTransactionByHash", "eth_getBlockByHash"] {
        assert!(result(&chain, method, json!([hash])).await.is_null(), "{method}");
    }
    let unknown = error(&chain, "eth_fly", json!([])).await;
    assert_eq!(unknown["code"], -32601);
    assert_eq!(unknown["message"], "the method eth_fly does not exist/is not available");
    let missing = error(&chain, "eth_getBalance", json!([])).await;
    assert_eq!(missing["code"], -32602);
    assert_eq!(missing["message"], "missing value for required argument 0");
}
