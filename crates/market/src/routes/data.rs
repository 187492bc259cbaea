//! What tasks of a category cost, cost before, and what is on offer: `GET /ohlc`, and ours below `/market`.

use axum::Json;
use axum::extract::State;
use metacloud_book::{Filter, Level, Wanted};
use metacloud_protocol::OrderKind;
use metacloud_wire::market_data::{
    CANDLES_MAX, Candle, CandlesAnswer, DAY_S, DepthAnswer, LEVELS_DEFAULT, LEVELS_MAX, OhlcAnswer,
    PriceLevel, TickerAnswer, TradePage,
};
use metacloud_wire::{SAFE_UINT_MAX, SafeUint};

use alloy_primitives::Address;

use super::query::Params;
use crate::clock::now_ms;
use crate::market::Market;
use crate::refusal::Refusal;

/// Shortest interval, seconds.
pub(super) const INTERVAL_S_MIN: u64 = 60;
/// Longest interval: a year.
pub(super) const INTERVAL_S_MAX: u64 = 366 * DAY_S;

/// `GET /ohlc`: one day each.
pub(super) async fn ohlc(State(market): State<Market>, params: Params) -> Result<Json<OhlcAnswer>, Refusal> {
    let category = category(&params)?;
    let candles = candles_of(&market, category, Span::of(&params, DAY_S)?).await?;
    let ohlc = candles.into_iter().map(|candle| {
        let Candle { start_s, open, high, low, close, volume, .. } = candle;
        (start_s.saturating_mul(1_000), open, high, low, close, volume)
    });
    Ok(Json(OhlcAnswer { ok: true, ohlc: ohlc.collect() }))
}

/// `GET /market/candles`.
pub(super) async fn candles(
    State(market): State<Market>,
    params: Params,
) -> Result<Json<CandlesAnswer>, Refusal> {
    let category = category(&params)?;
    let interval_s = params.integer("interval", INTERVAL_S_MIN, INTERVAL_S_MAX)?.unwrap_or(DAY_S);
    let candles = candles_of(&market, category, Span::of(&params, interval_s)?).await?;
    Ok(Json(CandlesAnswer { ok: true, interval_s, candles }))
}

/// `GET /market/trades`: newest first.
pub(super) async fn trades(State(market): State<Market>, params: Params) -> Result<Json<TradePage>, Refusal> {
    let (category, page) = (category(&params)?, params.page()?);
    market.catch_up().await?;
    let (count, trades) = market.0.records.trades(category, page.skip, page.take).await?;
    Ok(Json(TradePage { ok: true, count, next_page: page.next(trades.len()), trades }))
}

/// `GET /market/depth`: what is open to anyone, price by price.
pub(super) async fn depth(
    State(market): State<Market>,
    params: Params,
) -> Result<Json<DepthAnswer>, Refusal> {
    let category = category(&params)?;
    let levels = params.integer("levels", 1, LEVELS_MAX)?.unwrap_or(LEVELS_DEFAULT);
    let take = usize::try_from(levels).unwrap_or(usize::MAX);
    market.catch_up().await?;
    let (bids, asks) = sides(&market, category, take);
    Ok(Json(DepthAnswer { ok: true, bids, asks }))
}

/// `GET /market/ticker`: now, and over the last day.
pub(super) async fn ticker(
    State(market): State<Market>,
    params: Params,
) -> Result<Json<TickerAnswer>, Refusal> {
    let category = category(&params)?;
    market.catch_up().await?;
    let (bids, asks) = sides(&market, category, 1);
    let records = &market.0.records;
    let to_s = end_s(&market, category).await?;
    let day = records.traded(category, to_s, to_s.saturating_sub(DAY_S), to_s).await?;
    let day = day.last().map(|(_, traded)| traded.candle(to_s.saturating_sub(DAY_S)));
    let (_, last) = records.trades(category, 0, 1).await?;
    Ok(Json(TickerAnswer {
        ok: true,
        bid: bids.into_iter().next(),
        ask: asks.into_iter().next(),
        last: last.into_iter().next(),
        day,
    }))
}

/// A time, in intervals.
#[derive(Clone, Copy)]
struct Span {
    interval_s: u64,
    from_s: Option<u64>,
    to_s: Option<u64>,
}

impl Span {
    fn of(params: &Params, interval_s: u64) -> Result<Self, Refusal> {
        let (from_s, to_s) =
            (params.integer("from", 0, SAFE_UINT_MAX)?, params.integer("to", 0, SAFE_UINT_MAX)?);
        if let (Some(from_s), Some(to_s)) = (from_s, to_s)
            && from_s > to_s
        {
            return Err(Refusal::form("from must be less than or equal to to"));
        }
        Ok(Self { interval_s, from_s, to_s })
    }
}

/// The newest [`CANDLES_MAX`] intervals of a span at most.
async fn candles_of(market: &Market, category: u64, span: Span) -> Result<Vec<Candle>, Refusal> {
    market.catch_up().await?;
    let to_s = match span.to_s {
        Some(to_s) => to_s,
        None => end_s(market, category).await?,
    };
    let oldest_s = (to_s / span.interval_s).saturating_sub(CANDLES_MAX - 1) * span.interval_s;
    let from_s = span.from_s.unwrap_or(0).max(oldest_s);
    let traded = market.0.records.traded(category, span.interval_s, from_s, to_s).await?;
    Ok(traded.into_iter().map(|(start_s, traded)| traded.candle(start_s)).collect())
}

/// The second after now, or after the newest trade if the chain's clock is ahead.
async fn end_s(market: &Market, category: u64) -> Result<u64, Refusal> {
    let newest_s = market.0.records.last_traded_s(category).await?.unwrap_or(0);
    Ok((now_ms() / 1_000).max(newest_s).saturating_add(1))
}

/// Requests and offers of a category that are open to anyone.
fn sides(market: &Market, category: u64, take: usize) -> (Vec<PriceLevel>, Vec<PriceLevel>) {
    let anyone = Wanted::Exactly(Address::ZERO);
    let bids = Filter { workerpool: anyone, category: Some(category), ..Filter::default() };
    let asks = Filter {
        app: anyone,
        dataset: anyone,
        requester: anyone,
        category: Some(category),
        ..Filter::default()
    };
    let book = market.book();
    let of = |kind, filter| book.shelf(kind).levels(filter, take).into_iter().map(level).collect();
    (of(OrderKind::Request, &bids), of(OrderKind::Workerpool, &asks))
}

fn level(level: Level) -> PriceLevel {
    let number = |number: u64| SafeUint::new(number.min(SAFE_UINT_MAX)).unwrap_or_default();
    PriceLevel { price: number(level.price_nrlc), volume: number(level.volume), orders: level.orders }
}

fn category(params: &Params) -> Result<u64, Refusal> {
    params.integer("category", 0, SAFE_UINT_MAX)?.ok_or_else(|| Refusal::required("category"))
}
