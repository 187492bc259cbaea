//! The chain loses blocks, under a running scheduler or while it is away.
#![allow(clippy::unwrap_used)] // helpers of tests, too

mod world;

use alloy_primitives::Address;
use metacloud_protocol::{ContributionStatus, TaskStatus};
use metacloud_scheduler::{Scheduler, StartError};
use world::*;

#[tokio::test]
async fn a_contribution_that_vanished_is_made_again_and_counted_once() {
    let world = World::new().await;
    let scheduler = world.scheduler().await;
    let deal = world.deal(2, 1, Address::ZERO).await;
    let id = task(deal, 0);
    let (link, digest) = world.store("right").await;
    let mut worker = world.worker(&scheduler, 4).await;
    let assign = worker.assigned().await;
    let before = world.snapshot().await;
    worker.contribute(&assign, digest).await;
    let consensus = worker.next().await;
    assert!(matches!(consensus, metacloud_wire::pool::Instruction::Reveal { .. }), "{consensus:?}");

    world.cut(before).await;
    world.pass(1).await;
    let again = worker.assigned().await;
    assert_eq!(again.task, id, "the pool does not wait for its deadline");
    world.until_shown(&scheduler, id, "RECOVERING").await;
    worker.contribute_quietly(&again, digest).await;
    assert!(worker.reveal(digest).await);
    worker.uploaded(id, &link).await;
    let settled = world.until(id, TaskStatus::Completed).await;
    assert_eq!(settled.contributors, [worker.address()]);
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn a_deal_that_was_lost_while_the_scheduler_was_away_is_forgotten_and_others_go_on() {
    let world = World::new().await;
    let scheduler = world.scheduler().await;
    let (link, digest) = world.store("hello").await;
    let mut worker = world.worker(&scheduler, 4).await;
    let kept = world.deal(1, 1, Address::ZERO).await;
    let assign = worker.assigned().await;
    worker.one_step(&assign, &link, digest).await;
    world.until_shown(&scheduler, assign.task, "CONTRIBUTE_AND_FINALIZE_DONE").await;
    let before = world.snapshot().await;
    let lost = world.deal(1, 1, Address::ZERO).await;
    assert_eq!(worker.assigned().await.task, task(lost, 0));
    drop(worker);
    scheduler.stop().await.unwrap();

    world.cut(before).await;
    let scheduler = restarted(&world).await;
    assert_eq!(until_gone(&scheduler, &format!("/tasks/{}", task(lost, 0))).await, 404);
    let (_, view) = get(&scheduler, &format!("/tasks/{}", task(kept, 0))).await;
    assert_eq!(view["currentStatus"], "COMPLETED");
    // The worker is free for what comes next.
    let mut worker = world.worker(&scheduler, 4).await;
    let next = world.deal(1, 1, Address::ZERO).await;
    let assign = worker.assigned().await;
    assert_eq!(assign.task, task(next, 0));
    worker.one_step(&assign, &link, digest).await;
    world.until(assign.task, TaskStatus::Completed).await;
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn a_settlement_that_was_lost_while_the_scheduler_was_away_is_made_again() {
    let world = World::new().await;
    let scheduler = world.scheduler().await;
    let (link, digest) = world.store("hello").await;
    let deal = world.deal(1, 1, Address::ZERO).await;
    let id = task(deal, 0);
    let mut worker = world.worker(&scheduler, 4).await;
    let assign = worker.assigned().await;
    let before = world.snapshot().await;
    worker.one_step(&assign, &link, digest).await;
    world.until_shown(&scheduler, id, "CONTRIBUTE_AND_FINALIZE_DONE").await;
    drop(worker);
    scheduler.stop().await.unwrap();

    world.cut(before).await;
    let scheduler = restarted(&world).await;
    let mut worker = world.worker(&scheduler, 4).await;
    let assign = worker.assigned().await;
    assert_eq!(assign.task, id);
    worker.one_step(&assign, &link, digest).await;
    world.until(id, TaskStatus::Completed).await;
    let mine = world.hub.view_contribution(id, worker.address()).await.unwrap();
    assert_eq!(mine.status, ContributionStatus::Proved);
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn a_journal_of_another_chain_or_pool_is_refused_with_one_line() {
    let world = World::begun_at(Some(1_000_000_000)).await;
    world.scheduler().await.stop().await.unwrap();
    let other = World::begun_at(Some(1_000_000_001)).await;
    let config = metacloud_scheduler::SchedulerConfig { data_dir: world.config().data_dir, ..other.config() };
    let refused = loop {
        match Scheduler::start(config.clone()).await {
            // The lock is released when the last task of the stopped one is gone.
            Err(StartError::DataDir(_)) => tokio::task::yield_now().await,
            Err(error) => break error,
            Ok(_) => panic!("a scheduler goes on with the journal of another chain"),
        }
    };
    assert!(matches!(refused, StartError::OtherOrigin { .. }), "{refused}");
    let line = refused.to_string();
    assert!(line.contains("another --data-dir") && !line.contains('\n'), "{line}");
}

/// Waits for the status that stays: a task may be known until what the chain lost is read anew.
async fn until_gone(scheduler: &Scheduler, path: &str) -> u16 {
    let gone = async {
        loop {
            match get(scheduler, path).await.0 {
                200 | 503 => tokio::task::yield_now().await,
                status => return status,
            }
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap()
}
