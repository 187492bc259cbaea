//! A running node, raw JSON-RPC, signed transactions, and a contract that does what its call data says.

use alloy::consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy::eips::eip2718::Encodable2718 as _;
use alloy::signers::SignerSync as _;
use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use metacloud_devchain::accounts::development_accounts;
use metacloud_devchain::{Config, Devchain, start};
use serde_json::{Value, json};

pub(crate) const CHAIN_ID: u64 = 65_535;

pub(crate) fn config() -> Config {
    Config::in_memory(CHAIN_ID)
}

pub(crate) async fn chain() -> Devchain {
    start(config()).await.unwrap()
}

pub(crate) fn signer(index: usize) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&development_accounts()[index].private_key).unwrap()
}

pub(crate) fn address(index: usize) -> Address {
    development_accounts()[index].address
}

/// Posts a body as it is; answers status and text.
pub(crate) async fn post(chain: &Devchain, body: impl Into<reqwest::Body>) -> (u16, String) {
    thread_local! {
        /// Each test has a thread and a runtime of its own, and so a client.
        static CLIENT: reqwest::Client = reqwest::Client::new();
    }
    let response = CLIENT
        .with(reqwest::Client::clone)
        .post(chain.rpc_url())
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// The whole answer of one call.
pub(crate) async fn answer(chain: &Devchain, method: &str, params: Value) -> Value {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let (status, text) = post(chain, body.to_string()).await;
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// The result of a call that must succeed.
pub(crate) async fn result(chain: &Devchain, method: &str, params: Value) -> Value {
    let answer = answer(chain, method, params).await;
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].clone()
}

/// The error of a call that must fail.
pub(crate) async fn error(chain: &Devchain, method: &str, params: Value) -> Value {
    let answer = answer(chain, method, params).await;
    assert!(answer.get("result").is_none(), "{method}: {answer}");
    answer["error"].clone()
}

pub(crate) fn number(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

/// A transaction to be signed.
pub(crate) fn transfer(nonce: u64) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: 0,
        to: TxKind::Call(Address::repeat_byte(0xaa)),
        value: U256::from(1),
        access_list: Default::default(),
        input: Bytes::new(),
    }
}

/// Signed by a development account; the raw bytes as JSON.
pub(crate) fn raw(signer_index: usize, transaction: TxEip1559) -> Value {
    json!(Bytes::from(signed(signer_index, transaction).encoded_2718()))
}

pub(crate) fn signed(signer_index: usize, transaction: TxEip1559) -> TxEnvelope {
    let signature = signer(signer_index).sign_hash_sync(&transaction.signature_hash()).unwrap();
    transaction.into_signed(signature).into()
}

/// Creates the probe contract from account 0 and answers its address.
pub(crate) async fn probe(chain: &Devchain) -> Address {
    let hash =
        result(chain, "eth_sendTransaction", json!([{"from": address(0), "data": probe_creation()}])).await;
    let receipt = result(chain, "eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt["status"], "0x1");
    serde_json::from_value(receipt["contractAddress"].clone()).unwrap()
}

/// Call data of the probe: emit a log with this topic.
pub(crate) fn emit(topic: B256) -> Bytes {
    [&[1], topic.as_slice()].concat().into()
}

/// Call data of the probe: revert with these bytes.
pub(crate) fn revert_with(data: &[u8]) -> Bytes {
    [&[2], data].concat().into()
}

/// Call data of the probe: store a value.
pub(crate) fn store(slot: u64, value: u64) -> Bytes {
    [&[3], U256::from(slot).to_be_bytes::<32>().as_slice(), U256::from(value).to_be_bytes::<32>().as_slice()]
        .concat()
        .into()
}

/// Call data of the probe: return a slot.
pub(crate) fn load(slot: u64) -> Bytes {
    [&[4], U256::from(slot).to_be_bytes::<32>().as_slice()].concat().into()
}

/// Call data of the probe: return the block's time and number.
pub(crate) const CLOCK: Bytes = Bytes::from_static(&[5]);
/// Call data of the probe: run into the invalid opcode.
pub(crate) const INVALID: Bytes = Bytes::from_static(&[6]);
/// Call data of the probe: never end.
pub(crate) const LOOP: Bytes = Bytes::from_static(&[7]);

/// Creation code of the probe. The first byte of the call data says what to do.
pub(crate) fn probe_creation() -> Bytes {
    let actions: [&[u8]; 7] = [
        &hex!("5b6001355f5fa100"),
        &hex!("5b600136038060015f375ffd"),
        &hex!("5b6021356001355500"),
        &hex!("5b600135545f5260205ff3"),
        &hex!("5b425f524360205260405ff3"),
        &hex!("5bfe"),
        &hex!("5b"),
    ];
    // PUSH0 CALLDATALOAD PUSH1 f8 SHR; then per action DUP1 PUSH1 n EQ PUSH2 target JUMPI; then STOP.
    let mut dispatch = hex!("5f3560f81c").to_vec();
    let mut body = Vec::new();
    let start = dispatch.len() + actions.len() * 8 + 1;
    for (index, action) in actions.iter().enumerate() {
        let target = u16::try_from(start + body.len()).unwrap();
        dispatch.extend_from_slice(&[0x80, 0x60, u8::try_from(index + 1).unwrap(), 0x14, 0x61]);
        dispatch.extend_from_slice(&target.to_be_bytes());
        dispatch.push(0x57);
        body.extend_from_slice(action);
        if index == 6 {
            body.push(0x61);
            body.extend_from_slice(&target.to_be_bytes());
            body.push(0x56);
        }
    }
    dispatch.push(0x00);
    let code = [dispatch, body].concat();
    let length = u16::try_from(code.len()).unwrap().to_be_bytes();
    [&[0x61][..], &length, &hex!("80600a5f395ff3"), &code].concat().into()
}
