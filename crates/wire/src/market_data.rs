//! Bodies of the market's routes about prices and volumes (http-surface 4.1, and ours).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
