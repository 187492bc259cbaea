//! The routes of http-surface 4, and ours: `GET /best` and those below `/market`.

mod best;
mod data;
mod described;
mod limit;
mod lists;
mod query;
mod reads;
mod writes;

use axum::extract::DefaultBodyLimit;
use axum::http::{Method, header};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse as _;
use axum::{Json, Router};
use metacloud_routes::{Description, Routes};
use metacloud_wire::market::{BODY_BYTES_MAX, ErrorBody};
use metacloud_wire::orders::{
    AppOrderBody, DatasetOrderBody, OrderBody as _, RequestOrderBody, WorkerpoolOrderBody,
};
use tower_http::cors::{Any, CorsLayer};

use crate::kind::Kind;
use crate::market::Market;
use described::prices;

/// All routes of a market. They answer browsers of any origin.
pub fn router(market: &Market) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::OPTIONS])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT]);
    table()
        .into_router()
        .merge(market.0.live.routes().with_state(()))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(market.clone(), limit::limit))
        .layer(cors)
        .with_state(market.clone())
}

/// What these routes take and answer.
pub fn description() -> Description {
    table().into_description()
}

fn table() -> Routes<Market> {
    Routes::new(described::TAG, |status, words| (status, Json(ErrorBody::new(words))).into_response())
        .get("/challenge", reads::challenge, described::challenge())
        .get("/version", reads::version, described::version())
        .get("/categories", reads::categories, described::categories())
        .get("/categories/{catid}", reads::category, described::category())
        .get("/deals", lists::deals, described::deals())
        .get("/deals/{dealid}", reads::deal, described::deal())
        .get("/metrics", reads::metrics, described::metrics())
        .get("/best", best::best, described::best())
        .get("/ohlc", data::ohlc, prices::ohlc())
        .get("/market/candles", data::candles, prices::candles())
        .get("/market/trades", data::trades, prices::trades())
        .get("/market/depth", data::depth, prices::depth())
        .get("/market/ticker", data::ticker, prices::ticker())
        .merge(orders::<AppOrderBody>(AppOrderBody::ROUTE))
        .merge(orders::<DatasetOrderBody>(DatasetOrderBody::ROUTE))
        .merge(orders::<WorkerpoolOrderBody>(WorkerpoolOrderBody::ROUTE))
        .merge(orders::<RequestOrderBody>(RequestOrderBody::ROUTE))
}

fn orders<K: Kind>(route: &str) -> Routes<Market> {
    let list = format!("/{route}");
    Routes::part(described::TAG)
        .get(&list, lists::orders::<K>, described::list::<K>())
        .post(&list, writes::publish::<K>, described::publish::<K>())
        .put(&list, writes::unpublish::<K>, described::unpublish::<K>())
        .get(&format!("/{route}/{{orderHash}}"), reads::order::<K>, described::order::<K>())
}
