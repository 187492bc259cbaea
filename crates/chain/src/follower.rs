//! Blocks and logs in order: gap-free, aware of reorganisations, resumable.
//!
//! A round compares the chain with the last block told. Either that block still
//! stands, and the next piece is read: one block by its hash (atomic), or a
//! bounded range whose both ends are checked after its logs are in. Or it was
//! reverted: then the newest remembered block that still stands is told.

use std::collections::VecDeque;
use std::time::Duration;

use alloy_primitives::{Address, U64};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::block::{BlockRef, Header, Log};
use crate::chain::{Chain, LOG_RANGE_MAX, log_params};
use crate::error::{FollowError, RpcError};
use crate::heads;

/// Blocks remembered to find where a reorganisation forked.
const REMEMBERED_MAX: usize = 1_024;
/// A look at the chain happens at least this often, should a notice of a head be lost.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const MOVED_PAUSE: Duration = Duration::from_millis(5);
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// Where to follow from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cursor {
    /// From block 0 on, which is told as well.
    Genesis,
    /// From the block after the head at the time of the first [`Follower::next`].
    Head,
    /// From the block after this one.
    After {
        /// Height of the last block already known.
        number: u64,
        /// Its hash.
        hash: alloy_primitives::B256,
    },
}

impl From<BlockRef> for Cursor {
    fn from(block: BlockRef) -> Self {
        Self::After { number: block.number, hash: block.hash }
    }
}

/// What happened to the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainEvent {
    /// A block, with the logs of the followed contracts in order. While catching up, blocks
    /// without such logs may be passed over; the newest of each piece is always told.
    Block {
        /// The block.
        block: BlockRef,
        /// Its logs.
        logs: Vec<Log>,
    },
    /// Every block told after `to` is no longer part of the chain. What was learnt from them is
    /// void; the blocks that took their place follow.
    Reverted {
        /// The newest block told that still stands.
        to: BlockRef,
    },
}

/// Follows the logs of some contracts. Made by [`Chain::follow`].
#[derive(Debug)]
pub struct Follower {
    chain: Chain,
    addresses: Vec<Address>,
    heads: watch::Receiver<Option<Header>>,
    start: Option<Cursor>,
    /// Blocks told, oldest first; the last is where we are.
    told: VecDeque<BlockRef>,
    /// Block 0, once read: where a chain that is still the same one has forked at the earliest.
    origin: Option<BlockRef>,
    ready: VecDeque<ChainEvent>,
    range: u64,
    retry: Duration,
    /// The chain moved under the last round: ask for the head rather than believe the notice.
    moved: bool,
}

/// Why a round told nothing.
enum Pause {
    /// The chain has nothing new.
    Idle,
    /// It moved while we read; read again.
    Moved,
    Failed(RpcError),
    Fatal(FollowError),
}

impl From<RpcError> for Pause {
    fn from(error: RpcError) -> Self {
        Self::Failed(error)
    }
}

impl Follower {
    pub(crate) fn new(chain: Chain, start: Cursor, addresses: Vec<Address>) -> Self {
        let heads = chain.heads();
        Self {
            chain,
            addresses,
            heads,
            start: Some(start),
            told: VecDeque::new(),
            origin: None,
            ready: VecDeque::new(),
            range: LOG_RANGE_MAX,
            retry: RETRY_MIN,
            moved: false,
        }
    }

    /// Goes on after the last of `known`, all of them told in earlier runs: as if this follower had told them itself.
    pub(crate) fn resumed(chain: Chain, known: &[BlockRef], addresses: Vec<Address>) -> Self {
        let mut follower = Self::new(chain, Cursor::Genesis, addresses);
        debug_assert!(known.is_sorted_by_key(|block| block.number), "blocks are known in their order");
        follower.origin = known.first().filter(|block| block.number == 0).copied();
        follower.told = known[known.len().saturating_sub(REMEMBERED_MAX)..].iter().copied().collect();
        follower
    }

    /// The next event, waiting for it as long as it takes: a chain that cannot be reached is tried
    /// again for ever. Cancelling loses nothing.
    ///
    /// # Errors
    /// The place to go on from is not part of the chain (any more).
    pub async fn next(&mut self) -> Result<ChainEvent, FollowError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            self.heads.mark_unchanged();
            match self.round().await {
                Ok(()) => {
                    debug_assert!(!self.ready.is_empty(), "a round without pause told something");
                    (self.retry, self.moved) = (RETRY_MIN, false);
                }
                Err(Pause::Moved) => {
                    self.moved = true;
                    sleep(MOVED_PAUSE).await;
                }
                Err(Pause::Idle) => {
                    (self.retry, self.moved) = (RETRY_MIN, false);
                    // An error means that the chain handle is gone, which we hold: it cannot be.
                    let _ = timeout(LOOK_EVERY, self.heads.changed()).await;
                }
                Err(Pause::Failed(error)) => self.back_off(&error).await,
                Err(Pause::Fatal(error)) => return Err(error),
            }
        }
    }

    async fn back_off(&mut self, error: &RpcError) {
        if matches!(error, RpcError::Refused { .. } | RpcError::Malformed { .. }) && self.range > 1 {
            // Perhaps too many logs for one answer.
            self.range /= 2;
        }
        if self.retry == RETRY_MIN {
            warn!(%error, "following interrupted");
        } else {
            debug!(%error, "following still interrupted");
        }
        sleep(self.retry).await;
        self.retry = (self.retry * 2).min(RETRY_MAX);
    }

    async fn round(&mut self) -> Result<(), Pause> {
        if let Some(start) = self.start {
            self.begin(start).await?;
        }
        let target = match self.chain.confirmations() {
            0 => self.head().await?,
            behind => {
                let head = heads::latest(self.chain.rpc()).await?;
                let number = head.block.number.checked_sub(behind).ok_or(Pause::Idle)?;
                self.chain.block(number).await?.ok_or(Pause::Moved)?
            }
        };
        let Some(last) = self.told.back().copied() else {
            return self.read_range(None, &target).await;
        };
        if target.block == last {
            return Err(Pause::Idle);
        }
        if target.block.number == last.number + 1 && target.parent == last.hash {
            return self.read_block(target.block).await;
        }
        if target.block.number > last.number {
            return self.read_range(Some(last), &target).await;
        }
        self.find_fork(target.block.number).await
    }

    /// The head that was announced, if it is news that connects; else the one asked for.
    async fn head(&self) -> Result<Header, RpcError> {
        let announced = self.heads.borrow().clone();
        let last = self.told.back();
        match announced {
            Some(header) if !self.moved && last.is_some_and(|last| last.hash == header.parent) => Ok(header),
            _ => heads::latest(self.chain.rpc()).await,
        }
    }

    async fn begin(&mut self, start: Cursor) -> Result<(), Pause> {
        if self.origin.is_none() {
            self.origin = Some(self.chain.block(0).await?.ok_or(Pause::Moved)?.block);
        }
        match start {
            Cursor::Genesis => {}
            Cursor::Head => {
                let head = heads::latest(self.chain.rpc()).await?.block;
                let number = head.number.saturating_sub(self.chain.confirmations());
                let block = self.chain.block(number).await?.ok_or(Pause::Moved)?;
                self.told.push_back(block.block);
            }
            Cursor::After { number, hash } => {
                let known = self.chain.block(number).await?;
                match known.filter(|known| known.block.hash == hash) {
                    Some(known) => self.told.push_back(known.block),
                    None => return Err(Pause::Fatal(FollowError::UnknownCursor { number, hash })),
                }
            }
        }
        self.start = None;
        Ok(())
    }

    async fn read_block(&mut self, block: BlockRef) -> Result<(), Pause> {
        let mut filter = json!({"blockHash": block.hash});
        if !self.addresses.is_empty() {
            filter["address"] = json!(self.addresses);
        }
        let logs = self.chain.rpc().request("eth_getLogs", json!([filter])).await;
        match logs {
            Ok(logs) => {
                self.tell(block, logs);
                Ok(())
            }
            // The block may have gone while we asked; if not, the next round asks again.
            Err(RpcError::Refused { .. }) if self.is_gone(block).await? => Err(Pause::Moved),
            Err(error) => Err(error.into()),
        }
    }

    async fn is_gone(&self, block: BlockRef) -> Result<bool, RpcError> {
        let found = self.chain.block(block.number).await?;
        Ok(found.is_none_or(|found| found.block.hash != block.hash))
    }

    /// Reads up to `range` blocks after `last`. The logs, then the headers at both ends, arrive in
    /// one batch: if the upper end is the block of the target's chain before and after, so are the logs.
    async fn read_range(&mut self, last: Option<BlockRef>, target: &Header) -> Result<(), Pause> {
        let from = last.map_or(0, |last| last.number + 1);
        let to = target.block.number.min(from.saturating_add(self.range - 1));
        let upper = if to == target.block.number {
            target.block
        } else {
            self.chain.block(to).await?.ok_or(Pause::Moved)?.block
        };
        let lower = last.map_or(0, |last| last.number);
        let requests = vec![
            ("eth_getLogs", log_params(from, to, &self.addresses, &[])),
            ("eth_getBlockByNumber", header_params(lower)),
            ("eth_getBlockByNumber", header_params(to)),
        ];
        let rpc = self.chain.rpc();
        let mut answers = rpc.batch(requests).await?.into_iter();
        let mut answer = || answers.next().expect("a batch has one answer for each request");
        let logs = rpc.read::<Vec<Log>>("eth_getLogs", &answer()?)?;
        let lower: Option<Header> = rpc.read("eth_getBlockByNumber", &answer()?)?;
        let after: Option<Header> = rpc.read("eth_getBlockByNumber", &answer()?)?;
        if after.is_none_or(|after| after.block != upper) {
            return Err(Pause::Moved);
        }
        if let Some(last) = last.filter(|last| lower.is_none_or(|found| found.block != *last)) {
            return self.find_fork(last.number).await;
        }
        let times = self.times(&logs, upper).await?;
        self.tell_range(logs, &times, upper);
        self.range = (self.range * 2).min(LOG_RANGE_MAX);
        Ok(())
    }

    /// The blocks of `logs` below `upper`, with their times.
    async fn times(&self, logs: &[Log], upper: BlockRef) -> Result<Vec<BlockRef>, Pause> {
        let mut numbers: Vec<u64> = logs.iter().map(|log| log.block_number).collect();
        numbers.dedup();
        numbers.retain(|number| *number != upper.number);
        if !numbers.is_sorted_by(|a, b| a < b) || numbers.last().is_some_and(|n| *n > upper.number) {
            return Err(self.disorder().into());
        }
        let mut blocks = self.headers(&numbers).await?;
        blocks.push(upper);
        for log in logs {
            let place = blocks.binary_search_by_key(&log.block_number, |block| block.number);
            if !place.is_ok_and(|place| blocks[place].hash == log.block_hash) {
                return Err(Pause::Moved);
            }
        }
        Ok(blocks)
    }

    fn disorder(&self) -> RpcError {
        RpcError::Malformed {
            url: self.chain.shown().to_owned(),
            method: "eth_getLogs".to_owned(),
            reason: "logs out of order".to_owned(),
        }
    }

    async fn headers(&self, numbers: &[u64]) -> Result<Vec<BlockRef>, Pause> {
        let requests =
            numbers.iter().map(|number| ("eth_getBlockByNumber", header_params(*number))).collect();
        let rpc = self.chain.rpc();
        let mut blocks = Vec::with_capacity(numbers.len());
        for answer in rpc.batch(requests).await? {
            let header: Option<Header> = rpc.read("eth_getBlockByNumber", &answer?)?;
            blocks.push(header.ok_or(Pause::Moved)?.block);
        }
        Ok(blocks)
    }

    fn tell_range(&mut self, logs: Vec<Log>, blocks: &[BlockRef], upper: BlockRef) {
        let mut logs = logs.into_iter().peekable();
        for block in blocks {
            let mut own = Vec::new();
            while let Some(log) = logs.next_if(|log| log.block_hash == block.hash) {
                own.push(log);
            }
            self.tell(*block, own);
        }
        debug_assert!(logs.next().is_none(), "each log belongs to a block of the range");
        debug_assert_eq!(self.told.back(), Some(&upper), "the newest block is told last");
    }

    fn tell(&mut self, block: BlockRef, logs: Vec<Log>) {
        debug_assert!(self.told.back().is_none_or(|last| last.number < block.number));
        if self.told.len() == REMEMBERED_MAX {
            self.told.pop_front();
        }
        self.told.push_back(block);
        self.ready.push_back(ChainEvent::Block { block, logs });
    }

    /// Tells the newest remembered block, at most at `height`, that is still part of the chain; block 0 if the chain
    /// lost more than is remembered.
    async fn find_fork(&mut self, height: u64) -> Result<(), Pause> {
        let known: Vec<BlockRef> =
            self.origin.iter().chain(&self.told).filter(|block| block.number <= height).copied().collect();
        let Some(fork) = self.chain.newest_of(&known).await? else {
            let head = self.told.back().map_or(0, |block| block.number);
            let remembered = self.told.len();
            return Err(Pause::Fatal(FollowError::TooDeep { head, remembered }));
        };
        if self.told.back() == Some(&fork) {
            return Err(Pause::Moved);
        }
        self.told.retain(|block| block.number <= fork.number);
        if self.told.is_empty() {
            self.told.push_back(fork);
        }
        self.ready.push_back(ChainEvent::Reverted { to: fork });
        Ok(())
    }
}

fn header_params(number: u64) -> Value {
    json!([U64::from(number), false])
}
