//! Tasks that demand an enclave, on the real contracts: who gets them, what authorizes them, what is paid.
#![allow(clippy::unwrap_used)] // helpers of tests, too

mod world;

use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::{Address, B256, Bytes, U256};
use metacloud_chain::{Commitment, OneStep};
use metacloud_protocol::ids::{archive_hash, eip191, enclave_hash};
use metacloud_protocol::signing::{SigningKey, address_of, key_from_bytes, sign};
use metacloud_protocol::{DealId, ResultDigest, ResultHash, ResultSeal, Tag, TaskId, TaskStatus};
use metacloud_scheduler::{Scheduler, SchedulerConfig};
use metacloud_wire::Signature;
use metacloud_wire::enclave::{Evidence, Statement};
use metacloud_wire::pool::{FromWorker, Instruction, ReportStatus, Settlement};
use sha2::{Digest as _, Sha256};
use world::*;

fn secret(n: u64) -> SigningKey {
    key_from_bytes(&U256::from(n).into()).unwrap()
}

fn root() -> SigningKey {
    secret(0x5007)
}

/// A pool that admits the root of these tests.
async fn admitting(world: &World) -> Scheduler {
    let admit_simulation = vec![address_of(&root())];
    Scheduler::start(SchedulerConfig { admit_simulation, ..world.config() }).await.unwrap()
}

async fn bought(world: &World, trust: u64, params: &str) -> DealId {
    world.tagged_deal(trust, 1, Address::ZERO, Tag::TEE | Tag::TDX, params).await
}

fn statement(world: &World, worker: &TestWorker, task: TaskId, enclave: &SigningKey) -> Statement {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Statement {
        chain_id: world.chain.id(),
        hub: world.hub.address(),
        task_id: task,
        worker: worker.address(),
        enclave: address_of(enclave),
        seal_key: B256::repeat_byte(9),
        expires: now + 600,
    }
}

fn evidence(statement: Statement) -> FromWorker {
    FromWorker::Evidence(Box::new(Evidence::simulated(statement, B256::ZERO, &root())))
}

fn vouch(worker: &TestWorker, task: TaskId, digest: ResultDigest, enclave: &SigningKey) -> Bytes {
    let hash = ResultHash::derive(task, digest);
    let seal = ResultSeal::derive(worker.address(), task, digest);
    Bytes::copy_from_slice(&sign(enclave, eip191(enclave_hash(hash, seal))))
}

async fn authorized(worker: &mut TestWorker) -> (Address, Signature) {
    match worker.next().await {
        Instruction::Authorize { enclave, authorization, .. } => (enclave, authorization),
        other => panic!("{other:?}"),
    }
}

/// Gets the task, shows its enclave, and is authorized.
async fn begin(world: &World, worker: &mut TestWorker, enclave: &SigningKey) -> (TaskId, Signature) {
    let assign = worker.assigned().await;
    worker.report(assign.task, ReportStatus::Started).await;
    worker.send(evidence(statement(world, worker, assign.task, enclave))).await;
    let (challenge, authorization) = authorized(worker).await;
    assert_eq!(challenge, address_of(enclave));
    (assign.task, authorization)
}

#[tokio::test]
async fn trust_one_is_settled_with_the_enclaves_word() {
    let world = World::new().await;
    let scheduler = admitting(&world).await;
    let deal = bought(&world, 1, "{}").await;
    let mut plain = world.worker(&scheduler, 4).await;
    let mut worker = TestWorker::with_enclaves(&world, &scheduler, 5, address_of(&root())).await;
    let (link, digest) = world.store("attested").await;
    let enclave = secret(77);
    let (task, authorization) = begin(&world, &mut worker, &enclave).await;
    let (_, view) = get(&scheduler, &format!("/tasks/{task}")).await;
    assert_eq!(
        (&view["enclave"], &view["replicates"][0]["enclave"]),
        (&"simulation".into(), &"simulation".into())
    );
    let what = OneStep {
        task,
        digest,
        results: link.to_bytes(),
        results_callback: Bytes::new(),
        enclave_challenge: address_of(&enclave),
        enclave_sign: vouch(&worker, task, digest, &enclave),
        authorization: authorization.as_bytes().clone(),
    };
    worker.one_step_vouched(what).await;
    world.until(world::task(deal, 0), TaskStatus::Completed).await;
    // The worker without enclave was never asked: what it hears first is a later task without one.
    let standard = world.deal(1, 1, Address::ZERO).await;
    drop(worker);
    assert_eq!(plain.assigned().await.task, world::task(standard, 0));
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn replicas_each_bring_an_enclave_and_an_encrypted_result_is_vouched_for() {
    let world = World::new().await;
    let scheduler = admitting(&world).await;
    let mut one = TestWorker::with_enclaves(&world, &scheduler, 4, address_of(&root())).await;
    let mut two = TestWorker::with_enclaves(&world, &scheduler, 5, address_of(&root())).await;
    let deal = bought(&world, 3, r#"{"iexec_result_encryption":true}"#).await;
    let (enclave_one, enclave_two) = (secret(71), secret(72));
    let digest = ResultDigest(B256::repeat_byte(0x42));
    for (worker, enclave) in [(&mut one, &enclave_one), (&mut two, &enclave_two)] {
        let assign = begin(&world, worker, enclave).await;
        let (task, authorization) = assign;
        let commitment = Commitment {
            task,
            hash: ResultHash::derive(task, digest),
            seal: ResultSeal::derive(worker.address(), task, digest),
            enclave_challenge: address_of(enclave),
            enclave_sign: vouch(worker, task, digest, enclave),
            authorization: authorization.as_bytes().clone(),
        };
        worker.contribute_vouched(commitment).await;
    }
    let task = task(deal, 0);
    let uploads = [one.reveal(digest).await, two.reveal(digest).await];
    let (first, first_enclave, second, second_enclave) = match uploads {
        [true, false] => (&mut one, &enclave_one, &mut two, &enclave_two),
        [false, true] => (&mut two, &enclave_two, &mut one, &enclave_one),
        other => panic!("{other:?}"),
    };
    // Nobody but the beneficiary can open what is stored: bytes that the enclave did not sign are not taken for it.
    let (link, sha256) = stored(&world, b"encrypted for somebody").await;
    let (other_link, _) = stored(&world, b"rubbish").await;
    let word =
        |enclave: &SigningKey| Bytes::copy_from_slice(&sign(enclave, eip191(archive_hash(task, sha256))));
    first.uploaded_signed(task, &other_link, word(first_enclave)).await;
    assert!(matches!(second.next().await, Instruction::Upload { .. }));
    second.uploaded_signed(task, &link, word(second_enclave)).await;
    let settled = world.until(task, TaskStatus::Completed).await;
    assert_eq!(settled.results, link.to_bytes());
    scheduler.stop().await.unwrap();
}

async fn stored(world: &World, content: &[u8]) -> (metacloud_protocol::result::ResultLink, B256) {
    let file = tempfile::NamedTempFile::new_in(world.dir.path()).unwrap();
    std::fs::write(file.path(), content).unwrap();
    let cid = world.blobs.add_file(file.path()).await.unwrap();
    let link = metacloud_protocol::result::ResultLink::ipfs(&cid.to_string());
    (link, B256::from_slice(&Sha256::digest(content)))
}

#[tokio::test]
async fn evidence_that_does_not_hold_fails_the_replica_with_its_reason() {
    let world = World::new().await;
    let scheduler = admitting(&world).await;
    let deal = bought(&world, 1, "{}").await;
    let id = task(deal, 0);
    let enclave = secret(81);
    type Forge = fn(Statement) -> FromWorker;
    let forgeries: [(Forge, &str); 4] = [
        (
            |statement| {
                let forged = Evidence::simulated(statement, B256::ZERO, &secret(0xbad));
                FromWorker::Evidence(Box::new(forged))
            },
            "not signed by a root",
        ),
        (|statement| evidence(Statement { worker: Address::repeat_byte(1), ..statement }), "is of worker"),
        (|statement| evidence(Statement { expires: 1, ..statement }), "expired"),
        (|statement| evidence(Statement { chain_id: 1, ..statement }), "is for chain"),
    ];
    for (n, (forge, why)) in (4..).zip(forgeries) {
        let mut worker = TestWorker::with_enclaves(&world, &scheduler, n, address_of(&root())).await;
        assert_eq!(worker.assigned().await.task, id);
        worker.send(forge(statement(&world, &worker, id, &enclave))).await;
        assert!(matches!(worker.next().await, Instruction::Abort { .. }));
        let (_, explained) = get(&scheduler, &format!("/tasks/{id}/explain")).await;
        let failures = explained["failures"].as_array().unwrap();
        let told = failures.iter().find(|failure| failure["worker"] == serde_json::json!(worker.address()));
        let told = told.unwrap_or_else(|| panic!("{explained}"));
        assert_eq!(told["cause"], "TEE_PREPARATION_FAILED");
        assert!(told["message"].as_str().unwrap().contains(why), "{told}");
        // Another try of the same worker is none of the pool's business.
        worker.send(evidence(statement(&world, &worker, id, &enclave))).await;
        assert!(matches!(worker.next().await, Instruction::Abort { .. }));
    }
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn worker_whose_root_is_not_admitted_is_told_apart_from_one_without_enclave() {
    let world = World::new().await;
    let scheduler = admitting(&world).await;
    let deal = bought(&world, 1, "{}").await;
    let id = task(deal, 0);
    let stranger = TestWorker::with_enclaves(&world, &scheduler, 4, Address::repeat_byte(0x13)).await;
    let plain = world.worker(&scheduler, 5).await;
    let reasons = async {
        loop {
            let (code, explained) = get(&scheduler, &format!("/tasks/{id}/explain")).await;
            let count = explained["workers"].as_array().map_or(0, Vec::len);
            if code == 200 && count == 2 {
                return explained["workers"].clone();
            }
            tokio::task::yield_now().await;
        }
    };
    let reasons = tokio::time::timeout(PATIENCE, reasons).await.unwrap();
    let of = |worker: &TestWorker| {
        let of = |entry: &&serde_json::Value| entry["worker"] == serde_json::json!(worker.address());
        reasons.as_array().unwrap().iter().find(of).unwrap()["reason"].as_str().unwrap().to_owned()
    };
    assert!(of(&stranger).contains("does not admit"), "{reasons}");
    assert!(of(&plain).contains("offers none"), "{reasons}");
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn pool_that_admits_no_enclaves_refuses_the_deal_and_says_so() {
    let world = World::new().await;
    let scheduler = world.scheduler().await;
    let deal = bought(&world, 1, "{}").await;
    let id = task(deal, 0);
    let mut worker = TestWorker::with_enclaves(&world, &scheduler, 4, address_of(&root())).await;
    let stopped = async {
        loop {
            let (code, explained) = get(&scheduler, &format!("/tasks/{id}/explain")).await;
            if code == 200 {
                return explained["stop"].as_str().unwrap_or_default().to_owned();
            }
            tokio::task::yield_now().await;
        }
    };
    let stopped = tokio::time::timeout(PATIENCE, stopped).await.unwrap();
    assert!(stopped.contains("this pool admits none"), "{stopped}");
    let (_, view) = get(&scheduler, &format!("/tasks/{id}")).await;
    assert_eq!((&view["currentStatus"], &view["fault"]), (&"INITIALIZE_FAILED".into(), &"requester".into()));
    // Its requester is refunded at the end, and the worker gets other work meanwhile.
    let standard = world.deal(1, 1, Address::ZERO).await;
    let assign = worker.assigned().await;
    assert_eq!((assign.task, assign.settlement), (task(standard, 0), Settlement::OneStep));
    world.pass(3_000).await;
    world.until(id, TaskStatus::Failed).await;
    scheduler.stop().await.unwrap();
}
