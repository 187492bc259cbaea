//! Hashes of what indexes are asked for, mixed with a number that strangers do not know.

use std::hash::{BuildHasher as _, Hasher as _};

use alloy_primitives::{Address, B256};
use foldhash::fast::FixedState;

/// The seed.
#[derive(Clone, Debug)]
pub(crate) struct Hashing(FixedState);

impl Hashing {
    pub(crate) fn new(seed: u64) -> Self {
        Self(FixedState::with_seed(seed))
    }

    #[inline]
    pub(crate) fn address(&self, address: Address) -> u64 {
        let mut hasher = self.0.build_hasher();
        let [a, b, c] = [0, 8, 12].map(|at| word(&address.as_slice()[at..]));
        hasher.write_u128(u128::from(a) << 64 | u128::from(b));
        hasher.write_u64(c);
        hasher.finish()
    }

    /// Of a restriction: nobody counts as 0.
    #[inline]
    pub(crate) fn party(&self, party: Address) -> u64 {
        if party.is_zero() { 0 } else { self.address(party) }
    }

    #[inline]
    pub(crate) fn word(&self, word_: B256) -> u64 {
        let [a, b, c, d] = [0, 8, 16, 24].map(|at| word(&word_[at..]));
        self.mix([a, b, c, d], false)
    }

    /// One number of several.
    #[inline]
    pub(crate) fn mix(&self, parts: [u64; 4], mark: bool) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write_u128(u128::from(parts[0]) << 64 | u128::from(parts[1]));
        hasher.write_u128(u128::from(parts[2]) << 64 | u128::from(parts[3]));
        hasher.write_u64(u64::from(mark));
        hasher.finish()
    }
}

#[inline]
fn word(bytes: &[u8]) -> u64 {
    let (first, _) = bytes.split_first_chunk().expect("at least eight bytes are left");
    u64::from_ne_bytes(*first)
}
