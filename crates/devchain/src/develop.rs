//! Development methods: time, snapshots, state surgery, impersonation, mining on demand; and sending with the node's keys.

use std::collections::BTreeSet;
use std::time::Duration;

use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::rpc::types::TransactionRequest;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use serde_json::{Value, json};

use crate::accounts;
use crate::call::{CallFees, estimate};
use crate::error::RpcError;
use crate::executor::{Executor, Mode, clock_s};
use crate::record::{Record, Settings};
use crate::transaction::Transaction;
use crate::view::View;

/// Blocks that one `hardhat_mine` or `anvil_mine` makes at most.
pub(crate) const MINE_BLOCKS_MAX: u64 = 10_000;
/// Snapshots that can be reverted to; the oldest goes.
const SNAPSHOTS_MAX: usize = 1_024;
/// Impersonated accounts at once.
const IMPERSONATED_MAX: usize = 4_096;
/// Largest time that can be set, in seconds since the Unix epoch: JavaScript still represents it exactly.
const TIMESTAMP_MAX_S: u64 = (1 << 53) - 1;

/// One development method with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Mine {
        blocks: u64,
        /// Seconds between the blocks, from the second on.
        interval_s: u64,
        /// Time of the (first) block.
        timestamp_s: Option<u64>,
        /// What the method answers.
        answer: Value,
    },
    Snapshot,
    Revert(u64),
    IncreaseTime(i64),
    SetTime(u64),
    SetNextTimestamp(u64),
    SetAutomine(bool),
    SetInterval(Duration),
    SetBalance(Address, U256),
    SetNonce(Address, u64),
    SetCode(Address, Bytes),
    SetStorage(Address, U256, U256),
    SetBeneficiary(Address),
    SetNextBaseFee(u64),
    SetNextPrevrandao(B256),
    SetGasLimit(u64),
    Impersonate(Address),
    StopImpersonating(Address),
    ImpersonateAll(bool),
    DropTransaction(B256),
}

impl Executor {
    pub(crate) fn develop(&mut self, op: Op) -> Result<Value, RpcError> {
        match op {
            Op::Mine { blocks, interval_s, timestamp_s, answer } => {
                self.mine(blocks, interval_s, timestamp_s).map(|()| answer)
            }
            Op::Snapshot => Ok(self.snapshot()),
            Op::Revert(id) => self.revert(id),
            Op::IncreaseTime(seconds) => self.increase_time(seconds),
            Op::SetTime(timestamp_s) => self.set_time(timestamp_s),
            Op::SetNextTimestamp(timestamp_s) => self.set_next_timestamp(timestamp_s),
            Op::SetAutomine(on) => self.set_automine(on),
            Op::SetInterval(period) => {
                self.set_mode(if period.is_zero() { Mode::Manual } else { Mode::Every(period) });
                Ok(json!(true))
            }
            Op::SetBalance(address, wei) => self.change_state(|view| view.set_balance(address, wei)),
            Op::SetNonce(address, nonce) => self.set_nonce(address, nonce),
            Op::SetCode(address, code) => self.change_state(|view| view.set_code(address, code)),
            Op::SetStorage(address, slot, value) => {
                self.change_state(|view| view.set_slot(address, slot, value))
            }
            Op::SetBeneficiary(address) => self.change_settings(|settings| settings.beneficiary = address),
            Op::SetNextBaseFee(wei) => {
                self.change_settings(|settings| settings.next_base_fee_wei = Some(wei))
            }
            Op::SetNextPrevrandao(value) => {
                self.change_settings(|settings| settings.next_prevrandao = Some(value))
            }
            Op::SetGasLimit(gas) => self.change_settings(|settings| settings.gas_limit = Some(gas)),
            Op::Impersonate(address) => self.impersonate(address),
            Op::StopImpersonating(address) => {
                self.impersonated.remove(&address);
                Ok(json!(true))
            }
            Op::ImpersonateAll(on) => {
                self.impersonates_all = on;
                Ok(json!(true))
            }
            Op::DropTransaction(hash) => self.drop_transaction(hash),
        }
    }

    fn mine(&mut self, blocks: u64, interval_s: u64, timestamp_s: Option<u64>) -> Result<(), RpcError> {
        if blocks > MINE_BLOCKS_MAX {
            return Err(RpcError::limit(format!(
                "at most {MINE_BLOCKS_MAX} blocks can be mined at once, not {blocks}"
            )));
        }
        if let Some(timestamp_s) = timestamp_s {
            self.set_next_timestamp(timestamp_s)?;
        }
        for index in 0..blocks {
            if index > 0 && interval_s > 0 {
                let next = self.read().head().header.timestamp.saturating_add(interval_s);
                self.set_next_timestamp(next)?;
            }
            self.mine_one()?;
        }
        Ok(())
    }

    fn snapshot(&mut self) -> Value {
        let id = self.snapshot_next;
        let layer = self.read().next_layer();
        self.snapshot_next += 1;
        self.snapshots.insert(id, layer);
        if self.snapshots.len() > SNAPSHOTS_MAX {
            self.snapshots.pop_first();
        }
        json!(format!("{id:#x}"))
    }

    fn revert(&mut self, id: u64) -> Result<Value, RpcError> {
        let Some(&layer) = self.snapshots.get(&id) else {
            return Ok(json!(false));
        };
        if !self.read().can_rewind(layer) {
            return Err(RpcError::refused(format!(
                "snapshot {id:#x} is older than the last {} changes, which is what this node can undo",
                crate::chain::HISTORY_LAYERS_MAX
            )));
        }
        self.commit(Record::Rewind { layer })?;
        // A snapshot is used up by reverting to it, and those taken later describe a future that is gone.
        self.snapshots.split_off(&id);
        Ok(json!(true))
    }

    fn increase_time(&mut self, seconds: i64) -> Result<Value, RpcError> {
        let offset_s = self
            .read()
            .settings
            .time_offset_s
            .checked_add(seconds)
            .filter(|offset| offset.unsigned_abs() <= TIMESTAMP_MAX_S)
            .ok_or_else(|| RpcError::invalid_params("the time would be out of range"))?;
        self.change_settings(|settings| settings.time_offset_s = offset_s)?;
        Ok(json!(offset_s))
    }

    fn set_time(&mut self, timestamp_s: u64) -> Result<Value, RpcError> {
        check_timestamp(timestamp_s)?;
        let offset_s = timestamp_s.cast_signed() - clock_s().cast_signed();
        self.change_settings(|settings| settings.time_offset_s = offset_s)?;
        Ok(json!(offset_s))
    }

    fn set_next_timestamp(&mut self, timestamp_s: u64) -> Result<Value, RpcError> {
        check_timestamp(timestamp_s)?;
        let parent_s = self.read().head().header.timestamp;
        if timestamp_s < parent_s {
            return Err(RpcError::invalid_params(format!(
                "timestamp {timestamp_s} is lower than the latest block's, {parent_s}"
            )));
        }
        self.change_settings(|settings| settings.next_timestamp_s = Some(timestamp_s))?;
        Ok(json!(timestamp_s))
    }

    fn set_automine(&mut self, on: bool) -> Result<Value, RpcError> {
        match (on, self.mode) {
            (true, _) => {
                self.set_mode(Mode::Instant);
                let senders: BTreeSet<Address> = self.read().pool.senders().collect();
                self.mine_ready(&senders, &mut Vec::new())?;
            }
            (false, Mode::Instant) => self.set_mode(Mode::Manual),
            (false, Mode::Every(_) | Mode::Manual) => {}
        }
        Ok(json!(true))
    }

    fn set_nonce(&mut self, address: Address, nonce: u64) -> Result<Value, RpcError> {
        let current = self.read().state().account(&address).nonce;
        if nonce < current {
            return Err(RpcError::invalid_params(format!(
                "new nonce {nonce} must not be below the current nonce {current}"
            )));
        }
        self.change_state(|view| view.set_nonce(address, nonce))
    }

    fn impersonate(&mut self, address: Address) -> Result<Value, RpcError> {
        if self.impersonated.len() >= IMPERSONATED_MAX {
            return Err(RpcError::limit(format!(
                "{IMPERSONATED_MAX} accounts are impersonated; stop one first"
            )));
        }
        self.impersonated.insert(address);
        Ok(json!(true))
    }

    fn drop_transaction(&mut self, hash: B256) -> Result<Value, RpcError> {
        if self.read().pool.get(&hash).is_none() {
            return Ok(Value::Null);
        }
        self.commit(Record::Dropped { hash })?;
        Ok(json!(hash))
    }

    fn change_state(&mut self, change: impl FnOnce(&mut View<'_>)) -> Result<Value, RpcError> {
        let record = {
            let chain = self.read();
            let mut view = chain.view();
            change(&mut view);
            Record::Change { diff: view.into_diff(), settings: chain.settings }
        };
        self.commit(record)?;
        Ok(json!(true))
    }

    fn change_settings(&mut self, change: impl FnOnce(&mut Settings)) -> Result<Value, RpcError> {
        let mut settings = self.read().settings;
        change(&mut settings);
        self.commit(Record::Change { diff: crate::state::StateDiff::default(), settings })?;
        Ok(json!(true))
    }

    /// Fills in what `eth_sendTransaction` left open, and signs.
    pub(crate) fn complete(&self, request: TransactionRequest) -> Result<Transaction, RpcError> {
        let Some(from) = request.from else {
            return Err(RpcError::invalid_params("missing field: from"));
        };
        let signer = accounts::signer(from);
        let impersonated = self.impersonates_all || self.impersonated.contains(&from);
        if signer.is_none() && !impersonated {
            return Err(RpcError::refused("unknown account"));
        }
        let unsigned = self.fill(request, from)?;
        match signer {
            Some(signer) => Transaction::signed(unsigned, from, signer),
            None => Ok(Transaction::impersonated(unsigned, from)),
        }
    }

    fn fill(
        &self,
        mut request: TransactionRequest,
        from: Address,
    ) -> Result<alloy::consensus::TypedTransaction, RpcError> {
        let chain = self.read();
        match request.chain_id {
            Some(chain_id) if chain_id != chain.rules.chain_id => {
                return Err(RpcError::refused(format!(
                    "chainId does not match node's (have={chain_id}, want={})",
                    chain.rules.chain_id
                )));
            }
            Some(_) | None => request.chain_id = Some(chain.rules.chain_id),
        }
        if request.blob_versioned_hashes.is_some() || request.sidecar.is_some() {
            return Err(RpcError::refused(
                "transaction type not supported: blob transactions (EIP-4844) are not accepted by this node",
            ));
        }
        request.nonce.get_or_insert(chain.pending_nonce(&from));
        request.to.get_or_insert(TxKind::Create);
        let fees = CallFees::of(&chain);
        if request.gas_price.is_none() {
            let tip = *request.max_priority_fee_per_gas.get_or_insert(fees.tip_wei);
            request.max_fee_per_gas.get_or_insert(fees.base_fee_wei * 2 + tip);
        }
        if request.gas.is_none() {
            let pending = BlockId::Number(BlockNumberOrTag::Pending);
            let (context, view) = chain.call_target(pending, clock_s())?;
            request.gas = Some(estimate(view, context, &request)?);
        }
        request
            .build_typed_tx()
            .map_err(|_| RpcError::invalid_params("the fields do not make one kind of transaction"))
    }
}

fn check_timestamp(timestamp_s: u64) -> Result<(), RpcError> {
    if timestamp_s > TIMESTAMP_MAX_S {
        return Err(RpcError::invalid_params(format!("timestamp {timestamp_s} is beyond {TIMESTAMP_MAX_S}")));
    }
    Ok(())
}
