//! Log queries, polled filters, and the walk from what a client has seen to the head.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy::eips::BlockNumberOrTag;
use alloy::rpc::types::{Filter, FilterBlockOption, Log};
use alloy_primitives::{B256, U64, U256};
use serde_json::{Value, json};

use crate::block::Block;
use crate::chain::Chain;
use crate::error::RpcError;
use crate::rpc::present;

/// Installed filters at once.
const FILTERS_MAX: usize = 1_024;
/// A filter that nobody polls for so long goes.
const FILTER_LIFE: Duration = Duration::from_secs(300);
/// Logs of one answer.
pub(crate) const LOGS_MAX: usize = 20_000;
/// Addresses, or alternatives for one topic, in one filter.
const ALTERNATIVES_MAX: usize = 1_000;
/// Blocks that a polled filter or a subscription takes in one step.
pub(crate) const STEP_BLOCKS_MAX: u64 = 1_024;

/// The newest block that a client has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    number: u64,
    hash: B256,
}

impl Cursor {
    pub(crate) fn at(block: &Block) -> Self {
        Self { number: block.header.number, hash: block.hash }
    }
}

/// What happened between a cursor and the head, or the first [`STEP_BLOCKS_MAX`] blocks of it.
pub(crate) struct Step {
    /// Undone blocks, newest first.
    pub(crate) undone: Vec<Arc<Block>>,
    /// New blocks, oldest first.
    pub(crate) added: Vec<Arc<Block>>,
}

/// Takes the cursor a step towards the head; `None` when it points into a past that is forgotten.
pub(crate) fn step(chain: &Chain, cursor: &mut Cursor) -> Option<Step> {
    let mut undone = Vec::new();
    let mut at = *cursor;
    while chain.block(at.number).is_none_or(|block| block.hash != at.hash) {
        let block = Arc::clone(chain.undone_block(&at.hash)?);
        at = Cursor { number: at.number.checked_sub(1)?, hash: block.header.parent_hash };
        undone.push(block);
    }
    let last = chain.head().header.number.min(at.number + STEP_BLOCKS_MAX);
    let added: Vec<Arc<Block>> =
        (at.number + 1..=last).filter_map(|number| chain.block(number).cloned()).collect();
    if let Some(newest) = added.last() {
        at = Cursor::at(newest);
    }
    *cursor = at;
    Some(Step { undone, added })
}

/// Checks the size of a filter.
///
/// # Errors
/// Too many alternatives.
pub(crate) fn check(filter: &Filter) -> Result<(), RpcError> {
    let alternatives = filter.topics.iter().map(|topic| topic.len()).chain([filter.address.len()]).max();
    if alternatives.is_some_and(|count| count > ALTERNATIVES_MAX) {
        return Err(RpcError::invalid_params(format!(
            "exceed max addresses or topics: at most {ALTERNATIVES_MAX}"
        )));
    }
    Ok(())
}

/// The logs that a query names.
///
/// # Errors
/// Unknown block hash, a range that ends before it begins, too many logs.
pub(crate) fn query(chain: &Chain, filter: &Filter) -> Result<Vec<Log>, RpcError> {
    let (from, to) = match filter.block_option {
        FilterBlockOption::AtBlockHash(hash) => {
            let block = chain.block_by_hash(&hash).ok_or_else(|| RpcError::refused("unknown block"))?;
            (block.header.number, block.header.number)
        }
        FilterBlockOption::Range { from_block, to_block } => {
            let head = chain.head().header.number;
            let number = |tag: Option<BlockNumberOrTag>| match tag {
                Some(BlockNumberOrTag::Number(number)) => number,
                Some(BlockNumberOrTag::Earliest) => 0,
                Some(
                    BlockNumberOrTag::Latest
                    | BlockNumberOrTag::Pending
                    | BlockNumberOrTag::Safe
                    | BlockNumberOrTag::Finalized,
                )
                | None => head,
            };
            let (from, to) = (number(from_block), number(to_block));
            if from > to {
                return Err(RpcError::invalid_params("invalid block range params"));
            }
            (from, to.min(head))
        }
    };
    let mut found = Vec::new();
    for number in from..=to {
        let Some(block) = chain.block(number) else {
            break;
        };
        collect(block, filter, false, &mut found);
        if found.len() > LOGS_MAX {
            return Err(RpcError::limit(format!(
                "query returned more than {LOGS_MAX} results; ask for fewer blocks than {from} to {to}"
            )));
        }
    }
    Ok(found)
}

/// Appends the logs of a block that match.
pub(crate) fn collect(block: &Block, filter: &Filter, removed: bool, found: &mut Vec<Log>) {
    if block.transactions.is_empty() || !filter.matches_bloom(block.header.logs_bloom) {
        return;
    }
    for (index, mined) in block.transactions.iter().enumerate() {
        let matching = present::logs(block, index, mined, removed).filter(|log| filter.matches(&log.inner));
        found.extend(matching);
    }
}

/// What a filter watches.
#[derive(Debug)]
pub(crate) enum Watched {
    Blocks,
    Logs(Box<Filter>),
    /// Next announcement to report.
    Transactions(u64),
}

#[derive(Debug)]
struct Polled {
    watched: Watched,
    cursor: Cursor,
    polled: Instant,
}

/// Filters that clients poll.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    installed: BTreeMap<u64, Polled>,
    count: u64,
}

impl Filters {
    /// Installs a filter; the answer is its id.
    ///
    /// # Errors
    /// Too many filters.
    pub(crate) fn install(
        &mut self,
        chain: &Chain,
        watched: Watched,
        now: Instant,
    ) -> Result<Value, RpcError> {
        self.installed.retain(|_, filter| now.duration_since(filter.polled) < FILTER_LIFE);
        if self.installed.len() >= FILTERS_MAX {
            return Err(RpcError::limit(format!("{FILTERS_MAX} filters are installed; uninstall one first")));
        }
        self.count += 1;
        self.installed.insert(self.count, Polled { watched, cursor: Cursor::at(chain.head()), polled: now });
        Ok(json!(U64::from(self.count)))
    }

    pub(crate) fn uninstall(&mut self, id: U256) -> bool {
        u64::try_from(id).is_ok_and(|id| self.installed.remove(&id).is_some())
    }

    /// The whole answer of a log filter's query, and that somebody asked.
    ///
    /// # Errors
    /// No such log filter.
    pub(crate) fn log_filter(&mut self, id: U256, now: Instant) -> Result<Filter, RpcError> {
        let polled = self.get(id, now)?;
        match &polled.watched {
            Watched::Logs(filter) => Ok((**filter).clone()),
            Watched::Blocks | Watched::Transactions(_) => Err(not_found()),
        }
    }

    /// What is new since the last poll.
    ///
    /// # Errors
    /// No such filter, or it was not polled for so long that its place in the chain is forgotten.
    pub(crate) fn changes(&mut self, chain: &Chain, id: U256, now: Instant) -> Result<Value, RpcError> {
        let polled = self.get(id, now)?;
        if let Watched::Transactions(next) = &mut polled.watched {
            let hashes: Vec<B256> = chain.announcements(*next).collect();
            *next = chain.next_announcement();
            return Ok(json!(hashes));
        }
        let Step { undone, added } = step(chain, &mut polled.cursor).ok_or_else(not_found)?;
        Ok(match &polled.watched {
            Watched::Blocks => json!(added.iter().map(|block| block.hash).collect::<Vec<_>>()),
            Watched::Logs(filter) => json!(changed_logs(filter, &undone, &added)),
            Watched::Transactions(_) => Value::Array(Vec::new()),
        })
    }

    fn get(&mut self, id: U256, now: Instant) -> Result<&mut Polled, RpcError> {
        let polled = u64::try_from(id)
            .ok()
            .and_then(|id| self.installed.get_mut(&id))
            .filter(|filter| now.duration_since(filter.polled) < FILTER_LIFE)
            .ok_or_else(not_found)?;
        polled.polled = now;
        Ok(polled)
    }
}

/// Logs that went (newest block first), then logs that came.
pub(crate) fn changed_logs(filter: &Filter, undone: &[Arc<Block>], added: &[Arc<Block>]) -> Vec<Log> {
    let bounds = |block: &Block| match filter.block_option {
        FilterBlockOption::Range { from_block, to_block } => {
            let number = block.header.number;
            from_block.and_then(|from| from.as_number()).is_none_or(|from| from <= number)
                && to_block.and_then(|to| to.as_number()).is_none_or(|to| number <= to)
        }
        FilterBlockOption::AtBlockHash(hash) => hash == block.hash,
    };
    let mut found = Vec::new();
    for (blocks, removed) in [(undone, true), (added, false)] {
        for block in blocks.iter().filter(|block| bounds(block)) {
            collect(block, filter, removed, &mut found);
        }
    }
    found
}

fn not_found() -> RpcError {
    RpcError::refused("filter not found")
}
