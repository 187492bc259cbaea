//! Many questions to contracts in one call: entries of 128 bytes, each an address and up to 68 bytes of call data.

use alloy_primitives::{Address, Bytes};
use revm::state::Bytecode;

use crate::asm::asm;

/// Answers the first 64 bytes of each answer.
pub(crate) const WORDS: Address = Address::repeat_byte(0xe0);
/// Answers the hash of each answer, in words at distances of 64 bytes.
pub(crate) const HASHES: Address = Address::repeat_byte(0xe1);

/// Bytes of an entry.
const ENTRY: usize = 128;
/// Most bytes of call data.
const CALL_MAX: usize = 68;

/// An entry that asks `target`.
pub(crate) fn entry(target: Address, call: &[u8]) -> [u8; ENTRY] {
    assert!(call.len() <= CALL_MAX, "the call fits an entry");
    let mut entry = [0; ENTRY];
    entry[12..32].copy_from_slice(target.as_slice());
    entry[32..32 + call.len()].copy_from_slice(call);
    entry
}

/// The two words of each answer.
pub(crate) fn answers(output: &Bytes) -> impl Iterator<Item = [alloy_primitives::U256; 2]> + '_ {
    let word = alloy_primitives::U256::from_be_slice;
    output.chunks_exact(64).map(move |answer| [word(&answer[..32]), word(&answer[32..])])
}

pub(crate) fn words() -> Bytecode {
    code("")
}

pub(crate) fn hashes() -> Bytecode {
    let free = "calldatasize 0x01 shr 0x80 add";
    code(&format!(
        "returndatasize push0 {free} returndatacopy returndatasize {free} keccak256 dup2 0x01 shr 0x80 add mstore"
    ))
}

/// `then` sees the place of the entry on the stack and the answer as return data.
fn code(then: &str) -> Bytecode {
    let text = format!(
        "push0 loop: dup1 calldatasize eq @end jumpi 0x44 dup2 0x20 add push0 calldatacopy \
         0x40 dup2 0x01 shr 0x80 add 0x44 push0 dup5 calldataload gas staticcall iszero @bad jumpi \
         {then} 0x80 add @loop jump \
         end: calldatasize 0x01 shr 0x80 return \
         bad: push0 push0 revert"
    );
    asm(&text, &[])
}
