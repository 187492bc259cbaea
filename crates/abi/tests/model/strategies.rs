//! How traces are made: what happens how often, most often to tasks.

use proptest::prelude::*;

use crate::cast::{WORKERS, Who, anyone, requester, stranger, worker};
use crate::mischief::mischief;
use crate::ops::{
    Asset, Callback, CallbackData, Contribute, Deadline, Fault, Flaw, LATEST, Manage, MatchOp, Money, Op,
    Payer, Price, PushOp, Question, Receiver, Setting, Trust, Volume, Wait,
};
use crate::strangers::Stranger;

/// A deal that comes about, to begin a trace with.
pub(crate) fn plain_match() -> impl Strategy<Value = MatchOp> {
    let trust = prop::sample::select(vec![1, 0, 2, 3, 4, 5, 8, 9]).prop_map(Trust::Level);
    let price = || prop::sample::select(vec![1_000_000_000, 0, 1, 100, 1_000_000]).prop_map(Price::Nrlc);
    let dataset = prop::option::of((0..2_u8).prop_map(Asset::Dataset));
    let callback = prop_oneof![4 => Just(None), 1 => callback().prop_map(Some)];
    (0..2_u8, dataset, 0..2_u8, trust, [price(), price(), price()], 1..4_u32, callback, 0..3_u8).prop_map(
        |(app, dataset, pool, trust, prices, tasks, callback, salt)| MatchOp {
            app: Asset::App(app),
            dataset,
            workerpool: Asset::Workerpool(pool),
            requester: Who::Requester,
            by: Payer::Requester,
            trust,
            category: 0,
            tags: [0; 3],
            prices,
            volumes: [100, 100, 100, tasks].map(Volume::Tasks),
            callback,
            params: vec![],
            salt,
            fault: Fault::None,
        },
    )
}

fn callback() -> impl Strategy<Value = Callback> {
    prop_oneof![stranger().prop_map(Callback::Contract), anyone().prop_map(Callback::Account),]
}

/// Orders of all kinds.
fn any_match() -> impl Strategy<Value = MatchOp> {
    let price = || {
        prop_oneof![
            8 => prop::sample::select(vec![0, 1, 3, 1_000, u32::MAX]).prop_map(Price::Nrlc),
            1 => Just(Price::Enormous),
            1 => Just(Price::Absurd),
            1 => Just(Price::Most),
        ]
    };
    let volume = || {
        prop_oneof![
            9 => (0..6_u32).prop_map(Volume::Tasks),
            1 => Just(Volume::Tasks(70_000)),
            1 => Just(Volume::Most),
        ]
    };
    let trust = prop_oneof![
        8 => (0..20_u16).prop_map(Trust::Level),
        1 => any::<u8>().prop_map(Trust::TwoTo),
        1 => Just(Trust::Most),
    ];
    let tag = || prop_oneof![3 => Just(0), 1 => Just(1), 1 => Just(3), 1 => any::<u8>()];
    let prices = prop_oneof![3 => Just(None), 1 => [price(), price(), price()].prop_map(Some)];
    let volumes = prop_oneof![2 => Just(None), 1 => [volume(), volume(), volume(), volume()].prop_map(Some)];
    let trust = prop::option::of(trust);
    let tags = prop_oneof![2 => Just(None), 1 => [tag(), tag(), tag()].prop_map(Some)];
    let params = prop::collection::vec(32..127_u8, 0..80);
    let rest = (requester(), payer(), prop_oneof![4 => Just(0), 1 => 0..8_u8], params, fault(), odd_asset());
    (plain_match(), prices, volumes, trust, tags, rest).prop_map(
        |(mut op, prices, volumes, trust, tags, (requester, by, category, params, fault, odd))| {
            op.prices = prices.unwrap_or(op.prices);
            op.volumes = volumes.unwrap_or(op.volumes);
            op.trust = trust.unwrap_or(op.trust);
            op.tags = tags.unwrap_or(op.tags);
            (op.requester, op.by, op.category, op.params, op.fault) =
                (requester, by, category, params, fault);
            // Boost knows no other trust; one in four tries all the same.
            if by.is_boost() && op.salt % 4 != 3 {
                op.trust = Trust::Level(1);
            }
            match odd {
                Some((0, asset)) => op.app = asset,
                Some((1, asset)) => op.dataset = Some(asset),
                Some((_, asset)) => op.workerpool = asset,
                None => {}
            }
            op
        },
    )
}

/// Now and then an asset that does not belong where it stands.
fn odd_asset() -> impl Strategy<Value = Option<(u8, Asset)>> {
    let asset = prop_oneof![
        stranger().prop_map(Asset::Foreign),
        Just(Asset::Nothing),
        (0..2_u8).prop_map(Asset::App),
        (0..2_u8).prop_map(Asset::Dataset),
        (0..2_u8).prop_map(Asset::Workerpool),
    ];
    prop_oneof![9 => Just(None), 1 => (0..3_u8, asset).prop_map(Some)]
}

fn payer() -> impl Strategy<Value = Payer> {
    prop_oneof![
        6 => Just(Payer::Requester),
        2 => anyone().prop_map(Payer::Sponsor),
        1 => anyone().prop_map(Payer::CalledBy),
        2 => (0..2_000_000_000_u32).prop_map(Payer::Approval),
        1 => anyone().prop_map(Payer::ApprovalBy),
        3 => Just(Payer::Boost),
        1 => anyone().prop_map(Payer::BoostBy),
        2 => anyone().prop_map(Payer::BoostSponsor),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    let which = 0..4_u8;
    prop_oneof![
        20 => Just(Fault::None),
        1 => (0..3_u8).prop_map(Fault::Overpriced),
        1 => Just(Fault::OtherCategory),
        1 => Just(Fault::UnknownCategory),
        1 => Just(Fault::TrustNotOffered),
        1 => Just(Fault::TagNotOffered),
        1 => Just(Fault::OtherApp),
        1 => Just(Fault::OtherDataset),
        3 => (0..10_u8, anyone()).prop_map(|(which, who)| Fault::Restricted(which, who)),
        4 => (0..10_u8, stranger())
            .prop_map(|(which, stranger)| Fault::Restricted(which, Who::Contract(stranger))),
        1 => Just(Fault::RestrictedToItself),
        3 => (which.clone(), anyone()).prop_map(|(which, who)| Fault::SignedBy(which, who)),
        3 => which.clone().prop_map(Fault::NotSigned),
        2 => which.clone().prop_map(Fault::Compact),
        2 => which.prop_map(Fault::BadRecoveryByte),
        1 => Just(Fault::RequesterZero),
        2 => Just(Fault::AbsentDatasetWithTerms),
    ]
}

fn contribute() -> impl Strategy<Value = Contribute> {
    let result = prop_oneof![5 => Just(0_u8), 1 => 1..3_u8];
    let flaw = prop_oneof![
        30 => Just(Flaw::None),
        2 => Just(Flaw::SealOfSomeoneElse),
        1 => Just(Flaw::NotAuthorized),
        1 => anyone().prop_map(Flaw::AuthorizedBy),
        1 => Just(Flaw::AuthorizationOfAnotherTask),
        1 => Just(Flaw::CompactAuthorization),
        3 => Just(Flaw::Enclave(Who::Enclave)),
        1 => anyone().prop_map(Flaw::Enclave),
        1 => Just(Flaw::LyingEnclave),
        1 => Just(Flaw::UnsignedEnclave),
    ];
    (number(), worker(), result, flaw).prop_map(|(task, worker, result, flaw)| Contribute {
        task,
        worker,
        result,
        flaw,
    })
}

/// A result for a Boost deal; indexes count from 0.
fn push() -> impl Strategy<Value = PushOp> {
    (contribute(), 0..4_u8, callback_data()).prop_map(|(contribute, offset, data)| PushOp {
        deal: contribute.task,
        offset,
        worker: contribute.worker,
        result: contribute.result,
        flaw: contribute.flaw,
        data,
    })
}

pub(crate) fn callback_data() -> impl Strategy<Value = CallbackData> {
    prop_oneof![
        12 => Just(CallbackData::Fitting),
        1 => Just(CallbackData::Always),
        1 => Just(CallbackData::Empty),
        1 => Just(CallbackData::Wrong),
    ]
}

fn wait() -> impl Strategy<Value = Wait> {
    let deadline = prop_oneof![
        2 => Just(Deadline::Reveal),
        1 => Just(Deadline::Contribution),
        1 => Just(Deadline::Final),
    ];
    prop_oneof![
        3 => (1..400_u32).prop_map(Wait::Seconds),
        4 => (number(), deadline, -1..2_i8)
            .prop_map(|(task, deadline, shift)| Wait::Until { task, deadline, shift }),
    ]
}

pub(crate) fn money() -> impl Strategy<Value = Money> {
    let amount = || prop_oneof![2 => 0..2_000_u64, 1 => Just(1_000_000_000), 1 => any::<u64>()];
    let to = || {
        prop_oneof![
            6 => anyone().prop_map(Receiver::Account),
            1 => Just(Receiver::Zero),
            1 => Just(Receiver::Hub),
            1 => Just(Receiver::Token),
        ]
    };
    let pairs = prop::collection::vec((amount(), to()), 0..3);
    prop_oneof![
        (anyone(), amount()).prop_map(|(to, v)| Money::TokenTransfer(to, v)),
        amount().prop_map(Money::TokenTransferToHub),
        amount().prop_map(Money::TokenApproveHub),
        (amount(), 0..4_u8).prop_map(|(value, data)| Money::Approval { value, data }),
        (anyone(), 0..3_u8).prop_map(|(sender, token)| Money::ReceiveApproval { sender, token }),
        amount().prop_map(Money::Deposit),
        (amount(), to()).prop_map(|(v, to)| Money::DepositFor(v, to)),
        (pairs, any::<bool>()).prop_map(|(pairs, uneven)| Money::DepositForArray(pairs, uneven)),
        amount().prop_map(Money::Withdraw),
        (amount(), to()).prop_map(|(v, to)| Money::WithdrawTo(v, to)),
        Just(Money::Recover),
        (to(), amount()).prop_map(|(to, v)| Money::Transfer(to, v)),
        (to(), amount()).prop_map(|(to, v)| Money::Approve(to, v)),
        to().prop_map(Money::ApproveMost),
        (anyone(), to(), amount()).prop_map(|(from, to, v)| Money::TransferFrom(from, to, v)),
        (to(), amount()).prop_map(|(to, v)| Money::IncreaseAllowance(to, v)),
        to().prop_map(Money::IncreaseAllowanceByMost),
        (to(), amount()).prop_map(|(to, v)| Money::DecreaseAllowance(to, v)),
        (to(), amount(), prop::collection::vec(any::<u8>(), 0..8))
            .prop_map(|(to, v, data)| Money::ApproveAndCall(to, v, data)),
        any::<bool>().prop_map(Money::MatchGuard),
    ]
}

pub(crate) fn setting() -> impl Strategy<Value = Setting> {
    prop_oneof![
        1 => Just(Setting::Configure),
        1 => Just(Setting::UpdateDomainSeparator),
        1 => anyone().prop_map(Setting::ImportScore),
        4 => prop::option::of(anyone()).prop_map(Setting::TeeBroker),
        1 => prop::sample::select(vec![0, 200_000, 2_000_000, 2_000_001]).prop_map(Setting::CallbackGas),
        1 => Just(Setting::SwapRegistries),
        3 => Just(Setting::RestoreRegistries),
        2 => foreign_registries(),
        3 => (0..6_u8).prop_map(Setting::Category),
        1 => anyone().prop_map(Setting::Ownership),
    ]
}

/// Registries of which most know everything.
fn foreign_registries() -> impl Strategy<Value = Setting> {
    let registry = || {
        prop_oneof![
            4 => Just(Stranger::Registrar),
            1 => Just(Stranger::Impostor),
            1 => Just(Stranger::Terms),
            2 => stranger(),
        ]
    };
    [registry(), registry(), registry()].prop_map(Setting::ForeignRegistries)
}

fn question() -> impl Strategy<Value = Question> {
    let length = prop::sample::select(vec![65, 64, 1, 0, 66]);
    prop_oneof![
        any::<u8>().prop_map(|which| Question::Volume { which }),
        (any::<u8>(), any::<u8>()).prop_map(|(which, deal)| Question::DatasetFits { which, deal }),
        (prop::option::of(anyone()), anyone(), length)
            .prop_map(|(account, signer, length)| Question::Signature { account, signer, length }),
        (any::<u8>(), anyone()).prop_map(|(which, account)| Question::Presignature { which, account }),
        any::<u8>().prop_map(|task| Question::ResultFor { task }),
    ]
}

pub(crate) fn manage() -> impl Strategy<Value = Op> {
    (any::<u8>(), 0..4_u8, 0..3_u8, prop::option::of(anyone()), prop::option::of(anyone())).prop_map(
        |(which, kind, operation, by, signer)| Op::Manage(Manage { which, kind, operation, by, signer }),
    )
}

/// Anything that can happen, most often to tasks.
pub(crate) fn op() -> impl Strategy<Value = Op> {
    let sometimes = |weight| prop_oneof![weight => Just(None), 1 => anyone().prop_map(Some)];
    let pairs = || prop::collection::vec((any::<u8>(), 0..4_u8), 0..3);
    let asset = prop_oneof![
        (0..2_u8).prop_map(Asset::App),
        (0..2_u8).prop_map(Asset::Dataset),
        (0..2_u8).prop_map(Asset::Workerpool),
    ];
    prop_oneof![
        10 => any_match().prop_map(|op| Op::Match(Box::new(op))),
        3 => (any::<u8>(), payer()).prop_map(|(which, by)| Op::MatchAgain { which, by }),
        8 => (number(), 0..4_u8, anyone())
            .prop_map(|(deal, offset, by)| Op::Initialize { deal, offset, by }),
        1 => (pairs(), any::<bool>()).prop_map(|(tasks, uneven)| Op::InitializeArray { tasks, uneven }),
        40 => contribute().prop_map(Op::Contribute),
        4 => (contribute(), callback_data())
            .prop_map(|(contribute, data)| Op::OneStep { contribute, data }),
        8 => (number(), worker(), prop_oneof![5 => Just(None), 1 => (0..3_u8).prop_map(Some)])
            .prop_map(|(task, worker, result)| Op::Reveal { task, worker, result }),
        8 => number().prop_map(|task| Op::RevealAll { task }),
        4 => (number(), sometimes(8)).prop_map(|(task, by)| Op::Reopen { task, by }),
        10 => (number(), sometimes(12), callback_data())
            .prop_map(|(task, by, data)| Op::Finalize { task, by, data }),
        4 => (number(), anyone()).prop_map(|(task, by)| Op::Claim { task, by }),
        1 => prop::collection::vec(any::<u8>(), 0..3).prop_map(|tasks| Op::ClaimArray { tasks }),
        1 => (pairs(), any::<bool>())
            .prop_map(|(tasks, uneven)| Op::InitializeAndClaimArray { tasks, uneven }),
        8 => push().prop_map(Op::Push),
        3 => (number(), 0..4_u8, anyone())
            .prop_map(|(deal, offset, by)| Op::ClaimBoost { deal, offset, by }),
        6 => manage(),
        1 => (any::<u8>(), 0..4_u8, anyone())
            .prop_map(|(which, kind, by)| Op::Broadcast { which, kind, by }),
        8 => (anyone(), money()).prop_map(|(by, money)| Op::Money { by, money }),
        3 => (prop_oneof![4 => Just(Who::HubOwner), 1 => anyone()], setting())
            .prop_map(|(by, setting)| Op::Configure { by, setting }),
        2 => (asset, anyone()).prop_map(|(asset, to)| Op::GiveAsset { asset, to }),
        2 => (0..2_u8, 0..=1_000_u16, 0..=100_u8)
            .prop_map(|(pool, stake_ratio, reward_ratio)| Op::ChangePolicy { pool, stake_ratio, reward_ratio }),
        6 => question().prop_map(Op::Ask),
        2 => any::<bool>().prop_map(Op::Delegate),
        10 => wait().prop_map(Op::Wait),
    ]
}

/// A deal or a task: most often the latest.
pub(crate) fn number() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(LATEST), 1 => any::<u8>()]
}

/// A few events: whatever happens, or most of the life of a task.
pub(crate) fn episode() -> impl Strategy<Value = Vec<Op>> {
    prop_oneof![24 => op().prop_map(|op| vec![op]), 4 => life(), 2 => boost_life(), 3 => mischief()]
}

/// The life of a task, with a liar now and then; whether it ends well is another matter.
fn life() -> impl Strategy<Value = Vec<Op>> {
    let votes = prop::collection::vec(prop_oneof![4 => Just(0_u8), 1 => 1..3_u8], 1..=usize::from(WORKERS));
    let begin = prop::option::of((plain_match(), any::<u8>()));
    let reveal = prop_oneof![
        5 => Just(Op::RevealAll { task: LATEST }),
        1 => (0..WORKERS).prop_map(|worker| Op::Reveal {
            task: LATEST,
            worker: Who::Worker(worker),
            result: None
        }),
    ];
    (begin, votes, reveal, ending()).prop_map(|(begin, votes, reveal, ending)| {
        let mut events = vec![];
        if let Some((mut op, salt)) = begin {
            op.salt = salt;
            events.push(Op::Match(Box::new(op)));
            events.push(Op::Initialize { deal: LATEST, offset: 0, by: Who::Scheduler });
        }
        events.extend((0..).zip(votes).map(|(worker, result)| vote(worker, result)));
        if !matches!(ending.first(), Some(Op::Wait(_))) {
            events.push(reveal);
        }
        events.extend(ending);
        events
    })
}

/// A Boost deal, of whose tasks some are pushed and the others claimed.
fn boost_life() -> impl Strategy<Value = Vec<Op>> {
    let payer = prop_oneof![2 => Just(Payer::Boost), 1 => anyone().prop_map(Payer::BoostSponsor)];
    let pushes = prop::collection::vec(push(), 0..4);
    (plain_match(), any::<u8>(), payer, pushes, any::<bool>()).prop_map(|(mut op, salt, by, pushes, late)| {
        (op.salt, op.by, op.trust) = (salt, by, Trust::Level(1));
        let mut events = vec![Op::Match(Box::new(op))];
        let pushes =
            (0..).zip(pushes).map(|(offset, push)| Op::Push(PushOp { deal: LATEST, offset, ..push }));
        events.extend(pushes);
        if late {
            // The deadline of category 0, to the second.
            events.push(Op::Wait(Wait::Seconds(2_100)));
        }
        events.extend((0..3).map(|offset| Op::ClaimBoost { deal: LATEST, offset, by: Who::Pauper }));
        events
    })
}

/// How a task ends: paid, reopened after silence and then paid, or claimed.
fn ending() -> impl Strategy<Value = Vec<Op>> {
    let until = |deadline| Op::Wait(Wait::Until { task: LATEST, deadline, shift: 0 });
    let finalize = |data| Op::Finalize { task: LATEST, by: None, data };
    let reopened = (callback_data(), 0..3_u8).prop_map(move |(data, result)| {
        let mut events = vec![until(Deadline::Reveal), Op::Reopen { task: LATEST, by: None }];
        events.extend((0..WORKERS).rev().map(|worker| vote(worker, result)));
        events.extend([Op::RevealAll { task: LATEST }, finalize(data)]);
        events
    });
    prop_oneof![
        4 => callback_data().prop_map(move |data| vec![finalize(data)]),
        1 => callback_data().prop_map(move |data| {
            vec![until(Deadline::Reveal), Op::RevealAll { task: LATEST }, finalize(data)]
        }),
        2 => reopened,
        2 => Just(vec![until(Deadline::Final), Op::Claim { task: LATEST, by: Who::Pauper }]),
    ]
}

fn vote(worker: u8, result: u8) -> Op {
    let worker = Who::Worker(worker);
    Op::Contribute(Contribute { task: LATEST, worker, result, flaw: Flaw::None })
}
