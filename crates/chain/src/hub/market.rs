//! Money and orders: deposits, deals, signing and closing orders on chain.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use metacloud_abi::{Hub, Rlc};
use metacloud_protocol::{
    AppOrder, DatasetOrder, DealId, Nrlc, OrderOperation, RequestOrder, Signed, WorkerpoolOrder,
};

use super::{HubClient, HubEvent};
use crate::block::Receipt;
use crate::error::{CallError, SendError};
use crate::wallet::Wallet;

/// The four orders of a match.
#[derive(Debug, Clone)]
pub struct Orders {
    /// The application's.
    pub app: Signed<AppOrder>,
    /// The dataset's; [`DatasetOrder::none`] with an empty signature for none.
    pub dataset: Signed<DatasetOrder>,
    /// The pool's.
    pub workerpool: Signed<WorkerpoolOrder>,
    /// The requester's.
    pub request: Signed<RequestOrder>,
}

/// A deal that was made.
#[derive(Debug, Clone)]
pub struct Matched {
    /// The deal.
    pub deal: DealId,
    /// Its tasks.
    pub volume: U256,
    /// The transaction.
    pub receipt: Receipt,
}

/// An order that its owner can sign or close on chain.
pub trait ManagedOrder {
    /// The call of the hub that does it, with the owner as caller.
    fn manage_call(&self, operation: OrderOperation) -> Bytes;
}

impl Orders {
    /// Call data of `matchOrders`.
    fn match_call(&self) -> Hub::matchOrdersCall {
        Hub::matchOrdersCall {
            appOrder: self.app.clone().into(),
            datasetOrder: self.dataset.clone().into(),
            workerpoolOrder: self.workerpool.clone().into(),
            requestOrder: self.request.clone().into(),
        }
    }
}

impl HubClient {
    /// Tasks that a match of these orders would make, without any other check.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn compute_deal_volume(&self, orders: &Orders) -> Result<U256, CallError> {
        let Hub::matchOrdersCall { appOrder, datasetOrder, workerpoolOrder, requestOrder } =
            orders.match_call();
        self.view(Hub::computeDealVolumeCall { appOrder, datasetOrder, workerpoolOrder, requestOrder }).await
    }

    /// Makes a deal of four orders, paid from the requester's stake.
    ///
    /// # Errors
    /// `iExecV5-matchOrders-0xNN` and the like as [`SendError::Reverted`].
    pub async fn match_orders(&self, wallet: &Wallet, orders: &Orders) -> Result<Matched, SendError> {
        let receipt = self.send(wallet, &orders.match_call()).await?;
        self.matched(receipt)
    }

    /// Makes a deal of four orders, paid from the wallet's stake.
    ///
    /// # Errors
    /// As [`HubClient::match_orders`].
    pub async fn sponsor_match_orders(&self, wallet: &Wallet, orders: &Orders) -> Result<Matched, SendError> {
        let Hub::matchOrdersCall { appOrder, datasetOrder, workerpoolOrder, requestOrder } =
            orders.match_call();
        let call = Hub::sponsorMatchOrdersCall { appOrder, datasetOrder, workerpoolOrder, requestOrder };
        let receipt = self.send(wallet, &call).await?;
        self.matched(receipt)
    }

    /// Deposits RLC and makes a deal in one transaction; the wallet must be the requester.
    ///
    /// # Errors
    /// As [`HubClient::match_orders`]; empty revert if the wallet holds too little RLC.
    pub async fn deposit_and_match(
        &self,
        wallet: &Wallet,
        token: Address,
        amount: Nrlc,
        orders: &Orders,
    ) -> Result<Matched, SendError> {
        let data = orders.match_call().abi_encode().into();
        let receipt = self.approve_and_call(wallet, token, amount, data).await?;
        self.matched(receipt)
    }

    /// Deposits RLC as stake of the wallet, in one transaction.
    ///
    /// # Errors
    /// Empty revert if the wallet holds too little RLC.
    pub async fn deposit(&self, wallet: &Wallet, token: Address, amount: Nrlc) -> Result<Receipt, SendError> {
        self.approve_and_call(wallet, token, amount, Bytes::new()).await
    }

    async fn approve_and_call(
        &self,
        wallet: &Wallet,
        token: Address,
        amount: Nrlc,
        data: Bytes,
    ) -> Result<Receipt, SendError> {
        let call = Rlc::approveAndCallCall { spender: self.address, value: amount.0, extraData: data };
        wallet.send(token, call.abi_encode().into()).await
    }

    /// Takes free stake out as RLC.
    ///
    /// # Errors
    /// Empty revert if there is not as much free stake.
    pub async fn withdraw(&self, wallet: &Wallet, amount: Nrlc) -> Result<Receipt, SendError> {
        self.send(wallet, &Hub::withdrawCall { amount: amount.0 }).await
    }

    /// Signs or closes an order on chain; the wallet must own what the order is about.
    ///
    /// # Errors
    /// `invalid-sender-or-signature` as [`SendError::Reverted`].
    pub async fn manage_order(
        &self,
        wallet: &Wallet,
        order: &impl ManagedOrder,
        operation: OrderOperation,
    ) -> Result<Receipt, SendError> {
        wallet.send(self.address, order.manage_call(operation)).await
    }

    fn matched(&self, receipt: Receipt) -> Result<Matched, SendError> {
        let found = self.events(&receipt).find_map(|event| match event {
            HubEvent::OrdersMatched { deal, volume, .. } => Some((deal, volume)),
            _ => None,
        });
        let unexpected = SendError::Unexpected { tx: receipt.tx_hash, what: "the event OrdersMatched" };
        let (deal, volume) = found.ok_or(unexpected)?;
        Ok(Matched { deal, volume, receipt })
    }
}

/// Wraps an order for its `manage…Order` call. The signature members stay empty: the caller is the owner.
macro_rules! managed {
    ($order:ty, $operation:ident, $call:ident) => {
        impl ManagedOrder for $order {
            fn manage_call(&self, operation: OrderOperation) -> Bytes {
                let order = Signed { order: self.clone(), sign: Bytes::new() }.into();
                let operation = Hub::$operation { order, operation: operation as u8, sign: Bytes::new() };
                Hub::$call { operation }.abi_encode().into()
            }
        }
    };
}

managed!(AppOrder, AppOrderOperation, manageAppOrderCall);
managed!(DatasetOrder, DatasetOrderOperation, manageDatasetOrderCall);
managed!(WorkerpoolOrder, WorkerpoolOrderOperation, manageWorkerpoolOrderCall);
managed!(RequestOrder, RequestOrderOperation, manageRequestOrderCall);

impl Wallet {
    /// Signs an order's hash under a hub's domain.
    pub fn sign_order<O: metacloud_protocol::Order>(&self, order: O, hub: &HubClient) -> Signed<O> {
        let hash: B256 = order.hash(&hub.domain()).0;
        Signed { sign: self.sign_hash(hash), order }
    }
}
