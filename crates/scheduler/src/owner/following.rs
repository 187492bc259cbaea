//! What the chain tells: blocks become events, and what reverted blocks told is read anew before anything else is taken
//! from the chain.

use metacloud_chain::BlockRef;
use metacloud_dispatch::{Event, WorkerId};
use tracing::{info, warn};

use super::{Input, Owner, OwnerError, Reading, now};
use crate::facts::{self, FromChain, Seen};
use crate::journal::{self, Record};
use crate::limits;
use crate::reread::reread;

impl Owner {
    /// Waits until what lost blocks told is read anew; false if the scheduler is to stop before.
    async fn reread(&mut self) -> bool {
        if self.reading == Reading::Idle {
            return true;
        }
        let stop = self.stop.clone();
        let events = tokio::select! {
            () = stop.cancelled() => return false,
            events = reread(self.hands.hub(), self.state.history.in_doubt(), self.hands.admission()) => events,
        };
        self.take(Input::Reread(events));
        true
    }

    /// Reads the chain up to `head`. What would have had to be done on the way is derived anew at its end.
    pub(super) async fn catch_up(&mut self, head: Option<u64>) -> Result<(), OwnerError> {
        if !self.reread().await {
            return Ok(());
        }
        self.actions.clear();
        while head.is_some_and(|head| self.state.followed.is_none_or(|block| block.number < head)) {
            let stop = self.stop.clone();
            let told = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                told = self.chain.recv() => told,
            };
            let Some(told) = told else { return Ok(()) };
            self.take_chain(told)?;
            if !self.reread().await {
                return Ok(());
            }
            self.actions.clear();
            if self.records.len() >= limits::BATCH_MAX {
                self.commit().await?;
            }
        }
        self.took(Event::Restarted);
        let now = now();
        for worker in self.state.machine.expected_workers() {
            self.liveness.renew(now, worker);
        }
        self.took(Event::TimePassed);
        self.commit().await?;
        info!(block = ?head, unfinished = self.state.machine.unfinished(), "caught up with the chain");
        self.act();
        Ok(())
    }

    pub(super) fn take_chain(&mut self, told: FromChain) -> Result<(), OwnerError> {
        match told {
            FromChain::Block { block, seen } => self.take_block(block, seen),
            FromChain::Reverted { to } => {
                warn!(block = to.number, "the chain was reorganised; blocks after this one are void");
                self.state.revert(to);
                self.records.push(Record::Reverted { to });
                // Their deposits and scores may have been other ones before.
                self.stale.extend(self.sessions.keys());
                if !self.state.history.in_doubt().is_empty() {
                    self.reading = Reading::Wanted;
                }
            }
            FromChain::Ended(error) => return Err(OwnerError::Chain(error)),
        }
        Ok(())
    }

    fn take_block(&mut self, block: BlockRef, seen: Vec<Seen>) {
        for account in facts::touched(&seen) {
            let worker = WorkerId(account);
            if self.sessions.contains_key(&worker) {
                self.stale.insert(worker);
            }
        }
        // One by one: a task may be opened and initialized in the same block.
        let mut rest = Vec::new();
        let mut all = seen;
        while !all.is_empty() {
            let deal = all.iter().position(|seen| matches!(seen, Seen::Deal { .. }));
            let later = deal.map_or(Vec::new(), |at| all.split_off(at + 1));
            let (events, unknown) =
                facts::translate(&self.state.machine, self.workerpool, &block, all, self.hands.admission());
            for event in events {
                self.took(event);
            }
            rest.extend(unknown);
            all = later;
        }
        if !rest.is_empty() {
            self.hands.look(rest);
        }
        let at = now();
        let outcome = self.state.machine.handle(at, journal::head_seen(&block), &mut self.actions);
        debug_assert!(outcome.is_ok(), "heads are always taken");
        self.state.follow(block);
        self.records.push(Record::Followed { at, block });
    }
}
