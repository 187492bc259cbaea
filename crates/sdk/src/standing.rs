//! Requests left at a market, for its keeper to match at the best price while their owner is away.

use alloy_primitives::{Address, U256};
use metacloud_protocol::{DealId, Nrlc, Order as _, OrderHash, RequestOrder, Signed};
use metacloud_wire::orders::{AppOrderBody, OrderBody as _, RequestOrderBody};

use crate::buy::{Purchase, VOLUME_MAX, params_of};
use crate::cloud::Cloud;
use crate::deal::Deal;
use crate::error::Error;
use crate::salt;

/// A request that stands at a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The order.
    pub order: OrderHash,
    /// The application.
    pub app: Address,
    /// What one task may cost at most, application and computation together.
    pub price_max: Nrlc,
    /// Its tasks.
    pub volume: u64,
}

impl Cloud {
    /// Leaves a request at the market: uploads what is local, registers the application if need be, deposits what all
    /// tasks may cost, and publishes the order for the market's keeper, which makes deals whenever an offer fits. The
    /// price of each deal is that of the offer, [`Purchase::max_price`] is what it may be at most, and what is not spent
    /// stays in escrow.
    ///
    /// # Errors
    /// [`Error::NoLimit`] without a highest price; [`Error::TooDear`] if the application alone costs more; the market has
    /// no keeper or refuses; see [`Error`].
    pub async fn leave_request(&self, purchase: &Purchase) -> Result<Standing, Error> {
        if !(1..=VOLUME_MAX).contains(&purchase.volume) {
            return Err(Error::Volume { volume: purchase.volume, max: VOLUME_MAX });
        }
        let price_max = purchase.max_price.ok_or(Error::NoLimit)?;
        let volume = U256::from(purchase.volume);
        let total =
            price_max.checked_mul(volume).ok_or(Error::Overflow { what: "the price of all tasks" })?;
        let (app, inputs) = self.prepare(purchase).await?;
        let params = params_of(purchase, inputs)?;
        let app_price = self.app_on_sale(purchase, app).await?;
        let computation =
            price_max.checked_sub(app_price).ok_or(Error::TooDear { price: app_price, limit: price_max })?;
        self.ensure_stake(total).await?;
        let request = RequestOrder {
            app,
            appmaxprice: app_price.0,
            workerpool: purchase.workerpool.unwrap_or_default(),
            workerpoolmaxprice: computation.0,
            requester: self.account(),
            volume,
            tag: purchase.tag,
            category: U256::from(purchase.category.0),
            trust: U256::from(purchase.trust),
            beneficiary: self.account(),
            callback: purchase.callback.unwrap_or_default(),
            params,
            salt: salt::fresh(),
            ..RequestOrder::default()
        };
        let order = request.hash(&self.hub().domain());
        let signed: Signed<RequestOrder> = self.wallet().sign_order(request, self.hub());
        let body = RequestOrderBody::from_signed(&signed).map_err(crate::offer::unpublishable)?;
        self.market().publish(self.wallet(), &body, true).await?;
        Ok(Standing { order, app, price_max, volume: purchase.volume })
    }

    /// The deals that a request has led to so far, oldest first. All of its tasks are bought once their volumes add up to
    /// that of the request.
    ///
    /// # Errors
    /// The market or the chain cannot be asked.
    pub async fn deals_of(&self, request: OrderHash) -> Result<Vec<Deal>, Error> {
        let mut deals = Vec::new();
        for deal in self.market().deals_of_request(request).await? {
            deals.push(Deal::open(self.clone(), DealId(deal.dealid)).await?);
        }
        deals.reverse();
        Ok(deals)
    }

    /// What the application costs at the market. The owner's own application is put on sale for its owner first, since a
    /// keeper can only match orders that it sees.
    async fn app_on_sale(&self, purchase: &Purchase, app: Address) -> Result<Nrlc, Error> {
        if self.hub().owner_of(app).await? == self.account() {
            let order = self.own_app_order(app, purchase);
            let body = AppOrderBody::from_signed(&order).map_err(crate::offer::unpublishable)?;
            self.market().publish(self.wallet(), &body, false).await?;
            return Ok(Nrlc(order.order.appprice));
        }
        let page = self.market().app_orders(app, self.account(), purchase.tag).await?;
        let best = page.orders.first().ok_or(Error::NotOnSale { app })?;
        Ok(Nrlc(best.order.to_signed().order.appprice))
    }
}
