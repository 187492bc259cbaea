//! Amounts of money. The unit is the nRLC, 10^-9 RLC; arithmetic is checked or it does not exist.

use std::fmt;
use std::iter;
use std::str::FromStr;

use alloy_primitives::U256;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// nRLC in one RLC, as a power of ten.
pub const RLC_DECIMALS: u8 = 9;

/// An amount in nRLC. Text form `1500 nRLC`, JSON form the decimal string `"1500"`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nrlc(pub U256);

/// Why a text is not an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseAmount {
    /// No `RLC` or `nRLC` behind the number.
    #[error("amount {0:?} has no unit: write for example \"1.5 RLC\" or \"100 nRLC\"")]
    NoUnit(String),
    /// Not a plain decimal number.
    #[error("amount {0:?} is not a decimal number followed by RLC or nRLC")]
    NotANumber(String),
    /// Smaller parts than the unit has.
    #[error("amount {0:?} is finer than 1 nRLC")]
    TooFine(String),
    /// Over 2^256 - 1 nRLC.
    #[error("amount {0:?} is over 2^256 - 1 nRLC")]
    TooLarge(String),
}

impl Nrlc {
    /// Nothing.
    pub const ZERO: Self = Self(U256::ZERO);

    /// `nrlc` units of 10^-9 RLC.
    pub const fn new(nrlc: u64) -> Self {
        Self(U256::from_limbs([nrlc, 0, 0, 0]))
    }

    /// Whether this is nothing.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// The sum, unless it exceeds 2^256 - 1.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, unless it is below zero.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The product with a count, unless it exceeds 2^256 - 1.
    pub fn checked_mul(self, count: U256) -> Option<Self> {
        self.0.checked_mul(count).map(Self)
    }

    /// `self × percent / 100` rounded down, as the hub computes it: the product must fit in 256 bits.
    pub fn checked_percent(self, percent: U256) -> Option<Self> {
        Some(Self(self.0.checked_mul(percent)? / U256::from(100)))
    }

    /// `self × part / whole` rounded down, the product in 512 bits. `None` if `whole` is zero or `part > whole` makes
    /// the quotient exceed 256 bits.
    pub fn mul_div(self, part: U256, whole: U256) -> Option<Self> {
        if whole.is_zero() {
            return None;
        }
        let product = self.0.widening_mul::<256, 4, 512, 8>(part);
        let quotient = product / alloy_primitives::U512::from(whole);
        U256::checked_from_limbs_slice(quotient.as_limbs()).map(Self)
    }

    /// The sum of all, unless it exceeds 2^256 - 1.
    pub fn checked_sum(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, |sum, amount| sum.checked_add(amount))
    }
}

impl fmt::Display for Nrlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} nRLC", self.0)
    }
}

impl fmt::Debug for Nrlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Nrlc {
    type Err = ParseAmount;

    /// Reads `1.5 RLC`, `100 nRLC`, `1RLC`; the unit is compared without regard to case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        let number = trimmed.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let decimals = match trimmed[number.len()..].to_ascii_lowercase().as_str() {
            "rlc" => usize::from(RLC_DECIMALS),
            "nrlc" => 0,
            "" => return Err(ParseAmount::NoUnit(text.into())),
            _ => return Err(ParseAmount::NotANumber(text.into())),
        };
        let (whole, fraction) = match number.trim_end().split_once('.') {
            Some((_, "")) => return Err(ParseAmount::NotANumber(text.into())),
            Some(parts) => parts,
            None => (number.trim_end(), ""),
        };
        let digits_only = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits_only(whole) || !digits_only(fraction) {
            return Err(ParseAmount::NotANumber(text.into()));
        }
        if fraction.len() > decimals {
            return Err(ParseAmount::TooFine(text.into()));
        }
        let zeros = iter::repeat_n('0', decimals - fraction.len());
        let digits: String = whole.chars().chain(fraction.chars()).chain(zeros).collect();
        U256::from_str_radix(&digits, 10).map(Self).map_err(|_| ParseAmount::TooLarge(text.into()))
    }
}

impl Serialize for Nrlc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Nrlc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(serde::de::Error::custom("an amount is a string of decimal digits, in nRLC"));
        }
        U256::from_str_radix(&text, 10).map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_units() {
        for (text, nrlc) in [
            ("1.5 RLC", 1_500_000_000),
            ("100 nRLC", 100),
            ("0 rlc", 0),
            ("0.000000001RLC", 1),
            (" 3 nrlc ", 3),
        ] {
            assert_eq!(text.parse(), Ok(Nrlc::new(nrlc)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_an_amount() {
        type Error = fn(String) -> ParseAmount;
        let cases: [(&str, Error); 11] = [
            ("", ParseAmount::NoUnit),
            ("5", ParseAmount::NoUnit),
            ("RLC", ParseAmount::NotANumber),
            (".5 RLC", ParseAmount::NotANumber),
            ("1. RLC", ParseAmount::NotANumber),
            ("-1 RLC", ParseAmount::NotANumber),
            ("1e3 RLC", ParseAmount::NotANumber),
            ("1.2.3 RLC", ParseAmount::NotANumber),
            ("1 ETH", ParseAmount::NotANumber),
            ("0.5 nRLC", ParseAmount::TooFine),
            ("0.0000000001 RLC", ParseAmount::TooFine),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Nrlc>(), Err(error(text.into())), "{text}");
        }
        let large = format!("{} RLC", U256::MAX);
        assert_eq!(large.parse::<Nrlc>(), Err(ParseAmount::TooLarge(large.clone())));
    }

    #[test]
    fn arithmetic_refuses_to_wrap() {
        let most = Nrlc(U256::MAX);
        assert_eq!(most.checked_add(Nrlc::new(1)), None);
        assert_eq!(Nrlc::ZERO.checked_sub(Nrlc::new(1)), None);
        assert_eq!(most.checked_mul(U256::from(2)), None);
        assert_eq!(most.checked_percent(U256::from(2)), None);
        assert_eq!(Nrlc::new(199).checked_percent(U256::from(30)), Some(Nrlc::new(59)));
        assert_eq!(Nrlc::checked_sum([most, Nrlc::new(1)]), None);
    }

    #[test]
    fn shares_are_computed_in_full_precision() {
        let most = Nrlc(U256::MAX);
        assert_eq!(most.mul_div(U256::MAX, U256::MAX), Some(most));
        assert_eq!(most.mul_div(U256::MAX, U256::from(1)), None);
        assert_eq!(most.mul_div(U256::ZERO, U256::ZERO), None);
        assert_eq!(Nrlc::new(99).mul_div(U256::from(1), U256::from(2)), Some(Nrlc::new(49)));
    }

    #[test]
    fn json_is_a_decimal_string_and_nothing_else() {
        let json = serde_json::to_string(&Nrlc(U256::MAX)).unwrap();
        assert_eq!(json, format!("\"{}\"", U256::MAX));
        assert_eq!(serde_json::from_str::<Nrlc>(&json).unwrap(), Nrlc(U256::MAX));
        for bad in ["\"\"", "\"0x10\"", "\"-1\"", "1", "\"1_0\""] {
            assert!(serde_json::from_str::<Nrlc>(bad).is_err(), "{bad}");
        }
    }
}
