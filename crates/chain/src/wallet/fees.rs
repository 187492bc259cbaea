//! What is offered for gas.

use std::time::{Duration, Instant};

use alloy_primitives::{U128, U256};
use serde_json::json;
use tokio::sync::watch;

use super::FeePolicy;
use crate::block::Header;
use crate::chain::Chain;
use crate::error::{RpcError, SendError};
use crate::heads;

/// The node's advice on tips is asked for again after this long.
const TIP_LIFE: Duration = Duration::from_secs(30);
/// Without notices of new heads a base fee counts as known for this long.
const BASE_FEE_LIFE: Duration = Duration::from_secs(2);
/// A base fee rises by at most 12.5 % per block: twice as much lasts for five full blocks.
const BASE_FEE_ROOM: u128 = 2;

/// The fee members of one transaction, wei per gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fees {
    Eip1559 { max_fee_wei: u128, tip_wei: u128 },
    Legacy { gas_price_wei: u128 },
}

impl Fees {
    /// The most that one gas can cost.
    pub(crate) fn max_wei(self) -> u128 {
        match self {
            Self::Eip1559 { max_fee_wei, .. } => max_fee_wei,
            Self::Legacy { gas_price_wei } => gas_price_wei,
        }
    }

    /// The most that a transaction can cost.
    pub(crate) fn cost_wei(self, gas: u64, value: U256) -> U256 {
        U256::from(self.max_wei()).saturating_mul(U256::from(gas)).saturating_add(value)
    }

    /// Fees that replace these: at least an eighth more of each (nodes ask for a tenth), not less
    /// than `current`. `None` when the cap is in the way.
    pub(crate) fn bumped(self, current: Self, policy: &FeePolicy) -> Option<Self> {
        let more = |fee: u128| fee.saturating_add(fee / 8).saturating_add(1);
        match (self, current) {
            (
                Self::Eip1559 { max_fee_wei, tip_wei },
                Self::Eip1559 { max_fee_wei: current_max, tip_wei: current_tip },
            ) => {
                let tip_wei = more(tip_wei).max(current_tip);
                let max_fee_wei = more(max_fee_wei).max(current_max).max(tip_wei);
                (max_fee_wei <= policy.max_fee_cap_wei).then_some(Self::Eip1559 { max_fee_wei, tip_wei })
            }
            (own, current) => {
                let gas_price_wei = more(own.max_wei()).max(current.max_wei());
                (gas_price_wei <= policy.max_fee_cap_wei).then_some(Self::Legacy { gas_price_wei })
            }
        }
    }
}

/// Knows the present fees, mostly without asking.
#[derive(Debug)]
pub(crate) struct FeeSource {
    chain: Chain,
    policy: FeePolicy,
    heads: watch::Receiver<Option<Header>>,
    tip: Option<(Instant, u128)>,
    base: Option<(Instant, Option<u128>)>,
}

impl FeeSource {
    pub(crate) fn new(chain: Chain, policy: FeePolicy) -> Self {
        let heads = chain.heads();
        Self { chain, policy, heads, tip: None, base: None }
    }

    /// Forgets what is known: the node found it too low.
    pub(crate) fn forget(&mut self) {
        (self.tip, self.base) = (None, None);
    }

    /// The fees to offer now.
    pub(crate) async fn current(&mut self) -> Result<Fees, SendError> {
        let Some(base_fee_wei) = self.base_fee().await? else {
            let price: U128 = self.chain.rpc().request("eth_gasPrice", json!([])).await?;
            let gas_price_wei = price.to::<u128>();
            return self.within_cap(gas_price_wei, Fees::Legacy { gas_price_wei });
        };
        let tip_wei = self.tip().await?.min(self.policy.max_tip_cap_wei);
        self.within_cap(base_fee_wei, offer(base_fee_wei, tip_wei, self.policy.max_fee_cap_wei))
    }

    fn within_cap(&self, base_fee_wei: u128, fees: Fees) -> Result<Fees, SendError> {
        let cap_wei = self.policy.max_fee_cap_wei;
        if base_fee_wei > cap_wei {
            return Err(SendError::FeeAboveCap { base_fee_wei, cap_wei });
        }
        Ok(fees)
    }

    async fn base_fee(&mut self) -> Result<Option<u128>, RpcError> {
        if self.heads.has_changed().unwrap_or(false)
            && let Some(header) = self.heads.borrow_and_update().as_ref()
        {
            self.base = Some((Instant::now(), header.base_fee_wei));
        }
        if let Some((_, base)) = self.base.filter(|(at, _)| at.elapsed() < BASE_FEE_LIFE) {
            return Ok(base);
        }
        let base = heads::latest(self.chain.rpc()).await?.base_fee_wei;
        self.base = Some((Instant::now(), base));
        Ok(base)
    }

    async fn tip(&mut self) -> Result<u128, RpcError> {
        if let Some((_, tip)) = self.tip.filter(|(at, _)| at.elapsed() < TIP_LIFE) {
            return Ok(tip);
        }
        let asked = self.chain.rpc().request::<U128>("eth_maxPriorityFeePerGas", json!([])).await;
        let tip = match asked {
            Ok(tip) => tip.to::<u128>(),
            // Not every node has an opinion; without one no tip is the honest default.
            Err(RpcError::Refused { .. }) => 0,
            Err(error) => return Err(error),
        };
        self.tip = Some((Instant::now(), tip));
        Ok(tip)
    }
}

fn offer(base_fee_wei: u128, tip_wei: u128, cap_wei: u128) -> Fees {
    let max_fee_wei = base_fee_wei.saturating_mul(BASE_FEE_ROOM).saturating_add(tip_wei).min(cap_wei);
    Fees::Eip1559 { max_fee_wei, tip_wei: tip_wei.min(max_fee_wei) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_without_fees_is_offered_none() {
        assert_eq!(offer(0, 0, 500), Fees::Eip1559 { max_fee_wei: 0, tip_wei: 0 });
    }

    #[test]
    fn offers_stay_under_the_cap() {
        assert_eq!(offer(400, 30, 500), Fees::Eip1559 { max_fee_wei: 500, tip_wei: 30 });
        assert_eq!(offer(u128::MAX, u128::MAX, 5), Fees::Eip1559 { max_fee_wei: 5, tip_wei: 5 });
    }

    #[test]
    fn replacements_rise_by_more_than_a_tenth_until_the_cap() {
        let policy = FeePolicy { max_fee_cap_wei: 1_200, ..FeePolicy::default() };
        let first = Fees::Eip1559 { max_fee_wei: 1_000, tip_wei: 100 };
        let second = first.bumped(first, &policy).unwrap();
        assert_eq!(second, Fees::Eip1559 { max_fee_wei: 1_126, tip_wei: 113 });
        assert_eq!(second.bumped(first, &policy), None, "1,126 + an eighth is over 1,200");
        let zero = Fees::Eip1559 { max_fee_wei: 0, tip_wei: 0 };
        assert!(zero.bumped(zero, &policy).unwrap().max_wei() > 0);
    }

    #[test]
    fn costs_saturate() {
        let fees = Fees::Legacy { gas_price_wei: u128::MAX };
        assert_eq!(fees.cost_wei(u64::MAX, U256::MAX), U256::MAX);
    }
}
