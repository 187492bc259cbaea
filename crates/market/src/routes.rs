//! The routes of http-surface 4, and `GET /best`, which is ours.

mod best;
mod limit;
mod lists;
mod query;
mod reads;
mod writes;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, header};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use metacloud_wire::market::BODY_BYTES_MAX;
use metacloud_wire::orders::{
    AppOrderBody, DatasetOrderBody, OrderBody as _, RequestOrderBody, WorkerpoolOrderBody,
};
use tower_http::cors::{Any, CorsLayer};

use crate::kind::Kind;
use crate::market::Market;

/// All routes of a market. They answer browsers of any origin.
pub fn router(market: &Market) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::OPTIONS])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT]);
    Router::new()
        .route("/challenge", get(reads::challenge))
        .route("/version", get(reads::version))
        .route("/categories", get(reads::categories))
        .route("/categories/{catid}", get(reads::category))
        .route("/deals", get(lists::deals))
        .route("/deals/{dealid}", get(reads::deal))
        .route("/metrics", get(reads::metrics))
        .route("/best", get(best::best))
        .merge(orders::<AppOrderBody>(AppOrderBody::ROUTE))
        .merge(orders::<DatasetOrderBody>(DatasetOrderBody::ROUTE))
        .merge(orders::<WorkerpoolOrderBody>(WorkerpoolOrderBody::ROUTE))
        .merge(orders::<RequestOrderBody>(RequestOrderBody::ROUTE))
        .method_not_allowed_fallback(reads::no_such_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(market.clone(), limit::limit))
        .layer(cors)
        .with_state(market.clone())
}

fn orders<K: Kind>(route: &str) -> Router<Market> {
    Router::new()
        .route(
            &format!("/{route}"),
            get(lists::orders::<K>).post(writes::publish::<K>).put(writes::unpublish::<K>),
        )
        .route(&format!("/{route}/{{hash}}"), get(reads::order::<K>))
}
