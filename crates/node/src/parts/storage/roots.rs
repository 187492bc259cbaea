//! What the chain says is in use: the content of every registered application and dataset, what deals name until some
//! time after their last deadline, and results until some time after they were finalized.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use alloy_primitives::Address;
use futures::future::BoxFuture;
use metacloud_blobs::{Blobs, Codec, Key, Location, Read, Roots, RootsError};
use metacloud_chain::{BlockRef, CallError, Chain, HubClient, HubEvent, Log, LogFilter, Registries};
use metacloud_protocol::DealId;
use metacloud_protocol::category::FINAL_DEADLINE_RATIO;
use tokio::sync::Mutex;

/// Names remembered; past it nothing is collected.
const NAMES_MAX: usize = 1 << 20;
/// Largest list of names that is looked into, such as that of a bulk deal.
const LIST_BYTES_MAX: u64 = 1 << 20;
/// Lengths of names in text: the shortest of version 0, the longest of version 1, in hexadecimal.
const NAME_CHARACTERS: std::ops::RangeInclusive<usize> = 46..=80;

/// Reads the chain on from where it stood at the last question.
pub(crate) struct ChainRoots {
    hub: HubClient,
    registries: Registries,
    blobs: Blobs,
    kept: Duration,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// The last block read.
    last: Option<BlockRef>,
    /// Of assets, which may be bought at any time.
    lasting: HashSet<Key>,
    /// Of deals and results, with the end of their time in seconds since the epoch.
    passing: HashMap<Key, u64>,
    /// Those of deals that may be lists of further names and were not read yet: a list may arrive after its deal.
    unread: HashMap<Key, u64>,
}

impl Seen {
    fn pass(&mut self, key: Key, until_s: u64) {
        keep_longer(&mut self.passing, key, until_s);
    }

    fn len(&self) -> usize {
        self.lasting.len() + self.passing.len() + self.unread.len()
    }
}

fn keep_longer(names: &mut HashMap<Key, u64>, key: Key, until_s: u64) {
    names.entry(key).and_modify(|until| *until = until_s.max(*until)).or_insert(until_s);
}

impl ChainRoots {
    /// What the hub and its registries know. What deals name counts for `kept` after their final deadline, results for
    /// `kept` after their block.
    ///
    /// # Errors
    /// If the hub does not answer.
    pub(crate) async fn new(
        chain: Chain,
        hub: Address,
        blobs: Blobs,
        kept: Duration,
    ) -> Result<Self, CallError> {
        let hub = HubClient::new(chain, hub);
        let registries = hub.registries().await?;
        Ok(Self { hub, registries, blobs, kept, seen: Mutex::default() })
    }

    /// All names in use at a time.
    async fn at(&self, now_s: u64) -> Result<Vec<Key>, RootsError> {
        let mut seen = self.seen.lock().await;
        seen.passing.retain(|_, until_s| *until_s > now_s);
        seen.unread.retain(|_, until_s| *until_s > now_s);
        self.read_on(&mut seen).await?;
        self.read_lists(&mut seen).await?;
        let passing = seen.passing.iter().filter(|(_, until_s)| **until_s > now_s).map(|(key, _)| key);
        Ok(seen.lasting.iter().chain(passing).copied().collect())
    }

    async fn read_on(&self, seen: &mut Seen) -> Result<(), RootsError> {
        let head = self.hub.chain().head().await.map_err(told)?;
        let from_block = match seen.last {
            Some(last) if self.is_still_there(last).await? => last.number + 1,
            // The first question, or a reorganisation: what was known stays known, and all is read again.
            _ => 0,
        };
        let filter = LogFilter {
            from_block,
            to_block: head.number,
            addresses: vec![self.hub.address(), self.registries.app, self.registries.dataset],
            topics: Vec::new(),
        };
        for log in self.hub.chain().logs(&filter).await.map_err(told)? {
            self.take(&log, seen).await?;
            if seen.len() > NAMES_MAX {
                return Err(RootsError(format!("the chain names more than {NAMES_MAX} contents")));
            }
        }
        seen.last = Some(head);
        Ok(())
    }

    async fn is_still_there(&self, block: BlockRef) -> Result<bool, RootsError> {
        let header = self.hub.chain().block(block.number).await.map_err(told)?;
        Ok(header.is_some_and(|header| header.block.hash == block.hash))
    }

    async fn take(&self, log: &Log, seen: &mut Seen) -> Result<(), RootsError> {
        if log.address != self.hub.address() {
            return self.take_asset(log, seen).await;
        }
        match HubEvent::decode(log) {
            Some(HubEvent::OrdersMatched { deal, .. }) => self.take_deal(deal, seen).await,
            Some(HubEvent::TaskFinalize { results, .. }) => {
                let names = names_in(&String::from_utf8_lossy(&results));
                if !names.is_empty() {
                    let header = self.hub.chain().block(log.block_number).await.map_err(told)?;
                    let header =
                        header.ok_or_else(|| RootsError(format!("block {} is gone", log.block_number)))?;
                    let until_s = header.block.timestamp_s.saturating_add(self.kept.as_secs());
                    names.into_iter().for_each(|key| seen.pass(key, until_s));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What a deal names is in use until no task of it can be computed or claimed any more, and then for a while.
    async fn take_deal(&self, deal: DealId, seen: &mut Seen) -> Result<(), RootsError> {
        let Some(deal) = self.hub.view_deal(deal).await.map_err(told)? else { return Ok(()) };
        let names = names_in(&deal.params);
        if names.is_empty() {
            return Ok(());
        }
        let category = self.hub.view_category(deal.category).await.map_err(told)?;
        let time_s = category.map_or(u64::MAX, |category| category.work_clock_time_ref_s);
        let deadline_s = deal.start_time_s.saturating_add(time_s.saturating_mul(FINAL_DEADLINE_RATIO));
        let until_s = deadline_s.saturating_add(self.kept.as_secs());
        for key in names {
            seen.pass(key, until_s);
            keep_longer(&mut seen.unread, key, until_s);
        }
        Ok(())
    }

    /// An asset is a token of its registry; its number is its address.
    async fn take_asset(&self, log: &Log, seen: &mut Seen) -> Result<(), RootsError> {
        let [_, from, _, token] = log.data.topics() else { return Ok(()) };
        if !from.is_zero() {
            return Ok(());
        }
        let asset = Address::from_word(*token);
        let place = if log.address == self.registries.app {
            self.hub.view_app(asset).await.map_err(told)?.multiaddr
        } else {
            self.hub.view_dataset(asset).await.map_err(told)?.m_datasetMultiaddr
        };
        match Location::from_chain(&place) {
            // The binary form keeps the digest alone: it may be that of a file of plain bytes, too.
            Ok(Location::Ipfs(cid)) => {
                seen.lasting.extend([Codec::DagPb, Codec::Raw].map(|codec| Key::new(codec, *cid.digest())));
            }
            _ => seen.lasting.extend(names_in(&String::from_utf8_lossy(&place))),
        }
        Ok(())
    }

    /// Bulk deals name a list of lists.
    async fn read_lists(&self, seen: &mut Seen) -> Result<(), RootsError> {
        let unread: Vec<_> = seen.unread.iter().map(|(key, until_s)| (*key, *until_s)).collect();
        for (key, until_s) in unread {
            match self.blobs.get_bytes(key, LIST_BYTES_MAX).await {
                Ok(list) => {
                    let names = names_in(&String::from_utf8_lossy(&list));
                    names.into_iter().for_each(|key| seen.pass(key, until_s));
                }
                // Too long for a list, or a directory.
                Err(Read::TooLarge { .. } | Read::Broken { .. }) => {}
                Err(Read::NotFound { .. }) => continue,
                Err(error @ Read::Io { .. }) => return Err(told(error)),
            }
            seen.unread.remove(&key);
        }
        match seen.len() > NAMES_MAX {
            true => Err(RootsError(format!("deals name more than {NAMES_MAX} contents"))),
            false => Ok(()),
        }
    }
}

impl Roots for ChainRoots {
    fn names(&self, now: SystemTime) -> BoxFuture<'_, Result<Vec<Key>, RootsError>> {
        let now_s = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs());
        Box::pin(self.at(now_s))
    }
}

/// Every name in a text, wherever it stands: in a path, a URL, a list.
fn names_in(text: &str) -> Vec<Key> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric());
    words.filter(|word| NAME_CHARACTERS.contains(&word.len())).filter_map(|word| word.parse().ok()).collect()
}

fn told(error: impl std::fmt::Display) -> RootsError {
    RootsError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_wherever_they_stand() {
        let name = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o";
        for text in [
            name.to_owned(),
            format!("{{ \"storage\": \"ipfs\", \"location\": \"/ipfs/{name}\" }}"),
            format!("https://gateway.example/ipfs/{name}/file?x"),
            format!("[\"{name}\"]"),
        ] {
            assert_eq!(names_in(&text), [name.parse().unwrap()], "{text}");
        }
        for text in ["", "Qm", &name[1..], &name.replace('8', "0")] {
            assert!(names_in(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn the_longest_claim_to_a_name_counts() {
        let key: Key = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o".parse().unwrap();
        let mut names = HashMap::new();
        for until_s in [5, 9, 7] {
            keep_longer(&mut names, key, until_s);
        }
        assert_eq!(names[&key], 9);
    }
}
