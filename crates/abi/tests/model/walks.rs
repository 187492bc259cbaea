//! Traces that were thought of, of what random ones meet too rarely.

mod routine;

use crate::cast::{self, Who};
use crate::mischief::PUPPET;
use crate::ops::{
    self, Asset, Callback, CallbackData, Contribute, Fault, Flaw, LATEST, MatchOp, Mischief, Money, Op,
    Payer, Price, PushOp, Setting, Trust, Volume,
};
use crate::puppet::{End, Mood};
use crate::run;
use crate::strangers::Stranger;
use crate::trace::{Agreed, PUPPET_FAILS, PUPPET_SUCCEEDS};

/// Prices with which the kitty is fed: its least payment is more, less, or far more than a task's stake.
const KITTY_PRICES: [u32; 3] = [1_000_000_000, 4_000_000_000, 100];

/// The walks that faults must pass by, by name.
pub(crate) fn walks() -> Vec<(&'static str, Vec<Op>)> {
    let mut walks: Vec<_> = KITTY_PRICES.map(|price| ("the walk of the kitty", kitty_walk(price))).into();
    walks.extend([
        ("the walk of Boost", boost_walk()),
        ("the walk of revelations", reveal_walk()),
        ("the walk of moods", mood_walk()),
        ("the walk of the nosy consumer", consumer_walk()),
        ("the walk of the nosy Boost consumer", boost_consumer_walk()),
        ("the walk of strange registries", registry_walk()),
        ("the walk of strange signers", signer_walk()),
        ("the walk of scores", routine::score_walk()),
        ("the walk of absent datasets", routine::absent_dataset_walk()),
        ("the walk of receivers", routine::receiver_walk()),
    ]);
    walks
}

/// A match with one price, trust and number of tasks for all.
fn simple_match(price: u32, trust: Trust, tasks: u32) -> Op {
    Op::Match(Box::new(MatchOp {
        app: ops::Asset::App(0),
        dataset: Some(ops::Asset::Dataset(0)),
        workerpool: ops::Asset::Workerpool(0),
        requester: cast::Who::Requester,
        by: ops::Payer::Requester,
        trust,
        category: 0,
        tags: [0; 3],
        prices: [Price::Nrlc(price); 3],
        volumes: [Volume::Tasks(tasks); 4],
        callback: None,
        params: vec![],
        salt: 0,
        fault: ops::Fault::None,
    }))
}

fn contribution(worker: cast::Who, result: u8) -> Op {
    Op::Contribute(Contribute { task: 0, worker, result, flaw: Flaw::None })
}

/// Groups beyond 96 bits, the bound on contributors, and the settlement of so many.
#[test]
fn model_and_contracts_agree_on_a_crowded_task() -> Agreed {
    let initialize = Op::Initialize { deal: 0, offset: 0, by: cast::Who::Scheduler };
    let mut events = vec![simple_match(1_000, Trust::TwoTo(120), 1), initialize];
    // Two groups, the second of which outgrows 96 bits; a third one joins late.
    let crowd = (0..cast::CROWD).map(|number| {
        let result = if number % 16 == 0 { 0 } else { u8::from(number < 120) + 1 };
        contribution(cast::Who::Crowd(number), result.min(1))
    });
    events.extend(crowd.take(150));
    events.push(Op::RevealAll { task: 0 });
    events.push(Op::Finalize { task: 0, by: None, data: ops::CallbackData::Fitting });
    run(&events).map(drop)
}

/// A task with as many contributors as it may have, and one more, is claimed.
#[test]
fn model_and_contracts_agree_on_the_last_contributor() -> Agreed {
    let initialize = Op::Initialize { deal: 0, offset: 0, by: cast::Who::Scheduler };
    let mut events = vec![simple_match(1_000, Trust::Level(u16::MAX), 1), initialize];
    // Nobody agrees with more than a few others, so that no consensus comes.
    events.extend((0..cast::CROWD).map(|number| contribution(cast::Who::Crowd(number), (number / 4) as u8)));
    let wait = ops::Wait::Until { task: 0, deadline: ops::Deadline::Final, shift: 0 };
    events.extend([Op::Wait(wait), Op::Claim { task: 0, by: cast::Who::Pauper }]);
    run(&events).map(drop)
}
/// A failed task feeds the kitty, and the next one that ends well takes from it.
fn kitty_walk(price: u32) -> Vec<Op> {
    let begin = |offset| {
        [
            simple_match(price, Trust::Level(1), 9),
            Op::Initialize { deal: ops::LATEST, offset, by: cast::Who::Scheduler },
        ]
    };
    let mut events = begin(0).to_vec();
    let tasks = (1..9).map(|offset| (0, offset)).collect();
    events.push(Op::InitializeArray { tasks, uneven: false });
    let wait = ops::Wait::Until { task: 0, deadline: ops::Deadline::Final, shift: 0 };
    events.extend([Op::Wait(wait), Op::ClaimArray { tasks: (0..9).collect() }]);
    let Op::Match(mut again) = simple_match(price, Trust::Level(1), 2) else { unreachable!() };
    again.salt = 1;
    events.push(Op::Match(again));
    for offset in 0..2 {
        events.push(Op::Initialize { deal: ops::LATEST, offset, by: cast::Who::Scheduler });
        let worker = cast::Who::Worker(offset);
        events.push(Op::Contribute(Contribute { task: ops::LATEST, worker, result: 0, flaw: Flaw::None }));
        events.push(Op::RevealAll { task: ops::LATEST });
        events.push(Op::Finalize { task: ops::LATEST, by: None, data: ops::CallbackData::Fitting });
    }
    events
}

#[test]
fn model_and_contracts_agree_on_the_kitty() -> Agreed {
    for price in KITTY_PRICES {
        let met = run(&kitty_walk(price))?.met;
        assert_eq!(met["TaskClaimed"], 9);
        assert_eq!(met["TaskFinalize"], 2);
    }
    Ok(())
}

/// Boost tasks that are pushed, too late to be pushed, claimed, and paid from the kitty that the claims fed.
fn boost_walk() -> Vec<Op> {
    let Op::Match(mut op) = simple_match(1_000_000_000, Trust::Level(1), 3) else { unreachable!() };
    op.callback = Some(Callback::Contract(Stranger::Silent));
    let push = |offset, data| {
        let worker = cast::Who::Worker(offset);
        Op::Push(ops::PushOp { deal: ops::LATEST, offset, worker, result: 1, flaw: Flaw::None, data })
    };
    let claim = |offset| Op::ClaimBoost { deal: ops::LATEST, offset, by: cast::Who::Pauper };
    let fitting = ops::CallbackData::Fitting;
    let mut events = Vec::new();
    for (salt, by) in [(0, ops::Payer::Boost), (1, ops::Payer::BoostSponsor(cast::Who::Sponsor))] {
        (op.salt, op.by) = (salt, by);
        events.extend([Op::Match(op.clone()), claim(0), push(0, ops::CallbackData::Empty), push(0, fitting)]);
        events.extend([push(0, fitting), push(3, fitting), Op::Wait(ops::Wait::Seconds(2_100))]);
        events.extend([push(1, fitting), claim(0), claim(1), claim(1), claim(2), claim(3)]);
    }
    events
}

#[test]
fn model_and_contracts_agree_on_boost() -> Agreed {
    let met = run(&boost_walk())?.met;
    assert_eq!((met["ResultPushedBoost"], met["TaskClaimed"]), (2, 4));
    for text in [
        "Unknown task",
        "Task status not unset",
        "Deadline not reached",
        "Deadline reached",
        "Callback requires data",
    ] {
        assert!(met.keys().any(|key| key.contains(&format!("PocoBoost: {text}"))), "{text}: {met:#?}");
    }
    Ok(())
}

/// One consensus is revealed in the last second; another one too late, so that its scheduler, and nobody else, reopens it.
fn reveal_walk() -> Vec<Op> {
    let until =
        |shift| Op::Wait(ops::Wait::Until { task: ops::LATEST, deadline: ops::Deadline::Reveal, shift });
    let reveal = Op::Reveal { task: ops::LATEST, worker: cast::Who::Worker(0), result: None };
    let reopen = |by| Op::Reopen { task: ops::LATEST, by };
    let mut events = vec![simple_match(1_000, Trust::Level(1), 2)];
    for (offset, shift) in [(0, -1), (1, 0)] {
        events.push(Op::Initialize { deal: ops::LATEST, offset, by: cast::Who::Scheduler });
        let worker = cast::Who::Worker(0);
        events.push(Op::Contribute(Contribute { task: ops::LATEST, worker, result: 0, flaw: Flaw::None }));
        events.extend([until(shift), reveal.clone(), reopen(Some(cast::Who::Pauper)), reopen(None)]);
    }
    events
}

#[test]
fn model_and_contracts_agree_on_late_revelations() -> Agreed {
    let met = run(&reveal_walk())?.met;
    assert_eq!((met["TaskReveal"], met["TaskReopen"]), (1, 1));
    Ok(())
}

fn during(during: Op, owns_hub: bool, token: Option<Mood>, scripts: Vec<Vec<Op>>) -> Op {
    let scripts = scripts.into_iter().map(|calls| (calls, End::Return)).collect();
    Op::Mischief(Box::new(Mischief { scripts, token, owns_hub, during }))
}

fn puppet(money: Money) -> Op {
    Op::Money { by: PUPPET, money }
}

/// While a base token moves, the owner of the hub recovers, deposits and withdraws; then the token refuses to move.
fn mood_walk() -> Vec<Op> {
    let mut events = Vec::new();
    for money in [Money::Deposit(1_000), Money::Withdraw(1_000), Money::Approval { value: 7, data: 0 }] {
        let call = Op::Money { by: Who::Requester, money };
        let first = vec![Money::Recover, Money::Withdraw(5), Money::Deposit(3)].into_iter().map(puppet);
        let scripts = vec![first.collect(), vec![puppet(Money::Recover)], vec![puppet(Money::Withdraw(2))]];
        events.push(during(call.clone(), true, Some(Mood::Telling), scripts));
        for mood in [Mood::Refusing, Mood::Silent, Mood::Garbled, Mood::Reverting] {
            let scripts = vec![vec![puppet(Money::Recover)]];
            events.push(during(call.clone(), false, Some(mood), scripts));
        }
    }
    // With the same money, a puppet withdraws twice what it has.
    let all = Money::Withdraw(crate::stage::FUNDS / 2);
    events.push(during(puppet(all.clone()), false, Some(Mood::Telling), vec![vec![puppet(all)]]));
    events.push(puppet(Money::Recover));
    events
}

#[test]
fn model_and_contracts_agree_on_tokens_with_moods() -> Agreed {
    let met = run(&mood_walk())?.met;
    let refused = met[&format!("{PUPPET_FAILS}: Custom(TokensInMotion)")];
    assert!(refused >= 5, "recover was refused in the middle of deposits and withdrawals: {met:#?}");
    for what in ["Text(\"failed-transferFrom\")", "Custom(TransferFailed)", "Foreign(0x0badf00d)", "Empty"] {
        assert!(met.contains_key(what), "{what}: {met:#?}");
    }
    // Afterwards nothing is there to recover.
    assert!(met.contains_key(PUPPET_SUCCEEDS), "{met:#?}");
    Ok(())
}

/// The scheduler is told of its own result and finalizes, claims and reopens the same task again, and works elsewhere.
fn consumer_walk() -> Vec<Op> {
    let Op::Match(mut op) = simple_match(1_000_000, Trust::Level(1), 3) else { unreachable!() };
    op.workerpool = Asset::Workerpool(1);
    op.callback = Some(Callback::Contract(Stranger::Puppet));
    let mut events = vec![Op::GiveAsset { asset: op.workerpool, to: PUPPET }, Op::Match(op.clone())];
    let work = |worker| Contribute { task: LATEST, worker, result: 0, flaw: Flaw::None };
    let finalize = |by| Op::Finalize { task: LATEST, by, data: CallbackData::Fitting };
    let scripts = |again: Op| {
        vec![
            vec![again, Op::Claim { task: LATEST, by: PUPPET }, puppet(Money::Withdraw(10))],
            vec![Op::Reopen { task: LATEST, by: Some(PUPPET) }],
        ]
    };
    for (offset, worker) in [(0, Who::Worker(0)), (1, Who::Worker(1))] {
        events.push(Op::Initialize { deal: LATEST, offset, by: Who::Scheduler });
        if offset == 0 {
            events.extend([Op::Contribute(work(worker)), Op::RevealAll { task: LATEST }]);
            events.push(during(finalize(None), false, None, scripts(finalize(Some(PUPPET)))));
        } else {
            let again = Op::OneStep { contribute: work(PUPPET), data: CallbackData::Fitting };
            let call = Op::OneStep { contribute: work(worker), data: CallbackData::Fitting };
            events.push(during(call, true, None, scripts(again)));
        }
    }
    // In the middle of a settlement another deal is made and another task begun.
    (op.requester, op.salt) = (PUPPET, 1);
    events.push(Op::Initialize { deal: LATEST, offset: 2, by: Who::Scheduler });
    events.extend([Op::Contribute(work(Who::Worker(2))), Op::RevealAll { task: LATEST }]);
    let busy = vec![vec![Op::Match(op), Op::MatchAgain { which: 0, by: Payer::Requester }]];
    events.push(during(finalize(None), false, None, busy));
    events
}

#[test]
fn model_and_contracts_agree_on_a_consumer_that_calls_back() -> Agreed {
    let met = run(&consumer_walk())?.met;
    assert_eq!(met["TaskFinalize"], 3);
    assert!(met[&format!("{PUPPET_FAILS}: Empty")] >= 4, "a settled task was touched: {met:#?}");
    for what in ["Escrow(Withdraw", "Matching(MatchOrders(SignedOrders"] {
        assert!(met.contains_key(&format!("{PUPPET_SUCCEEDS}: {what}")), "{what}: {met:#?}");
    }
    Ok(())
}

/// The consumer of a Boost deal pushes, as a worker, the result that it is being told, and another one.
fn boost_consumer_walk() -> Vec<Op> {
    let Op::Match(mut op) = simple_match(1_000_000, Trust::Level(1), 3) else { unreachable!() };
    op.by = Payer::Boost;
    op.callback = Some(Callback::Contract(Stranger::Puppet));
    let push = |offset, worker| {
        let data = CallbackData::Fitting;
        Op::Push(PushOp { deal: LATEST, offset, worker, result: 1, flaw: Flaw::None, data })
    };
    let first = vec![push(0, PUPPET), push(1, PUPPET), puppet(Money::Withdraw(10))];
    let scripts = vec![first, vec![push(1, PUPPET)], vec![push(0, PUPPET)]];
    vec![Op::Match(op), during(push(0, Who::Worker(0)), false, None, scripts)]
}

#[test]
fn model_and_contracts_agree_on_a_boost_consumer_that_calls_back() -> Agreed {
    let met = run(&boost_consumer_walk())?.met;
    assert_eq!(met["ResultPushedBoost"], 2, "{met:#?}");
    assert!(
        met.contains_key(&format!("{PUPPET_FAILS}: Text(\"PocoBoost: Task status not unset\")")),
        "{met:#?}"
    );
    Ok(())
}

/// Assets of elsewhere, with every registry that one can think of, on both paths; the deals that come about are worked
/// on.
fn registry_walk() -> Vec<Op> {
    use Stranger as S;
    let mut events = Vec::new();
    let mut salt = 0;
    for registry in
        [S::Registrar, S::Terms, S::Impostor, S::Silent, S::Hostile, S::Noise, S::Burner, S::Group, S::One]
    {
        let setting = Setting::ForeignRegistries([registry; 3]);
        events.push(Op::Configure { by: Who::HubOwner, setting });
        for (app, pool) in [
            (Asset::App(0), Asset::Workerpool(0)),
            (Asset::Foreign(S::Impostor), Asset::Foreign(S::Outsider)),
            (Asset::Foreign(S::Outsider), Asset::App(1)),
        ] {
            for by in [Payer::Requester, Payer::Boost] {
                let Op::Match(mut op) = simple_match(1_000, Trust::Level(1), 2) else { unreachable!() };
                salt += 1;
                (op.app, op.dataset, op.workerpool, op.by, op.salt) = (app, None, pool, by, salt);
                events.push(Op::Match(op));
            }
            // What an earlier trace made is worked on, whatever the registries are now.
            events.push(Op::Initialize { deal: LATEST, offset: 0, by: Who::Scheduler });
            events.push(contribution_to_latest());
            events.push(Op::RevealAll { task: LATEST });
            events.push(Op::Finalize { task: LATEST, by: None, data: CallbackData::Fitting });
        }
    }
    events.push(Op::Configure { by: Who::HubOwner, setting: Setting::RestoreRegistries });
    let Op::Match(mut op) = simple_match(1_000, Trust::Level(1), 2) else { unreachable!() };
    (op.app, op.salt) = (Asset::Foreign(S::Impostor), 200);
    events.push(Op::Match(op.clone()));
    (op.app, op.workerpool) = (Asset::App(0), Asset::Foreign(S::Outsider));
    events.push(Op::Match(op));
    events
}

fn contribution_to_latest() -> Op {
    Op::Contribute(Contribute { task: LATEST, worker: Who::Worker(0), result: 0, flaw: Flaw::None })
}

#[test]
fn model_and_contracts_agree_on_strange_registries() -> Agreed {
    let met = run(&registry_walk())?.met;
    for what in
        ["SchedulerNotice", "SchedulerNoticeBoost", "TaskContribute", "TaskFinalize", "Panic(17)", "Empty"]
    {
        assert!(met.contains_key(what), "{what}: {met:#?}");
    }
    for what in ["0x20", "0x21", "0x40", "0x41"] {
        let text = format!("Text(\"iExecV5-matchOrders-{what}\")");
        assert!(met.contains_key(&text), "{text}: {met:#?}");
    }
    Ok(())
}

/// Every stranger signs as requester, scheduler and enclave, and is asked who belongs to it.
fn signer_walk() -> Vec<Op> {
    let mut events = vec![simple_match(1_000, Trust::Level(40_000), 40)];
    events.push(Op::Initialize { deal: 0, offset: 0, by: Who::Scheduler });
    for (salt, stranger) in (1..).zip(crate::strangers::STRANGERS) {
        let who = Who::Contract(stranger);
        for (by, restricted) in [(Payer::Requester, 6), (Payer::Boost, 9)] {
            let Op::Match(mut op) = simple_match(10, Trust::Level(1), 1) else { unreachable!() };
            (op.requester, op.salt, op.by) = (who, salt, by);
            events.push(Op::Match(op.clone()));
            (op.requester, op.salt) = (Who::Requester, salt + 100);
            op.fault = Fault::Restricted(restricted, who);
            events.push(Op::Match(op));
        }
        let contribute = Contribute { task: 0, worker: who, result: 0, flaw: Flaw::Enclave(who) };
        events.push(Op::Contribute(contribute));
        events.push(Op::Configure { by: Who::HubOwner, setting: Setting::TeeBroker(Some(who)) });
        let (worker, flaw) = (Who::Crowd(salt.into()), Flaw::Enclave(Who::Enclave));
        events.push(Op::Contribute(Contribute { task: 0, worker, result: 0, flaw }));
        events.push(Op::Configure { by: Who::HubOwner, setting: Setting::TeeBroker(None) });
        events.push(Op::Delegate(salt % 2 == 0));
    }
    // The account whose code went away is no signer any more.
    let Op::Match(mut op) = simple_match(10, Trust::Level(1), 1) else { unreachable!() };
    (op.requester, op.salt) = (Who::Contract(Stranger::Delegated), 99);
    for (salt, delegated) in [(98, true), (99, false)] {
        op.salt = salt;
        events.extend([Op::Delegate(delegated), Op::Match(op.clone())]);
    }
    events
}

#[test]
fn model_and_contracts_agree_on_strange_signers() -> Agreed {
    let met = run(&signer_walk())?.met;
    for what in ["OrdersMatched", "TaskContribute", "Text(\"invalid-signature-format\")", "Empty"] {
        assert!(met.contains_key(what), "{what}: {met:#?}");
    }
    for what in [
        "iExecV5-matchOrders-0x50",
        "iExecV5-matchOrders-0x18",
        "PocoBoost: Requester restricted by workerpool order",
    ] {
        assert!(met.contains_key(&format!("Text(\"{what}\")")), "{what}: {met:#?}");
    }
    Ok(())
}
