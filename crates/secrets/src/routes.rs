//! The routes of http-surface 5, the signed form, and the release to enclaves.

mod described;
mod enclave;
mod limit;
mod old;
mod signed;

use alloy_primitives::{Address, Bytes};
use axum::body::Body;
use axum::extract::Query;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::IntoResponse as _;
use axum::{Json, Router};
use futures::StreamExt as _;
use metacloud_routes::{Description, Routes};
use metacloud_wire::secrets::{ErrorText, ROUTE, VALUE_BYTES_MAX};
use metacloud_wire::{Checksummed, SIGNATURE_BYTES_MAX};
use tower_http::cors::{Any, CorsLayer};
use zeroize::Zeroizing;

use crate::refusal::Refusal;
use crate::secrets::Secrets;

/// Bytes of a body that is too long that are still read.
const DRAINED_BYTES_MAX: usize = 1 << 20;
/// Longest body of the signed form: a value of which each byte is escaped, a contract's signature, and the rest.
const SIGNED_BODY_BYTES_MAX: usize = 6 * VALUE_BYTES_MAX + 2 * SIGNATURE_BYTES_MAX + 4_096;
/// Longest request of an enclave: a whole slice of dataset orders, of which few are of contracts.
const ENCLAVE_BODY_BYTES_MAX: usize = 512 * 1024;

/// All routes of a secrets service. They answer browsers of any origin.
pub fn router(secrets: &Secrets) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
        ])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT]);
    let limit = axum::middleware::from_fn_with_state(secrets.clone(), limit::limit);
    table().into_router().layer(limit).layer(cors).with_state(secrets.clone())
}

/// What these routes take and answer.
pub fn description() -> Description {
    table().into_description()
}

fn table() -> Routes<Secrets> {
    let (app, requester) = ("/apps/{app}/secrets", "/requesters/{requester}/secrets/{name}");
    Routes::new(described::TAG, |status, words| (status, Json(ErrorText { error: words })).into_response())
        .head("/secrets/web3", old::dataset_present, described::dataset_present())
        .post("/secrets/web3", old::dataset_create, described::dataset_create())
        .head("/secrets/web2", old::account_present, described::account_present())
        .post("/secrets/web2", old::account_create, described::account_create())
        .put("/secrets/web2", old::account_replace, described::account_replace())
        .head(app, old::app_present, described::app_present())
        .post(app, old::app_create, described::app_create())
        .head(requester, old::requester_present, described::requester_present())
        .post(requester, old::requester_create, described::requester_create())
        .get(ROUTE, signed::show, described::show())
        .post(ROUTE, signed::set, described::set())
        .delete(ROUTE, signed::delete, described::delete())
        .post("/enclave/secrets", enclave::secrets, described::enclave())
}

/// The first `max` bytes of a body, exactly as they came; more is refused, after it is read and dropped up to
/// [`DRAINED_BYTES_MAX`], since many clients do not see an answer that comes before they have sent everything.
async fn bytes(body: Body, max: usize) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let mut stream = body.into_data_stream();
    let mut kept = Zeroizing::new(Vec::with_capacity(max));
    let mut seen_bytes = 0;
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|_| Refusal::form("the body cannot be read"))?;
        seen_bytes += piece.len();
        if seen_bytes > DRAINED_BYTES_MAX {
            return Err(Refusal::TooLong);
        }
        // Never beyond its capacity: a vector that grows leaves a copy behind.
        if seen_bytes <= max {
            kept.extend_from_slice(&piece);
        }
    }
    if seen_bytes > max { Err(Refusal::TooLong) } else { Ok(kept) }
}

async fn json<T: serde::de::DeserializeOwned>(body: Body, max: usize) -> Result<T, Refusal> {
    // The position alone: the text around it may be a value.
    serde_json::from_slice(&bytes(body, max).await?).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Refusal::form(format!("the body is not the JSON of this route: line {line} column {column}"))
    })
}

/// The signature of an `Authorization` header, which holds nothing else.
fn authorization(headers: &HeaderMap) -> Result<Bytes, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().and_then(|value| value.to_str().ok()).ok_or(Refusal::Authorization)?;
    if values.next().is_some() || value.len() > 2 + 2 * SIGNATURE_BYTES_MAX {
        return Err(Refusal::Authorization);
    }
    let digits = value.strip_prefix("0x").ok_or(Refusal::Authorization)?;
    hex::decode(digits).map(Bytes::from).map_err(|_| Refusal::Authorization)
}

fn address(text: &str) -> Result<Address, Refusal> {
    let address = text.parse::<Checksummed>();
    address.map(|address| address.0).map_err(|rule| Refusal::form(format!("not an address: {rule}")))
}

/// Query parameters, each given once.
struct Params(Vec<(String, String)>);

impl Params {
    fn of(uri: &Uri) -> Result<Self, Refusal> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
        pairs.map(|Query(pairs)| Self(pairs)).map_err(|_| Refusal::form("the query cannot be read"))
    }

    fn get(&self, name: &str) -> Result<&str, Refusal> {
        let mut found = self.0.iter().filter(|(key, _)| key == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Ok(value),
            (None, _) => Err(Refusal::form(format!("{name} is missing"))),
            (Some(_), Some(_)) => Err(Refusal::form(format!("{name} is given twice"))),
        }
    }
}
