//! The world state: accounts, storage, code; changed by diffs, each of which yields its undo.
//!
//! Knows: values. Does not know: blocks, transactions, gas.

use alloy_primitives::map::{AddressMap, B256Map, HashMap};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use revm::bytecode::Bytecode;

/// Balance, nonce and code of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct AccountRecord {
    /// In wei.
    pub(crate) balance: U256,
    pub(crate) nonce: u64,
    pub(crate) code_hash: B256,
}

impl Default for AccountRecord {
    fn default() -> Self {
        Self { balance: U256::ZERO, nonce: 0, code_hash: KECCAK256_EMPTY }
    }
}

impl AccountRecord {
    /// Empty in the sense of EIP-161: such an account does not exist.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One changed storage slot and its value after (in a diff) or before (in an undo) the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct SlotChange {
    pub(crate) slot: U256,
    pub(crate) value: U256,
}

/// What becomes of one account.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct AccountChange {
    pub(crate) address: Address,
    pub(crate) record: AccountRecord,
    /// Whether all storage goes before `slots` are set (the account was created or destroyed).
    pub(crate) wiped: bool,
    pub(crate) slots: Vec<SlotChange>,
}

/// What a block, or a development method, changes. Ordered by address and slot, so that equal changes encode equally.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct StateDiff {
    pub(crate) accounts: Vec<AccountChange>,
    /// New contract code, by content.
    pub(crate) codes: Vec<Bytes>,
}

/// The values before a diff: applied newest first, it restores the older state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Undo(pub(crate) Vec<AccountChange>);

#[derive(Clone, Debug, Default)]
struct Account {
    record: AccountRecord,
    /// Non-zero slots.
    storage: HashMap<U256, U256>,
}

/// Accounts, storage and code at the head of the chain.
#[derive(Debug, Default)]
pub(crate) struct State {
    accounts: AddressMap<Account>,
    /// Code by hash. Code outlives an undo: it is content-addressed, and a replayed transaction brings it back.
    codes: B256Map<Bytecode>,
}

impl State {
    /// The account, default when it does not exist.
    pub(crate) fn account(&self, address: &Address) -> AccountRecord {
        self.accounts.get(address).map(|account| account.record).unwrap_or_default()
    }

    /// The value of a slot, zero when it was never set.
    pub(crate) fn slot(&self, address: &Address, slot: &U256) -> U256 {
        self.accounts.get(address).and_then(|account| account.storage.get(slot)).copied().unwrap_or_default()
    }

    /// Code by its hash; empty for the hash of no code.
    pub(crate) fn code(&self, code_hash: &B256) -> Bytecode {
        self.codes.get(code_hash).cloned().unwrap_or_default()
    }

    /// Whether code of this hash is kept.
    pub(crate) fn holds_code(&self, code_hash: &B256) -> bool {
        self.codes.contains_key(code_hash)
    }

    /// Applies a diff; the answer undoes it.
    pub(crate) fn apply(&mut self, diff: &StateDiff) -> Undo {
        for code in &diff.codes {
            self.codes
                .entry(alloy_primitives::keccak256(code))
                .or_insert_with(|| Bytecode::new_raw(code.clone()));
        }
        Undo(diff.accounts.iter().map(|change| self.apply_account(change)).collect())
    }

    /// Restores what a diff changed. Undos must come newest first.
    pub(crate) fn undo(&mut self, undo: &Undo) {
        for change in undo.0.iter().rev() {
            self.apply_account(change);
        }
    }

    fn apply_account(&mut self, change: &AccountChange) -> AccountChange {
        let account = self.accounts.entry(change.address).or_default();
        let mut before = AccountChange {
            address: change.address,
            record: account.record,
            wiped: false,
            slots: Vec::with_capacity(change.slots.len()),
        };
        account.record = change.record;
        if change.wiped {
            before.slots.extend(account.storage.drain().map(|(slot, value)| SlotChange { slot, value }));
        }
        for &SlotChange { slot, value } in &change.slots {
            let old = if value.is_zero() {
                account.storage.remove(&slot)
            } else {
                account.storage.insert(slot, value)
            };
            let wiped_before = change.wiped && before.slots.iter().any(|kept| kept.slot == slot);
            if !wiped_before {
                before.slots.push(SlotChange { slot, value: old.unwrap_or_default() });
            }
        }
        if account.record.is_empty() && account.storage.is_empty() {
            self.accounts.remove(&change.address);
        }
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Address = Address::repeat_byte(1);

    fn change(balance: u64, wiped: bool, slots: &[(u64, u64)]) -> StateDiff {
        StateDiff {
            accounts: vec![AccountChange {
                address: ADDRESS,
                record: AccountRecord { balance: U256::from(balance), ..AccountRecord::default() },
                wiped,
                slots: slots
                    .iter()
                    .map(|&(slot, value)| SlotChange { slot: U256::from(slot), value: U256::from(value) })
                    .collect(),
            }],
            codes: vec![],
        }
    }

    #[test]
    fn undo_restores_wiped_storage_and_slots_set_after_the_wipe() {
        let mut state = State::default();
        state.apply(&change(1, false, &[(1, 10), (2, 20)]));

        let undo = state.apply(&change(2, true, &[(2, 21), (3, 31)]));
        assert_eq!(state.slot(&ADDRESS, &U256::from(1)), U256::ZERO);
        assert_eq!(state.slot(&ADDRESS, &U256::from(2)), U256::from(21));

        state.undo(&undo);
        assert_eq!(state.account(&ADDRESS).balance, U256::from(1));
        assert_eq!(state.slot(&ADDRESS, &U256::from(1)), U256::from(10));
        assert_eq!(state.slot(&ADDRESS, &U256::from(2)), U256::from(20));
        assert_eq!(state.slot(&ADDRESS, &U256::from(3)), U256::ZERO);
    }

    #[test]
    fn account_emptied_and_without_storage_leaves_no_entry() {
        let mut state = State::default();
        let undo = state.apply(&change(1, false, &[(1, 10)]));

        state.undo(&undo);

        assert!(state.accounts.is_empty());
    }
}
