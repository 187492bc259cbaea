//! Bodies that no client sends.

use serde_json::{Value, json};

use crate::fixture::*;

#[tokio::test]
async fn malformed_bodies_get_a_json_rpc_error() {
    let chain = chain().await;
    for (body, code) in [
        ("", -32700),
        ("{", -32700),
        ("nul", -32700),
        ("\u{0}", -32700),
        ("\"text\"", -32600),
        ("{}", -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":"x"}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":{"a":1}}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":[1],"method":"eth_chainId"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x12"]}"#, -32602),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[[[[]]]]}"#, -32602),
    ] {
        let (status, text) = post(&chain, body).await;
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["error"]["code"], code, "{body}");
    }
    let (_, text) = post(&chain, vec![0xff, 0xfe]).await;
    assert!(text.contains("-32700"));
}

#[tokio::test]
async fn deep_nesting_is_refused_and_the_node_lives_on() {
    let chain = chain().await;
    let deep = "[".repeat(200_000);
    let (_, text) = post(&chain, deep.clone()).await;
    assert!(text.contains("-32700"), "{text}");
    let closed = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{closed}]}}"#);
    let (_, text) = post(&chain, body).await;
    assert!(text.contains("-32602") || text.contains("-32700"), "{text}");
    assert_eq!(result(&chain, "eth_chainId", json!([])).await, "0xffff");
}

#[tokio::test]
async fn giant_body_is_refused_by_its_size() {
    let chain = chain().await;
    let (status, _) = post(&chain, vec![b' '; 9 << 20]).await;
    assert_eq!(status, 413);
    assert_eq!(result(&chain, "eth_chainId", json!([])).await, "0xffff");
}

#[tokio::test]
async fn browsers_of_any_origin_may_call() {
    let chain = chain().await;
    let client = reqwest::Client::new();
    let preflight = client
        .request(reqwest::Method::OPTIONS, chain.rpc_url())
        .header("origin", "https://example.org")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type")
        .send()
        .await
        .unwrap();
    assert!(preflight.status().is_success());
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    let answer = client
        .post(chain.rpc_url())
        .header("origin", "https://example.org")
        .body(r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn raw_transactions_that_are_none_are_refused_in_geths_words() {
    let chain = chain().await;
    let mut other_chain = transfer(0);
    other_chain.chain_id = 1;
    let mut bits = raw(0, transfer(0)).as_str().unwrap().to_owned();
    bits.truncate(bits.len() - 2);
    for (raw, text) in [
        (json!("0x"), "typed transaction too short"),
        (json!("0x03c0"), "transaction type not supported: blob transactions (EIP-4844)"),
        (json!("0x7fc0"), "transaction type not supported"),
        (json!("0x02c0"), "rlp"),
        (json!(bits), "rlp"),
        (raw(0, other_chain), "invalid chain id for signer: have 1 want 65535"),
    ] {
        let error = error(&chain, "eth_sendRawTransaction", json!([raw])).await;
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(text), "{message} is not {text}");
        assert_eq!(error["code"], -32000);
    }
}
