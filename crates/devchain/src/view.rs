//! Changes over a state that are not part of it: a block under construction, state overrides of a call, an older block.

use std::convert::Infallible;

use alloy_primitives::map::{AddressMap, B256Map, HashMap};
use alloy_primitives::{Address, B256, Bytes, U256};
use revm::bytecode::Bytecode;
use revm::state::{Account, AccountInfo};
use revm::{Database, DatabaseCommit};

use crate::state::{AccountChange, AccountRecord, SlotChange, State, StateDiff, Undo};

/// Hashes of blocks below the one that executes (opcode BLOCKHASH).
pub(crate) trait BlockHashes {
    /// Hash of a block that exists; zero otherwise.
    fn block_hash(&self, number: u64) -> B256;
}

#[derive(Clone, Debug, Default)]
struct Changed {
    record: AccountRecord,
    /// Storage below is hidden.
    wiped: bool,
    slots: HashMap<U256, U256>,
}

/// A state with changes laid over it.
pub(crate) struct View<'a> {
    state: &'a State,
    hashes: &'a dyn BlockHashes,
    accounts: AddressMap<Changed>,
    codes: B256Map<Bytecode>,
}

impl<'a> View<'a> {
    /// The state itself.
    pub(crate) fn new(state: &'a State, hashes: &'a dyn BlockHashes) -> Self {
        Self { state, hashes, accounts: AddressMap::default(), codes: B256Map::default() }
    }

    /// Lays an undo over the view; undos must come newest first.
    pub(crate) fn undo(&mut self, undo: &Undo) {
        for change in undo.0.iter().rev() {
            let changed = self.entry(change.address);
            changed.record = change.record;
            for &SlotChange { slot, value } in &change.slots {
                changed.slots.insert(slot, value);
            }
        }
    }

    pub(crate) fn account(&self, address: &Address) -> AccountRecord {
        match self.accounts.get(address) {
            Some(changed) => changed.record,
            None => self.state.account(address),
        }
    }

    pub(crate) fn slot(&self, address: &Address, slot: &U256) -> U256 {
        match self.accounts.get(address) {
            Some(changed) => match changed.slots.get(slot) {
                Some(value) => *value,
                None if changed.wiped => U256::ZERO,
                None => self.state.slot(address, slot),
            },
            None => self.state.slot(address, slot),
        }
    }

    pub(crate) fn code(&self, code_hash: &B256) -> Bytecode {
        match self.codes.get(code_hash) {
            Some(code) => code.clone(),
            None => self.state.code(code_hash),
        }
    }

    /// The code of an account as it was deployed.
    pub(crate) fn code_of(&self, address: &Address) -> Bytes {
        self.code(&self.account(address).code_hash).original_bytes()
    }

    pub(crate) fn set_balance(&mut self, address: Address, wei: U256) {
        self.entry(address).record.balance = wei;
    }

    pub(crate) fn set_nonce(&mut self, address: Address, nonce: u64) {
        self.entry(address).record.nonce = nonce;
    }

    pub(crate) fn set_code(&mut self, address: Address, code: Bytes) {
        let code_hash = alloy_primitives::keccak256(&code);
        self.entry(address).record.code_hash = code_hash;
        if !code.is_empty() {
            self.codes.insert(code_hash, Bytecode::new_raw(code));
        }
    }

    pub(crate) fn set_slot(&mut self, address: Address, slot: U256, value: U256) {
        self.entry(address).slots.insert(slot, value);
    }

    /// Hides all storage of an account.
    pub(crate) fn wipe_storage(&mut self, address: Address) {
        let changed = self.entry(address);
        changed.wiped = true;
        changed.slots.clear();
    }

    /// The changes that differ from the state below, in the order of address and slot.
    pub(crate) fn into_diff(self) -> StateDiff {
        let mut accounts: Vec<AccountChange> = self
            .accounts
            .into_iter()
            .filter_map(|(address, changed)| change_of(self.state, address, changed))
            .collect();
        accounts.sort_unstable_by_key(|change| change.address);
        let mut codes: Vec<(B256, Bytes)> = self
            .codes
            .into_iter()
            .filter(|(hash, _)| !self.state.holds_code(hash))
            .map(|(hash, code)| (hash, code.original_bytes()))
            .collect();
        codes.sort_unstable_by_key(|(hash, _)| *hash);
        StateDiff { accounts, codes: codes.into_iter().map(|(_, code)| code).collect() }
    }

    fn entry(&mut self, address: Address) -> &mut Changed {
        let state = self.state;
        self.accounts
            .entry(address)
            .or_insert_with(|| Changed { record: state.account(&address), ..Changed::default() })
    }
}

fn change_of(state: &State, address: Address, changed: Changed) -> Option<AccountChange> {
    let mut slots: Vec<SlotChange> = changed
        .slots
        .into_iter()
        .filter(|(slot, value)| {
            let below = if changed.wiped { U256::ZERO } else { state.slot(&address, slot) };
            *value != below
        })
        .map(|(slot, value)| SlotChange { slot, value })
        .collect();
    slots.sort_unstable_by_key(|change| change.slot);
    let unchanged = !changed.wiped && slots.is_empty() && changed.record == state.account(&address);
    (!unchanged).then_some(AccountChange { address, record: changed.record, wiped: changed.wiped, slots })
}

impl Database for View<'_> {
    type Error = Infallible;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        let record = self.account(&address);
        Ok((!record.is_empty()).then(|| AccountInfo {
            balance: record.balance,
            nonce: record.nonce,
            code_hash: record.code_hash,
            account_id: None,
            code: Some(self.code(&record.code_hash)),
        }))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, Infallible> {
        Ok(self.code(&code_hash))
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Infallible> {
        Ok(self.slot(&address, &slot))
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Infallible> {
        Ok(self.hashes.block_hash(number))
    }
}

impl DatabaseCommit for View<'_> {
    fn commit(&mut self, changes: AddressMap<Account>) {
        for (address, account) in changes {
            if !account.is_touched() {
                continue;
            }
            if account.is_selfdestructed() {
                self.wipe_storage(address);
                self.entry(address).record = AccountRecord::default();
                continue;
            }
            if account.is_created() {
                self.wipe_storage(address);
            }
            let changed = self.entry(address);
            changed.record = AccountRecord {
                balance: account.info.balance,
                nonce: account.info.nonce,
                code_hash: account.info.code_hash,
            };
            for (slot, value) in account.storage {
                if value.is_changed() {
                    changed.slots.insert(slot, value.present_value);
                }
            }
            if let Some(code) = account.info.code
                && !code.is_empty()
                && !self.state.holds_code(&account.info.code_hash)
            {
                self.codes.insert(account.info.code_hash, code);
            }
        }
    }
}
