//! Inputs to start from, in the form that honest peers send.

use std::io::{Cursor, Write as _};

use alloy_primitives::{B256, U256, hex, keccak256};
use metacloud_seal::AesKey;
use metacloud_seal::chunked;
use metacloud_seal::sealed::SealKey;

use crate::sealed::RECIPIENT;

macro_rules! golden {
    ($name:literal) => {
        include_str!(concat!("../../crates/wire/tests/golden/", $name))
    };
}

/// A log as a node answers it.
pub(crate) const LOG: &str = r#"{"address":"0x1111111111111111111111111111111111111111","topics":[],"data":"0x",
"blockNumber":"0x1","blockHash":"0x2222222222222222222222222222222222222222222222222222222222222222",
"transactionHash":"0x3333333333333333333333333333333333333333333333333333333333333333","transactionIndex":"0x0",
"logIndex":"0x0","removed":false}"#;

const HEADER: &str = r#"{"number":"0x1","hash":"0x2222222222222222222222222222222222222222222222222222222222222222",
"parentHash":"0x4444444444444444444444444444444444444444444444444444444444444444","timestamp":"0x1",
"baseFeePerGas":"0x7","gasLimit":"0x1c9c380"}"#;

const RECEIPT: &str = r#"{"transactionHash":"0x3333333333333333333333333333333333333333333333333333333333333333",
"blockNumber":"0x1","blockHash":"0x2222222222222222222222222222222222222222222222222222222222222222",
"gasUsed":"0x5208","effectiveGasPrice":"0x7","status":"0x1","contractAddress":null,"logs":[]}"#;

pub(crate) fn reverts() -> Vec<Vec<u8>> {
    let text = [&keccak256("Error(string)")[..4], &word(32), &word(2), &padded(b"no")].concat();
    let panic = [&keccak256("Panic(uint256)")[..4], &word(0x11)].concat();
    let custom = [&keccak256("MatchGuarded(address)")[..4], &word(7)].concat();
    vec![text, panic, custom, Vec::new()]
}

pub(crate) fn hub_events() -> Vec<Vec<u8>> {
    let event = |signature: &str, topics: &[u64], data: &[u64]| {
        let mut bytes = vec![1 + topics.len() as u8];
        bytes.extend_from_slice(keccak256(signature).as_slice());
        bytes.extend(topics.iter().chain(data).flat_map(|value| word(*value)));
        bytes
    };
    vec![
        event("Transfer(address,address,uint256)", &[1, 2], &[3]),
        event("TaskInitialize(bytes32,address)", &[1, 2], &[]),
        event("TaskConsensus(bytes32,bytes32)", &[1], &[2]),
        event("TaskFinalize(bytes32,bytes)", &[1], &[32, 2, 0]),
        event("OrdersMatched(bytes32,bytes32,bytes32,bytes32,bytes32,uint256)", &[], &[1, 2, 3, 4, 5, 6]),
    ]
}

pub(crate) fn rpc_answers() -> Vec<Vec<u8>> {
    texts_of(&[LOG, HEADER, RECEIPT])
}

pub(crate) fn rpc_requests() -> Vec<Vec<u8>> {
    texts_of(&[
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}"#,
        r#"[{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]},{"id":2,"method":"eth_gasPrice"}]"#,
        r#"{"id":1,"method":"eth_call","params":[{"to":"0x1111111111111111111111111111111111111111","data":"0x00"},"latest"]}"#,
        r#"{"id":1,"method":"eth_getLogs","params":[{"fromBlock":"0x0","toBlock":"latest","topics":[null,["0x1111111111111111111111111111111111111111111111111111111111111111"]]}]}"#,
        r#"{"id":1,"method":"eth_sendRawTransaction","params":["0x02f86c827a69808080825208941111111111111111111111111111111111111111808080c0"]}"#,
        r#"{"id":1,"method":"eth_getBlockByNumber","params":["0x0",true]}"#,
    ])
}

pub(crate) fn orders() -> Vec<Vec<u8>> {
    let mut seeds = texts_of(&[golden!("publish-apporder.json")]);
    for list in
        [golden!("datasetorders.json"), golden!("workerpoolorders.json"), golden!("requestorders.json")]
    {
        let page: serde_json::Value = serde_json::from_str(list).expect("a golden file is JSON");
        let order = &page["orders"][0]["order"];
        assert!(order.is_object(), "a golden page holds an order");
        seeds.push(serde_json::json!({ "order": order }).to_string().into_bytes());
    }
    seeds
}

pub(crate) fn authorizations() -> Vec<Vec<u8>> {
    let header = format!(
        "{}_0x{}_0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1",
        B256::repeat_byte(0x2a),
        "5a".repeat(65)
    );
    vec![header.into_bytes()]
}

pub(crate) fn params() -> Vec<Vec<u8>> {
    texts_of(&[
        r#"{"iexec_secrets":{"1":"my-secret"},"iexec_result_storage_provider":"ipfs","iexec_args":"hello 'two words' \"x\" \\ "}"#,
        r#"{"iexec_input_files":["https://example.org/a"],"iexec_result_encryption":true,"bulk_cid":"QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"}"#,
        "not json at all",
    ])
}

pub(crate) fn pool_messages() -> Vec<Vec<u8>> {
    let lines = golden!("pool.txt").lines();
    let messages: Vec<_> =
        lines.filter_map(|line| hex::decode(line.split_whitespace().last()?).ok()).collect();
    assert!(!messages.is_empty(), "the golden file holds messages");
    messages
}

pub(crate) fn texts() -> Vec<Vec<u8>> {
    texts_of(&[
        "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o",
        "/ipfs/QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o",
        "bafybeicg2rebjoofv4kbyovkw7af3rpiitvnl6i7ckcywaq6xjcxnc2mby",
        "https://example.org/a?b=c",
        "12.5 RLC",
        "0x0000000000000000000000000000000000000000000000000000000000000009",
        "2026-01-15T10:00:00.000Z",
        "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1",
        "9007199254740991",
        r#"{"storage":"ipfs","location":"/ipfs/QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"}"#,
        golden!("ready.json"),
    ])
}

pub(crate) fn archives() -> Vec<Vec<u8>> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in
        [("computed.json", &br#"{"deterministic-output-path":"/a"}"#[..]), ("a/b.txt", b"text")]
    {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("in memory");
        zip.write_all(content).expect("in memory");
    }
    vec![zip.finish().expect("in memory").into_inner()]
}

pub(crate) fn multiparts() -> Vec<Vec<u8>> {
    texts_of(&[
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\nhello\r\n--x--\r\n",
        "--x\r\nContent-Disposition: form-data; name=\"file?mode=0644\"; filename=\"d%2Ff.txt\"\r\n\r\n--\r\n--x\r\nContent-Disposition: form-data; name=\"file\"\r\nContent-Type: application/x-directory\r\n\r\n\r\n--x--",
    ])
}

/// A file of two parts, a directory, a shard.
pub(crate) fn nodes() -> Vec<Vec<u8>> {
    let leaf = [&[1, 0x55, 0x12, 0x20], &[9; 32][..]].concat();
    let link = |name: &str| {
        let link = [&[0x0a, 36], &leaf[..], &[0x12, name.len() as u8], name.as_bytes(), &[0x18, 3]].concat();
        [vec![0x12, link.len() as u8], link].concat()
    };
    vec![
        [link(""), link(""), vec![0x0a, 8, 8, 2, 0x18, 6, 0x20, 3, 0x20, 3]].concat(),
        [link("a"), link("b"), vec![0x0a, 2, 8, 1]].concat(),
        [link("0Fa"), vec![0x0a, 10, 8, 5, 0x12, 1, 0x80, 0x28, 0x22, 0x30, 0x80, 2]].concat(),
    ]
}

pub(crate) fn secret_messages() -> Vec<Vec<u8>> {
    let (subject, word) = (format!("0x{}", "22".repeat(20)), format!("0x{}", "07".repeat(32)));
    let set = format!(
        r#"{{"message":{{"kind":"requester","subject":"{subject}","name":"n","valueHash":"{word}","release":["hardware"],"replace":false,"nonce":"{word}","expires":1}},"value":"v","sign":"0x01"}}"#
    );
    let delete = format!(
        r#"{{"message":{{"kind":"dataset","subject":"{subject}","name":"","nonce":"{word}","expires":1}},"sign":"0x01"}}"#
    );
    texts_of(&[&set, &delete, "hardware,simulation"])
}

pub(crate) fn sealed_files() -> Vec<Vec<u8>> {
    let recipient = SealKey::new(RECIPIENT).public();
    let seal = |plain: &[u8]| {
        let mut sealed = Vec::new();
        let key = AesKey::new([3; 32]);
        chunked::encrypt(&recipient, &key, [4; 32], &mut &plain[..], &mut sealed).expect("memory");
        sealed
    };
    let cbc = metacloud_seal::cbc::encrypt(&AesKey::new(RECIPIENT), [5; 16], b"hello");
    let key = b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_vec();
    vec![seal(b""), seal(b"hello"), seal(&[6; 1 << 16]), cbc, key]
}

fn texts_of(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn word(value: u64) -> Vec<u8> {
    U256::from(value).to_be_bytes_vec()
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes
}
