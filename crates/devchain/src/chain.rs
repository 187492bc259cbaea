//! The chain: blocks, the state at its head, how to go back, and the pool.
//!
//! A pure machine: records go in through [`Chain::apply`], at run time and at recovery alike, so that a reopened chain is
//! the chain that was closed. Executes nothing, writes nothing, knows no clock.

mod next;

use std::collections::VecDeque;
use std::sync::Arc;

use alloy_primitives::map::B256Map;
use alloy_primitives::{Address, B256};

use crate::block::{Block, Mined};
use crate::config::BaseFee;
use crate::pool::Pool;
use crate::record::{Record, Settings};
use crate::state::{State, StateDiff, Undo};
use crate::view::BlockHashes;

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
