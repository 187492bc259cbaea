//! Who gets which task, and when another worker is needed.
#![allow(clippy::unwrap_used)] // helpers of tests, too

mod fixture;

use std::time::Duration;

use fixture::*;
use metacloud_dispatch::limits;
use metacloud_dispatch::{Action, Blame, Event, HandleEvent, Profile, Report, Settlement, Stop, TaskStatus};
use metacloud_protocol::amount::Nrlc;
use metacloud_protocol::tag::Tag;

#[test]
fn replicas_follow_the_supply_rule_and_go_to_distinct_workers() {
    for (trust, replicas) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (8, 3), (16, 4)] {
        let mut house = House::with_deal(trust, 1);
        let mut given = Vec::new();
        for n in 1..=8 {
            given.extend(assigned(&house.join(n, 4)));
        }
        let mut workers: Vec<_> = given.iter().map(|(_, worker)| *worker).collect();
        workers.dedup();
        assert_eq!(workers.len(), replicas, "trust {trust}: {given:?}");
    }
}

#[test]
fn one_worker_with_many_slots_gets_each_task_once() {
    let mut house = House::with_deal(4, 3);
    assert_eq!(assigned(&house.join(1, 16)).len(), 3);
    assert_eq!(assigned(&house.join(2, 16)).len(), 3);
}

#[test]
fn slots_bound_the_tasks_of_a_worker_until_it_computed() {
    let mut house = House::with_deal(1, 5);
    let first = assigned(&house.join(1, 2));
    assert_eq!(first.len(), 2);
    let next = assigned(&house.report(1, first[0].0, Report::Computed { exit_code: Some(0) }));
    assert_eq!(next.len(), 1);
    // Told twice: the slot is not free twice.
    assert_eq!(house.report(1, first[0].0, Report::Computed { exit_code: Some(0) }), []);
}

#[test]
fn trust_one_is_settled_in_one_step_and_higher_trust_is_not() {
    for (trust, expected) in [(1, Settlement::OneStep), (2, Settlement::CommitReveal)] {
        let mut house = House::with_deal(trust, 1);
        let actions = house.join(1, 1);
        assert!(matches!(actions[..], [Action::Assign { settlement, .. }] if settlement == expected));
    }
}

#[test]
fn dissent_wants_two_more_workers() {
    let mut house = House::with_deal(4, 1);
    for n in 1..=6 {
        house.join(n, 1);
    }
    let view = house.machine.view(task(0)).unwrap();
    let [a, b] = [number(view.replicas[0].worker), number(view.replicas[1].worker)];
    assert_eq!(assigned(&house.contributes(a, task(0), WRONG)), []);
    // middleware D.4: with one dissenter trust 4 needs four that agree.
    assert_eq!(assigned(&house.contributes(b, task(0), RIGHT)).len(), 3);
}

#[test]
fn lost_worker_is_replaced_at_once_and_its_late_contribution_counts() {
    let mut house = House::with_deal(4, 1);
    house.join(1, 1);
    house.join(2, 1);
    house.join(3, 1);
    let view = house.machine.view(task(0)).unwrap();
    let lost = number(view.replicas[0].worker);
    let spare = (1..=3).find(|n| view.replicas.iter().all(|r| r.worker != worker(*n))).unwrap();
    let replaced = assigned(&house.does(Event::WorkerLost { worker: worker(lost) }));
    assert_eq!(replaced, [(task(0), worker(spare))]);
    // It contributed before it fell silent: the chain says so.
    house.contributes(lost, task(0), RIGHT);
    house.contributes(spare, task(0), RIGHT);
    house.agree(task(0));
    assert_eq!(house.status(task(0)), TaskStatus::ResultUploading);
}

#[test]
fn stream_that_breaks_within_the_lease_costs_nothing() {
    let mut house = House::with_deal(4, 1);
    house.join(1, 1);
    assert_eq!(house.does(Event::WorkerAway { worker: worker(1) }), []);
    // It holds the task still: nothing to say. It forgot: it is told again.
    assert_eq!(house.rejoin(1, 1, vec![task(0)]), []);
    assert_eq!(assigned(&house.rejoin(1, 1, vec![])), [(task(0), worker(1))]);
    assert_eq!(house.machine.view(task(0)).unwrap().replicas.len(), 1);
}

#[test]
fn worker_that_returns_after_its_lease_takes_up_its_replica_if_it_is_still_wanted() {
    let mut house = House::with_deal(1, 1);
    house.join(1, 1);
    house.does(Event::WorkerLost { worker: worker(1) });
    let late = house.try_event(Event::Reported { task: task(0), worker: worker(1), report: Report::Started });
    assert_eq!(late, Err(HandleEvent::NoReplica { task: task(0), worker: worker(1) }));
    assert_eq!(assigned(&house.rejoin(1, 1, vec![])), [(task(0), worker(1))]);
    // Replaced meanwhile: it is told to drop the task.
    house.does(Event::WorkerLost { worker: worker(1) });
    house.join(2, 1);
    let told = house.rejoin(1, 1, vec![task(0)]);
    assert!(matches!(told[..], [Action::Abort { worker: w, .. }] if w == worker(1)), "{told:?}");
}

#[test]
fn worker_that_crashes_on_a_task_again_and_again_loses_it() {
    let mut house = House::with_deal(1, 1);
    house.join(1, 1);
    for _ in 0..limits::REATTACH_MAX {
        house.does(Event::WorkerLost { worker: worker(1) });
        assert_eq!(assigned(&house.rejoin(1, 1, vec![])).len(), 1);
    }
    house.does(Event::WorkerLost { worker: worker(1) });
    assert_eq!(assigned(&house.rejoin(1, 1, vec![])), []);
}

#[test]
fn failing_worker_is_excluded_from_the_task_and_another_gets_it() {
    let mut house = House::with_deal(1, 1);
    house.join(1, 1);
    assert_eq!(house.fails(1, task(0), "OUT_OF_GAS", Blame::Worker), []);
    assert_eq!(assigned(&house.join(2, 1)), [(task(0), worker(2))]);
}

#[test]
fn requester_side_fault_stops_supply_once_three_workers_agree() {
    let mut house = House::with_deal(1, 1);
    for n in 1..=5 {
        house.join(n, 1);
    }
    for tries in 1..=3 {
        let view = house.machine.view(task(0)).unwrap();
        let busy = view.replicas.iter().find(|r| r.failures.is_empty()).unwrap().worker;
        let next = assigned(&house.fails(number(busy), task(0), "TASK_DESCRIPTION_INVALID", Blame::Order));
        assert_eq!(next.len(), usize::from(tries < 3), "after {tries} workers");
    }
    let view = house.machine.view(task(0)).unwrap();
    assert!(
        matches!(view.stop, Some(Stop::Inherent { ref cause, workers: 3, .. }) if cause == "TASK_DESCRIPTION_INVALID")
    );
    assert_eq!(house.status(task(0)), TaskStatus::RunningFailed);
    assert_eq!(assigned(&house.join(9, 1)), []);
}

#[test]
fn pool_of_one_worker_needs_no_second_opinion() {
    let mut house = House::with_deal(1, 1);
    house.join(1, 1);
    house.fails(1, task(0), "APP_COMPUTE_FAILED", Blame::Order);
    assert_eq!(house.status(task(0)), TaskStatus::RunningFailed);
}

#[test]
fn stopped_task_is_claimed_at_its_final_deadline() {
    let mut house = House::with_deal(1, 1);
    house.join(1, 1);
    house.fails(1, task(0), "APP_COMPUTE_FAILED", Blame::Order);
    assert_eq!(house.head(START + 10 * T - 1), []);
    let actions = house.head(START + 10 * T);
    assert!(matches!(&actions[..], [Action::Claim { tasks }] if tasks[0].task == task(0)), "{actions:?}");
    house.does(Event::Claimed { task: task(0) });
    assert_eq!(house.status(task(0)), TaskStatus::Failed);
    assert!(house.machine.view(task(0)).unwrap().stop.is_some(), "the reason stays readable");
    assert_eq!(house.machine.unfinished(), 0);
}

#[test]
fn worker_that_fails_by_itself_rests_and_comes_back() {
    let mut house = House::with_deal(1, 20);
    let mut given = assigned(&house.join(1, 1));
    for _ in 0..limits::WORKER_FAILURES_MAX {
        given = assigned(&house.fails(1, given[0].0, "UNKNOWN", Blame::Worker));
    }
    assert_eq!(given, [], "it rests");
    assert_eq!(assigned(&house.wait(limits::WORKER_PAUSE_FIRST)).len(), 1);
}

#[test]
fn worker_without_the_tag_or_the_deposit_is_not_asked() {
    let mut house = House::new();
    let mut terms = terms(4);
    terms.requirement.tag = Tag::GPU;
    terms.requirement.stake = Nrlc::new(600);
    house.deal(terms, 2);
    for index in 0..2 {
        house.does(Event::TaskInitialized { task: task(index), deal: DEAL, index });
    }
    assert_eq!(house.join(1, 4), [], "no GPU");
    let gpu = Profile { tag: Tag::GPU | Tag::bit(40), ..profile(4) };
    let poor = Profile { deposit: Nrlc::new(599), ..gpu };
    assert_eq!(house.does(Event::WorkerJoined { worker: worker(2), profile: poor, held: vec![] }), []);
    let explained = house.machine.explain(task(0)).unwrap();
    assert_eq!(explained.workers.len(), 2);
    assert!(explained.workers[1].1.contains("deposit"), "{explained:?}");
    // One stake of 600 fits into a deposit of 1000, two do not; more slots help extra capabilities not.
    let joined = house.does(Event::WorkerJoined { worker: worker(3), profile: gpu, held: vec![] });
    assert_eq!(assigned(&joined).len(), 1);
    let weight = gpu.weight;
    let deposit = Nrlc::new(1_200);
    let richer = house.does(Event::WorkerAssessed { worker: worker(3), weight, deposit });
    assert_eq!(assigned(&richer).len(), 1);
}

#[test]
fn silent_replica_ends_though_its_worker_lives() {
    let mut house = House::with_deal(1, 1);
    house.join(1, 1);
    house.join(2, 1);
    let first = house.machine.view(task(0)).unwrap().replicas[0].worker;
    let limit = Duration::from_secs(T) + limits::REPLICA_SLACK;
    assert_eq!(house.wait(limit - Duration::from_secs(1)), []);
    let actions = house.wait(Duration::from_secs(1));
    assert!(matches!(actions[0], Action::Abort { worker, .. } if worker == first));
    assert_eq!(assigned(&actions).len(), 1);
    assert_ne!(assigned(&actions)[0].1, first);
}

#[test]
fn begun_tasks_that_suit_nobody_do_not_starve_the_others() {
    // One worker fails on more tasks than a scan looks at: they stay at the head of the queue.
    let begun = limits::SCAN_MAX as u64 + 10;
    let mut house = House::with_deal(4, begun);
    assert_eq!(assigned(&house.join(1, 100)).len(), begun as usize);
    let mut terms = terms(1);
    // The last task of the queue suits worker 1: worker 2 had it and was lost.
    terms.contribution_deadline = metacloud_dispatch::ChainTime::from_secs(START + 7 * T + 1);
    let other = metacloud_protocol::ids::DealId(alloy_primitives::B256::repeat_byte(0xdd));
    let last = metacloud_protocol::ids::TaskId::derive(other, alloy_primitives::U256::ZERO);
    house.does(Event::WorkerAway { worker: worker(1) });
    house.does(Event::DealSeen { deal: other, terms, first: 0, size: 1 });
    house.does(Event::TaskInitialized { task: last, deal: other, index: 0 });
    let given = assigned(&house.join(2, begun as u32 + 1));
    assert_eq!(given.len() as u64, begun + 1);
    house.does(Event::WorkerLost { worker: worker(2) });
    let held = (0..begun).map(task).collect();
    let mut got = assigned(&house.rejoin(1, 200, held));
    for _ in 0..10 {
        got.extend(assigned(&house.wait(limits::RESCAN_AFTER)));
    }
    assert_eq!(got, [(last, worker(1))]);
}

#[test]
fn unknown_tasks_and_strangers_change_nothing() {
    let mut house = House::with_deal(4, 1);
    let before = house.machine.clone();
    let stranger = Event::Reported { task: task(0), worker: worker(9), report: Report::Started };
    assert!(matches!(house.try_event(stranger), Err(HandleEvent::NoReplica { .. })));
    let nowhere = Event::Reported { task: task(77), worker: worker(9), report: Report::Started };
    assert_eq!(house.try_event(nowhere), Err(HandleEvent::UnknownTask(task(77))));
    assert_eq!(
        house.try_event(Event::WorkerLost { worker: worker(9) }),
        Err(HandleEvent::UnknownWorker(worker(9)))
    );
    assert_eq!(before, house.machine);
}
