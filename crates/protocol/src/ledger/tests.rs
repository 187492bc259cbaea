//! The forms of failure of the ledger, and its arithmetic.

use super::*;
use crate::deal::KITTY_ADDRESS;

const HUB: Address = Address::repeat_byte(0x10);
const ALICE: Address = Address::repeat_byte(0xa1);
const BOB: Address = Address::repeat_byte(0xb0);
const TASK: TaskId = TaskId::ZERO;

fn funded() -> Ledger {
    let mut ledger = Ledger::new(HUB);
    ledger.mint(ALICE, Nrlc::new(100), &mut vec![]).unwrap();
    ledger
}

/// Performs on a copy and expects this failure.
fn fails(revert: Revert, act: impl FnOnce(&mut Ledger, &mut Events) -> Result<(), Revert>) {
    assert_eq!(act(&mut funded(), &mut vec![]), Err(revert));
}

#[test]
fn failures_have_the_forms_of_the_contract() {
    let (none, some, much) = (Address::ZERO, Nrlc::new(1), Nrlc::new(101));
    fails(Revert::text("ERC20: mint to the zero address"), |l, e| l.mint(none, some, e));
    fails(CustomError::HubCannotReceive.into(), |l, e| l.mint(HUB, some, e));
    fails(Revert::text("ERC20: burn from the zero address"), |l, e| l.burn(none, some, e));
    fails(Revert::Empty, |l, e| l.burn(ALICE, much, e));
    fails(Revert::text("ERC20: transfer from the zero address"), |l, e| l.transfer(none, none, some, e));
    fails(Revert::text("ERC20: transfer to the zero address"), |l, e| l.transfer(ALICE, none, some, e));
    fails(CustomError::HubCannotReceive.into(), |l, e| l.transfer(ALICE, HUB, much, e));
    fails(Revert::Empty, |l, e| l.transfer(ALICE, BOB, much, e));
    fails(Revert::Empty, |l, e| l.transfer_from(BOB, ALICE, BOB, some, e));
    fails(Revert::text("ERC20: approve to the zero address"), |l, e| l.approve(ALICE, none, some, e));
    fails(Revert::Empty, |l, e| l.decrease_allowance(ALICE, none, some, e));
    fails(Revert::text("IexecEscrow: Transfer from empty address"), |l, e| l.lock(none, some, e));
    fails(Revert::text("IexecEscrow: Transfer to empty address"), |l, e| l.reward(none, some, TASK, e));
    fails(Revert::text("IexecEscrow: Transfer amount exceeds balance"), |l, e| l.lock(ALICE, much, e));
    fails(Revert::ARITHMETIC, |l, e| l.seize(ALICE, some, TASK, e));
}

#[test]
fn locked_value_lies_with_the_hub_until_it_is_settled() {
    let mut ledger = funded();
    let mut events = vec![];
    ledger.lock(ALICE, Nrlc::new(60), &mut events).unwrap();
    ledger.seize(ALICE, Nrlc::new(20), TASK, &mut events).unwrap();
    ledger.reward(BOB, Nrlc::new(15), TASK, &mut events).unwrap();
    ledger.feed_kitty(KITTY_ADDRESS, Nrlc::new(5), TASK, &mut events).unwrap();
    ledger.unlock(ALICE, Nrlc::new(40), &mut events).unwrap();

    assert_eq!(ledger.account(ALICE), Account { stake: Nrlc::new(80), locked: Nrlc::ZERO });
    assert_eq!(ledger.account(BOB), Account { stake: Nrlc::new(15), locked: Nrlc::ZERO });
    assert_eq!(ledger.account(KITTY_ADDRESS), Account { stake: Nrlc::ZERO, locked: Nrlc::new(5) });
    assert_eq!(ledger.balance_of(HUB), Nrlc::new(5));
    assert_eq!(events.len(), 9);
}

#[test]
fn moves_of_zero_still_emit() {
    let mut events = vec![];
    let mut ledger = funded();
    ledger.lock(BOB, Nrlc::ZERO, &mut events).unwrap();
    ledger.transfer(BOB, BOB, Nrlc::ZERO, &mut events).unwrap();
    assert_eq!(events.len(), 3);
}

#[test]
fn allowance_is_used_up_and_never_unlimited() {
    let mut ledger = funded();
    let most = Nrlc(alloy_primitives::U256::MAX);
    ledger.approve(ALICE, BOB, most, &mut vec![]).unwrap();
    assert_eq!(
        ledger.clone().increase_allowance(ALICE, BOB, Nrlc::new(1), &mut vec![]),
        Err(Revert::ARITHMETIC)
    );
    let mut events = vec![];
    ledger.transfer_from(BOB, ALICE, BOB, Nrlc::new(1), &mut events).unwrap();
    let left = most.checked_sub(Nrlc::new(1)).unwrap();
    assert_eq!(
        events,
        [
            Event::Transfer { from: ALICE, to: BOB, value: Nrlc::new(1) },
            Event::Approval { owner: ALICE, spender: BOB, value: left },
        ]
    );
}
