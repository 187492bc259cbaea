//! A contract that does what a test asks: logs, reverts, or burns gas.

use alloy_primitives::{Address, Bytes, U256, hex};
use metacloud_chain::{Gas, Transaction, Wallet};

/// What it does depends on the first byte of the call data: 1 reverts with the rest as data, 2 loops until the
/// gas is gone, 3 costs more when mined than when estimated, anything else logs the call data.
const RUNTIME: [u8; 69] = hex!(
    "5f3560f81c" // the first byte of the call data
    "80600114602257" // 1: revert
    "80600214602e57" // 2: loop
    "600314603257" // 3: hungry
    "5b365f5f37365fa000" // log: copy the call data, LOG0, stop
    "5b600136038060015f375ffd" // revert: copy the call data after the first byte, REVERT
    "5b602e56" // loop: jump to itself
    "5b6001600155" // hungry: store 1 in slot 1
    "3a15601957" // without gas price (an estimate) that is all
    "6001600255601956" // else store 1 in slot 2, too
);

/// Returns [`RUNTIME`]: PUSH1 length, DUP1, PUSH1 offset, PUSH0, CODECOPY, PUSH0, RETURN.
fn creation() -> Bytes {
    let length = u8::try_from(RUNTIME.len()).unwrap();
    let head = [0x60, length, 0x80, 0x60, 0x0a, 0x5f, 0x39, 0x5f, 0xf3, 0x00];
    [head.as_slice(), &RUNTIME].concat().into()
}

/// Puts the contract on the chain.
pub async fn deploy(wallet: &Wallet) -> Address {
    let transaction = Transaction { to: None, data: creation(), value: U256::ZERO, gas: Gas::Estimated };
    wallet.transact(transaction).await.unwrap().created.unwrap()
}

/// Call data that is logged.
pub fn log(number: u64) -> Bytes {
    [[0].as_slice(), &number.to_be_bytes()].concat().into()
}

/// The number in a log of [`log`].
pub fn logged(data: &[u8]) -> u64 {
    u64::from_be_bytes(data[1..].try_into().unwrap())
}

/// Call data that reverts with the string `reason`.
pub fn revert(reason: &str) -> Bytes {
    use alloy_sol_types::SolError;
    let error = alloy_sol_types::Revert::from(reason.to_owned()).abi_encode();
    [[1].as_slice(), &error].concat().into()
}

/// Call data that burns all gas.
pub const BURN: Bytes = Bytes::from_static(&[2]);

/// Call data that needs more gas than is estimated.
pub const HUNGRY: Bytes = Bytes::from_static(&[3]);
