//! A deal in the buyer's hands.

use alloy_primitives::U256;
use metacloud_chain::{Cursor, Matched, Receipt};
use metacloud_protocol::category::final_deadline_s;
use metacloud_protocol::deal::task_ids;
use metacloud_protocol::{self as protocol, DealId, Nrlc, Task, TaskId, TaskStatus};

use crate::buy::VOLUME_MAX;
use crate::cloud::Cloud;
use crate::error::{Error, sending};
use crate::watch::Watch;

/// Tasks claimed in one transaction.
const CLAIMS_MAX: usize = 50;

/// A deal and its tasks.
#[derive(Debug, Clone)]
pub struct Deal {
    cloud: Cloud,
    id: DealId,
    record: protocol::Deal,
    tasks: Vec<(U256, TaskId)>,
    /// From where its events are read.
    since: Cursor,
    /// What the buyer's own transactions cost.
    gas_wei: U256,
    gas_used: u64,
}

/// What a deal costs, so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Locked when the deal was made.
    pub locked: Nrlc,
    /// Paid for completed tasks.
    pub paid: Nrlc,
    /// Given back for failed tasks.
    pub refunded: Nrlc,
    /// Still locked for tasks that are neither.
    pub pending: Nrlc,
    /// Fees of the transactions that this handle sent, wei.
    pub gas_wei: U256,
    /// Gas that they used.
    pub gas_used: u64,
}

impl Deal {
    pub(crate) async fn made(cloud: Cloud, matched: Matched) -> Result<Self, Error> {
        let receipt = &matched.receipt;
        let since = Cursor::After { number: receipt.block_number, hash: receipt.block_hash };
        let mut deal = Self::load(cloud, matched.deal, since).await?;
        deal.spend(receipt);
        Ok(deal)
    }

    /// A deal that was made before.
    ///
    /// # Errors
    /// [`Error::NoDeal`], [`Error::TooManyTasks`], or the chain does not answer.
    pub async fn open(cloud: Cloud, id: DealId) -> Result<Self, Error> {
        Self::load(cloud, id, Cursor::Head).await
    }

    async fn load(cloud: Cloud, id: DealId, since: Cursor) -> Result<Self, Error> {
        let record = cloud.hub().view_deal(id).await?.ok_or(Error::NoDeal(id))?;
        if record.bot_size > U256::from(VOLUME_MAX) {
            return Err(Error::TooManyTasks { deal: id, size: record.bot_size });
        }
        let tasks = task_ids(id, &record).collect();
        Ok(Self { cloud, id, record, tasks, since, gas_wei: U256::ZERO, gas_used: 0 })
    }

    fn spend(&mut self, receipt: &Receipt) {
        let price = U256::from(receipt.gas_price_wei);
        self.gas_wei = self.gas_wei.saturating_add(price.saturating_mul(U256::from(receipt.gas_used)));
        self.gas_used = self.gas_used.saturating_add(receipt.gas_used);
    }

    /// Its identifier.
    pub fn id(&self) -> DealId {
        self.id
    }

    /// What the hub recorded.
    pub fn record(&self) -> &protocol::Deal {
        &self.record
    }

    /// Its tasks in order, with their absolute indexes.
    pub fn tasks(&self) -> &[(U256, TaskId)] {
        &self.tasks
    }

    /// The cloud that it belongs to.
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// From this second on what is not completed can be claimed.
    ///
    /// # Errors
    /// The chain does not answer.
    pub async fn final_deadline_s(&self) -> Result<u64, Error> {
        let category = self.cloud.hub().view_category(self.record.category).await?;
        let time_ref_s = category.map_or(u64::MAX, |category| category.work_clock_time_ref_s);
        Ok(final_deadline_s(self.record.start_time_s, time_ref_s))
    }

    /// The tasks as the hub has them now, in order.
    ///
    /// # Errors
    /// The chain does not answer.
    pub async fn states(&self) -> Result<Vec<Task>, Error> {
        let ids: Vec<TaskId> = self.tasks.iter().map(|(_, task)| *task).collect();
        Ok(self.cloud.hub().view_tasks(&ids).await?)
    }

    /// Follows the tasks from the match (or, for an opened deal, from now) on.
    ///
    /// # Errors
    /// The chain does not answer.
    pub async fn watch(&self) -> Result<Watch, Error> {
        Watch::start(self, self.since).await
    }

    /// What it costs, as far as it is settled.
    ///
    /// # Errors
    /// The chain does not answer.
    pub async fn cost(&self) -> Result<Cost, Error> {
        let states = self.states().await?;
        let count = |status| states.iter().filter(|task| task.status == status).count() as u64;
        self.cost_of(count(TaskStatus::Completed), count(TaskStatus::Failed))
    }

    fn cost_of(&self, completed: u64, failed: u64) -> Result<Cost, Error> {
        let overflow = Error::Overflow { what: "the price of the deal" };
        let (price, size) = (self.record.task_price(), self.tasks.len() as u64);
        let part = |count: u64| price.and_then(|price| price.checked_mul(U256::from(count)));
        let open = size.saturating_sub(completed).saturating_sub(failed);
        let (Some(locked), Some(paid), Some(refunded), Some(pending)) =
            (part(size), part(completed), part(failed), part(open))
        else {
            return Err(overflow);
        };
        Ok(Cost { locked, paid, refunded, pending, gas_wei: self.gas_wei, gas_used: self.gas_used })
    }

    /// Gets back the money of all tasks that are not settled after the final deadline. Answers their number.
    ///
    /// # Errors
    /// [`Error::TooEarly`], or a transaction fails.
    pub async fn claim(&mut self) -> Result<usize, Error> {
        let (head, deadline_s) = futures::try_join!(
            async { Ok(self.cloud.hub().chain().head().await?) },
            self.final_deadline_s()
        )?;
        // The block of the claim comes after the head, on a chain with a clock.
        if head.timestamp_s.saturating_add(1) < deadline_s {
            let (deal, now_s) = (self.id, head.timestamp_s);
            return Err(Error::TooEarly { deal, from_s: deadline_s, now_s });
        }
        let states = self.states().await?;
        let (mut unset, mut active) = (Vec::new(), Vec::new());
        for ((index, id), task) in self.tasks.iter().zip(&states) {
            match task.status {
                TaskStatus::Unset => unset.push((self.id, *index)),
                TaskStatus::Active | TaskStatus::Revealing => active.push(*id),
                TaskStatus::Completed | TaskStatus::Failed => {}
            }
        }
        let (hub, wallet) = (self.cloud.hub().clone(), self.cloud.wallet().clone());
        for tasks in unset.chunks(CLAIMS_MAX) {
            let receipt = hub.initialize_and_claim_array(&wallet, tasks).await.map_err(sending("claim"))?;
            self.spend(&receipt);
        }
        for tasks in active.chunks(CLAIMS_MAX) {
            let receipt = hub.claim_array(&wallet, tasks).await.map_err(sending("claim"))?;
            self.spend(&receipt);
        }
        Ok(unset.len() + active.len())
    }
}
