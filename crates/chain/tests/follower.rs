//! The follower against a real node.
#![allow(clippy::unwrap_used)] // helpers of tests, too

mod common;

use std::time::Duration;

use alloy_primitives::{Address, B256};
use common::{Node, Setup, key, probe};
use metacloud_chain::{BlockRef, Chain, ChainEvent, Cursor, FollowError, Follower, Wallet};
use serde_json::{Value, json};

async fn start(node: &Node) -> (Chain, Wallet, Address) {
    let chain = Chain::connect(&node.url()).await.unwrap();
    let wallet = Wallet::new(chain.clone(), key(0)).unwrap();
    let probe = probe::deploy(&wallet).await;
    (chain, wallet, probe)
}

async fn log(wallet: &Wallet, probe: Address, numbers: std::ops::Range<u64>) {
    for number in numbers {
        wallet.send(probe, probe::log(number)).await.unwrap();
    }
}

/// What a follower tells until it has told the log of `last`: numbers, and reverts as their heights.
#[derive(Debug, PartialEq)]
enum Told {
    Number(u64),
    RevertedTo(u64),
}

async fn until(follower: &mut Follower, last: u64) -> (Vec<Told>, BlockRef) {
    let mut told = Vec::new();
    loop {
        match follower.next().await.unwrap() {
            ChainEvent::Reverted { to } => told.push(Told::RevertedTo(to.number)),
            ChainEvent::Block { block, logs } => {
                for log in &logs {
                    assert_eq!((log.block_number, log.block_hash), (block.number, block.hash));
                    told.push(Told::Number(probe::logged(&log.data.data)));
                }
                if told.last() == Some(&Told::Number(last)) {
                    return (told, block);
                }
            }
        }
    }
}

/// Fails if the follower has anything to tell while nothing new is mined.
async fn nothing_from(follower: &mut Follower) {
    if let Ok(event) = tokio::time::timeout(Duration::from_millis(300), follower.next()).await {
        panic!("{event:?}");
    }
}

fn numbers(range: std::ops::Range<u64>) -> Vec<Told> {
    range.map(Told::Number).collect()
}

#[tokio::test]
async fn history_and_news_come_in_one_order_without_gaps() {
    let node = Node::start(Setup::default()).await;
    let (chain, wallet, probe) = start(&node).await;
    log(&wallet, probe, 0..20).await;
    let mut follower = chain.follow(Cursor::Genesis, vec![probe]);
    let (told, _) = until(&mut follower, 19).await;
    assert_eq!(told, numbers(0..20));
    let (_, (told, _)) = futures::join!(log(&wallet, probe, 20..60), until(&mut follower, 59));
    assert_eq!(told, numbers(20..60));
}

#[tokio::test]
async fn from_the_head_on_only_news_are_told_block_by_block() {
    let node = Node::start(Setup::default()).await;
    let (chain, wallet, probe) = start(&node).await;
    let mut follower = chain.follow(Cursor::Head, vec![Address::ZERO]);
    // Nothing yet: but the first call fixes the place.
    nothing_from(&mut follower).await;
    log(&wallet, probe, 0..3).await;
    let mut heights = Vec::new();
    while heights.last() != Some(&chain.head().await.unwrap().number) {
        match follower.next().await.unwrap() {
            ChainEvent::Block { block, logs } => {
                assert!(logs.is_empty(), "logs of a contract that is not followed");
                heights.push(block.number);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(heights.is_sorted_by(|a, b| a < b), "{heights:?}");
}

#[tokio::test]
async fn a_cursor_resumes_after_its_block() {
    let node = Node::start(Setup::default()).await;
    let (chain, wallet, probe) = start(&node).await;
    log(&wallet, probe, 0..5).await;
    let (_, block) = until(&mut chain.follow(Cursor::Genesis, vec![probe]), 2).await;
    let mut resumed = chain.follow(block.into(), vec![probe]);
    let (told, _) = until(&mut resumed, 4).await;
    assert_eq!(told, numbers(3..5));
}

#[tokio::test]
async fn a_cursor_of_another_chain_is_refused() {
    let node = Node::start(Setup::default()).await;
    let (chain, _, probe) = start(&node).await;
    for (number, hash) in [(1, B256::repeat_byte(1)), (1_000, B256::repeat_byte(1))] {
        let error = chain.follow(Cursor::After { number, hash }, vec![probe]).next().await.unwrap_err();
        assert!(matches!(error, FollowError::UnknownCursor { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_reorganisation_is_told_and_the_new_blocks_follow() {
    let node = Node::start(Setup::default()).await;
    let (chain, wallet, probe) = start(&node).await;
    let mut follower = chain.follow(Cursor::Genesis, vec![probe]);
    log(&wallet, probe, 0..3).await;
    let (_, fork) = until(&mut follower, 2).await;
    let snapshot: Value = chain.request("evm_snapshot", json!([])).await.unwrap();
    log(&wallet, probe, 3..6).await;
    assert_eq!(until(&mut follower, 5).await.0, numbers(3..6));
    let reverted: bool = chain.request("evm_revert", json!([snapshot])).await.unwrap();
    assert!(reverted);
    // The wallet's nonce is ahead of the chain now: it has to find out by itself.
    log(&wallet, probe, 100..105).await;
    let mut expected = vec![Told::RevertedTo(fork.number)];
    expected.extend(numbers(100..105));
    assert_eq!(until(&mut follower, 104).await.0, expected);
}

#[tokio::test]
async fn a_follower_resumed_on_a_shorter_chain_falls_back_to_the_last_known_block() {
    let node = Node::start(Setup::default()).await;
    let (chain, wallet, probe) = start(&node).await;
    let mut known = vec![chain.block(0).await.unwrap().unwrap().block];
    log(&wallet, probe, 0..3).await;
    known.push(chain.head().await.unwrap());
    let snapshot: Value = chain.request("evm_snapshot", json!([])).await.unwrap();
    log(&wallet, probe, 3..6).await;
    known.push(chain.head().await.unwrap());
    let reverted: bool = chain.request("evm_revert", json!([snapshot])).await.unwrap();
    assert!(reverted);
    assert_eq!(chain.newest_of(&known).await.unwrap(), Some(known[1]));
    assert_eq!(chain.newest_of(&known[2..]).await.unwrap(), None);
    assert_eq!(chain.newest_of(&[]).await.unwrap(), None);

    let next = chain.resume(&known, vec![probe]).next().await.unwrap();
    assert_eq!(next, ChainEvent::Reverted { to: known[1] });
    // What is remembered does not reach back far enough: the chain is the same one from block 0 on.
    let shallow = [known[0], known[2]];
    let mut follower = chain.resume(&shallow, vec![probe]);
    assert_eq!(follower.next().await.unwrap(), ChainEvent::Reverted { to: known[0] });
    assert_eq!(until(&mut follower, 2).await.0, numbers(0..3));
    // Not even block 0 is this chain's.
    let foreign = [BlockRef { hash: B256::repeat_byte(1), ..known[0] }, known[2]];
    let error = chain.resume(&foreign, vec![probe]).next().await.unwrap_err();
    assert!(matches!(error, FollowError::TooDeep { .. }), "{error}");
}

#[tokio::test]
async fn a_follower_outlives_a_restart_of_the_node() {
    let dir = tempfile::tempdir().unwrap();
    let setup = Setup { data_dir: Some(dir.path().to_owned()), ..Setup::default() };
    let node = Node::start(setup.clone()).await;
    let (chain, wallet, probe) = start(&node).await;
    log(&wallet, probe, 0..3).await;
    let mut follower = chain.follow(Cursor::Genesis, vec![probe]);
    until(&mut follower, 2).await;
    let port = node.port;
    node.stop().await;
    let restart = async {
        let node = Node::start(Setup { port, ..setup }).await;
        log(&wallet, probe, 3..6).await;
        node
    };
    let (_node, (told, _)) = futures::join!(restart, until(&mut follower, 5));
    assert_eq!(told, numbers(3..6));
}

#[tokio::test]
async fn blocks_count_only_when_confirmed() {
    let node = Node::start(Setup::default()).await;
    let (chain, wallet, probe) = start(&node).await;
    let options = metacloud_chain::Options { confirmations: 2, ..Default::default() };
    let careful = Chain::connect_with(&node.url(), options).await.unwrap();
    let mut follower = careful.follow(Cursor::Genesis, vec![probe]);
    log(&wallet, probe, 0..3).await;
    assert_eq!(until(&mut follower, 0).await.0, numbers(0..1));
    nothing_from(&mut follower).await;
    log(&wallet, probe, 3..4).await;
    assert_eq!(until(&mut follower, 1).await.0, numbers(1..2));
    // A careful wallet returns once two more blocks are there.
    let careful = Wallet::new(careful, key(1)).unwrap();
    let (receipt, ()) = futures::join!(careful.send(probe, probe::log(9)), log(&wallet, probe, 4..9));
    let height = receipt.unwrap().block_number;
    assert!(chain.head().await.unwrap().number >= height + 2);
}
