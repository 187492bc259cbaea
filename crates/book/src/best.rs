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
use crate::listing::{Listing, Rank};

/// Offers of one app, or of one dataset, with different terms that a search looks at, cheapest first. More than
/// an owner has open orders by the market's rule (50), unless the asset changed hands.
pub const CANDIDATES_MAX: usize = 64;

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
}

/// The offers found. Together they serve at least one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Best {
    /// The app order.
    pub app: Listing,
    /// The dataset order, if a dataset was asked for.
    pub dataset: Option<Listing>,
    /// The workerpool order.
    pub workerpool: Listing,
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
    ) -> Result<Best, NoOffer> {
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
        let apps = self.apps.grouped_heads(request.app.into_word());
        let datasets = self.datasets.grouped_heads(request.dataset.into_word());
        let pools = self.workerpools.grouped_heads(U256::from(request.category.0).into());
        for listing in apps.into_iter().chain(datasets).chain(pools) {
            for group in listing.restrictions().into_iter().filter(|group| !group.is_zero()) {
                asked.extend(parties.map(|party| (group, party)));
                asked.extend(self.workerpools.resources().map(|pool| (group, pool)));
            }
        }
        if !request.workerpool.is_zero() && !self.workerpools.has_resource(request.workerpool) {
            asked.extend(self.workerpools.resources().map(|pool| (request.workerpool, pool)));
        }
        asked.sort_unstable();
        asked.dedup();
        asked
    }
}

struct Search<'a, M> {
    book: &'a Book,
    request: &'a BestRequest,
    is_member: M,
}

/// A complete choice, ordered by what decides: total price, then the ranks.
type Choice<'a> = ((U256, Rank, Option<Rank>, Rank), [Option<&'a Listing>; 3]);

impl<'a, M: Fn(Address, Address) -> bool> Search<'a, M> {
    fn accepts(&self, restriction: Address, account: Address) -> bool {
        accepts(restriction, account, &self.is_member)
    }

    fn run(&self) -> Result<Best, NoOffer> {
        let request = self.request;
        let apps = self.apps();
        if apps.is_empty() {
            return Err(NoOffer::App { app: request.app });
        }
        let datasets = self.datasets();
        if datasets.is_empty() {
            return Err(NoOffer::Dataset { dataset: request.dataset });
        }
        let mut best: Option<Choice<'a>> = None;
        for app in &apps {
            for dataset in &datasets {
                if let Some(choice) = self.complete(app, *dataset)
                    && best.as_ref().is_none_or(|best| choice.0 < best.0)
                {
                    best = Some(choice);
                }
            }
        }
        let missing = NoOffer::Workerpool { category: request.category, trust: request.trust };
        let ((price, ..), [app, dataset, workerpool]) = best.ok_or(missing)?;
        let (Some(app), Some(workerpool)) = (app, workerpool) else {
            unreachable!("a choice names an app and a workerpool");
        };
        let volume = [Some(app), dataset, Some(workerpool)].into_iter().flatten().map(|l| l.remaining).min();
        Ok(Best {
            app: app.clone(),
            dataset: dataset.cloned(),
            workerpool: workerpool.clone(),
            price: Nrlc(price),
            volume: volume.expect("two listings at least"),
        })
    }

    /// Cheapest app offers per terms that accept dataset and requester.
    fn apps(&self) -> Vec<&'a Listing> {
        let BestRequest { app, dataset, requester, .. } = *self.request;
        let mut heads = self.book.apps.plain_heads(app.into_word(), &[dataset, requester]);
        heads.extend(self.book.apps.grouped_heads(app.into_word()).into_iter().filter(|listing| {
            self.accepts(listing.dataset, dataset) && self.accepts(listing.requester, requester)
        }));
        // A request or dataset for an enclave needs an app for one; the other way round is no obstacle.
        heads.retain(|listing| listing.tag.tee() || !self.request.tag.tee());
        cheapest(heads)
    }

    /// Cheapest dataset offers per terms that accept app and requester; without a dataset, one empty choice.
    fn datasets(&self) -> Vec<Option<&'a Listing>> {
        let BestRequest { app, dataset, requester, .. } = *self.request;
        if dataset.is_zero() {
            return vec![None];
        }
        let mut heads = self.book.datasets.plain_heads(dataset.into_word(), &[app, requester]);
        heads.extend(
            self.book.datasets.grouped_heads(dataset.into_word()).into_iter().filter(|listing| {
                self.accepts(listing.app, app) && self.accepts(listing.requester, requester)
            }),
        );
        cheapest(heads).into_iter().map(Some).collect()
    }

    /// The cheapest workerpool offer for a pair of app and dataset.
    fn complete(&self, app: &'a Listing, dataset: Option<&'a Listing>) -> Option<Choice<'a>> {
        let dataset_tag = dataset.map_or(Tag::NONE, |dataset| dataset.tag.effective_dataset());
        let tag = app.tag | dataset_tag | self.request.tag;
        if tag.tee() != app.tag.tee() {
            return None;
        }
        let ties: Vec<Address> = [self.request.workerpool, app.workerpool]
            .into_iter()
            .chain(dataset.map(|dataset| dataset.workerpool))
            .filter(|tie| !tie.is_zero())
            .collect();
        let workerpool = self.workerpool(tag, &ties)?;
        let dataset_price = dataset.map_or(Nrlc::ZERO, |dataset| dataset.price);
        // A sum beyond 256 bits is no offer.
        let price = app.price.checked_add(dataset_price)?.checked_add(workerpool.price)?;
        let decides = (price.0, workerpool.rank(), dataset.map(Listing::rank), app.rank());
        Some((decides, [Some(app), dataset, Some(workerpool)]))
    }

    /// The cheapest workerpool offer with these capabilities, of a pool that all ties accept.
    fn workerpool(&self, tag: Tag, ties: &[Address]) -> Option<&'a Listing> {
        let pools = &self.book.workerpools;
        let request = self.request;
        let fits = |listing: &&Listing| {
            listing.tag.contains(tag)
                && listing.trust >= request.trust
                && listing.category == U256::from(request.category.0)
                && self.accepts(listing.app, request.app)
                && self.accepts(listing.dataset, request.dataset)
                && self.accepts(listing.requester, request.requester)
        };
        let Some(first) = ties.first() else {
            let anchor = U256::from(request.category.0).into();
            let known = [request.app, request.dataset, request.requester];
            let heads = pools.plain_heads(anchor, &known).into_iter();
            let heads = heads.chain(pools.grouped_heads(anchor));
            return heads.filter(fits).min_by_key(|listing| listing.rank());
        };
        let tied = |pool: Address| ties.iter().all(|tie| self.accepts(*tie, pool));
        let named = pools.has_resource(*first).then_some(*first);
        let grouped = named.is_none().then(|| pools.resources()).into_iter().flatten();
        named
            .into_iter()
            .chain(grouped)
            .filter(|pool| tied(*pool))
            .filter_map(|pool| pools.of_resource(pool).find(fits))
            .min_by_key(|listing| listing.rank())
    }
}

fn cheapest(mut heads: Vec<&Listing>) -> Vec<&Listing> {
    heads.sort_by_key(|listing| listing.rank());
    heads.truncate(CANDIDATES_MAX);
    heads
}
