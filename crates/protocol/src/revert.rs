//! How calls of the hub fail. The form is part of the interface: no data, a text, a panic, or a custom error.

use std::borrow::Cow;

use alloy_primitives::{Address, Bytes, FixedBytes, U256};
use alloy_sol_types::{Panic, Revert as RevertText, SolError, sol};

use crate::consensus::Overflow;
use crate::rules::MatchRefusal;

mod encoding {
    #![allow(missing_docs, reason = "generated; the public form is CustomError")]
    use super::sol;

    sol! {
        error CallerIsNotTheRequester();
        error CallerIsNotTheToken();
        error CallbackGasTooHigh(uint256 gasLimit);
        error HubCannotReceive();
        error IncompatibleDatasetOrder(string reason);
        error MatchGuarded(address requester);
        error NotContractOwner(address user, address contractOwner);
        error OperationFailed();
        error SafeCastOverflowedUintDowncast(uint8 bits, uint256 value);
        error TooManyContributors();
        error TokensInMotion();
        error TransferFailed();
        error UnsupportedOperation(bytes4 selector);
    }
}

/// Panic code of a failed assertion.
pub const ASSERTION: u8 = 0x01;
/// Panic code of an arithmetic overflow or underflow.
pub const OVERFLOW: u8 = 0x11;
/// Panic code of an index out of range.
pub const OUT_OF_RANGE: u8 = 0x32;

/// A failed call: nothing of it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revert {
    /// No return data.
    Empty,
    /// `Error(string)` with this text.
    Text(Cow<'static, str>),
    /// `Panic(uint256)` with this code.
    Panic(u8),
    /// An error of the hub by name.
    Custom(CustomError),
    /// The data with which a called contract reverted, passed on.
    Foreign(Bytes),
}

/// The custom errors of the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomError {
    /// The request order of a deposit-and-match belongs to someone else.
    CallerIsNotTheRequester,
    /// `receiveApproval` was not called by the base token.
    CallerIsNotTheToken,
    /// The gas limit for callbacks exceeds the bound.
    CallbackGasTooHigh(U256),
    /// The hub's own address may not receive SRLC.
    HubCannotReceive,
    /// A dataset order does not fit a deal.
    IncompatibleDatasetOrder(Incompatibility),
    /// The requester's match guard is on and someone else matches at its expense.
    MatchGuarded(Address),
    /// Not the owner of the hub.
    NotContractOwner {
        /// The caller.
        user: Address,
        /// The owner.
        owner: Address,
    },
    /// A deposit-and-match failed without data.
    OperationFailed,
    /// A term of a Boost deal does not fit its record.
    SafeCastOverflowedUintDowncast {
        /// Bits that there are.
        bits: u8,
        /// The term.
        value: U256,
    },
    /// The task has as many contributors as it may have.
    TooManyContributors,
    /// A surplus is recovered in a transaction that made the base token move before.
    TokensInMotion,
    /// The base token answered false to a withdrawal.
    TransferFailed,
    /// A deposit carried a call that the hub does not perform.
    UnsupportedOperation(FixedBytes<4>),
}

/// Why a dataset order does not fit a deal (poco 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Incompatibility {
    /// Nothing is left of the order.
    #[error("Dataset order is revoked or fully consumed")]
    Consumed,
    /// Not signed by the dataset's owner.
    #[error("Invalid dataset order signature")]
    Signature,
    /// No such deal.
    #[error("Deal not found")]
    NoDeal,
    /// The deal has its own dataset.
    #[error("Deal already has a dataset")]
    HasDataset,
    /// The order does not accept the deal's application.
    #[error("App restriction not satisfied")]
    App,
    /// The order does not accept the deal's workerpool.
    #[error("Workerpool restriction not satisfied")]
    Workerpool,
    /// The order does not accept the deal's requester.
    #[error("Requester restriction not satisfied")]
    Requester,
    /// The deal lacks a capability that the dataset needs.
    #[error("Tag compatibility not satisfied")]
    Tag,
}

impl Revert {
    /// Arithmetic beyond 256 bits or below zero.
    pub const ARITHMETIC: Self = Self::Panic(OVERFLOW);

    /// `Error(string)` with a fixed text.
    pub const fn text(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// The return data of the failed call.
    pub fn data(&self) -> Bytes {
        match self {
            Self::Empty => Bytes::new(),
            Self::Text(text) => RevertText::from(text.as_ref()).abi_encode().into(),
            Self::Panic(code) => Panic { code: U256::from(*code) }.abi_encode().into(),
            Self::Custom(error) => error.data(),
            Self::Foreign(data) => data.clone(),
        }
    }
}

impl CustomError {
    fn data(&self) -> Bytes {
        use encoding as e;
        match self {
            Self::CallerIsNotTheRequester => e::CallerIsNotTheRequester {}.abi_encode(),
            Self::CallerIsNotTheToken => e::CallerIsNotTheToken {}.abi_encode(),
            Self::CallbackGasTooHigh(gas_limit) => {
                e::CallbackGasTooHigh { gasLimit: *gas_limit }.abi_encode()
            }
            Self::HubCannotReceive => e::HubCannotReceive {}.abi_encode(),
            Self::IncompatibleDatasetOrder(reason) => {
                e::IncompatibleDatasetOrder { reason: reason.to_string() }.abi_encode()
            }
            Self::MatchGuarded(requester) => e::MatchGuarded { requester: *requester }.abi_encode(),
            Self::NotContractOwner { user, owner } => {
                e::NotContractOwner { user: *user, contractOwner: *owner }.abi_encode()
            }
            Self::OperationFailed => e::OperationFailed {}.abi_encode(),
            Self::SafeCastOverflowedUintDowncast { bits, value } => {
                e::SafeCastOverflowedUintDowncast { bits: *bits, value: *value }.abi_encode()
            }
            Self::TooManyContributors => e::TooManyContributors {}.abi_encode(),
            Self::TokensInMotion => e::TokensInMotion {}.abi_encode(),
            Self::TransferFailed => e::TransferFailed {}.abi_encode(),
            Self::UnsupportedOperation(selector) => {
                e::UnsupportedOperation { selector: *selector }.abi_encode()
            }
        }
        .into()
    }
}

impl From<CustomError> for Revert {
    fn from(error: CustomError) -> Self {
        Self::Custom(error)
    }
}

impl From<Incompatibility> for Revert {
    fn from(reason: Incompatibility) -> Self {
        Self::Custom(CustomError::IncompatibleDatasetOrder(reason))
    }
}

impl From<MatchRefusal> for Revert {
    fn from(refusal: MatchRefusal) -> Self {
        Self::Text(refusal.text().into())
    }
}

impl From<Overflow> for Revert {
    fn from(Overflow: Overflow) -> Self {
        Self::ARITHMETIC
    }
}

/// `Ok` if the condition holds, else the failure without data of most checks of the task life cycle.
pub(crate) fn require(condition: bool) -> Result<(), Revert> {
    if condition { Ok(()) } else { Err(Revert::Empty) }
}

/// `Ok` if the condition holds, else the given failure.
pub(crate) fn require_or(condition: bool, revert: impl Into<Revert>) -> Result<(), Revert> {
    if condition { Ok(()) } else { Err(revert.into()) }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;

    use super::*;

    #[test]
    fn data_begins_with_the_published_selectors() {
        let cases: [(Revert, [u8; 4]); 14] = [
            (Revert::text("x"), hex!("08c379a0")),
            (Revert::ARITHMETIC, hex!("4e487b71")),
            (CustomError::CallerIsNotTheRequester.into(), hex!("74a0583f")),
            (Incompatibility::NoDeal.into(), hex!("0afd9382")),
            (CustomError::OperationFailed.into(), hex!("0364eed2")),
            (CustomError::UnsupportedOperation([0; 4].into()).into(), hex!("de6168e5")),
            (
                CustomError::NotContractOwner { user: Address::ZERO, owner: Address::ZERO }.into(),
                hex!("ff4127cb"),
            ),
            (CustomError::MatchGuarded(Address::ZERO).into(), hex!("0466f1ca")),
            (CustomError::CallerIsNotTheToken.into(), hex!("17aa571f")),
            (CustomError::HubCannotReceive.into(), hex!("6213b9ca")),
            (CustomError::TransferFailed.into(), hex!("90b8ec18")),
            (CustomError::TooManyContributors.into(), hex!("f3f7e989")),
            (CustomError::CallbackGasTooHigh(U256::ZERO).into(), hex!("578eff34")),
            (Revert::Foreign(hex!("01020304").into()), hex!("01020304")),
        ];
        for (revert, selector) in cases {
            assert_eq!(revert.data()[..4], selector, "{revert:?}");
        }
        assert!(Revert::Empty.data().is_empty());
    }
}
