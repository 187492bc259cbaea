//! The explorer in a process of its own: what it tells against what the chain holds, hostile questions, lost blocks, and
//! an index that is found again or built afresh.

mod support;

use std::path::Path;

use alloy::sol_types::SolCall;
use alloy_primitives::{B256, Bytes};
use metacloud_sdk::Cloud;
use metacloud_sdk::ready::{ReadyFile, Role};
use serde_json::{Value, json};
use support::process::{Process, until};
use support::roles::{Roles, output, plainly};
use support::{example, get, json_of, post, rpc, stderr_of};

alloy::sol! {
    function createDatasetWithSchema(address owner, string name, string schema, bytes multiaddr, bytes32 checksum)
        external returns (address);
}

/// Every list of the two endpoints, with all that is kept.
const POCO: &str = "{ apps(first: 1000) { id owner { id } timestamp name type multiaddr checksum mrenclave }
    datasets(first: 1000) { id owner { id } timestamp name multiaddr checksum }
    workerpools(first: 1000) { id owner { id } timestamp description }
    requestorders(first: 1000) { id requester { id } timestamp deals { id } }
    deals(first: 1000) { id timestamp blockNumber transactionHash app { id } appOwner { id } appPrice dataset { id }
        datasetOwner { id } datasetPrice workerpool { id } workerpoolOwner { id } workerpoolPrice trust category tag
        requester { id } beneficiary { id } callback params startTime botFirst botSize workerStake
        schedulerRewardRatio sponsor { id } apporder { id } datasetorder { id } workerpoolorder { id }
        requestorder { id } }
    tasks(first: 1000) { id status deal { id } index requester { id } timestamp contributionDeadline finalDeadline
        consensus resultDigest results bulkSlice { id } } }";
const PROTECTED: &str =
    "{ protectedDatas(first: 1000) { id name owner { id } schema { id } multiaddr checksum
    creationTimestamp transactionHash blockNumber } }";

/// An explorer of the cloud, with its index in `folder`.
fn explorer(roles: &Roles, folder: &Path) -> (Process, Value) {
    let mut command = plainly("explorer");
    command.args([
        "--json",
        "--listen",
        "127.0.0.1:0",
        "--iapp",
        "greeter=0x5FbDB2315678afecb367f032d93F642f64180aa3",
    ]);
    command.arg("--ready-file").arg(&roles.ready_file).arg("--data-dir").arg(folder);
    std::fs::create_dir_all(folder).expect("folder");
    Process::announced(command, &folder.join("log"))
}

fn asked(url: &str, query: &str) -> Value {
    let (status, body) = post(url, "application/json", json!({ "query": query }).to_string().as_bytes());
    let answer: Value = serde_json::from_slice(&body).expect("answers are JSON");
    assert!(status == 200 && answer.get("errors").is_none(), "{query}: {status} {answer}");
    answer["data"].clone()
}

/// All that an explorer tells.
fn everything(told: &Value) -> (Value, Value) {
    let ask = |key: &str, query| asked(told[key].as_str().expect("a URL"), query);
    (ask("subgraphUrl", POCO), ask("dataProtectorSubgraphUrl", PROTECTED))
}

fn buy(roles: &Roles, word: &str) -> Value {
    let module = example("hello/hello.wasm");
    let bought = output(roles.run(&[module.to_str().expect("a text path"), "--json", "--", word]));
    assert!(bought.status.success(), "{word}: {}", stderr_of(&bought));
    json_of(&bought)
}

/// A dataset with a schema, made by its owner.
fn protect(roles: &Roles, name: &str, schema: &str) {
    let owner = support::roles::account_address(&roles.ready, "datasetProvider");
    let call = createDatasetWithSchemaCall {
        owner: owner.parse().expect("an address"),
        name: name.to_owned(),
        schema: schema.to_owned(),
        multiaddr: Bytes::from_static(b"/ipfs/nothing"),
        checksum: B256::repeat_byte(7),
    };
    let transaction =
        json!([{ "from": owner, "to": roles.text("dataProtector"), "data": Bytes::from(call.abi_encode()) }]);
    let hash = rpc(roles.text("rpcUrl"), "eth_sendTransaction", transaction);
    let receipt = rpc(roles.text("rpcUrl"), "eth_getTransactionReceipt", json!([hash]));
    assert_eq!(receipt["status"], "0x1", "{receipt}");
}

fn ready(roles: &Roles) -> ReadyFile {
    ReadyFile::from_json(&roles.ready.to_string()).expect("a ready file")
}

#[test]
fn what_it_tells_is_what_the_chain_holds_and_pools_say_where_they_are() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut roles = Roles::start(folder.path(), &plainly);
    let (_explorer, told) = explorer(&roles, &folder.path().join("explorer"));
    let url = told["compassUrl"].as_str().expect("a URL").to_owned();

    // Where the pool's API is, as its scheduler says once it starts with a compass.
    let pool = format!("{url}/31337/workerpools/{}", checksummed(roles.text("workerpool")));
    assert_eq!(get(&pool).0, 404, "nobody has said it yet");
    roles.scheduler.signal("INT");
    assert_eq!(roles.scheduler.wait(), Some(0));
    let mut command = plainly("scheduler");
    command.args(["--json", "--listen", "127.0.0.1:0", "--compass", &url, "--data-dir"]);
    command.arg(folder.path().join("scheduler")).arg("--ready-file").arg(&roles.ready_file);
    command.arg("--key").arg(folder.path().join("owner.key"));
    let (scheduler, announced) = Process::announced(command, &folder.path().join("scheduler-again.log"));
    roles.scheduler = scheduler;
    let (status, view) = get(&pool);
    let view: Value = serde_json::from_slice(&view).expect("compass answers JSON");
    assert_eq!((status, &view["apiUrl"]), (200, &announced["schedulerUrl"]), "{view}");
    assert_eq!(view["name"], "metacloud development pool");
    for (path, expected) in [
        ("31337/iapps/greeter", 200),
        ("31337/iapps/nobody", 404),
        ("1/iapps/greeter", 404),
        ("31337/workerpools/0x12", 400),
        (&format!("31337/workerpools/{}", checksummed(roles.text("hub"))), 404),
    ] {
        assert_eq!(get(&format!("{url}/{path}")).0, expected, "{path}");
    }

    let at = announced["schedulerUrl"].as_str().expect("a URL").to_owned();
    roles.add_worker(1, &|role| {
        let mut command = plainly(role);
        command.args(["--scheduler", &at]);
        command
    });
    let report = buy(&roles, "told");
    protect(&roles, "a contact", r#"{"email":"string","profile":{"age":"f64"}}"#);
    against_the_chain(&roles, &told, &report);
    hostile(&told);
    // After all that it answers as before.
    against_the_chain(&roles, &told, &report);
}

fn checksummed(address: &str) -> String {
    address.parse::<alloy_primitives::Address>().expect("an address").to_string()
}

/// One deal, its task and one dataset, field by field.
fn against_the_chain(roles: &Roles, told: &Value, report: &Value) {
    let (poco, protected) = everything(told);
    let id = |key: &str| report[key].as_str().expect("an id").to_owned();
    let find = |list: &str, id: &str| {
        let found = poco[list].as_array().expect("a list").iter().find(|one| one["id"] == id);
        found.unwrap_or_else(|| panic!("{list} hold no {id}: {poco}")).clone()
    };
    let (deal, task) = (find("deals", &id("dealId")), find("tasks", &id("taskId")));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (on_chain, its_task) = runtime.block_on(async {
        let ready = ready(roles);
        let key = ready.account(Role::Requester).expect("a requester").private_key.0;
        let cloud = Cloud::connect(&ready, key).await.expect("the cloud answers");
        let hub = cloud.hub();
        let deal = hub.view_deal(id("dealId").parse().expect("an id")).await.expect("the chain answers");
        (deal.expect("a deal"), hub.view_task(id("taskId").parse().expect("an id")).await.expect("a task"))
    });
    let lower = |text: String| Value::from(text.to_lowercase());
    for (field, expected) in [
        (&deal["app"]["id"], lower(on_chain.app.pointer.to_string())),
        (&deal["appOwner"]["id"], lower(on_chain.app.owner.to_string())),
        (&deal["dataset"], Value::Null),
        (&deal["workerpool"]["id"], lower(on_chain.workerpool.pointer.to_string())),
        (&deal["requester"]["id"], lower(on_chain.requester.to_string())),
        (&deal["beneficiary"]["id"], lower(on_chain.beneficiary.to_string())),
        (&deal["trust"], on_chain.trust.to_string().into()),
        (&deal["category"], on_chain.category.0.to_string().into()),
        (&deal["tag"], lower(on_chain.tag.0.to_string())),
        (&deal["params"], on_chain.params.clone().into()),
        (&deal["startTime"], on_chain.start_time_s.to_string().into()),
        (&deal["botSize"], on_chain.bot_size.to_string().into()),
        (&deal["schedulerRewardRatio"], on_chain.scheduler_reward_ratio.to_string().into()),
        (&task["status"], "COMPLETED".into()),
        (&task["deal"]["id"], lower(its_task.deal.to_string())),
        (&task["index"], its_task.index.to_string().into()),
        (&task["finalDeadline"], its_task.final_deadline_s.to_string().into()),
        (&task["contributionDeadline"], its_task.contribution_deadline_s.to_string().into()),
        (&task["results"], lower(its_task.results.to_string())),
    ] {
        assert_eq!(*field, expected, "{deal} {task}");
    }
    let contact = &protected["protectedDatas"][0];
    assert_eq!(contact["name"], "a contact");
    assert_eq!(contact["schema"], json!([{ "id": "email:string" }, { "id": "profile.age:f64" }]));
    assert_eq!(
        contact["owner"]["id"],
        support::roles::account_address(&roles.ready, "datasetProvider").to_lowercase()
    );
    assert_eq!(contact["checksum"], lower(B256::repeat_byte(7).to_string()));
}

/// Questions that no client asks: each is refused in JSON, at once, and nothing else happens.
fn hostile(told: &Value) {
    let poco = told["subgraphUrl"].as_str().expect("a URL");
    let query = |text: String| json!({ "query": text }).to_string();
    let filter = |filter: Value| json!({ "query": "query($w: Deal_filter) { deals(where: $w) { id } }", "variables": { "w": filter } });
    let wide: String = (0..3_000).map(|n| format!("a{n}: deals {{ id }} ")).collect();
    let deep = |levels: usize| {
        format!("{{ deals {} id {} }}", "{ tasks { deal".repeat(levels), "} }".repeat(levels))
    };
    let mut nested = json!({});
    for _ in 0..40 {
        nested = json!({ "and": [nested] });
    }
    let conditions: Vec<Value> = (0..5_000).map(|n| json!({ "params": n.to_string() })).collect();
    for (body, status) in [
        (String::new(), 400),
        ("[".repeat(100_000), 400),
        ("{\"query\": 5}".to_owned(), 400),
        ("{\"query\": \"{ deals { id } }\", \"variables\": []}".to_owned(), 400),
        (query("x".repeat(2_000_000)), 413),
        (query(String::new()), 200),
        (query("{".repeat(50_000)), 200),
        (query(deep(8)), 200),
        (query(deep(400)), 200),
        (query(format!("{{ {wide} }}")), 200),
        (query("{ deals { nothing } }".to_owned()), 200),
        (query("{ nothings { id } }".to_owned()), 200),
        (query("{ deals(first: 1001) { id } }".to_owned()), 200),
        (query("{ deals(first: -1) { id } }".to_owned()), 200),
        (query("{ deals(first: 99999999999999999999999999) { id } }".to_owned()), 200),
        (query("{ deals(skip: 1.5) { id } }".to_owned()), 200),
        (query("{ deals(where: { trust_gt: \"-1\" }) { id } }".to_owned()), 200),
        (query("{ deals(orderBy: tasks) { id } }".to_owned()), 200),
        (query("{ deals(orderBy: \"id; DROP TABLE deal\") { id } }".to_owned()), 200),
        (query("{ a: deals { id } a: tasks { id } }".to_owned()), 200),
        (query("{ ...f } fragment f on Query { ...f }".to_owned()), 200),
        (query("mutation { deals { id } }".to_owned()), 200),
        (query("query A { deals { id } } query B { deals { id } }".to_owned()), 200),
        (query("query($a: Int!) { deals(first: $a) { id } }".to_owned()), 200),
        (query("{ deals @unknown { id } }".to_owned()), 200),
        (filter(nested).to_string(), 200),
        (filter(json!({ "or": conditions })).to_string(), 200),
        (filter(json!({ "id_in": vec!["0x00"; 30_000] })).to_string(), 200),
        (filter(json!({ "trust": "1".repeat(100_000) })).to_string(), 200),
    ] {
        let (found, answer) = post(poco, "application/json", body.as_bytes());
        let answer: Value =
            serde_json::from_slice(&answer).unwrap_or_else(|_| panic!("{found} is no JSON for {body:.80}"));
        assert_eq!(found, status, "{body:.80}: {answer}");
        assert!(answer["errors"][0]["message"].is_string(), "{body:.80}: {answer}");
        assert!(answer.get("data").is_none(), "{body:.80}: {answer}");
    }
    // At the limits there is an answer.
    let most: Vec<Value> = (0..1_500).map(|n| json!({ "params": n.to_string() })).collect();
    let (status, answer) =
        post(poco, "application/json", filter(json!({ "or": most })).to_string().as_bytes());
    assert_eq!((status, &answer[..]), (200, &br#"{"data":{"deals":[]}}"#[..]));
}

#[test]
fn lost_blocks_are_forgotten_and_an_index_found_again_equals_one_built_afresh() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut roles = Roles::start(folder.path(), &plainly);
    roles.add_worker(1, &plainly);
    let place = folder.path().join("explorer");
    let (mut first, told) = explorer(&roles, &place);
    let chain = roles.text("rpcUrl").to_owned();

    buy(&roles, "kept");
    protect(&roles, "kept", r#"{"email":"string"}"#);
    // What is bought later is bought from this state on: nobody else may be at work on the chain.
    for worker in &mut roles.workers {
        worker.signal("INT");
        assert_eq!(worker.wait(), Some(0));
    }
    roles.scheduler.signal("INT");
    assert_eq!(roles.scheduler.wait(), Some(0));
    let before = everything(&told);
    assert_eq!(before.0["tasks"][0]["status"], "COMPLETED");
    let state = rpc(&chain, "evm_snapshot", json!([]));
    protect(&roles, "lost", r#"{"phone":"string"}"#);
    protect(&roles, "lost too", r#"{"phone":"string"}"#);
    let after = everything(&told);
    assert_eq!(after.0["datasets"].as_array().map(Vec::len), Some(3));
    assert_ne!(before, after);

    assert_eq!(rpc(&chain, "evm_revert", json!([state])), true);
    until("the explorer has forgotten them", || everything(&told) == before);
    // Another chain of the same length and then some.
    for name in ["one", "two", "three"] {
        protect(&roles, name, r#"{"fax":"string"}"#);
    }
    let now = everything(&told);
    let names: Vec<&Value> =
        now.1["protectedDatas"].as_array().expect("a list").iter().map(|data| &data["name"]).collect();
    assert_eq!(names.len(), 4);
    assert!(!names.contains(&&json!("lost")) && names.contains(&&json!("three")), "{names:?}");

    // Killed while the chain goes on, and started again over its index; beside it one that begins with nothing.
    first.kill();
    protect(&roles, "meanwhile", r#"{"fax":"string"}"#);
    let (_again, found) = explorer(&roles, &place);
    let (_other, afresh) = explorer(&roles, &folder.path().join("afresh"));
    let found = everything(&found);
    assert_eq!(found, everything(&afresh));
    assert_eq!(found.1["protectedDatas"].as_array().map(Vec::len), Some(5));
}
