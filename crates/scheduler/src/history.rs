//! What recent blocks told, to know what is in doubt when they are reverted.

use std::collections::{BTreeSet, VecDeque};

use metacloud_chain::BlockRef;
use metacloud_dispatch::{Dispatch, Event};
use metacloud_protocol::{DealId, TaskId};
use serde::{Deserialize, Serialize};

use crate::limits;

/// Deals and tasks that something was learnt about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subjects {
    pub(crate) deals: BTreeSet<DealId>,
    pub(crate) tasks: BTreeSet<TaskId>,
}

impl Subjects {
    pub(crate) fn is_empty(&self) -> bool {
        self.deals.is_empty() && self.tasks.is_empty()
    }

    fn add(&mut self, more: Self) {
        self.deals.extend(more.deals);
        self.tasks.extend(more.tasks);
    }
}

/// The blocks followed last, with what each told. Part of the state: replaying the journal makes it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History {
    blocks: VecDeque<(BlockRef, Subjects)>,
    /// Height of the newest block that was forgotten: what later ones told is known without gaps.
    forgotten: Option<u64>,
    /// What was learnt since the last block, by asking too, and what reverted blocks told: no block stands for it yet.
    loose: Subjects,
}

impl History {
    /// Notes a fact of the chain that the machine took; what workers say is none.
    pub(crate) fn note(&mut self, event: &Event) {
        match event {
            Event::DealSeen { deal, .. } | Event::DealReread { deal, .. } => {
                self.loose.deals.insert(*deal);
            }
            Event::TaskInitialized { task, .. }
            | Event::ContributionSeen { task, .. }
            | Event::ConsensusReached { task, .. }
            | Event::RevealSeen { task, .. }
            | Event::Reopened { task }
            | Event::Finalized { task }
            | Event::Claimed { task }
            | Event::TaskReread { task, .. } => {
                self.loose.tasks.insert(*task);
            }
            Event::HeadSeen { .. }
            | Event::WorkerJoined { .. }
            | Event::WorkerAssessed { .. }
            | Event::WorkerAway { .. }
            | Event::WorkerLost { .. }
            | Event::Reported { .. }
            | Event::EnclaveVerified { .. }
            | Event::UploadChecked { .. }
            | Event::TransactionFailed { .. }
            | Event::Restarted
            | Event::TimePassed => {}
        }
    }

    /// A block was dealt with: what was learnt before falls with it.
    pub(crate) fn follow(&mut self, block: BlockRef) {
        self.blocks.push_back((block, std::mem::take(&mut self.loose)));
        if self.blocks.len() > limits::HISTORY_BLOCKS_MAX {
            self.forgotten = self.blocks.pop_front().map(|(block, _)| block.number);
        }
    }

    /// Blocks after `to` are void. What they told is in doubt; everything is, if they are more than are remembered.
    pub(crate) fn revert(&mut self, to: &BlockRef, machine: &Dispatch) {
        if self.forgotten.is_some_and(|forgotten| to.number < forgotten) {
            let (deals, tasks) = machine.everything();
            self.loose.add(Subjects { deals: deals.collect(), tasks: tasks.collect() });
            self.forgotten = None;
        }
        while let Some((_, told)) = self.blocks.pop_back_if(|(block, _)| block.number > to.number) {
            self.loose.add(told);
        }
    }

    /// What no block stands for.
    pub(crate) fn in_doubt(&self) -> &Subjects {
        &self.loose
    }

    /// The blocks, oldest first; block 0 is none of them.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = BlockRef> {
        self.blocks.iter().map(|(block, _)| *block).filter(|block| block.number > 0)
    }

    /// A state of before history was kept knows its last block alone.
    pub(crate) fn begin(&mut self, followed: Option<BlockRef>) {
        if let Some(block) = followed.filter(|_| self.blocks.is_empty() && self.forgotten.is_none()) {
            self.forgotten = Some(block.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{B256, U256};
    use metacloud_dispatch::{ChainTime, Instant, Requirement, Settlement, Terms, Verification};
    use metacloud_protocol::{Nrlc, Tag};

    use super::*;

    fn block(number: u64) -> BlockRef {
        BlockRef { number, hash: B256::from(U256::from(number)), timestamp_s: number }
    }

    fn task(n: u8) -> TaskId {
        TaskId(B256::repeat_byte(n))
    }

    fn told(history: &mut History, number: u64, n: u8) {
        history.note(&Event::Finalized { task: task(n) });
        history.follow(block(number));
    }

    fn in_doubt(history: &History) -> Vec<TaskId> {
        history.in_doubt().tasks.iter().copied().collect()
    }

    #[test]
    fn what_reverted_blocks_told_is_in_doubt_until_another_block_comes() {
        let mut history = History::default();
        for n in 1..=4 {
            told(&mut history, n.into(), n);
        }
        let machine = Dispatch::new(B256::ZERO);
        history.revert(&block(2), &machine);
        assert_eq!(in_doubt(&history), [task(3), task(4)]);
        assert_eq!(history.blocks().collect::<Vec<_>>(), [block(1), block(2)]);
        // What was read meanwhile may be of a block that goes as well.
        told(&mut history, 3, 5);
        assert_eq!(in_doubt(&history), []);
        history.revert(&block(2), &machine);
        assert_eq!(in_doubt(&history), [task(3), task(4), task(5)]);
    }

    #[test]
    fn more_blocks_than_are_remembered_put_everything_in_doubt() {
        let mut machine = Dispatch::new(B256::ZERO);
        let terms = Terms {
            requirement: Requirement { tag: Tag::NONE, stake: Nrlc::ZERO },
            verification: Verification::Replication { trust: U256::ONE },
            settlement: Settlement::OneStep,
            callback: None,
            encrypted: false,
            compute: std::time::Duration::from_secs(1),
            contribution_deadline: ChainTime::from_secs(9),
            final_deadline: ChainTime::from_secs(10),
            refused: None,
        };
        let deal = DealId(B256::repeat_byte(7));
        let seen = Event::DealSeen { deal, terms, first: 0, size: 1 };
        let mut history = History::default();
        history.note(&seen);
        machine.handle(Instant::default(), seen, &mut vec![]).unwrap();
        for number in 1..=limits::HISTORY_BLOCKS_MAX as u64 + 2 {
            history.follow(block(number));
        }
        history.revert(&block(2), &machine);
        assert!(history.in_doubt().is_empty(), "all that was told after block 2 is remembered");
        history.revert(&block(1), &machine);
        assert!(history.in_doubt().deals.contains(&deal));
        assert_eq!(history.in_doubt().tasks.len(), 1);
    }
}
