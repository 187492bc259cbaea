//! What the next block would be, what a block parameter names, and what the pool checks at its door.

use std::sync::Arc;

use alloy::consensus::Transaction as _;
use alloy::eips::eip1559::BaseFeeParams;
use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, keccak256};

use crate::block::Block;
use crate::chain::{Chain, HISTORY_LAYERS_MAX};
use crate::config::BaseFee;
use crate::error::RpcError;
use crate::execute::{BlockContext, Run, check_gas};
use crate::record::{Record, Settings};
use crate::transaction::Transaction;
use crate::view::View;

impl Chain {
    /// What the next block would tell its transactions.
    pub(crate) fn next_context(&self, now_s: u64) -> BlockContext {
        let head = self.head();
        let number = head.header.number + 1;
        BlockContext {
            chain_id: self.rules.chain_id,
            number,
            timestamp_s: self.next_timestamp_s(now_s),
            gas_limit: self.block_gas_limit(),
            base_fee_wei: self.next_base_fee_wei(),
            beneficiary: self.settings.beneficiary,
            prevrandao: self.settings.next_prevrandao.unwrap_or_else(|| {
                let mut seed = [0; 40];
                seed[..32].copy_from_slice(head.hash.as_slice());
                seed[32..].copy_from_slice(&number.to_be_bytes());
                keccak256(seed)
            }),
        }
    }

    fn next_timestamp_s(&self, now_s: u64) -> u64 {
        self.settings.next_timestamp_s.unwrap_or_else(|| {
            now_s.saturating_add_signed(self.settings.time_offset_s).max(self.head().header.timestamp)
        })
    }

    /// The settings after a block of this time: what held once is used up, and the clock follows a time that was set.
    pub(crate) fn settings_after(&self, timestamp_s: u64, now_s: u64) -> Settings {
        let time_offset_s = match self.settings.next_timestamp_s {
            Some(_) => timestamp_s.cast_signed().wrapping_sub(now_s.cast_signed()),
            None => self.settings.time_offset_s,
        };
        Settings {
            time_offset_s,
            next_timestamp_s: None,
            next_base_fee_wei: None,
            next_prevrandao: None,
            ..self.settings
        }
    }

    pub(crate) fn block_gas_limit(&self) -> u64 {
        self.settings.gas_limit.unwrap_or(self.rules.block_gas_limit)
    }

    /// Base fee of the next block, in wei per gas.
    pub(crate) fn next_base_fee_wei(&self) -> u64 {
        if let Some(set) = self.settings.next_base_fee_wei {
            return set;
        }
        match self.rules.base_fee {
            BaseFee::Zero => 0,
            BaseFee::Eip1559 { .. } => {
                self.head().header.next_block_base_fee(BaseFeeParams::ethereum()).unwrap_or_default()
            }
        }
    }

    /// The record of a block of these executed transactions on the head.
    pub(crate) fn seal(&self, context: &BlockContext, run: Run, now_s: u64) -> Record {
        let block = Block::seal(self.blocks.last().map(|head| &**head), context, run.executed, &run.diff);
        Record::Block {
            block: Arc::new(block),
            settings: self.settings_after(context.timestamp_s, now_s),
            diff: run.diff,
        }
    }

    /// The state at the head, open for changes that do not touch it.
    pub(crate) fn view(&self) -> View<'_> {
        View::new(&self.state, self)
    }

    /// The state after a block.
    ///
    /// # Errors
    /// When the block is older than the history that is kept.
    pub(crate) fn view_at(&self, number: u64) -> Result<View<'_>, RpcError> {
        let mut view = self.view();
        let known = self.layers.front().is_none_or(|oldest| self.first_layer == 0 || oldest.block <= number);
        if !known {
            return Err(RpcError::refused(format!(
                "missing trie node: the state of block {number} is gone, this node keeps the last {HISTORY_LAYERS_MAX} changes"
            )));
        }
        for layer in self.layers.iter().rev() {
            if layer.block <= number {
                break;
            }
            view.undo(&layer.undo);
        }
        Ok(view)
    }

    /// Resolves a block parameter to the context of calls and to the state under it.
    ///
    /// # Errors
    /// No such block, or its state is gone.
    pub(crate) fn call_target(&self, id: BlockId, now_s: u64) -> Result<(BlockContext, View<'_>), RpcError> {
        if id == BlockId::Number(BlockNumberOrTag::Pending) {
            return Ok((self.next_context(now_s), self.view()));
        }
        let block = self.resolve(id).ok_or_else(|| RpcError::refused("header not found"))?;
        let view = self.view_at(block.header.number)?;
        Ok((block.context(self.rules.chain_id), view))
    }

    /// The block that a parameter names; the pending block counts as the head.
    pub(crate) fn resolve(&self, id: BlockId) -> Option<&Arc<Block>> {
        match id {
            BlockId::Hash(hash) => self.block_by_hash(&hash.block_hash),
            BlockId::Number(BlockNumberOrTag::Earliest) => self.blocks.first(),
            BlockId::Number(BlockNumberOrTag::Number(number)) => self.block(number),
            BlockId::Number(
                BlockNumberOrTag::Latest
                | BlockNumberOrTag::Pending
                | BlockNumberOrTag::Safe
                | BlockNumberOrTag::Finalized,
            ) => Some(self.head()),
        }
    }

    /// The next nonce of a sender, waiting transactions included.
    pub(crate) fn pending_nonce(&self, sender: &Address) -> u64 {
        self.pool.next_nonce(sender, self.state.account(sender).nonce)
    }

    /// Checks what geth's pool checks before it takes a transaction.
    ///
    /// # Errors
    /// With geth's texts.
    pub(crate) fn check(&self, transaction: &Transaction) -> Result<(), RpcError> {
        let gas_limit = self.block_gas_limit();
        if transaction.gas_limit() > gas_limit {
            return Err(RpcError::refused("exceeds block gas limit"));
        }
        let balance = self.state.account(&transaction.sender).balance;
        let sufficient = transaction.cost_max_wei().is_some_and(|cost| cost <= balance);
        if !sufficient {
            let cost = transaction.cost_max_wei().unwrap_or_default();
            return Err(RpcError::refused(format!(
                "insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {}",
                cost.saturating_sub(balance)
            )));
        }
        if let Some(tip) = transaction.envelope.max_priority_fee_per_gas()
            && tip > transaction.envelope.max_fee_per_gas()
        {
            return Err(RpcError::refused("max priority fee per gas higher than max fee per gas"));
        }
        check_gas(transaction)
    }
}
