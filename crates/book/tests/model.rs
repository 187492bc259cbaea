//! The book against a list without indexes: whatever is done to both, they answer the same.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use alloy_primitives::{Address, B256};
use metacloud_book::{BestRequest, Book, Caps, Filter, Insert, Listing, Wanted};
use metacloud_protocol::{CategoryId, OrderHash, OrderKind, Tag};
use proptest::prelude::*;

const KINDS: [OrderKind; 4] = [OrderKind::App, OrderKind::Dataset, OrderKind::Workerpool, OrderKind::Request];
/// A group contract of which the even parties are members.
const GROUP: Address = Address::repeat_byte(0x61);

fn is_member(group: Address, account: Address) -> bool {
    group == GROUP && account.0[0].is_multiple_of(2)
}

#[derive(Clone, Debug)]
enum Step {
    Insert(Box<Listing>),
    /// The n-th listing of those ever inserted.
    Remove(usize),
    SetRemaining(usize, u64),
}

fn party() -> impl Strategy<Value = Address> {
    (1..4_u8).prop_map(Address::repeat_byte)
}

fn restriction() -> impl Strategy<Value = Address> {
    prop_oneof![3 => Just(Address::ZERO), 3 => party(), 1 => Just(GROUP)]
}

prop_compose! {
    fn listing()(
        kind in 0..4_usize, hash in 0..40_u8, signer in party(), published_ms in 0..3_u64, price in 0..4_u64,
        volume in 0..4_u64, tag in prop_oneof![Just(0_u8), Just(1), Just(9), Just(0x10)], category in 0..2_u64,
        trust in 0..3_u64, own in party(), parties in [restriction(), restriction(), restriction(), restriction()],
    ) -> Listing {
        let kind = KINDS[kind];
        let mut listing = Listing {
            kind,
            hash: OrderHash(B256::repeat_byte(hash)),
            signer,
            published_ms,
            remaining: volume,
            volume,
            price_nrlc: price,
            tag: Tag(B256::with_last_byte(tag)),
            category,
            trust,
            app: parties[0],
            dataset: parties[1],
            workerpool: parties[2],
            requester: parties[3],
            beneficiary: Address::ZERO,
            grouped: false,
        };
        match kind {
            OrderKind::App => (listing.app, listing.category, listing.trust) = (own, 0, 0),
            OrderKind::Dataset => {
                (listing.dataset, listing.category, listing.trust) = (own, 0, 0);
            }
            OrderKind::Workerpool => listing.workerpool = own,
            OrderKind::Request => listing.requester = own,
        }
        listing.grouped = listing.restrictions().contains(&GROUP);
        listing
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => listing().prop_map(|listing| Step::Insert(Box::new(listing))),
        1 => any::<usize>().prop_map(Step::Remove),
        1 => (any::<usize>(), 0..3_u64).prop_map(|(at, left)| Step::SetRemaining(at, left)),
    ]
}

fn wanted() -> impl Strategy<Value = Wanted> {
    prop_oneof![
        2 => Just(Wanted::Any), 1 => restriction().prop_map(Wanted::Exactly), 1 => party().prop_map(Wanted::Accepts)
    ]
}

prop_compose! {
    fn filter()(
        app in wanted(), dataset in wanted(), workerpool in wanted(), requester in wanted(),
        signer in proptest::option::of(party()), category in proptest::option::of(0..2_u64),
        min_tag in proptest::option::of(0..2_u8), max_tag in proptest::option::of(0..10_u8),
        min_volume in proptest::option::of(1..3_u64),
    ) -> Filter {
        Filter {
            app, dataset, workerpool, requester, signer,
            category,
            min_tag: min_tag.map(|tag| Tag(B256::with_last_byte(tag))),
            max_tag: max_tag.map(|tag| Tag(B256::with_last_byte(tag))),
            min_volume,
            ..Filter::default()
        }
    }
}

prop_compose! {
    fn request()(app in party(), dataset in restriction(), workerpool in restriction(), requester in party(),
        category in 0..2_u64, trust in 0..3_u64, tag in prop_oneof![Just(0_u8), Just(1), Just(0x10)]) -> BestRequest {
        BestRequest {
            app, dataset, workerpool, requester, category: CategoryId(category), trust,
            tag: Tag(B256::with_last_byte(tag)), price_max: None,
            caps: Caps::default(),
        }
    }
}

/// All open listings, in no order.
#[derive(Default)]
struct Naive(Vec<Listing>);

impl Naive {
    fn insert(&mut self, listing: Listing) -> Result<(), Insert> {
        if listing.remaining == 0 {
            return Err(Insert::Empty);
        }
        if self.find(listing.kind, listing.hash).is_some() {
            return Err(Insert::Known);
        }
        self.0.push(listing);
        Ok(())
    }

    fn find(&self, kind: OrderKind, hash: OrderHash) -> Option<usize> {
        self.0.iter().position(|listing| listing.kind == kind && listing.hash == hash)
    }

    fn ranked(&self, kind: OrderKind, admits: impl Fn(&Listing) -> bool) -> Vec<&Listing> {
        let mut found: Vec<_> = self.0.iter().filter(|l| l.kind == kind && admits(l)).collect();
        found.sort_by_key(|listing| listing.rank());
        found
    }

    fn book(&self, seed: u64) -> Book {
        let mut book = Book::seeded(seed);
        for listing in self.0.iter().rev() {
            book.shelf_mut(listing.kind).insert(listing.clone()).unwrap();
        }
        book
    }
}

proptest! {
    #[test]
    fn answers_what_a_list_without_indexes_answers(
        steps in proptest::collection::vec(step(), 0..120),
        filters in proptest::collection::vec(filter(), 4),
        requests in proptest::collection::vec(request(), 8),
        skip in 0..6_usize,
        take in 1..6_usize,
    ) {
        let (mut book, mut naive) = (Book::seeded(7), Naive::default());
        let mut seen: Vec<(OrderKind, OrderHash)> = Vec::new();
        for step in steps {
            match step {
                Step::Insert(listing) => {
                    seen.push((listing.kind, listing.hash));
                    let inserted = book.shelf_mut(listing.kind).insert((*listing).clone());
                    prop_assert_eq!(inserted, naive.insert(*listing));
                }
                Step::Remove(at) if !seen.is_empty() => {
                    let (kind, hash) = seen[at % seen.len()];
                    let removed = naive.find(kind, hash).map(|at| naive.0.swap_remove(at));
                    prop_assert_eq!(book.shelf_mut(kind).remove(hash), removed);
                }
                Step::SetRemaining(at, left) if !seen.is_empty() => {
                    let (kind, hash) = seen[at % seen.len()];
                    book.shelf_mut(kind).set_remaining(hash, left);
                    match naive.find(kind, hash) {
                        Some(at) if left == 0 => drop(naive.0.swap_remove(at)),
                        Some(at) => naive.0[at].remaining = left,
                        None => {}
                    }
                }
                Step::Remove(_) | Step::SetRemaining(..) => {}
            }
        }
        for kind in KINDS {
            let shelf = book.shelf(kind);
            let all = naive.ranked(kind, |_| true);
            prop_assert_eq!((shelf.len(), shelf.is_empty()), (all.len(), all.is_empty()));
            for party in [1, 2, 3].map(Address::repeat_byte) {
                let signed: Vec<_> = shelf.signed_by(party).collect();
                prop_assert_eq!(signed, naive.ranked(kind, |l| l.signer == party));
                let sold: Vec<_> = shelf.of_resource(party).collect();
                prop_assert_eq!(sold, naive.ranked(kind, |l| l.resource() == party));
            }
            for filter in &filters {
                let expected = naive.ranked(kind, |l| filter.admits(l));
                let selected: Vec<_> = shelf.select(filter).collect();
                prop_assert_eq!(&selected, &expected);
                let (count, page) = shelf.page(filter, skip, take);
                prop_assert_eq!(count, expected.len());
                let expected: Vec<_> = expected.into_iter().skip(skip).take(take).collect();
                prop_assert_eq!(page, expected);
            }
        }
        // Nothing is left in the indexes of what was there before: a fresh book finds the same.
        let fresh = naive.book(99);
        for request in &requests {
            prop_assert_eq!(book.best(request, is_member), fresh.best(request, is_member));
            prop_assert_eq!(book.questions(request), fresh.questions(request));
        }
    }
}
