//! From deal to settlement: initialization, reveals, uploads, deadlines, transactions that fail.
#![allow(clippy::unwrap_used)] // helpers of tests, too

mod fixture;

use std::time::Duration;

use fixture::*;
use metacloud_dispatch::limits;
use metacloud_dispatch::{
    Action, Blame, Event, Report, Stop, TaskRef, TaskStatus, Terms, Transaction, UploadVerdict, Uploaded,
};

/// Trust 4, two winners that agreed on the right result; and who is asked to store it.
fn agreed() -> (House, u8, u8) {
    let mut house = House::with_deal(4, 1);
    house.join(1, 1);
    house.join(2, 1);
    house.contributes(1, task(0), RIGHT);
    house.contributes(2, task(0), RIGHT);
    let actions = house.agree(task(0));
    let uploads = number(uploader(&actions).unwrap());
    (house, uploads, 3 - uploads)
}

#[test]
fn all_reveal_one_uploads_then_the_pool_finalizes() {
    let (mut house, uploads, other) = agreed();
    assert_eq!(house.reveals(uploads, task(0)), []);
    let actions = house.uploads(uploads, task(0));
    assert!(matches!(actions[..], [Action::VerifyUpload { consensus: RIGHT, .. }]), "{actions:?}");
    assert_eq!(house.verdict(uploads, task(0), UploadVerdict::Genuine(uploaded())), []);
    let actions = house.reveals(other, task(0));
    assert!(matches!(&actions[..], [Action::Finalize { uploaded: u, .. }] if *u == uploaded()));
    assert_eq!(house.status(task(0)), TaskStatus::Finalizing);
    // The same facts again do nothing.
    assert_eq!(house.reveals(other, task(0)), []);
    assert_eq!(house.agree(task(0)), []);
    house.does(Event::Finalized { task: task(0) });
    assert_eq!(house.does(Event::Finalized { task: task(0) }), []);
    assert_eq!(house.does(Event::Claimed { task: task(0) }), []);
    assert_eq!(house.status(task(0)), TaskStatus::Completed);
}

#[test]
fn unverified_upload_never_finalizes() {
    let (mut house, uploads, other) = agreed();
    house.reveals(uploads, task(0));
    house.reveals(other, task(0));
    house.uploads(uploads, task(0));
    let lie = UploadVerdict::False(failure("POST_COMPUTE_IPFS_UPLOAD_FAILED", Blame::Worker));
    let actions = house.verdict(uploads, task(0), lie);
    assert_eq!(actions, [Action::AskUpload { task: task(0), worker: worker(other) }]);
    // The liar's second try is not looked at.
    assert_eq!(house.uploads(uploads, task(0)), []);
    house.uploads(other, task(0));
    let genuine = Uploaded { results: "true link".into(), ..uploaded() };
    let actions = house.verdict(other, task(0), UploadVerdict::Genuine(genuine.clone()));
    assert_eq!(
        actions,
        [Action::Finalize { task: TaskRef { task: task(0), deal: DEAL, index: 0 }, uploaded: genuine }]
    );
}

#[test]
fn loser_of_the_consensus_cannot_upload() {
    let mut house = House::with_deal(4, 1);
    for n in 1..=6 {
        house.join(n, 1);
    }
    let given: Vec<_> =
        house.machine.view(task(0)).unwrap().replicas.iter().map(|r| number(r.worker)).collect();
    house.contributes(given[0], task(0), WRONG);
    house.contributes(given[1], task(0), RIGHT);
    let more: Vec<_> =
        house.machine.view(task(0)).unwrap().replicas.iter().map(|r| number(r.worker)).collect();
    for n in more.into_iter().filter(|n| !given.contains(n)) {
        house.contributes(n, task(0), RIGHT);
    }
    let actions = house.agree(task(0));
    assert!(actions.contains(&Action::Abort {
        task: task(0),
        worker: worker(given[0]),
        cause: metacloud_dispatch::AbortCause::ConsensusReached
    }));
    let lie =
        Event::Reported { task: task(0), worker: worker(given[0]), report: Report::Uploaded(uploaded()) };
    assert!(house.try_event(lie).is_err());
}

#[test]
fn silent_uploader_is_replaced_and_a_lost_one_at_once() {
    let (mut house, uploads, other) = agreed();
    let actions = house.wait(limits::UPLOAD_TIMEOUT);
    assert_eq!(uploader(&actions), Some(worker(other)));
    house.reveals(uploads, task(0));
    let actions = house.does(Event::WorkerLost { worker: worker(other) });
    assert_eq!(actions, [Action::AskUpload { task: task(0), worker: worker(uploads) }]);
}

#[test]
fn restarted_pool_tells_winners_anew() {
    let (mut house, uploads, other) = agreed();
    house.does(Event::Restarted);
    for n in [uploads, other] {
        let actions = house.rejoin(n, 1, vec![task(0)]);
        let [Action::AskReveal { worker: w, upload, .. }] = &actions[..] else { panic!("{actions:?}") };
        assert_eq!((*w, *upload), (worker(n), n == uploads));
    }
}

#[test]
fn nobody_reveals_the_task_is_reopened_and_the_silent_ones_are_out() {
    let (mut house, ..) = agreed();
    let actions = house.head(START + 2 * T);
    assert!(matches!(actions[..], [Action::Reopen { .. }]), "{actions:?}");
    house.does(Event::Reopened { task: task(0) });
    assert_eq!(house.status(task(0)), TaskStatus::Reopened);
    // The old facts again: the contributions are rejected ones, their consensus is no more.
    assert_eq!(house.contributes(1, task(0), RIGHT), []);
    assert_eq!(house.agree(task(0)), []);
    assert_eq!(assigned(&house.join(3, 1)), [(task(0), worker(3))]);
    assert_eq!(assigned(&house.join(4, 1)), [(task(0), worker(4))]);
}

#[test]
fn one_reveal_is_enough_after_the_reveal_deadline() {
    let (mut house, uploads, _) = agreed();
    house.reveals(uploads, task(0));
    house.uploads(uploads, task(0));
    assert_eq!(house.verdict(uploads, task(0), UploadVerdict::Genuine(uploaded())), []);
    let actions = house.head(START + 2 * T);
    assert!(matches!(actions[..], [Action::Finalize { .. }]), "{actions:?}");
}

#[test]
fn reveal_that_beats_the_reopening_wins() {
    let (mut house, uploads, _) = agreed();
    house.head(START + 2 * T);
    house.reveals(uploads, task(0));
    let tasks = vec![task(0)];
    let transaction = Transaction::Reopen;
    house.does(Event::TransactionFailed { transaction, tasks, reason: "reverted".into() });
    house.wait(limits::RETRY_FIRST);
    house.uploads(uploads, task(0));
    let actions = house.verdict(uploads, task(0), UploadVerdict::Genuine(uploaded()));
    assert!(matches!(actions[..], [Action::Finalize { .. }]), "{actions:?}");
}

#[test]
fn contribution_deadline_stops_supply_then_the_task_is_claimed() {
    let mut house = House::with_deal(4, 1);
    house.join(1, 1);
    let actions = house.head(START + 7 * T);
    assert!(matches!(actions[..], [Action::Abort { .. }]), "{actions:?}");
    assert_eq!(house.status(task(0)), TaskStatus::ContributionTimeout);
    assert_eq!(house.machine.view(task(0)).unwrap().stop, Some(Stop::ContributionDeadline));
    assert!(matches!(house.head(START + 10 * T)[..], [Action::Claim { .. }]));
}

#[test]
fn both_deadlines_at_once_still_claim() {
    let mut house = House::with_deal(4, 1);
    let actions = house.head(START + 99 * T);
    assert!(matches!(actions[..], [Action::Claim { .. }]), "{actions:?}");
}

#[test]
fn chain_without_blocks_reaches_its_deadlines_by_our_clock() {
    let mut house = House::with_deal(4, 1);
    let due = house.machine.next_deadline().unwrap();
    assert_eq!(due.as_millis(), house.now_ms + 7 * T * 1_000);
    house.wait(Duration::from_secs(7 * T));
    assert_eq!(house.status(task(0)), TaskStatus::ContributionTimeout);
}

#[test]
fn tasks_are_initialized_in_batches_as_the_window_moves() {
    let mut house = House::new();
    let size = limits::OPENING_TASKS_MAX as u64 + 5;
    let actions = house.deal(terms(1), size);
    assert_eq!(actions.len(), limits::OPENING_TASKS_MAX / limits::INITIALIZE_BATCH_MAX);
    assert_eq!(house.deal(terms(1), size), [], "the same deal again");
    let mut more = house.does(Event::TaskInitialized { task: task(0), deal: DEAL, index: 0 });
    assert!(matches!(&more.remove(0), Action::Initialize { tasks } if tasks.len() == 1));
    assert_eq!(house.machine.unfinished(), size);
}

#[test]
fn failed_batch_is_retried_one_by_one_with_growing_pauses() {
    let mut house = House::new();
    house.deal(terms(1), 3);
    let tasks: Vec<_> = (0..3).map(task).collect();
    let mut pause = limits::RETRY_FIRST;
    for _ in 0..12 {
        for id in &tasks {
            let transaction = Transaction::Initialize;
            let reason = "no money".to_owned();
            house.does(Event::TransactionFailed { transaction, tasks: vec![*id], reason });
        }
        assert_eq!(house.wait(pause - Duration::from_millis(1)), []);
        let actions = house.wait(Duration::from_millis(1));
        assert_eq!(actions.len(), 3, "one by one: {actions:?}");
        pause = (pause * 2).min(limits::RETRY_MAX);
    }
    assert_eq!(house.machine.view(task(0)).unwrap().trouble.as_deref(), Some("no money"));
}

#[test]
fn failure_of_another_transaction_is_no_concern() {
    let mut house = House::new();
    house.deal(terms(1), 1);
    let before = house.machine.clone();
    let tasks = vec![task(0), task(9)];
    house.does(Event::TransactionFailed { transaction: Transaction::Claim, tasks, reason: String::new() });
    assert_eq!(before, house.machine);
}

#[test]
fn silent_transaction_is_sent_again() {
    let mut house = House::new();
    let first = house.deal(terms(1), 2);
    assert_eq!(house.wait(limits::TRANSACTION_WATCHDOG), first);
    house.does(Event::Restarted);
    assert_eq!(house.does(Event::TimePassed), first);
}

#[test]
fn deal_never_initialized_is_initialized_and_claimed() {
    let mut house = House::new();
    house.head(START + 8 * T);
    assert_eq!(house.deal(terms(1), 20), [], "too late to begin, too early to claim");
    let actions = house.head(START + 10 * T);
    let sizes: Vec<_> = actions
        .iter()
        .map(|action| match action {
            Action::InitializeAndClaim { tasks } => tasks.len(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sizes, [16, 4]);
    for index in 0..20 {
        house.does(Event::TaskInitialized { task: task(index), deal: DEAL, index });
        house.does(Event::Claimed { task: task(index) });
    }
    assert_eq!(house.machine.unfinished(), 0);
}

#[test]
fn refused_deal_is_left_alone_until_its_refund() {
    let mut house = House::new();
    house.join(1, 1);
    let mut refused = terms(1);
    refused.refused = Some("an enclave without framework".to_owned());
    assert_eq!(house.deal(refused, 1), []);
    let explained = house.machine.explain(task(0)).unwrap();
    assert!(explained.state.contains("an enclave without framework"), "{explained:?}");
    assert_eq!(house.status(task(0)), TaskStatus::InitializeFailed);
    // Somebody initializes it nevertheless: still nobody works on it.
    assert_eq!(house.does(Event::TaskInitialized { task: task(0), deal: DEAL, index: 0 }), []);
    assert!(matches!(house.head(START + 10 * T)[..], [Action::Claim { .. }]));
}

#[test]
fn refused_deal_shows_its_first_tasks_and_is_refunded_whole() {
    let mut house = House::new();
    let refused = || Terms { refused: Some("no".to_owned()), ..terms(1) };
    let size = limits::REFUSED_TASKS_SHOWN + 4;
    house.deal(refused(), size);
    assert!(house.machine.view(task(limits::REFUSED_TASKS_SHOWN - 1)).is_some());
    assert!(house.machine.view(task(limits::REFUSED_TASKS_SHOWN)).is_none());
    let claimed: usize = house
        .head(START + 10 * T)
        .iter()
        .map(|action| match action {
            Action::InitializeAndClaim { tasks } => tasks.len(),
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(claimed as u64, size);
}

#[test]
fn deal_beyond_64_bits_is_refused_whole() {
    let mut house = House::new();
    let event = Event::DealSeen { deal: DEAL, terms: terms(1), first: u64::MAX, size: 2 };
    assert!(house.try_event(event).is_err());
    assert_eq!(house.machine.unfinished(), 0);
}

#[test]
fn one_step_task_ends_with_its_contribution() {
    let mut house = House::with_deal(1, 1);
    house.join(1, 1);
    house.report(1, task(0), Report::Computed { exit_code: Some(0) });
    assert_eq!(house.contributes(1, task(0), RIGHT), []);
    house.does(Event::Finalized { task: task(0) });
    let view = house.machine.view(task(0)).unwrap();
    assert_eq!(view.replicas[0].exit_code, Some(0));
    assert_eq!(house.status(task(0)), TaskStatus::Completed);
}
