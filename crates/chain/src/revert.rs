//! What revert data says.

use std::fmt;

use alloy_primitives::{Bytes, U256};
use alloy_sol_types::{Panic, Revert, SolError, SolInterface};
use metacloud_abi::Hub::HubErrors;

/// A decoded revert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reverted {
    /// No data.
    Empty,
    /// A string.
    Text(String),
    /// A panic of the compiler's checks.
    Panic(U256),
    /// An error of the hub by its name.
    Custom(String),
    /// Anything else.
    Unknown(Bytes),
}

impl fmt::Display for Reverted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no reason given"),
            Self::Text(text) => f.write_str(text),
            Self::Panic(code) => write!(f, "panic {code:#04x}"),
            Self::Custom(name) => f.write_str(name),
            Self::Unknown(data) => write!(f, "unknown error {data}"),
        }
    }
}

/// Decodes revert data.
pub(crate) fn decode(data: &[u8]) -> Reverted {
    if data.is_empty() {
        return Reverted::Empty;
    }
    if let Ok(revert) = Revert::abi_decode(data) {
        return Reverted::Text(revert.reason);
    }
    if let Ok(panic) = Panic::abi_decode(data) {
        return Reverted::Panic(panic.code);
    }
    match HubErrors::abi_decode(data) {
        Ok(error) => Reverted::Custom(format!("{error:?}")),
        Err(_) => Reverted::Unknown(Bytes::copy_from_slice(data)),
    }
}
