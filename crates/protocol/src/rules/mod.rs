//! Matching rules: which four orders make a deal (poco 9.1 and 21, item 3).

mod refusal;

use alloy_primitives::{Address, U256};

use crate::order::{AppOrder, DatasetOrder, RequestOrder, WorkerpoolOrder};
use crate::tag::Tag;

pub use refusal::MatchRefusal;

/// Four orders that may make a deal. A dataset order whose dataset is zero stands for "no dataset": nobody signed it,
/// so nothing else in it counts.
#[derive(Clone, Copy, Debug)]
pub struct Orders<'a> {
    /// The application.
    pub app: &'a AppOrder,
    /// The dataset, or [`DatasetOrder::none`].
    pub dataset: &'a DatasetOrder,
    /// The computing power.
    pub workerpool: &'a WorkerpoolOrder,
    /// The request.
    pub request: &'a RequestOrder,
}

/// The rule of restrictions (poco 7.3): zero accepts everyone, an account accepts itself, and `is_member(group,
/// account)` is asked for the rest.
pub fn accepts(
    restriction: Address,
    account: Address,
    mut is_member: impl FnMut(Address, Address) -> bool,
) -> bool {
    restriction.is_zero() || restriction == account || is_member(restriction, account)
}

impl Orders<'_> {
    /// Whether a dataset takes part.
    pub fn has_dataset(&self) -> bool {
        !self.dataset.dataset.is_zero()
    }

    /// The tag of the deal.
    pub fn tag(&self) -> Tag {
        let dataset = if self.has_dataset() { Tag(self.dataset.tag).effective_dataset() } else { Tag::NONE };
        Tag(self.app.tag) | dataset | Tag(self.request.tag)
    }

    /// The tag of the deal on the Boost path, where no bit of the dataset's tag is ignored (poco 17.1).
    pub fn boost_tag(&self) -> Tag {
        let dataset = if self.has_dataset() { Tag(self.dataset.tag) } else { Tag::NONE };
        Tag(self.app.tag) | dataset | Tag(self.request.tag)
    }

    /// The trust of the deal: 0 means 1.
    pub fn trust(&self) -> U256 {
        self.request.trust.max(U256::from(1))
    }

    /// Checks 00 to 1b, which need no signature and no registry: terms first, then assets and restrictions.
    /// `is_member` answers for group contracts and is asked only for restrictions that are neither zero nor the
    /// account itself.
    ///
    /// # Errors
    /// The first check that fails, in the order of the hub.
    pub fn check(
        &self,
        categories: U256,
        is_member: impl FnMut(Address, Address) -> bool,
    ) -> Result<(), MatchRefusal> {
        self.check_terms(categories, self.request.trust <= self.workerpool.trust, self.tag())?;
        self.check_restrictions(is_member)
    }

    /// The same checks on the Boost path (poco 17.1): the request's trust comes first, and must be 1 at most.
    ///
    /// # Errors
    /// The first check that fails, in the order of the hub.
    pub fn check_boost(
        &self,
        categories: U256,
        is_member: impl FnMut(Address, Address) -> bool,
    ) -> Result<(), MatchRefusal> {
        MatchRefusal::TrustNotOffered.unless(self.request.trust <= U256::from(1))?;
        self.check_terms(categories, true, self.boost_tag())?;
        self.check_restrictions(is_member)
    }

    fn check_terms(&self, categories: U256, trust_offered: bool, tag: Tag) -> Result<(), MatchRefusal> {
        use MatchRefusal as Refusal;
        let (app, pool, request) = (self.app, self.workerpool, self.request);
        let dataset_fits = !self.has_dataset() || request.datasetmaxprice >= self.dataset.datasetprice;
        Refusal::CategoryMismatch.unless(request.category == pool.category)?;
        Refusal::CategoryUnknown.unless(request.category < categories)?;
        Refusal::TrustNotOffered.unless(trust_offered)?;
        Refusal::AppOverpriced.unless(request.appmaxprice >= app.appprice)?;
        Refusal::DatasetOverpriced.unless(dataset_fits)?;
        Refusal::WorkerpoolOverpriced.unless(request.workerpoolmaxprice >= pool.workerpoolprice)?;
        Refusal::TagNotOffered.unless(Tag(pool.tag).contains(tag))?;
        Refusal::TeeMismatch.unless(tag.tee() == Tag(app.tag).tee())
    }

    fn check_restrictions(
        &self,
        mut is_member: impl FnMut(Address, Address) -> bool,
    ) -> Result<(), MatchRefusal> {
        use MatchRefusal as Refusal;
        let (app, dataset, pool, request) = (self.app, self.dataset, self.workerpool, self.request);
        let mut accepts = |restriction, account| accepts(restriction, account, &mut is_member);
        Refusal::OtherApp.unless(request.app == app.app)?;
        Refusal::OtherDataset.unless(request.dataset == dataset.dataset)?;
        Refusal::RequestRestrictsWorkerpool.unless(accepts(request.workerpool, pool.workerpool))?;
        Refusal::AppRestrictsDataset.unless(accepts(app.datasetrestrict, dataset.dataset))?;
        Refusal::AppRestrictsWorkerpool.unless(accepts(app.workerpoolrestrict, pool.workerpool))?;
        Refusal::AppRestrictsRequester.unless(accepts(app.requesterrestrict, request.requester))?;
        if self.has_dataset() {
            Refusal::DatasetRestrictsApp.unless(accepts(dataset.apprestrict, app.app))?;
            Refusal::DatasetRestrictsWorkerpool
                .unless(accepts(dataset.workerpoolrestrict, pool.workerpool))?;
            Refusal::DatasetRestrictsRequester
                .unless(accepts(dataset.requesterrestrict, request.requester))?;
        }
        Refusal::WorkerpoolRestrictsApp.unless(accepts(pool.apprestrict, app.app))?;
        Refusal::WorkerpoolRestrictsDataset.unless(accepts(pool.datasetrestrict, dataset.dataset))?;
        Refusal::WorkerpoolRestrictsRequester.unless(accepts(pool.requesterrestrict, request.requester))
    }

    /// Tasks that the deal would cover: what is left of the scarcest order (poco 9.2). `consumed` holds the consumed
    /// units of the app, dataset, workerpool and request orders; that of the dataset does not count without one.
    ///
    /// # Errors
    /// [`MatchRefusal::VolumeUsedUp`] if nothing is left.
    pub fn volume(&self, consumed: Consumed) -> Result<U256, MatchRefusal> {
        // The hub never consumes more than the volume; whoever claims so leaves nothing.
        let left = U256::saturating_sub;
        let mut volume = left(self.app.volume, consumed.app)
            .min(left(self.workerpool.volume, consumed.workerpool))
            .min(left(self.request.volume, consumed.request));
        if self.has_dataset() {
            volume = volume.min(left(self.dataset.volume, consumed.dataset));
        }
        MatchRefusal::VolumeUsedUp.unless(!volume.is_zero())?;
        Ok(volume)
    }
}

/// Consumed units of four orders, as the hub's `viewConsumed` answers for their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consumed {
    /// Of the application order.
    pub app: U256,
    /// Of the dataset order.
    pub dataset: U256,
    /// Of the workerpool order.
    pub workerpool: U256,
    /// Of the request order.
    pub request: U256,
}

#[cfg(test)]
mod tests;
