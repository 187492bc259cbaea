//! Random events, valid and not, in any order: the invariants hold after each, and a snapshot with a replay gives the
//! equal machine.
#![allow(clippy::unwrap_used)] // helpers of tests, too

mod fixture;

use fixture::*;
use metacloud_dispatch::{
    AbortCause, Action, Blame, ChainTime, Contributed, DealOnChain, Dispatch, Event, HandleEvent, Instant,
    Profile, ReplicaStatus, Report, Step, TaskOnChain, Transaction, UploadVerdict, limits,
};
use metacloud_protocol::amount::Nrlc;
use metacloud_protocol::ids::{DealId, TaskId};
use proptest::prelude::*;

const TASKS: u64 = 4;
const WORKERS: u8 = 6;

fn any_task() -> impl Strategy<Value = TaskId> {
    // One more than there are.
    (0..=TASKS).prop_map(task)
}

fn any_worker() -> impl Strategy<Value = u8> {
    // One more than join.
    1..=WORKERS + 1
}

fn any_hash() -> impl Strategy<Value = metacloud_protocol::ids::ResultHash> {
    prop_oneof![3 => Just(RIGHT), 1 => Just(WRONG)]
}

fn any_report() -> impl Strategy<Value = Report> {
    let blame = prop_oneof![Just(Blame::Order), Just(Blame::Worker), Just(Blame::Other)];
    prop_oneof![
        Just(Report::Started),
        Just(Report::Computed { exit_code: Some(0) }),
        Just(Report::Contributed),
        Just(Report::Revealed),
        Just(Report::Uploaded(uploaded())),
        Just(Report::Finalized),
        blame.prop_map(|blame| Report::Failed {
            failures: vec![failure("SOMETHING", blame)],
            exit_code: None
        }),
        Just(Report::Aborted { failures: vec![] }),
    ]
}

fn any_verdict() -> impl Strategy<Value = UploadVerdict> {
    prop_oneof![
        Just(UploadVerdict::Genuine(uploaded())),
        Just(UploadVerdict::False(failure("FALSE", Blame::Worker))),
        Just(UploadVerdict::Unavailable(failure("GONE", Blame::Other))),
    ]
}

fn any_transaction() -> impl Strategy<Value = Transaction> {
    prop_oneof![
        Just(Transaction::Initialize),
        Just(Transaction::Finalize),
        Just(Transaction::Reopen),
        Just(Transaction::Claim),
        Just(Transaction::InitializeAndClaim),
    ]
}

fn any_profile() -> impl Strategy<Value = Profile> {
    (0..4_u32, 2..9_u64, 0..3_000_u64).prop_map(|(slots, weight, deposit)| Profile {
        slots,
        weight: alloy_primitives::U256::from(weight),
        deposit: Nrlc::new(deposit),
        ..profile(0)
    })
}

fn of_chain() -> impl Strategy<Value = Event> {
    let deadline = (0..12 * T).prop_map(|after| ChainTime::from_secs(START + after));
    prop_oneof![
        6 => (0..TASKS).prop_map(|index| Event::TaskInitialized { task: task(index), deal: DEAL, index }),
        1 => Just(Event::TaskInitialized { task: task(99), deal: DEAL, index: 99 }),
        9 => (any_task(), any_worker(), any_hash(), 2..9_u64).prop_map(|(task, n, hash, weight)| {
            Event::ContributionSeen { task, worker: worker(n), hash, weight: alloy_primitives::U256::from(weight) }
        }),
        5 => (any_task(), any_hash(), deadline.clone()).prop_map(|(task, hash, reveal_deadline)| {
            Event::ConsensusReached { task, hash, reveal_deadline }
        }),
        6 => (any_task(), any_worker()).prop_map(|(task, n)| Event::RevealSeen { task, worker: worker(n) }),
        2 => any_task().prop_map(|task| Event::Reopened { task }),
        1 => any_task().prop_map(|task| Event::Finalized { task }),
        1 => any_task().prop_map(|task| Event::Claimed { task }),
        2 => deadline.clone().prop_map(|time| Event::HeadSeen { time }),
        5 => (any_task(), any_on_chain(deadline)).prop_map(|(task, found)| Event::TaskReread { task, found }),
        1 => any_deal().prop_map(|found| Event::DealReread { deal: DEAL, found }),
    ]
}

/// The deal as it was, made again at another time, with other indexes, or gone.
fn any_deal() -> impl Strategy<Value = Option<DealOnChain>> {
    let made = |later: u64, first, size| {
        let mut terms = terms(4);
        terms.contribution_deadline = terms.contribution_deadline.plus_secs(later);
        Some(DealOnChain { terms, first, size })
    };
    prop_oneof![Just(None), Just(made(0, 0, TASKS)), Just(made(9, 0, TASKS)), Just(made(9, u64::MAX, 2))]
}

fn any_contributions() -> impl Strategy<Value = Vec<Contributed>> {
    let step = prop_oneof![3 => Just(Step::Made), 2 => Just(Step::Revealed), 1 => Just(Step::Rejected)];
    let made = (any_worker(), any_hash(), 2..9_u64, step).prop_map(|(n, hash, weight, step)| Contributed {
        worker: worker(n),
        hash,
        weight: alloy_primitives::U256::from(weight),
        step,
    });
    prop::collection::vec(made, 0..4)
}

fn any_on_chain(deadline: impl Strategy<Value = ChainTime>) -> impl Strategy<Value = TaskOnChain> {
    prop_oneof![
        1 => Just(TaskOnChain::Unset),
        3 => any_contributions().prop_map(|contributions| TaskOnChain::Active { contributions }),
        3 => (any_hash(), deadline, any_contributions()).prop_map(|(hash, reveal_deadline, contributions)| {
            TaskOnChain::Revealing { hash, reveal_deadline, contributions }
        }),
        1 => Just(TaskOnChain::Completed),
        1 => Just(TaskOnChain::Failed),
    ]
}

fn of_workers() -> impl Strategy<Value = Event> {
    let held = prop::collection::vec(any_task(), 0..3);
    prop_oneof![
        6 => (any_worker(), any_profile(), held)
            .prop_map(|(n, profile, held)| Event::WorkerJoined { worker: worker(n), profile, held }),
        1 => (any_worker(), 2..9_u64, 0..3_000_u64).prop_map(|(n, weight, deposit)| Event::WorkerAssessed {
            worker: worker(n),
            weight: alloy_primitives::U256::from(weight),
            deposit: Nrlc::new(deposit),
        }),
        1 => any_worker().prop_map(|n| Event::WorkerAway { worker: worker(n) }),
        2 => any_worker().prop_map(|n| Event::WorkerLost { worker: worker(n) }),
        9 => (any_task(), any_worker(), any_report())
            .prop_map(|(task, n, report)| Event::Reported { task, worker: worker(n), report }),
        1 => (any_task(), any_worker())
            .prop_map(|(task, n)| Event::EnclaveVerified { task, worker: worker(n), enclave: enclave(n) }),
        4 => (any_task(), any_worker(), any_verdict())
            .prop_map(|(task, n, verdict)| Event::UploadChecked { task, worker: worker(n), verdict }),
    ]
}

/// An event, and how many milliseconds after the one before.
fn any_event() -> impl Strategy<Value = (u64, Event)> {
    let event = prop_oneof![
        8 => of_chain(),
        8 => of_workers(),
        1 => (any_transaction(), prop::collection::vec(any_task(), 1..4)).prop_map(|(transaction, tasks)| {
            Event::TransactionFailed { transaction, tasks, reason: "so it is".to_owned() }
        }),
        1 => Just(Event::Restarted),
        3 => Just(Event::TimePassed),
    ];
    let wait = prop_oneof![8 => Just(1), 2 => 0..5_000_u64, 1 => 0..500_000_u64];
    (wait, event)
}

fn deal_seen(trust: u64, stake: u64) -> Event {
    let mut terms = terms(trust);
    terms.requirement.stake = Nrlc::new(stake);
    Event::DealSeen { deal: DEAL, terms, first: 0, size: TASKS }
}

/// No action hands a task to a worker that has or had it; none names a task that is not of the deal.
fn check_actions(actions: &[Action], before: &Dispatch) {
    for action in actions {
        match action {
            Action::Assign { task, worker, .. } => {
                // Told anew after a reconnection, or given for the first time: never to an ended replica.
                let ended = [ReplicaStatus::Failed, ReplicaStatus::Aborted, ReplicaStatus::Completed];
                // Or after the chain took back what ended it.
                let (id, worker, cause) = (task.task, *worker, AbortCause::Reverted);
                if actions.contains(&Action::Abort { task: id, worker, cause }) {
                    continue;
                }
                // A task that somebody else initialized becomes known and is given at once.
                let Some(view) = before.view(id) else { continue };
                let had = view.replicas.iter().find(|r| r.worker == worker);
                let last = had.and_then(|r| r.history.last()).map(|(status, _)| *status);
                assert!(last.is_none_or(|status| !ended.contains(&status)), "{last:?}");
            }
            Action::Initialize { tasks } => assert!(tasks.len() <= limits::INITIALIZE_BATCH_MAX),
            Action::Claim { tasks } | Action::InitializeAndClaim { tasks } => {
                assert!(!tasks.is_empty() && tasks.len() <= limits::CLAIM_BATCH_MAX);
            }
            Action::AskReveal { .. }
            | Action::AskUpload { .. }
            | Action::VerifyUpload { .. }
            | Action::Authorize { .. }
            | Action::Abort { .. }
            | Action::Finalize { .. }
            | Action::Reopen { .. } => {}
        }
    }
}

fn run(machine: &mut Dispatch, now: &mut u64, events: &[(u64, Event)]) -> Vec<Vec<Action>> {
    let mut all = Vec::new();
    for (wait, event) in events {
        *now += wait;
        let before = machine.clone();
        let mut actions = Vec::new();
        let outcome: Result<(), HandleEvent> =
            machine.handle(Instant::from_millis(*now), event.clone(), &mut actions);
        if outcome.is_err() {
            assert_eq!(&before, machine, "a refused event changes nothing: {event:?}");
            assert_eq!(actions, []);
        }
        machine.assert_invariants();
        check_actions(&actions, &before);
        all.push(actions);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, fork: false, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_and_replay_from_a_snapshot_is_exact(
        trust in 1..20_u64,
        stake in 0..900_u64,
        events in prop::collection::vec(any_event(), 1..120),
        cut in 0..120_usize,
    ) {
        let cut = cut.min(events.len());
        let mut straight = Dispatch::new(alloy_primitives::B256::repeat_byte(3));
        let mut now = 1_000_000;
        run(&mut straight, &mut now, &[
            (0, Event::HeadSeen { time: ChainTime::from_secs(START) }),
            (0, deal_seen(trust, stake)),
        ]);
        run(&mut straight, &mut now, &events[..cut]);
        let snapshot = serde_json::to_string(&straight).unwrap();
        let mut replayed: Dispatch = serde_json::from_str(&snapshot).unwrap();
        prop_assert_eq!(&straight, &replayed);
        let mut later = now;
        let did = run(&mut straight, &mut now, &events[cut..]);
        // What is journalled is read back before it is replayed.
        let journal = serde_json::to_string(&events[cut..]).unwrap();
        let journal: Vec<(u64, Event)> = serde_json::from_str(&journal).unwrap();
        let again = run(&mut replayed, &mut later, &journal);
        prop_assert_eq!(did, again);
        prop_assert_eq!(straight, replayed);
    }

    #[test]
    fn every_task_ends_when_time_passes_and_transactions_succeed(
        trust in 1..20_u64,
        events in prop::collection::vec(any_event(), 1..80),
    ) {
        let mut machine = Dispatch::new(alloy_primitives::B256::repeat_byte(3));
        let mut now = 1_000_000;
        run(&mut machine, &mut now, &[
            (0, Event::HeadSeen { time: ChainTime::from_secs(START) }),
            (0, deal_seen(trust, 0)),
        ]);
        run(&mut machine, &mut now, &events);
        for n in 1..=WORKERS + 1 {
            // Workers that are not known are refused.
            let _ = machine.handle(Instant::from_millis(now), Event::WorkerLost { worker: worker(n) }, &mut vec![]);
        }
        let mut rounds = 0;
        while machine.unfinished() > 0 {
            rounds += 1;
            prop_assert!(rounds < 10_000, "the machine makes no progress");
            let due = machine.next_deadline().expect("what is unfinished has a deadline");
            now = now.max(due.as_millis());
            let done = run(&mut machine, &mut now, &[(0, Event::TimePassed)]).remove(0);
            for action in done {
                let facts = match action {
                    Action::Initialize { tasks } => tasks.iter().map(initialized).collect(),
                    Action::Claim { tasks } => tasks.iter().map(|t| Event::Claimed { task: t.task }).collect(),
                    Action::InitializeAndClaim { tasks } => tasks
                        .iter()
                        .flat_map(|t| [initialized(t), Event::Claimed { task: t.task }])
                        .collect(),
                    Action::Finalize { task, .. } => vec![Event::Finalized { task: task.task }],
                    Action::Reopen { task } => vec![Event::Reopened { task: task.task }],
                    Action::Assign { .. } | Action::AskReveal { .. } | Action::AskUpload { .. }
                    | Action::VerifyUpload { .. } | Action::Authorize { .. } | Action::Abort { .. } => vec![],
                };
                let facts: Vec<_> = facts.into_iter().map(|fact| (0, fact)).collect();
                run(&mut machine, &mut now, &facts);
            }
        }
    }
}

fn initialized(task: &metacloud_dispatch::TaskRef) -> Event {
    let deal: DealId = task.deal;
    Event::TaskInitialized { task: task.task, deal, index: task.index }
}
