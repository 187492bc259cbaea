//! The market.

use std::path::Path;

use alloy_primitives::Address;
use metacloud_chain::Chain;
use metacloud_market::{Market, MarketConfig, MatcherConfig, RateLimits};
use metacloud_store::{Database, Durability};

use crate::error::StartError;

/// Starts the market of a hub over a database file.
///
/// # Errors
/// [`StartError::Store`] and [`StartError::Market`].
pub(crate) async fn start(
    chain: Chain,
    hub: Address,
    file: &Path,
    matcher: Option<MatcherConfig>,
    limits: RateLimits,
) -> Result<Market, StartError> {
    // What the last commits told is read from the chain again, but for orders just published.
    let database = Database::open(file, Durability::ProcessDeath).await?;
    Ok(Market::start(MarketConfig { chain, hub, database, limits, matcher }).await?)
}
