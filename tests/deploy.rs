//! `metacloud deploy`: the plan and the deployment, on the embedded chain and on anvil, with equal results.

#[path = "../crates/abi/tests/harness/anvil.rs"]
mod anvil;
#[path = "deploy/nodes.rs"]
mod nodes;
#[path = "deploy/proxy.rs"]
mod proxy;
mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use nodes::{CHAIN_ID, Node};
use proxy::{Failure, Proxy};
use serde_json::Value;
use support::{Up, assert_one_line, json_of, metacloud, stderr_of};

/// The first account of the well-known development mnemonic.
const DEPLOYER: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const DEPLOYER_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
/// Someone who sends nothing.
const OWNER: &str = "0x1111111111111111111111111111111111111111";
/// Transactions of a deployment that ends with another owner: 15 contracts, 3 registries opened, 1 configuration, 5
/// categories, 4 hand-overs.
const TRANSACTIONS: u64 = 28;
const CONTRACTS: usize = 15;
/// The addresses in every answer.
const NAMES: [&str; 6] =
    ["hub", "rlc", "appRegistry", "datasetRegistry", "workerpoolRegistry", "dataProtector"];

fn deploy(arguments: &[&str]) -> Output {
    metacloud().arg("deploy").args(arguments).output().expect("metacloud starts")
}

/// A file with a key that nobody else may read.
fn key_file(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("deployer.key");
    std::fs::write(&path, text).expect("key file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("permissions");
    path
}

fn deploy_to(url: &str, key: &Path, more: &[&str]) -> Output {
    let key = key.to_str().expect("a text path");
    deploy(&[&["--rpc", url, "--key", key, "--json"], more].concat())
}

fn done(output: &Output) -> Value {
    assert!(output.status.success(), "{}", stderr_of(output));
    json_of(output)
}

fn plan(more: &[&str]) -> Value {
    let chain_id = CHAIN_ID.to_string();
    let output =
        deploy(&[&["--plan", "-", "--deployer", DEPLOYER, "--chain-id", chain_id.as_str()], more].concat());
    done(&output)
}

fn addresses(answer: &Value) -> Vec<String> {
    let text = |name| answer[name].as_str().unwrap_or_else(|| panic!("no {name} in {answer}")).to_owned();
    NAMES.map(text).to_vec()
}

/// Everything that a plan creates.
fn contracts(plan: &Value) -> Vec<String> {
    let transactions = plan["transactions"].as_array().expect("transactions");
    transactions.iter().filter_map(|t| t["creates"].as_str()).map(str::to_owned).collect()
}

/// Views of the hub that take no argument, from poco 18: selectors by name.
const HUB_VIEWS: [(&str, &str); 13] = [
    ("name", "0x06fdde03"),
    ("symbol", "0x95d89b41"),
    ("decimals", "0x313ce567"),
    ("totalSupply", "0x18160ddd"),
    ("token", "0xfc0c546a"),
    ("appregistry", "0x45b637a9"),
    ("datasetregistry", "0xb1b11d2c"),
    ("workerpoolregistry", "0x90a0f546"),
    ("teebroker", "0x5975b8fc"),
    ("callbackgas", "0xe63ec07d"),
    ("countCategory", "0xc140996f"),
    ("owner", "0x8da5cb5b"),
    ("eip712domain_separator", "0x9910fd72"),
];
/// The same of a registry.
const REGISTRY_VIEWS: [(&str, &str); 5] = [
    ("name", "0x06fdde03"),
    ("baseURI", "0x6c0360eb"),
    ("initialized", "0x158ef93e"),
    ("previous", "0x7c2b2e71"),
    ("owner", "0x8da5cb5b"),
];
/// Slots of each contract that are compared, from its first and from the hub's namespace (contracts/README.md).
const SLOTS: u64 = 20;
const HUB_NAMESPACE: &str = "9b12e39e42e887d7c19b7b9f55d00ea0a2e2267ed90219db97b6d1f19ce4bd";

/// Code, views and storage of a deployment.
fn state(node: &Node, plan: &Value) -> Vec<(String, String)> {
    let mut state = Vec::new();
    for address in contracts(plan) {
        state.push((format!("code of {address}"), node.code(&address)));
        for slot in 0..SLOTS {
            for slot in [format!("0x{slot:064x}"), format!("0x{HUB_NAMESPACE}{slot:02x}")] {
                let value = node.rpc("eth_getStorageAt", serde_json::json!([address, slot, "latest"]));
                state.push((format!("{address} {slot}"), value.as_str().expect("a word").to_owned()));
            }
        }
    }
    let found = addresses(&plan["addresses"]);
    for (name, selector) in HUB_VIEWS {
        state.push((format!("hub {name}"), node.view(&found[0], selector)));
    }
    for category in 0..5 {
        let call = format!("0x4f5f44ec{category:064x}");
        state.push((format!("category {category}"), node.view(&found[0], &call)));
    }
    for registry in &found[2..5] {
        for (name, selector) in REGISTRY_VIEWS {
            state.push((format!("{registry} {name}"), node.view(registry, selector)));
        }
    }
    state.push(("dataset registry of the data protector".to_owned(), node.view(&found[5], "0x3235ad13")));
    state
}

/// A word that holds an address.
fn word(address: &str) -> String {
    format!("0x{:0>64}", address.trim_start_matches("0x").to_ascii_lowercase())
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// poco 20, as far as it can be read without a decoder.
fn assert_deployed(state: &[(String, String)], addresses: &[String], owner: &str) {
    let get = |what: &str| &state.iter().find(|(name, _)| name == what).expect("read above").1;
    assert!(get("hub name").contains(&hex("Staked RLC")));
    assert!(get("hub symbol").contains(&hex("SRLC")));
    for (name, number) in
        [("decimals", 9), ("totalSupply", 0), ("callbackgas", 200_000), ("countCategory", 5)]
    {
        assert_eq!(*get(&format!("hub {name}")), format!("0x{number:064x}"), "{name}");
    }
    assert_eq!(*get("hub teebroker"), format!("0x{:064x}", 0));
    assert_eq!(*get("hub token"), word(&addresses[1]));
    assert_eq!(*get("hub owner"), word(owner));
    let kinds = ["app", "dataset", "workerpool"];
    for (kind, registry) in kinds.into_iter().zip(&addresses[2..]) {
        assert_eq!(*get(&format!("hub {kind}registry")), word(registry));
        assert_eq!(*get(&format!("{registry} owner")), word(owner));
        assert_eq!(*get(&format!("{registry} initialized")), format!("0x{:064x}", 1));
        let uri = format!("https://nfts-metadata.iex.ec/{kind}/{CHAIN_ID}/");
        assert!(get(&format!("{registry} baseURI")).contains(&hex(&uri)), "{kind}");
    }
    assert_eq!(*get("dataset registry of the data protector"), word(&addresses[3]));
    for (id, (name, seconds)) in
        [("XS", 300), ("S", 1_200), ("M", 3_600), ("L", 10_800), ("XL", 36_000)].into_iter().enumerate()
    {
        let category = get(&format!("category {id}"));
        assert!(category.contains(&hex(name)) && category.contains(&hex("\"\"")), "{name}");
        assert!(category.contains(&format!("{seconds:064x}")), "{name}");
    }
}

/// Sends a plan's transactions one by one; what is there afterwards.
fn carried_out(node: &Node, plan: &Value) -> Vec<(String, String)> {
    let transactions = plan["transactions"].as_array().expect("transactions");
    assert_eq!(transactions.len() as u64, TRANSACTIONS);
    assert_eq!(contracts(plan).len(), CONTRACTS);
    for planned in transactions {
        let receipt = node.send(planned);
        assert_eq!(receipt["status"], "0x1", "{}", node.name);
        let [made, planned] = [&receipt["contractAddress"], &planned["creates"]]
            .map(|address| address.as_str().map(str::to_ascii_lowercase));
        assert_eq!(made, planned, "{}", node.name);
    }
    state(node, plan)
}

#[test]
fn the_plan_leads_to_the_state_that_it_promises() {
    let (node, plan) = (Node::devchain(), plan(&["--owner", OWNER]));
    assert_deployed(&carried_out(&node, &plan), &addresses(&plan["addresses"]), OWNER);
}

#[test]
#[ignore = "needs npm, for anvil; .ci/run runs it"]
fn the_plan_leads_to_the_same_state_on_anvil() {
    let plan = plan(&["--owner", OWNER]);
    assert_eq!(carried_out(&Node::anvil(), &plan), carried_out(&Node::devchain(), &plan));
}

#[test]
fn a_plan_depends_on_what_it_is_given_alone() {
    let first = plan(&[]);
    assert_eq!(first, plan(&["--nonce", "0", "--owner", DEPLOYER]));
    let later = plan(&["--nonce", "7"]);
    assert_eq!(contracts(&first)[7], contracts(&later)[0]);
    let with_token = plan(&["--token", OWNER]);
    assert_eq!(with_token["addresses"]["rlc"].as_str().map(str::to_ascii_lowercase), Some(OWNER.to_owned()));
    assert_eq!(contracts(&with_token).len(), CONTRACTS - 1);
    let uri = "ipfs://folder/";
    assert!(plan(&["--app-base-uri", uri]).to_string().contains(&hex(uri)));
    assert!(!first.to_string().contains(&hex(uri)));
}

fn deploys_what_the_plan_says(node: &Node) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let key = key_file(folder.path(), DEPLOYER_KEY);
    let plan = plan(&[]);
    let up = Up::ephemeral(&["--workers", "0"]);
    let answer = done(&deploy_to(&node.url, &key, &["--chain-id", "31337"]));
    assert_eq!(addresses(&answer), addresses(&plan["addresses"]), "{}", node.name);
    assert_eq!(answer["transactions"], 24, "nothing is handed over");
    for contract in contracts(&plan) {
        let block_0 = up.rpc("eth_getCode", serde_json::json!([contract, "latest"]));
        assert_eq!(block_0.as_str(), Some(node.code(&contract).as_str()), "{} {contract}", node.name);
    }
    assert_deployed(&state(node, &plan), &addresses(&answer), DEPLOYER);
    // Once more: it is all there, and nothing is sent.
    let again = done(&deploy_to(&node.url, &key, &[]));
    assert_eq!((addresses(&again), &again["transactions"]), (addresses(&answer), &Value::from(0)));
    assert_eq!(node.nonce(DEPLOYER), 24);
}

#[test]
fn deploying_gives_what_the_plan_says_and_what_block_0_holds() {
    deploys_what_the_plan_says(&Node::devchain());
}

#[test]
#[ignore = "needs npm, for anvil; .ci/run runs it"]
fn deploying_on_anvil_gives_the_same() {
    deploys_what_the_plan_says(&Node::anvil());
}

/// Runs a deployment through a failing node until it is done; returns how often it was interrupted.
fn deploy_with_interruptions(node: &Node, key: &Path, failure: Failure) -> (Value, u64) {
    let proxy = Proxy::before(&node.url, failure);
    // What is lost must be sent again, so one of each run has to get through.
    let allowed = if failure == Failure::Lost { 1 } else { 0 };
    let mut interruptions = 0;
    loop {
        proxy.allow(allowed);
        let output = deploy_to(&proxy.url, key, &["--owner", OWNER]);
        if output.status.success() {
            return (json_of(&output), interruptions);
        }
        let text = stderr_of(&output);
        let last = text.lines().last().unwrap_or_default();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(last.starts_with("metacloud: transaction ") && last.contains("pulls the plug"), "{text}");
        interruptions += 1;
        assert!(interruptions <= TRANSACTIONS, "no progress: {text}");
    }
}

fn goes_on_where_it_ended(node: &Node, failure: Failure, interruptions: u64) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let key = key_file(folder.path(), DEPLOYER_KEY);
    let planned = plan(&["--owner", OWNER]);
    let (answer, interrupted) = deploy_with_interruptions(node, &key, failure);
    assert_eq!(interrupted, interruptions, "{} {failure:?}", node.name);
    assert_eq!(node.nonce(DEPLOYER), TRANSACTIONS, "nothing is sent twice: {} {failure:?}", node.name);
    assert_eq!(addresses(&answer), addresses(&planned["addresses"]));
    assert_deployed(&state(node, &planned), &addresses(&answer), OWNER);
}

#[test]
fn an_interrupted_deployment_goes_on_where_it_ended() {
    // After the last one gets through there is nothing left to fail; what is unheard fails each time.
    goes_on_where_it_ended(&Node::devchain(), Failure::Lost, TRANSACTIONS - 1);
    goes_on_where_it_ended(&Node::devchain(), Failure::Unheard, TRANSACTIONS);
}

#[test]
#[ignore = "needs npm, for anvil; .ci/run runs it"]
fn an_interrupted_deployment_goes_on_on_anvil() {
    goes_on_where_it_ended(&Node::anvil(), Failure::Unheard, TRANSACTIONS);
}

#[test]
fn a_key_used_in_between_does_no_harm() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let key = key_file(folder.path(), DEPLOYER_KEY);
    let node = Node::devchain();
    let proxy = Proxy::before(&node.url, Failure::Lost);
    proxy.allow(5);
    assert_eq!(deploy_to(&proxy.url, &key, &[]).status.code(), Some(2));
    let payment =
        serde_json::json!({"from": DEPLOYER, "to": OWNER, "value": "0x1", "data": "0x", "creates": null});
    assert_eq!(node.send(&payment)["status"], "0x1");
    let answer = done(&deploy_to(&node.url, &key, &[]));
    assert_eq!(node.nonce(DEPLOYER), 25, "the payment and no transaction twice");
    let hub = answer["hub"].as_str().expect("hub");
    assert_eq!(node.view(hub, "0xc140996f"), format!("0x{:064x}", 5));
}

#[test]
fn an_existing_token_is_used_and_other_terms_are_another_deployment() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let key = key_file(folder.path(), DEPLOYER_KEY);
    let node = Node::devchain();
    let first = addresses(&done(&deploy_to(&node.url, &key, &[])));
    let token = ["--token", first[1].as_str(), "--afresh"];
    let second = addresses(&done(&deploy_to(&node.url, &key, &token)));
    assert_eq!(second[1], first[1]);
    assert_ne!(second[0], first[0]);
    assert_eq!(node.view(&second[0], "0xfc0c546a"), word(&first[1]));
    assert_eq!(addresses(&done(&deploy_to(&node.url, &key, &token[..2]))), second);
    let third = addresses(&done(&deploy_to(&node.url, &key, &["--dataset-base-uri", "x"])));
    assert!(third[0] != second[0] && third[0] != first[0] && third[1] != first[1]);
}

#[test]
fn what_cannot_begin_is_told_in_one_line_and_sends_nothing() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let key = key_file(folder.path(), DEPLOYER_KEY);
    let node = Node::devchain_with_fees();
    let missing = deploy_to(&node.url, Path::new("no-such.key"), &[]);
    assert_one_line(&missing, 2, &["no-such.key"]);
    let garbage = folder.path().join("garbage");
    std::fs::create_dir(&garbage).expect("folder");
    let secret = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff8";
    let output = deploy_to(&node.url, &key_file(&garbage, secret), &[]);
    assert_one_line(&output, 2, &["deployer.key", "64 hexadecimal digits"]);
    assert!(!stderr_of(&output).contains(&secret[2..]), "keys are not repeated");
    let other = deploy_to(&node.url, &key, &["--chain-id", "134"]);
    assert_one_line(&other, 2, &["chain 31337", "134"]);
    let nowhere = deploy_to(&node.url, &key, &["--token", OWNER]);
    assert_one_line(&nowhere, 2, &[OWNER, "no contract", "31337"]);
    let closed = deploy_to("http://127.0.0.1:1", &key, &[]);
    assert_one_line(&closed, 2, &["127.0.0.1:1"]);
    assert_eq!(node.nonce(DEPLOYER), 0);

    let poor = folder.path().join("poor");
    std::fs::create_dir(&poor).expect("folder");
    let broke = deploy_to(&node.url, &key_file(&poor, &format!("{:064x}", 7)), &[]);
    assert_one_line(&broke, 2, &["transaction 1 of 24", "create RLC", "not funded", "it has 0 wei"]);

    let registry =
        done(&deploy_to(&node.url, &key, &[]))["appRegistry"].as_str().expect("address").to_owned();
    let no_token = deploy_to(&node.url, &key, &["--token", &registry]);
    assert_one_line(&no_token, 2, &["the token 0x", "cannot be used"]);
    assert_eq!(node.nonce(DEPLOYER), 24);
}

#[test]
fn arguments_that_do_not_fit_are_refused() {
    let zero = "0x0000000000000000000000000000000000000000";
    for arguments in [
        &[][..],
        &["--rpc", "http://127.0.0.1:1"],
        &["--plan", "-"],
        &["--plan", "-", "--deployer", DEPLOYER],
        &["--plan", "-", "--chain-id", "1"],
        &["--plan", "-", "--deployer", DEPLOYER, "--chain-id", "1", "--rpc", "http://127.0.0.1:1"],
        &["--plan", "-", "--deployer", DEPLOYER, "--chain-id", "1", "--owner", zero],
        &["--plan", "-", "--deployer", DEPLOYER, "--chain-id", "1", "--token", "0x1234"],
        &["--plan", "-", "--deployer", DEPLOYER, "--chain-id", "0"],
    ] {
        let output = deploy(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}
