//! The routes: GraphQL (http-surface 13) and compass (section 6).

mod described;

use alloy_primitives::Address;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use metacloud_routes::{Description, Refuse, Routes};
use metacloud_wire::Checksummed;
use metacloud_wire::compass::{ANNOUNCEMENT_BYTES_MAX, Announcement, IappView};
use metacloud_wire::market::ErrorBody;
use tower_http::cors::{Any, CorsLayer};

use crate::compass::{self, Refused};
use crate::explorer::{Explorer, Unready};
use crate::graphql::{self, DATA_PROTECTOR, POCO, Request, Schema};

/// Largest GraphQL request in bytes.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;

/// Path of the index of deals and tasks.
pub const POCO_PATH: &str = "/subgraph/poco";
/// Path of the index of datasets with a schema.
pub const DATA_PROTECTOR_PATH: &str = "/subgraph/dataprotector";

/// All routes of an explorer. They answer browsers of any origin.
pub fn router(explorer: &Explorer) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::OPTIONS])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT]);
    table().into_router().layer(cors).with_state(explorer.clone())
}

/// What these routes take and answer.
pub fn description() -> Description {
    table().into_description()
}

fn table() -> Routes<Explorer> {
    let refuse: Refuse = |status, words| refusal(status, words).into_response();
    let subgraphs = Routes::part(described::SUBGRAPH)
        .post(POCO_PATH, poco, described::poco())
        .post(DATA_PROTECTOR_PATH, data_protector, described::data_protector())
        .layered(|router| router.layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX)));
    let workerpools = "/{chainId}/workerpools/{address}";
    Routes::new(described::COMPASS, refuse)
        .get(workerpools, workerpool, described::workerpool())
        .post(workerpools, announce, described::announce())
        .get("/{chainId}/iapps/{name}", iapp, described::iapp())
        .layered(|router| router.layer(DefaultBodyLimit::max(ANNOUNCEMENT_BYTES_MAX)))
        .merge(subgraphs)
}

/// A body, or why there is none: too long, or broken off.
type Body = Result<Bytes, BytesRejection>;

async fn poco(State(explorer): State<Explorer>, body: Body) -> Response {
    subgraph(&explorer, &POCO, body).await
}

async fn data_protector(State(explorer): State<Explorer>, body: Body) -> Response {
    subgraph(&explorer, &DATA_PROTECTOR, body).await
}

async fn subgraph(explorer: &Explorer, schema: &'static Schema, body: Body) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(refused) => {
            return (refused.status(), Json(graphql::errors(&refused.body_text()))).into_response();
        }
    };
    let request: Request = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => {
            let message = format!("the body is no GraphQL request: {error}");
            return (StatusCode::BAD_REQUEST, Json(graphql::errors(&message))).into_response();
        }
    };
    match graphql::answer(explorer, schema, &request).await {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => {
            tracing::error!(%error, "a query failed");
            let message = "something went wrong, you should retry later";
            (StatusCode::INTERNAL_SERVER_ERROR, Json(graphql::errors(message))).into_response()
        }
    }
}

/// A chain and an address out of the path; the refusal if they are not ours.
fn place(explorer: &Explorer, chain: &str, address: &str) -> Result<Address, Refusal> {
    if chain.parse() != Ok(explorer.chain_id()) {
        return Err(refusal(StatusCode::NOT_FOUND, format!("chain {chain} is not served here")));
    }
    let address: Result<Checksummed, _> = address.parse();
    address.map(|address| address.0).map_err(|rule| refusal(StatusCode::BAD_REQUEST, rule))
}

async fn workerpool(
    State(explorer): State<Explorer>,
    Path((chain, address)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let address = place(&explorer, &chain, &address)?;
    match compass::workerpool(&explorer, address).await {
        Ok(Some(view)) => Ok(Json(view).into_response()),
        Ok(None) => Err(refusal(StatusCode::NOT_FOUND, "the workerpool has announced no API")),
        Err(error) => Err(unready(&error)),
    }
}

async fn announce(
    State(explorer): State<Explorer>,
    Path((chain, address)): Path<(String, String)>,
    body: Body,
) -> Result<StatusCode, Refusal> {
    let body = body.map_err(|refused| refusal(refused.status(), refused.body_text()))?;
    let address = place(&explorer, &chain, &address)?;
    let announcement: Announcement = serde_json::from_slice(&body)
        .map_err(|error| refusal(StatusCode::BAD_REQUEST, format!("malformed announcement: {error}")))?;
    compass::announce(&explorer, address, &announcement).await.map_err(|refused| {
        let status = match &refused {
            Refused::Form(_) => StatusCode::BAD_REQUEST,
            Refused::Signer => StatusCode::FORBIDDEN,
            Refused::Unknown => StatusCode::NOT_FOUND,
            Refused::Older => StatusCode::CONFLICT,
            Refused::Full => StatusCode::INSUFFICIENT_STORAGE,
            Refused::Unready(error) => return unready(error),
        };
        refusal(status, refused.to_string())
    })?;
    Ok(StatusCode::NO_CONTENT)
}

async fn iapp(
    State(explorer): State<Explorer>,
    Path((chain, name)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    place(&explorer, &chain, &Checksummed::ZERO.to_string())?;
    match explorer.0.iapps.get(&name) {
        Some(address) => Ok(Json(IappView { name, address: Checksummed(*address) }).into_response()),
        None => Err(refusal(StatusCode::NOT_FOUND, "no application is known by this name")),
    }
}

/// A refusal with its status, in words for strangers.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(ErrorBody::new(self.1))).into_response()
    }
}

fn refusal(status: StatusCode, text: impl Into<String>) -> Refusal {
    Refusal(status, text.into())
}

fn unready(error: &Unready) -> Refusal {
    tracing::error!(%error, "a request failed");
    refusal(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong, you should retry later.")
}
