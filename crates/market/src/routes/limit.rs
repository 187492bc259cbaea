//! Refuses clients that ask too often, before anything is done for them.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use metacloud_ends::limit::forwarded;

use crate::clock::now_ms;
use crate::market::Market;
use crate::refusal::Refusal;

/// Where a trusted proxy writes whom it asks for.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The layer around all routes.
pub(super) async fn limit(State(market): State<Market>, request: Request, next: Next) -> Response {
    let limiter = &market.0.limiter;
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let address = match limiter.limits().trust_forwarded {
        true => last(request.headers(), FORWARDED_FOR).and_then(forwarded).or(peer),
        false => peer,
    };
    let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    match limiter.admit(address, origin, now_ms()) {
        true => next.run(request).await,
        false => Refusal::TooOften.into_response(),
    }
}

fn last<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get_all(name).iter().next_back()?.to_str().ok()
}
