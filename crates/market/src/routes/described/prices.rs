//! Routes of prices.

use metacloud_routes::{Operation, Shape};
use metacloud_wire::market_data::{
    CandlesAnswer, DAY_S, DepthAnswer, LEVELS_DEFAULT, LEVELS_MAX, OhlcAnswer, TickerAnswer, TradePage,
};

use super::super::data::{INTERVAL_S_MAX, INTERVAL_S_MIN};
use super::{natural, of_chain, paged};

fn of_category(id: &'static str, summary: &str) -> Operation {
    of_chain(id, summary).query_needed("category", natural(), "The category.")
}

fn within(operation: Operation) -> Operation {
    operation.query("from", natural(), "Deals from this second since the epoch on.").query(
        "to",
        natural(),
        "Deals before this second since the epoch; absent for until now.",
    )
}

pub(in super::super) fn ohlc() -> Operation {
    within(of_category("getOhlc", "What tasks of a category cost, day by day."))
        .answers::<OhlcAnswer>(200, "The days with deals, oldest first; the newest 1,000 at most.")
}

pub(in super::super) fn candles() -> Operation {
    within(of_category("getCandles", "What tasks of a category cost, interval by interval, with averages."))
        .query("interval", Shape::integer_or(DAY_S, INTERVAL_S_MIN, INTERVAL_S_MAX), "Its length in seconds.")
        .answers::<CandlesAnswer>(200, "The intervals with deals, oldest first; the newest 1,000 at most.")
}

pub(in super::super) fn trades() -> Operation {
    paged(of_category("getTrades", "Deals of a category as trades, the newest first."))
        .answers::<TradePage>(200, "One page of them.")
}

pub(in super::super) fn depth() -> Operation {
    of_category("getDepth", "Open orders of a category that are for anyone, price by price.")
        .query("levels", Shape::integer_or(LEVELS_DEFAULT, 1, LEVELS_MAX), "Prices of each side at most.")
        .answers::<DepthAnswer>(200, "Both sides, the best prices first.")
}

pub(in super::super) fn ticker() -> Operation {
    of_category("getTicker", "A category at a glance: best bid and ask, newest trade, last 24 hours.")
        .answers::<TickerAnswer>(200, "What there is of it.")
}
