//! Tasks that demand an enclave: who gets them, and what authorizes their results.
#![allow(clippy::unwrap_used)] // helpers of tests, too

mod fixture;

use fixture::*;
use metacloud_dispatch::{
    Action, Blame, EnclaveKind, EnclaveOffer, Event, HandleEvent, Profile, Report, Terms, WorkerId,
};
use metacloud_protocol::tag::Tag;

/// A pool with one such task, initialized.
fn house(trust: u64) -> House {
    let mut house = House::new();
    let mut terms: Terms = terms(trust);
    terms.requirement.tag = Tag::TEE | Tag::TDX;
    house.deal(terms, 1);
    house.does(Event::TaskInitialized { task: task(0), deal: DEAL, index: 0 });
    house
}

fn joins(house: &mut House, n: u8, profile: Profile) -> Vec<Action> {
    house.does(Event::WorkerJoined { worker: worker(n), profile, held: vec![] })
}

fn verified(n: u8) -> Event {
    Event::EnclaveVerified { task: task(0), worker: worker(n), enclave: enclave(n) }
}

#[test]
fn only_a_worker_whose_enclaves_are_admitted_gets_the_task() {
    let mut house = house(1);
    let claims = Profile { tag: Tag::TEE | Tag::TDX, ..profile(1) };
    assert_eq!(joins(&mut house, 1, profile(1)), [], "none");
    assert_eq!(joins(&mut house, 2, claims), [], "a tag is no enclave");
    let refused = Profile { enclave: EnclaveOffer::NotAdmitted, ..claims };
    assert_eq!(joins(&mut house, 3, refused), [], "not admitted");
    let other_framework = Profile { tag: Tag::TEE | Tag::SCONE, ..with_enclave(1) };
    assert_eq!(joins(&mut house, 4, other_framework), [], "another framework");

    let why = house.machine.explain(task(0)).unwrap().workers;
    let of = |n: u8| why.iter().find(|(id, _)| *id == worker(n)).unwrap().1.as_str();
    assert!(of(1).contains("offers none") && of(2).contains("offers none"), "{why:?}");
    assert!(of(3).contains("does not admit"), "{why:?}");
    assert!(of(4).contains("capabilities"), "{why:?}");

    assert_eq!(assigned(&joins(&mut house, 5, with_enclave(1))), [(task(0), worker(5))]);
}

#[test]
fn verified_enclave_is_authorized_and_shown_as_what_it_is() {
    let mut house = house(1);
    joins(&mut house, 1, with_enclave(1));
    let shown = |house: &House| house.machine.view(task(0)).unwrap().replicas[0].enclave;
    assert_eq!(shown(&house), None);
    let authorize = Action::Authorize { task: task(0), worker: worker(1), enclave: enclave(1) };
    assert_eq!(house.does(verified(1)), std::slice::from_ref(&authorize));
    assert_eq!(shown(&house), Some(EnclaveKind::Simulation));
    assert_eq!(house.does(verified(1)), [authorize], "the same again, for an answer that was lost");
}

#[test]
fn evidence_that_nobody_waits_for_changes_nothing() {
    let mut house = house(3);
    joins(&mut house, 1, with_enclave(1));
    let wants = |n| HandleEvent::NoEnclaveWanted { task: task(0), worker: WorkerId(worker(n).0) };
    assert!(matches!(house.try_event(verified(2)), Err(HandleEvent::NoReplica { .. })), "not its task");
    house.report(1, task(0), Report::Computed { exit_code: Some(0) });
    assert_eq!(house.try_event(verified(1)), Err(wants(1)), "it computed without");
    house.fails(1, task(0), "TEE_PREPARATION_FAILED", Blame::Worker);
    assert_eq!(house.try_event(verified(1)), Err(wants(1)), "it failed");

    let mut plain = House::with_deal(1, 1);
    plain.join(1, 1);
    assert_eq!(plain.try_event(verified(1)), Err(wants(1)), "a task without enclave");
}

#[test]
fn replicas_of_a_task_each_have_an_enclave_of_their_own() {
    let mut house = house(3);
    let first = joins(&mut house, 1, with_enclave(1));
    assert_eq!(joins(&mut house, 2, profile(1)), []);
    let second = joins(&mut house, 3, with_enclave(1));
    assert_eq!((assigned(&first).len(), assigned(&second).len()), (1, 1));
    for n in [1, 3] {
        let authorize = Action::Authorize { task: task(0), worker: worker(n), enclave: enclave(n) };
        assert_eq!(house.does(verified(n)), [authorize]);
        house.contributes(n, task(0), RIGHT);
    }
    house.agree(task(0));
    house.reveals(1, task(0));
    house.reveals(3, task(0));
    let verify = house.uploads(3, task(0));
    assert!(
        matches!(verify[..], [Action::VerifyUpload { enclave: Some(found), .. }] if found == enclave(3)),
        "{verify:?}"
    );
}
