//! What a pool offers, every category at a price by the second, and where its API is.

use std::time::Duration;

use alloy_primitives::{Address, U256};
use metacloud_protocol::category::DEFAULT_CATEGORIES;
use metacloud_protocol::{CategoryId, Nrlc, Tag};
use metacloud_sdk::offer::PoolOffer;
use metacloud_sdk::{Cloud, Error};

/// Tasks on offer per category.
const VOLUME: u64 = 1_000;
/// Highest trust level that is offered, however many workers there are.
const TRUST_MAX: u64 = 1 << 12;

/// The trust that `workers` new workers reach when all agree (weight 2 each): what cannot be met must not be bought.
pub(crate) fn trust_of(workers: usize) -> u64 {
    2u64.saturating_pow(u32::try_from(workers).unwrap_or(u32::MAX)).min(TRUST_MAX)
}

/// Capabilities on offer: with enclaves also deals that demand one of the framework tdx, as clients sign them. Deals that
/// demand none match such an offer as well.
pub(crate) fn tag(enclaves: bool) -> Tag {
    if enclaves { Tag::TEE | Tag::TDX } else { Tag::NONE }
}

/// Offers every category at the market, unless an offer of an earlier start still stands. `cloud` is that of the pool's
/// owner.
///
/// # Errors
/// The market or the chain refuses.
pub(crate) async fn publish(
    cloud: &Cloud,
    workerpool: Address,
    trust: u64,
    price_per_second: Nrlc,
    tag: Tag,
) -> Result<(), Error> {
    for (id, category) in (0u64..).zip(DEFAULT_CATEGORIES) {
        let category_id = CategoryId(id);
        if cloud.offers_pool(workerpool, category_id, trust, tag).await? {
            continue;
        }
        let price = price_per_second
            .checked_mul(U256::from(category.work_clock_time_ref_s))
            .ok_or(Error::Overflow { what: "the price of a category" })?;
        cloud
            .offer_pool(&PoolOffer {
                workerpool,
                category: category_id,
                trust,
                price,
                volume: VOLUME,
                tag: tag.0,
            })
            .await?;
    }
    Ok(())
}

/// How long an announcement of a pool's API holds: a start announces it again.
const ANNOUNCED_FOR: Duration = Duration::from_secs(366 * 86_400);

/// Tells compass where the pool's API is. `cloud` is that of the pool's owner.
///
/// # Errors
/// Compass refuses or does not answer.
pub(crate) async fn announce(
    cloud: &Cloud,
    workerpool: Address,
    name: &str,
    api_url: &str,
    compass_url: &str,
) -> Result<(), Error> {
    match cloud.announce_pool(compass_url, workerpool, name, api_url, ANNOUNCED_FOR).await {
        // The clock was turned back, or another machine of the owner knows better.
        Err(Error::Compass { status: Some(409), reason, .. }) => {
            tracing::warn!(%workerpool, reason, "compass keeps an announcement that ends later");
            Ok(())
        }
        told => told,
    }
}
