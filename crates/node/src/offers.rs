//! What the development pool offers: every category, at a price by the second.

use metacloud_protocol::category::DEFAULT_CATEGORIES;
use metacloud_protocol::{CategoryId, Nrlc};
use metacloud_sdk::offer::PoolOffer;
use metacloud_sdk::{Cloud, Error};
use metacloud_wire::ready::{ReadyFile, Role};

/// Price of one second of a category's time, in nRLC: an XS task of 300 s costs 0.01 RLC.
const PRICE_PER_SECOND_NRLC: u64 = 33_333;
/// Tasks on offer per category.
const VOLUME: u64 = 1_000;
/// Highest trust level that is offered, however many workers there are.
const TRUST_MAX: u64 = 1 << 12;

/// Offers every category at the market, unless an offer of an earlier start still stands. The trust on offer is what
/// `workers` new workers reach when all agree (weight 2 each), so that what cannot be met cannot be bought.
///
/// # Errors
/// The market or the chain refuses.
pub(crate) async fn publish(ready: &ReadyFile, workers: usize) -> Result<(), Error> {
    if workers == 0 {
        return Ok(());
    }
    let owner = ready.account(Role::WorkerpoolOwner).expect("a development network has a pool owner");
    let cloud = Cloud::connect(ready, owner.private_key.0).await?;
    let trust = 2u64.saturating_pow(u32::try_from(workers).unwrap_or(u32::MAX)).min(TRUST_MAX);
    for (id, category) in (0u64..).zip(DEFAULT_CATEGORIES) {
        let category_id = CategoryId(id);
        if cloud.offers_pool(ready.workerpool, category_id, trust).await? {
            continue;
        }
        let price = Nrlc::new(PRICE_PER_SECOND_NRLC * category.work_clock_time_ref_s);
        cloud
            .offer_pool(&PoolOffer {
                workerpool: ready.workerpool,
                category: category_id,
                trust,
                price,
                volume: VOLUME,
                tag: alloy_primitives::B256::ZERO,
            })
            .await?;
    }
    Ok(())
}
