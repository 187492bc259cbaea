//! How traces are made in which foreign code acts in the middle of calls of the hub.

use proptest::prelude::*;

use crate::cast::{Who, anyone};
use crate::ops::{
    Asset, Callback, CallbackData, Contribute, Flaw, LATEST, Mischief, Money, Op, Payer, PushOp, Receiver,
    Setting, Trust,
};
use crate::puppet::{CALLS_MAX, End, Mood};
use crate::strangers::Stranger;
use crate::strategies::{callback_data, manage, money, number, plain_match, setting};

pub(crate) const PUPPET: Who = Who::Contract(Stranger::Puppet);

/// A few events that end in a call which lets the puppet act.
pub(crate) fn mischief() -> impl Strategy<Value = Vec<Op>> {
    prop_oneof![
        3 => with_puppet(token_call(), mood().prop_map(Some).boxed()).prop_map(|op| vec![op]),
        1 => with_puppet(approval(), Just(None).boxed()).prop_map(|op| vec![op]),
        3 => result(),
    ]
}

fn with_puppet(
    during: impl Strategy<Value = Op>,
    token: BoxedStrategy<Option<Mood>>,
) -> impl Strategy<Value = Op> {
    let owns_hub = prop::bool::weighted(0.3);
    (scripts(), token, owns_hub, during).prop_map(|(scripts, token, owns_hub, during)| {
        Op::Mischief(Box::new(Mischief { scripts, token, owns_hub, during }))
    })
}

fn scripts() -> impl Strategy<Value = Vec<(Vec<Op>, End)>> {
    let end = || prop_oneof![6 => Just(End::Return), 1 => Just(End::Revert), 1 => Just(End::Burn)];
    let first = (prop::collection::vec(call(), 1..=CALLS_MAX), end());
    let later = prop::collection::vec((prop::collection::vec(call(), 1), end()), 0..3);
    (first, later).prop_map(|(first, mut later)| {
        later.insert(0, first);
        later
    })
}

fn mood() -> impl Strategy<Value = Mood> {
    prop_oneof![
        8 => Just(Mood::Telling),
        1 => Just(Mood::Refusing),
        1 => Just(Mood::Silent),
        1 => Just(Mood::Garbled),
        1 => Just(Mood::Reverting),
    ]
}

/// Calls in which the hub calls the base token.
fn token_call() -> impl Strategy<Value = Op> {
    let amount = || prop_oneof![3 => 0..2_000_u64, 1 => Just(1_000_000_000)];
    let to = || anyone().prop_map(Receiver::Account);
    let pairs = prop::collection::vec((amount(), to()), 0..3);
    let by = prop_oneof![1 => Just(PUPPET), 2 => anyone()];
    let money = prop_oneof![
        3 => amount().prop_map(Money::Deposit),
        1 => (amount(), to()).prop_map(|(value, to)| Money::DepositFor(value, to)),
        1 => pairs.prop_map(|pairs| Money::DepositForArray(pairs, false)),
        3 => amount().prop_map(Money::Withdraw),
        1 => (amount(), to()).prop_map(|(value, to)| Money::WithdrawTo(value, to)),
        1 => amount().prop_map(|value| Money::Approval { value, data: 0 }),
    ];
    let matched = (plain_match(), any::<u8>()).prop_map(|(mut op, salt)| {
        (op.by, op.salt) = (Payer::Approval(1_000_000_000), salt);
        Op::Match(Box::new(op))
    });
    prop_oneof![8 => (by, money).prop_map(|(by, money)| Op::Money { by, money }), 1 => matched]
}

/// SRLC is approved to the puppet, which hears of it.
fn approval() -> impl Strategy<Value = Op> {
    (anyone(), 0..2_000_u64).prop_map(|(by, value)| {
        let money = Money::ApproveAndCall(Receiver::Account(PUPPET), value, vec![]);
        Op::Money { by, money }
    })
}

/// A deal whose results go to the puppet, until the first of them is delivered.
fn result() -> impl Strategy<Value = Vec<Op>> {
    let finalize = || Just(Op::Finalize { task: LATEST, by: None, data: CallbackData::Fitting });
    let work =
        |worker: u8| Contribute { task: LATEST, worker: Who::Worker(worker), result: 0, flaw: Flaw::None };
    let one_step = Op::OneStep { contribute: work(0), data: CallbackData::Fitting };
    let push = Op::Push(PushOp {
        deal: LATEST,
        offset: 0,
        worker: Who::Worker(0),
        result: 1,
        flaw: Flaw::None,
        data: CallbackData::Fitting,
    });
    let during = prop_oneof![3 => finalize(), 1 => Just(one_step), 2 => Just(push)];
    let last = with_puppet(during, Just(None).boxed());
    (plain_match(), any::<u8>(), 1..5_u8, any::<bool>(), last).prop_map(
        move |(mut op, salt, workers, is_scheduler, last)| {
            let Op::Mischief(mischief) = &last else { unreachable!("the strategy makes nothing else") };
            (op.callback, op.salt) = (Some(Callback::Contract(Stranger::Puppet)), salt);
            let mut events = Vec::new();
            if is_scheduler {
                op.workerpool = Asset::Workerpool(1);
                events.push(Op::GiveAsset { asset: op.workerpool, to: PUPPET });
            }
            let is_classic = matches!(mischief.during, Op::Finalize { .. });
            if !is_classic {
                op.trust = Trust::Level(1);
            }
            if matches!(mischief.during, Op::Push(_)) {
                op.by = Payer::Boost;
                events.push(Op::Match(Box::new(op)));
            } else {
                events.push(Op::Match(Box::new(op)));
                events.push(Op::Initialize { deal: LATEST, offset: 0, by: Who::Scheduler });
            }
            if is_classic {
                events.extend((0..workers).map(|worker| Op::Contribute(work(worker))));
                events.push(Op::RevealAll { task: LATEST });
            }
            events.push(last);
            events
        },
    )
}

/// A call of the puppet: any function of the hub, and some of the token.
fn call() -> impl Strategy<Value = Op> {
    let payer = || {
        prop_oneof![
            3 => Just(Payer::Requester),
            2 => Just(Payer::Sponsor(PUPPET)),
            1 => Just(Payer::Approval(1_000_000_000)),
            2 => Just(Payer::Boost),
            1 => Just(Payer::BoostSponsor(PUPPET)),
        ]
    };
    let new_match = (plain_match(), payer(), any::<u8>()).prop_map(|(mut op, by, salt)| {
        (op.requester, op.by, op.salt) = (PUPPET, by, salt);
        if by.is_boost() {
            op.trust = Trust::Level(1);
        }
        Op::Match(Box::new(op))
    });
    let work = || {
        (number(), 0..2_u8).prop_map(|(task, result)| Contribute {
            task,
            worker: PUPPET,
            result,
            flaw: Flaw::None,
        })
    };
    let push = (number(), 0..3_u8, callback_data()).prop_map(|(deal, offset, data)| {
        Op::Push(PushOp { deal, offset, worker: PUPPET, result: 1, flaw: Flaw::None, data })
    });
    let pairs = || prop::collection::vec((any::<u8>(), 0..4_u8), 0..3);
    // Less gas for callbacks would change what the scripts can do.
    let setting =
        setting().prop_filter("the gas of callbacks stays", |it| !matches!(it, Setting::CallbackGas(_)));
    let by = || Some(PUPPET);
    prop_oneof![
        6 => money().prop_map(|money| Op::Money { by: PUPPET, money }),
        2 => Just(Op::Money { by: PUPPET, money: Money::Recover }),
        2 => (1..2_000_u64).prop_map(|value| Op::Money { by: PUPPET, money: Money::Withdraw(value) }),
        2 => (1..2_000_u64).prop_map(|value| Op::Money { by: PUPPET, money: Money::Deposit(value) }),
        3 => new_match,
        2 => (any::<u8>(), payer()).prop_map(|(which, by)| Op::MatchAgain { which, by }),
        2 => (number(), 0..4_u8).prop_map(|(deal, offset)| Op::Initialize { deal, offset, by: PUPPET }),
        1 => (pairs(), any::<bool>()).prop_map(|(tasks, uneven)| Op::InitializeArray { tasks, uneven }),
        3 => work().prop_map(Op::Contribute),
        2 => (work(), callback_data()).prop_map(|(contribute, data)| Op::OneStep { contribute, data }),
        2 => (number(), 0..2_u8).prop_map(|(task, result)| Op::Reveal { task, worker: PUPPET, result: Some(result) }),
        1 => number().prop_map(move |task| Op::Reopen { task, by: by() }),
        3 => (number(), callback_data()).prop_map(move |(task, data)| Op::Finalize { task, by: by(), data }),
        2 => number().prop_map(|task| Op::Claim { task, by: PUPPET }),
        1 => prop::collection::vec(any::<u8>(), 0..3).prop_map(|tasks| Op::ClaimArray { tasks }),
        1 => (pairs(), any::<bool>()).prop_map(|(tasks, uneven)| Op::InitializeAndClaimArray { tasks, uneven }),
        3 => push,
        2 => (number(), 0..3_u8).prop_map(|(deal, offset)| Op::ClaimBoost { deal, offset, by: PUPPET }),
        2 => manage(),
        1 => (any::<u8>(), 0..4_u8).prop_map(|(which, kind)| Op::Broadcast { which, kind, by: PUPPET }),
        2 => setting.prop_map(|setting| Op::Configure { by: PUPPET, setting }),
    ]
}
