//! Deposits, withdrawals, the hub as an ERC-20, deposit-and-match (poco 3, 10, 21.5, 21.8), the RLC token.

#![allow(clippy::unwrap_used)]

mod harness;

use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256, hex};
use alloy_sol_types::SolCall as _;
use harness::codes::answers;
use harness::scene::{FUNDS, Scene, TASK_PRICE, digest};
use harness::{World, custom, empty, panic_code, person, text};
use metacloud_abi::{Hub, Rlc};

/// A user with 1,000 nRLC and an allowance of 600 to the hub.
fn world() -> (World, Address) {
    let mut world = World::deployed();
    let user = person("user");
    let (deployer, rlc, hub) = (world.deployer, world.at.rlc, world.at.hub);
    world.send(deployer, rlc, &Rlc::transferCall { to: user, value: n(1_000) }).unwrap();
    world.send(user, rlc, &Rlc::approveCall { spender: hub, value: n(600) }).unwrap();
    (world, user)
}

fn n(value: u64) -> U256 {
    U256::from(value)
}

#[test]
fn deposits_and_withdrawals_move_both_tokens() {
    let (mut world, user) = world();
    let (rlc, hub) = (world.at.rlc, world.at.hub);
    let done = world.hub(user, &Hub::depositCall { amount: n(400) }).unwrap();
    assert_eq!(done.names(&world), ["token", "Transfer"]);
    assert_eq!(done.output.as_ref(), n(1).to_be_bytes::<32>());
    assert_eq!(world.ask(&Hub::totalSupplyCall {}), n(400));
    let done = world.hub(user, &Hub::withdrawToCall { amount: n(150), target: person("friend") }).unwrap();
    assert_eq!(done.names(&world), ["Transfer", "token"]);
    world.hub(user, &Hub::withdrawCall { amount: n(50) }).unwrap();
    assert_eq!(world.account(user), (n(200), n(0)));
    let held = |account| world.view(rlc, &Rlc::balanceOfCall { account }).unwrap();
    assert_eq!((held(user), held(person("friend")), held(hub)), (n(650), n(150), n(200)));
}

#[test]
fn what_is_missing_is_refused_without_data() {
    let (mut world, user) = world();
    assert_eq!(world.hub(user, &Hub::depositCall { amount: n(601) }).err(), Some(empty()), "allowance");
    assert_eq!(world.hub(user, &Hub::depositCall { amount: U256::MAX }).err(), Some(empty()));
    assert_eq!(world.hub(user, &Hub::withdrawCall { amount: n(1) }).err(), Some(empty()));
    world.hub(user, &Hub::depositCall { amount: n(10) }).unwrap();
    assert_eq!(world.hub(user, &Hub::withdrawCall { amount: n(11) }).err(), Some(empty()));
    assert_eq!(world.hub(user, &Hub::withdrawCall { amount: U256::MAX }).err(), Some(empty()));
    let done = world.hub(user, &Hub::depositCall { amount: n(0) }).unwrap();
    assert_eq!(done.names(&world), ["token", "Transfer"], "zero is an amount");
}

#[test]
fn deposits_for_others_come_in_pairs() {
    let (mut world, user) = world();
    let (a, b) = (person("a"), person("b"));
    let array = |amounts: Vec<U256>, targets: Vec<Address>| Hub::depositForArrayCall { amounts, targets };
    let uneven = world.hub(user, &array(vec![n(1)], vec![]));
    assert_eq!(uneven.err(), Some(text("invalid-array-length")));
    world.hub(user, &array(vec![n(1), n(2)], vec![a, b])).unwrap();
    assert_eq!((world.account(a).0, world.account(b).0), (n(1), n(2)));
    let zero = Hub::depositForCall { amount: n(1), target: Address::ZERO };
    assert_eq!(world.hub(user, &zero).err(), Some(text("ERC20: mint to the zero address")));
    // 21.8
    let hub = world.at.hub;
    let lost = Hub::depositForCall { amount: n(1), target: hub };
    assert_eq!(world.hub(user, &lost).err(), Some(custom(&Hub::HubCannotReceive {})));
    let lost = array(vec![n(1)], vec![hub]);
    assert_eq!(world.hub(user, &lost).err(), Some(custom(&Hub::HubCannotReceive {})));
}

#[test]
fn staked_rlc_is_an_erc20_with_the_reference_forms() {
    let (mut world, user) = world();
    let (friend, hub) = (person("friend"), world.at.hub);
    world.hub(user, &Hub::depositCall { amount: n(100) }).unwrap();
    let transfer = |recipient, amount: u64| Hub::transferCall { recipient, amount: n(amount) };
    assert_eq!(world.hub(user, &transfer(friend, 101)).err(), Some(empty()));
    let zero = Some(text("ERC20: transfer to the zero address"));
    assert_eq!(world.hub(user, &transfer(Address::ZERO, 101)).err(), zero);
    let from_zero = Some(text("ERC20: transfer from the zero address"));
    assert_eq!(world.hub(Address::ZERO, &transfer(friend, 1)).err(), from_zero);
    assert_eq!(world.hub(user, &transfer(hub, 1)).err(), Some(custom(&Hub::HubCannotReceive {})));
    world.hub(user, &transfer(friend, 10)).unwrap();
    world.hub(user, &transfer(user, 90)).unwrap();
    assert_eq!(world.account(user).0, n(90));

    let approve = |spender, value: u64| Hub::approveCall { spender, value: n(value) };
    let bad = world.hub(user, &approve(Address::ZERO, 1));
    assert_eq!(bad.err(), Some(text("ERC20: approve to the zero address")));
    world.hub(user, &approve(friend, 30)).unwrap();
    let more = |value: U256| Hub::increaseAllowanceCall { spender: friend, addedValue: value };
    world.hub(user, &more(n(10))).unwrap();
    assert_eq!(world.hub(user, &more(U256::MAX)).err(), Some(panic_code(0x11)));
    let less = |value: u64| Hub::decreaseAllowanceCall { spender: friend, subtractedValue: n(value) };
    assert_eq!(world.hub(user, &less(41)).err(), Some(empty()));
    world.hub(user, &less(5)).unwrap();
    assert_eq!(world.ask(&Hub::allowanceCall { account: user, spender: friend }), n(35));

    let pull = |amount: u64| Hub::transferFromCall { sender: user, recipient: friend, amount: n(amount) };
    assert_eq!(world.hub(friend, &pull(36)).err(), Some(empty()), "allowance");
    let done = world.hub(friend, &pull(35)).unwrap();
    assert_eq!(done.names(&world), ["Transfer", "Approval"]);
    assert_eq!(done.events::<Hub::Approval>()[0].value, n(0));
    assert_eq!(world.hub(friend, &pull(1)).err(), Some(empty()));
    let to_hub = Hub::transferFromCall { sender: user, recipient: hub, amount: n(0) };
    assert_eq!(world.hub(friend, &to_hub).err(), Some(custom(&Hub::HubCannotReceive {})));
}

#[test]
fn approve_and_call_of_the_hub_asks_the_spender() {
    let (mut world, user) = world();
    let spender = person("spender");
    let call = Hub::approveAndCallCall { spender, value: n(7), extraData: Bytes::new() };
    assert_eq!(world.hub(user, &call).err(), Some(empty()), "no code");
    world.put_code(spender, answers(B256::ZERO));
    assert_eq!(world.hub(user, &call).err(), Some(text("approval-refused")));
    world.put_code(spender, answers(B256::with_last_byte(1)));
    world.hub(user, &call).unwrap();
    assert_eq!(world.ask(&Hub::allowanceCall { account: user, spender }), n(7));
}

#[test]
fn recover_credits_strays_to_the_owner() {
    let (mut world, user) = world();
    let (rlc, hub, owner) = (world.at.rlc, world.at.hub, world.owner);
    world.hub(user, &Hub::depositCall { amount: n(100) }).unwrap();
    world.send(user, rlc, &Rlc::transferCall { to: hub, value: n(25) }).unwrap();
    let done = world.hub(owner, &Hub::recoverCall {}).unwrap();
    assert_eq!(done.output.as_ref(), n(25).to_be_bytes::<32>());
    assert_eq!((world.account(owner).0, world.account(user).0), (n(25), n(100)));
    assert_eq!(world.ask(&Hub::totalSupplyCall {}), n(125));
}

#[test]
fn a_token_that_answers_no_is_believed() {
    let no = answers(B256::ZERO);
    let mut world = World::deploy(Some((person("token"), no)));
    let refused = world.hub(person("user"), &Hub::depositCall { amount: n(1) });
    assert_eq!(refused.err(), Some(text("failed-transferFrom")));
    let refused = world.hub(person("user"), &Hub::withdrawCall { amount: n(0) });
    assert_eq!(refused.err(), Some(custom(&Hub::TransferFailed {})));
    // A token that claims any transfer: supply beyond 96 bits is an overflow.
    let mut world = World::deploy(Some((person("token"), answers(B256::with_last_byte(1)))));
    let most = (U256::from(1) << 96) - n(1);
    world.hub(person("user"), &Hub::depositCall { amount: most }).unwrap();
    let over = world.hub(person("other"), &Hub::depositCall { amount: n(1) });
    assert_eq!(over.err(), Some(panic_code(0x11)));
    let over = world.hub(person("other"), &Hub::depositCall { amount: U256::MAX });
    assert_eq!(over.err(), Some(panic_code(0x11)));
    assert_eq!(world.account(person("user")), (most, n(0)));
}

#[test]
fn an_approval_deposits_and_may_match() {
    let mut scene = Scene::new();
    let user = person("requester");
    let (hub, rlc, deployer) = (scene.world.at.hub, scene.world.at.rlc, scene.world.deployer);
    scene.world.send(deployer, rlc, &Rlc::transferCall { to: user, value: n(5_000_000_000) }).unwrap();
    let approve =
        |value: u64, data: Bytes| Rlc::approveAndCallCall { spender: hub, value: n(value), extraData: data };

    let done = scene.world.send(user, rlc, &approve(100, Bytes::new())).unwrap();
    assert_eq!(done.names(&scene.world), ["token", "token", "Transfer"]);
    assert_eq!(scene.account("requester"), (FUNDS + 100, 0));
    for length in 1..4 {
        assert_eq!(scene.world.send(user, rlc, &approve(1, vec![1; length].into())).err(), Some(empty()));
    }
    let unknown = Hub::UnsupportedOperation { selector: FixedBytes(hex!("2f391533")) };
    let sponsored = Bytes::from(Scene::sponsor_call(&scene.sign(&scene.orders())).abi_encode());
    assert_eq!(scene.world.send(user, rlc, &approve(1, sponsored)).err(), Some(custom(&unknown)));

    let data = Bytes::from(Scene::match_call(&scene.sign(&scene.orders())).abi_encode());
    let cut = data.slice(..data.len() / 2);
    assert_eq!(scene.world.send(user, rlc, &approve(1, cut)).err(), Some(empty()), "malformed orders");
    let stranger = scene.world.send(deployer, rlc, &approve(1, data.clone()));
    assert_eq!(stranger.err(), Some(custom(&Hub::CallerIsNotTheRequester {})));
    let done = scene.world.send(user, rlc, &approve(TASK_PRICE, data.clone())).unwrap();
    let names = [
        "token",
        "token",
        "Transfer",
        "Transfer",
        "Lock",
        "Transfer",
        "Lock",
        "SchedulerNotice",
        "OrdersMatched",
    ];
    assert_eq!(done.names(&scene.world), names);
    assert_eq!(scene.account("requester"), (FUNDS + 100, TASK_PRICE));
    let again = scene.sign(&scene.orders().with_volume(1));
    let spent = Bytes::from(Scene::match_call(&again).abi_encode());
    assert_eq!(scene.world.send(user, rlc, &approve(1, spent)).err(), Some(text("iExecV5-matchOrders-0x60")));
    let mut orders = scene.orders();
    orders.request.salt = digest("no code at the app");
    (orders.app.app, orders.request.app) = (person("nobody"), person("nobody"));
    let data = Bytes::from(Scene::match_call(&scene.sign(&orders)).abi_encode());
    let failed = scene.world.send(user, rlc, &approve(1, data));
    assert_eq!(failed.err(), Some(custom(&Hub::OperationFailed {})), "an empty revert gets a name");
    scene.check_ledger();
}

#[test]
fn only_the_token_reports_approvals() {
    // 21.5
    let (mut world, user) = world();
    let call = |token| Hub::receiveApprovalCall { sender: user, amount: n(600), token, data: Bytes::new() };
    let (rlc, anyone) = (world.at.rlc, person("anyone"));
    assert_eq!(world.hub(anyone, &call(anyone)).err(), Some(text("wrong-token")));
    assert_eq!(world.hub(anyone, &call(rlc)).err(), Some(custom(&Hub::CallerIsNotTheToken {})));
    assert_eq!(world.hub(user, &call(rlc)).err(), Some(custom(&Hub::CallerIsNotTheToken {})));
    assert_eq!(world.account(user).0, n(0));
}
