//! What an application said is for its requester alone (http-surface 7).
#![allow(clippy::unwrap_used)] // helpers of tests, too

mod world;

use alloy_primitives::{Address, B256, U256};
use metacloud_chain::Wallet;
use metacloud_protocol::TaskId;
use metacloud_scheduler::Scheduler;
use metacloud_wire::login::{self, CORE};
use metacloud_wire::pool::{FromWorker, Instruction, LOG_TAIL_BYTES_MAX, Report, ReportStatus};
use serde_json::{Value, json};
use world::*;

const CHAIN_ID: u64 = 31_337;
const REQUESTER: usize = 3;

fn wallet(world: &World, n: usize) -> Wallet {
    Wallet::new(world.chain.clone(), key(n)).unwrap()
}

async fn challenge(scheduler: &Scheduler, address: Address) -> B256 {
    let path = format!("/tasks/logs/challenge?address={address}&chainId={CHAIN_ID}");
    let (status, data) = get(scheduler, &path).await;
    assert_eq!((status, &data["domain"]["name"]), (200, &Value::from("iExec Core")), "{data}");
    assert!(data.get("ok").is_none(), "no envelope");
    login::digest(CORE, CHAIN_ID, data["message"]["challenge"].as_str().unwrap())
}

/// A header that serves once.
async fn header(scheduler: &Scheduler, wallet: &Wallet) -> String {
    let digest = challenge(scheduler, wallet.address()).await;
    format!("{digest}_{}_{}", wallet.sign_hash(digest), wallet.address())
}

async fn logs(scheduler: &Scheduler, task: TaskId, header: &str) -> (u16, Value) {
    get_as(scheduler, &format!("/tasks/{task}/logs"), header).await
}

#[tokio::test]
async fn logs_are_kept_and_shown_to_the_requester_alone() {
    let world = World::new().await;
    let scheduler = world.scheduler().await;
    let deal = world.deal(1, 1, Address::ZERO).await;
    let id = task(deal, 0);
    let mut worker = world.worker(&scheduler, 4).await;
    worker.assigned().await;
    let (requester, stranger) = (wallet(&world, REQUESTER), wallet(&world, 5));
    let (status, answer) = logs(&scheduler, id, &header(&scheduler, &requester).await).await;
    assert_eq!((status, &answer["error"]), (404, &Value::from("no logs of this task")));

    let longest = "x".repeat(LOG_TAIL_BYTES_MAX);
    let computed = Report::new(id, ReportStatus::Computed);
    let report = Report { stdout_tail: longest.clone(), stderr_tail: "and warned\n".into(), ..computed };
    worker.send(FromWorker::Report(report)).await;
    // A worker that was not given the task says something about it, and about one that is not.
    let mut foreign = world.worker(&scheduler, 6).await;
    for task in [id, task(deal, 7)] {
        let said = Report { stdout_tail: "lies".into(), ..Report::new(task, ReportStatus::Computed) };
        foreign.send(FromWorker::Report(said)).await;
        let answered = foreign.next().await;
        assert!(matches!(answered, Instruction::Abort { .. }), "{answered:?}");
    }
    let answer = until_logged(&scheduler, id, &requester).await;
    let wallet = worker.address().to_checksum(None);
    let log = json!({ "walletAddress": wallet, "stdout": longest, "stderr": "and warned\n" });
    assert_eq!(answer, json!({ "chainTaskId": id, "computeLogsList": [log] }));

    let (status, _) = logs(&scheduler, id, &header(&scheduler, &stranger).await).await;
    assert_eq!(status, 403);
    drop((worker, foreign));
    scheduler.stop().await.unwrap();
    let scheduler = restarted(&world).await;
    let (status, again) = logs(&scheduler, id, &header(&scheduler, &requester).await).await;
    assert_eq!((status, again), (200, answer), "kept over a restart");
    scheduler.stop().await.unwrap();
}

async fn until_logged(scheduler: &Scheduler, id: TaskId, requester: &Wallet) -> Value {
    let logged = async {
        loop {
            let (status, answer) = logs(scheduler, id, &header(scheduler, requester).await).await;
            if status == 200 {
                return answer;
            }
            assert_eq!(status, 404, "{answer}");
        }
    };
    tokio::time::timeout(PATIENCE, logged).await.unwrap()
}

#[tokio::test]
async fn whoever_does_not_prove_who_it_is_learns_nothing() {
    let world = World::new().await;
    let scheduler = world.scheduler().await;
    let deal = world.deal(4, 1, Address::ZERO).await;
    let id = task(deal, 0);
    world.until(id, metacloud_protocol::TaskStatus::Active).await;
    let (requester, stranger) = (wallet(&world, REQUESTER), wallet(&world, 5));
    let good = header(&scheduler, &requester).await;
    let forged = {
        let digest = challenge(&scheduler, requester.address()).await;
        format!("{digest}_{}_{}", stranger.sign_hash(digest), requester.address())
    };
    let of_another = {
        let digest = challenge(&scheduler, stranger.address()).await;
        format!("{digest}_{}_{}", requester.sign_hash(digest), requester.address())
    };
    let never_issued = {
        let digest = B256::from(U256::from(1));
        format!("{digest}_{}_{}", requester.sign_hash(digest), requester.address())
    };
    for bad in ["x", "0x_0x_0x", &good[..100], &forged, &of_another, &never_issued] {
        assert_eq!(logs(&scheduler, id, bad).await.0, 401, "{bad}");
    }
    assert_eq!(get(&scheduler, &format!("/tasks/{id}/logs")).await.0, 401, "no header");
    assert_eq!(logs(&scheduler, id, &good).await.0, 404, "good, but there is nothing");
    assert_eq!(logs(&scheduler, id, &good).await.0, 401, "used up");

    for unknown in [task(deal, 9).to_string(), B256::ZERO.to_string(), "nonsense".to_owned()] {
        let header = header(&scheduler, &requester).await;
        let (status, answer) = get_as(&scheduler, &format!("/tasks/{unknown}/logs"), &header).await;
        assert_eq!(status, 404, "{unknown}: {answer}");
    }
    let address = requester.address();
    for (query, says) in [
        (format!("address={address}"), "chainId is a required field"),
        (format!("address={address}&chainId=1"), "chainId 1 is not supported"),
        (format!("chainId={CHAIN_ID}"), "address is a required field"),
        (format!("chainId={CHAIN_ID}&address=0x12"), "address must be an ethereum address"),
    ] {
        let (status, answer) = get(&scheduler, &format!("/tasks/logs/challenge?{query}")).await;
        assert_eq!((status, answer["error"].as_str()), (400, Some(says)));
    }
    scheduler.stop().await.unwrap();
}

/// Code of an account whose contract takes one digest as signed, whatever the signature, and no other (ERC-1271).
fn account_that_signed(digest: B256) -> Vec<u8> {
    let mut code = vec![0x7f]; // PUSH32 digest
    code.extend_from_slice(digest.as_slice());
    code.extend_from_slice(&[0x60, 0x04, 0x35, 0x14, 0x63]); // the first argument; equal? times the magic value
    code.extend_from_slice(&[0x16, 0x26, 0xba, 0x7e]);
    code.extend_from_slice(&[0x02, 0x60, 0xe0, 0x1b, 0x60, 0x00, 0x52, 0x60, 0x20, 0x60, 0x00, 0xf3]);
    code
}

#[tokio::test]
async fn a_requester_that_is_a_contract_says_itself_what_it_signed() {
    let world = World::new().await;
    let scheduler = world.scheduler().await;
    let deal = world.deal(4, 1, Address::ZERO).await;
    let id = task(deal, 0);
    world.until(id, metacloud_protocol::TaskStatus::Active).await;
    let requester = wallet(&world, REQUESTER);
    let (signed, other) =
        (challenge(&scheduler, requester.address()).await, challenge(&scheduler, requester.address()).await);
    let code = format!("0x{}", alloy_primitives::hex::encode(account_that_signed(signed)));
    let _: Value = world.chain.request("anvil_setCode", json!([requester.address(), code])).await.unwrap();
    // Of a length that no key makes.
    let signature = format!("0x{}", "5a".repeat(85));
    let of = |digest: B256| format!("{digest}_{signature}_{}", requester.address());
    assert_eq!(logs(&scheduler, id, &of(other)).await.0, 401, "its contract knows nothing of it");
    let (status, answer) = logs(&scheduler, id, &of(signed)).await;
    assert_eq!((status, &answer["error"]), (404, &Value::from("no logs of this task")));
    assert_eq!(logs(&scheduler, id, &of(signed)).await.0, 401, "used up");
    scheduler.stop().await.unwrap();
}
