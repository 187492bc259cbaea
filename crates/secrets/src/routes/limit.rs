//! Refuses clients that ask too often, before anything is done for them: each request may cost calls to the chain.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use metacloud_ends::limit::forwarded;

use crate::clock::now_ms;
use crate::refusal::{Refusal, Style};
use crate::secrets::Secrets;

/// Where a trusted proxy writes whom it asks for.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The layer around all routes.
pub(super) async fn limit(State(secrets): State<Secrets>, request: Request, next: Next) -> Response {
    match admitted(&secrets, &request) {
        true => next.run(request).await,
        false => Refusal::TooOften.answer(Style::Text),
    }
}

fn admitted(secrets: &Secrets, request: &Request) -> bool {
    let limiter = &secrets.0.limiter;
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let address = match limiter.limits().trust_forwarded {
        true => {
            let last = request.headers().get_all(FORWARDED_FOR).iter().next_back();
            last.and_then(|last| last.to_str().ok()).and_then(forwarded).or(peer)
        }
        false => peer,
    };
    let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    limiter.admit(address, origin, now_ms())
}
