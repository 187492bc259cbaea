//! Workers that break the rules: refused, and nobody else is harmed.
#![allow(clippy::unwrap_used)] // helpers of tests, too

mod world;

use alloy_primitives::{Address, B256};
use metacloud_chain::Wallet;
use metacloud_protocol::TaskId;
use metacloud_scheduler::{Scheduler, StartError};
use metacloud_wire::pool::proto::{self, WorkerMessage};
use metacloud_wire::pool::{
    FromPool, FromWorker, Instruction, MESSAGE_BYTES_MAX, RefusedCode, Report, ReportStatus, Seq,
};
use world::worker::{hello, open, receive};
use world::*;

async fn refused(from: &mut tonic::Streaming<proto::PoolMessage>) -> RefusedCode {
    loop {
        match receive(from).await {
            Some(FromPool::Refused(refusal)) => return refusal.code,
            Some(_) => {}
            None => panic!("the stream ended without a reason"),
        }
    }
}

#[tokio::test]
async fn foreign_stale_and_garbled_logins_are_refused() {
    let world = World::new().await;
    let scheduler = world.scheduler().await;
    let honest = Wallet::new(world.chain.clone(), key(4)).unwrap();
    // Signed by another key.
    let (to, mut from) = open(&scheduler).await;
    let Some(FromPool::Challenge(first)) = receive(&mut from).await else { panic!() };
    to.send(FromWorker::Hello(hello(&first, address(5), &honest, 1, vec![])).into()).await.unwrap();
    assert_eq!(refused(&mut from).await, RefusedCode::Login);
    // The answer to an earlier challenge.
    let (to, mut from) = open(&scheduler).await;
    let Some(FromPool::Challenge(_)) = receive(&mut from).await else { panic!() };
    to.send(FromWorker::Hello(hello(&first, honest.address(), &honest, 1, vec![])).into()).await.unwrap();
    assert_eq!(refused(&mut from).await, RefusedCode::Login);
    // No Hello at all, and a message without content.
    for message in [FromWorker::Heartbeat { free_slots: 1 }.into(), WorkerMessage { message: None }] {
        let (to, mut from) = open(&scheduler).await;
        to.send(message).await.unwrap();
        assert_eq!(refused(&mut from).await, RefusedCode::ProtocolViolation);
    }
    // Only future versions.
    let (to, mut from) = open(&scheduler).await;
    let Some(FromPool::Challenge(challenge)) = receive(&mut from).await else { panic!() };
    let mut future = hello(&challenge, honest.address(), &honest, 1, vec![]);
    future.protocol = 7..=9;
    to.send(FromWorker::Hello(future).into()).await.unwrap();
    assert_eq!(refused(&mut from).await, RefusedCode::Protocol);
}

#[tokio::test]
async fn pool_with_a_list_admits_nobody_else() {
    let world = World::new().await;
    let mut config = world.config();
    config.allow = Some(vec![address(5)]);
    let scheduler = Scheduler::start(config).await.unwrap();
    let (to, mut from) = open(&scheduler).await;
    let Some(FromPool::Challenge(challenge)) = receive(&mut from).await else { panic!() };
    let wallet = Wallet::new(world.chain.clone(), key(4)).unwrap();
    to.send(FromWorker::Hello(hello(&challenge, wallet.address(), &wallet, 1, vec![])).into()).await.unwrap();
    assert_eq!(refused(&mut from).await, RefusedCode::NotAdmitted);
    world.worker(&scheduler, 5).await;
}

#[tokio::test]
async fn reports_about_foreign_tasks_are_answered_by_abort() {
    let world = World::new().await;
    let scheduler = world.scheduler().await;
    let deal = world.deal(1, 1, Address::ZERO).await;
    let mut busy = world.worker(&scheduler, 4).await;
    let id = busy.assigned().await.task;
    assert_eq!(id, task(deal, 0));
    let mut other = world.worker(&scheduler, 5).await;
    for foreign in [id, TaskId(B256::repeat_byte(9))] {
        other.report(foreign, ReportStatus::Computed).await;
        assert!(matches!(other.next().await, Instruction::Abort { task, .. } if task == foreign));
    }
}

#[tokio::test]
async fn oversized_frames_false_acknowledgements_and_floods_end_the_stream() {
    let world = World::new().await;
    let scheduler = world.scheduler().await;
    let mut liar = world.worker(&scheduler, 4).await;
    liar.send(FromWorker::Ack(Seq(99))).await;
    assert!(matches!(liar.receive().await, Some(FromPool::Refused(_))));
    let mut huge = world.worker(&scheduler, 5).await;
    let mut report = Report::new(TaskId(B256::repeat_byte(9)), ReportStatus::Computed);
    report.stdout_tail = "x".repeat(MESSAGE_BYTES_MAX + 1);
    huge.send(FromWorker::Report(report)).await;
    assert!(!matches!(huge.receive().await, Some(FromPool::Numbered { .. })));
    let mut flood = world.worker(&scheduler, 6).await;
    let id = TaskId(B256::repeat_byte(9));
    let to = flood.sender();
    let sending = async {
        let report = || FromWorker::Report(Report::new(id, ReportStatus::Started));
        while to.send(report().into()).await.is_ok() {}
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = sending => {}
        code = flood.refused() => assert_eq!(code, RefusedCode::ProtocolViolation),
    }
    // Others are served as before.
    world.deal(1, 1, Address::ZERO).await;
    world.worker(&scheduler, 7).await.assigned().await;
}

#[tokio::test]
async fn second_stream_of_a_worker_ends_the_first() {
    let world = World::new().await;
    let scheduler = world.scheduler().await;
    let mut first = world.worker(&scheduler, 4).await;
    let mut second = world.worker(&scheduler, 4).await;
    assert_eq!(first.refused().await, RefusedCode::Replaced);
    world.deal(1, 1, Address::ZERO).await;
    second.assigned().await;
}

#[tokio::test]
async fn key_that_does_not_own_the_pool_and_a_directory_in_use_are_named() {
    let world = World::new().await;
    let mut config = world.config();
    config.key = key(7);
    assert!(matches!(Scheduler::start(config).await, Err(StartError::NotOwner { .. })));
    let _running = world.scheduler().await;
    assert!(matches!(Scheduler::start(world.config()).await, Err(StartError::DataDir(_))));
}
