//! What the data of a failed call says.

use std::fmt;

use alloy_primitives::{Bytes, U256};
use alloy_sol_types::{Panic, Revert, SolError, SolInterface};

use crate::bindings::{AppRegistry, Hub, Workerpool, WorkerpoolRegistry};

/// Revert data, decoded as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reverted {
    /// No data: a plain requirement failed.
    Empty,
    /// `Error(string)`.
    Text(String),
    /// `Panic(uint256)`.
    Panic(U256),
    /// A custom error of our contracts.
    Custom {
        /// Its name, for example `MatchGuarded`.
        name: &'static str,
        /// Name and arguments as a person reads them.
        detail: String,
        /// As received.
        data: Bytes,
    },
    /// Anything else.
    Unknown(Bytes),
}

/// Decodes revert data. Never fails: what is not understood is [`Reverted::Unknown`].
pub fn decode(data: &[u8]) -> Reverted {
    if data.is_empty() {
        return Reverted::Empty;
    }
    if let Ok(text) = Revert::abi_decode(data) {
        return Reverted::Text(text.reason);
    }
    if let Ok(panic) = Panic::abi_decode(data) {
        return Reverted::Panic(panic.code);
    }
    custom::<Hub::HubErrors>(data)
        .or_else(|| custom::<AppRegistry::AppRegistryErrors>(data))
        .or_else(|| custom::<WorkerpoolRegistry::WorkerpoolRegistryErrors>(data))
        .or_else(|| custom::<Workerpool::WorkerpoolErrors>(data))
        .unwrap_or_else(|| Reverted::Unknown(Bytes::copy_from_slice(data)))
}

fn custom<E: SolInterface + Named + fmt::Debug>(data: &[u8]) -> Option<Reverted> {
    let error = E::abi_decode(data).ok()?;
    let name = E::name(error.selector())?;
    Some(Reverted::Custom { name, detail: format!("{error:?}"), data: Bytes::copy_from_slice(data) })
}

/// Names of the errors of a contract, by selector.
trait Named {
    fn name(selector: [u8; 4]) -> Option<&'static str>;
}

macro_rules! named {
    ($($errors:ty),+) => {$(
        impl Named for $errors {
            fn name(selector: [u8; 4]) -> Option<&'static str> {
                <$errors>::name_by_selector(selector)
            }
        }
    )+};
}

named!(
    Hub::HubErrors,
    AppRegistry::AppRegistryErrors,
    WorkerpoolRegistry::WorkerpoolRegistryErrors,
    Workerpool::WorkerpoolErrors
);

impl fmt::Display for Reverted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a requirement of the contract is not met (no reason given)"),
            Self::Text(text) => f.write_str(text),
            Self::Panic(code) => match code.saturating_to::<u64>() {
                0x01 => f.write_str("an assertion of the contract failed (panic 0x01)"),
                0x11 => f.write_str("an amount over- or underflows (panic 0x11)"),
                0x32 => f.write_str("an index is out of range (panic 0x32)"),
                _ => write!(f, "panic {code:#x}"),
            },
            Self::Custom { detail, .. } => f.write_str(detail),
            Self::Unknown(data) => write!(f, "unknown revert data {data}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, hex};

    use super::*;

    #[test]
    fn every_form_is_told_apart() {
        assert_eq!(decode(&[]), Reverted::Empty);
        let text = Revert::from("iExecV5-matchOrders-0x60").abi_encode();
        assert_eq!(decode(&text), Reverted::Text("iExecV5-matchOrders-0x60".into()));
        let panic = Panic { code: U256::from(0x11) }.abi_encode();
        assert_eq!(decode(&panic), Reverted::Panic(U256::from(0x11)));
        let guarded = Hub::MatchGuarded { requester: Address::ZERO }.abi_encode();
        assert!(matches!(decode(&guarded), Reverted::Custom { name: "MatchGuarded", .. }));
        let missing = AppRegistry::ERC721NonexistentToken { tokenId: U256::from(7) }.abi_encode();
        assert!(matches!(decode(&missing), Reverted::Custom { name: "ERC721NonexistentToken", .. }));
    }

    #[test]
    fn foreign_and_truncated_data_stay_as_they_are() {
        for data in [&hex!("01")[..], &hex!("deadbeef"), &hex!("08c379a0"), &hex!("0466f1ca00")] {
            assert_eq!(decode(data), Reverted::Unknown(Bytes::copy_from_slice(data)));
        }
    }

    #[test]
    fn people_read_what_went_wrong() {
        assert!(decode(&[]).to_string().contains("requirement"));
        let panic = Panic { code: U256::from(0x11) }.abi_encode();
        assert!(decode(&panic).to_string().contains("0x11"));
        let guarded = Hub::MatchGuarded { requester: Address::with_last_byte(7) }.abi_encode();
        assert!(decode(&guarded).to_string().contains("MatchGuarded"));
    }
}
