//! Small contracts of the outside world, as code.

use alloy_primitives::{B256, Bytes, U256};

const RETURN_WORD: [u8; 6] = [0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3]; // mstore(0, top); return(0, 32)

/// Answers every call with one word.
pub fn answers(word: B256) -> Bytes {
    [&[0x7f], word.as_slice(), &RETURN_WORD].concat().into()
}

/// Answers every call with nothing.
pub fn silent() -> Bytes {
    vec![0x00].into()
}

/// Reverts every call without data.
pub fn refuses() -> Bytes {
    vec![0x5f, 0x5f, 0xfd].into()
}

/// Reverts every call with one word.
pub fn refuses_with(word: B256) -> Bytes {
    [&[0x7f], word.as_slice(), &[0x5f, 0x52, 0x60, 0x20, 0x5f, 0xfd]].concat().into()
}

/// Burns all the gas that it is given.
pub fn burns_gas() -> Bytes {
    vec![0x5b, 0x5f, 0x56].into()
}

/// Returns `size` bytes of zeros.
pub fn returns_much(size: u32) -> Bytes {
    [&[0x63], size.to_be_bytes().as_slice(), &[0x5f, 0xf3]].concat().into()
}

/// Stores the size of the call data at slot 0 and its second word (a task id) at slot 1.
pub fn stores_call() -> Bytes {
    vec![0x36, 0x5f, 0x55, 0x60, 0x04, 0x35, 0x60, 0x01, 0x55, 0x00].into()
}

/// An ERC-1271 wallet or a group, depending on the answer.
pub fn magic(valid: bool) -> Bytes {
    let selector = if valid { 0x1626_ba7e_u32 } else { 0xffff_ffff_u32 };
    answers(B256::from(U256::from(selector) << 224))
}

/// Answers 1 to calls of one selector and reverts all others.
pub fn says_yes_only_to(selector: u32) -> Bytes {
    // selector := calldataload(0) >> 224; if it is the one, jump over the revert
    let head = [&[0x5f, 0x35, 0x60, 0xe0, 0x1c, 0x63], selector.to_be_bytes().as_slice()].concat();
    let rest =
        [0x14, 0x60, 0x11, 0x57, 0x5f, 0x5f, 0xfd, 0x5b, 0x60, 0x01, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3];
    [head, rest.to_vec()].concat().into()
}
