//! The cheapest compatible offers for a request.
//!
//! The three offers depend on each other: an app order may be tied to a workerpool, or ask for a capability that
//! only dear workerpools have. So the candidates of app and dataset are their cheapest offers per terms, and
//! each pair is completed by the cheapest workerpool that fits both. What fits is decided by the protocol's rules
//! of matching; the search only orders the questions.

use alloy_primitives::{Address, U256};
use metacloud_protocol::rules::accepts;
use metacloud_protocol::{CategoryId, Nrlc, Tag};

use crate::Book;
use crate::listing::Listing;
use crate::shelf::{Anchor, Corners, Glance, Head, Key, Probe, Shelf, Terms};

/// Offers of one app, or of one dataset, with different terms that a search looks at, cheapest first. More than
/// an owner has open orders by the market's rule (50), unless the asset changed hands.
pub const CANDIDATES_MAX: usize = 64;

/// Room made at once for the app or dataset offers of a search.
const OFFERS_USUAL: usize = 8;
/// Demands on workerpools that a search remembers the answer to. There are two where apps for enclaves and others are on
/// sale, rarely more.
const DEMANDS_MAX: usize = 4;

/// What is to be bought.
#[derive(Clone, Copy, Debug)]
pub struct BestRequest {
    /// The app.
    pub app: Address,
    /// The dataset; zero for none.
    pub dataset: Address,
    /// The request's restriction to a workerpool or a group of them; zero for any.
    pub workerpool: Address,
    /// Who buys.
    pub requester: Address,
    /// The category.
    pub category: CategoryId,
    /// Trust that the workerpool must offer.
    pub trust: u64,
    /// Capabilities that the request itself demands.
    pub tag: Tag,
    /// Most that one task may cost in all.
    pub price_max: Option<Nrlc>,
    /// Most that each asset may cost.
    pub caps: Caps,
}

/// The most that each asset of a deal may cost per task; no bound where absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// The app.
    pub app: Option<Nrlc>,
    /// The dataset.
    pub dataset: Option<Nrlc>,
    /// The computation.
    pub workerpool: Option<Nrlc>,
}

/// Whether an offer costs no more than that.
fn within(key: Key, cap: Option<Nrlc>) -> bool {
    cap.is_none_or(|cap| Nrlc::new(key.price()) <= cap)
}

/// The offers found. Together they serve at least one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Best<'a> {
    /// The app order.
    pub app: &'a Listing,
    /// The dataset order, if a dataset was asked for.
    pub dataset: Option<&'a Listing>,
    /// The workerpool order.
    pub workerpool: &'a Listing,
    /// What one task costs.
    pub price: Nrlc,
    /// Tasks that all of them can still serve.
    pub volume: u64,
}

/// Which offer is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoOffer {
    /// No open app order accepts the request.
    #[error("no open apporder of app {app} accepts this request")]
    App {
        /// The app.
        app: Address,
    },
    /// No open dataset order accepts the request.
    #[error("no open datasetorder of dataset {dataset} accepts this request")]
    Dataset {
        /// The dataset.
        dataset: Address,
    },
    /// No open workerpool order fits.
    #[error(
        "no open workerpoolorder in category {category} offers trust {trust} and the capabilities asked for to this request"
    )]
    Workerpool {
        /// The category.
        category: CategoryId,
        /// The trust.
        trust: u64,
    },
    /// There are offers, but the cheapest costs more.
    #[error("the cheapest offer costs {cheapest} per task, more than {price_max}")]
    Price {
        /// What it costs.
        cheapest: Nrlc,
        /// The buyer's bound.
        price_max: Nrlc,
    },
}

impl Book {
    /// The cheapest offers that together make a deal; among equals the ones published first.
    /// `is_member(group, account)` answers for restrictions that are group contracts.
    ///
    /// # Errors
    /// [`NoOffer`] says what is missing.
    pub fn best(
        &self,
        request: &BestRequest,
        is_member: impl Fn(Address, Address) -> bool,
    ) -> Result<Best<'_>, NoOffer> {
        let found = Search::new(self, request, is_member).run()?;
        match request.price_max {
            Some(price_max) if found.price > price_max => {
                Err(NoOffer::Price { cheapest: found.price, price_max })
            }
            _ => Ok(found),
        }
    }

    /// Group contracts that a search for this request may ask about, and the accounts it may ask for, so that a
    /// caller can learn the answers first.
    pub fn questions(&self, request: &BestRequest) -> Vec<(Address, Address)> {
        let mut asked = Vec::new();
        let parties = [request.app, request.dataset, request.requester];
        let anchors = [
            (&self.apps, Anchor::asset(request.app)),
            (&self.datasets, Anchor::asset(request.dataset)),
            (&self.workerpools, Anchor::category(request.category)),
        ];
        for (shelf, anchor) in anchors {
            for head in shelf.classes.grouped(anchor) {
                let groups = shelf.classes.terms(head.class).restrictions;
                for group in groups.into_iter().filter(|group| !group.is_zero()) {
                    asked.extend(parties.map(|party| (group, party)));
                    asked.extend(self.workerpools.resources.addresses().map(|pool| (group, pool)));
                }
            }
        }
        let pools = &self.workerpools.resources;
        if !request.workerpool.is_zero() && !pools.contains(request.workerpool) {
            asked.extend(pools.addresses().map(|pool| (request.workerpool, pool)));
        }
        asked.sort_unstable();
        asked.dedup();
        asked
    }
}

struct Search<'a, 'r, M> {
    book: &'a Book,
    request: &'r BestRequest,
    is_member: M,
    /// Corners of app orders that accept the request.
    apps: Corners,
    /// The same of dataset orders, if a dataset is wanted.
    datasets: Option<Corners>,
    /// The same of workerpool orders.
    pools: Corners,
}

/// A complete choice, ordered by what decides: total price, then the places of workerpool, dataset and app order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Choice {
    price: u128,
    workerpool: Key,
    dataset: Option<Key>,
    app: Key,
}

/// The cheapest workerpool offers without ties for the demands met so far.
#[derive(Default)]
struct Untied {
    known: [Option<(Tag, Option<Key>)>; DEMANDS_MAX],
}

impl<'a, 'r, M: Fn(Address, Address) -> bool> Search<'a, 'r, M> {
    fn new(book: &'a Book, request: &'r BestRequest, is_member: M) -> Self {
        let BestRequest { app, dataset, requester, category, .. } = *request;
        let Book { apps, datasets, workerpools, .. } = book;
        let of_pools = workerpools.classes.probe(Anchor::category(category), [app, dataset, requester]);
        let of_apps = apps.classes.probe(Anchor::asset(app), [dataset, requester, Address::ZERO]);
        let of_datasets = (!dataset.is_zero())
            .then(|| datasets.classes.probe(Anchor::asset(dataset), [app, requester, Address::ZERO]));
        let pools = workerpools.classes.corners(&of_pools);
        let apps = apps.classes.corners(&of_apps);
        let datasets = of_datasets.map(|probe: Probe| datasets.classes.corners(&probe));
        Self { book, request, is_member, apps, datasets, pools }
    }

    fn accepts(&self, restriction: Address, account: Address) -> bool {
        accepts(restriction, account, &self.is_member)
    }

    fn run(&self) -> Result<Best<'a>, NoOffer> {
        let request = self.request;
        let apps = self.apps();
        if apps.is_empty() {
            return Err(NoOffer::App { app: request.app });
        }
        let datasets = self.datasets();
        if datasets.is_empty() && !request.dataset.is_zero() {
            return Err(NoOffer::Dataset { dataset: request.dataset });
        }
        let missing = NoOffer::Workerpool { category: request.category, trust: request.trust };
        let Choice { price, workerpool, dataset, app } = self.cheapest(&apps, &datasets).ok_or(missing)?;
        let app = self.book.apps.at(app);
        let dataset = dataset.map(|dataset| self.book.datasets.at(dataset));
        let workerpool = self.book.workerpools.at(workerpool);
        let volume = dataset.map_or(u64::MAX, |dataset| dataset.remaining);
        let volume = volume.min(app.remaining).min(workerpool.remaining);
        Ok(Best { app, dataset, workerpool, price: Nrlc(U256::from(price)), volume })
    }

    /// The cheapest of all pairs, each completed by a workerpool. No datasets means none is wanted.
    fn cheapest(&self, apps: &[&Head], datasets: &[&Head]) -> Option<Choice> {
        let mut untied = Untied::default();
        let mut best: Option<Choice> = None;
        // Pairs without ties first: they are answered from few heads, and most of what is tied is dearer.
        for with_ties in [false, true] {
            for app in apps {
                if datasets.is_empty() {
                    self.complete(app, None, with_ties, &mut untied, &mut best);
                }
                for dataset in datasets {
                    self.complete(app, Some(dataset), with_ties, &mut untied, &mut best);
                }
            }
        }
        best
    }

    /// Cheapest app offers per terms that accept dataset and requester.
    fn apps(&self) -> Vec<&'a Head> {
        let BestRequest { dataset, requester, tag, .. } = *self.request;
        let mut heads = self.offers(&self.book.apps, &self.apps, [dataset, requester]);
        // A request or dataset for an enclave needs an app for one; the other way round is no obstacle.
        heads.retain(|offer| (offer.tag.tee() || !tag.tee()) && within(offer.key, self.request.caps.app));
        heads
    }

    /// Cheapest dataset offers per terms that accept app and requester; none without a dataset.
    fn datasets(&self) -> Vec<&'a Head> {
        let BestRequest { app, requester, .. } = *self.request;
        let Some(corners) = &self.datasets else { return Vec::new() };
        let mut offers = self.offers(&self.book.datasets, corners, [app, requester]);
        offers.retain(|offer| within(offer.key, self.request.caps.dataset));
        offers
    }

    /// Cheapest offers of an asset per terms that accept these parties, the first by rank first.
    fn offers(&self, shelf: &'a Shelf, corners: &Corners, parties: [Address; 2]) -> Vec<&'a Head> {
        let [first, second] = parties;
        let mut offers: Vec<&Head> = Vec::with_capacity(OFFERS_USUAL);
        offers.extend(shelf.classes.plain(corners));
        let grouped = shelf.classes.of(corners).filter(|head| {
            let [one, other, _] = shelf.classes.terms(head.class).restrictions;
            self.accepts(one, first) && self.accepts(other, second)
        });
        offers.extend(grouped);
        if offers.len() > 1 {
            offers.sort_unstable_by_key(|offer| offer.key);
            offers.truncate(CANDIDATES_MAX);
        }
        offers
    }

    /// Completes a pair of app and dataset by the cheapest workerpool, if the result is better than the best so far.
    /// Does nothing if the pair is tied to workerpools and those without ties are looked at, or the other way round.
    fn complete(
        &self,
        app: &Head,
        dataset: Option<&Head>,
        with_ties: bool,
        untied: &mut Untied,
        best: &mut Option<Choice>,
    ) {
        let ties = [self.request.workerpool, app.tie, dataset.map_or(Address::ZERO, |offer| offer.tie)];
        let first = ties.iter().find(|tie| !tie.is_zero());
        if first.is_some() != with_ties {
            return;
        }
        let tag =
            app.tag | dataset.map_or(Tag::NONE, |offer| offer.tag.effective_dataset()) | self.request.tag;
        if tag.tee() != app.tag.tee() {
            return;
        }
        let of = |key: Key| u128::from(key.price());
        let pair = of(app.key) + dataset.map_or(0, |offer| of(offer.key));
        // What a workerpool may cost at most; beyond, the choice is not the best.
        let left = best.map_or(Some(u128::MAX), |best| best.price.checked_sub(pair));
        let Some(left) = left else { return };
        let workerpool = match first {
            None => untied.get(tag, || self.untied(tag)),
            Some(first) => self.tied(tag, *first, &ties, u64::try_from(left).unwrap_or(u64::MAX)),
        };
        let Some(workerpool) = workerpool else { return };
        let choice = Choice {
            price: pair + of(workerpool),
            workerpool,
            dataset: dataset.map(|offer| offer.key),
            app: app.key,
        };
        if best.is_none_or(|best| choice < best) {
            *best = Some(choice);
        }
    }

    /// The cheapest workerpool offer with these capabilities that accepts the request.
    fn untied(&self, tag: Tag) -> Option<Key> {
        let classes = &self.book.workerpools.classes;
        let grouped = classes.of(&self.pools).filter(|head| self.fits(classes.terms(head.class)));
        let cap = self.request.caps.workerpool.map_or(u64::MAX, |cap| cap.0.saturating_to());
        let mut best: Option<Key> = None;
        for head in classes.plain(&self.pools).chain(grouped) {
            if best.is_none_or(|best| head.key < best)
                && head.key.price() <= cap
                && head.trust >= self.request.trust
                && head.tag.contains(tag)
            {
                best = Some(head.key);
            }
        }
        best
    }

    /// Whether a workerpool order of these terms accepts all parties of the request.
    fn fits(&self, terms: &Terms) -> bool {
        let [app, dataset, requester] = terms.restrictions;
        self.accepts(app, self.request.app)
            && self.accepts(dataset, self.request.dataset)
            && self.accepts(requester, self.request.requester)
    }

    /// The cheapest workerpool offer with these capabilities, of a pool that all ties accept, that costs no more than so
    /// much.
    fn tied(&self, tag: Tag, first: Address, ties: &[Address], price_max_nrlc: u64) -> Option<Key> {
        let shelf = &self.book.workerpools;
        let anchor = Anchor::category(self.request.category);
        let cap = self.request.caps.workerpool.map_or(u64::MAX, |cap| cap.0.saturating_to());
        let cap = cap.min(price_max_nrlc);
        let glance = Glance::of(anchor, self.request.trust);
        let fits = |class: u32| {
            let terms = shelf.classes.terms(class);
            terms.anchor == anchor
                && terms.trust >= self.request.trust
                && terms.tag.contains(tag)
                && self.fits(terms)
        };
        let of = |pool: Address| {
            let mut best: Option<Key> = None;
            for entry in shelf.resources.entries(pool) {
                let cap = best.map_or(cap, Key::price);
                if entry.price_nrlc <= cap && entry.glance.passes(glance) && fits(entry.class) {
                    let key = shelf.key(entry);
                    best = Some(best.map_or(key, |best| best.min(key)));
                }
            }
            best
        };
        let tied = |pool: &Address| ties.iter().all(|tie| self.accepts(*tie, *pool));
        if shelf.resources.contains(first) {
            return Some(first).filter(tied).and_then(of);
        }
        shelf.resources.addresses().filter(tied).filter_map(of).min()
    }
}

impl Untied {
    fn get(&mut self, tag: Tag, ask: impl FnOnce() -> Option<Key>) -> Option<Key> {
        for known in &mut self.known {
            match known {
                Some((demand, answer)) if *demand == tag => return *answer,
                Some(_) => {}
                None => {
                    let answer = ask();
                    *known = Some((tag, answer));
                    return answer;
                }
            }
        }
        ask()
    }
}
