//! The four orders of the market (poco 6).
//!
//! Prices are per task; volume is the number of tasks that an order may serve over its life. A restriction is an
//! account, a group contract, or zero for "anyone". Field names are those of the signed types.

mod eip712;
mod operation;

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::{Deserialize, Serialize};

pub use eip712::{Domain, Order, type_hash};
pub use operation::OrderOperation;

/// Which of the four orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderKind {
    /// An application on sale.
    App,
    /// A dataset on sale.
    Dataset,
    /// Computing power on sale.
    Workerpool,
    /// A request for executions.
    Request,
}

/// An application on sale, by its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AppOrder {
    /// The application.
    pub app: Address,
    /// Price per task, nRLC.
    pub appprice: U256,
    /// Tasks that the order may serve.
    pub volume: U256,
    /// Capabilities that the application needs.
    pub tag: B256,
    /// Restriction to datasets; evaluated against zero when a deal has none.
    pub datasetrestrict: Address,
    /// Restriction to workerpools.
    pub workerpoolrestrict: Address,
    /// Restriction to requesters.
    pub requesterrestrict: Address,
    /// Makes equal orders distinct.
    pub salt: B256,
}

/// A dataset on sale, by its owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DatasetOrder {
    /// The dataset; zero in the order that stands for "no dataset".
    pub dataset: Address,
    /// Price per task, nRLC.
    pub datasetprice: U256,
    /// Tasks that the order may serve.
    pub volume: U256,
    /// Capabilities that the dataset needs; its framework bits do not count.
    pub tag: B256,
    /// Restriction to applications.
    pub apprestrict: Address,
    /// Restriction to workerpools.
    pub workerpoolrestrict: Address,
    /// Restriction to requesters.
    pub requesterrestrict: Address,
    /// Makes equal orders distinct.
    pub salt: B256,
}

/// Computing power on sale, by the owner of a workerpool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkerpoolOrder {
    /// The workerpool.
    pub workerpool: Address,
    /// Price per task, nRLC.
    pub workerpoolprice: U256,
    /// Tasks that the order may serve.
    pub volume: U256,
    /// Capabilities on offer.
    pub tag: B256,
    /// Category on offer.
    pub category: U256,
    /// Highest trust on offer.
    pub trust: U256,
    /// Restriction to applications.
    pub apprestrict: Address,
    /// Restriction to datasets; evaluated against zero when a deal has none.
    pub datasetrestrict: Address,
    /// Restriction to requesters.
    pub requesterrestrict: Address,
    /// Makes equal orders distinct.
    pub salt: B256,
}

/// A request for executions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestOrder {
    /// The application, exactly.
    pub app: Address,
    /// Highest price per task for the application, nRLC.
    pub appmaxprice: U256,
    /// The dataset, exactly; zero for none.
    pub dataset: Address,
    /// Highest price per task for the dataset, nRLC.
    pub datasetmaxprice: U256,
    /// Restriction to workerpools.
    pub workerpool: Address,
    /// Highest price per task for the computation, nRLC.
    pub workerpoolmaxprice: U256,
    /// Who asks, signs, and pays unless a sponsor does.
    pub requester: Address,
    /// Tasks wanted.
    pub volume: U256,
    /// Capabilities wanted.
    pub tag: B256,
    /// Category wanted, exactly.
    pub category: U256,
    /// Trust wanted; 0 means 1.
    pub trust: U256,
    /// For whom the results are meant.
    pub beneficiary: Address,
    /// Contract that receives the results; zero for none.
    pub callback: Address,
    /// Parameters, JSON; see [`crate::params`].
    pub params: String,
    /// Makes equal orders distinct.
    pub salt: B256,
}

impl DatasetOrder {
    /// The empty order that a match without dataset passes in place of a dataset order.
    pub fn none() -> Self {
        Self::default()
    }
}

/// An order with its owner's signature. The signature is not part of the order's hash; it may be empty when the order
/// is pre-signed on chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signed<O> {
    /// What is signed.
    pub order: O,
    /// 65 or 64 bytes of a key, or whatever a contract account accepts.
    pub sign: Bytes,
}

impl<O: Order> Signed<O> {
    /// Signs the order's hash under `domain`.
    pub fn by(key: &crate::signing::SigningKey, order: O, domain: &Domain) -> Self {
        let sign = crate::signing::sign(key, order.hash(domain).0).into();
        Self { order, sign }
    }

    /// The order with an empty signature: pre-signed on chain, or the dataset order of a deal without dataset.
    pub fn unsigned(order: O) -> Self {
        Self { order, sign: Bytes::new() }
    }
}

/// The four arguments of a match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SignedOrders {
    /// The application.
    pub app: Signed<AppOrder>,
    /// The dataset, or [`DatasetOrder::none`] unsigned.
    pub dataset: Signed<DatasetOrder>,
    /// The computing power.
    pub workerpool: Signed<WorkerpoolOrder>,
    /// The request.
    pub request: Signed<RequestOrder>,
}

impl SignedOrders {
    /// The orders without their signatures, for [`crate::rules`].
    pub fn orders(&self) -> crate::rules::Orders<'_> {
        crate::rules::Orders {
            app: &self.app.order,
            dataset: &self.dataset.order,
            workerpool: &self.workerpool.order,
            request: &self.request.order,
        }
    }
}
