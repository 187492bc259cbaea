//! Buying executions at the best price.

use std::collections::BTreeMap;
use std::path::PathBuf;

use alloy_primitives::{Address, B256, Bytes, U256};
use metacloud_chain::Orders;
use metacloud_protocol::params::DealParams;
use metacloud_protocol::{
    AppOrder, CategoryId, DatasetOrder, Nrlc, Order, RequestOrder, Signed, WorkerpoolOrder, signing,
};
use metacloud_wire::Checksummed;
use metacloud_wire::market::BestQuery;
use metacloud_wire::orders::OrderBody;

use crate::app::{App, read_file};
use crate::cloud::Cloud;
use crate::deal::Deal;
use crate::error::{Error, sending};
use crate::salt;

/// Bytes of one input file that is uploaded from memory; longer ones go from disk.
const INPUT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Tasks of one purchase.
pub(crate) const VOLUME_MAX: u64 = 10_000;

/// An input file of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A local file, which is uploaded.
    File(PathBuf),
    /// Bytes, which are uploaded.
    Content(Bytes),
    /// A place from which workers fetch: `/ipfs/<cid>` or an `http(s)` URL.
    Place(String),
}

/// What to buy: a bag of tasks of one application, told apart by their index alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// The application.
    pub app: App,
    /// Its command line, as one text; see `protocol::params::split_args`.
    pub args: String,
    /// Its input files, in order.
    pub inputs: Vec<Input>,
    /// How sure the result must be: 1 takes one worker's word, n accepts errors in 1 of n cases.
    pub trust: u64,
    /// How long one task may run.
    pub category: CategoryId,
    /// Tasks.
    pub volume: u64,
    /// The most to pay per task, application and computation together.
    pub max_price: Option<Nrlc>,
    /// Capabilities wanted.
    pub tag: B256,
    /// Secrets of the buyer that the application receives in an enclave: their names by the index under which it finds
    /// them, from 1.
    pub secrets: BTreeMap<u64, String>,
    /// Encrypt the results for the buyer, in an enclave.
    pub encrypt_result: bool,
    /// Only this pool.
    pub workerpool: Option<Address>,
    /// A contract that receives the results.
    pub callback: Option<Address>,
}

impl Purchase {
    /// One task of `app` in the smallest category with trust 1, at any price.
    pub fn new(app: App) -> Self {
        Self {
            app,
            args: String::new(),
            inputs: Vec::new(),
            trust: 1,
            category: CategoryId(0),
            volume: 1,
            max_price: None,
            tag: B256::ZERO,
            secrets: BTreeMap::new(),
            encrypt_result: false,
            workerpool: None,
            callback: None,
        }
    }
}

/// The best offer for a purchase.
#[derive(Debug, Clone)]
pub struct Quote {
    app: Signed<AppOrder>,
    workerpool: Signed<WorkerpoolOrder>,
}

impl Quote {
    /// What one task costs.
    ///
    /// # Errors
    /// The sum exceeds every amount.
    pub fn price(&self) -> Result<Nrlc, Error> {
        Nrlc(self.app.order.appprice)
            .checked_add(Nrlc(self.workerpool.order.workerpoolprice))
            .ok_or(Error::Overflow { what: "the price of a task" })
    }

    /// The pool that would compute.
    pub fn workerpool(&self) -> Address {
        self.workerpool.order.workerpool
    }
}

impl Cloud {
    /// Buys: uploads what is local, registers the application if need be, finds the best offer, signs, deposits
    /// what is missing and makes the deal, the two last in one transaction.
    ///
    /// # Errors
    /// See [`Error`]; nothing was paid unless the last transaction went through.
    pub async fn buy(&self, purchase: &Purchase) -> Result<Deal, Error> {
        if !(1..=VOLUME_MAX).contains(&purchase.volume) {
            return Err(Error::Volume { volume: purchase.volume, max: VOLUME_MAX });
        }
        let (app, inputs) = self.prepare(purchase).await?;
        let params = params_of(purchase, inputs)?;
        let quote = self.quote(purchase, app).await?;
        self.accept(purchase, app, params, quote).await
    }

    /// Uploads what is local: the application's address, and where workers find the inputs.
    pub(crate) async fn prepare(&self, purchase: &Purchase) -> Result<(Address, Vec<String>), Error> {
        let inputs = futures::future::try_join_all(purchase.inputs.iter().map(|input| self.place(input)));
        futures::try_join!(self.app(&purchase.app), inputs)
    }

    /// The best offer for a purchase of a registered application.
    ///
    /// # Errors
    /// [`Error::NoOffer`], [`Error::TooDear`], or the market cannot be used.
    pub async fn quote(&self, purchase: &Purchase, app: Address) -> Result<Quote, Error> {
        let owner = self.hub().owner_of(app).await?;
        let quote = match owner == self.account() {
            true => Quote {
                app: self.own_app_order(app, purchase),
                workerpool: self.best_pool(purchase, app).await?,
            },
            false => self.best(purchase, app).await?,
        };
        check_offer(&quote, purchase, app)?;
        self.check_signatures(&quote, owner).await?;
        let price = quote.price()?;
        match purchase.max_price {
            Some(limit) if price > limit => Err(Error::TooDear { price, limit }),
            _ => Ok(quote),
        }
    }

    /// The owner needs nobody's offer to run its own application.
    pub(crate) fn own_app_order(&self, app: Address, purchase: &Purchase) -> Signed<AppOrder> {
        let order = AppOrder {
            app,
            volume: U256::from(purchase.volume),
            tag: purchase.tag,
            requesterrestrict: self.account(),
            salt: salt::fresh(),
            ..AppOrder::default()
        };
        self.wallet().sign_order(order, self.hub())
    }

    async fn best_pool(&self, purchase: &Purchase, app: Address) -> Result<Signed<WorkerpoolOrder>, Error> {
        let mut pairs = vec![
            ("category", purchase.category.to_string()),
            ("minTrust", purchase.trust.to_string()),
            ("minVolume", purchase.volume.to_string()),
            ("minTag", purchase.tag.to_string()),
            ("app", app.to_string()),
            ("requester", self.account().to_string()),
            ("pageSize", "10".to_owned()),
        ];
        pairs.extend(purchase.workerpool.map(|pool| ("workerpool", pool.to_string())));
        let page = self.market().workerpool_orders(&pairs).await?;
        let best = page.orders.first().ok_or_else(|| no_offer(purchase))?;
        Ok(best.order.to_signed())
    }

    async fn best(&self, purchase: &Purchase, app: Address) -> Result<Quote, Error> {
        let query = BestQuery {
            chain_id: self.hub().chain().id(),
            app: Checksummed(app),
            dataset: None,
            workerpool: purchase.workerpool.map(Checksummed),
            requester: Checksummed(self.account()),
            category: purchase.category.0,
            trust: purchase.trust,
            tag: Some(purchase.tag).filter(|tag| !tag.is_zero()),
            volume: purchase.volume,
        };
        let best = self.market().best(&query).await?.filter(|best| best.volume() >= purchase.volume);
        let best = best.ok_or_else(|| no_offer(purchase))?;
        Ok(Quote { app: best.apporder.order.to_signed(), workerpool: best.workerpoolorder.order.to_signed() })
    }

    /// The market is not believed: what it hands out must be signed by the owners. The hub checks this
    /// again; here it costs nothing and names the market.
    async fn check_signatures(&self, quote: &Quote, app_owner: Address) -> Result<(), Error> {
        let pool_owner = self.hub().owner_of(quote.workerpool()).await?;
        let domain = self.hub().domain();
        let app = (quote.app.order.hash(&domain), &quote.app.sign, app_owner, "app order");
        let pool =
            (quote.workerpool.order.hash(&domain), &quote.workerpool.sign, pool_owner, "workerpool order");
        for (hash, sign, owner, what) in [app, pool] {
            if signing::recover(hash.0, sign) == Some(owner) {
                continue;
            }
            // Signed on chain, or by a contract account: only the hub can tell.
            let verified = self.hub().verify_presignature_or_signature(owner, hash, sign.clone()).await;
            if !matches!(verified, Ok(true)) {
                return Err(Error::BadOffer { reason: format!("the {what} is not signed by {owner}") });
            }
        }
        Ok(())
    }

    async fn accept(
        &self,
        purchase: &Purchase,
        app: Address,
        params: String,
        quote: Quote,
    ) -> Result<Deal, Error> {
        let volume = U256::from(purchase.volume);
        let total =
            quote.price()?.checked_mul(volume).ok_or(Error::Overflow { what: "the price of all tasks" })?;
        let request = RequestOrder {
            app,
            appmaxprice: quote.app.order.appprice,
            workerpool: quote.workerpool(),
            workerpoolmaxprice: quote.workerpool.order.workerpoolprice,
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
        let orders = Orders {
            app: quote.app,
            dataset: Signed { order: DatasetOrder::none(), sign: Bytes::new() },
            workerpool: quote.workerpool,
            request: self.wallet().sign_order(request, self.hub()),
        };
        let missing = self.missing_stake(total).await?;
        let matched = match missing.is_zero() {
            true => self.hub().match_orders(self.wallet(), &orders).await,
            false => self.hub().deposit_and_match(self.wallet(), self.token(), missing, &orders).await,
        };
        Deal::made(self.clone(), matched.map_err(sending("make the deal"))?).await
    }

    /// Where workers find an input.
    async fn place(&self, input: &Input) -> Result<String, Error> {
        let cid = match input {
            Input::Place(place) => return Ok(place.clone()),
            Input::Content(bytes) => self.blobs().add_bytes(bytes.0.clone()).await?,
            Input::File(path) => {
                // Short files go from memory: one reading instead of two.
                let length = tokio::fs::metadata(path).await.map_or(0, |metadata| metadata.len());
                match length <= INPUT_BYTES_MAX {
                    true => self.blobs().add_bytes(read_file(path, INPUT_BYTES_MAX).await?.0).await?,
                    false => self.blobs().add_file(path).await?,
                }
            }
        };
        Ok(format!("/ipfs/{cid}"))
    }
}

pub(crate) fn params_of(purchase: &Purchase, input_files: Vec<String>) -> Result<String, Error> {
    let params = DealParams {
        args: Some(purchase.args.clone()).filter(|args| !args.is_empty()),
        input_files,
        storage_provider: Some("ipfs".to_owned()),
        secrets: purchase.secrets.clone(),
        result_encryption: purchase.encrypt_result,
        ..DealParams::default()
    };
    Ok(params.to_json()?)
}

fn no_offer(purchase: &Purchase) -> Error {
    Error::NoOffer { category: purchase.category, trust: purchase.trust, volume: purchase.volume }
}

/// Whether the offer is for what was asked; the hub would refuse it, at the price of a transaction.
fn check_offer(quote: &Quote, purchase: &Purchase, app: Address) -> Result<(), Error> {
    let pool = &quote.workerpool.order;
    let bad = |reason: &str| Err(Error::BadOffer { reason: reason.to_owned() });
    if quote.app.order.app != app {
        return bad("another application");
    }
    if pool.category != U256::from(purchase.category.0) {
        return bad("another category");
    }
    if pool.trust < U256::from(purchase.trust) {
        return bad("less trust");
    }
    if purchase.workerpool.is_some_and(|wanted| wanted != pool.workerpool) {
        return bad("another pool");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quote(app: Address, category: u64, trust: u64) -> Quote {
        let app = AppOrder { app, appprice: U256::from(3), ..AppOrder::default() };
        let workerpool = WorkerpoolOrder {
            workerpoolprice: U256::from(4),
            category: U256::from(category),
            trust: U256::from(trust),
            ..WorkerpoolOrder::default()
        };
        Quote {
            app: Signed { order: app, sign: Bytes::new() },
            workerpool: Signed { order: workerpool, sign: Bytes::new() },
        }
    }

    #[test]
    fn an_offer_for_something_else_is_refused() {
        let app = Address::repeat_byte(1);
        let purchase = Purchase { trust: 4, ..Purchase::new(App::Registered(app)) };
        assert!(check_offer(&quote(app, 0, 4), &purchase, app).is_ok());
        assert!(check_offer(&quote(Address::ZERO, 0, 4), &purchase, app).is_err());
        assert!(check_offer(&quote(app, 1, 4), &purchase, app).is_err());
        assert!(check_offer(&quote(app, 0, 3), &purchase, app).is_err());
        let picky = Purchase { workerpool: Some(app), ..purchase };
        assert!(check_offer(&quote(app, 0, 4), &picky, app).is_err());
    }

    #[test]
    fn the_price_is_that_of_app_and_pool() {
        assert_eq!(quote(Address::ZERO, 0, 0).price().unwrap(), Nrlc::new(7));
        let mut dear = quote(Address::ZERO, 0, 0);
        dear.app.order.appprice = U256::MAX;
        assert!(matches!(dear.price(), Err(Error::Overflow { .. })));
    }

    #[test]
    fn params_are_those_of_the_standard() {
        let mut purchase = Purchase::new(App::Registered(Address::ZERO));
        assert_eq!(params_of(&purchase, vec![]).unwrap(), r#"{"iexec_result_storage_provider":"ipfs"}"#);
        purchase.args = "--tiles 4,4".to_owned();
        let text = params_of(&purchase, vec!["/ipfs/QmX".to_owned()]).unwrap();
        let read = DealParams::read(&text).params;
        assert_eq!(read.args.as_deref(), Some("--tiles 4,4"));
        assert_eq!(read.input_files, ["/ipfs/QmX"]);
    }
}
