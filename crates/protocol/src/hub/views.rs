//! What the hub answers about its state. Unknown identifiers read as empty records.

use alloy_primitives::{Address, Bytes, U256};

use super::signatures::accepts;
use super::{BoostDeal, Hub, HubCategory, Registries, World};
use crate::deal::{Contribution, Deal, Task, TaskStatus};
use crate::ids::{DealId, OrderHash, TaskId};
use crate::ledger::{Ledger, Token};
use crate::order::{DatasetOrder, Domain, Order, Signed};
use crate::revert::{Incompatibility, Revert, require_or};
use crate::tag::Tag;

impl Hub {
    /// Where order signatures are valid.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Who configures the hub.
    pub fn owner(&self) -> Address {
        self.owner
    }

    /// The registries in force.
    pub fn registries(&self) -> Registries {
        self.registries
    }

    /// Who signs authorizations for enclaves; zero for the scheduler.
    pub fn tee_broker(&self) -> Address {
        self.tee_broker
    }

    /// Gas that a result callback gets.
    pub fn callback_gas(&self) -> U256 {
        self.callback_gas
    }

    /// The escrow ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The base token.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// `viewDeal`.
    pub fn deal(&self, id: DealId) -> Deal {
        self.deals.get(&id).cloned().unwrap_or_default()
    }

    /// `viewDealBoost`.
    pub fn boost_deal(&self, id: DealId) -> BoostDeal {
        self.boost_deals.get(&id).cloned().unwrap_or_default()
    }

    /// `viewTask`.
    pub fn task(&self, id: TaskId) -> Task {
        self.tasks.get(&id).cloned().unwrap_or_default()
    }

    /// `viewContribution`.
    pub fn contribution(&self, id: TaskId, worker: Address) -> Contribution {
        self.contributions.get(&(id, worker)).copied().unwrap_or_default()
    }

    /// `viewScore`.
    pub fn score(&self, worker: Address) -> U256 {
        self.scores.get(&worker).copied().unwrap_or_default()
    }

    /// `viewConsumed`.
    pub fn consumed(&self, order: OrderHash) -> U256 {
        self.consumed.get(&order).copied().unwrap_or_default()
    }

    /// `viewPresigned`.
    pub fn presigned(&self, order: OrderHash) -> Address {
        self.presigned.get(&order).copied().unwrap_or_default()
    }

    /// `matchGuard`.
    pub fn match_guard(&self, requester: Address) -> bool {
        self.guarded.contains(&requester)
    }

    /// All categories, by index.
    pub fn categories(&self) -> &[HubCategory] {
        &self.categories
    }

    /// Every deal.
    pub fn deals(&self) -> impl Iterator<Item = (DealId, &Deal)> {
        self.deals.iter().map(|(&id, deal)| (id, deal))
    }

    /// Every Boost deal.
    pub fn boost_deals(&self) -> impl Iterator<Item = (DealId, &BoostDeal)> {
        self.boost_deals.iter().map(|(&id, deal)| (id, deal))
    }

    /// Every task that was initialized.
    pub fn tasks(&self) -> impl Iterator<Item = (TaskId, &Task)> {
        self.tasks.iter().map(|(&id, task)| (id, task))
    }

    /// `resultFor`.
    ///
    /// # Errors
    /// `task-pending` before completion.
    pub fn result_for(&self, id: TaskId) -> Result<Bytes, Revert> {
        let task = self.task(id);
        require_or(task.status == TaskStatus::Completed, Revert::text("task-pending"))?;
        Ok(task.results_callback)
    }

    /// `assertDatasetDealCompatibility` (poco 15).
    ///
    /// # Errors
    /// The first requirement that fails.
    pub fn assert_dataset_deal_compatibility(
        &self,
        world: &dyn World,
        signed: &Signed<DatasetOrder>,
        deal: DealId,
    ) -> Result<(), Revert> {
        use Incompatibility as No;
        let order = &signed.order;
        let hash = order.hash(&self.domain);
        require_or(self.consumed(hash) < order.volume, No::Consumed)?;
        let owner = world.owner_of(order.dataset)?;
        let valid = self.verify_presignature_or_signature(world, owner, hash, &signed.sign)?;
        require_or(valid, No::Signature)?;
        let deal = self.deal(deal);
        require_or(deal.exists(), No::NoDeal)?;
        require_or(!deal.has_dataset(), No::HasDataset)?;
        let accepts = |restriction, account| accepts(world, restriction, account);
        require_or(accepts(order.apprestrict, deal.app.pointer), No::App)?;
        let pool = deal.workerpool.pointer;
        require_or(accepts(order.workerpoolrestrict, pool), No::Workerpool)?;
        require_or(accepts(order.requesterrestrict, deal.requester), No::Requester)?;
        let needed = Tag(order.tag).effective_dataset();
        require_or(deal.tag.contains(needed), No::Tag)
    }

    pub(super) fn category_of(&self, deal: &Deal) -> &HubCategory {
        let index = usize::try_from(deal.category.0).expect("an index of a list in memory");
        self.categories
            .get(index)
            .expect("a deal's category existed at the match and categories are never removed")
    }
}
