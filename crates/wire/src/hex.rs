use std::fmt;
use std::str::FromStr;

use alloy_primitives::{Address, Bytes};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Largest number that every client reads exactly: 2^53 - 1 (http-surface 4.3).
pub const SAFE_UINT_MAX: u64 = (1 << 53) - 1;
/// Longest signature in bytes: 65 of a key, more only from a contract account (ERC-1271).
pub const SIGNATURE_BYTES_MAX: usize = 4_096;

/// An address that is written with its checksum (EIP-55) and read in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Checksummed(pub Address);

impl Checksummed {
    /// The null address, which means "none" or "any" in orders.
    pub const ZERO: Self = Self(Address::ZERO);
}

impl fmt::Display for Checksummed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.to_checksum(None))
    }
}

impl FromStr for Checksummed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "an address is 0x and 40 hexadecimal digits";
        if text.len() != 42 || !text.starts_with("0x") {
            return Err(RULE);
        }
        Address::from_str(text).map(Self).map_err(|_| RULE)
    }
}

impl From<Address> for Checksummed {
    fn from(address: Address) -> Self {
        Self(address)
    }
}

impl Serialize for Checksummed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Checksummed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Checksummed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a valid ethereum address")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Checksummed, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// An unsigned integer of at most [`SAFE_UINT_MAX`]: read from a JSON number or a decimal string, written as a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SafeUint(u64);

impl SafeUint {
    /// The value, or nothing above [`SAFE_UINT_MAX`].
    pub const fn new(value: u64) -> Option<Self> {
        if value <= SAFE_UINT_MAX { Some(Self(value)) } else { None }
    }

    /// The value.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for SafeUint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "an integer from 0 to 9007199254740991";
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(RULE);
        }
        text.parse().ok().and_then(Self::new).ok_or(RULE)
    }
}

impl Serialize for SafeUint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for SafeUint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrText;
        impl Visitor<'_> for NumberOrText {
            type Value = SafeUint;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer from 0 to 9007199254740991, as a number or a decimal string")
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<SafeUint, E> {
                SafeUint::new(value).ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(value), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SafeUint, E> {
                text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(NumberOrText)
    }
}

/// A signature of at most [`SIGNATURE_BYTES_MAX`] bytes. May be empty: a pre-signed order carries none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Bytes", into = "Bytes")]
pub struct Signature(Bytes);

impl Signature {
    /// The bytes; for a key `r ‖ s ‖ v`.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }
}

impl TryFrom<Bytes> for Signature {
    type Error = crate::ParseError;

    fn try_from(bytes: Bytes) -> Result<Self, Self::Error> {
        if bytes.len() > SIGNATURE_BYTES_MAX {
            let (found, max) = (bytes.len(), SIGNATURE_BYTES_MAX);
            return Err(crate::ParseError::TooLong { field: "sign", found, max });
        }
        Ok(Self(bytes))
    }
}

impl From<Signature> for Bytes {
    fn from(signature: Signature) -> Self {
        signature.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_the_safe_range_and_other_forms_are_refused() {
        for text in [
            "-1",
            "1.0",
            "1e3",
            "9007199254740992",
            "\"9007199254740992\"",
            "\"\"",
            "\"+1\"",
            "\" 1\"",
            "\"0x1\"",
            "null",
            "[]",
        ] {
            assert!(serde_json::from_str::<SafeUint>(text).is_err(), "{text}");
        }
        for text in ["9007199254740991", "\"9007199254740991\""] {
            assert_eq!(serde_json::from_str::<SafeUint>(text).unwrap().get(), SAFE_UINT_MAX);
        }
    }

    #[test]
    fn addresses_are_read_in_any_case_and_written_with_their_checksum() {
        let written = "\"0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1\"";
        for read in [written.to_owned(), written.to_lowercase()] {
            let address: Checksummed = serde_json::from_str(&read).unwrap();
            assert_eq!(serde_json::to_string(&address).unwrap(), written);
        }
        for text in [
            "\"\"",
            "\"0x12\"",
            "\"1a642f0E3c3aF545E7AcBD38b07251B3990914F1\"",
            "\"0xzz642f0E3c3aF545E7AcBD38b07251B3990914F1\"",
            "12",
        ] {
            assert!(serde_json::from_str::<Checksummed>(text).is_err(), "{text}");
        }
    }
}
