//! The chain: blocks, the state at its head, how to go back, and the pool.
//!
//! A pure machine: records go in through [`Chain::apply`], at run time and at recovery alike, so that a reopened chain is
//! the chain that was closed. Executes nothing, writes nothing, knows no clock.

use std::collections::VecDeque;
use std::sync::Arc;

use alloy::consensus::Transaction as _;
use alloy::eips::eip1559::BaseFeeParams;
use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::map::B256Map;
use alloy_primitives::{Address, B256, keccak256};

use crate::block::{Block, Mined};
use crate::config::BaseFee;
use crate::error::RpcError;
use crate::execute::{BlockContext, Run};
use crate::pool::Pool;
use crate::record::{Record, Settings};
use crate::state::{State, StateDiff, Undo};
use crate::transaction::Transaction;
use crate::view::{BlockHashes, View};

/// Changes (blocks, and development methods between them) that can be undone or looked behind.
pub(crate) const HISTORY_LAYERS_MAX: usize = 8_192;
/// Undone blocks that are remembered, so that subscribers learn which logs went.
const UNDONE_BLOCKS_MAX: usize = 1_024;
/// Hashes of accepted transactions that pending-transaction filters can still fetch.
const ANNOUNCED_MAX: usize = 4_096;
/// Blocks below the head that the opcode BLOCKHASH sees.
const BLOCK_HASHES_VISIBLE: u64 = 256;

/// What stays the same for the life of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) chain_id: u64,
    pub(crate) base_fee: BaseFee,
    pub(crate) block_gas_limit: u64,
}

#[derive(Debug)]
struct Layer {
    /// The head after the layer.
    block: u64,
    undo: Undo,
    settings_before: Settings,
    is_block: bool,
}

/// The chain.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) rules: Rules,
    pub(crate) settings: Settings,
    pub(crate) pool: Pool,
    state: State,
    /// By number; the genesis is always there once the chain is in use.
    blocks: Vec<Arc<Block>>,
    by_hash: B256Map<u64>,
    /// Block and index of each mined transaction.
    transactions: B256Map<(u64, usize)>,
    layers: VecDeque<Layer>,
    /// Number of the oldest layer kept; layers are numbered from the genesis on, and a rewind sets the count back.
    first_layer: u64,
    undone: VecDeque<Arc<Block>>,
    announced: VecDeque<B256>,
    /// Number of the oldest announcement kept.
    first_announced: u64,
}

impl Chain {
    /// A chain without its genesis, which must be the first record.
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            settings: Settings::default(),
            pool: Pool::default(),
            state: State::default(),
            blocks: Vec::new(),
            by_hash: B256Map::default(),
            transactions: B256Map::default(),
            layers: VecDeque::new(),
            first_layer: 0,
            undone: VecDeque::new(),
            announced: VecDeque::new(),
            first_announced: 0,
        }
    }

    /// Takes one record in. `false`: it does not continue this chain, and nothing changed.
    pub(crate) fn apply(&mut self, record: Record) -> bool {
        match record {
            Record::Block { block, diff, settings } => {
                if !self.continues(&block) {
                    return false;
                }
                self.apply_block(block, &diff, settings);
            }
            Record::Change { .. } | Record::Waiting { .. } | Record::Rewind { .. }
                if self.blocks.is_empty() =>
            {
                return false;
            }
            Record::Change { diff, settings } => {
                self.apply_diff(&diff, false);
                self.settings = settings;
                self.drop_used(&diff);
            }
            Record::Rewind { layer } => {
                if !self.can_rewind(layer) {
                    return false;
                }
                self.rewind(layer);
            }
            Record::Waiting { transaction } => {
                let nonce = self.state.account(&transaction.sender).nonce;
                // A transaction that was accepted once is accepted again, unless a rewind in between made it unusable.
                let _ = self.pool.insert(transaction, nonce);
            }
            Record::Dropped { hash } => {
                self.pool.remove(&hash);
            }
        }
        true
    }

    fn continues(&self, block: &Block) -> bool {
        match self.blocks.last() {
            Some(head) => {
                block.header.parent_hash == head.hash && block.header.number == head.header.number + 1
            }
            None => block.header.number == 0,
        }
    }

    fn apply_block(&mut self, block: Arc<Block>, diff: &StateDiff, settings: Settings) {
        let number = block.header.number;
        self.by_hash.insert(block.hash, number);
        for (index, mined) in block.transactions.iter().enumerate() {
            self.transactions.insert(mined.transaction.hash, (number, index));
            self.pool.remove(&mined.transaction.hash);
        }
        let senders: Vec<Address> = block.transactions.iter().map(|mined| mined.transaction.sender).collect();
        self.blocks.push(block);
        self.apply_diff(diff, true);
        self.settings = settings;
        for sender in senders {
            self.pool.drop_used(sender, self.state.account(&sender).nonce);
        }
        assert_eq!(self.blocks.len() as u64, number + 1, "blocks are numbered without a gap");
    }

    fn apply_diff(&mut self, diff: &StateDiff, is_block: bool) {
        let undo = self.state.apply(diff);
        self.layers.push_back(Layer {
            block: self.head().header.number,
            undo,
            settings_before: self.settings,
            is_block,
        });
        if self.layers.len() > HISTORY_LAYERS_MAX {
            self.layers.pop_front();
            self.first_layer += 1;
        }
    }

    fn drop_used(&mut self, diff: &StateDiff) {
        for change in &diff.accounts {
            self.pool.drop_used(change.address, change.record.nonce);
        }
    }

    /// The number that the next layer gets: what a snapshot remembers.
    pub(crate) fn next_layer(&self) -> u64 {
        self.first_layer + self.layers.len() as u64
    }

    /// Whether everything from this layer on can be undone. The genesis stays.
    pub(crate) fn can_rewind(&self, layer: u64) -> bool {
        layer >= self.first_layer.max(1) && layer <= self.next_layer()
    }

    fn rewind(&mut self, layer: u64) {
        assert!(self.can_rewind(layer), "the caller checked");
        while self.next_layer() > layer {
            let last = self.layers.pop_back().expect("the layer is among those kept");
            self.state.undo(&last.undo);
            self.settings = last.settings_before;
            if last.is_block {
                self.undo_block();
            }
        }
        let senders: Vec<Address> = self.pool.senders().collect();
        for sender in senders {
            self.pool.drop_used(sender, self.state.account(&sender).nonce);
        }
    }

    fn undo_block(&mut self) {
        let block = self.blocks.pop().expect("each block layer has its block");
        assert!(block.header.number > 0, "the genesis stays");
        self.by_hash.remove(&block.hash);
        for mined in &block.transactions {
            self.transactions.remove(&mined.transaction.hash);
        }
        self.undone.push_back(block);
        if self.undone.len() > UNDONE_BLOCKS_MAX {
            self.undone.pop_front();
        }
    }

    /// The newest block.
    ///
    /// # Panics
    /// Before the genesis is applied, which start-up does first.
    pub(crate) fn head(&self) -> &Arc<Block> {
        self.blocks.last().expect("start-up applies the genesis")
    }

    /// Whether the genesis is there.
    pub(crate) fn has_genesis(&self) -> bool {
        !self.blocks.is_empty()
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    pub(crate) fn block(&self, number: u64) -> Option<&Arc<Block>> {
        self.blocks.get(usize::try_from(number).ok()?)
    }

    pub(crate) fn block_by_hash(&self, hash: &B256) -> Option<&Arc<Block>> {
        self.block(*self.by_hash.get(hash)?)
    }

    /// A block that an `evm_revert` undid.
    pub(crate) fn undone_block(&self, hash: &B256) -> Option<&Arc<Block>> {
        self.undone.iter().rev().find(|block| block.hash == *hash)
    }

    /// A mined transaction and its block.
    pub(crate) fn mined(&self, hash: &B256) -> Option<(&Arc<Block>, usize, &Mined)> {
        let (number, index) = *self.transactions.get(hash)?;
        let block = self.block(number)?;
        Some((block, index, block.transactions.get(index)?))
    }

    /// Announces an accepted transaction to pending-transaction subscribers.
    pub(crate) fn announce(&mut self, hash: B256) {
        self.announced.push_back(hash);
        if self.announced.len() > ANNOUNCED_MAX {
            self.announced.pop_front();
            self.first_announced += 1;
        }
    }

    /// The number that the next announcement gets.
    pub(crate) fn next_announcement(&self) -> u64 {
        self.first_announced + self.announced.len() as u64
    }

    /// Announcements from this number on, as far as they are kept.
    pub(crate) fn announcements(&self, from: u64) -> impl Iterator<Item = B256> + '_ {
        let skip = from.saturating_sub(self.first_announced);
        self.announced.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX)).copied()
    }

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
        crate::execute::check_gas(transaction)
    }
}

impl BlockHashes for Chain {
    fn block_hash(&self, number: u64) -> B256 {
        let head = self.head().header.number;
        if head.saturating_sub(number) >= BLOCK_HASHES_VISIBLE {
            return B256::ZERO;
        }
        self.block(number).map_or(B256::ZERO, |block| block.hash)
    }
}
