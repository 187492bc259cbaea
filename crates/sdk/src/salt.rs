//! Salts of orders.

use alloy_primitives::B256;

/// 32 random bytes, so that no two orders are equal.
pub(crate) fn fresh() -> B256 {
    B256::from(rand::random::<[u8; 32]>())
}
