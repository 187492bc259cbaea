//! One network, seen by one wallet.

use std::sync::Arc;

use alloy_primitives::{Address, B256};
use metacloud_blobs::BlobClient;
use metacloud_chain::{Chain, HubClient, Options, Registries, Wallet};
use metacloud_protocol::{Account, Nrlc};

use crate::error::{Error, Shortage, sending};
use crate::market::Market;
use crate::network::Network;
use crate::pool::PoolApi;

/// A connection to a cloud. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Cloud {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    hub: HubClient,
    wallet: Wallet,
    token: Address,
    registries: Registries,
    blobs: BlobClient,
    market: Market,
    pool: Option<PoolApi>,
}

impl Cloud {
    /// Connects with the private key of an account. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The chain, the key, the hub or the content store cannot be used. The market is asked only when needed.
    pub async fn connect(network: impl Into<Network>, key: B256) -> Result<Self, Error> {
        let network = network.into();
        let options = Options {
            chain_id: Some(network.chain_id),
            confirmations: network.confirmations,
            ..Options::default()
        };
        let chain = Chain::connect_with(&network.rpc_url, options).await?;
        let wallet = Wallet::new(chain.clone(), key)?;
        let hub = HubClient::new(chain, network.hub);
        let (token, registries) = futures::try_join!(hub.token(), hub.registries())?;
        let blobs = BlobClient::new(&network.ipfs_node_url, &network.ipfs_gateway_url)?;
        let market = Market::new(&network.market_url, network.chain_id);
        let pool = network.pool_url.as_deref().map(PoolApi::new);
        let inner = Inner { hub, wallet, token, registries, blobs, market, pool };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The hub.
    pub fn hub(&self) -> &HubClient {
        &self.inner.hub
    }

    /// The wallet that signs and pays.
    pub fn wallet(&self) -> &Wallet {
        &self.inner.wallet
    }

    /// The wallet's account.
    pub fn account(&self) -> Address {
        self.wallet().address()
    }

    /// The RLC token.
    pub fn token(&self) -> Address {
        self.inner.token
    }

    /// The registries of assets.
    pub fn registries(&self) -> Registries {
        self.inner.registries
    }

    /// The content store.
    pub fn blobs(&self) -> &BlobClient {
        &self.inner.blobs
    }

    pub(crate) fn market(&self) -> &Market {
        &self.inner.market
    }

    pub(crate) fn pool(&self) -> Option<&PoolApi> {
        self.inner.pool.as_ref()
    }

    /// Free and locked stake of the wallet, and the RLC that it holds outside the hub.
    ///
    /// # Errors
    /// The chain does not answer.
    pub async fn balance(&self) -> Result<(Account, Nrlc), Error> {
        let hub = self.hub();
        Ok(futures::try_join!(
            hub.view_account(self.account()),
            hub.token_balance(self.token(), self.account())
        )?)
    }

    /// Makes sure that the wallet has `wanted` free stake, by a deposit of what is missing. Answers the deposit.
    ///
    /// # Errors
    /// [`Error::NotEnoughRlc`], or the chain does not answer.
    pub async fn ensure_stake(&self, wanted: Nrlc) -> Result<Nrlc, Error> {
        let missing = self.missing_stake(wanted).await?;
        if !missing.is_zero() {
            let deposit = self.hub().deposit(self.wallet(), self.token(), missing).await;
            deposit.map_err(sending("deposit"))?;
        }
        Ok(missing)
    }

    /// What has to be deposited to have `wanted` free stake.
    pub(crate) async fn missing_stake(&self, wanted: Nrlc) -> Result<Nrlc, Error> {
        let (escrow, tokens) = self.balance().await?;
        let missing = wanted.checked_sub(escrow.stake).unwrap_or(Nrlc::ZERO);
        if missing > tokens {
            let (account, stake) = (self.account(), escrow.stake);
            let shortage = Shortage { account, needs: wanted, stake, tokens };
            return Err(Error::NotEnoughRlc(Box::new(shortage)));
        }
        Ok(missing)
    }
}
