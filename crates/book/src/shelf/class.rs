//! Orders with equal terms stand in one queue; the first of each queue is all that a search has to look at.

use alloy_primitives::{Address, U256};
use metacloud_protocol::{CategoryId, OrderKind, Tag};

use super::hash::Hashing;
use crate::heap::{Heap, Places, Ranked};
use crate::listing::Listing;
use crate::slab::Slab;
use crate::table::Table;

/// Price, then time, then hash, then where the listing is: the order in which offers are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Of requests, what is missing to the highest price there is.
    price: u64,
    published_ms: u64,
    /// The first four bytes of the order hash above the slot.
    hash_and_slot: u64,
}

/// Terms of orders but for price, time and volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) anchor: Anchor,
    /// Restrictions, those that a search knows first: of apps and datasets, the workerpool comes last.
    pub(crate) restrictions: [Address; 3],
    pub(crate) tag: Tag,
    pub(crate) trust: u64,
    /// Whether a restriction is a group contract.
    pub(crate) grouped: bool,
}

/// What a search always knows: the app or dataset, or the category of workerpool orders as if it were an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor(Address);

/// Terms in eight bytes: whoever does not pass here does not pass the terms either.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glance {
    /// Of the anchor, the last bytes.
    anchor: u32,
    /// Of trust, the least that it is.
    trust: u32,
}

impl Glance {
    #[inline]
    pub(crate) fn of(anchor: Anchor, trust: u64) -> Self {
        let [.., a, b, c, d] = anchor.0.into_array();
        Self { anchor: u32::from_be_bytes([a, b, c, d]), trust: u32::try_from(trust).unwrap_or(u32::MAX) }
    }

    #[inline]
    pub(crate) const fn passes(self, wanted: Self) -> bool {
        self.anchor == wanted.anchor && self.trust >= wanted.trust
    }
}

impl Anchor {
    #[inline]
    pub(crate) const fn asset(asset: Address) -> Self {
        Self(asset)
    }

    #[inline]
    pub(crate) fn category(category: CategoryId) -> Self {
        Self(Address::from_word(U256::from(category.0).into()))
    }
}

/// What a search knows of terms: all classes under one of these are looked at together.
///
/// The anchor, the restrictions (zero from where a search does not know them; all of them with groups), and whether there
/// are groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Corner {
    anchor: Anchor,
    known: [Address; 3],
    grouped: bool,
}

/// The first of a queue, beside the terms that a search compares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) key: Key,
    pub(crate) trust: u64,
    pub(crate) tag: Tag,
    /// The last restriction, which a search knows last.
    pub(crate) tie: Address,
    pub(crate) class: u32,
}

/// Orders with the same terms.
#[derive(Debug)]
struct Class {
    corner: u32,
    /// Where its head, the first of its orders, is in the corner.
    at: u32,
    /// All orders but the first.
    rest: Heap<Key>,
    terms: Terms,
}

#[derive(Debug)]
struct CornerRecord {
    corner: Corner,
    heads: Vec<Head>,
}

/// All queues of a shelf.
#[derive(Debug)]
pub(crate) struct Classes {
    hashing: Hashing,
    /// How many restrictions a search knows.
    known: usize,
    by_terms: Table,
    classes: Slab<Class>,
    by_corner: Table,
    corners: Slab<CornerRecord>,
    /// How many corners are of groups.
    corners_of_groups: usize,
}

/// The place of whoever is first and stands in no queue.
const FIRST: u32 = u32::MAX;
/// Corners of one search at most: a party is one of the order's restrictions or not, and those with groups.
const CORNERS_MAX: usize = 9;

/// A search for corners that has begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    anchor: Anchor,
    parties: [Address; 3],
    /// By choice: which of the parties are restrictions, a bit each.
    hashes: [u64; 8],
}

impl Probe {
    /// Every choice of parties; one that is itself zero would be looked up twice.
    #[inline]
    fn choices(&self) -> impl Iterator<Item = usize> + use<> {
        let zero = (0..3).filter(|at| self.parties[*at].is_zero()).fold(0, |zero, at| zero | 1 << at);
        (0..8_usize).filter(move |choice| choice & zero == 0)
    }
}

/// The corners that concern a search.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Corners {
    found: [u32; CORNERS_MAX],
    plain: usize,
    all: usize,
}

impl Ranked for Key {
    #[inline]
    fn slot(self) -> usize {
        self.in_slot() as usize
    }
}

impl Key {
    /// Of an offer, nRLC.
    #[inline]
    pub(crate) const fn price(self) -> u64 {
        self.price
    }

    /// Where the listing is.
    #[inline]
    pub(crate) const fn in_slot(self) -> u32 {
        self.hash_and_slot as u32
    }

    /// Its rank but for what the whole hash decides.
    pub(crate) const fn rank(self) -> (u64, u64, u64) {
        (self.price, self.published_ms, self.hash_and_slot >> 32)
    }

    #[inline]
    pub(super) fn of(listing: &Listing, slot: u32) -> Self {
        let price = match listing.kind {
            OrderKind::App | OrderKind::Dataset | OrderKind::Workerpool => listing.price_nrlc,
            OrderKind::Request => u64::MAX - listing.price_nrlc,
        };
        let (hash, _) = listing.hash.0.split_first_chunk().expect("a hash has 32 bytes");
        let hash_and_slot = u64::from(u32::from_be_bytes(*hash)) << 32 | u64::from(slot);
        Self { price, published_ms: listing.published_ms, hash_and_slot }
    }
}

impl Terms {
    pub(crate) fn of(listing: &Listing) -> Self {
        let (anchor, restrictions) = match listing.kind {
            OrderKind::App => {
                (Anchor::asset(listing.app), [listing.dataset, listing.requester, listing.workerpool])
            }
            OrderKind::Dataset => {
                (Anchor::asset(listing.dataset), [listing.app, listing.requester, listing.workerpool])
            }
            OrderKind::Workerpool => (
                Anchor::category(CategoryId(listing.category)),
                [listing.app, listing.dataset, listing.requester],
            ),
            // Requests are asked for by their app: whose orders they wait for.
            OrderKind::Request => (Anchor::asset(listing.app), listing.restrictions()),
        };
        let Listing { tag, trust, grouped, .. } = *listing;
        Self { anchor, restrictions, tag, trust, grouped }
    }

    /// The part by which a search that knows so many restrictions finds them.
    fn corner(&self, known: usize) -> Corner {
        let mut corner = Corner { anchor: self.anchor, known: [Address::ZERO; 3], grouped: self.grouped };
        if !self.grouped {
            corner.known[..known].copy_from_slice(&self.restrictions[..known]);
        }
        corner
    }
}

impl Classes {
    pub(super) fn new(kind: OrderKind, hashing: Hashing) -> Self {
        let known = match kind {
            OrderKind::App | OrderKind::Dataset => 2,
            OrderKind::Workerpool => 3,
            OrderKind::Request => 0,
        };
        Self {
            hashing,
            known,
            by_terms: Table::default(),
            classes: Slab::default(),
            by_corner: Table::default(),
            corners: Slab::default(),
            corners_of_groups: 0,
        }
    }

    fn hash_of_corner(&self, corner: &Corner) -> u64 {
        let known = corner.known.map(|party| self.hashing.party(party));
        self.hashing
            .mix([self.hashing.address(corner.anchor.0), known[0], known[1], known[2]], corner.grouped)
    }

    fn hash_of_terms(&self, terms: &Terms) -> u64 {
        let parties = terms.restrictions.map(|party| self.hashing.party(party));
        let anchor = self.hashing.address(terms.anchor.0);
        let mixed = self.hashing.mix([anchor, parties[0], parties[1], parties[2]], terms.grouped);
        self.hashing.mix([mixed, self.hashing.word(terms.tag.0), terms.trust, 0], false)
    }

    /// Puts an order into the queue of its terms; answers the class.
    pub(super) fn insert(&mut self, terms: &Terms, key: Key, places: &mut Places) -> u32 {
        let hash = self.hash_of_terms(terms);
        let (classes, corners) = (&mut self.classes, &mut self.corners);
        let Some(id) = self.by_terms.find(hash, |id| classes[id].terms == *terms) else {
            let id = self.open(terms, key);
            self.by_terms.insert(hash, id);
            places[key.slot()].queue = FIRST;
            return id;
        };
        let class = &mut classes[id];
        let head = &mut corners[class.corner].heads[class.at as usize];
        assert_ne!(head.key, key, "an order stands in its queue once");
        let mut later = key;
        if key < head.key {
            later = std::mem::replace(&mut head.key, key);
            places[key.slot()].queue = FIRST;
        }
        class.rest.push(later, places);
        id
    }

    /// A new class of one order.
    fn open(&mut self, terms: &Terms, key: Key) -> u32 {
        let corner = terms.corner(self.known);
        let hash = self.hash_of_corner(&corner);
        let corners = &mut self.corners;
        let id = match self.by_corner.find(hash, |id| corners[id].corner == corner) {
            Some(id) => id,
            None => {
                let id = corners.insert(CornerRecord { corner, heads: Vec::with_capacity(1) });
                self.by_corner.insert(hash, id);
                self.corners_of_groups += usize::from(corner.grouped);
                id
            }
        };
        let heads = &mut corners[id].heads;
        let at = u32::try_from(heads.len()).expect("a book holds far fewer than 2^32 orders");
        let class = self.classes.insert(Class { terms: *terms, rest: Heap::default(), corner: id, at });
        let [.., tie] = terms.restrictions;
        heads.push(Head { key, class, tag: terms.tag, trust: terms.trust, tie });
        class
    }

    /// Takes an order out of its queue.
    pub(super) fn remove(&mut self, id: u32, slot: u32, places: &mut Places) {
        let class = &mut self.classes[id];
        let at = places[slot as usize].queue;
        if at != FIRST {
            let gone = class.rest.remove(at, places);
            assert_eq!(gone.in_slot(), slot, "every listing stands in the queue of its class");
            return;
        }
        let head = &mut self.corners[class.corner].heads[class.at as usize];
        assert_eq!(head.key.in_slot(), slot, "every listing stands in the queue of its class");
        match class.rest.pop(places) {
            Some(next) => {
                head.key = next;
                places[next.slot()].queue = FIRST;
            }
            None => self.close(id),
        }
    }

    /// Forgets a class of no order.
    fn close(&mut self, id: u32) {
        let class = self.classes.remove(id);
        self.by_terms.remove(self.hash_of_terms(&class.terms), id);
        let heads = &mut self.corners[class.corner].heads;
        heads.swap_remove(class.at as usize);
        if let Some(moved) = heads.get(class.at as usize) {
            self.classes[moved.class].at = class.at;
        }
        if heads.is_empty() {
            let record = self.corners.remove(class.corner);
            self.corners_of_groups -= usize::from(record.corner.grouped);
            self.by_corner.remove(self.hash_of_corner(&record.corner), class.corner);
        }
    }

    #[inline]
    pub(crate) fn terms(&self, class: u32) -> &Terms {
        &self.classes[class].terms
    }

    /// Every class with its orders: the first, and the others in no order.
    pub(super) fn queues(&self) -> impl Iterator<Item = (&Terms, Key, &[Key])> {
        self.classes.iter().map(|(_, class)| {
            let first = self.corners[class.corner].heads[class.at as usize].key;
            (&class.terms, first, class.rest.members())
        })
    }

    /// Begins to look for corners whose known restrictions are zero or these parties. Between this and
    /// [`Self::corners`] the memory that is needed is on its way: searches of several shelves wait for it together.
    #[inline]
    pub(crate) fn probe(&self, anchor: Anchor, parties: [Address; 3]) -> Probe {
        assert!(
            parties[self.known..].iter().all(|party| party.is_zero()),
            "no party beyond what the shelf knows"
        );
        let hashed = parties.map(|party| self.hashing.party(party));
        let anchor_hash = self.hashing.address(anchor.0);
        let mut probe = Probe { anchor, parties, hashes: [0; 8] };
        let mut line = 0;
        for choice in probe.choices() {
            let part = |at: usize| if choice >> at & 1 == 1 { hashed[at] } else { 0 };
            probe.hashes[choice] = self.hashing.mix([anchor_hash, part(0), part(1), part(2)], false);
            line |= self.by_corner.peek(probe.hashes[choice]);
        }
        std::hint::black_box(line);
        probe
    }

    /// Corners whose known restrictions are zero or these parties, and those with groups.
    #[inline]
    pub(crate) fn corners(&self, probe: &Probe) -> Corners {
        let Probe { anchor, parties, hashes } = *probe;
        let mut corners = Corners::default();
        for choice in probe.choices() {
            let part = |at: usize| if choice >> at & 1 == 1 { parties[at] } else { Address::ZERO };
            let wanted = Corner { anchor, known: [part(0), part(1), part(2)], grouped: false };
            corners.add(self.by_corner.find(hashes[choice], |id| self.corners[id].corner == wanted));
        }
        corners.plain = corners.all;
        corners.add(self.of_groups(anchor));
        let heads = |line: u64, id: &u32| line | self.corners[*id].heads.first().map_or(0, |head| head.trust);
        std::hint::black_box(corners.found[..corners.all].iter().fold(0, heads));
        corners
    }

    fn of_groups(&self, anchor: Anchor) -> Option<u32> {
        if self.corners_of_groups == 0 {
            return None;
        }
        let wanted = Corner { anchor, known: [Address::ZERO; 3], grouped: true };
        self.by_corner.find(self.hash_of_corner(&wanted), |id| self.corners[id].corner == wanted)
    }

    /// Heads of the classes without groups.
    #[inline]
    pub(crate) fn plain(&self, corners: &Corners) -> impl Iterator<Item = &Head> {
        corners.found.into_iter().take(corners.plain).flat_map(|id| &self.corners[id].heads)
    }

    /// Heads of the classes with groups.
    #[inline]
    pub(crate) fn of(&self, corners: &Corners) -> impl Iterator<Item = &Head> {
        let found = corners.found.into_iter().take(corners.all).skip(corners.plain);
        found.flat_map(|id| &self.corners[id].heads)
    }

    /// Heads of the classes with groups of an anchor.
    pub(crate) fn grouped(&self, anchor: Anchor) -> impl Iterator<Item = &Head> {
        self.of_groups(anchor).into_iter().flat_map(|id| &self.corners[id].heads)
    }
}

impl Corners {
    #[inline]
    fn add(&mut self, corner: Option<u32>) {
        if let Some(corner) = corner {
            self.found[self.all] = corner;
            self.all += 1;
        }
    }
}
