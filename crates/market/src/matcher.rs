//! The keeper: matches crossing orders by itself, so that a request left on the book gets the best price without its
//! owner staying online.
//!
//! It serves requests published for it, and those of others only if the operator's policy takes standing ones. Requests
//! come in the order of the book: the highest bid first, then the oldest; those that need
//! nothing of each other's are matched side by side. It pays gas, the requester pays the price from
//! escrow. Nothing is kept but the flag and the count of vain tries, which stand beside the order: after a restart, a
//! reverted block or a partial match the book says what is left to do.

mod round;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use futures::future::join_all;
use metacloud_book::{BestRequest, Book, Caps, Listing, Rank};
use metacloud_chain::{HubClient, SendError, Wallet};
use metacloud_protocol::{CategoryId, Nrlc, OrderHash, RequestOrder, Signed, Tag};
use metacloud_store::StoreError;
use metacloud_wire::orders::{OrderBody, RequestOrderBody};
use metacloud_wire::ready::PrivateKey;
use tokio::sync::watch;

use crate::clock::now_ms;
use crate::records::{Records, Row};
use round::Match;

/// Requests in memory at a time. A pass looks at all that stand, so many after so many.
const TOGETHER_MAX: usize = 256;
/// Matches of one request that fail in a row before it is left alone until it is published again.
pub(crate) const TRIES_MAX: u32 = 8;
/// First and longest pause before a request is tried again, milliseconds.
const RETRY_MS_MIN: u64 = 1_000;
const RETRY_MS_MAX: u64 = 60_000;
/// Pause when the chain or the keeper's own account is at fault.
const TROUBLE_PAUSE: Duration = Duration::from_secs(10);
/// Longest wait for the market to take a block in.
const SEEN_MAX: Duration = Duration::from_secs(30);
/// How often a policy on standing orders looks for ones that have become old enough.
const POLICY_TICK: Duration = Duration::from_secs(1);
/// Pause when nothing happens.
const IDLE: Duration = Duration::from_secs(3_600);

/// Who matches, and what.
#[derive(Clone, Debug)]
pub struct MatcherConfig {
    /// Key of the account that sends matches and pays their gas; of this keeper alone.
    pub key: PrivateKey,
    /// Requests that did not ask for it are matched too once they stand this long; never if absent.
    pub standing_after: Option<Duration>,
}

/// The one task that makes deals.
pub(crate) struct Matcher {
    pub(crate) book: Arc<RwLock<Book>>,
    pub(crate) records: Records,
    pub(crate) hub: HubClient,
    pub(crate) wallet: Wallet,
    pub(crate) standing_after: Option<Duration>,
    /// Number of the last block that the market took in.
    pub(crate) seen: watch::Receiver<u64>,
    /// Changes whenever an order was published or changed.
    pub(crate) touched: watch::Receiver<u64>,
    /// When requests that failed are tried again, milliseconds since the epoch. At most one entry per open request.
    pub(crate) later_ms: HashMap<OrderHash, u64>,
}

impl Matcher {
    /// Works until the database fails.
    pub(crate) async fn run(mut self) -> StoreError {
        loop {
            self.touched.borrow_and_update();
            let pause = match self.pass().await {
                Ok(pause) => pause,
                Err(error) => return error,
            };
            tokio::select! {
                changed = self.touched.changed() => if changed.is_err() {
                    // The market is ending, and this task with it.
                    std::future::pending::<()>().await;
                },
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Tries every request once, the highest bids first; answers how long to rest if nothing happens.
    async fn pass(&mut self) -> Result<Duration, StoreError> {
        let now = now_ms();
        let old = self.standing_after.map(|after| now.saturating_sub(millis(after)));
        let standing: HashSet<OrderHash> = self.records.standing(old, TRIES_MAX).await?.into_iter().collect();
        self.later_ms.retain(|hash, _| standing.contains(hash));
        if standing.is_empty() {
            return Ok(self.rest(now));
        }
        if !self.caught_up().await {
            return Ok(TROUBLE_PAUSE);
        }
        let due = standing.iter().filter(|hash| self.later_ms.get(*hash).is_none_or(|later| *later <= now));
        let mut ranked: Vec<Rank> = {
            let book = self.book();
            due.filter_map(|hash| book.requests.get(*hash)).map(Listing::rank).collect()
        };
        ranked.sort_unstable();
        for some in ranked.chunks(TOGETHER_MAX) {
            let hashes: Vec<OrderHash> = some.iter().map(|rank| rank.hash).collect();
            let rows = self.records.orders(&hashes).await?;
            let mut rows: HashMap<OrderHash, Row> = rows.into_iter().map(|row| (row.hash, row)).collect();
            let rows = hashes.iter().filter_map(|hash| rows.remove(hash));
            let rows = rows.filter_map(|row| signed::<RequestOrderBody>(&row).map(|request| (row, request)));
            if !self.serve(rows.collect()).await? {
                return Ok(TROUBLE_PAUSE);
            }
        }
        Ok(self.rest(now_ms()))
    }

    /// Makes what deals can be made for these requests, round by round; false if the chain or the keeper's account is at
    /// fault.
    async fn serve(
        &mut self,
        mut waiting: VecDeque<(Row, Signed<RequestOrder>)>,
    ) -> Result<bool, StoreError> {
        loop {
            let round = self.round(&mut waiting).await?;
            // Gas is estimated on the newest block first: a match that would revert is not sent.
            let made =
                join_all(round.iter().map(|one| self.hub.match_orders(&self.wallet, &one.orders))).await;
            let (mut newest, mut sound) = (0, true);
            for (Match { row, .. }, made) in round.iter().zip(made) {
                match made {
                    Ok(matched) => {
                        tracing::info!(deal = %matched.deal, request = %row.hash, volume = %matched.volume, "matched");
                        self.later_ms.remove(&row.hash);
                        self.records.set_keeper_tries(row.hash, 0).await?;
                        newest = newest.max(matched.receipt.block_number);
                    }
                    Err(error @ (SendError::Reverted { .. } | SendError::OutOfGas { .. })) => {
                        self.vain(row, &error).await?;
                    }
                    Err(error) => {
                        tracing::error!(%error, keeper = %self.wallet.address(), "the keeper cannot match");
                        sound = false;
                    }
                }
            }
            if !sound || !self.seen(newest).await {
                return Ok(false);
            }
            if waiting.is_empty() {
                return Ok(true);
            }
        }
    }

    async fn vain(&mut self, row: &Row, error: &SendError) -> Result<(), StoreError> {
        let tries = row.keeper_tries + 1;
        self.records.set_keeper_tries(row.hash, tries).await?;
        let pause_ms = RETRY_MS_MIN.saturating_mul(1 << row.keeper_tries.min(16)).min(RETRY_MS_MAX);
        self.later_ms.insert(row.hash, now_ms().saturating_add(pause_ms));
        let last = tries >= TRIES_MAX;
        tracing::warn!(request = %row.hash, tries, last, %error, "a match failed");
        Ok(())
    }

    async fn order<B: OrderBody>(&self, hash: OrderHash) -> Result<Option<Signed<B::Order>>, StoreError> {
        Ok(self.records.order(hash).await?.as_ref().and_then(signed::<B>))
    }

    /// Waits until the market has taken the chain's newest block in, so that offers used up are not tried.
    async fn caught_up(&mut self) -> bool {
        let chain = self.hub.chain();
        match chain.head().await {
            Ok(head) => {
                let number = head.number.saturating_sub(chain.confirmations());
                self.seen(number).await
            }
            Err(error) => {
                tracing::warn!(%error, "the chain does not tell its newest block");
                false
            }
        }
    }

    async fn seen(&mut self, number: u64) -> bool {
        let waited = tokio::time::timeout(SEEN_MAX, self.seen.wait_for(|seen| *seen >= number)).await;
        matches!(waited, Ok(Ok(_)))
    }

    fn rest(&self, now_ms: u64) -> Duration {
        let retry = self.later_ms.values().min().map(|later| later.saturating_sub(now_ms).max(1));
        let policy = self.standing_after.map(|_| POLICY_TICK);
        [retry.map(Duration::from_millis), policy].into_iter().flatten().min().unwrap_or(IDLE)
    }

    fn book(&self) -> RwLockReadGuard<'_, Book> {
        self.book.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wanted(request: &RequestOrder) -> BestRequest {
    BestRequest {
        app: request.app,
        dataset: request.dataset,
        workerpool: request.workerpool,
        requester: request.requester,
        category: CategoryId(request.category.saturating_to()),
        trust: request.trust.saturating_to(),
        tag: Tag(request.tag),
        price_max: None,
        caps: Caps {
            app: Some(Nrlc(request.appmaxprice)),
            dataset: Some(Nrlc(request.datasetmaxprice)),
            workerpool: Some(Nrlc(request.workerpoolmaxprice)),
        },
    }
}

/// A deal for an enclave of no named kind can be bought but never completes.
fn is_sound(request: &BestRequest, app: &Listing, dataset: Option<&Listing>) -> bool {
    let tag = app.tag | dataset.map_or(Tag::NONE, |dataset| dataset.tag.effective_dataset()) | request.tag;
    !tag.tee() || tag.frameworks() > 0
}

fn signed<B: OrderBody>(row: &Row) -> Option<Signed<B::Order>> {
    let body: B = serde_json::from_str(&row.body).ok()?;
    Some(body.to_signed())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deal_for_an_enclave_names_its_kind() {
        let request = |tag| wanted(&RequestOrder { tag, ..RequestOrder::default() });
        let listing = |tag: Tag| Listing {
            tag,
            ..Listing::of_app(&metacloud_protocol::AppOrder::default(), OrderHash::ZERO, Default::default())
                .unwrap()
        };
        let (tee, tdx) = (Tag::TEE, Tag::TEE | Tag::TDX);
        assert!(is_sound(&request(Tag::NONE.0), &listing(Tag::NONE), None));
        assert!(!is_sound(&request(tee.0), &listing(tee), None));
        assert!(is_sound(&request(tee.0), &listing(tdx), None));
        assert!(
            !is_sound(&request(tee.0), &listing(tee), Some(&listing(tdx))),
            "a dataset's kind does not count"
        );
        assert_eq!(request(tee.0).caps.app, Some(Nrlc::ZERO));
    }
}
