//! Orders with equal terms stand in one queue; the first of each queue is all that a search has to look at.

use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};

use alloy_primitives::{Address, B256, U256};
use foldhash::fast::FixedState;
use metacloud_protocol::{OrderKind, Tag};

use crate::listing::Listing;
use crate::slab::Slab;

/// Price, then time, then hash, then where the listing is: the order in which offers are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Of requests, what is missing to the highest price there is.
    price: u64,
    published_ms: u64,
    hash: u64,
    pub(crate) slot: u32,
}

/// Terms of orders but for price, time and volume.
///
/// The anchor is what a search always knows: the app or dataset, or the category of workerpool orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Terms {
    pub(crate) anchor: B256,
    /// Restrictions, those that a search knows first: of apps and datasets, the workerpool comes last.
    pub(crate) restrictions: [Address; 3],
    pub(crate) tag: Tag,
    pub(crate) trust: U256,
    /// Whether a restriction is a group contract.
    pub(crate) grouped: bool,
}

/// What a search knows of terms: all classes under one of these are looked at together.
///
/// The anchor, the restrictions (zero from where a search does not know them; all of them with groups), and whether there
/// are groups: as bytes, since it is hashed often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Corner([u8; CORNER_BYTES]);

const CORNER_BYTES: usize = 32 + 3 * 20 + 1;

impl Corner {
    fn new(anchor: B256, grouped: bool) -> Self {
        let mut bytes = [0; CORNER_BYTES];
        bytes[..32].copy_from_slice(anchor.as_slice());
        bytes[CORNER_BYTES - 1] = u8::from(grouped);
        Self(bytes)
    }

    fn restrict(&mut self, at: usize, party: Address) {
        self.0[32 + 20 * at..][..20].copy_from_slice(party.as_slice());
    }
}

impl Hash for Corner {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

/// The first of a queue, beside the terms that a search compares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) key: Key,
    pub(crate) class: u32,
    pub(crate) tag: Tag,
    pub(crate) trust: U256,
    /// The last restriction, which a search knows last.
    pub(crate) tie: Address,
}

/// Orders with the same terms.
#[derive(Debug)]
struct Class {
    terms: Terms,
    queue: BTreeSet<Key>,
    corner: u32,
    /// Where its head is in the corner.
    at: u32,
}

#[derive(Debug)]
struct CornerRecord {
    corner: Corner,
    heads: Vec<Head>,
}

/// All queues of a shelf.
#[derive(Debug)]
pub(crate) struct Classes {
    /// How many restrictions a search knows.
    known: usize,
    by_terms: HashMap<Terms, u32, FixedState>,
    classes: Slab<Class>,
    by_corner: HashMap<Corner, u32, FixedState>,
    corners: Slab<CornerRecord>,
}

impl Key {
    pub(super) const fn in_slot(self, slot: u32) -> Self {
        Self { slot, ..self }
    }

    /// Of an offer, nRLC.
    pub(crate) const fn price(self) -> u64 {
        self.price
    }

    /// `None` if the price has more than 64 bits.
    pub(super) fn of(listing: &Listing, slot: u32) -> Option<Self> {
        let price = u64::try_from(listing.price.0).ok()?;
        let price = match listing.kind {
            OrderKind::App | OrderKind::Dataset | OrderKind::Workerpool => price,
            OrderKind::Request => u64::MAX - price,
        };
        let (hash, _) = listing.hash.0.split_first_chunk().expect("a hash has 32 bytes");
        let hash = u64::from_be_bytes(*hash);
        Some(Self { price, published_ms: listing.published_ms, hash, slot })
    }
}

impl Terms {
    pub(crate) fn of(listing: &Listing) -> Self {
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
        let Listing { tag, trust, grouped, .. } = *listing;
        Self { anchor, restrictions, tag, trust, grouped }
    }
}

impl Classes {
    pub(super) fn new(kind: OrderKind, seed: u64) -> Self {
        let known = match kind {
            OrderKind::App | OrderKind::Dataset => 2,
            OrderKind::Workerpool => 3,
            OrderKind::Request => 0,
        };
        Self {
            known,
            by_terms: HashMap::with_hasher(FixedState::with_seed(seed)),
            classes: Slab::default(),
            by_corner: HashMap::with_hasher(FixedState::with_seed(!seed)),
            corners: Slab::default(),
        }
    }

    /// Puts an order into the queue of its terms; answers the class.
    pub(super) fn insert(&mut self, terms: Terms, key: Key) -> u32 {
        let id = match self.by_terms.get(&terms) {
            Some(id) => *id,
            None => return self.open(terms, key),
        };
        let class = &mut self.classes[id];
        let new = class.queue.insert(key);
        assert!(new, "an order stands in its queue once");
        let head = &mut self.corners[class.corner].heads[class.at as usize];
        head.key = head.key.min(key);
        id
    }

    /// A new class of one order.
    fn open(&mut self, terms: Terms, key: Key) -> u32 {
        let mut corner = Corner::new(terms.anchor, terms.grouped);
        if !terms.grouped {
            for at in 0..self.known {
                corner.restrict(at, terms.restrictions[at]);
            }
        }
        let corners = &mut self.corners;
        let corner = *self
            .by_corner
            .entry(corner)
            .or_insert_with(|| corners.insert(CornerRecord { corner, heads: Vec::new() }));
        let heads = &mut corners[corner].heads;
        let at = u32::try_from(heads.len()).expect("a book holds far fewer than 2^32 orders");
        let class = self.classes.insert(Class { terms, queue: BTreeSet::from([key]), corner, at });
        let [.., tie] = terms.restrictions;
        heads.push(Head { key, class, tag: terms.tag, trust: terms.trust, tie });
        self.by_terms.insert(terms, class);
        class
    }

    /// Takes an order out of its queue.
    pub(super) fn remove(&mut self, id: u32, key: Key) {
        let class = &mut self.classes[id];
        let known = class.queue.remove(&key);
        assert!(known, "every listing stands in the queue of its class");
        let heads = &mut self.corners[class.corner].heads;
        let head = &mut heads[class.at as usize];
        if head.key != key {
            return;
        }
        if let Some(next) = class.queue.first() {
            head.key = *next;
            return;
        }
        let class = self.classes.remove(id);
        self.by_terms.remove(&class.terms);
        heads.swap_remove(class.at as usize);
        if let Some(moved) = heads.get(class.at as usize) {
            self.classes[moved.class].at = class.at;
        }
        if heads.is_empty() {
            let record = self.corners.remove(class.corner);
            self.by_corner.remove(&record.corner);
        }
    }

    pub(crate) fn terms(&self, class: u32) -> &Terms {
        &self.classes[class].terms
    }

    /// Every class with its queue.
    pub(super) fn queues(&self) -> impl Iterator<Item = (&Terms, &BTreeSet<Key>)> {
        self.classes.iter().map(|(_, class)| (&class.terms, &class.queue))
    }

    /// Heads of the classes without groups whose known restrictions are zero or these parties.
    pub(crate) fn plain(&self, anchor: B256, parties: &[Address]) -> impl Iterator<Item = &Head> {
        assert_eq!(parties.len(), self.known, "a search knows what the shelf is built for");
        let none = Corner::new(anchor, false);
        let choices = 0..1_u32 << parties.len();
        let corners = choices.filter_map(move |choice| {
            let mut corner = none;
            for (at, party) in parties.iter().enumerate().filter(|(at, _)| choice >> at & 1 == 1) {
                // A party that is itself zero would be looked up twice.
                if party.is_zero() {
                    return None;
                }
                corner.restrict(at, *party);
            }
            self.by_corner.get(&corner)
        });
        corners.flat_map(|corner| &self.corners[*corner].heads)
    }

    /// Heads of the classes with groups.
    pub(crate) fn grouped(&self, anchor: B256) -> impl Iterator<Item = &Head> {
        let corner = Corner::new(anchor, true);
        self.by_corner.get(&corner).into_iter().flat_map(|corner| &self.corners[*corner].heads)
    }
}
