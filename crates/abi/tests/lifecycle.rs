//! A task from its opening to its settlement: who, when, in which state, with which events and to the unit (poco 11 to 14).

#![allow(clippy::unwrap_used)]

mod harness;

use alloy_primitives::{Address, B256, Bytes, U256};
use harness::scene::{DATASET_PRICE, FUNDS, STAKE, Scene, T, TASK_PRICE, digest, worker};
use harness::{Done, custom, empty, panic_code, person, text};
use metacloud_abi::Hub;
use metacloud_protocol::{DealId, ResultDigest, ResultHash, ResultSeal, TaskId};

fn refused(result: Result<Done, Bytes>) {
    assert_eq!(result.err(), Some(empty()));
}

#[test]
fn a_task_opens_once_within_its_deal() {
    let mut scene = Scene::new();
    let orders = scene.orders().with_volume(2);
    let deal = scene.deal(&orders);
    refused(scene.initialize(DealId(digest("unknown deal")), 0));
    refused(scene.initialize(deal, 2));
    let huge = Hub::initializeCall { dealId: deal.0, index: U256::MAX };
    refused(scene.world.hub(person("anyone"), &huge));

    let start = scene.world.now_s;
    scene.world.warp(1_000_000);
    let done = scene.initialize(deal, 1).unwrap();
    let id = TaskId::derive(deal, U256::from(1));
    assert_eq!(done.output.as_ref(), id.0.as_slice());
    let events = done.events::<Hub::TaskInitialize>();
    assert_eq!(events, [Hub::TaskInitialize { taskid: id.0, workerpool: scene.workerpool }]);
    refused(scene.initialize(deal, 1));

    let task = scene.view_task(id);
    assert_eq!((task.status, task.dealid, task.idx), (1, deal.0, U256::from(1)));
    assert_eq!(task.timeref, U256::from(T));
    assert_eq!(task.contributionDeadline, U256::from(start + 7 * T));
    assert_eq!(task.finalDeadline, U256::from(start + 10 * T));
    assert_eq!((task.revealDeadline, task.consensusValue), (U256::ZERO, B256::ZERO));
    assert!(task.contributors.is_empty());
}

#[test]
fn several_tasks_open_together_or_not_at_all() {
    let mut scene = Scene::new();
    let orders = scene.orders().with_volume(3);
    let deal = scene.deal(&orders).0;
    let index = |value: u64| U256::from(value);
    let call = |deals: Vec<B256>, indexes: Vec<U256>| Hub::initializeArrayCall { dealIds: deals, indexes };
    refused(scene.world.hub(person("anyone"), &call(vec![deal, deal], vec![index(0)])));
    refused(scene.world.hub(person("anyone"), &call(vec![deal, deal], vec![index(0), index(3)])));
    assert_eq!(scene.view_task(TaskId::derive(DealId(deal), index(0))).status, 0);
    let done = scene.world.hub(person("anyone"), &call(vec![deal, deal], vec![index(0), index(2)])).unwrap();
    assert_eq!(done.names(&scene.world), ["TaskInitialize", "TaskInitialize"]);
    scene.world.hub(person("anyone"), &call(vec![], vec![])).unwrap();
}

#[test]
fn unknown_identifiers_read_as_zero() {
    let scene = Scene::new();
    let task = scene.view_task(TaskId(digest("unknown")));
    assert_eq!((task.status, task.timeref, task.finalDeadline), (0, U256::ZERO, U256::ZERO));
    assert_eq!((task.dealid, task.contributors.len(), task.results.len()), (B256::ZERO, 0, 0));
    let deal = scene.world.ask(&Hub::viewDealCall { dealId: digest("unknown") });
    assert_eq!((deal.trust, deal.requester, deal.params.as_str()), (U256::ZERO, Address::ZERO, ""));
    assert_eq!(scene.view_contribution(TaskId(digest("unknown")), "worker 0").status, 0);
    let pending = scene.world.view(scene.world.at.hub, &Hub::resultForCall { taskId: digest("unknown") });
    assert_eq!(pending.err(), Some(text("task-pending")));
}

#[test]
fn a_contribution_needs_an_active_task_time_and_authorization() {
    let mut scene = Scene::new();
    let orders = scene.orders().with_trust(5);
    let deal = scene.deal(&orders);
    let task = TaskId::derive(deal, U256::ZERO);
    refused(scene.contribute("worker 0", task, "x"));
    scene.initialize(deal, 0).unwrap();

    let mut call = Scene::contribution("worker 0", task, "x");
    refused(scene.world.hub(person("worker 1"), &call));
    call.authorizationSign = Scene::authorization("worker 0", person("worker 0"), task, Address::ZERO);
    refused(scene.world.hub(person("worker 0"), &call));
    call.authorizationSign = Bytes::from(vec![1; 64]);
    refused(scene.world.hub(person("worker 0"), &call));
    call.authorizationSign = Bytes::from(vec![1; 63]);
    let malformed = scene.world.hub(person("worker 0"), &call);
    assert_eq!(malformed.err(), Some(text("invalid-signature-format")));

    let done = scene.contribute("worker 0", task, "x").unwrap();
    assert_eq!(done.names(&scene.world), ["Transfer", "Lock", "TaskContribute"]);
    assert_eq!(scene.account("worker 0"), (FUNDS - STAKE, STAKE));
    refused(scene.contribute("worker 0", task, "x"));
    refused(scene.contribute("worker 0", task, "y"));

    let poor = scene.contribute("poor worker", task, "x");
    assert_eq!(poor.err(), Some(text("IexecEscrow: Transfer amount exceeds balance")));

    scene.world.warp(7 * T);
    refused(scene.contribute("worker 1", task, "x"));
    scene.world.now_s -= 1;
    scene.contribute("worker 1", task, "x").unwrap();
    scene.check_ledger();
}

#[test]
fn a_contribution_is_recorded_as_made() {
    let mut scene = Scene::new();
    let orders = scene.orders().with_trust(5);
    let task = scene.task(&orders);
    let done = scene.contribute("worker 0", task, "x").unwrap();
    let hash = ResultHash::derive(task, ResultDigest(digest("x")));
    let seal = ResultSeal::derive(person("worker 0"), task, ResultDigest(digest("x")));
    let event = Hub::TaskContribute { taskid: task.0, worker: person("worker 0"), hash: hash.0 };
    assert_eq!(done.events::<Hub::TaskContribute>(), [event]);
    let made = scene.view_contribution(task, "worker 0");
    assert_eq!((made.status, made.resultHash, made.resultSeal), (1, hash.0, seal.0));
    assert_eq!((made.enclaveChallenge, made.weight), (Address::ZERO, U256::from(1)));
    let legacy =
        scene.world.ask(&Hub::viewContributionABILegacyCall { taskId: task.0, worker: person("worker 0") });
    assert_eq!((legacy.status, legacy.resultHash, legacy.resultSeal), (1, hash.0, seal.0));
}

#[test]
fn dissent_costs_one_more_confirmation_and_pays_as_worked_out() {
    // Example A of 12.3 and its settlement in 13.5.
    let mut scene = Scene::new();
    let orders = scene.orders().with_trust(5);
    let task = scene.task(&orders);
    scene.contribute("worker 0", task, "y").unwrap();
    for index in 1..4 {
        let done = scene.contribute(&worker(index), task, "x").unwrap();
        assert!(done.events::<Hub::TaskConsensus>().is_empty(), "contribution {index}");
    }
    let consensus_time = scene.world.now_s;
    let done = scene.contribute("worker 4", task, "x").unwrap();
    let hash = ResultHash::derive(task, ResultDigest(digest("x"))).0;
    assert_eq!(done.names(&scene.world), ["Transfer", "Lock", "TaskContribute", "TaskConsensus"]);
    assert_eq!(done.events::<Hub::TaskConsensus>(), [Hub::TaskConsensus { taskid: task.0, consensus: hash }]);
    let view = scene.view_task(task);
    assert_eq!((view.status, view.winnerCounter, view.revealCounter), (2, U256::from(4), U256::ZERO));
    assert_eq!((view.consensusValue, view.resultDigest), (hash, B256::ZERO));
    assert_eq!(view.revealDeadline, U256::from(consensus_time + 2 * T));
    let contributors: Vec<_> = (0..5).map(|index| person(&worker(index))).collect();
    assert_eq!(view.contributors, contributors);
    refused(scene.contribute("worker 5", task, "x"));

    refused(scene.reveal("worker 0", task, "y"));
    refused(scene.reveal("worker 0", task, "x"));
    refused(scene.finalize(task));
    for index in 1..5 {
        let done = scene.reveal(&worker(index), task, "x").unwrap();
        assert_eq!(done.names(&scene.world), ["TaskReveal"]);
    }
    assert_eq!(scene.view_task(task).resultDigest, digest("x"));
    let done = scene.finalize(task).unwrap();
    let mut names = vec!["Seize", "Transfer", "Reward", "Transfer", "Reward", "Transfer", "Unlock"];
    names.extend(["Seize", "FaultyContribution"]);
    for _ in 1..5 {
        names.extend(["Transfer", "Unlock", "Transfer", "Reward", "AccurateContribution"]);
    }
    names.extend(["Transfer", "Reward", "TaskFinalize"]);
    assert_eq!(done.names(&scene.world), names);

    assert_eq!(scene.account("requester"), (FUNDS - TASK_PRICE, 0));
    assert_eq!(scene.account("app owner"), (1_000, 0));
    assert_eq!(scene.account("dataset owner"), (1_000_000, 0));
    assert_eq!(scene.account("scheduler"), (FUNDS + 13_000_000, 0));
    for index in 1..5 {
        assert_eq!(scene.account(&worker(index)), (FUNDS + 321_750_000, 0));
        assert_eq!(scene.score(&worker(index)), 1);
        assert_eq!(scene.view_contribution(task, &worker(index)).status, 2);
    }
    assert_eq!(scene.account("worker 0"), (FUNDS - STAKE, 0));
    assert_eq!(scene.score("worker 0"), 0);
    let view = scene.view_task(task);
    assert_eq!((view.status, view.revealCounter), (3, U256::from(4)));
    assert_eq!(view.results, Bytes::from(vec![0xaa; 84]));
    scene.check_ledger();
    refused(scene.finalize(task));
    refused(scene.claim(task));
}

#[test]
fn contributions_keep_their_records_after_the_revelation() {
    let mut scene = Scene::new();
    let orders = scene.orders().with_trust(5);
    let task = scene.task(&orders);
    for (index, result) in ["y", "x", "x", "x", "x"].into_iter().enumerate() {
        scene.contribute(&worker(index), task, result).unwrap();
    }
    let before: Vec<_> = (0..5).map(|index| scene.view_contribution(task, &worker(index))).collect();
    for index in 1..5 {
        scene.reveal(&worker(index), task, "x").unwrap();
    }
    for (index, old) in before.into_iter().enumerate() {
        let new = scene.view_contribution(task, &worker(index));
        assert_eq!((new.resultHash, new.resultSeal), (old.resultHash, old.resultSeal), "worker {index}");
        assert_eq!(new.weight, old.weight);
        assert_eq!(new.status, if index == 0 { 1 } else { 2 });
    }
}

#[test]
fn weight_follows_the_score_and_one_strong_worker_may_be_enough() {
    // Example B of 12.3: trust 10 needs w = 10, a score of 33.
    for (score, enough) in [(30_u64, false), (33, true)] {
        let mut scene = Scene::new();
        set_score(&mut scene, "worker 0", score);
        let orders = scene.orders().with_trust(10);
        let task = scene.task(&orders);
        scene.contribute("worker 0", task, "x").unwrap();
        assert_eq!(scene.view_task(task).status == 2, enough, "score {score}");
        assert_eq!(scene.view_contribution(task, "worker 0").weight, U256::from(3));
    }
}

/// Writes a score into the account word: bits 192 to 254 of `accounts[worker]`.
fn set_score(scene: &mut Scene, name: &str, score: u64) {
    let slot = accounts_slot(person(name));
    let hub = scene.world.at.hub;
    let old = scene.world.db.cache.accounts[&hub].storage[&slot];
    scene.world.db.insert_account_storage(hub, slot, old | (U256::from(score) << 192)).unwrap();
    assert_eq!(scene.score(name), score);
}

/// Storage slot of an account word: the tenth member of the layout documented in contracts/README.md.
fn accounts_slot(account: Address) -> U256 {
    let base = "9b12e39e42e887d7c19b7b9f55d00ea0a2e2267ed90219db97b6d1f19ce4bd00";
    let root = U256::from_str_radix(base, 16).unwrap() + U256::from(10);
    let preimage = [account.into_word().as_slice(), &root.to_be_bytes::<32>()].concat();
    U256::from_be_bytes(alloy_primitives::keccak256(preimage).0)
}

#[test]
fn unequal_weights_share_the_pot_in_proportion() {
    // 13.5: weights 1, 1, 2.
    let mut scene = Scene::new();
    set_score(&mut scene, "worker 2", 15);
    let orders = scene.orders().with_trust(16);
    let task = scene.task(&orders);
    for index in 0..3 {
        scene.contribute(&worker(index), task, "x").unwrap();
    }
    for index in 0..3 {
        scene.reveal(&worker(index), task, "x").unwrap();
    }
    scene.finalize(task).unwrap();
    assert_eq!(scene.account("worker 0").0, FUNDS + 247_500_000);
    assert_eq!(scene.account("worker 1").0, FUNDS + 247_500_000);
    assert_eq!(scene.account("worker 2").0, FUNDS + 495_000_000);
    assert_eq!(scene.account("scheduler").0, FUNDS + 10_000_000);
    assert_eq!(scene.score("worker 2"), 16);
    scene.check_ledger();
}

#[test]
fn the_rounding_remainder_goes_to_the_scheduler() {
    let mut scene = Scene::new();
    let mut orders = scene.orders().with_trust(4);
    orders.workerpool.workerpoolprice = U256::from(100);
    let task = scene.task(&orders);
    for name in ["worker 0", "worker 1"] {
        scene.contribute(name, task, "x").unwrap();
    }
    for name in ["worker 0", "worker 1"] {
        scene.reveal(name, task, "x").unwrap();
    }
    scene.finalize(task).unwrap();
    assert_eq!((scene.account("worker 0").0, scene.account("worker 1").0), (FUNDS + 49, FUNDS + 49));
    assert_eq!(scene.account("scheduler").0, FUNDS + 2);
    scene.check_ledger();
}

#[test]
fn reveals_need_the_digest_of_the_consensus_and_time() {
    let mut scene = Scene::new();
    let orders = scene.orders().with_trust(3);
    let task = scene.task(&orders);
    scene.contribute("worker 0", task, "x").unwrap();
    refused(scene.reveal("worker 0", task, "x"));
    let mut copied = Scene::contribution("worker 1", task, "x");
    // A copied hash with a seal of its own invention joins the group but can never be revealed.
    copied.resultSeal = digest("no seal");
    scene.world.hub(person("worker 1"), &copied).unwrap();
    assert_eq!(scene.view_task(task).status, 2);
    refused(scene.reveal("worker 0", task, "y"));
    refused(scene.reveal("worker 2", task, "x"));
    refused(scene.reveal("worker 1", task, "x"));
    scene.world.warp(2 * T);
    refused(scene.reveal("worker 0", task, "x"));
    scene.world.now_s -= 1;
    scene.reveal("worker 0", task, "x").unwrap();
    refused(scene.reveal("worker 0", task, "x"));
    refused(scene.reveal("worker 1", task, "x"));
    refused(scene.finalize(task));
    scene.world.warp(1);
    scene.finalize(task).unwrap();
    let view = scene.view_task(task);
    assert_eq!((view.revealCounter, view.winnerCounter), (U256::from(1), U256::from(2)));
    assert_eq!(scene.view_contribution(task, "worker 1").status, 1);
    assert_eq!(scene.account("worker 1"), (FUNDS - STAKE, 0));
    assert_eq!(scene.account("worker 0"), (FUNDS + 1_287_000_000, 0));
    scene.check_ledger();
}

#[test]
fn a_consensus_that_nobody_reveals_can_be_reopened() {
    // Example C of 12.3.
    let mut scene = Scene::new();
    let orders = scene.orders();
    let task = scene.task(&orders);
    let reopen = Hub::reopenCall { taskId: task.0 };
    refused(scene.world.hub(person("scheduler"), &reopen));
    scene.contribute("worker 0", task, "x").unwrap();
    refused(scene.world.hub(person("scheduler"), &reopen));
    scene.world.warp(2 * T);
    refused(scene.world.hub(person("anyone"), &reopen));
    let done = scene.world.hub(person("scheduler"), &reopen).unwrap();
    assert_eq!(done.names(&scene.world), ["TaskReopen"]);
    let view = scene.view_task(task);
    assert_eq!((view.status, view.consensusValue), (1, B256::ZERO));
    assert_eq!((view.revealDeadline, view.winnerCounter), (U256::ZERO, U256::ZERO));
    assert_eq!(view.contributors, [person("worker 0")]);
    assert_eq!(scene.view_contribution(task, "worker 0").status, 3);
    refused(scene.contribute("worker 0", task, "x"));
    refused(scene.world.hub(person("worker 1"), &Scene::one_step("worker 1", task, "x")));

    scene.contribute("worker 1", task, "x").unwrap();
    assert_eq!(scene.view_task(task).winnerCounter, U256::from(1));
    refused(scene.reveal("worker 0", task, "x"));
    scene.reveal("worker 1", task, "x").unwrap();
    refused(scene.world.hub(person("scheduler"), &reopen));
    scene.finalize(task).unwrap();
    assert_eq!(scene.account("worker 0"), (FUNDS - STAKE, 0));
    assert_eq!(scene.account("worker 1"), (FUNDS + 1_287_000_000, 0));
    assert_eq!(scene.score("worker 1"), 1);
    scene.check_ledger();
}

#[test]
fn a_consensus_on_another_hash_than_the_first_reopens_too() {
    let mut scene = Scene::new();
    let orders = scene.orders().with_trust(3);
    let task = scene.task(&orders);
    scene.contribute("worker 0", task, "y").unwrap();
    for index in 1..4 {
        scene.contribute(&worker(index), task, "x").unwrap();
    }
    assert_eq!(scene.view_task(task).winnerCounter, U256::from(3));
    scene.world.warp(2 * T);
    scene.world.hub(person("scheduler"), &Hub::reopenCall { taskId: task.0 }).unwrap();
    for index in 1..4 {
        assert_eq!(scene.view_contribution(task, &worker(index)).status, 3);
    }
    assert_eq!(scene.view_contribution(task, "worker 0").status, 1);
    // G(y) = 2 stands, G(x) starts anew: two more for y give G(y) = 8, total 9, 24 > 18.
    scene.contribute("worker 4", task, "x").unwrap();
    scene.contribute("worker 5", task, "y").unwrap();
    assert_eq!(scene.view_task(task).status, 1, "4 * 3 > 7 * 2 is false");
    scene.contribute("worker 6", task, "y").unwrap();
    let view = scene.view_task(task);
    assert_eq!((view.status, view.winnerCounter), (2, U256::from(3)));
    for name in ["worker 0", "worker 5", "worker 6"] {
        scene.reveal(name, task, "y").unwrap();
    }
    scene.finalize(task).unwrap();
    assert_eq!(scene.score("worker 0"), 1);
    scene.check_ledger();
}

#[test]
fn a_reopen_ends_at_the_final_deadline() {
    let mut scene = Scene::new();
    let orders = scene.orders();
    let task = scene.task(&orders);
    scene.contribute("worker 0", task, "x").unwrap();
    scene.world.warp(10 * T);
    refused(scene.world.hub(person("scheduler"), &Hub::reopenCall { taskId: task.0 }));
    refused(scene.finalize(task));
    scene.claim(task).unwrap();
}

#[test]
fn finalize_belongs_to_the_scheduler_and_to_the_agreed_data() {
    let mut scene = Scene::new();
    let orders = scene.orders();
    let task = scene.task(&orders);
    refused(scene.finalize(task));
    scene.contribute("worker 0", task, "x").unwrap();
    refused(scene.finalize(task));
    scene.reveal("worker 0", task, "x").unwrap();
    let mut call = Hub::finalizeCall { taskId: task.0, results: Bytes::new(), resultsCallback: Bytes::new() };
    refused(scene.world.hub(person("anyone"), &call));
    call.resultsCallback = Bytes::from_static(b"not x");
    refused(scene.world.hub(person("scheduler"), &call));
    // Without a consumer, data that hash to the digest are accepted and kept.
    call.resultsCallback = Bytes::from_static(b"x");
    scene.world.hub(person("scheduler"), &call).unwrap();
    let view = scene.view_task(task);
    assert_eq!((view.results, view.resultsCallback), (Bytes::new(), Bytes::from_static(b"x")));
    let result = scene.world.ask(&Hub::resultForCall { taskId: task.0 });
    assert_eq!(result, Bytes::from_static(b"x"));
}

#[test]
fn results_beyond_one_code_record_are_kept_whole() {
    for size in [0, 1, 24_571, 24_572, 60_000] {
        let mut scene = Scene::new();
        let orders = scene.orders();
        let task = scene.task(&orders);
        scene.contribute("worker 0", task, "x").unwrap();
        scene.reveal("worker 0", task, "x").unwrap();
        let results: Bytes = (0..size).map(|index| (index % 251) as u8).collect::<Vec<_>>().into();
        let call =
            Hub::finalizeCall { taskId: task.0, results: results.clone(), resultsCallback: Bytes::new() };
        scene.world.hub(person("scheduler"), &call).unwrap();
        assert!(scene.view_task(task).results == results, "{size} bytes");
    }
}

#[test]
fn one_step_settles_at_once() {
    let mut scene = Scene::new();
    let orders = scene.orders();
    let task = scene.task(&orders);
    let call = Scene::one_step("worker 0", task, "x");
    refused(scene.world.hub(person("worker 1"), &call));
    let before = scene.world.now_s;
    let done = scene.world.hub(person("worker 0"), &call).unwrap();
    let names = [
        "Seize",
        "Transfer",
        "Reward",
        "Transfer",
        "Reward",
        "Transfer",
        "Unlock",
        "Transfer",
        "Reward",
        "Transfer",
        "Reward",
        "TaskContribute",
        "TaskConsensus",
        "TaskReveal",
        "TaskFinalize",
    ];
    assert_eq!(done.names(&scene.world), names);
    assert_eq!(scene.account("worker 0"), (FUNDS + 990_000_000, 0));
    assert_eq!(scene.account("scheduler"), (FUNDS + 10_000_000, 0));
    assert_eq!(scene.score("worker 0"), 0);
    let hash = ResultHash::derive(task, ResultDigest(digest("x"))).0;
    let seal = ResultSeal::derive(person("worker 0"), task, ResultDigest(digest("x"))).0;
    let view = scene.view_task(task);
    assert_eq!((view.status, view.consensusValue, view.resultDigest), (3, hash, digest("x")));
    assert_eq!((view.revealCounter, view.winnerCounter), (U256::from(1), U256::from(1)));
    assert_eq!(view.revealDeadline, U256::from(before + 2 * T));
    assert_eq!(view.contributors, [person("worker 0")]);
    assert_eq!(view.results, call.results);
    let made = scene.view_contribution(task, "worker 0");
    assert_eq!((made.status, made.resultHash, made.resultSeal), (2, hash, seal));
    assert_eq!((made.weight, made.enclaveChallenge), (U256::ZERO, Address::ZERO));
    assert_eq!(scene.view_contribution(task, "worker 1").status, 0);
    refused(scene.world.hub(person("worker 0"), &call));
    scene.check_ledger();
}

#[test]
fn one_step_is_for_trust_one_and_untouched_tasks() {
    let mut scene = Scene::new();
    let orders = scene.orders().with_trust(2);
    let task = scene.task(&orders);
    refused(scene.world.hub(person("worker 0"), &Scene::one_step("worker 0", task, "x")));

    let mut orders = scene.orders();
    orders.request.salt = digest("trust 0 counts as 1");
    orders.request.trust = U256::ZERO;
    let task = scene.task(&orders);
    scene.world.warp(7 * T);
    refused(scene.world.hub(person("worker 0"), &Scene::one_step("worker 0", task, "x")));
    scene.world.now_s -= 1;
    scene.world.hub(person("worker 0"), &Scene::one_step("worker 0", task, "x")).unwrap();
}

#[test]
fn an_enclave_must_prove_itself() {
    let mut scene = Scene::new();
    let mut orders = scene.orders().with_trust(5);
    let tee = B256::with_last_byte(1);
    (orders.app.tag, orders.workerpool.tag, orders.request.tag) = (tee, tee, tee);
    let task = scene.task(&orders);
    refused(scene.contribute("worker 0", task, "x"));
    let mut call = Scene::enclave_contribution("worker 0", task, "x");
    let proof = std::mem::take(&mut call.enclaveSign);
    assert_eq!(scene.world.hub(person("worker 0"), &call).err(), Some(text("invalid-signature-format")));
    call.enclaveSign = call.authorizationSign.clone();
    refused(scene.world.hub(person("worker 0"), &call));
    call.enclaveSign = proof;
    scene.world.hub(person("worker 0"), &call).unwrap();
    assert_eq!(scene.view_contribution(task, "worker 0").enclaveChallenge, person("enclave"));

    // With a broker, its word replaces the scheduler's, for enclaves only.
    let owner = scene.world.owner;
    scene.world.hub(owner, &Hub::setTeeBrokerCall { broker: person("broker") }).unwrap();
    let mut call = Scene::enclave_contribution("worker 1", task, "x");
    refused(scene.world.hub(person("worker 1"), &call));
    call.authorizationSign = Scene::authorization("broker", person("worker 1"), task, person("enclave"));
    scene.world.hub(person("worker 1"), &call).unwrap();
}

#[test]
fn a_one_step_enclave_is_remembered() {
    let mut scene = Scene::new();
    let orders = scene.orders();
    let task = scene.task(&orders);
    let proved = Scene::enclave_contribution("worker 0", task, "x");
    let mut call = Scene::one_step("worker 0", task, "x");
    call.enclaveChallenge = proved.enclaveChallenge;
    call.enclaveSign = proved.enclaveSign;
    call.authorizationSign = proved.authorizationSign;
    scene.world.hub(person("worker 0"), &call).unwrap();
    let made = scene.view_contribution(task, "worker 0");
    assert_eq!((made.status, made.enclaveChallenge), (2, person("enclave")));
    assert_eq!(scene.view_task(task).results, call.results);
}

#[test]
fn a_claim_refunds_the_sponsor_and_feeds_the_kitty() {
    let mut scene = Scene::new();
    let orders = scene.orders().with_trust(5).with_volume(2);
    let deal = scene.deal(&orders);
    let task = TaskId::derive(deal, U256::ZERO);
    scene.world.warp(10 * T);
    refused(scene.claim(task));
    scene.initialize(deal, 0).unwrap();
    scene.world.warp(0);
    scene.world.now_s -= 1;
    refused(scene.claim(task));
    scene.world.now_s -= 5 * T;
    for (index, result) in ["x", "y"].into_iter().enumerate() {
        scene.contribute(&worker(index), task, result).unwrap();
    }
    scene.world.now_s += 5 * T + 1;
    let done = scene.claim(task).unwrap();
    let names = [
        "Transfer",
        "Unlock",
        "Seize",
        "Reward",
        "Lock",
        "Transfer",
        "Unlock",
        "Transfer",
        "Unlock",
        "TaskClaimed",
    ];
    assert_eq!(done.names(&scene.world), names);
    assert_eq!(scene.account("requester"), (FUNDS - TASK_PRICE, TASK_PRICE));
    assert_eq!(scene.account("scheduler"), (FUNDS - 2 * STAKE, STAKE));
    assert_eq!((scene.account("worker 0"), scene.account("worker 1")), ((FUNDS, 0), (FUNDS, 0)));
    let kitty = scene.world.ask(&Hub::kitty_addressCall {});
    assert_eq!(scene.world.account(kitty), (U256::ZERO, U256::from(STAKE)));
    assert_eq!(scene.view_task(task).status, 4);
    refused(scene.claim(task));
    refused(scene.reveal("worker 0", task, "x"));
    scene.check_ledger();

    let call = Hub::initializeAndClaimArrayCall { dealIds: vec![deal.0], indexes: vec![U256::from(1)] };
    let done = scene.world.hub(person("anyone"), &call).unwrap();
    assert_eq!(done.output.as_ref(), U256::from(1).to_be_bytes::<32>());
    assert_eq!(scene.account("requester"), (FUNDS, 0));
    refused(scene.world.hub(person("anyone"), &call));
    let uneven = Hub::initializeAndClaimArrayCall { dealIds: vec![deal.0], indexes: vec![] };
    refused(scene.world.hub(person("anyone"), &uneven));
    scene.world.hub(person("anyone"), &Hub::claimArrayCall { taskIds: vec![] }).unwrap();
    refused(scene.world.hub(person("anyone"), &Hub::claimArrayCall { taskIds: vec![task.0] }));
    scene.check_ledger();
}

#[test]
fn the_kitty_pays_one_fraction_per_success() {
    // 13.6: 10,200,000,000 pays a tenth, 1,000,000,000 is the least, less than that goes whole.
    let mut scene = Scene::new();
    let orders = scene.orders().with_volume(34);
    let deal = scene.deal(&orders);
    scene.world.warp(10 * T);
    for index in 0..34 {
        let pair =
            Hub::initializeAndClaimArrayCall { dealIds: vec![deal.0], indexes: vec![U256::from(index)] };
        scene.world.hub(person("anyone"), &pair).unwrap();
    }
    let kitty = scene.world.ask(&Hub::kitty_addressCall {});
    let frozen = |scene: &Scene| scene.world.account(kitty).1.to::<u64>();
    assert_eq!(frozen(&scene), 10_200_000_000);
    let mut paid = Vec::new();
    for round in 0..11 {
        let mut orders = scene.orders();
        orders.request.salt = digest(&format!("round {round}"));
        let task = scene.task(&orders);
        let before = frozen(&scene);
        let done = scene.world.hub(person("worker 0"), &Scene::one_step("worker 0", task, "x")).unwrap();
        paid.push(before - frozen(&scene));
        let names = done.names(&scene.world);
        assert_eq!(names[5..10], ["Transfer", "Unlock", "Seize", "Transfer", "Reward"]);
        scene.check_ledger();
    }
    let expected = [vec![1_020_000_000], vec![1_000_000_000; 9], vec![180_000_000]].concat();
    assert_eq!(paid, expected);
    assert_eq!(frozen(&scene), 0);
}

#[test]
fn a_task_takes_256_contributors_and_still_settles() {
    let mut scene = Scene::new();
    let mut orders = scene.orders().with_trust(5);
    orders.workerpool.workerpoolprice = U256::from(1_000);
    orders.dataset.datasetprice = U256::from(DATASET_PRICE);
    let task = scene.task(&orders);
    for index in 0..256 {
        scene.world.fund(person(&worker(index)), 1_000);
        scene.contribute(&worker(index), task, &format!("result {index}")).unwrap();
    }
    scene.world.fund(person("worker 256"), 1_000);
    let late = scene.contribute("worker 256", task, "result 0");
    assert_eq!(late.err(), Some(custom(&Hub::TooManyContributors {})));
    refused(scene.contribute("worker 3", task, "result 0"));
    let contributors = scene.view_task(task).contributors;
    assert_eq!(contributors, (0..256).map(|index| person(&worker(index))).collect::<Vec<_>>());
    scene.world.warp(10 * T);
    scene.claim(task).unwrap();
    scene.check_ledger();
}

#[test]
fn results_go_to_the_consumer_last() {
    let consumer = person("consumer");
    let mut scene = Scene::new();
    scene.world.put_code(consumer, harness::codes::stores_call());
    let mut orders = scene.orders();
    orders.request.callback = consumer;
    let task = scene.task(&orders);
    let mut call = Scene::one_step("worker 0", task, "data");
    refused(scene.world.hub(person("worker 0"), &call));
    call.resultsCallback = Bytes::from_static(b"other");
    refused(scene.world.hub(person("worker 0"), &call));
    call.resultsCallback = Bytes::from_static(b"data");
    scene.world.hub(person("worker 0"), &call).unwrap();
    let storage = &scene.world.db.cache.accounts[&consumer].storage;
    assert_eq!(storage[&U256::ZERO], U256::from(4 + 4 * 32));
    assert_eq!(storage[&U256::from(1)], U256::from_be_bytes(task.0.0));
    let result = scene.world.ask(&Hub::resultForCall { taskId: task.0 });
    assert_eq!(result, Bytes::from_static(b"data"));
}

#[test]
fn no_consumer_can_stop_a_settlement_and_none_is_starved() {
    use harness::codes::{burns_gas, refuses, returns_much, silent};
    for code in [Bytes::new(), silent(), refuses(), burns_gas(), returns_much(20_000)] {
        let consumer = person("consumer");
        let mut scene = Scene::new();
        scene.world.put_code(consumer, code);
        let mut orders = scene.orders();
        orders.request.callback = consumer;
        let task = scene.task(&orders);
        scene.contribute("worker 0", task, "data").unwrap();
        scene.reveal("worker 0", task, "data").unwrap();
        let call = Hub::finalizeCall {
            taskId: task.0,
            results: Bytes::new(),
            resultsCallback: Bytes::from_static(b"data"),
        };
        scene.world.hub(person("scheduler"), &call).unwrap();
        assert_eq!(scene.view_task(task).status, 3);
    }
    // Too little gas for the consumer's allowance: the whole call fails with an assertion.
    let consumer = person("consumer");
    let mut scene = Scene::new();
    scene.world.put_code(consumer, burns_gas());
    let mut orders = scene.orders();
    orders.request.callback = consumer;
    let task = scene.task(&orders);
    let mut call = Scene::one_step("worker 0", task, "data");
    call.resultsCallback = Bytes::from_static(b"data");
    let enough = scene.world.clone().hub(person("worker 0"), &call).unwrap().gas;
    scene.world.gas_limit = enough - 20_000;
    assert_eq!(scene.world.hub(person("worker 0"), &call).err(), Some(panic_code(0x01)));
}

#[test]
fn an_index_beyond_16_bits_is_kept() {
    let mut scene = Scene::new();
    let mut orders = scene.orders().without_dataset();
    let huge = U256::MAX;
    (orders.app.volume, orders.workerpool.volume, orders.request.volume) = (huge, huge, huge);
    (orders.app.appprice, orders.workerpool.workerpoolprice) = (U256::ZERO, U256::ZERO);
    let deal = scene.deal(&orders);
    let view = scene.world.ask(&Hub::viewDealCall { dealId: deal.0 });
    assert_eq!((view.botFirst, view.botSize), (U256::ZERO, huge));
    for index in [U256::from(65_534), U256::from(65_535), huge - U256::from(1)] {
        scene.world.hub(person("anyone"), &Hub::initializeCall { dealId: deal.0, index }).unwrap();
        assert_eq!(scene.view_task(TaskId::derive(deal, index)).idx, index);
    }
    let signed = scene.sign(&orders);
    let hash = metacloud_protocol::Order::hash(&signed.request.order, &scene.world.domain());
    assert_eq!(scene.world.ask(&Hub::viewConsumedCall { orderHash: hash.0 }), huge);
    let again = scene.try_match(&orders);
    assert_eq!(again.err(), Some(text("iExecV5-matchOrders-0x60")));
}
