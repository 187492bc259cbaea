//! What a pool offers: every category, at a price by the second.

use alloy_primitives::{Address, B256, U256};
use metacloud_protocol::category::DEFAULT_CATEGORIES;
use metacloud_protocol::{CategoryId, Nrlc};
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
) -> Result<(), Error> {
    for (id, category) in (0u64..).zip(DEFAULT_CATEGORIES) {
        let category_id = CategoryId(id);
        if cloud.offers_pool(workerpool, category_id, trust).await? {
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
                tag: B256::ZERO,
            })
            .await?;
    }
    Ok(())
}
