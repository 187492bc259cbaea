//! Tags: the capabilities that a deal demands, as a set of 256 bits (poco 5).

use std::fmt;
use std::ops::BitOr;
use std::str::FromStr;

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};

/// A set of capabilities. Bit 0 is the least significant bit of the last byte.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tag(pub B256);

/// The framework bits 1 to 3 in the last byte.
const FRAMEWORKS: u8 = 0b1110;

impl Tag {
    /// No capability.
    pub const NONE: Self = Self(B256::ZERO);
    /// Bit 0: a trusted execution environment; contributions must name an enclave challenge.
    pub const TEE: Self = Self::bit(0);
    /// Bit 1: the Scone framework.
    pub const SCONE: Self = Self::bit(1);
    /// Bit 2: the Gramine framework.
    pub const GRAMINE: Self = Self::bit(2);
    /// Bit 3: the TDX framework.
    pub const TDX: Self = Self::bit(3);
    /// Bit 8: a GPU (middleware A.4).
    pub const GPU: Self = Self::bit(8);

    /// The tag with this bit alone.
    pub const fn bit(bit: u8) -> Self {
        let mut bytes = [0; 32];
        bytes[31 - (bit / 8) as usize] = 1 << (bit % 8);
        Self(B256::new(bytes))
    }

    /// The numbers of the bits that are set, lowest first.
    pub fn bits(self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(move |&bit| self.contains(Self::bit(bit)))
    }

    /// Whether every bit of `other` is set here.
    #[inline]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These bits but for those of `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether bit 0 is set.
    #[inline]
    pub fn tee(self) -> bool {
        self.contains(Self::TEE)
    }

    /// How many of the framework bits 1 to 3 are set.
    pub fn frameworks(self) -> u32 {
        (self.0[31] & FRAMEWORKS).count_ones()
    }

    /// What a dataset order's tag demands: its framework bits are ignored, so that a dataset published for one
    /// framework can be used under another.
    #[inline]
    pub fn effective_dataset(self) -> Self {
        let mut bytes = self.0;
        bytes[31] &= !FRAMEWORKS;
        Self(bytes)
    }
}

impl BitOr for Tag {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl From<B256> for Tag {
    fn from(bytes: B256) -> Self {
        Self(bytes)
    }
}

impl From<Tag> for B256 {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tag")?;
        f.debug_set().entries(self.bits()).finish()
    }
}

impl fmt::LowerHex for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

impl FromStr for Tag {
    type Err = alloy_primitives::hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;

    use super::*;

    #[test]
    fn bit_zero_is_the_last_bit_of_the_last_byte() {
        assert_eq!(Tag::TEE.0, B256::with_last_byte(1));
        assert_eq!(B256::from(U256::from(0x100)), Tag::GPU.0);
        assert_eq!(Tag::bit(255).0[0], 0x80);
        let tag = Tag::TEE | Tag::TDX | Tag::bit(255);
        assert_eq!(tag.bits().collect::<Vec<_>>(), [0, 3, 255]);
        assert_eq!(format!("{tag:?}"), "Tag{0, 3, 255}");
    }

    #[test]
    fn containment_is_of_every_bit() {
        let offered = Tag::TEE | Tag::SCONE;
        assert!(offered.contains(Tag::NONE));
        assert!(offered.contains(offered));
        assert!(!offered.contains(Tag::TEE | Tag::TDX));
        assert!(!Tag::NONE.tee());
    }

    #[test]
    fn dataset_frameworks_do_not_count() {
        let tag = Tag::TEE | Tag::SCONE | Tag::GRAMINE | Tag::TDX | Tag::GPU;
        assert_eq!(tag.frameworks(), 3);
        assert_eq!(tag.effective_dataset(), Tag::TEE | Tag::GPU);
    }
}
