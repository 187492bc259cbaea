//! What the machine was told, durable: after a crash it is told the same again.

use alloy_primitives::B256;
use metacloud_chain::{BlockRef, Cursor};
use metacloud_dispatch::{ChainTime, Dispatch, Event, Instant};
use metacloud_store::{Database, Journal, StoreError};
use serde::{Deserialize, Serialize};

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

/// The machine, and how far it followed the chain. What a snapshot holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) machine: Dispatch,
    pub(crate) followed: Option<BlockRef>,
}

impl State {
    /// Takes a record that was taken before; what followed from it was done, or is asked for again.
    pub(crate) fn replay(&mut self, record: Record) {
        let mut done = Vec::new();
        let (at, event) = match record {
            Record::Took { at, event } => (at, event),
            Record::Followed { at, block } => {
                self.followed = Some(block);
                (at, head_seen(&block))
            }
            Record::Reverted { to } => {
                self.followed = Some(to);
                return;
            }
        };
        // Only events that had an effect are journalled, so none is refused now.
        let outcome = self.machine.handle(at, event, &mut done);
        debug_assert!(outcome.is_ok(), "a journalled event is taken again");
    }

    pub(crate) fn cursor(&self, start: Cursor) -> Cursor {
        self.followed.map_or(start, Cursor::from)
    }
}

pub(crate) fn head_seen(block: &BlockRef) -> Event {
    Event::HeadSeen { time: ChainTime::from_secs(block.timestamp_s) }
}

/// Opens the journal and brings the machine to where it was. A first start fixes its seed.
pub(crate) async fn open(database: &Database, seed: B256) -> Result<(Journal<Record>, State), StoreError> {
    let mut journal = Journal::open(database, "dispatch").await?;
    let state = match journal.latest_snapshot::<State>().await? {
        Some(mut state) => {
            journal.replay(|record| state.replay(record)).await?;
            state
        }
        None => {
            let state = State { machine: Dispatch::new(seed), followed: None };
            journal.snapshot(&state).await?;
            state
        }
    };
    Ok((journal, state))
}

/// Whether the journal has grown long enough to be replaced by a snapshot.
pub(crate) fn is_long(journal: &Journal<Record>) -> bool {
    journal.since_snapshot() >= limits::SNAPSHOT_EVERY
}
