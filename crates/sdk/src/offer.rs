//! The selling side: pools, and orders at the market.

use alloy_primitives::{Address, B256, U256};
use metacloud_chain::PoolPolicy;
use metacloud_protocol::{AppOrder, CategoryId, Nrlc, Order, OrderHash, Signed, Tag, WorkerpoolOrder};
use metacloud_wire::orders::{AppOrderBody, OrderBody, OrderFormError, WorkerpoolOrderBody};

use crate::cloud::Cloud;
use crate::error::{Error, sending};
use crate::salt;

/// Capacity on offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolOffer {
    /// The pool, which the wallet owns.
    pub workerpool: Address,
    /// For tasks of this category.
    pub category: CategoryId,
    /// Up to this trust.
    pub trust: u64,
    /// Price of one task.
    pub price: Nrlc,
    /// Tasks on offer; the wallet's stake must cover 30 % of the price of each.
    pub volume: u64,
    /// Capabilities.
    pub tag: B256,
}

/// An application on offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppOffer {
    /// The application, which the wallet owns.
    pub app: Address,
    /// Price of one execution.
    pub price: Nrlc,
    /// Executions on offer.
    pub volume: u64,
    /// Capabilities that it needs.
    pub tag: B256,
}

impl Cloud {
    /// A pool of the wallet's with this description, created if there is none, with this policy.
    ///
    /// # Errors
    /// A transaction fails, or the chain does not answer.
    pub async fn workerpool(&self, description: &str, policy: PoolPolicy) -> Result<Address, Error> {
        let (hub, wallet) = (self.hub(), self.wallet());
        let registry = self.registries().workerpool;
        let created = hub.create_workerpool(wallet, registry, self.account(), description).await;
        let workerpool = created.map_err(sending("register the pool"))?;
        if hub.view_workerpool(workerpool).await?.policy != policy {
            let changed = hub.change_policy(wallet, workerpool, policy).await;
            changed.map_err(sending("set the policy of the pool"))?;
        }
        Ok(workerpool)
    }

    /// Offers capacity of the wallet's pool at the market. The stake that the hub will lock is deposited if it is
    /// missing.
    ///
    /// # Errors
    /// The stake is missing and cannot be deposited, or the market refuses.
    pub async fn offer_pool(&self, offer: &PoolOffer) -> Result<OrderHash, Error> {
        let overflow = Error::Overflow { what: "the stake of the offer" };
        let stake = metacloud_protocol::deal::WORKERPOOL_STAKE_RATIO;
        let stake =
            offer.price.checked_percent(stake).and_then(|one| one.checked_mul(U256::from(offer.volume)));
        self.ensure_stake(stake.ok_or(overflow)?).await?;
        let order = WorkerpoolOrder {
            workerpool: offer.workerpool,
            workerpoolprice: offer.price.0,
            volume: U256::from(offer.volume),
            tag: offer.tag,
            category: U256::from(offer.category.0),
            trust: U256::from(offer.trust),
            salt: salt::fresh(),
            ..WorkerpoolOrder::default()
        };
        self.publish::<WorkerpoolOrderBody>(order).await
    }

    /// Whether the market has an open offer of this pool that anyone can take: this category, at least this trust,
    /// at least these capabilities.
    ///
    /// # Errors
    /// The market cannot be asked.
    pub async fn offers_pool(
        &self,
        workerpool: Address,
        category: CategoryId,
        trust: u64,
        tag: Tag,
    ) -> Result<bool, Error> {
        let pairs = [
            ("workerpool", workerpool.to_string()),
            ("category", category.to_string()),
            ("minTrust", trust.to_string()),
            ("minTag", tag.to_string()),
        ];
        Ok(!self.market().workerpool_orders(&pairs).await?.orders.is_empty())
    }

    /// Offers an application of the wallet's at the market.
    ///
    /// # Errors
    /// The market refuses.
    pub async fn offer_app(&self, offer: &AppOffer) -> Result<OrderHash, Error> {
        let order = AppOrder {
            app: offer.app,
            appprice: offer.price.0,
            volume: U256::from(offer.volume),
            tag: offer.tag,
            salt: salt::fresh(),
            ..AppOrder::default()
        };
        self.publish::<AppOrderBody>(order).await
    }

    /// Signs an order and publishes it at the market.
    ///
    /// # Errors
    /// The market refuses, or a number is too large for it.
    pub async fn publish<B: OrderBody>(&self, order: B::Order) -> Result<OrderHash, Error>
    where
        B::Order: Order,
    {
        let hash = order.hash(&self.hub().domain());
        let signed: Signed<B::Order> = self.wallet().sign_order(order, self.hub());
        let body = B::from_signed(&signed).map_err(unpublishable)?;
        self.market().publish(self.wallet(), &body, false).await?;
        Ok(hash)
    }
}

pub(crate) fn unpublishable(error: OrderFormError) -> Error {
    Error::MarketRefused { status: 400, reason: error.to_string() }
}
