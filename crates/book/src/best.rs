//! The cheapest compatible offers for a request.
//!
//! The three offers depend on each other: an app order may be tied to a workerpool, or ask for a capability that
//! only dear workerpools have. So the candidates of app and dataset are their cheapest offers per terms, and
//! each pair is completed by the cheapest workerpool that fits both. What fits is decided by the protocol's rules
//! of matching; the search only orders the questions.

use alloy_primitives::{Address, B256, U256};
use metacloud_protocol::rules::accepts;
use metacloud_protocol::{CategoryId, Nrlc, Tag};

use crate::Book;
use crate::listing::Listing;
use crate::shelf::{Entry, Head, Key, Shelf, Terms};

/// Offers of one app, or of one dataset, with different terms that a search looks at, cheapest first. More than
/// an owner has open orders by the market's rule (50), unless the asset changed hands.
pub const CANDIDATES_MAX: usize = 64;

/// Room made at once for the workerpool offers of a search.
const HEADS_USUAL: usize = 64;
/// The same of app or dataset offers.
const OFFERS_USUAL: usize = 8;

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
    pub trust: U256,
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
    pub volume: U256,
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
        trust: U256,
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
        let search = Search { book: self, request, is_member };
        let found = search.run()?;
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
            (&self.apps, request.app.into_word()),
            (&self.datasets, request.dataset.into_word()),
            (&self.workerpools, U256::from(request.category.0).into()),
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
}

/// A complete choice, ordered by what decides: total price, then the places of workerpool, dataset and app order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Choice {
    price: u128,
    workerpool: Key,
    dataset: Option<Key>,
    app: Key,
}

impl<'a, M: Fn(Address, Address) -> bool> Search<'a, '_, M> {
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
        if datasets.is_empty() {
            return Err(NoOffer::Dataset { dataset: request.dataset });
        }
        let mut untied = None;
        let mut best: Option<Choice> = None;
        for app in &apps {
            for dataset in &datasets {
                let choice = self.complete(app, dataset.as_ref(), &mut untied);
                best = [best, choice].into_iter().flatten().min();
            }
        }
        let missing = NoOffer::Workerpool { category: request.category, trust: request.trust };
        let Choice { price, workerpool, dataset, app } = best.ok_or(missing)?;
        let app = self.book.apps.at(app);
        let dataset = dataset.map(|dataset| self.book.datasets.at(dataset));
        let workerpool = self.book.workerpools.at(workerpool);
        let volume = [Some(app), dataset, Some(workerpool)].into_iter().flatten().map(|l| l.remaining).min();
        Ok(Best {
            app,
            dataset,
            workerpool,
            price: Nrlc(U256::from(price)),
            volume: volume.expect("two listings at least"),
        })
    }

    /// Cheapest app offers per terms that accept dataset and requester.
    fn apps(&self) -> Vec<Offer> {
        let BestRequest { app, dataset, requester, tag, .. } = *self.request;
        let mut heads = self.offers(&self.book.apps, app, [dataset, requester]);
        // A request or dataset for an enclave needs an app for one; the other way round is no obstacle.
        heads.retain(|offer| (offer.tag.tee() || !tag.tee()) && within(offer.key, self.request.caps.app));
        heads
    }

    /// Cheapest dataset offers per terms that accept app and requester; without a dataset, one empty choice.
    fn datasets(&self) -> Vec<Option<Offer>> {
        let BestRequest { app, dataset, requester, .. } = *self.request;
        if dataset.is_zero() {
            return vec![None];
        }
        let offers = self.offers(&self.book.datasets, dataset, [app, requester]);
        let payable = |offer: &Offer| within(offer.key, self.request.caps.dataset);
        offers.into_iter().filter(payable).map(Some).collect()
    }

    /// Cheapest offers of an asset per terms that accept these parties, the first by rank first.
    fn offers(&self, shelf: &'a Shelf, asset: Address, parties: [Address; 2]) -> Vec<Offer> {
        let anchor = asset.into_word();
        let offer = |head: &Head| Offer { key: head.key, tag: head.tag, workerpool: head.tie };
        let mut offers = Vec::with_capacity(OFFERS_USUAL);
        offers.extend(shelf.classes.plain(anchor, &parties).map(offer));
        let grouped = shelf.classes.grouped(anchor).filter(|head| {
            let [first, second, _] = shelf.classes.terms(head.class).restrictions;
            self.accepts(first, parties[0]) && self.accepts(second, parties[1])
        });
        offers.extend(grouped.map(offer));
        if offers.len() > 1 {
            offers.sort_unstable_by_key(|offer| offer.key);
            offers.truncate(CANDIDATES_MAX);
        }
        offers
    }

    /// The cheapest workerpool offer for a pair of app and dataset. Those for pairs without ties are kept in `untied`.
    fn complete(
        &self,
        app: &Offer,
        dataset: Option<&Offer>,
        untied: &mut Option<Vec<(Key, Tag)>>,
    ) -> Option<Choice> {
        let tag =
            app.tag | dataset.map_or(Tag::NONE, |offer| offer.tag.effective_dataset()) | self.request.tag;
        if tag.tee() != app.tag.tee() {
            return None;
        }
        let of_dataset = dataset.map_or(Address::ZERO, |offer| offer.workerpool);
        let ties = [self.request.workerpool, app.workerpool, of_dataset];
        let workerpool = match ties.iter().find(|tie| !tie.is_zero()) {
            None => {
                let heads = untied.get_or_insert_with(|| self.untied());
                heads.iter().filter(|(_, offered)| offered.contains(tag)).map(|(key, _)| *key).min()?
            }
            Some(first) => self.tied(tag, *first, &ties)?,
        };
        let of = |key: Key| u128::from(key.price());
        let price = of(app.key) + dataset.map_or(0, |offer| of(offer.key)) + of(workerpool);
        Some(Choice { price, workerpool, dataset: dataset.map(|offer| offer.key), app: app.key })
    }

    /// Cheapest workerpool offers per terms that accept the request, in no order, with what they offer.
    fn untied(&self) -> Vec<(Key, Tag)> {
        let BestRequest { app, dataset, requester, category, trust, .. } = *self.request;
        let classes = &self.book.workerpools.classes;
        let anchor = U256::from(category.0).into();
        let parties = [app, dataset, requester];
        let plain = classes.plain(anchor, &parties);
        let grouped = classes.grouped(anchor).filter(|head| self.fits(classes.terms(head.class)));
        let cap = self.request.caps.workerpool;
        let fits = |head: &&Head| {
            head.trust >= trust && head.tag.contains(self.request.tag) && within(head.key, cap)
        };
        let mut heads = Vec::with_capacity(HEADS_USUAL);
        heads.extend(plain.chain(grouped).filter(fits).map(|head| (head.key, head.tag)));
        heads
    }

    /// Whether a workerpool order of these terms accepts all parties of the request.
    fn fits(&self, terms: &Terms) -> bool {
        let [app, dataset, requester] = terms.restrictions;
        self.accepts(app, self.request.app)
            && self.accepts(dataset, self.request.dataset)
            && self.accepts(requester, self.request.requester)
    }

    /// The cheapest workerpool offer with these capabilities, of a pool that all ties accept.
    fn tied(&self, tag: Tag, first: Address, ties: &[Address]) -> Option<Key> {
        let shelf = &self.book.workerpools;
        let anchor = B256::from(U256::from(self.request.category.0));
        let fits = |entry: &&Entry| {
            let terms = shelf.classes.terms(entry.class);
            terms.anchor == anchor
                && terms.trust >= self.request.trust
                && terms.tag.contains(tag)
                && within(entry.key, self.request.caps.workerpool)
                && self.fits(terms)
        };
        let of =
            |pool: Address| shelf.resources.entries(pool).iter().filter(fits).map(|entry| entry.key).min();
        let tied = |pool: &Address| ties.iter().all(|tie| self.accepts(*tie, *pool));
        if shelf.resources.contains(first) {
            return Some(first).filter(tied).and_then(of);
        }
        shelf.resources.addresses().filter(tied).filter_map(of).min()
    }
}

/// An app or dataset order that stands for all of its terms.
struct Offer {
    key: Key,
    tag: Tag,
    /// The restriction to a workerpool or a group of them; zero for any.
    workerpool: Address,
}
