//! The open orders of one kind, indexed so that a question touches only orders it concerns.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use alloy_primitives::{Address, B256, U256};
use metacloud_protocol::{OrderHash, OrderKind, Tag};

use crate::filter::Filter;
use crate::listing::{Listing, Rank};

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

/// Orders with equal terms but for price, time and volume: the first by rank stands for all.
///
/// The anchor is what a search always knows: the app or dataset, or the category of workerpool orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Class {
    pub(crate) anchor: B256,
    /// Restrictions, those that a search knows first: of apps and datasets, the workerpool comes last.
    pub(crate) restrictions: [Address; 3],
    pub(crate) tag: Tag,
    pub(crate) trust: U256,
}

/// The open orders of one kind.
#[derive(Debug)]
pub struct Shelf {
    kind: OrderKind,
    listings: BTreeMap<OrderHash, Listing>,
    ranked: BTreeSet<Rank>,
    by_resource: BTreeMap<Address, BTreeSet<Rank>>,
    by_signer: BTreeMap<Address, BTreeSet<Rank>>,
    /// Orders without group restrictions.
    plain: BTreeMap<Class, BTreeSet<Rank>>,
    /// Orders with some.
    grouped: BTreeMap<Class, BTreeSet<Rank>>,
}

impl Class {
    fn of(listing: &Listing) -> Self {
        let (anchor, restrictions) = match listing.kind {
            OrderKind::App => {
                (listing.app.into_word(), [listing.dataset, listing.requester, listing.workerpool])
            }
            OrderKind::Dataset => {
                (listing.dataset.into_word(), [listing.app, listing.requester, listing.workerpool])
            }
            OrderKind::Workerpool => {
                (listing.category.into(), [listing.app, listing.dataset, listing.requester])
            }
            // Requests are asked for by their app: whose orders they wait for.
            OrderKind::Request => (listing.app.into_word(), listing.restrictions()),
        };
        Self { anchor, restrictions, tag: listing.tag, trust: listing.trust }
    }
}

impl Shelf {
    /// No orders of this kind.
    pub const fn new(kind: OrderKind) -> Self {
        Self {
            kind,
            listings: BTreeMap::new(),
            ranked: BTreeSet::new(),
            by_resource: BTreeMap::new(),
            by_signer: BTreeMap::new(),
            plain: BTreeMap::new(),
            grouped: BTreeMap::new(),
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
        if self.listings.contains_key(&listing.hash) {
            return Err(Insert::Known);
        }
        if self.listings.len() >= LISTINGS_MAX {
            return Err(Insert::Full);
        }
        let rank = listing.rank();
        self.ranked.insert(rank);
        self.by_resource.entry(listing.resource()).or_default().insert(rank);
        self.by_signer.entry(listing.signer).or_default().insert(rank);
        let classes = if listing.grouped { &mut self.grouped } else { &mut self.plain };
        classes.entry(Class::of(&listing)).or_default().insert(rank);
        self.listings.insert(listing.hash, listing);
        Ok(())
    }

    /// Takes an order out; nothing if it is not in.
    pub fn remove(&mut self, hash: OrderHash) -> Option<Listing> {
        let listing = self.listings.remove(&hash)?;
        let rank = listing.rank();
        let known = self.ranked.remove(&rank);
        assert!(known, "every listing is ranked");
        forget(&mut self.by_resource, listing.resource(), rank);
        forget(&mut self.by_signer, listing.signer, rank);
        let classes = if listing.grouped { &mut self.grouped } else { &mut self.plain };
        forget(classes, Class::of(&listing), rank);
        Some(listing)
    }

    /// Sets what is left of an order; nothing left takes it out. Nothing happens if it is not in.
    pub fn set_remaining(&mut self, hash: OrderHash, remaining: U256) {
        if remaining.is_zero() {
            self.remove(hash);
        } else if let Some(listing) = self.listings.get_mut(&hash) {
            listing.remaining = remaining;
        }
    }

    /// An open order.
    pub fn get(&self, hash: OrderHash) -> Option<&Listing> {
        self.listings.get(&hash)
    }

    /// How many orders are open.
    pub fn len(&self) -> usize {
        self.listings.len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.listings.is_empty()
    }

    /// Open orders that an account signed, by rank.
    pub fn signed_by(&self, signer: Address) -> impl Iterator<Item = &Listing> {
        self.ranks(self.by_signer.get(&signer))
    }

    /// Open orders for a resource, by rank.
    pub fn of_resource(&self, resource: Address) -> impl Iterator<Item = &Listing> {
        self.ranks(self.by_resource.get(&resource))
    }

    /// Open orders that a filter admits, by rank. Goes over the orders of the resource or signer that the filter
    /// names, else over all.
    pub fn select<'a>(&'a self, filter: &'a Filter) -> impl Iterator<Item = &'a Listing> {
        let own = match self.kind {
            OrderKind::App => filter.app,
            OrderKind::Dataset => filter.dataset,
            OrderKind::Workerpool => filter.workerpool,
            OrderKind::Request => filter.requester,
        };
        let ranks = match (own.exactly(), filter.signer) {
            (Some(resource), _) => self.by_resource.get(&resource),
            (None, Some(signer)) => self.by_signer.get(&signer),
            (None, None) => Some(&self.ranked),
        };
        self.ranks(ranks).filter(move |listing| filter.admits(listing))
    }

    fn ranks<'a>(&'a self, ranks: Option<&'a BTreeSet<Rank>>) -> impl Iterator<Item = &'a Listing> {
        ranks.into_iter().flatten().map(|rank| self.by_rank(*rank))
    }

    fn by_rank(&self, rank: Rank) -> &Listing {
        self.listings.get(&rank.hash).expect("every rank has its listing")
    }

    /// Resources with open orders.
    pub(crate) fn resources(&self) -> impl Iterator<Item = Address> {
        self.by_resource.keys().copied()
    }

    pub(crate) fn has_resource(&self, resource: Address) -> bool {
        self.by_resource.contains_key(&resource)
    }

    /// The first listing of each plain class whose first `known.len()` restrictions are zero or as known.
    pub(crate) fn plain_heads(&self, anchor: B256, known: &[Address]) -> Vec<&Listing> {
        let mut heads = Vec::new();
        let choices = 1 << known.len();
        for choice in 0..choices {
            let prefix: Vec<Address> = known
                .iter()
                .enumerate()
                .map(|(at, party)| if choice >> at & 1 == 1 { *party } else { Address::ZERO })
                .collect();
            // A party that is itself zero would be looked up twice.
            let twice = known.iter().enumerate().any(|(at, party)| party.is_zero() && choice >> at & 1 == 1);
            if !twice {
                self.heads_under(&self.plain, anchor, &prefix, &mut heads);
            }
        }
        heads
    }

    /// The first listing of each class of an anchor that has group restrictions.
    pub(crate) fn grouped_heads(&self, anchor: B256) -> Vec<&Listing> {
        let mut heads = Vec::new();
        self.heads_under(&self.grouped, anchor, &[], &mut heads);
        heads
    }

    fn heads_under<'a>(
        &'a self,
        classes: &'a BTreeMap<Class, BTreeSet<Rank>>,
        anchor: B256,
        prefix: &[Address],
        heads: &mut Vec<&'a Listing>,
    ) {
        let mut restrictions = [Address::ZERO; 3];
        restrictions[..prefix.len()].copy_from_slice(prefix);
        let from = Class { anchor, restrictions, tag: Tag::NONE, trust: U256::ZERO };
        for (class, ranks) in classes.range((Bound::Included(from), Bound::Unbounded)) {
            if class.anchor != anchor || class.restrictions[..prefix.len()] != *prefix {
                return;
            }
            let first = ranks.first().expect("a class without orders is dropped");
            heads.push(self.by_rank(*first));
        }
    }
}

fn forget<K: Ord>(index: &mut BTreeMap<K, BTreeSet<Rank>>, key: K, rank: Rank) {
    let ranks = index.get_mut(&key).expect("every listing is in every index");
    let known = ranks.remove(&rank);
    assert!(known, "every listing is in every index");
    if ranks.is_empty() {
        index.remove(&key);
    }
}
