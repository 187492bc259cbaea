//! Bodies of the market's routes (http-surface 4.4 to 4.8), and of `GET /best`, which is ours.

use std::borrow::Cow;

use alloy_primitives::{B256, U256};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::login::LoginData;
use crate::orders::{AppOrderBody, DatasetOrderBody, OrderBody, Sent, WorkerpoolOrderBody};
use crate::{Checksummed, SafeUint, Timestamp};

/// Largest body of a request in bytes (http-surface 4.10).
pub const BODY_BYTES_MAX: usize = 1_000_000;
/// Open orders of one kind by one signer.
pub const OPEN_ORDERS_MAX: usize = 50;
/// Smallest, usual and largest page.
pub const PAGE_SIZE_MIN: u32 = 10;
/// Entries of a page when the request does not say.
pub const PAGE_SIZE_DEFAULT: u32 = 20;
/// Largest page.
pub const PAGE_SIZE_MAX: u32 = 1_000;
/// Least volume of a dataset order that counts as usable in bulk: 2^53 - 2.
pub const BULK_VOLUME_MIN: u64 = crate::SAFE_UINT_MAX - 1;

/// Every refusal of a JSON service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// Always false.
    #[schema(value_type = crate::schema::False)]
    pub ok: bool,
    /// For people; clients show it.
    pub error: String,
}

impl ErrorBody {
    /// A refusal with this sentence.
    pub fn new(error: impl Into<String>) -> Self {
        Self { ok: false, error: error.into() }
    }
}

/// Body of `POST /{orders}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishRequest<O> {
    /// The signed order.
    pub order: O,
    /// Of requestorders: the market's keeper is to match it at the best price, whenever there is one. Ours; clients that
    /// do not know it leave it out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keeper: bool,
}

impl<O: OrderBody> PartialSchema for PublishRequest<O> {
    fn schema() -> RefOr<Schema> {
        let about =
            "Of requestorders: the market's keeper is to match it at the best price, whenever there is one.";
        let keeper = ObjectBuilder::new().schema_type(Type::Boolean).description(Some(about));
        let object = ObjectBuilder::new()
            .property("order", Ref::from_schema_name(Sent::<O>::name()))
            .required("order")
            .property("keeper", keeper);
        Schema::from(object).into()
    }
}

impl<O: OrderBody> ToSchema for PublishRequest<O> {
    fn name() -> Cow<'static, str> {
        format!("PublishRequest_{}", O::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Sent::<O>::schemas(schemas);
        schemas.push((Sent::<O>::name().into_owned(), Sent::<O>::schema()));
    }
}

/// Answer of `GET /challenge`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChallengeAnswer {
    /// Always true.
    #[schema(value_type = crate::schema::True)]
    pub ok: bool,
    /// What the wallet signs (EIP-712).
    pub data: LoginData,
}

/// Answer of `POST /{orders}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublishAnswer<O> {
    /// Always true.
    #[schema(value_type = crate::schema::True)]
    pub ok: bool,
    /// The order as the market keeps it.
    pub published: OrderRecord<O>,
}

/// An order as the market keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderRecord<O> {
    /// Its EIP-712 hash.
    #[schema(value_type = crate::schema::Bytes32)]
    pub order_hash: B256,
    /// The signed order.
    pub order: O,
    /// Chain for which it is signed.
    pub chain_id: u64,
    /// Volume left.
    pub remaining: SafeUint,
    /// Where it is in its life.
    pub status: OrderStatus,
    /// When the market took it.
    pub publication_timestamp: Timestamp,
    /// Who signed it.
    pub signer: Checksummed,
    /// Datasetorders only: usable in bulk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bulk: Option<bool>,
    /// Requestorders published for the keeper only: true. Ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeper: Option<bool>,
}

/// Life of a published order (http-surface 4.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrderStatus {
    /// Can be matched; the only one that is listed.
    Open,
    /// Used up.
    Filled,
    /// Closed on chain.
    Canceled,
    /// Cannot be matched any more.
    Dead,
}

/// Answer of `GET /{orders}/{orderHash}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderAnswer<O> {
    /// Always true.
    #[schema(value_type = crate::schema::True)]
    pub ok: bool,
    /// The record, next to `ok`.
    #[serde(flatten)]
    pub record: OrderRecord<O>,
}

/// Body of `PUT /{orders}`. The address of the resource stands under the name of the kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnpublishRequest {
    /// What to take back.
    #[serde(default)]
    pub target: UnpublishTarget,
    /// With [`UnpublishTarget::OrderHash`].
    #[serde(default, rename = "orderHash", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::schema::Bytes32>)]
    pub order_hash: Option<B256>,
    /// Resource of apporders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<Checksummed>,
    /// Resource of datasetorders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<Checksummed>,
    /// Resource of workerpoolorders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workerpool: Option<Checksummed>,
    /// Requester of requestorders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<Checksummed>,
}

/// Which orders `PUT /{orders}` takes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum UnpublishTarget {
    /// One, by its hash.
    #[default]
    #[serde(rename = "unpublish_orderHash")]
    OrderHash,
    /// The newest open one of the caller for the resource.
    #[serde(rename = "unpublish_last")]
    Last,
    /// All open ones of the caller for the resource.
    #[serde(rename = "unpublish_all")]
    All,
}

/// Answer of `PUT /{orders}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnpublishAnswer {
    /// Always true.
    #[schema(value_type = crate::schema::True)]
    pub ok: bool,
    /// Hashes taken back, newest first.
    #[schema(value_type = Vec<crate::schema::Bytes32>)]
    pub unpublished: Vec<B256>,
}

/// Answer of `GET /{orders}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderPage<O> {
    /// Always true.
    #[schema(value_type = crate::schema::True)]
    pub ok: bool,
    /// Matches over all pages.
    pub count: u64,
    /// Only when this page is full: skipped entries plus the page size; clients test it for truth only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page: Option<u64>,
    /// This page.
    pub orders: Vec<OrderRecord<O>>,
}

/// Answer of `GET /deals`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DealPage {
    /// Always true.
    #[schema(value_type = crate::schema::True)]
    pub ok: bool,
    /// Matches over all pages.
    pub count: u64,
    /// As in [`OrderPage`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page: Option<u64>,
    /// This page.
    pub deals: Vec<DealRecord>,
}

/// Answer of `GET /deals/{dealid}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DealAnswer {
    /// Always true.
    #[schema(value_type = crate::schema::True)]
    pub ok: bool,
    /// The record, next to `ok`.
    #[serde(flatten)]
    pub record: DealRecord,
}

/// A deal: the record on chain, and the event that made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DealRecord {
    /// Deal id.
    #[schema(value_type = crate::schema::Bytes32)]
    pub dealid: B256,
    /// Its chain.
    pub chain_id: u64,
    /// The application and what it costs per task.
    pub app: ResourceView,
    /// The dataset; zeros without.
    pub dataset: ResourceView,
    /// The workerpool.
    pub workerpool: ResourceView,
    /// Who ordered.
    pub requester: Checksummed,
    /// Who may read the result.
    pub beneficiary: Checksummed,
    /// Contract that gets the result, or zero.
    pub callback: Checksummed,
    /// The request's params.
    pub params: String,
    /// Tasks.
    pub volume: SafeUint,
    /// Category.
    pub category: SafeUint,
    /// At least 1.
    pub trust: SafeUint,
    /// Capabilities asked.
    #[schema(value_type = crate::schema::Bytes32)]
    pub tag: B256,
    /// Unix time of the match.
    pub start_time: u64,
    /// First task index.
    pub bot_first: SafeUint,
    /// Number of tasks.
    pub bot_size: SafeUint,
    /// Percent of the workerpool's price for the scheduler.
    pub scheduler_reward_ratio: SafeUint,
    /// Stake of each worker, in nRLC per task.
    pub worker_stake: SafeUint,
    /// Hash of the apporder.
    #[schema(value_type = crate::schema::Bytes32)]
    pub app_hash: B256,
    /// Hash of the datasetorder; zero without.
    #[schema(value_type = crate::schema::Bytes32)]
    pub dataset_hash: B256,
    /// Hash of the workerpoolorder.
    #[schema(value_type = crate::schema::Bytes32)]
    pub workerpool_hash: B256,
    /// Hash of the requestorder.
    #[schema(value_type = crate::schema::Bytes32)]
    pub request_hash: B256,
    /// Block of the match.
    pub block_number: u64,
    /// Its time.
    pub block_timestamp: Timestamp,
    /// Transaction of the match.
    #[schema(value_type = crate::schema::Bytes32)]
    pub transaction_hash: B256,
}

/// One resource of a deal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceView {
    /// The contract.
    pub pointer: Checksummed,
    /// Its owner at the match.
    pub owner: Checksummed,
    /// nRLC per task.
    pub price: SafeUint,
}

/// Answer of `GET /categories`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CategoriesAnswer {
    /// Always true.
    #[schema(value_type = crate::schema::True)]
    pub ok: bool,
    /// How many there are.
    pub count: u64,
    /// All of them, by id.
    pub categories: Vec<CategoryView>,
}

/// One category.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CategoryView {
    /// Its id on chain.
    pub catid: u64,
    /// Short name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Longest run in seconds.
    pub work_clock_time_ref: u64,
}

/// Answer of `GET /categories/{catid}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CategoryAnswer {
    /// Always true.
    #[schema(value_type = crate::schema::True)]
    pub ok: bool,
    /// The category, next to `ok`.
    #[serde(flatten)]
    pub category: CategoryView,
}

/// Answer of `GET /version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VersionAnswer {
    /// Always true.
    #[schema(value_type = crate::schema::True)]
    pub ok: bool,
    /// Of the program that answers.
    pub version: String,
}

/// An address, or the word `any`, in the query of an order book (http-surface 4.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum AddressOrAny {
    /// No constraint.
    Any,
    /// This one (restrict fields: this one or none).
    Address(Checksummed),
}

impl TryFrom<String> for AddressOrAny {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "any" {
            return Ok(Self::Any);
        }
        text.parse().map(Self::Address).map_err(|_| "neither \"any\" nor a valid ethereum address")
    }
}

impl From<AddressOrAny> for String {
    fn from(value: AddressOrAny) -> Self {
        match value {
            AddressOrAny::Any => "any".to_owned(),
            AddressOrAny::Address(address) => address.to_string(),
        }
    }
}

/// Query of `GET /best`: the cheapest orders that one request can be matched with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BestQuery {
    /// Must be the market's chain.
    pub chain_id: u64,
    /// The application.
    pub app: Checksummed,
    /// The dataset; absent or zero without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<Checksummed>,
    /// Only this workerpool; absent or zero for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workerpool: Option<Checksummed>,
    /// Who orders: orders may be restricted to requesters.
    pub requester: Checksummed,
    /// The category.
    pub category: u64,
    /// Trust that the workerpool must offer at least.
    pub trust: u64,
    /// Capabilities asked; absent for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<B256>,
    /// Tasks wanted; the orders found serve at least one.
    pub volume: u64,
}

/// Answer of `GET /best`; 404 when some order is missing, the error names which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BestAnswer {
    /// Always true.
    #[schema(value_type = crate::schema::True)]
    pub ok: bool,
    /// The cheapest apporder.
    pub apporder: OrderRecord<AppOrderBody>,
    /// The cheapest datasetorder, if a dataset was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datasetorder: Option<OrderRecord<DatasetOrderBody>>,
    /// The cheapest workerpoolorder.
    pub workerpoolorder: OrderRecord<WorkerpoolOrderBody>,
}

impl BestAnswer {
    /// Price of one task in nRLC.
    pub fn price_per_task_nrlc(&self) -> U256 {
        let dataset = self.datasetorder.as_ref().map_or(0, |record| record.order.datasetprice.get());
        [self.apporder.order.appprice.get(), dataset, self.workerpoolorder.order.workerpoolprice.get()]
            .into_iter()
            .map(U256::from)
            .sum()
    }

    /// Tasks that the three orders can serve together.
    pub fn volume(&self) -> u64 {
        let dataset = self.datasetorder.as_ref().map_or(u64::MAX, |record| record.remaining.get());
        self.apporder.remaining.get().min(dataset).min(self.workerpoolorder.remaining.get())
    }
}
