//! What an order must fulfil to be taken (http-surface 4.4, checks 3 to 11).

use alloy_primitives::{Address, U256};
use metacloud_book::{Book, Filter, Listing, Wanted};
use metacloud_chain::Registries;
use metacloud_protocol::deal::WORKERPOOL_STAKE_RATIO;
use metacloud_protocol::{Nrlc, Order as _, OrderKind, RequestOrder, Signed};
use metacloud_wire::market::OrderStatus;

use crate::facts::FactsAt;
use crate::kind::Kind;
use crate::records::{Row, carried};
use crate::refusal::Refusal;

/// Checks 4 to 7 of an order whose login is `login`; the order as the market would keep it. `quota` is check 6,
/// of the signer.
pub(crate) async fn ownership<K: Kind>(
    facts: &FactsAt<'_>,
    registries: &Registries,
    body: &K,
    login: Address,
    quota: impl FnOnce(Address) -> Result<(), Refusal>,
    now_ms: u64,
) -> Result<(Row, Listing), Refusal> {
    let hub = facts.hub();
    let Signed { order, sign } = body.to_signed();
    let hash = metacloud_protocol::Order::hash(&order, &hub.domain());
    let resource = K::listing(&order, hash, Address::ZERO).resource();
    let signer = match K::registry(registries) {
        Some(registry) => {
            let owner = facts.owner(registry, resource).await?;
            owner.ok_or_else(|| Refusal::rule("Resource not deployed"))?
        }
        None => resource,
    };
    if signer != login {
        return Err(Refusal::rule(format!("only order signer {signer} can publish an order")));
    }
    let (valid, consumed) = futures::join!(facts.verify(signer, hash, &sign), hub.view_consumed(hash));
    if !valid? {
        return Err(Refusal::rule("invalid sign"));
    }
    quota(signer)?;
    let remaining = order.volume().saturating_sub(consumed?);
    let remaining = carried(remaining);
    if remaining == 0 {
        return Err(Refusal::rule("order already consumed"));
    }
    let mut listing = K::listing(&order, hash, signer);
    listing.published_ms = now_ms;
    listing.remaining = remaining;
    listing.grouped = has_group(facts, &listing).await?;
    let row = Row {
        hash,
        kind: K::KIND,
        body: serde_json::to_string(body).expect("numbers and strings always serialise"),
        signer,
        published_ms: now_ms,
        remaining,
        status: OrderStatus::Open,
        grouped: listing.grouped,
        for_keeper: false,
        keeper_tries: 0,
    };
    Ok((row, listing))
}

/// Check 8, of a workerpool order.
pub(crate) fn pool_stake_covers(price: Nrlc, remaining: u64, stake: Nrlc) -> bool {
    let per_task = price.checked_percent(WORKERPOOL_STAKE_RATIO);
    per_task.and_then(|lock| lock.checked_mul(U256::from(remaining))).is_some_and(|lock| stake >= lock)
}

/// Check 9, of a request order: what must be at stake; none beyond 256 bits.
pub(crate) fn request_cost(order: &RequestOrder, remaining: u64) -> Option<Nrlc> {
    Nrlc(order.appmaxprice)
        .checked_add(Nrlc(order.datasetmaxprice))?
        .checked_add(Nrlc(order.workerpoolmaxprice))?
        .checked_mul(U256::from(remaining))
}

/// Checks 8 and 9: the stake of the signer covers what a match would lock.
pub(crate) async fn stake(
    facts: &FactsAt<'_>,
    listing: &Listing,
    request: Option<&RequestOrder>,
) -> Result<(), Refusal> {
    match (listing.kind, request) {
        (OrderKind::Workerpool, _) => {
            let stake = facts.stake(listing.signer).await?;
            if !pool_stake_covers(Nrlc::new(listing.price_nrlc), listing.remaining, stake) {
                return Err(Refusal::rule(
                    "workerpool owner's stake is too low to cover required workerpool lock",
                ));
            }
        }
        (OrderKind::Request, Some(order)) => {
            let stake = facts.stake(listing.signer).await?;
            let cost = request_cost(order, listing.remaining);
            if cost.is_none_or(|cost| stake < cost) {
                let cost = cost.map_or(U256::MAX, |cost| cost.0);
                return Err(Refusal::rule(format!(
                    "requester stake is too low to cover requestorder payment, minimum stake required is {cost} nRLC"
                )));
            }
        }
        (OrderKind::App | OrderKind::Dataset | OrderKind::Request, _) => {}
    }
    Ok(())
}

/// Checks 10 and 11: the book has an app order, and a dataset order if one is named, that the request can pay.
pub(crate) fn counterparts(book: &Book, order: &RequestOrder) -> Result<(), Refusal> {
    let tee = metacloud_protocol::Tag(order.tag).tee();
    let app = Filter {
        app: Wanted::Exactly(order.app),
        dataset: Wanted::Accepts(order.dataset),
        workerpool: Wanted::Accepts(order.workerpool),
        requester: Wanted::Accepts(order.requester),
        min_tag: tee.then_some(metacloud_protocol::Tag::TEE),
        ..Filter::default()
    };
    let shown = order.app;
    let missing = if tee { "No tee enabled apporder" } else { "No apporder" };
    let best = book.apps.select(&app).next();
    let best = best.ok_or_else(|| Refusal::rule(format!("{missing} published for app {shown}")))?;
    if U256::from(best.price_nrlc) > order.appmaxprice {
        let best = best.price_nrlc;
        return Err(Refusal::rule(format!(
            "appmaxprice for app {shown} is too low, actual best price is {best} nRLC"
        )));
    }
    if order.dataset.is_zero() {
        return Ok(());
    }
    let dataset = Filter {
        dataset: Wanted::Exactly(order.dataset),
        app: Wanted::Accepts(order.app),
        workerpool: Wanted::Accepts(order.workerpool),
        requester: Wanted::Accepts(order.requester),
        ..Filter::default()
    };
    let shown = order.dataset;
    let best = book.datasets.select(&dataset).next();
    let best = best.ok_or_else(|| Refusal::rule(format!("No datasetorder published for dataset {shown}")))?;
    if U256::from(best.price_nrlc) > order.datasetmaxprice {
        let best = best.price_nrlc;
        return Err(Refusal::rule(format!(
            "datasetmaxprice for dataset {shown} is too low, actual best price is {best} nRLC"
        )));
    }
    Ok(())
}

async fn has_group(facts: &FactsAt<'_>, listing: &Listing) -> Result<bool, Refusal> {
    for restriction in listing.restrictions().into_iter().filter(|restriction| !restriction.is_zero()) {
        if facts.is_group(restriction).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
