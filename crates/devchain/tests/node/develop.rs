//! Development methods: snapshots, time, state, impersonation, signing.

use alloy_primitives::{Address, B256, U256};
use serde_json::json;

use crate::fixture::*;

#[tokio::test]
async fn revert_undoes_blocks_state_and_time_and_uses_the_snapshot_up() {
    let chain = chain().await;
    let probe = probe(&chain).await;
    let head = chain.head();
    let snapshot = result(&chain, "evm_snapshot", json!([])).await;
    let later = result(&chain, "evm_snapshot", json!([])).await;
    result(&chain, "evm_increaseTime", json!([1_000])).await;
    result(&chain, "hardhat_setBalance", json!([address(3), "0x1"])).await;
    let hash = result(
        &chain,
        "eth_sendTransaction",
        json!([{"from": address(0), "to": probe, "data": store(1, 5)}]),
    )
    .await;

    assert_eq!(result(&chain, "evm_revert", json!([snapshot])).await, true);

    assert_eq!(chain.head(), head);
    assert!(result(&chain, "eth_getTransactionReceipt", json!([hash])).await.is_null());
    let stored = result(&chain, "eth_getStorageAt", json!([probe, "0x1"])).await;
    assert_eq!(number(&stored), 0);
    let balance = result(&chain, "eth_getBalance", json!([address(3)])).await;
    assert_ne!(balance, "0x1");
    for used in [snapshot, later] {
        assert_eq!(result(&chain, "evm_revert", json!([used])).await, false);
    }
    let nonce = result(&chain, "eth_getTransactionCount", json!([address(0), "pending"])).await;
    assert_eq!(nonce, "0x1");
}

#[tokio::test]
async fn time_can_be_moved_and_blocks_follow_it() {
    let chain = chain().await;
    let probe = probe(&chain).await;
    let genesis = result(&chain, "eth_getBlockByNumber", json!(["earliest", false])).await;
    let start_s = number(&genesis["timestamp"]);

    let target_s = start_s + 1_000_000;
    result(&chain, "evm_setNextBlockTimestamp", json!([target_s])).await;
    let pending = result(&chain, "eth_call", json!([{"to": probe, "data": CLOCK}, "pending"])).await;
    assert_eq!(&pending.as_str().unwrap()[2..66], format!("{target_s:064x}"));
    result(&chain, "evm_mine", json!([])).await;
    let block = result(&chain, "eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!(number(&block["timestamp"]), target_s);

    result(&chain, "evm_increaseTime", json!([500])).await;
    result(&chain, "evm_mine", json!([])).await;
    let block = result(&chain, "eth_getBlockByNumber", json!(["latest", false])).await;
    assert!(number(&block["timestamp"]) >= target_s + 500);

    let error = error(&chain, "evm_setNextBlockTimestamp", json!([start_s])).await;
    assert_eq!(error["code"], -32602);
    assert!(error["message"].as_str().unwrap().contains("lower than the latest block's"));
}

#[tokio::test]
async fn many_instant_blocks_do_not_run_ahead_of_the_clock() {
    let chain = chain().await;
    result(&chain, "hardhat_mine", json!(["0x64"])).await;
    let block = result(&chain, "eth_getBlockByNumber", json!(["latest", false])).await;
    let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(number(&block["number"]), 100);
    assert!(number(&block["timestamp"]) <= now_s);
}

#[tokio::test]
async fn state_can_be_set_under_both_names() {
    let chain = chain().await;
    let somebody = Address::repeat_byte(0x77);
    for family in ["hardhat", "anvil"] {
        let method = |name: &str| format!("{family}_{name}");
        let word = B256::repeat_byte(family.len() as u8);
        result(&chain, &method("setBalance"), json!([somebody, "0xabc"])).await;
        result(&chain, &method("setNonce"), json!([somebody, "0x7"])).await;
        result(&chain, &method("setCode"), json!([somebody, "0x5f5ff3"])).await;
        result(&chain, &method("setStorageAt"), json!([somebody, "0x2", word])).await;
        let balance = result(&chain, "eth_getBalance", json!([somebody])).await;
        assert_eq!(balance, "0xabc");
        let nonce = result(&chain, "eth_getTransactionCount", json!([somebody])).await;
        assert_eq!(nonce, "0x7");
        assert_eq!(result(&chain, "eth_getCode", json!([somebody])).await, "0x5f5ff3");
        let stored = result(&chain, "eth_getStorageAt", json!([somebody, "0x2"])).await;
        assert_eq!(stored, json!(word));
    }
}

#[tokio::test]
async fn impersonated_account_sends_without_a_key_until_it_is_stopped() {
    let chain = chain().await;
    let probe = probe(&chain).await;
    let request = json!([{"from": probe, "to": address(1), "value": "0x5"}]);
    let refused = error(&chain, "eth_sendTransaction", request.clone()).await;
    assert_eq!(refused["message"], "unknown account");
    result(&chain, "hardhat_setBalance", json!([probe, "0xde0b6b3a7640000"])).await;
    result(&chain, "hardhat_impersonateAccount", json!([probe])).await;

    let hash = result(&chain, "eth_sendTransaction", request.clone()).await;

    let sent = result(&chain, "eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(sent["from"].as_str().unwrap().parse::<Address>().unwrap(), probe);
    let receipt = result(&chain, "eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt["status"], "0x1");
    result(&chain, "hardhat_stopImpersonatingAccount", json!([probe])).await;
    error(&chain, "eth_sendTransaction", request).await;
}

#[tokio::test]
async fn node_signs_with_development_keys_alone() {
    let chain = chain().await;
    let message = "0x68656c6c6f";
    let signature = result(&chain, "personal_sign", json!([message, address(0)])).await;
    let signature: alloy_primitives::Signature = signature.as_str().unwrap().parse().unwrap();
    assert_eq!(signature.recover_address_from_msg("hello").unwrap(), address(0));

    let data = json!({
        "types": {
            "EIP712Domain": [{"name": "name", "type": "string"}],
            "Note": [{"name": "text", "type": "string"}],
        },
        "primaryType": "Note", "domain": {"name": "n"}, "message": {"text": "t"},
    });
    let of_object = result(&chain, "eth_signTypedData_v4", json!([address(0), data])).await;
    let of_text = result(&chain, "eth_signTypedData_v4", json!([address(0), data.to_string()])).await;
    assert_eq!(of_object, of_text);

    let unknown = error(&chain, "personal_sign", json!([message, Address::ZERO])).await;
    assert_eq!(unknown["message"], "unknown account");
}

#[tokio::test]
async fn state_behind_the_history_is_refused_as_geth_refuses_it() {
    let chain = chain().await;
    result(&chain, "hardhat_mine", json!(["0x2328"])).await;
    let gone = error(&chain, "eth_getBalance", json!([address(0), "0x1"])).await;
    assert!(gone["message"].as_str().unwrap().starts_with("missing trie node"));
    let kept = result(&chain, "eth_getBalance", json!([address(0), "0x1000"])).await;
    assert_eq!(kept, json!(U256::from(10_000_u64) * U256::from(10).pow(U256::from(18))));
}
