//! A real worker between a real chain, real storage and a scheduler driven by hand.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers as well")]

#[expect(unreachable_pub, reason = "shared by the tests of this program")]
mod scheduler;
mod shorter_chain;
#[expect(unreachable_pub, reason = "shared by the tests of this program")]
mod world;

use std::num::NonZeroU32;
use std::time::Duration;

use alloy_primitives::{B256, Bytes};
use metacloud_blobs::{Location, archive};
use metacloud_chain::Wallet;
use metacloud_devchain::BaseFee;
use metacloud_protocol::result::{DigestRules, file_digest};
use metacloud_protocol::{ContributionStatus, Nrlc, ResultHash, TaskId, TaskStatus};
use metacloud_wire::cause::Cause;
use metacloud_wire::pool::{FromWorker, HeldTask, Instruction, Report, ReportStatus, Settlement};
use metacloud_worker::{Conduct, StartError, Worker, WorkerConfig};
use sha2::{Digest as _, Sha256};

use scheduler::{Scheduler, Session, Speaks};
use world::{PRICE, STAKE, World};

const HELLO: &[u8] = include_bytes!("../../../../examples/hello/hello.wasm");
const ARGS: &str = r#"{"iexec_args":"big world","iexec_result_storage_provider":"ipfs"}"#;
const OUTPUT: &[u8] = b"hello big world\n";

fn sha256(bytes: &[u8]) -> B256 {
    B256::from_slice(&Sha256::digest(bytes))
}

struct Scene {
    world: World,
    scheduler: Scheduler,
    config: WorkerConfig,
}

impl Scene {
    async fn new() -> Self {
        Self::in_world(World::new().await).await
    }

    async fn in_world(world: World) -> Self {
        let _ =
            tracing_subscriber::fmt().with_test_writer().with_env_filter("metacloud_worker=debug").try_init();
        let scheduler = Scheduler::start(&world).await;
        let config = world.worker(&scheduler.url).await;
        Self { world, scheduler, config }
    }

    async fn start(&self) -> (Worker, Session) {
        let worker = Worker::start(self.config.clone()).await.unwrap();
        let session = self.scheduler.joined().await;
        assert_eq!(session.hello.worker, worker.address());
        (worker, session)
    }

    /// Buys one run of `module` and assigns it as the first message.
    async fn give(&self, worker: &Worker, session: &Session, module: &[u8], params: &str) -> TaskId {
        let app = self.world.publish(module).await;
        let bought = self.world.buy(app, params).await;
        let assign = self.world.assign(&bought, worker.address(), Settlement::CommitReveal);
        let task = assign.task;
        session.instruct(1, Instruction::Assign(assign)).await;
        task
    }

    async fn status(&self, task: TaskId) -> TaskStatus {
        self.world.hub.view_task(task).await.unwrap().status
    }

    async fn contribution(&self, worker: &Worker, task: TaskId) -> ContributionStatus {
        self.world.hub.view_contribution(task, worker.address()).await.unwrap().status
    }
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not come");
}

fn only_cause(report: &Report) -> &Cause {
    &report.failures[0].cause
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_result_is_contributed_revealed_uploaded_and_paid() {
    let scene = Scene::new().await;
    let (worker, mut session) = scene.start().await;
    let task = scene.give(&worker, &session, HELLO, ARGS).await;

    session.report(task, ReportStatus::Started).await;
    let computed = session.report(task, ReportStatus::Computed).await;
    assert_eq!((computed.exit_code, computed.digest), (Some(0), None), "the digest stays secret");
    assert!(computed.fuel_used > 0);
    session.report(task, ReportStatus::Contributed).await;
    let consensus = scene.world.hub.view_task(task).await.unwrap().consensus;
    assert_eq!(consensus, ResultHash::derive(task, file_digest(sha256(OUTPUT))));
    session.instruct(2, Instruction::Reveal { task, consensus, upload: true }).await;
    let revealed = session.report(task, ReportStatus::Revealed).await;
    assert_eq!(revealed.digest, Some(file_digest(sha256(OUTPUT))));
    let link = session.report(task, ReportStatus::Uploaded).await.link.unwrap();

    let location: Location = link.location.parse().unwrap();
    let zip = scene.world.blobs.fetch_location(&location, 1 << 20).await.unwrap();
    let (digest, _) =
        archive::result_digest(std::io::Cursor::new(zip), DigestRules::Standard, &archive::Limits::default())
            .unwrap();
    assert_eq!(Some(digest), revealed.digest);

    let hub = &scene.world.hub;
    hub.finalize(&scene.world.pool_owner, task, link.to_bytes(), Bytes::new()).await.unwrap();
    let account = hub.view_account(worker.address()).await.unwrap();
    assert!(account.locked.is_zero());
    assert!(account.stake > Nrlc::new(STAKE) && account.stake <= Nrlc::new(STAKE + PRICE));
    let dir = scene.config.data_dir.join("tasks").join(task.to_string());
    eventually("the end of the task directory", || !dir.exists()).await;
    worker.stop().await;
    assert_eq!(scene.config.sandbox.compilations(), 1, "it ran in the sandbox that it was given");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_step_task_is_finalized_by_the_worker() {
    let scene = Scene::new().await;
    let (worker, mut session) = scene.start().await;
    let app = scene.world.publish(HELLO).await;
    let bought = scene.world.buy(app, ARGS).await;
    let assign = scene.world.assign(&bought, worker.address(), Settlement::OneStep);
    let task = assign.task;
    session.instruct(1, Instruction::Assign(assign)).await;

    let report = session.report(task, ReportStatus::Finalized).await;
    let on_chain = scene.world.hub.view_task(task).await.unwrap();
    assert_eq!(on_chain.status, TaskStatus::Completed);
    assert_eq!(Some(on_chain.result_digest), report.digest);
    assert_eq!(on_chain.results, report.link.unwrap().to_bytes());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn input_file_reaches_the_application() {
    let scene = Scene::new().await;
    let (worker, mut session) = scene.start().await;
    let input = scene.world.blobs.add_bytes(b"from a file\n".to_vec()).await.unwrap();
    let params = format!(r#"{{"iexec_input_files":["{}/ipfs/{input}"]}}"#, scene.world.storage_url);
    let task = scene.give(&worker, &session, HELLO, &params).await;

    session.report(task, ReportStatus::Contributed).await;
    let consensus = scene.world.hub.view_task(task).await.unwrap().consensus;
    let expected = file_digest(sha256(b"hello\nfrom a file\n"));
    assert_eq!(consensus, ResultHash::derive(task, expected));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn assignment_that_the_pool_owner_did_not_sign_is_refused() {
    let scene = Scene::new().await;
    let (worker, mut session) = scene.start().await;
    let app = scene.world.publish(HELLO).await;
    let bought = scene.world.buy(app, ARGS).await;
    let stranger = scene.world.requester();
    let assign = scene.world.assign_by(stranger, &bought, worker.address(), Settlement::CommitReveal);
    let task = assign.task;
    session.instruct(1, Instruction::Assign(assign)).await;

    let report = session.report(task, ReportStatus::Failed).await;
    assert_eq!(only_cause(&report), &Cause::WORKERPOOL_AUTHORIZATION_NOT_FOUND);
    assert_eq!(scene.contribution(&worker, task).await, ContributionStatus::Unset);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn application_that_is_not_the_one_published_gives_an_error_result() {
    let scene = Scene::new().await;
    let (worker, mut session) = scene.start().await;
    let app = scene.world.publish_with(HELLO, B256::repeat_byte(0xbd)).await;
    let bought = scene.world.buy(app, ARGS).await;
    let assign = scene.world.assign(&bought, worker.address(), Settlement::CommitReveal);
    let task = assign.task;
    session.instruct(1, Instruction::Assign(assign)).await;

    let computed = session.report(task, ReportStatus::Computed).await;
    assert_eq!(only_cause(&computed), &Cause::APP_IMAGE_DOWNLOAD_FAILED);
    assert_eq!(computed.exit_code, None, "it did not run");
    session.report(task, ReportStatus::Contributed).await;
    // With trust 1 this is the consensus, and may be revealed by now.
    assert_ne!(scene.contribution(&worker, task).await, ContributionStatus::Unset);
    worker.stop().await;
}

/// A command that ends with exit code 3 after a word on standard error, without a result.
const EXITS: &str = r#"(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\08\00\00\00\05\00\00\00no!!\n")
  (func (export "_start")
    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 64)))
    (call $exit (i32.const 3))))"#;
const TRAPS: &str = r#"(module (memory (export "memory") 1) (func (export "_start") unreachable))"#;
const LOOPS: &str = r#"(module (memory (export "memory") 1) (func (export "_start") (loop br 0)))"#;

#[tokio::test(flavor = "multi_thread")]
async fn bad_applications_fail_with_named_causes_and_the_worker_lives_on() {
    let scene = Scene::new().await;
    let (worker, mut session) = scene.start().await;
    let modules: [(&[u8], Cause, &str); 4] = [
        (TRAPS.as_bytes(), Cause::APP_COMPUTE_FAILED, "unreachable"),
        (EXITS.as_bytes(), Cause::APP_COMPUTE_FAILED, "exit code 3"),
        (LOOPS.as_bytes(), Cause::APP_COMPUTE_TIMEOUT, "ran past its time"),
        (b"#!/bin/sh\necho hello\n", Cause::APP_COMPUTE_FAILED, "not WebAssembly"),
    ];
    for (seq, (text, cause, says)) in (1..).zip(modules) {
        let module =
            if text.starts_with(b"(") { wat::parse_bytes(text).unwrap().into_owned() } else { text.to_vec() };
        let app = scene.world.publish(&module).await;
        let bought = scene.world.buy(app, "").await;
        let mut assign = scene.world.assign(&bought, worker.address(), Settlement::CommitReveal);
        assign.compute_seconds = 1;
        let task = assign.task;
        session.instruct(seq, Instruction::Assign(assign)).await;

        let report = session.report(task, ReportStatus::Failed).await;
        assert_eq!(only_cause(&report), &cause, "{report:?}");
        assert!(report.failures[0].message.contains(says), "{report:?}");
        if cause == Cause::APP_COMPUTE_FAILED && says == "exit code 3" {
            assert_eq!((report.exit_code, report.stderr_tail.as_str()), (Some(3), "no!!\n"));
        }
        assert_eq!(scene.contribution(&worker, task).await, ContributionStatus::Unset);
    }
    let app = scene.world.publish(HELLO).await;
    let bought = scene.world.buy(app, ARGS).await;
    let assign = scene.world.assign(&bought, worker.address(), Settlement::CommitReveal);
    let task = assign.task;
    session.instruct(5, Instruction::Assign(assign)).await;
    session.report(task, ReportStatus::Contributed).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn abort_ends_a_running_application() {
    let scene = Scene::new().await;
    let (worker, mut session) = scene.start().await;
    let task = scene.give(&worker, &session, &wat::parse_str(LOOPS).unwrap(), "").await;
    session.report(task, ReportStatus::Started).await;
    session.instruct(2, Instruction::Abort { task, cause: Cause::CONSENSUS_REACHED }).await;

    let report = session.report(task, ReportStatus::Aborted).await;
    assert_eq!(only_cause(&report), &Cause::CONSENSUS_REACHED);
    let dir = scene.config.data_dir.join("tasks").join(task.to_string());
    eventually("the end of the task directory", || !dir.exists()).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_killed_between_contribution_and_reveal_reveals_when_it_is_back() {
    let scene = Scene::new().await;
    let (worker, mut session) = scene.start().await;
    let task = scene.give(&worker, &session, HELLO, ARGS).await;
    session.report(task, ReportStatus::Contributed).await;
    drop(session);
    worker.stop().await;
    let before = scene.contribution_of(task).await;
    assert!(matches!(before, ContributionStatus::Contributed | ContributionStatus::Proved));

    // No scheduler answers this time: the chain alone tells what is owed.
    let mut config = scene.config.clone();
    config.scheduler_url = "http://127.0.0.1:9".into();
    let worker = Worker::start(config).await.unwrap();
    let mut tries = 0;
    while scene.contribution(&worker, task).await != ContributionStatus::Proved {
        tries += 1;
        assert!(tries < 1_000, "no reveal");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    worker.stop().await;

    // With a scheduler it serves the upload as if nothing had happened.
    let (worker, mut session) = scene.start().await;
    assert_eq!(session.hello.tasks.iter().map(|held| held.task).collect::<Vec<_>>(), [task]);
    session.instruct(2, Instruction::Upload { task }).await;
    session.report(task, ReportStatus::Uploaded).await;
    worker.stop().await;
}

impl Scene {
    async fn contribution_of(&self, task: TaskId) -> ContributionStatus {
        let wallet = Wallet::new(self.world.chain.clone(), self.config.key).unwrap();
        self.world.hub.view_contribution(task, wallet.address()).await.unwrap().status
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_killed_in_the_middle_of_a_run_starts_it_again() {
    let scene = Scene::new().await;
    let (worker, mut session) = scene.start().await;
    let task = scene.give(&worker, &session, &wat::parse_str(LOOPS).unwrap(), "").await;
    session.report(task, ReportStatus::Started).await;
    drop(session);
    worker.stop().await;
    // What a run that was killed may leave behind.
    let out = scene.config.data_dir.join("tasks").join(task.to_string()).join("out");
    std::fs::create_dir_all(&out).unwrap();
    std::fs::write(out.join("half.txt"), "half").unwrap();

    let (worker, mut session) = scene.start().await;
    assert_eq!(session.hello.tasks, [HeldTask { task, status: ReportStatus::Started }]);
    session.instruct(2, Instruction::Abort { task, cause: Cause::UNKNOWN }).await;
    let report = session.report(task, ReportStatus::Aborted).await;
    assert_eq!(only_cause(&report), &Cause::UNKNOWN, "it ran again rather than fail over the leftovers");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outvoted_worker_tells_how_it_ended() {
    let mut scene = Scene::new().await;
    scene.config.conduct = Conduct::Lies { every: NonZeroU32::MIN };
    let (worker, mut session) = scene.start().await;
    let app = scene.world.publish(HELLO).await;
    let bought = scene.world.buy_with_trust(app, ARGS, 5).await;
    let assign = scene.world.assign(&bought, worker.address(), Settlement::CommitReveal);
    let task = assign.task;
    session.instruct(1, Instruction::Assign(assign)).await;
    session.report(task, ReportStatus::Contributed).await;

    // Four others agree on the truth, which outweighs one dissenter at trust 5.
    let digest = file_digest(sha256(OUTPUT));
    let others = scene.world.contribute_truth(&bought, digest, 4).await;
    assert_eq!(scene.status(task).await, TaskStatus::Revealing);
    // The pool stops those who lost; a stake is locked, so this worker waits for the end all the same.
    session.instruct(2, Instruction::Abort { task, cause: Cause::CONSENSUS_REACHED }).await;
    session.acked(2).await;
    scene.world.reveal_and_finalize(&others, task, digest).await;

    let report = session.report(task, ReportStatus::Aborted).await;
    assert_eq!(only_cause(&report), &Cause::CONSENSUS_REACHED);
    let account = scene.world.hub.view_account(worker.address()).await.unwrap();
    assert!(account.locked.is_zero() && account.stake.is_zero(), "the stake is seized: {account:?}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_resumes_where_it_broke_and_repeats_do_nothing() {
    let scene = Scene::new().await;
    let (worker, mut session) = scene.start().await;
    assert_eq!(session.hello.resume, None);
    let app = scene.world.publish(&wat::parse_str(LOOPS).unwrap()).await;
    let bought = scene.world.buy(app, "").await;
    let assign = scene.world.assign(&bought, worker.address(), Settlement::CommitReveal);
    let task = assign.task;
    session.instruct(1, Instruction::Assign(assign.clone())).await;
    session.acked(1).await;
    session.report(task, ReportStatus::Started).await;
    drop(session);

    let mut session = scene.scheduler.joined().await;
    let (numbering, seq) = session.hello.resume.unwrap();
    assert_eq!((numbering.0.get(), seq.0), (7, 1));
    assert_eq!(session.hello.tasks, [HeldTask { task, status: ReportStatus::Started }]);
    session.report(task, ReportStatus::Started).await;
    session.instruct(1, Instruction::Assign(assign)).await;
    session.acked(1).await;

    // A gap: the worker hangs up and asks for what is missing.
    session.instruct(3, Instruction::Upload { task }).await;
    while session.next().await.is_some() {}
    drop(session);
    let mut session = scene.scheduler.joined().await;
    assert_eq!(session.hello.resume.unwrap().1.0, 1);
    session.instruct(2, Instruction::Abort { task, cause: Cause::UNKNOWN }).await;
    session.report(task, ReportStatus::Aborted).await;
    assert_eq!(scene.status(task).await, TaskStatus::Active);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scheduler_of_another_pool_gets_no_login() {
    let scene = Scene::new().await;
    let other = Speaks {
        pool: scene.world.hub.address(),
        hub: scene.world.hub.address(),
        storage_url: scene.world.storage_url.clone(),
        numbering: 1,
    };
    let scheduler = Scheduler::speaking(other).await;
    let config = WorkerConfig { scheduler_url: scheduler.url.clone(), ..scene.config.clone() };
    let worker = Worker::start(config).await.unwrap();
    assert!(scheduler.session().await.is_none());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_that_may_not_deposit_refuses_for_lack_of_stake() {
    let mut scene = Scene::new().await;
    scene.config.limits.deposit_max = Nrlc::new(STAKE - 1);
    let (worker, mut session) = scene.start().await;
    let task = scene.give(&worker, &session, HELLO, ARGS).await;
    let report = session.report(task, ReportStatus::Failed).await;
    assert_eq!(only_cause(&report), &Cause::STAKE_TOO_LOW);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_without_ether_for_the_reveal_does_not_contribute() {
    let fees = BaseFee::Eip1559 { initial: 1_000_000_000 };
    let mut scene = Scene::in_world(World::with_base_fee(fees).await).await;
    scene.config.key = B256::repeat_byte(0x77);
    let poor = Wallet::new(scene.world.chain.clone(), scene.config.key).unwrap();
    scene.world.give(poor.address(), 10 * STAKE).await;
    let (worker, mut session) = scene.start().await;
    let task = scene.give(&worker, &session, HELLO, ARGS).await;
    let report = session.report(task, ReportStatus::Failed).await;
    assert_eq!(only_cause(&report), &Cause::OUT_OF_GAS);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn liar_contributes_something_else_than_it_computed() {
    let mut scene = Scene::new().await;
    scene.config.conduct = Conduct::Lies { every: NonZeroU32::MIN };
    let (worker, mut session) = scene.start().await;
    let task = scene.give(&worker, &session, HELLO, ARGS).await;
    session.report(task, ReportStatus::Contributed).await;
    let contribution = scene.world.hub.view_contribution(task, worker.address()).await.unwrap();
    assert_ne!(contribution.result_hash, ResultHash::derive(task, file_digest(sha256(OUTPUT))));
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn start_refuses_what_cannot_work() {
    let scene = Scene::new().await;
    let refused = async |config: WorkerConfig| Worker::start(config).await.map(drop).unwrap_err();
    let with = |change: fn(&mut WorkerConfig)| {
        let mut config = scene.config.clone();
        change(&mut config);
        config
    };
    assert!(matches!(refused(with(|c| c.slots = 0)).await, StartError::Slots { slots: 0 }));
    assert!(matches!(refused(with(|c| c.key = B256::ZERO)).await, StartError::Key(_)));
    assert!(matches!(
        refused(with(|c| c.scheduler_url = "no url".into())).await,
        StartError::SchedulerUrl { .. }
    ));
    assert!(matches!(
        refused(with(|c| c.hub = alloy_primitives::Address::ZERO)).await,
        StartError::Hub { .. }
    ));

    let (worker, _session) = scene.start().await;
    assert!(
        matches!(refused(scene.config.clone()).await, StartError::DataDir(_)),
        "one process per directory"
    );
    worker.stop().await;
}
