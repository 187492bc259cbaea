//! The RLC token: ERC-20 as the hub and its clients rely on it, permit (ERC-2612), votes (ERC-5805 by ERC-6372's clock).

#![allow(clippy::unwrap_used)]

mod harness;

use alloy_primitives::{Address, B256, Bytes, Signature, U256};
use alloy_sol_types::{Eip712Domain, SolCall as _, SolStruct, sol};
use harness::{CHAIN_ID, GENESIS_S, World, custom, empty, key, person};
use metacloud_abi::{Hub, Rlc};
use metacloud_protocol::signing::sign;

sol! {
    struct Permit {
        address owner;
        address spender;
        uint256 value;
        uint256 nonce;
        uint256 deadline;
    }

    struct Delegation {
        address delegatee;
        uint256 nonce;
        uint256 expiry;
    }
}

const N: fn(u64) -> U256 = U256::from;

/// A world in which `user` holds 1,000 nRLC.
fn world() -> (World, Address) {
    let (mut world, user) = (World::deployed(), person("user"));
    pay(&mut world, "deployer", user, 1_000).unwrap();
    (world, user)
}

fn pay(world: &mut World, from: &str, to: Address, value: u64) -> Result<harness::Done, Bytes> {
    let rlc = world.at.rlc;
    world.send(person(from), rlc, &Rlc::transferCall { to, value: N(value) })
}

fn balance(world: &World, account: Address) -> U256 {
    world.view(world.at.rlc, &Rlc::balanceOfCall { account }).unwrap()
}

fn votes(world: &World, account: Address) -> U256 {
    world.view(world.at.rlc, &Rlc::getVotesCall { account }).unwrap()
}

fn domain(world: &World) -> Eip712Domain {
    alloy_sol_types::eip712_domain! {
        name: "iExec RLC Token",
        version: "1",
        chain_id: CHAIN_ID,
        verifying_contract: world.at.rlc,
    }
}

/// The three parts of a signature over a typed message.
fn signed(world: &World, signer: &str, message: &impl SolStruct) -> (u8, B256, B256) {
    let bytes = sign(&key(signer), message.eip712_signing_hash(&domain(world)));
    let signature = Signature::try_from(bytes.as_slice()).unwrap();
    (27 + u8::from(signature.v()), signature.r().into(), signature.s().into())
}

#[test]
fn shortages_revert_without_data() {
    let (mut world, user) = world();
    let rlc = world.at.rlc;
    assert_eq!(pay(&mut world, "user", person("friend"), 1_001).err(), Some(empty()));
    let nobody = Rlc::ERC20InvalidReceiver { receiver: Address::ZERO };
    assert_eq!(pay(&mut world, "user", Address::ZERO, 1).err(), Some(custom(&nobody)));
    let take = Rlc::transferFromCall { from: user, to: person("friend"), value: N(11) };
    world.send(user, rlc, &Rlc::approveCall { spender: person("friend"), value: N(10) }).unwrap();
    assert_eq!(world.send(person("friend"), rlc, &take).err(), Some(empty()));
    world.send(user, rlc, &Rlc::burnCall { value: N(400) }).unwrap();
    assert_eq!(world.send(user, rlc, &Rlc::burnCall { value: N(601) }).err(), Some(empty()));
    let supply = world.view(rlc, &Rlc::totalSupplyCall {}).unwrap();
    let initial = world.view(rlc, &Rlc::initialSupplyCall {}).unwrap();
    assert_eq!((initial - supply, balance(&world, user)), (N(400), N(600)));
    world.send(user, rlc, &Rlc::transferOwnershipCall { newOwner: user }).unwrap();
    assert_eq!(world.view(rlc, &Rlc::ownerCall {}).unwrap(), world.deployer, "nothing happened");
}

#[test]
fn moving_to_oneself_changes_nothing() {
    let (mut world, user) = world();
    pay(&mut world, "user", user, 1_000).unwrap();
    assert_eq!(balance(&world, user), N(1_000));
    assert_eq!(pay(&mut world, "user", user, 1_001).err(), Some(empty()));
}

#[test]
fn an_allowance_is_lowered_by_use_unless_it_is_unlimited() {
    let (mut world, user) = world();
    let (rlc, friend) = (world.at.rlc, person("friend"));
    let allowance =
        |world: &World| world.view(rlc, &Rlc::allowanceCall { owner: user, spender: friend }).unwrap();
    let take = Rlc::transferFromCall { from: user, to: friend, value: N(100) };
    for (given, left) in [(N(150), N(50)), (U256::MAX, U256::MAX)] {
        world.send(user, rlc, &Rlc::approveCall { spender: friend, value: given }).unwrap();
        world.send(friend, rlc, &take).unwrap();
        assert_eq!(allowance(&world), left);
    }
    let zero = Rlc::approveCall { spender: Address::ZERO, value: N(1) };
    let error = Rlc::ERC20InvalidSpender { spender: Address::ZERO };
    assert_eq!(world.send(user, rlc, &zero).err(), Some(custom(&error)));
}

#[test]
fn a_permit_is_an_approval_by_signature_once_and_in_time() {
    let (mut world, user) = world();
    let (rlc, hub) = (world.at.rlc, world.at.hub);
    let message =
        Permit { owner: user, spender: hub, value: N(700), nonce: N(0), deadline: N(GENESIS_S + 60) };
    let call = |(v, r, s): (u8, B256, B256)| Rlc::permitCall {
        owner: user,
        spender: hub,
        value: message.value,
        deadline: message.deadline,
        v,
        r,
        s,
    };
    let forged = call(signed(&world, "stranger", &message));
    let error = Rlc::ERC2612InvalidSigner { signer: person("stranger"), owner: user };
    assert_eq!(world.send(user, rlc, &forged).err(), Some(custom(&error)));
    let permit = call(signed(&world, "user", &message));
    world.warp(61);
    let error = Rlc::ERC2612ExpiredSignature { deadline: message.deadline };
    assert_eq!(world.send(user, rlc, &permit).err(), Some(custom(&error)));
    world.now_s -= 1;
    // Anyone may bring it, and the owner needs no transaction of its own.
    world.send(person("anyone"), rlc, &permit).unwrap();
    assert_eq!(world.view(rlc, &Rlc::noncesCall { owner: user }).unwrap(), N(1));
    assert!(world.send(person("anyone"), rlc, &permit).is_err(), "used");
    world.hub(user, &Hub::depositCall { amount: N(700) }).unwrap();
    assert_eq!(world.account(user).0, N(700));
}

#[test]
fn the_domain_of_signatures_can_be_read() {
    let (world, _) = world();
    let separator = world.view(world.at.rlc, &Rlc::DOMAIN_SEPARATORCall {}).unwrap();
    assert_eq!(separator, domain(&world).separator());
    let told = world.view(world.at.rlc, &Rlc::eip712DomainCall {}).unwrap();
    assert_eq!((told.name.as_str(), told.version.as_str()), ("iExec RLC Token", "1"));
    assert_eq!((told.chainId, told.verifyingContract), (N(CHAIN_ID), world.at.rlc));
}

#[test]
fn votes_count_once_delegated_and_follow_the_tokens() {
    let (mut world, user) = world();
    let (rlc, friend, voter) = (world.at.rlc, person("friend"), person("voter"));
    assert_eq!(votes(&world, user), N(0));
    let done = world.send(user, rlc, &Rlc::delegateCall { delegatee: voter }).unwrap();
    assert_eq!(
        done.events::<Rlc::DelegateVotesChanged>(),
        [Rlc::DelegateVotesChanged { delegate: voter, previousVotes: N(0), newVotes: N(1_000) }]
    );
    assert_eq!(world.view(rlc, &Rlc::delegatesCall { account: user }).unwrap(), voter);
    assert_eq!((votes(&world, voter), balance(&world, user)), (N(1_000), N(1_000)));
    // To one who delegates to nobody the votes vanish; to one with the same delegatee they stay.
    pay(&mut world, "user", friend, 300).unwrap();
    assert_eq!(votes(&world, voter), N(700));
    world.send(friend, rlc, &Rlc::delegateCall { delegatee: voter }).unwrap();
    let done = pay(&mut world, "user", friend, 100).unwrap();
    assert!(done.events::<Rlc::DelegateVotesChanged>().is_empty());
    assert_eq!(votes(&world, voter), N(1_000));
    world.send(user, rlc, &Rlc::burnCall { value: N(100) }).unwrap();
    assert_eq!(votes(&world, voter), N(900));
    world.send(friend, rlc, &Rlc::delegateCall { delegatee: Address::ZERO }).unwrap();
    assert_eq!((votes(&world, voter), balance(&world, friend)), (N(500), N(400)));
}

#[test]
fn deposits_take_votes_with_them() {
    let (mut world, user) = world();
    let (rlc, hub) = (world.at.rlc, world.at.hub);
    world.send(user, rlc, &Rlc::delegateCall { delegatee: user }).unwrap();
    let call = Rlc::approveAndCallCall { spender: hub, value: N(400), extraData: Bytes::new() };
    world.send(user, rlc, &call).unwrap();
    assert_eq!((votes(&world, user), world.account(user).0), (N(600), N(400)));
    world.hub(user, &Hub::withdrawCall { amount: N(400) }).unwrap();
    assert_eq!(votes(&world, user), N(1_000));
}

#[test]
fn past_votes_are_those_of_the_second() {
    let (mut world, user) = world();
    let rlc = world.at.rlc;
    assert_eq!(U256::from(world.view(rlc, &Rlc::clockCall {}).unwrap()), N(world.now_s));
    assert_eq!(world.view(rlc, &Rlc::CLOCK_MODECall {}).unwrap(), "mode=timestamp");
    let start = world.now_s;
    world.send(user, rlc, &Rlc::delegateCall { delegatee: user }).unwrap();
    world.warp(10);
    pay(&mut world, "user", person("friend"), 250).unwrap();
    world.send(person("friend"), rlc, &Rlc::burnCall { value: N(50) }).unwrap();
    let past =
        |world: &World, at: u64| world.view(rlc, &Rlc::getPastVotesCall { account: user, timepoint: N(at) });
    let now = world.now_s;
    let error = Rlc::ERC5805FutureLookup { timepoint: N(now), clock: U256::from(now).to() };
    assert_eq!(past(&world, now).err(), Some(custom(&error)), "not settled yet");
    world.warp(1);
    assert_eq!(
        [start - 1, start, now - 1, now].map(|at| past(&world, at).unwrap()),
        [0, 1_000, 1_000, 750].map(N)
    );
    let supply = |at: u64| world.view(rlc, &Rlc::getPastTotalSupplyCall { timepoint: N(at) }).unwrap();
    assert_eq!(supply(now - 1) - supply(now), N(50));
}

#[test]
fn delegation_by_signature_works_once_and_in_time() {
    let (mut world, user) = world();
    let (rlc, voter) = (world.at.rlc, person("voter"));
    let message = Delegation { delegatee: voter, nonce: N(0), expiry: N(GENESIS_S + 60) };
    let (v, r, s) = signed(&world, "user", &message);
    let call =
        Rlc::delegateBySigCall { delegatee: voter, nonce: message.nonce, expiry: message.expiry, v, r, s };
    world.warp(61);
    let error = Rlc::VotesExpiredSignature { expiry: message.expiry };
    assert_eq!(world.send(user, rlc, &call).err(), Some(custom(&error)));
    world.now_s -= 1;
    world.send(person("anyone"), rlc, &call).unwrap();
    assert_eq!(votes(&world, voter), N(1_000));
    let error = Rlc::InvalidAccountNonce { account: user, currentNonce: N(1) };
    assert_eq!(world.send(person("anyone"), rlc, &call).err(), Some(custom(&error)));
}

#[test]
fn nobody_pays_for_votes_who_does_not_delegate() {
    let (mut world, user) = world();
    let rlc = world.at.rlc;
    pay(&mut world, "user", person("friend"), 1).unwrap();
    let plain = pay(&mut world.clone(), "user", person("friend"), 1).unwrap().gas;
    // Two slots, each cold and changed; an event; the transaction itself with its call data.
    let data = Rlc::transferCall { to: person("friend"), value: N(1) }.abi_encode();
    let nonzero = data.iter().filter(|byte| **byte != 0).count() as u64;
    let floor = 21_000 + 4 * (data.len() as u64 + 3 * nonzero) + 2 * 5_000 + (375 * 4 + 8 * 32);
    assert!(plain < floor + 2_100, "{plain} gas over {floor}: a further slot is read");
    world.send(user, rlc, &Rlc::delegateCall { delegatee: user }).unwrap();
    let delegated = pay(&mut world, "user", person("friend"), 1).unwrap().gas;
    assert!(delegated > plain + 2_100, "a checkpoint is written: {delegated} after {plain}");
}
