//! Which orders a list asks for (http-surface 4.7).

use alloy_primitives::Address;
use metacloud_protocol::Tag;

use crate::listing::Listing;

/// Free dataset orders of at least this volume can be used in bulk: 2^53 - 2.
pub const BULK_VOLUME_MIN: u64 = (1 << 53) - 2;

/// What one party of an order must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// No constraint.
    #[default]
    Any,
    /// This one. Of a restriction: exactly this one; zero for "open to anyone" alone.
    Exactly(Address),
    /// Of a restriction: open to anyone, or to this one.
    Accepts(Address),
}

/// All constraints together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// App, or restriction to apps.
    pub app: Wanted,
    /// Dataset, or restriction to datasets.
    pub dataset: Wanted,
    /// Workerpool, or restriction to workerpools.
    pub workerpool: Wanted,
    /// Requester, or restriction to requesters.
    pub requester: Wanted,
    /// Of requests.
    pub beneficiary: Wanted,
    /// Who signed.
    pub signer: Option<Address>,
    /// Exactly this category.
    pub category: Option<u64>,
    /// All these capabilities.
    pub min_tag: Option<Tag>,
    /// No capability outside of these.
    pub max_tag: Option<Tag>,
    /// At least so many tasks left.
    pub min_volume: Option<u64>,
    /// At least this trust; 0 and 1 are the same.
    pub min_trust: Option<u64>,
    /// At most this trust.
    pub max_trust: Option<u64>,
    /// Only free orders of [`BULK_VOLUME_MIN`].
    pub bulk_only: bool,
}

impl Wanted {
    fn admits(self, party: Address) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(wanted) => party == wanted,
            Self::Accepts(wanted) => party.is_zero() || party == wanted,
        }
    }

    /// The one party wanted, if it is one.
    pub(crate) const fn exactly(self) -> Option<Address> {
        match self {
            Self::Exactly(wanted) => Some(wanted),
            Self::Any | Self::Accepts(_) => None,
        }
    }
}

impl Filter {
    pub(crate) fn admits_tag(&self, tag: Tag) -> bool {
        self.min_tag.is_none_or(|min| tag.contains(min)) && self.max_tag.is_none_or(|max| max.contains(tag))
    }

    /// Whether an order is asked for.
    pub fn admits(&self, listing: &Listing) -> bool {
        self.app.admits(listing.app)
            && self.dataset.admits(listing.dataset)
            && self.workerpool.admits(listing.workerpool)
            && self.requester.admits(listing.requester)
            && self.beneficiary.admits(listing.beneficiary)
            && self.signer.is_none_or(|signer| signer == listing.signer)
            && self.category.is_none_or(|category| category == listing.category)
            && self.admits_tag(listing.tag)
            && self.min_volume.is_none_or(|volume| listing.remaining >= volume)
            && self.min_trust.is_none_or(|trust| trust <= 1 || listing.trust >= trust)
            && self.max_trust.is_none_or(|trust| listing.trust <= trust)
            && (!self.bulk_only || is_bulk(listing))
    }
}

/// Whether a dataset order can be used in bulk.
pub fn is_bulk(listing: &Listing) -> bool {
    listing.price_nrlc == 0 && listing.volume >= BULK_VOLUME_MIN
}
