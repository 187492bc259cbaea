//! The pool: nonce gaps, replacements, refusals, timed blocks.

use std::time::{Duration, Instant};

use alloy::eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, Bytes, U256};
use metacloud_devchain::{BaseFee, Mining, start};
use serde_json::{Value, json};

use crate::fixture::*;

async fn refusal(chain: &metacloud_devchain::Devchain, raw: Value) -> String {
    let error = error(chain, "eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(error["code"], -32000);
    error["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn transaction_ahead_of_its_nonce_waits_for_the_gap_to_close() {
    let chain = chain().await;
    let second = result(&chain, "eth_sendRawTransaction", json!([raw(0, transfer(1))])).await;
    assert!(result(&chain, "eth_getTransactionReceipt", json!([second])).await.is_null());
    let waiting = result(&chain, "eth_getTransactionByHash", json!([second])).await;
    assert!(waiting["blockHash"].is_null());
    assert_eq!(result(&chain, "txpool_status", json!([])).await["queued"], "0x1");
    assert_eq!(result(&chain, "eth_getTransactionCount", json!([address(0), "pending"])).await, "0x0");

    result(&chain, "eth_sendRawTransaction", json!([raw(0, transfer(0))])).await;

    let receipt = result(&chain, "eth_getTransactionReceipt", json!([second])).await;
    assert_eq!(receipt["status"], "0x1");
    assert_eq!(receipt["transactionIndex"], "0x1");
}

#[tokio::test]
async fn who_was_just_told_its_nonce_learns_of_its_transaction_when_ethers_asks_afresh() {
    let chain = chain().await;
    for nonce in 0..2 {
        let asked = Instant::now();
        let told = result(&chain, "eth_getTransactionCount", json!([address(0), "pending"])).await;
        assert_eq!(number(&told), nonce);
        let batch = json!([
            {"jsonrpc": "2.0", "id": 1, "method": "eth_sendRawTransaction", "params": [raw(0, transfer(nonce))]},
            {"jsonrpc": "2.0", "id": 2, "method": "eth_blockNumber", "params": []},
        ]);
        let (_, text) = post(&chain, batch.to_string()).await;
        assert!(asked.elapsed() >= Duration::from_millis(260), "ethers still remembers the nonce: {text}");
        assert!(!text.contains("error"), "{text}");
    }
}

#[tokio::test]
async fn refusals_have_geths_words() {
    let chain = chain().await;
    result(&chain, "eth_sendRawTransaction", json!([raw(0, transfer(0))])).await;

    assert_eq!(refusal(&chain, raw(0, transfer(0))).await, "nonce too low: next nonce 1, tx nonce 0");
    result(&chain, "eth_sendRawTransaction", json!([raw(0, transfer(2))])).await;
    assert_eq!(refusal(&chain, raw(0, transfer(2))).await, "already known");
    assert!(refusal(&chain, raw(0, transfer(5_000))).await.starts_with("nonce too high"));

    let mut rich = transfer(1);
    rich.value = U256::MAX >> 8;
    assert!(
        refusal(&chain, raw(0, rich))
            .await
            .starts_with("insufficient funds for gas * price + value: balance ")
    );
    let mut little = transfer(1);
    little.gas_limit = 20_999;
    assert_eq!(refusal(&chain, raw(0, little)).await, "intrinsic gas too low: have 20999, want 21000");
    let mut much = transfer(1);
    much.gas_limit = 16_777_217;
    assert_eq!(
        refusal(&chain, raw(0, much)).await,
        "transaction gas limit too high (cap: 16777216, tx: 16777217)"
    );
    let mut tip = transfer(1);
    tip.max_priority_fee_per_gas = 1;
    assert_eq!(refusal(&chain, raw(0, tip)).await, "max priority fee per gas higher than max fee per gas");
}

#[tokio::test]
async fn replacement_must_pay_a_tenth_more() {
    let chain = chain().await;
    result(&chain, "evm_setAutomine", json!([false])).await;
    let priced = |fee: u128| {
        let mut transaction = transfer(0);
        transaction.max_fee_per_gas = fee;
        transaction.max_priority_fee_per_gas = fee;
        raw(0, transaction)
    };
    let first = result(&chain, "eth_sendRawTransaction", json!([priced(100)])).await;
    assert_eq!(refusal(&chain, priced(109)).await, "replacement transaction underpriced");
    let second = result(&chain, "eth_sendRawTransaction", json!([priced(110)])).await;

    result(&chain, "evm_mine", json!([])).await;

    assert!(result(&chain, "eth_getTransactionByHash", json!([first])).await.is_null());
    let receipt = result(&chain, "eth_getTransactionReceipt", json!([second])).await;
    assert_eq!(receipt["status"], "0x1");
}

#[tokio::test]
async fn fee_below_the_base_fee_is_refused_where_blocks_are_instant() {
    let mut config = config();
    config.base_fee_wei = BaseFee::Eip1559 { initial: 1_000_000_000 };
    let chain = start(config).await.unwrap();
    assert!(
        refusal(&chain, raw(0, transfer(0)))
            .await
            .starts_with("max fee per gas less than block base fee: address ")
    );
    let history = result(&chain, "eth_feeHistory", json!(["0x4", "latest", [50.0]])).await;
    assert_eq!(history["baseFeePerGas"], json!(["0x3b9aca00", "0x342770c0"]));
    assert_eq!(history["oldestBlock"], "0x0");
}

#[tokio::test]
async fn timed_blocks_take_what_waits() {
    let mut config = config();
    config.mining = Mining::Every(Duration::from_millis(20));
    let chain = start(config).await.unwrap();
    let hash = result(&chain, "eth_sendRawTransaction", json!([raw(0, transfer(0))])).await;
    let receipt = loop {
        let receipt = result(&chain, "eth_getTransactionReceipt", json!([hash])).await;
        if !receipt.is_null() {
            break receipt;
        }
    };
    assert_eq!(receipt["status"], "0x1");
}

#[tokio::test]
async fn block_takes_no_more_gas_than_its_limit() {
    let mut config = config();
    config.block_gas_limit = 50_000;
    let chain = start(config).await.unwrap();
    result(&chain, "evm_setAutomine", json!([false])).await;
    for nonce in 0..3 {
        result(&chain, "eth_sendRawTransaction", json!([raw(0, transfer(nonce))])).await;
    }
    for expected in [2, 1] {
        result(&chain, "evm_mine", json!([])).await;
        let count = result(&chain, "eth_getBlockTransactionCountByNumber", json!(["latest"])).await;
        assert_eq!(number(&count), expected);
    }
    let mut large = transfer(3);
    large.gas_limit = 50_001;
    assert_eq!(refusal(&chain, raw(0, large)).await, "exceeds block gas limit");
}

#[tokio::test]
async fn legacy_and_set_code_transactions_are_mined() {
    use alloy::consensus::{SignableTransaction as _, TxEip7702, TxEnvelope, TxLegacy};
    use alloy::eips::eip7702::Authorization;
    use alloy::signers::SignerSync as _;
    let chain = chain().await;
    let probe = probe(&chain).await;
    let legacy = TxLegacy {
        chain_id: None,
        nonce: 0,
        gas_price: 0,
        gas_limit: 21_000,
        to: Address::repeat_byte(1).into(),
        value: U256::from(1),
        input: Bytes::new(),
    };
    let signature = signer(1).sign_hash_sync(&legacy.signature_hash()).unwrap();
    let legacy: TxEnvelope = legacy.into_signed(signature).into();
    let authorization = Authorization { chain_id: U256::from(CHAIN_ID), address: probe, nonce: 0 };
    let authorized = signer(2).sign_hash_sync(&authorization.signature_hash()).unwrap();
    let set_code = TxEip7702 {
        chain_id: CHAIN_ID,
        nonce: 1,
        gas_limit: 200_000,
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: 0,
        to: address(2),
        value: U256::ZERO,
        access_list: Default::default(),
        authorization_list: vec![authorization.into_signed(authorized)],
        input: store(3, 33),
    };
    let signature = signer(1).sign_hash_sync(&set_code.signature_hash()).unwrap();
    let set_code: TxEnvelope = set_code.into_signed(signature).into();
    for transaction in [legacy, set_code] {
        let raw = Bytes::from(transaction.encoded_2718());
        let hash = result(&chain, "eth_sendRawTransaction", json!([raw])).await;
        let receipt = result(&chain, "eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt["status"], "0x1");
    }
    let stored = result(&chain, "eth_getStorageAt", json!([address(2), "0x3"])).await;
    assert_eq!(number(&stored), 33);
}
