//! The cheapest match against one found by trying everything, and the rules that hide offers.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use alloy_primitives::{Address, B256, U256};
use metacloud_book::{BestRequest, Book, Caps, Insert, Listing, NoOffer};
use metacloud_protocol::rules::Orders;
use metacloud_protocol::{
    AppOrder, CategoryId, DatasetOrder, Nrlc, OrderHash, RequestOrder, Tag, WorkerpoolOrder,
};
use proptest::prelude::*;

const APP: Address = Address::repeat_byte(0xa1);
const OTHER_APP: Address = Address::repeat_byte(0xa2);
const DATASET: Address = Address::repeat_byte(0xd1);
const POOL: Address = Address::repeat_byte(0xb1);
const OTHER_POOL: Address = Address::repeat_byte(0xb2);
const BUYER: Address = Address::repeat_byte(0xc1);
const OTHER_BUYER: Address = Address::repeat_byte(0xc2);
/// A group contract of which `BUYER`, `APP` and `POOL` are members.
const GROUP: Address = Address::repeat_byte(0x61);

fn is_member(group: Address, account: Address) -> bool {
    group == GROUP && [BUYER, APP, POOL].contains(&account)
}

fn request() -> BestRequest {
    BestRequest {
        app: APP,
        dataset: Address::ZERO,
        workerpool: Address::ZERO,
        requester: BUYER,
        category: CategoryId(1),
        trust: 4,
        tag: Tag::NONE,
        price_max: None,
        caps: Caps::default(),
    }
}

fn app(price: u64) -> AppOrder {
    AppOrder { app: APP, appprice: U256::from(price), volume: U256::from(10), ..AppOrder::default() }
}

fn pool(price: u64) -> WorkerpoolOrder {
    WorkerpoolOrder {
        workerpool: POOL,
        workerpoolprice: U256::from(price),
        volume: U256::from(5),
        category: U256::from(1),
        trust: U256::from(4),
        ..WorkerpoolOrder::default()
    }
}

/// Orders numbered as they come; the number is hash and time.
#[derive(Default)]
struct Market {
    book: Book,
    apps: Vec<AppOrder>,
    datasets: Vec<DatasetOrder>,
    pools: Vec<WorkerpoolOrder>,
    count: u64,
}

impl Market {
    fn enter(&mut self, mut listing: Listing) -> OrderHash {
        self.count += 1;
        listing.hash = OrderHash(B256::from(U256::from(self.count)));
        listing.published_ms = self.count;
        listing.grouped = listing.restrictions().contains(&GROUP);
        let hash = listing.hash;
        self.book.shelf_mut(listing.kind).insert(listing).unwrap();
        hash
    }

    fn app(&mut self, order: AppOrder) -> OrderHash {
        self.apps.push(order.clone());
        self.enter(Listing::of_app(&order, OrderHash::ZERO, Address::ZERO).unwrap())
    }

    fn dataset(&mut self, order: DatasetOrder) -> OrderHash {
        self.datasets.push(order.clone());
        self.enter(Listing::of_dataset(&order, OrderHash::ZERO, Address::ZERO).unwrap())
    }

    fn pool(&mut self, order: WorkerpoolOrder) -> OrderHash {
        self.pools.push(order.clone());
        self.enter(Listing::of_workerpool(&order, OrderHash::ZERO, Address::ZERO).unwrap())
    }

    fn best(&self, request: &BestRequest) -> Result<(u64, OrderHash), NoOffer> {
        let best = self.book.best(request, is_member)?;
        Ok((best.price.0.to(), best.workerpool.hash))
    }

    /// The cheapest price by trying every combination against the protocol's rules.
    fn exhaustive(&self, wanted: &BestRequest) -> Option<U256> {
        let none = [DatasetOrder::none()];
        let datasets = if wanted.dataset.is_zero() { &none[..] } else { &self.datasets };
        let request = RequestOrder {
            app: wanted.app,
            appmaxprice: U256::MAX,
            dataset: wanted.dataset,
            datasetmaxprice: U256::MAX,
            workerpool: wanted.workerpool,
            workerpoolmaxprice: U256::MAX,
            requester: wanted.requester,
            volume: U256::from(1),
            tag: wanted.tag.0,
            category: U256::from(wanted.category.0),
            trust: U256::from(wanted.trust),
            ..RequestOrder::default()
        };
        let mut prices = Vec::new();
        for app in &self.apps {
            for dataset in datasets {
                for workerpool in &self.pools {
                    let orders = Orders { app, dataset, workerpool, request: &request };
                    if orders.check(U256::from(5), is_member).is_ok() {
                        prices.push(app.appprice + dataset.datasetprice + workerpool.workerpoolprice);
                    }
                }
            }
        }
        prices.into_iter().min()
    }
}

#[test]
fn what_is_missing_is_said() {
    let mut market = Market::default();
    assert_eq!(market.best(&request()), Err(NoOffer::App { app: APP }));
    market.app(app(1));
    let no_pool = NoOffer::Workerpool { category: CategoryId(1), trust: 4 };
    assert_eq!(market.best(&request()), Err(no_pool));
    let with_dataset = BestRequest { dataset: DATASET, ..request() };
    assert_eq!(market.best(&with_dataset), Err(NoOffer::Dataset { dataset: DATASET }));
    let hash = market.pool(pool(7));
    assert_eq!(market.best(&request()), Ok((8, hash)));
    let poor = BestRequest { price_max: Some(Nrlc::new(7)), ..request() };
    let dear = NoOffer::Price { cheapest: Nrlc::new(8), price_max: Nrlc::new(7) };
    assert_eq!(market.best(&poor), Err(dear));
    assert!(market.best(&BestRequest { price_max: Some(Nrlc::new(8)), ..request() }).is_ok());
}

#[test]
fn price_decides_then_time() {
    let mut market = Market::default();
    market.app(app(0));
    let first = market.pool(pool(5));
    market.pool(pool(5));
    market.pool(pool(9));
    assert_eq!(market.best(&request()), Ok((5, first)));
    let cheap = market.pool(pool(4));
    assert_eq!(market.best(&request()), Ok((4, cheap)));
    market.book.workerpools.set_remaining(cheap, 0);
    market.book.workerpools.set_remaining(first, 2);
    let best = market.book.best(&request(), is_member).unwrap();
    assert_eq!((best.workerpool.hash, best.volume), (first, 2));
}

#[test]
fn offers_that_do_not_fit_are_passed_over() {
    let mut market = Market::default();
    market.app(app(0));
    let fits = market.pool(pool(100));
    market.pool(WorkerpoolOrder { category: U256::from(2), ..pool(1) });
    market.pool(WorkerpoolOrder { trust: U256::from(3), ..pool(1) });
    market.pool(WorkerpoolOrder { requesterrestrict: OTHER_BUYER, ..pool(1) });
    market.pool(WorkerpoolOrder { apprestrict: OTHER_APP, ..pool(1) });
    market.pool(WorkerpoolOrder { datasetrestrict: DATASET, ..pool(1) });
    assert_eq!(market.best(&request()), Ok((100, fits)));
    let gpu = BestRequest { tag: Tag::GPU, ..request() };
    assert!(matches!(market.best(&gpu), Err(NoOffer::Workerpool { .. })));
    let with_gpu = market.pool(WorkerpoolOrder { tag: Tag::GPU.0, ..pool(200) });
    assert_eq!(market.best(&gpu), Ok((200, with_gpu)));
    // An enclave asked for by the request needs an app for one.
    let tee = BestRequest { tag: Tag::TEE, ..request() };
    assert_eq!(market.best(&tee), Err(NoOffer::App { app: APP }));
}

#[test]
fn a_dearer_app_order_wins_if_its_pool_is_cheaper() {
    let mut market = Market::default();
    market.app(AppOrder { workerpoolrestrict: OTHER_POOL, ..app(1) });
    market.app(app(3));
    market.pool(WorkerpoolOrder { workerpool: OTHER_POOL, ..pool(10) });
    let cheap = market.pool(pool(5));
    assert_eq!(market.best(&request()), Ok((8, cheap)));
}

#[test]
fn groups_are_asked() {
    let mut market = Market::default();
    market.app(AppOrder { workerpoolrestrict: GROUP, ..app(1) });
    market.pool(WorkerpoolOrder { workerpool: OTHER_POOL, ..pool(1) });
    let member = market.pool(WorkerpoolOrder { requesterrestrict: GROUP, ..pool(6) });
    assert_eq!(market.best(&request()), Ok((7, member)));
    let stranger = BestRequest { requester: OTHER_BUYER, ..request() };
    assert!(matches!(market.best(&stranger), Err(NoOffer::Workerpool { .. })));
    let questions = market.book.questions(&request());
    for pair in [(GROUP, POOL), (GROUP, OTHER_POOL), (GROUP, BUYER)] {
        assert!(questions.contains(&pair), "{pair:?}");
    }
}

#[test]
fn a_book_refuses_twice_and_empty() {
    let mut book = Book::new();
    let listing = Listing::of_app(&app(1), OrderHash::ZERO, Address::ZERO).unwrap();
    let empty = Listing { remaining: 0, ..listing.clone() };
    assert_eq!(book.apps.insert(empty), Err(Insert::Empty));
    book.apps.insert(listing.clone()).unwrap();
    assert_eq!(book.apps.insert(listing), Err(Insert::Known));
    assert!(book.apps.remove(OrderHash::ZERO).is_some());
    assert!(book.apps.remove(OrderHash::ZERO).is_none());
    assert!(book.apps.is_empty());
}

fn restriction(parties: &'static [Address]) -> impl Strategy<Value = Address> {
    prop_oneof![3 => Just(Address::ZERO), 2 => proptest::sample::select(parties), 1 => Just(GROUP)]
}

fn tag() -> impl Strategy<Value = B256> {
    prop_oneof![4 => Just(0u8), 1 => Just(1), 1 => Just(9), 1 => Just(8), 1 => Just(0x10)]
        .prop_map(B256::with_last_byte)
}

prop_compose! {
    fn any_app()(price in 0u64..20, tag in tag(), d in restriction(&[DATASET]), w in restriction(&[POOL, OTHER_POOL]),
        r in restriction(&[BUYER, OTHER_BUYER])) -> AppOrder {
        AppOrder { tag, datasetrestrict: d, workerpoolrestrict: w, requesterrestrict: r, ..app(price) }
    }
}
prop_compose! {
    fn any_dataset()(price in 0u64..20, tag in tag(), a in restriction(&[APP, OTHER_APP]),
        w in restriction(&[POOL, OTHER_POOL]), r in restriction(&[BUYER, OTHER_BUYER])) -> DatasetOrder {
        DatasetOrder { dataset: DATASET, datasetprice: U256::from(price), volume: U256::from(1), tag,
            apprestrict: a, workerpoolrestrict: w, requesterrestrict: r, ..DatasetOrder::none() }
    }
}
prop_compose! {
    fn any_pool()(price in 0u64..20, tag in tag(), other in any::<bool>(), category in 0u64..3, trust in 3u64..6,
        a in restriction(&[APP, OTHER_APP]), d in restriction(&[DATASET]), r in restriction(&[BUYER, OTHER_BUYER]))
        -> WorkerpoolOrder {
        WorkerpoolOrder { workerpool: if other { OTHER_POOL } else { POOL }, tag, category: U256::from(category),
            trust: U256::from(trust), apprestrict: a, datasetrestrict: d, requesterrestrict: r, ..pool(price) }
    }
}

proptest! {
    /// Whatever is in the book, the search finds the price that trying everything finds.
    #[test]
    fn finds_what_trying_everything_finds(
        apps in proptest::collection::vec(any_app(), 0..6),
        datasets in proptest::collection::vec(any_dataset(), 0..5),
        pools in proptest::collection::vec(any_pool(), 0..12),
        with_dataset: bool,
        tag in tag(),
        workerpool in restriction(&[POOL, OTHER_POOL]),
    ) {
        let mut market = Market::default();
        for order in apps {
            market.app(order);
        }
        for order in datasets {
            market.dataset(order);
        }
        for order in pools {
            market.pool(order);
        }
        let dataset = if with_dataset { DATASET } else { Address::ZERO };
        let wanted = BestRequest { dataset, tag: Tag(tag), workerpool, ..request() };
        let found = market.book.best(&wanted, is_member).ok().map(|best| best.price.0);
        prop_assert_eq!(found, market.exhaustive(&wanted));
    }
}
