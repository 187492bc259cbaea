//! Blocks are reverted: what they told is void, and nobody is paid or asked twice for it.
#![allow(clippy::unwrap_used)] // helpers of tests, too

mod fixture;

use alloy_primitives::U256;
use fixture::*;
use metacloud_dispatch::{
    AbortCause, Action, ChainTime, Contributed, DealOnChain, Event, HandleEvent, ReplicaStatus, Report, Step,
    TaskOnChain, TaskStatus, UploadVerdict, limits,
};
use metacloud_protocol::ids::TaskId;

fn made(n: u8, step: Step) -> Contributed {
    Contributed { worker: worker(n), hash: RIGHT, weight: U256::from(2), step }
}

impl House {
    fn reread(&mut self, task: TaskId, found: TaskOnChain) -> Vec<Action> {
        self.does(Event::TaskReread { task, found })
    }

    fn active(&mut self, task: TaskId, contributions: Vec<Contributed>) -> Vec<Action> {
        self.reread(task, TaskOnChain::Active { contributions })
    }

    fn replica(&self, task: TaskId, n: u8) -> Option<ReplicaStatus> {
        let view = self.machine.view(task).unwrap();
        let replica = view.replicas.into_iter().find(|replica| replica.worker == worker(n))?;
        Some(replica.history.last().unwrap().0)
    }
}

/// Trust 4; workers 1 and 2 contributed the right result.
fn contributed() -> House {
    let mut house = House::with_deal(4, 1);
    house.join(1, 1);
    house.join(2, 1);
    for n in [1, 2] {
        house.contributes(n, task(0), RIGHT);
    }
    house
}

#[test]
fn a_contribution_that_vanished_counts_no_more_and_is_asked_for_again() {
    let mut house = contributed();
    let actions = house.active(task(0), vec![made(1, Step::Made)]);
    assert_eq!(assigned(&actions), [(task(0), worker(2))], "told anew, so that it contributes again");
    assert_eq!(house.replica(task(0), 2), Some(ReplicaStatus::Recovering));
    // It stays in doubt no longer than a fresh replica would; then somebody else gets the task.
    house.join(3, 1);
    let late = house.wait(std::time::Duration::from_secs(T) + limits::REPLICA_SLACK);
    assert_eq!(assigned(&late), [(task(0), worker(3))], "{late:?}");
}

#[test]
fn a_contribution_that_came_back_counts_once() {
    let mut house = contributed();
    house.active(task(0), vec![made(1, Step::Made)]);
    house.contributes(2, task(0), RIGHT);
    assert_eq!(house.contributes(2, task(0), RIGHT), []);
    assert_eq!(house.replica(task(0), 2), Some(ReplicaStatus::Contributed));
    let asked = house.agree(task(0));
    let reveals = asked.iter().filter(|action| matches!(action, Action::AskReveal { .. })).count();
    assert_eq!(reveals, 2, "{asked:?}");
}

#[test]
fn the_contribution_of_a_lost_worker_that_vanished_is_replaced_at_once() {
    let mut house = contributed();
    house.does(Event::WorkerLost { worker: worker(2) });
    house.join(3, 1);
    let actions = house.active(task(0), vec![made(1, Step::Made)]);
    assert_eq!(assigned(&actions), [(task(0), worker(3))]);
}

#[test]
fn a_consensus_that_vanished_is_no_more() {
    let mut house = contributed();
    house.agree(task(0));
    assert_eq!(house.status(task(0)), TaskStatus::ResultUploading);
    house.active(task(0), vec![made(1, Step::Made)]);
    assert_eq!(house.status(task(0)), TaskStatus::Running);
    // Reveals of what is not there change nothing; the consensus may come again.
    house.contributes(2, task(0), RIGHT);
    assert!(uploader(&house.agree(task(0))).is_some());
}

#[test]
fn a_reveal_that_vanished_is_waited_for_again() {
    let mut house = contributed();
    let uploads = number(uploader(&house.agree(task(0))).unwrap());
    let (other, deadline) = (3 - uploads, ChainTime::from_secs(START + 2 * T));
    house.reveals(1, task(0));
    house.reveals(2, task(0));
    let found = |step| TaskOnChain::Revealing {
        hash: RIGHT,
        reveal_deadline: deadline,
        contributions: vec![made(uploads, Step::Revealed), made(other, step)],
    };
    assert_eq!(house.reread(task(0), found(Step::Made)), [], "the reveal phase goes on as it was");
    house.uploads(uploads, task(0));
    assert_eq!(house.verdict(uploads, task(0), UploadVerdict::Genuine(uploaded())), []);
    let actions = house.reveals(other, task(0));
    assert!(matches!(actions[..], [Action::Finalize { .. }]), "{actions:?}");
}

#[test]
fn a_settlement_that_vanished_is_made_again() {
    let mut house = contributed();
    house.agree(task(0));
    house.does(Event::Finalized { task: task(0) });
    assert_eq!(house.machine.unfinished(), 0);
    let contributions = vec![made(1, Step::Revealed), made(2, Step::Revealed)];
    let reveal_deadline = ChainTime::from_secs(START + 2 * T);
    let found = TaskOnChain::Revealing { hash: RIGHT, reveal_deadline, contributions };
    let actions = house.reread(task(0), found.clone());
    assert_eq!(house.machine.unfinished(), 1);
    let uploads = number(uploader(&actions).unwrap());
    assert_eq!(house.reread(task(0), found), [], "the same again does nothing");
    house.uploads(uploads, task(0));
    let actions = house.verdict(uploads, task(0), UploadVerdict::Genuine(uploaded()));
    assert!(matches!(actions[..], [Action::Finalize { .. }]), "{actions:?}");
}

#[test]
fn one_step_that_vanished_is_given_to_its_worker_as_if_it_never_had_it() {
    let mut house = House::with_deal(1, 1);
    house.join(1, 1);
    house.report(1, task(0), Report::Computed { exit_code: Some(0) });
    house.contributes(1, task(0), RIGHT);
    house.does(Event::Finalized { task: task(0) });
    let actions = house.active(task(0), vec![]);
    let forgets = Action::Abort { task: task(0), worker: worker(1), cause: AbortCause::Reverted };
    assert_eq!(actions[0], forgets, "first it must forget how the task ended");
    assert_eq!(assigned(&actions[1..]), [(task(0), worker(1))]);
}

#[test]
fn an_initialization_that_vanished_is_made_again_and_the_task_begins_anew() {
    let mut house = contributed();
    let actions = house.reread(task(0), TaskOnChain::Unset);
    let aborted = |action: &&Action| matches!(action, Action::Abort { cause: AbortCause::Reverted, .. });
    assert_eq!(actions.iter().filter(aborted).count(), 2, "{actions:?}");
    assert!(house.machine.view(task(0)).unwrap().replicas.is_empty());
    let actions = house.does(Event::TimePassed);
    assert!(matches!(&actions[..], [Action::Initialize { tasks }] if tasks.len() == 1), "{actions:?}");
    let actions = house.does(Event::TaskInitialized { task: task(0), deal: DEAL, index: 0 });
    assert_eq!(assigned(&actions).len(), 2, "workers that had it may have it again");
}

#[test]
fn a_deal_that_vanished_is_forgotten_with_its_tasks_and_frees_its_workers() {
    let mut house = House::with_deal(4, 3);
    house.join(1, 1);
    house.contributes(1, task(0), RIGHT);
    house.does(Event::Claimed { task: task(2) });
    let actions = house.does(Event::DealReread { deal: DEAL, found: None });
    assert!(
        actions.iter().any(|action| matches!(action, Action::Abort { worker: w, .. } if *w == worker(1)))
    );
    assert_eq!(house.machine.unfinished(), 0);
    for index in 0..3 {
        assert!(!house.machine.knows(task(index)));
    }
    let gone = house.try_event(Event::TaskReread { task: task(0), found: TaskOnChain::Completed });
    assert_eq!(gone, Err(HandleEvent::UnknownTask(task(0))));
    assert_eq!(house.does(Event::DealReread { deal: DEAL, found: None }), []);
    // Deadlines of the forgotten deal pass without effect; the same deal may be made again.
    house.head(START + 20 * T);
    let mut later = terms(4);
    later.contribution_deadline = ChainTime::from_secs(START + 30 * T);
    later.final_deadline = ChainTime::from_secs(START + 40 * T);
    let actions = house.deal(later, 3);
    assert!(matches!(&actions[..], [Action::Initialize { tasks }] if tasks.len() == 3), "{actions:?}");
    let actions = house.does(Event::TaskInitialized { task: task(0), deal: DEAL, index: 0 });
    assert_eq!(assigned(&actions), [(task(0), worker(1))], "the worker is free for it");
}

#[test]
fn a_deal_that_was_made_again_in_another_block_begins_anew_with_its_new_deadlines() {
    let mut house = contributed();
    let same = DealOnChain { terms: terms(4), first: 0, size: 1 };
    assert_eq!(house.does(Event::DealReread { deal: DEAL, found: Some(same.clone()) }), []);
    let mut moved = same;
    moved.terms.contribution_deadline = moved.terms.contribution_deadline.plus_secs(60);
    let actions = house.does(Event::DealReread { deal: DEAL, found: Some(moved.clone()) });
    assert!(actions.iter().any(|action| matches!(action, Action::Initialize { .. })), "{actions:?}");
    assert_eq!(house.machine.terms_of(task(0)), Some(&moved.terms));
    let beyond = DealOnChain { first: u64::MAX, size: 2, ..moved };
    let refused = house.try_event(Event::DealReread { deal: DEAL, found: Some(beyond) });
    assert!(matches!(refused, Err(HandleEvent::IndexRange { .. })), "{refused:?}");
    assert!(house.machine.knows(task(0)), "and nothing changed");
}

#[test]
fn a_refund_that_vanished_is_claimed_again() {
    let mut house = House::with_deal(4, 1);
    house.head(START + 7 * T);
    house.head(START + 10 * T);
    house.does(Event::Claimed { task: task(0) });
    house.active(task(0), vec![]);
    let actions = house.does(Event::TimePassed);
    assert!(matches!(&actions[..], [Action::Claim { tasks }] if tasks.len() == 1), "{actions:?}");
}
