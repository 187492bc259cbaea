//! What the machine was told, durable: after a crash it is told the same again.

use alloy_primitives::{Address, B256};
use metacloud_chain::BlockRef;
use metacloud_dispatch::{ChainTime, Dispatch, Event, Instant};
use metacloud_store::{Database, Journal, StoreError};
use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::limits;

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Record {
    /// The machine took an event.
    Took { at: Instant, event: Event },
    /// A block was dealt with; its time is an event as well.
    Followed { at: Instant, block: BlockRef },
    /// Blocks after this one are no longer part of the chain.
    Reverted { to: BlockRef },
}

/// Whose journal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) chain_id: u64,
    /// Hash of block 0.
    pub(crate) genesis: B256,
    pub(crate) hub: Address,
    pub(crate) workerpool: Address,
}

/// The machine, and how far it followed the chain. What a snapshot holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) machine: Dispatch,
    pub(crate) followed: Option<BlockRef>,
    /// Absent in what was written before it was kept.
    #[serde(default)]
    pub(crate) origin: Option<Origin>,
    #[serde(default)]
    pub(crate) history: History,
}

impl State {
    /// Takes a record that was taken before; what followed from it was done, or is asked for again.
    pub(crate) fn replay(&mut self, record: Record) {
        match record {
            Record::Took { at, event } => {
                self.history.note(&event);
                self.replay_event(at, event);
            }
            Record::Followed { at, block } => {
                self.follow(block);
                self.replay_event(at, head_seen(&block));
            }
            Record::Reverted { to } => self.revert(to),
        }
    }

    fn replay_event(&mut self, at: Instant, event: Event) {
        // Only events that had an effect are journalled, so none is refused now.
        let outcome = self.machine.handle(at, event, &mut Vec::new());
        debug_assert!(outcome.is_ok(), "a journalled event is taken again");
    }

    /// A block was dealt with.
    pub(crate) fn follow(&mut self, block: BlockRef) {
        self.followed = Some(block);
        self.history.follow(block);
    }

    /// Blocks after `to` are void; what they told has to be read anew.
    pub(crate) fn revert(&mut self, to: BlockRef) {
        self.history.revert(&to, &self.machine);
        self.followed = Some(to);
    }

    /// Blocks that were followed, oldest first, with `genesis` as block 0; none before the first.
    pub(crate) fn known_blocks(&self, genesis: BlockRef) -> Vec<BlockRef> {
        let Some(followed) = self.followed else { return Vec::new() };
        let mut known = vec![genesis];
        known.extend(self.history.blocks());
        if known.last().is_some_and(|last| last.number < followed.number) {
            known.push(followed);
        }
        known
    }
}

pub(crate) fn head_seen(block: &BlockRef) -> Event {
    Event::HeadSeen { time: ChainTime::from_secs(block.timestamp_s) }
}

/// Opens the journal and brings the machine to where it was. A first start fixes its seed, and whose journal it is.
///
/// # Errors
/// The journal's own; `Ok(Err(origin))` if it is somebody else's.
pub(crate) async fn open(
    database: &Database,
    seed: B256,
    origin: Origin,
) -> Result<Result<(Journal<Record>, State), Origin>, StoreError> {
    let mut journal = Journal::open(database, "dispatch").await?;
    let mut state = match journal.latest_snapshot::<State>().await? {
        Some(mut state) => {
            state.history.begin(state.followed);
            journal.replay(|record| state.replay(record)).await?;
            state
        }
        None => {
            State { machine: Dispatch::new(seed), followed: None, origin: None, history: History::default() }
        }
    };
    match state.origin {
        Some(found) if found != origin => return Ok(Err(found)),
        Some(_) => {}
        None => {
            state.origin = Some(origin);
            journal.snapshot(&state).await?;
        }
    }
    Ok(Ok((journal, state)))
}

/// Whether the journal has grown long enough to be replaced by a snapshot.
pub(crate) fn is_long(journal: &Journal<Record>) -> bool {
    journal.since_snapshot() >= limits::SNAPSHOT_EVERY
}
