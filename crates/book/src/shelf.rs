//! The open orders of one kind, indexed so that a question touches only orders it concerns.

mod class;
mod hash;
mod resources;

use std::cmp::Ordering;

use alloy_primitives::Address;
use metacloud_protocol::{CategoryId, OrderHash, OrderKind};

pub(crate) use class::{Anchor, Classes, Corners, Glance, Head, Key, Probe, Terms};
use hash::Hashing;
pub(crate) use resources::{Entry, Resources};

use crate::filter::Filter;
use crate::heap::Place;
use crate::listing::Listing;
use crate::slab::Slab;
use crate::table::Table;

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
    /// [`LISTINGS_MAX`] orders are open.
    #[error("the book holds {LISTINGS_MAX} open orders of this kind and takes no more")]
    Full,
}

/// Orders of one price together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// nRLC per task.
    pub price_nrlc: u64,
    /// Tasks left; no more than 64 bits tell.
    pub volume: u64,
    /// Orders.
    pub orders: u64,
}

/// A listing, and which indexes have it. Four lines of memory; what changes when others come and go is in [`Place`].
#[derive(Debug)]
#[repr(align(64))]
struct Slot {
    listing: Listing,
    class: u32,
    resource: u32,
}

/// The open orders of one kind.
#[derive(Debug)]
pub struct Shelf {
    kind: OrderKind,
    hashing: Hashing,
    slots: Slab<Slot>,
    /// One for each slot.
    places: Vec<Place>,
    by_hash: Table,
    pub(crate) classes: Classes,
    pub(crate) resources: Resources,
}

impl Shelf {
    /// No orders of this kind. The seed keeps strangers from choosing orders that slow the indexes down.
    pub(crate) fn new(kind: OrderKind, seed: u64) -> Self {
        let hashing = Hashing::new(seed);
        Self {
            kind,
            slots: Slab::default(),
            places: Vec::new(),
            by_hash: Table::default(),
            classes: Classes::new(kind, hashing.clone()),
            resources: Resources::new(hashing.clone(), seed),
            hashing,
        }
    }

    #[inline]
    fn find(&self, hash: OrderHash) -> Option<u32> {
        self.by_hash.find(self.hashing.word(hash.0), |slot| self.slots[slot].listing.hash == hash)
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
        if listing.remaining == 0 {
            return Err(Insert::Empty);
        }
        if self.find(listing.hash).is_some() {
            return Err(Insert::Known);
        }
        if self.len() >= LISTINGS_MAX {
            return Err(Insert::Full);
        }
        let (signer, sold, hash) = (listing.signer, listing.resource(), listing.hash);
        let terms = Terms::of(&listing);
        let slot = self.slots.next();
        let key = Key::of(&listing, slot);
        if self.places.len() <= slot as usize {
            self.places.push(Place::default());
        }
        let class = self.classes.insert(&terms, key, &mut self.places);
        let entry = Entry {
            price_nrlc: listing.price_nrlc,
            slot,
            class,
            glance: Glance::of(terms.anchor, terms.trust),
        };
        let resource = self.resources.insert(sold, signer, entry, &mut self.places);
        let taken = self.slots.insert(Slot { listing, class, resource });
        assert_eq!(taken, slot, "nothing took the slot meanwhile");
        self.by_hash.insert(self.hashing.word(hash.0), slot);
        Ok(())
    }

    /// Takes an order out; nothing if it is not in.
    pub fn remove(&mut self, hash: OrderHash) -> Option<Listing> {
        let slot = self.find(hash)?;
        Some(self.take(slot, hash))
    }

    fn take(&mut self, slot: u32, hash: OrderHash) -> Listing {
        self.by_hash.remove(self.hashing.word(hash.0), slot);
        let Slot { listing, class, resource } = self.slots.remove(slot);
        self.classes.remove(class, slot, &mut self.places);
        self.resources.remove(resource, slot, listing.signer, &mut self.places);
        listing
    }

    /// Sets what is left of an order; nothing left takes it out. Nothing happens if it is not in.
    pub fn set_remaining(&mut self, hash: OrderHash, remaining: u64) {
        match self.find(hash) {
            Some(slot) if remaining == 0 => drop(self.take(slot, hash)),
            Some(slot) => self.slots[slot].listing.remaining = remaining,
            None => {}
        }
    }

    /// An open order.
    pub fn get(&self, hash: OrderHash) -> Option<&Listing> {
        self.find(hash).map(|slot| &self.slots[slot].listing)
    }

    /// How many orders are open.
    pub const fn len(&self) -> usize {
        self.by_hash.len()
    }

    /// Whether none is open.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many open orders an account signed.
    pub fn count_signed_by(&self, signer: Address) -> usize {
        self.resources.count_signed_by(signer)
    }

    /// Open orders that an account signed, by rank.
    pub fn signed_by(&self, signer: Address) -> impl Iterator<Item = &Listing> {
        let theirs = self.resources.of_signer(signer).map(|entry| self.key(entry));
        self.ranked(theirs.filter(|key| self.at(*key).signer == signer).collect())
    }

    /// Open orders for a resource, by rank.
    pub fn of_resource(&self, resource: Address) -> impl Iterator<Item = &Listing> {
        self.ranked(self.resources.entries(resource).iter().map(|entry| self.key(entry)).collect())
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
            keys.select_nth_unstable_by(end, |a, b| self.compare(a, b));
        }
        keys.truncate(end);
        keys.sort_unstable_by(|a, b| self.compare(a, b));
        (count, keys[skip..].iter().map(|key| self.at(*key)).collect())
    }

    /// The open orders that a filter admits, together by price, the best prices first.
    pub fn levels(&self, filter: &Filter, take: usize) -> Vec<Level> {
        let mut keys = self.admitted(filter);
        keys.sort_unstable();
        let mut levels: Vec<Level> = Vec::new();
        for key in keys {
            let Listing { price_nrlc, remaining, .. } = *self.at(key);
            if levels.last().is_none_or(|level| level.price_nrlc != price_nrlc) {
                if levels.len() == take {
                    break;
                }
                levels.push(Level { price_nrlc, volume: 0, orders: 0 });
            }
            let level = levels.last_mut().expect("one was just added if there was none");
            level.volume = level.volume.saturating_add(remaining);
            level.orders += 1;
        }
        levels
    }

    fn admitted(&self, filter: &Filter) -> Vec<Key> {
        let own = match self.kind {
            OrderKind::App => filter.app,
            OrderKind::Dataset => filter.dataset,
            OrderKind::Workerpool => filter.workerpool,
            OrderKind::Request => filter.requester,
        };
        let admits = |key: &Key| filter.admits(self.at(*key));
        let key = |entry: &Entry| self.key(entry);
        match (own.exactly(), filter.signer) {
            (Some(resource), _) => self.resources.entries(resource).iter().map(key).filter(admits).collect(),
            (None, Some(signer)) => self.resources.of_signer(signer).map(key).filter(admits).collect(),
            (None, None) => {
                let category = filter.category.filter(|_| self.kind == OrderKind::Workerpool);
                let anchor = category.map(|category| Anchor::category(CategoryId(category)));
                let queues = self.classes.queues().filter(|(terms, ..)| {
                    filter.admits_tag(terms.tag) && anchor.is_none_or(|anchor| anchor == terms.anchor)
                });
                let all =
                    queues.flat_map(|(_, first, rest)| std::iter::once(first).chain(rest.iter().copied()));
                all.filter(admits).collect()
            }
        }
    }

    fn ranked(&self, mut keys: Vec<Key>) -> impl Iterator<Item = &Listing> {
        keys.sort_unstable_by(|a, b| self.compare(a, b));
        keys.into_iter().map(|key| self.at(key))
    }

    /// By rank. Keys hold the beginning of the hash alone, which decides nearly always.
    fn compare(&self, a: &Key, b: &Key) -> Ordering {
        a.rank().cmp(&b.rank()).then_with(|| self.at(*a).hash.cmp(&self.at(*b).hash))
    }

    #[inline]
    pub(crate) fn at(&self, key: Key) -> &Listing {
        &self.slots[key.in_slot()].listing
    }

    #[inline]
    pub(crate) fn key(&self, entry: &Entry) -> Key {
        Key::of(&self.slots[entry.slot].listing, entry.slot)
    }
}
