//! Traces of everyday business whose rules random traces touch too seldom: scores, an order that is not there,
//! and everyone to whom money may be sent.

use super::simple_match;
use crate::cast::Who;
use crate::ops::{CallbackData, Contribute, Fault, Flaw, LATEST, Money, Op, Payer, Price, Receiver, Trust};
use crate::run;
use crate::trace::Agreed;

/// The scores to which the worker rises before it is wrong: two thirds of them are rounded in every way.
const SCORES: u8 = 5;

/// A worker is right so many times, then wrong: its score falls by a third, and it begins again from there.
pub(super) fn score_walk() -> Vec<Op> {
    let vote = |worker, result| {
        Op::Contribute(Contribute { task: LATEST, worker: Who::Worker(worker), result, flaw: Flaw::None })
    };
    let finalize = Op::Finalize { task: LATEST, by: None, data: CallbackData::Fitting };
    let mut events = Vec::new();
    for right in 1..=SCORES {
        let (deal, tasks) = (right * 2, u32::from(right));
        let Op::Match(mut op) = simple_match(1_000, Trust::Level(4), tasks) else { unreachable!() };
        op.salt = deal;
        events.push(Op::Match(op));
        for offset in 0..right {
            events.push(Op::Initialize { deal: LATEST, offset, by: Who::Scheduler });
            // Who works alone gains no score.
            events.extend([vote(0, 0), vote(1, 0), Op::RevealAll { task: LATEST }, finalize.clone()]);
        }
        let Op::Match(mut op) = simple_match(1_000, Trust::Level(5), 1) else { unreachable!() };
        op.salt = deal + 1;
        events.extend([Op::Match(op), Op::Initialize { deal: LATEST, offset: 0, by: Who::Scheduler }]);
        events.push(vote(0, 1));
        events.extend((1..crate::cast::WORKERS).map(|worker| vote(worker, 0)));
        events.extend([Op::RevealAll { task: LATEST }, finalize.clone()]);
    }
    events
}

#[test]
fn model_and_contracts_agree_on_scores_that_fall() -> Agreed {
    let met = run(&score_walk())?.met;
    let times = |what: &str| met.get(what).copied().unwrap_or_default();
    assert!(times("AccurateContribution") > 30, "the first worker and a second one rise each time: {met:#?}");
    assert_eq!(times("FaultyContribution"), usize::from(SCORES), "one wrong vote in each round: {met:#?}");
    Ok(())
}

/// Terms in the order of a dataset that the request does not want bind nobody, on both paths.
pub(super) fn absent_dataset_walk() -> Vec<Op> {
    let payers = [Payer::Requester, Payer::Sponsor(Who::Sponsor), Payer::Boost, Payer::Approval(50_000)];
    let matches = (0..).zip(payers).map(|(salt, by)| {
        let Op::Match(mut op) = simple_match(1_000, Trust::Level(1), 1) else { unreachable!() };
        (op.dataset, op.fault, op.by, op.salt) = (None, Fault::AbsentDatasetWithTerms, by, salt);
        // Less than the absent order asks for.
        op.prices[1] = Price::Nrlc(0);
        Op::Match(op)
    });
    matches.collect()
}

#[test]
fn model_and_contracts_agree_on_an_absent_dataset_with_terms() -> Agreed {
    let met = run(&absent_dataset_walk())?.met;
    assert_eq!(met["OrdersMatched"], 4, "{met:#?}");
    Ok(())
}

/// Staked and bare tokens are sent, in every way there is, to whom they may be sent and to whom not.
pub(super) fn receiver_walk() -> Vec<Op> {
    let to = |receiver| {
        [
            Money::Transfer(receiver, 7),
            Money::TransferFrom(Who::Requester, receiver, 3),
            Money::DepositFor(11, receiver),
            Money::DepositForArray(vec![(5, receiver), (0, Receiver::Account(Who::Pauper))], false),
            Money::WithdrawTo(2, receiver),
            Money::Approve(receiver, 9),
            Money::ApproveAndCall(receiver, 4, vec![1, 2]),
        ]
    };
    let receivers = [Who::Pauper, Who::Sponsor].map(Receiver::Account);
    let receivers = receivers.into_iter().chain([Receiver::Hub, Receiver::Token, Receiver::Zero]);
    let allow =
        Op::Money { by: Who::Requester, money: Money::Approve(Receiver::Account(Who::Sponsor), 1_000) };
    let mut events = vec![allow];
    events.extend(receivers.flat_map(to).map(|money| Op::Money { by: Who::Sponsor, money }));
    events
}

#[test]
fn model_and_contracts_agree_on_receivers() -> Agreed {
    let met = run(&receiver_walk())?.met;
    for what in ["Custom(HubCannotReceive)", "Transfer", "Approval"] {
        assert!(met.contains_key(what), "{what}: {met:#?}");
    }
    Ok(())
}
