//! The wallet against a real node.
#![allow(clippy::unwrap_used)] // helpers of tests, too

mod common;

use alloy_primitives::{Address, B256, Bytes, U256};
use common::{Node, Setup, key, probe};
use metacloud_chain::{Chain, ConnectError, Gas, Options, SendError, Transaction, Wallet};

async fn wallet(node: &Node) -> Wallet {
    let chain = Chain::connect(&node.url()).await.unwrap();
    Wallet::new(chain, key(0)).unwrap()
}

/// The numbers logged by the probe since it was deployed, in the order of the chain.
async fn logged(wallet: &Wallet, probe: Address) -> Vec<u64> {
    let chain = wallet.chain();
    let filter = metacloud_chain::LogFilter {
        to_block: chain.head().await.unwrap().number,
        addresses: vec![probe],
        ..Default::default()
    };
    let logs = chain.logs(&filter).await.unwrap();
    logs.iter().map(|log| probe::logged(&log.data.data)).collect()
}

#[tokio::test]
async fn two_hundred_concurrent_sends_arrive_in_order_without_gaps() {
    let node = Node::start(Setup::default()).await;
    let wallet = wallet(&node).await;
    let probe = probe::deploy(&wallet).await;
    let sends = (0..200).map(|number| wallet.send(probe, probe::log(number)));
    for result in futures::future::join_all(sends).await {
        result.unwrap();
    }
    assert_eq!(logged(&wallet, probe).await, (0..200).collect::<Vec<u64>>());
    assert_eq!(wallet.chain().nonce(wallet.address()).await.unwrap(), 201);
}

#[tokio::test]
async fn on_a_chain_with_a_block_period_sends_share_blocks_and_stay_in_order() {
    let period = Some(std::time::Duration::from_millis(200));
    let node = Node::start(Setup { period, ..Setup::default() }).await;
    let wallet = wallet(&node).await;
    let probe = probe::deploy(&wallet).await;
    let sends = (0..60).map(|number| wallet.send(probe, probe::log(number)));
    for result in futures::future::join_all(sends).await {
        result.unwrap();
    }
    assert_eq!(logged(&wallet, probe).await, (0..60).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_revert_in_the_middle_costs_nothing_and_leaves_no_gap() {
    let node = Node::start(Setup::default()).await;
    let wallet = wallet(&node).await;
    let probe = probe::deploy(&wallet).await;
    let data = |number| if number == 5 { probe::revert("out of tea") } else { probe::log(number) };
    let sends = (0..10).map(|number| wallet.send(probe, data(number)));
    let results = futures::future::join_all(sends).await;
    for (number, result) in results.iter().enumerate() {
        match result {
            Err(SendError::Reverted { reason, tx: None }) if number == 5 => {
                assert_eq!(reason.to_string(), "out of tea");
            }
            Ok(_) if number != 5 => {}
            other => panic!("{number}: {other:?}"),
        }
    }
    assert_eq!(logged(&wallet, probe).await, [0, 1, 2, 3, 4, 6, 7, 8, 9]);
}

#[tokio::test]
async fn a_revert_that_was_mined_is_told_with_its_reason_and_uses_its_nonce() {
    let node = Node::start(Setup::default()).await;
    let wallet = wallet(&node).await;
    let probe = probe::deploy(&wallet).await;
    let (reverting, following) = futures::join!(
        wallet.send_with_gas(probe, probe::revert("too late"), 100_000),
        wallet.send(probe, probe::log(1)),
    );
    match reverting {
        Err(SendError::Reverted { reason, tx: Some(_) }) => assert_eq!(reason.to_string(), "too late"),
        other => panic!("{other:?}"),
    }
    following.unwrap();
    assert_eq!(logged(&wallet, probe).await, [1]);
}

#[tokio::test]
async fn gas_that_runs_out_is_named_when_given_and_raised_once_when_estimated() {
    let node = Node::start(Setup { fees: true, ..Setup::default() }).await;
    let wallet = wallet(&node).await;
    let probe = probe::deploy(&wallet).await;
    match wallet.send_with_gas(probe, probe::BURN, 60_000).await {
        Err(SendError::OutOfGas { limit: 60_000, .. }) => {}
        other => panic!("{other:?}"),
    }
    let before = wallet.chain().nonce(wallet.address()).await.unwrap();
    wallet.send(probe, probe::HUNGRY).await.unwrap();
    let after = wallet.chain().nonce(wallet.address()).await.unwrap();
    assert_eq!(after - before, 2, "one transaction ran out, the second had room");
}

#[tokio::test]
async fn an_account_without_ether_is_told_what_it_needs_and_has() {
    let node = Node::start(Setup { fees: true, ..Setup::default() }).await;
    let rich = wallet(&node).await;
    let probe = probe::deploy(&rich).await;
    let poor = Wallet::new(rich.chain().clone(), B256::repeat_byte(9)).unwrap();
    match poor.send(probe, probe::log(1)).await {
        Err(SendError::Unfunded { address, needs_wei, has_wei }) => {
            assert_eq!((address, has_wei), (poor.address(), U256::ZERO));
            assert!(needs_wei > U256::ZERO);
        }
        other => panic!("{other:?}"),
    }
    // Once it is funded the same wallet goes on.
    let gift = U256::from(10).pow(U256::from(18));
    let fund = Transaction { to: Some(poor.address()), data: Bytes::new(), value: gift, gas: Gas::Estimated };
    rich.transact(fund).await.unwrap();
    poor.send(probe, probe::log(2)).await.unwrap();
    assert_eq!(logged(&rich, probe).await, [2]);
}

#[tokio::test]
async fn two_wallets_of_one_key_do_not_lose_transactions() {
    let node = Node::start(Setup::default()).await;
    let one = wallet(&node).await;
    let other = wallet(&node).await;
    let probe = probe::deploy(&one).await;
    for number in 0..10 {
        let wallet = if number % 2 == 0 { &one } else { &other };
        wallet.send(probe, probe::log(number)).await.unwrap();
    }
    assert_eq!(logged(&one, probe).await, (0..10).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_wallet_outlives_a_restart_of_the_node() {
    let dir = tempfile::tempdir().unwrap();
    let setup = Setup { data_dir: Some(dir.path().to_owned()), ..Setup::default() };
    let node = Node::start(setup.clone()).await;
    let (wallet, port) = (wallet(&node).await, node.port);
    let probe = probe::deploy(&wallet).await;
    wallet.send(probe, probe::log(1)).await.unwrap();
    node.stop().await;
    // Sent while the node is down: it is taken up when the node is back.
    let (result, _node) =
        futures::join!(wallet.send(probe, probe::log(2)), Node::start(Setup { port, ..setup }),);
    result.unwrap();
    assert_eq!(logged(&wallet, probe).await, [1, 2]);
}

#[tokio::test]
async fn the_wrong_chain_and_a_dead_address_are_named() {
    let node = Node::start(Setup::default()).await;
    let options = Options { chain_id: Some(1), ..Options::default() };
    match Chain::connect_with(&node.url(), options).await {
        Err(ConnectError::WrongChain { expected: 1, found: 31337, .. }) => {}
        other => panic!("{other:?}"),
    }
    let url = node.url();
    node.stop().await;
    let error = Chain::connect(&url).await.unwrap_err().to_string();
    assert!(error.contains(&url), "{error}");
    assert!(error.contains("refused"), "{error}");
}
