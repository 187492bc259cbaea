//! Operations of an owner on its own order (poco 8.1).

use alloy_primitives::{B256, U256, b256};
use serde::{Deserialize, Serialize};

use super::eip712::struct_hash;
use super::{Domain, Order, OrderKind};

/// What an owner does to its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderOperation {
    /// Records the order as signed, so that it is accepted with an empty signature.
    Sign = 0,
    /// Marks the whole volume as consumed; cannot be undone.
    Close = 1,
}

impl OrderOperation {
    /// The operation of this ABI number, if any.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Sign),
            1 => Some(Self::Close),
            _ => None,
        }
    }

    /// Hash of the type string of operations on this kind of order.
    pub const fn type_hash(kind: OrderKind) -> B256 {
        match kind {
            OrderKind::App => {
                b256!("0638bb0702457e2b4b01be8a202579b8bf97e587fb4f2cc4d4aad01f21a06ee0")
            }
            OrderKind::Dataset => {
                b256!("075eb6f7578ff4292c241bd2484cd5c1d5e6ecc2ddd3317e1d8176b5a45865ec")
            }
            OrderKind::Workerpool => {
                b256!("322d980b7d7a6a1f7c39ff0c5445da6ae1d8e0393ff0dd468c8be3e2c8644388")
            }
            OrderKind::Request => {
                b256!("0ded7b52c2d77595a40d242eca751df172b18e686326dbbed3f4748828af77c7")
            }
        }
    }

    /// EIP-712 digest that the owner signs to let anyone submit the operation.
    pub fn digest<O: Order>(self, order: &O, domain: &Domain) -> B256 {
        domain.digest(struct_hash(
            Self::type_hash(O::KIND),
            &[order.struct_hash(), U256::from(self as u8).into()],
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_numbers_are_operations() {
        assert_eq!(OrderOperation::from_number(0), Some(OrderOperation::Sign));
        assert_eq!(OrderOperation::from_number(1), Some(OrderOperation::Close));
        assert!((2..=u8::MAX).all(|number| OrderOperation::from_number(number).is_none()));
    }
}
