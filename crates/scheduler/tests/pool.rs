//! Whole lives of tasks: chain, contracts, store, scheduler and transactions are real.
#![allow(clippy::unwrap_used)] // helpers of tests, too

mod world;

use alloy_primitives::{Address, Bytes};
use metacloud_protocol::result::{ResultLink, callback_digest};
use metacloud_protocol::{ContributionStatus, ResultDigest, TaskStatus};
use metacloud_wire::cause::Cause;
use metacloud_wire::pool::{Instruction, Settlement};
use world::*;

#[tokio::test]
async fn trust_one_is_settled_by_its_worker_alone() {
    let world = World::new().await;
    let scheduler = world.scheduler().await;
    let deal = world.deal(1, 2, Address::ZERO).await;
    let mut worker = world.worker(&scheduler, 4).await;
    let (link, digest) = world.store("hello").await;
    for _ in 0..2 {
        let assign = worker.assigned().await;
        assert_eq!(assign.settlement, Settlement::OneStep);
        worker.one_step(&assign, &link, digest).await;
    }
    for index in 0..2 {
        world.until(task(deal, index), TaskStatus::Completed).await;
    }
    let (status, view) = get(&scheduler, &format!("/tasks/{}", task(deal, 0))).await;
    assert_eq!((status, view["replicates"].as_array().unwrap().len()), (200, 1));
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn liar_is_outvoted_and_a_false_upload_is_not_finalized() {
    let world = World::new().await;
    let scheduler = world.scheduler().await;
    let (link, digest) = world.store("right").await;
    let (other_link, other_digest) = world.store("wrong").await;
    let mut workers = Vec::new();
    for n in 4..9 {
        workers.push(world.worker(&scheduler, n).await);
    }
    let deal = world.deal(4, 1, Address::ZERO).await;
    let id = task(deal, 0);
    // Two are asked at first, then as many as the dissent makes necessary: four that agree.
    let lies = std::sync::atomic::AtomicBool::new(true);
    let scheduled = async {
        let mut waiting: futures::stream::FuturesUnordered<_> = workers
            .iter_mut()
            .map(|worker| async {
                let assign = worker.assigned().await;
                let lie = lies.swap(false, std::sync::atomic::Ordering::SeqCst);
                worker.contribute(&assign, if lie { other_digest } else { digest }).await;
                (worker, lie)
            })
            .collect();
        let mut done = Vec::new();
        while let Some(found) = futures::StreamExt::next(&mut waiting).await {
            done.push(found);
        }
        done
    };
    let done = scheduled.await;
    world.until(id, TaskStatus::Revealing).await;
    let mut liar = None;
    let mut winners = Vec::new();
    for (worker, lie) in done {
        if lie {
            assert!(matches!(worker.next().await, Instruction::Abort { .. }));
            liar = Some(worker.address());
        } else {
            winners.push((worker.reveal(digest).await, worker));
        }
    }
    // Whoever is asked stores something else: another is asked, and only its result is written on chain.
    let first = winners.iter().position(|(upload, _)| *upload).unwrap();
    let (_, false_one) = winners.swap_remove(first);
    false_one.uploaded(id, &other_link).await;
    let mut asked: futures::stream::FuturesUnordered<_> =
        winners.iter_mut().map(|(_, worker)| async { (worker.next().await, worker) }).collect();
    let (instruction, second) = futures::StreamExt::next(&mut asked).await.unwrap();
    // Its reveal may not have been seen yet: then it is told to reveal and to store at once.
    assert!(
        matches!(instruction, Instruction::Upload { .. } | Instruction::Reveal { upload: true, .. }),
        "{instruction:?}"
    );
    second.uploaded(id, &link).await;
    let settled = world.until(id, TaskStatus::Completed).await;
    assert_eq!(settled.results, link.to_bytes());
    let lie = world.hub.view_contribution(id, liar.unwrap()).await.unwrap();
    assert_eq!(lie.status, ContributionStatus::Contributed, "it never revealed");
    let stake = world.hub.view_account(liar.unwrap()).await.unwrap();
    assert!(stake.locked.is_zero(), "its stake was seized");
}

#[tokio::test]
async fn lost_worker_is_replaced_within_its_lease() {
    let world = World::new().await;
    let scheduler = world.scheduler().await;
    let deal = world.deal(1, 1, Address::ZERO).await;
    let mut lost = world.worker(&scheduler, 4).await;
    lost.assigned().await;
    let mut other = world.worker(&scheduler, 5).await;
    // Its stream breaks and it does not come back.
    drop(lost);
    let assign = other.assigned().await;
    assert_eq!(assign.task, task(deal, 0));
    let (link, digest) = world.store("hello").await;
    other.one_step(&assign, &link, digest).await;
    world.until(assign.task, TaskStatus::Completed).await;
    let (_, view) = get(&scheduler, &format!("/tasks/{}", assign.task)).await;
    assert!(view["replicates"].to_string().contains("WORKER_LOST"), "{view}");
}

#[tokio::test]
async fn restart_in_the_middle_loses_nothing_and_repeats_nothing() {
    let world = World::new().await;
    let scheduler = world.scheduler().await;
    let deal = world.deal(4, 1, Address::ZERO).await;
    let id = task(deal, 0);
    let (link, digest) = world.store("right").await;
    let mut first = world.worker(&scheduler, 4).await;
    let assign = first.assigned().await;
    first.contribute(&assign, digest).await;
    // The process dies; the second worker contributes while nobody looks.
    let mut second = world.worker(&scheduler, 5).await;
    let assign = second.assigned().await;
    drop(first);
    drop(scheduler);
    second.contribute_quietly(&assign, digest).await;
    drop(second);
    let scheduler = restarted(&world).await;
    let mut winners = [
        TestWorker::rejoin(&world, &scheduler, 4, 2, vec![id]).await,
        TestWorker::rejoin(&world, &scheduler, 5, 2, vec![id]).await,
    ];
    for winner in &mut winners {
        if winner.reveal(digest).await {
            winner.uploaded(id, &link).await;
        }
    }
    let settled = world.until(id, TaskStatus::Completed).await;
    assert_eq!(settled.contributors.len(), 2);
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn expired_tasks_are_claimed_whether_initialized_or_not() {
    let world = World::new().await;
    let scheduler = world.scheduler().await;
    let deal = world.deal(4, 2, Address::ZERO).await;
    world.until(task(deal, 0), TaskStatus::Active).await;
    world.until(task(deal, 1), TaskStatus::Active).await;
    scheduler.stop().await.unwrap();
    // Nobody schedules when the next deal is made and expires.
    let unseen = world.deal(1, 3, Address::ZERO).await;
    world.pass(10 * 300 + 1).await;
    let scheduler = world.scheduler().await;
    for (deal, size) in [(deal, 2), (unseen, 3)] {
        for index in 0..size {
            world.until(task(deal, index), TaskStatus::Failed).await;
        }
    }
    scheduler.stop().await.unwrap();
}

#[tokio::test]
async fn unrunnable_task_stops_with_a_named_cause_and_an_accountable_party() {
    let world = World::new().await;
    let scheduler = world.scheduler().await;
    let deal = world.deal(1, 1, Address::ZERO).await;
    let id = task(deal, 0);
    let mut worker = world.worker(&scheduler, 4).await;
    worker.assigned().await;
    worker.fail(id, Cause::APP_COMPUTE_FAILED, "not a WebAssembly module").await;
    // Reports are in order: once a later one is answered, the failure was taken.
    let view = loop {
        let (status, view) = get(&scheduler, &format!("/tasks/{id}")).await;
        assert_eq!(status, 200);
        if view["currentStatus"] == "RUNNING_FAILED" {
            break view;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(view["fault"], "appProvider");
    assert!(view.to_string().contains("not a WebAssembly module"));
    let (_, explained) = get(&scheduler, &format!("/tasks/{id}/explain")).await;
    assert!(explained["stop"].as_str().unwrap().contains("APP_COMPUTE_FAILED"), "{explained}");
    let (status, _) = get(&scheduler, &format!("/tasks/{}", task(deal, 7))).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn callback_result_must_hash_to_the_consensus() {
    let world = World::new().await;
    let scheduler = world.scheduler().await;
    let callback = Address::repeat_byte(0xca);
    let deal = world.deal(2, 1, callback).await;
    let id = task(deal, 0);
    let mut worker = world.worker(&scheduler, 4).await;
    let data = Bytes::from_static(b"forty-two");
    let digest: ResultDigest = callback_digest(&data);
    let assign = worker.assigned().await;
    worker.contribute(&assign, digest).await;
    assert!(worker.reveal(digest).await);
    worker.handed_over(id, data.clone()).await;
    let settled = world.until(id, TaskStatus::Completed).await;
    assert_eq!(settled.results_callback, data);
    assert_eq!(settled.results, ResultLink::ethereum(callback).to_bytes());
}
