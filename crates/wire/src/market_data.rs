//! Bodies of the market's routes about prices and volumes (http-surface 4.1, and ours).

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::SafeUint;

/// Intervals of one answer at most.
pub const CANDLES_MAX: u64 = 1_000;
/// Price levels of one answer when the request does not say, and at most.
pub const LEVELS_DEFAULT: u64 = 50;
/// Most price levels of one answer.
pub const LEVELS_MAX: u64 = 1_000;
/// Seconds of a day, the usual interval.
pub const DAY_S: u64 = 86_400;

/// Answer of `GET /metrics`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MetricsAnswer {
    /// Always true.
    #[schema(value_type = crate::schema::True)]
    pub ok: bool,
    /// The figures.
    pub metrics: Metrics,
}

/// How much there is and was to trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Metrics {
    /// Deals made on this hub.
    pub deals: DealTotals,
    /// Orders open now.
    pub open: OpenOrders,
}

/// All deals together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DealTotals {
    /// Deals.
    pub count: u64,
    /// Their tasks.
    pub tasks: u64,
}

/// Open orders of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[expect(missing_docs, reason = "the members are the kinds of orders, as in the routes")]
pub struct OpenOrders {
    pub apporders: u64,
    pub datasetorders: u64,
    pub workerpoolorders: u64,
    pub requestorders: u64,
}

/// Answer of `GET /ohlc`: the computation's price per task of the deals of a category, day by day (UTC), oldest first; days
/// without deals are left out. The newest [`CANDLES_MAX`] days at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OhlcAnswer {
    /// Always true.
    #[schema(value_type = crate::schema::True)]
    pub ok: bool,
    /// Milliseconds since the epoch at which the day began; first, highest, lowest and last price in nRLC; tasks.
    #[schema(value_type = Vec<Vec<SafeUint>>)]
    pub ohlc: Vec<(u64, SafeUint, SafeUint, SafeUint, SafeUint, SafeUint)>,
}

/// Answer of `GET /market/candles`, which is ours: as [`OhlcAnswer`] for any interval, with the average.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CandlesAnswer {
    /// Always true.
    #[schema(value_type = crate::schema::True)]
    pub ok: bool,
    /// Length of an interval in seconds. Intervals begin at multiples of it.
    #[serde(rename = "interval")]
    pub interval_s: u64,
    /// Intervals with deals, oldest first; the newest [`CANDLES_MAX`] at most.
    pub candles: Vec<Candle>,
}

/// The deals of one interval. Prices are those of the computation, in nRLC per task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Candle {
    /// Unix time at which it began.
    #[serde(rename = "start")]
    pub start_s: u64,
    /// First price.
    pub open: SafeUint,
    /// Highest price.
    pub high: SafeUint,
    /// Lowest price.
    pub low: SafeUint,
    /// Last price.
    pub close: SafeUint,
    /// Tasks.
    pub volume: SafeUint,
    /// Deals.
    pub deals: u64,
    /// Average price weighted by tasks, rounded down.
    pub average: SafeUint,
}

/// Answer of `GET /market/trades`, which is ours: the deals of a category as trades, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TradePage {
    /// Always true.
    #[schema(value_type = crate::schema::True)]
    pub ok: bool,
    /// Over all pages.
    pub count: u64,
    /// Present when the page is full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page: Option<u64>,
    /// This page.
    pub trades: Vec<Trade>,
}

/// A deal as a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trade {
    /// The deal.
    #[schema(value_type = crate::schema::Bytes32)]
    pub dealid: B256,
    /// Price of the computation, nRLC per task.
    pub price: SafeUint,
    /// Tasks.
    pub volume: SafeUint,
    /// Unix time of the match.
    #[serde(rename = "time")]
    pub time_s: u64,
    /// Block of the match.
    pub block_number: u64,
}

/// Answer of `GET /market/depth`, which is ours: open orders of a category that no restriction keeps from anyone, by
/// price of the computation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DepthAnswer {
    /// Always true.
    #[schema(value_type = crate::schema::True)]
    pub ok: bool,
    /// Requests, the highest price first.
    pub bids: Vec<PriceLevel>,
    /// Workerpool orders, the lowest price first.
    pub asks: Vec<PriceLevel>,
}

/// All orders of one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PriceLevel {
    /// nRLC per task.
    pub price: SafeUint,
    /// Tasks left.
    pub volume: SafeUint,
    /// Orders.
    pub orders: u64,
}

/// Answer of `GET /market/ticker`, which is ours: a category at a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TickerAnswer {
    /// Always true.
    #[schema(value_type = crate::schema::True)]
    pub ok: bool,
    /// Best bid that is open to anyone; absent without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bid: Option<PriceLevel>,
    /// Best ask that is open to anyone; absent without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<PriceLevel>,
    /// Newest trade; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Trade>,
    /// The last 24 hours; absent without trades.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<Candle>,
}
