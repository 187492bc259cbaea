//! A small assembler for the contracts of strangers.

use std::collections::BTreeMap;

use alloy_primitives::{Bytes, hex};
use revm::bytecode::opcode::OpCode;
use revm::state::Bytecode;

/// Opcode of `PUSH2`, which all references take.
const PUSH2: u8 = 0x61;
/// Opcode before `PUSH1`.
const PUSH0: u8 = 0x5f;

/// Assembles words: mnemonics, `0x…` to push, `name:` for a place to jump to, `@name` to push it, and `#n` to push where
/// the n-th of `data`, which follow the code, begins.
pub(crate) fn asm(text: &str, data: &[Bytes]) -> Bytecode {
    let mut code = Vec::new();
    let mut places = BTreeMap::new();
    let mut holes = Vec::new();
    for word in text.split_whitespace() {
        if let Some(name) = word.strip_suffix(':') {
            places.insert(name.to_owned(), code.len());
            code.push(OpCode::JUMPDEST.get());
        } else if let Some(literal) = word.strip_prefix("0x") {
            let bytes = hex::decode(literal).expect("whole bytes");
            assert!((1..=32).contains(&bytes.len()), "{word} fits a word");
            code.push(PUSH0 + u8::try_from(bytes.len()).expect("at most 32"));
            code.extend(bytes);
        } else if word.starts_with(['@', '#']) {
            holes.push((code.len() + 1, word.to_owned()));
            code.extend([PUSH2, 0, 0]);
        } else {
            let name = word.to_uppercase();
            let opcode = (0..=u8::MAX).filter_map(OpCode::new).find(|opcode| opcode.as_str() == name);
            code.push(opcode.unwrap_or_else(|| panic!("{word} is no instruction")).get());
        }
    }
    for (number, piece) in data.iter().enumerate() {
        places.insert(format!("#{number}"), code.len());
        code.extend_from_slice(piece);
    }
    for (at, word) in holes {
        let place = places.get(word.trim_start_matches('@')).unwrap_or_else(|| panic!("{word} is nowhere"));
        let place = u16::try_from(*place).expect("code of less than 64 KiB");
        code[at..at + 2].copy_from_slice(&place.to_be_bytes());
    }
    Bytecode::new_raw(code.into())
}
