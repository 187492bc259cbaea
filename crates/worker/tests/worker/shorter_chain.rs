//! The chain loses blocks, under a running worker or while it is away.

use metacloud_chain::Chain;
use serde_json::{Value, json};

use super::*;

async fn snapshot(chain: &Chain) -> String {
    chain.request("evm_snapshot", json!([])).await.unwrap()
}

/// Takes every later block from the chain, and makes one in their place.
async fn cut(chain: &Chain, to: String) {
    let reverted: bool = chain.request("evm_revert", json!([to])).await.unwrap();
    assert!(reverted);
    let _mined: Value = chain.request("evm_mine", json!([])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contribution_that_vanished_is_made_again_from_what_is_on_disk() {
    let scene = Scene::new().await;
    let (worker, mut session) = scene.start().await;
    let app = scene.world.publish(HELLO).await;
    // One worker is no consensus: the contribution waits for others.
    let bought = scene.world.buy_with_trust(app, ARGS, 5).await;
    let assign = scene.world.assign(&bought, worker.address(), Settlement::CommitReveal);
    let task = assign.task;
    let before = snapshot(&scene.world.chain).await;
    session.instruct(1, Instruction::Assign(assign)).await;
    session.report(task, ReportStatus::Contributed).await;

    cut(&scene.world.chain, before).await;
    let mut tries = 0;
    while scene.contribution(&worker, task).await == ContributionStatus::Unset {
        tries += 1;
        assert!(tries < 3_000, "no second contribution");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let contributors = scene.world.hub.view_task(task).await.unwrap().contributors;
    assert_eq!(contributors, [worker.address()]);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_whose_deal_was_lost_while_the_worker_was_away_is_dropped() {
    let scene = Scene::new().await;
    let (worker, mut session) = scene.start().await;
    let app = scene.world.publish(HELLO).await;
    let before = snapshot(&scene.world.chain).await;
    let bought = scene.world.buy(app, ARGS).await;
    let assign = scene.world.assign(&bought, worker.address(), Settlement::CommitReveal);
    let task = assign.task;
    session.instruct(1, Instruction::Assign(assign)).await;
    session.report(task, ReportStatus::Contributed).await;
    drop(session);
    worker.stop().await;
    let dir = scene.config.data_dir.join("tasks").join(task.to_string());
    assert!(dir.exists());

    cut(&scene.world.chain, before).await;
    let (worker, mut session) = scene.start().await;
    eventually("the end of the task directory", || !dir.exists()).await;
    // The worker is as free as if it had never had the task.
    let task = {
        let bought = scene.world.buy(app, ARGS).await;
        let assign = scene.world.assign(&bought, worker.address(), Settlement::CommitReveal);
        let task = assign.task;
        session.instruct(2, Instruction::Assign(assign)).await;
        task
    };
    session.report(task, ReportStatus::Contributed).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_void_is_forgotten_without_a_word_and_may_be_assigned_again() {
    let scene = Scene::new().await;
    let (worker, mut session) = scene.start().await;
    let app = scene.world.publish(&wat::parse_str(LOOPS).unwrap()).await;
    let bought = scene.world.buy(app, "").await;
    let assign = scene.world.assign(&bought, worker.address(), Settlement::CommitReveal);
    let task = assign.task;
    session.instruct(1, Instruction::Assign(assign.clone())).await;
    session.report(task, ReportStatus::Started).await;

    session.instruct(2, Instruction::Abort { task, cause: Cause::TASK_NOT_ACTIVE }).await;
    session.instruct(3, Instruction::Assign(assign)).await;
    loop {
        if let Some(FromWorker::Report(report)) = session.next().await {
            assert_eq!(report.status, ReportStatus::Started, "how it ended is nobody's concern");
            break;
        }
    }
    session.instruct(4, Instruction::Abort { task, cause: Cause::UNKNOWN }).await;
    let report = session.report(task, ReportStatus::Aborted).await;
    assert_eq!(only_cause(&report), &Cause::UNKNOWN);
    worker.stop().await;
}
