//! The open orders of one kind, indexed so that a question touches only orders it concerns.

mod class;
mod resources;

use std::collections::HashMap;

use alloy_primitives::{Address, U256};
use foldhash::fast::FixedState;
use metacloud_protocol::{OrderHash, OrderKind};

pub(crate) use class::{Classes, Head, Key, Terms};
pub(crate) use resources::{Entry, Resources};

use crate::filter::Filter;
use crate::listing::Listing;
use crate::slab::Slab;

/// Open orders of one kind; beyond, the book refuses.
pub const LISTINGS_MAX: usize = 1 << 20;

/// Why an order does not enter the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Insert {
    /// It is there already.
    #[error("the order is in the book already")]
    Known,
    /// Nothing is left of it.
    #[error("the order has no volume left")]
    Empty,
    /// The price has more than 64 bits.
    #[error("the order's price is beyond what the book can compare")]
    TooDear,
    /// [`LISTINGS_MAX`] orders are open.
    #[error("the book holds {LISTINGS_MAX} open orders of this kind and takes no more")]
    Full,
}

/// A listing, and where the indexes have it.
#[derive(Debug)]
struct Slot {
    listing: Listing,
    class: u32,
    resource: u32,
    /// Its place among the orders of the resource.
    at: u32,
}

/// The open orders of one kind.
#[derive(Debug)]
pub struct Shelf {
    kind: OrderKind,
    slots: Slab<Slot>,
    by_hash: HashMap<OrderHash, u32, FixedState>,
    pub(crate) classes: Classes,
    pub(crate) resources: Resources,
}

impl Shelf {
    /// No orders of this kind. The seed keeps strangers from choosing orders that slow the indexes down.
    pub(crate) fn new(kind: OrderKind, seed: u64) -> Self {
        Self {
            kind,
            slots: Slab::default(),
            by_hash: HashMap::with_hasher(FixedState::with_seed(seed)),
            classes: Classes::new(kind, seed),
            resources: Resources::new(seed),
        }
    }

    /// Takes an order.
    ///
    /// # Errors
    /// [`Insert`]; the book is unchanged then.
    ///
    /// # Panics
    /// If the order is of another kind.
    pub fn insert(&mut self, listing: Listing) -> Result<(), Insert> {
        assert_eq!(listing.kind, self.kind, "each kind has its shelf");
        if listing.remaining.is_zero() {
            return Err(Insert::Empty);
        }
        let (hash, signer, resource) = (listing.hash, listing.signer, listing.resource());
        let terms = Terms::of(&listing);
        let key = Key::of(&listing, 0).ok_or(Insert::TooDear)?;
        let full = self.by_hash.len() >= LISTINGS_MAX;
        let std::collections::hash_map::Entry::Vacant(vacant) = self.by_hash.entry(hash) else {
            return Err(Insert::Known);
        };
        if full {
            return Err(Insert::Full);
        }
        let slot = self.slots.insert(Slot { listing, class: 0, resource: 0, at: 0 });
        vacant.insert(slot);
        let key = key.in_slot(slot);
        let class = self.classes.insert(terms, key);
        let (resource, at) = self.resources.insert(resource, signer, Entry { key, class });
        let record = &mut self.slots[slot];
        (record.class, record.resource, record.at) = (class, resource, at);
        Ok(())
    }

    /// Takes an order out; nothing if it is not in.
    pub fn remove(&mut self, hash: OrderHash) -> Option<Listing> {
        let slot = self.by_hash.remove(&hash)?;
        let Slot { listing, class, resource, at } = self.slots.remove(slot);
        let key = Key::of(&listing, slot).expect("its price was compared before");
        self.classes.remove(class, key);
        if let Some(moved) = self.resources.remove(resource, at, listing.signer) {
            self.slots[moved].at = at;
        }
        Some(listing)
    }

    /// Sets what is left of an order; nothing left takes it out. Nothing happens if it is not in.
    pub fn set_remaining(&mut self, hash: OrderHash, remaining: U256) {
        if remaining.is_zero() {
            self.remove(hash);
        } else if let Some(slot) = self.by_hash.get(&hash) {
            self.slots[*slot].listing.remaining = remaining;
        }
    }

    /// An open order.
    pub fn get(&self, hash: OrderHash) -> Option<&Listing> {
        self.by_hash.get(&hash).map(|slot| &self.slots[*slot].listing)
    }

    /// How many orders are open.
    pub fn len(&self) -> usize {
        self.by_hash.len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    /// Open orders that an account signed, by rank.
    pub fn signed_by(&self, signer: Address) -> impl Iterator<Item = &Listing> {
        let keys = self.resources.of_signer(signer).map(|entry| entry.key);
        self.ranked(keys.filter(|key| self.at(*key).signer == signer).collect())
    }

    /// Open orders for a resource, by rank.
    pub fn of_resource(&self, resource: Address) -> impl Iterator<Item = &Listing> {
        self.ranked(self.resources.entries(resource).iter().map(|entry| entry.key).collect())
    }

    /// Open orders that a filter admits, by rank. Goes over the orders of the resource or signer that the filter
    /// names, else over all.
    pub fn select(&self, filter: &Filter) -> impl Iterator<Item = &Listing> {
        self.ranked(self.admitted(filter))
    }

    /// One page of the open orders that a filter admits, by rank, and how many there are in all.
    pub fn page(&self, filter: &Filter, skip: usize, take: usize) -> (usize, Vec<&Listing>) {
        let mut keys = self.admitted(filter);
        let count = keys.len();
        let end = skip.saturating_add(take).min(count);
        if skip >= end {
            return (count, Vec::new());
        }
        if end < count {
            keys.select_nth_unstable(end);
        }
        keys.truncate(end);
        keys.sort_unstable();
        (count, keys[skip..].iter().map(|key| self.at(*key)).collect())
    }

    fn admitted(&self, filter: &Filter) -> Vec<Key> {
        let own = match self.kind {
            OrderKind::App => filter.app,
            OrderKind::Dataset => filter.dataset,
            OrderKind::Workerpool => filter.workerpool,
            OrderKind::Request => filter.requester,
        };
        let admits = |key: &Key| filter.admits(self.at(*key));
        match (own.exactly(), filter.signer) {
            (Some(resource), _) => {
                self.resources.entries(resource).iter().map(|entry| entry.key).filter(admits).collect()
            }
            (None, Some(signer)) => {
                self.resources.of_signer(signer).map(|entry| entry.key).filter(admits).collect()
            }
            (None, None) => {
                let queues = self.classes.queues().filter(|(terms, _)| filter.admits_tag(terms.tag));
                queues.flat_map(|(_, queue)| queue).copied().filter(admits).collect()
            }
        }
    }

    fn ranked(&self, mut keys: Vec<Key>) -> impl Iterator<Item = &Listing> {
        keys.sort_unstable();
        keys.into_iter().map(|key| self.at(key))
    }

    pub(crate) fn at(&self, key: Key) -> &Listing {
        &self.slots[key.slot].listing
    }
}
