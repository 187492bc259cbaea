//! Trust arithmetic: weights, groups, consensus, and how many workers a trust level needs (poco 12, middleware D.4).

use std::collections::BTreeMap;

use alloy_primitives::{U256, U512};
use serde::{Deserialize, Serialize};

use crate::ids::ResultHash;

/// Smallest weight of a worker: that of a score below 12.
pub const MINIMUM_WEIGHT: U256 = U256::from_limbs([2, 0, 0, 0]);

/// A product or sum of the hub's arithmetic exceeded 256 bits; the hub panics (0x11) there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("consensus arithmetic exceeds 256 bits")]
pub struct Overflow;

/// Credibility of a worker with this score: `max(score / 3, 3) − 1`. New workers have 2.
pub fn worker_weight(score: U256) -> U256 {
    (score / U256::from(3)).max(U256::from(3)) - U256::from(1)
}

/// `floor(log2(weight))`: what a contribution's share of the reward is proportional to.
///
/// # Panics
/// If the weight is zero; weights of workers are at least 2.
pub fn log2_weight(weight: U256) -> u64 {
    assert!(!weight.is_zero(), "a worker's weight is at least 2");
    weight.bit_len() as u64 - 1
}

/// Groups of equal results of one task. The value of a group is the product of its members' weights since its last
/// reset; `total` is one more than the sum of all groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consensus {
    total: U256,
    groups: BTreeMap<ResultHash, U256>,
}

impl Default for Consensus {
    fn default() -> Self {
        Self { total: U256::from(1), groups: BTreeMap::new() }
    }
}

impl Consensus {
    /// One more than the sum of all groups.
    pub fn total(&self) -> U256 {
        self.total
    }

    /// The value of a group; zero if nobody contributed to it since its last reset.
    pub fn group(&self, hash: ResultHash) -> U256 {
        self.groups.get(&hash).copied().unwrap_or_default()
    }

    /// Counts a contribution of a worker of this weight to `hash`.
    ///
    /// # Errors
    /// [`Overflow`] where the hub panics; nothing changed then.
    pub fn contribute(&mut self, hash: ResultHash, weight: U256) -> Result<(), Overflow> {
        let before = self.group(hash);
        let after = before.max(U256::from(1)).checked_mul(weight).ok_or(Overflow)?;
        // The hub adds before it subtracts.
        let total = self.total.checked_add(after).ok_or(Overflow)? - before;
        self.total = total;
        self.groups.insert(hash, after);
        Ok(())
    }

    /// Whether the group of `hash` outweighs all others: `G × trust > total × (trust − 1)`.
    ///
    /// # Errors
    /// [`Overflow`] where the hub panics.
    ///
    /// # Panics
    /// If `trust` is zero; deals store at least 1.
    pub fn reached(&self, hash: ResultHash, trust: U256) -> Result<bool, Overflow> {
        assert!(!trust.is_zero(), "deals store a trust of at least 1");
        let group = self.group(hash).checked_mul(trust).ok_or(Overflow)?;
        let bar = self.total.checked_mul(trust - U256::from(1)).ok_or(Overflow)?;
        Ok(group > bar)
    }

    /// Forgets a group, as a reopen does with the consensus that nobody revealed.
    pub fn reset(&mut self, hash: ResultHash) {
        let group = self.groups.remove(&hash).unwrap_or_default();
        self.total -= group;
    }
}

/// Whether a scheduler should send the task to one more worker: whether consensus would still be missing if all
/// pending workers agreed with the heaviest group (middleware D.4).
///
/// `contributed` holds one entry per group with its value, `pending_weights` the weights of the workers that still
/// compute. Trust 0 counts as 1. Values beyond 256 bits saturate, comparisons are made in 512 bits.
pub fn needs_more_workers(trust: U256, contributed: &[(ResultHash, U256)], pending_weights: &[U256]) -> bool {
    if contributed.is_empty() && pending_weights.is_empty() {
        return true;
    }
    let pending =
        pending_weights.iter().fold(U256::from(1), |product, &weight| product.saturating_mul(weight));
    let heaviest = contributed.iter().map(|&(_, value)| value).max().unwrap_or_default();
    let all = contributed.iter().fold(U512::ZERO, |sum, &(_, value)| sum + U512::from(value));
    let best = U512::from(pending.saturating_mul(heaviest.max(U256::from(1))));
    let total = U512::from(1) + best + (all - U512::from(heaviest));
    let trust = U512::from(trust.max(U256::from(1)));
    // Each product stays below 2^512: trust < 2^256, and total < 2^256 for any number of groups that fits in memory
    // or saturates far below it.
    best * trust <= total.saturating_mul(trust - U512::from(1))
}

/// How many workers of this weight reach consensus when all agree: the smallest `n ≥ 1` with `weight^n ≥ trust`.
///
/// # Panics
/// If the weight is below 2; no worker has such a weight.
pub fn unanimous_replicas(trust: U256, weight: U256) -> u32 {
    assert!(weight >= MINIMUM_WEIGHT, "a worker's weight is at least 2");
    let mut replicas = 1;
    let mut product = weight;
    while product < trust {
        product = product.saturating_mul(weight);
        replicas += 1;
    }
    replicas
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    const X: ResultHash = ResultHash(B256::repeat_byte(1));
    const Y: ResultHash = ResultHash(B256::repeat_byte(2));

    fn n(number: u64) -> U256 {
        U256::from(number)
    }

    #[test]
    fn weights_by_score() {
        for (score, weight) in [(0, 2), (11, 2), (12, 3), (15, 4), (30, 9), (33, 10), (100, 32)] {
            assert_eq!(worker_weight(n(score)), n(weight), "score {score}");
        }
        for (weight, log2) in [(2, 1), (3, 1), (4, 2), (7, 2), (8, 3), (15, 3), (16, 4)] {
            assert_eq!(log2_weight(n(weight)), log2, "weight {weight}");
        }
        assert_eq!(log2_weight(worker_weight(U256::MAX)), 254);
    }

    #[test]
    fn example_a_one_dissenter_costs_one_more_confirmation() {
        let mut consensus = Consensus::default();
        let steps = [(Y, 3, false), (X, 5, false), (X, 7, false), (X, 11, false), (X, 19, true)];
        for (hash, total, reached) in steps {
            consensus.contribute(hash, n(2)).unwrap();
            assert_eq!(consensus.total(), n(total));
            assert_eq!(consensus.reached(hash, n(5)), Ok(reached));
        }
        assert_eq!(consensus.group(X), n(16));
        assert_eq!(consensus.group(Y), n(2));
    }

    #[test]
    fn example_b_one_worker_needs_weight_ten_for_trust_ten() {
        for (score, reached) in [(30, false), (33, true)] {
            let mut consensus = Consensus::default();
            consensus.contribute(X, worker_weight(n(score))).unwrap();
            assert_eq!(consensus.reached(X, n(10)), Ok(reached));
        }
    }

    #[test]
    fn example_c_reopen_starts_a_new_group() {
        let mut consensus = Consensus::default();
        consensus.contribute(X, n(2)).unwrap();
        consensus.reset(X);
        assert_eq!(consensus, Consensus::default());
        consensus.contribute(X, n(2)).unwrap();
        assert_eq!((consensus.group(X), consensus.total()), (n(2), n(3)));
    }

    #[test]
    fn overflow_is_an_error_and_changes_nothing() {
        let mut consensus = Consensus::default();
        consensus.contribute(X, U256::MAX / n(2)).unwrap();
        let before = consensus.clone();
        assert_eq!(consensus.contribute(X, n(3)), Err(Overflow));
        assert_eq!(consensus.contribute(Y, U256::MAX), Err(Overflow));
        assert_eq!(consensus.reached(X, n(3)), Err(Overflow));
        assert_eq!(consensus, before);
    }

    #[test]
    fn replicas_of_the_published_table() {
        let weights = [2, 3, 4, 9, 32];
        let rows: [(&[u64], [u32; 5]); 13] = [
            (&[0, 1, 2], [1, 1, 1, 1, 1]),
            (&[3], [2, 1, 1, 1, 1]),
            (&[4], [2, 2, 1, 1, 1]),
            (&[5, 6, 7, 8], [3, 2, 2, 1, 1]),
            (&[9], [4, 2, 2, 1, 1]),
            (&[10, 16], [4, 3, 2, 2, 1]),
            (&[17, 27], [5, 3, 3, 2, 1]),
            (&[28, 32], [5, 4, 3, 2, 1]),
            (&[33, 64], [6, 4, 3, 2, 2]),
            (&[100], [7, 5, 4, 3, 2]),
            (&[1_000], [10, 7, 5, 4, 2]),
            (&[10_000], [14, 9, 7, 5, 3]),
            (&[16_384], [14, 9, 7, 5, 3]),
        ];
        for (trusts, replicas) in rows {
            for &trust in trusts {
                for (weight, expected) in weights.into_iter().zip(replicas) {
                    assert_eq!(unanimous_replicas(n(trust), n(weight)), expected);
                    assert_eq!(supplied(n(trust), &[], n(weight)), expected, "{trust} {weight}");
                }
            }
        }
    }

    #[test]
    fn cost_of_dissent_of_the_published_table() {
        let rows = [
            (4, 4, None),
            (8, 5, Some(6)),
            (16, 6, Some(7)),
            (32, 7, Some(8)),
            (100, 9, Some(9)),
            (1_000, 12, Some(13)),
        ];
        for (trust, one, two) in rows {
            assert_eq!(agreeing_on_chain(n(trust), 1), Some(one), "trust {trust}");
            assert_eq!(agreeing_on_chain(n(trust), 2), two, "trust {trust}");
        }
    }

    #[test]
    fn supply_stops_exactly_when_pending_workers_would_suffice() {
        let contributed = [(X, n(4)), (Y, n(2))];
        assert!(needs_more_workers(n(8), &contributed, &[n(2), n(2)]));
        assert!(!needs_more_workers(n(8), &contributed, &[n(2), n(2), n(2)]));
        assert!(needs_more_workers(n(1), &[], &[]), "someone must compute");
        assert!(!needs_more_workers(n(0), &[], &[n(2)]), "trust 0 means 1");
    }

    #[test]
    fn supply_survives_numbers_that_the_hub_would_panic_on() {
        assert!(needs_more_workers(U256::MAX, &[(X, n(2))], &[n(2); 64]));
        assert!(!needs_more_workers(n(2), &[(X, U256::MAX)], &[U256::MAX; 4]));
        assert_eq!(unanimous_replicas(U256::MAX, n(2)), 256);
    }

    /// Workers that the supply rule asks for one after the other while all are pending.
    fn supplied(trust: U256, contributed: &[(ResultHash, U256)], weight: U256) -> u32 {
        let mut pending = vec![];
        while needs_more_workers(trust, contributed, &pending) {
            pending.push(weight);
        }
        pending.len() as u32
    }

    /// New workers that must agree after `dissenters` backed one other result; `None` if that result wins at once.
    fn agreeing_on_chain(trust: U256, dissenters: u32) -> Option<u32> {
        let mut consensus = Consensus::default();
        for _ in 0..dissenters {
            consensus.contribute(Y, n(2)).unwrap();
            if consensus.reached(Y, trust).unwrap() {
                return None;
            }
        }
        (1..).find(|_| {
            consensus.contribute(X, n(2)).unwrap();
            consensus.reached(X, trust).unwrap()
        })
    }
}
