//! How fast is the order book alone, next to `nanobook`?
//!
//! Three questions, CPU time of one core:
//! - operations per second of a mix (40 % add, 30 % cancel, 20 % match, 10 % query) with restrictions, tags, trust and
//!   categories, on a book of so many orders: 3 million are wanted;
//! - the cheapest offers for a request with all restrictions among as many orders: 2 µs are wanted;
//! - what both can do, in the same process: add and cancel limit orders without terms, and match at the best price.
//!
//! Beside them stands what one read from memory costs that no cache has: a book of a million orders is 0.4 GB, an operation
//! on it reads four to ten such lines, so that the figures of a machine are only understood together with this one.
//!
//! The ratio is that of the last question, time per operation, ours over the peer's. The others stand beside it.
//! `book [--orders N] [--operations N]`

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::io::Write as _;

use alloy_primitives::{Address, B256, U256, keccak256};
use metacloud_book::{BestRequest, Book, Caps, Listing};
use metacloud_protocol::{
    AppOrder, CategoryId, DatasetOrder, Nrlc, OrderHash, OrderKind, Tag, WorkerpoolOrder,
};
use nanobook::{Exchange, OrderId, Price, Side, TimeInForce};
use serde_json::json;

type Failure = Box<dyn Error + Send + Sync>;

/// Wanted of the mix, operations per second.
const MIX_PER_S_MIN: f64 = 3e6;
/// Wanted of the query, microseconds.
const BEST_US_MAX: f64 = 2.0;
/// Time per operation of what both can do, ours over the peer's: ours keeps terms, owners and hashes beside the price.
const BOUND: f64 = 8.0;
const APPS: u64 = 2_000;
const DATASETS: u64 = 2_000;
/// Open orders of one pool, as many as the market lets its owner have.
const ORDERS_OF_POOL: u64 = 50;
/// Why an order of this benchmark becomes a listing.
const FITS: &str = "its numbers have at most 64 bits";
/// Lines of 64 bytes whose reading is timed: as much memory as a million orders fill.
const MEMORY_LINES: u32 = 1 << 22;
const LINE_WORDS: u32 = 16;
const MEMORY_READS: u32 = 1_000_000;
const QUERIES: usize = 200_000;
/// Operations of the comparison: beyond, matching of the peer becomes slower by orders of magnitude.
const ALIKE_MAX: u64 = 50_000;

/// Numbers without pattern that are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn address(&mut self, kind: u8, count: u64) -> Address {
        address(kind, self.below(count))
    }
}

fn address(kind: u8, number: u64) -> Address {
    Address::from_word(keccak256([&[kind][..], &number.to_be_bytes()].concat()))
}

enum Step {
    Add(Listing),
    Cancel(OrderHash),
    Match(BestRequest),
    Query(BestRequest),
}

/// Orders as a busy market has them.
struct Traffic {
    chance: Chance,
    pools: u64,
    made: u64,
}

impl Traffic {
    fn hash(&mut self) -> OrderHash {
        self.made += 1;
        OrderHash(keccak256(self.made.to_be_bytes()))
    }

    fn tag(&mut self) -> Tag {
        [Tag::NONE, Tag::NONE, Tag::NONE, Tag::TEE | Tag::TDX, Tag::GPU][self.chance.below(5) as usize]
    }

    /// One in ten is restricted to each party.
    fn restriction(&mut self, kind: u8, count: u64) -> Address {
        if self.chance.below(10) == 0 { self.chance.address(kind, count) } else { Address::ZERO }
    }

    fn pool(&mut self) -> Listing {
        let number = self.chance.below(self.pools);
        let order = WorkerpoolOrder {
            workerpool: address(b'w', number),
            workerpoolprice: U256::from(1 + self.chance.below(1_000_000)),
            volume: U256::from(1 + self.chance.below(3)),
            tag: self.tag().0,
            category: U256::from(self.chance.below(5)),
            trust: U256::from([0, 1, 4, 16, 100][self.chance.below(5) as usize]),
            apprestrict: self.restriction(b'a', APPS),
            datasetrestrict: self.restriction(b'd', DATASETS),
            requesterrestrict: self.restriction(b'r', 10_000),
            ..WorkerpoolOrder::default()
        };
        let hash = self.hash();
        Listing {
            published_ms: self.made,
            ..Listing::of_workerpool(&order, hash, address(b'o', number)).expect(FITS)
        }
    }

    fn app(&mut self, number: u64) -> Listing {
        let order = AppOrder {
            app: address(b'a', number),
            appprice: U256::from(1 + self.chance.below(1_000)),
            volume: U256::from(u64::MAX),
            tag: (if self.chance.below(2) == 0 { Tag::NONE } else { Tag::TEE | Tag::TDX }).0,
            datasetrestrict: self.restriction(b'd', DATASETS),
            requesterrestrict: self.restriction(b'r', 10_000),
            workerpoolrestrict: self.restriction(b'w', self.pools),
            ..AppOrder::default()
        };
        let hash = self.hash();
        Listing {
            published_ms: self.made,
            ..Listing::of_app(&order, hash, address(b'p', number)).expect(FITS)
        }
    }

    fn dataset(&mut self, number: u64) -> Listing {
        let order = DatasetOrder {
            dataset: address(b'd', number),
            datasetprice: U256::from(1 + self.chance.below(1_000)),
            volume: U256::from(u64::MAX),
            apprestrict: self.restriction(b'a', APPS),
            requesterrestrict: self.restriction(b'r', 10_000),
            ..DatasetOrder::none()
        };
        let hash = self.hash();
        Listing {
            published_ms: self.made,
            ..Listing::of_dataset(&order, hash, address(b'q', number)).expect(FITS)
        }
    }

    fn request(&mut self, with_dataset: bool) -> BestRequest {
        BestRequest {
            app: self.chance.address(b'a', APPS),
            dataset: if with_dataset { self.chance.address(b'd', DATASETS) } else { Address::ZERO },
            workerpool: Address::ZERO,
            requester: self.chance.address(b'r', 10_000),
            category: CategoryId(self.chance.below(5)),
            trust: [1, 4, 16][self.chance.below(3) as usize],
            tag: Tag::NONE,
            price_max: Some(Nrlc::new(2_000_000)),
            caps: Caps::default(),
        }
    }
}

fn main() -> Result<(), Failure> {
    let (orders, operations) = options()?;
    let mut traffic =
        Traffic { chance: Chance(0x9e37_79b9_7f4a_7c15), pools: (orders / ORDERS_OF_POOL).max(1), made: 0 };
    let mut book = Book::seeded(1);
    let mut open = fill(&mut book, &mut traffic, orders)?;
    let best_us = best(&book, &mut traffic)?;
    let mix_per_s = mix(&mut book, &mut traffic, &mut open, operations)?;
    drop(book);
    let memory_ns = memory(&mut traffic.chance)?;
    let (ours_ns, peer_ns) = alike(operations.min(ALIKE_MAX))?;
    writeln!(
        std::io::stdout(),
        "{}",
        json!({
            "bench": "book", "ours": ours_ns, "peer": peer_ns, "peerName": "nanobook", "unit": "ns CPU per operation",
            "ratio": ours_ns / peer_ns, "bound": BOUND, "orders": orders, "mixPerSecond": mix_per_s,
            "mixWanted": MIX_PER_S_MIN, "bestMicroseconds": best_us, "bestWanted": BEST_US_MAX, "memoryReadNs": memory_ns,
        })
    )?;
    Ok(())
}

fn options() -> Result<(u64, u64), Failure> {
    let (mut orders, mut operations) = (1_000_000, 200_000);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments.next().ok_or(format!("{argument} needs a value"))?.parse()?;
        match argument.as_str() {
            "--orders" => orders = value,
            "--operations" => operations = value,
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok((orders, operations))
}

/// Nanoseconds that this thread has computed.
fn cpu_ns() -> Result<f64, Failure> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(stat.split_whitespace().next().ok_or("an empty schedstat")?.parse()?)
}

fn fill(book: &mut Book, traffic: &mut Traffic, orders: u64) -> Result<Vec<OrderHash>, Failure> {
    for number in 0..APPS {
        for _ in 0..3 {
            book.apps.insert(traffic.app(number))?;
        }
    }
    for number in 0..DATASETS {
        for _ in 0..3 {
            book.datasets.insert(traffic.dataset(number))?;
        }
    }
    let mut open = Vec::new();
    for _ in 0..orders {
        let listing = traffic.pool();
        open.push(listing.hash);
        book.workerpools.insert(listing)?;
    }
    Ok(open)
}

/// Microseconds for the cheapest offers to requests with a dataset.
fn best(book: &Book, traffic: &mut Traffic) -> Result<f64, Failure> {
    let requests: Vec<BestRequest> = (0..QUERIES).map(|_| traffic.request(true)).collect();
    let began = cpu_ns()?;
    let found = requests.iter().filter(|request| black_box(book.best(request, |_, _| false)).is_ok()).count();
    let spent = cpu_ns()? - began;
    if found * 2 < QUERIES {
        return Err(format!("only {found} of {QUERIES} requests found an offer").into());
    }
    Ok(spent / QUERIES as f64 / 1e3)
}

/// Operations per second.
fn mix(
    book: &mut Book,
    traffic: &mut Traffic,
    open: &mut Vec<OrderHash>,
    count: u64,
) -> Result<f64, Failure> {
    let mut steps = Vec::new();
    for _ in 0..count {
        steps.push(match traffic.chance.below(10) {
            0..4 => {
                let listing = traffic.pool();
                open.push(listing.hash);
                Step::Add(listing)
            }
            4..7 => {
                let at = traffic.chance.below(open.len() as u64) as usize;
                Step::Cancel(open.swap_remove(at))
            }
            7..9 => Step::Match(traffic.request(false)),
            _ => Step::Query(traffic.request(false)),
        });
    }
    let began = cpu_ns()?;
    for step in steps {
        match step {
            // A full book refuses, which is an answer too.
            Step::Add(listing) => drop(black_box(book.workerpools.insert(listing))),
            Step::Cancel(hash) => drop(black_box(book.workerpools.remove(hash))),
            Step::Match(request) => {
                let found = book.best(&request, |_, _| false).map(|best| {
                    let left = |listing: &Listing| (listing.hash, listing.remaining - 1);
                    (left(best.workerpool), left(best.app))
                });
                if let Ok(((workerpool, tasks), (app, runs))) = found {
                    book.workerpools.set_remaining(workerpool, tasks);
                    book.apps.set_remaining(app, runs);
                }
            }
            Step::Query(request) => {
                black_box(book.best(&request, |_, _| false).is_ok());
            }
        }
    }
    Ok(count as f64 / (cpu_ns()? - began) * 1e9)
}

/// Nanoseconds of one read from memory, each at a place that the one before names.
fn memory(chance: &mut Chance) -> Result<f64, Failure> {
    let mut next: Vec<u32> = (0..MEMORY_LINES * LINE_WORDS).collect();
    // A single round through all lines, by swapping each with an earlier one.
    for line in (1..MEMORY_LINES).rev() {
        let other = u32::try_from(chance.below(u64::from(line)))?;
        next.swap((line * LINE_WORDS) as usize, (other * LINE_WORDS) as usize);
    }
    let began = cpu_ns()?;
    let mut at = 0;
    for _ in 0..MEMORY_READS {
        at = next[at as usize];
    }
    black_box(at);
    Ok((cpu_ns()? - began) / f64::from(MEMORY_READS))
}

/// One step of what both books can do.
enum Plain {
    Add(u64),
    Cancel(usize),
    Take,
}

/// Nanoseconds per operation of ours and of the peer: half add, three in ten cancel, two in ten take the best.
fn alike(count: u64) -> Result<(f64, f64), Failure> {
    let mut chance = Chance(42);
    let mut added = 0_u64;
    let steps: Vec<Plain> = (0..count)
        .map(|_| match chance.below(10) {
            0..5 => {
                added += 1;
                Plain::Add(1 + chance.below(10_000))
            }
            5..8 if added > 0 => Plain::Cancel(chance.below(added) as usize),
            _ => Plain::Take,
        })
        .collect();
    let peer = peer(&steps)?;
    let ours = ours(&steps)?;
    Ok((ours / count as f64, peer / count as f64))
}

fn ours(steps: &[Plain]) -> Result<f64, Failure> {
    let mut book = Book::seeded(1);
    let app = AppOrder { app: address(b'a', 0), volume: U256::from(u64::MAX), ..AppOrder::default() };
    book.apps.insert(Listing::of_app(&app, OrderHash(B256::ZERO), address(b'p', 0)).expect(FITS))?;
    let listings: Vec<Listing> = steps
        .iter()
        .enumerate()
        .filter_map(|(number, step)| match step {
            Plain::Add(price) => {
                let number = number as u64;
                let order = WorkerpoolOrder {
                    workerpool: address(b'w', number / ORDERS_OF_POOL),
                    workerpoolprice: U256::from(*price),
                    volume: U256::from(1),
                    ..WorkerpoolOrder::default()
                };
                let hash = OrderHash(keccak256(number.to_be_bytes()));
                let listing =
                    Listing::of_workerpool(&order, hash, address(b'o', number / ORDERS_OF_POOL)).expect(FITS);
                Some(Listing { published_ms: number, ..listing })
            }
            Plain::Cancel(_) | Plain::Take => None,
        })
        .collect();
    let hashes: Vec<OrderHash> = listings.iter().map(|listing| listing.hash).collect();
    let request = BestRequest {
        app: app.app,
        dataset: Address::ZERO,
        workerpool: Address::ZERO,
        requester: Address::ZERO,
        category: CategoryId(0),
        trust: 0,
        tag: Tag::NONE,
        price_max: None,
        caps: Caps::default(),
    };
    let mut listings = listings.into_iter();
    let began = cpu_ns()?;
    for step in steps {
        match step {
            Plain::Add(_) => book.workerpools.insert(listings.next().ok_or("too few listings")?)?,
            Plain::Cancel(at) => drop(black_box(book.shelf_mut(OrderKind::Workerpool).remove(hashes[*at]))),
            Plain::Take => {
                let found = book.best(&request, |_, _| false).map(|best| best.workerpool.hash);
                if let Ok(workerpool) = found {
                    book.workerpools.set_remaining(workerpool, 0);
                }
            }
        }
    }
    Ok(cpu_ns()? - began)
}

fn peer(steps: &[Plain]) -> Result<f64, Failure> {
    let mut exchange = Exchange::new();
    let mut ids: Vec<OrderId> = Vec::with_capacity(steps.len());
    let began = cpu_ns()?;
    for step in steps {
        match step {
            Plain::Add(price) => {
                let price = Price(i64::try_from(*price)?);
                ids.push(exchange.submit_limit(Side::Sell, price, 1, TimeInForce::GTC).order_id);
            }
            Plain::Cancel(at) => drop(black_box(exchange.cancel(ids[*at]))),
            Plain::Take => drop(black_box(exchange.submit_market(Side::Buy, 1))),
        }
    }
    Ok(cpu_ns()? - began)
}
