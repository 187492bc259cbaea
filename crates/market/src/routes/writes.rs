//! Publishing and taking back, by whoever a challenge proves to be the signer (http-surface 4.2, 4.4, 4.5).

use alloy_primitives::Address;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use metacloud_protocol::{Order as _, OrderHash, OrderKind, signing};
use metacloud_store::StoreError;
use metacloud_wire::login::Authorization;
use metacloud_wire::market::{
    OrderStatus, PublishAnswer, PublishRequest, UnpublishAnswer, UnpublishRequest, UnpublishTarget,
};
use metacloud_wire::orders::RequestOrderBody;

use super::query::Params;
use crate::checks;
use crate::clock::now_ms;
use crate::keeper::{self, Command, Publication, Target};
use crate::kind::{Kind, record_of};
use crate::market::Market;
use crate::refusal::Refusal;

type Body = Result<Bytes, BytesRejection>;

/// `POST /{orders}`.
pub(super) async fn publish<K: Kind>(
    State(market): State<Market>,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PublishAnswer<K>>, Refusal> {
    drop(params);
    let login = login(&market, &headers).await?;
    let PublishRequest::<K> { order: body, keeper } = read(body)?;
    if keeper && K::KIND != OrderKind::Request {
        return Err(Refusal::form("keeper is for requestorders only"));
    }
    let signed = body.to_signed();
    if signed.order.volume().is_zero() {
        return Err(Refusal::form("volume must be greater than or equal to 1"));
    }
    let hub = &market.0.hub;
    if keeper && !market.0.has_matcher {
        return Err(Refusal::rule("this market matches no orders by itself, publish without keeper"));
    }
    let known = market.0.records.order(signed.order.hash(&hub.domain())).await?;
    if known.is_some_and(|known| known.status != OrderStatus::Dead) {
        return Err(Refusal::rule("order already published"));
    }
    let facts = market.0.facts.now().await?;
    let quota = |signer| keeper::quota(&market.book(), K::KIND, signer);
    let (mut row, listing) =
        checks::ownership(&facts, &market.0.registries, &body, login, quota, now_ms()).await?;
    let request = match K::KIND {
        OrderKind::Request => request_of(&row.body),
        OrderKind::App | OrderKind::Dataset | OrderKind::Workerpool => None,
    };
    checks::stake(&facts, &listing, request.as_ref()).await?;
    if let Some(request) = &request {
        market.catch_up().await?;
        checks::counterparts(&market.book(), request)?;
    }
    row.for_keeper = keeper;
    let listing = Box::new(listing);
    let publication = |reply| Command::Publish(Publication { row, listing, reply });
    let row = market.command(publication).await?;
    let hash = row.hash;
    let damaged = || StoreError::Damaged(format!("order {hash} cannot be read"));
    let published = record_of(&row, market.chain_id(), true).ok_or_else(damaged)?;
    Ok(Json(PublishAnswer { ok: true, published }))
}

fn request_of(body: &str) -> Option<metacloud_protocol::RequestOrder> {
    use metacloud_wire::orders::OrderBody as _;
    serde_json::from_str::<RequestOrderBody>(body).ok().map(|body| body.to_signed().order)
}

/// `PUT /{orders}`.
pub(super) async fn unpublish<K: Kind>(
    State(market): State<Market>,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<UnpublishAnswer>, Refusal> {
    drop(params);
    let signer = login(&market, &headers).await?;
    let request: UnpublishRequest = read(body)?;
    let resource = match K::KIND {
        OrderKind::App => request.app,
        OrderKind::Dataset => request.dataset,
        OrderKind::Workerpool => request.workerpool,
        OrderKind::Request => request.requester,
    };
    let resource = || resource.map(|address| address.0).ok_or_else(|| Refusal::required(K::RESOURCE));
    let target = match request.target {
        UnpublishTarget::OrderHash => {
            let hash = request.order_hash.ok_or_else(|| Refusal::required("orderHash"))?;
            Target::One(OrderHash(hash))
        }
        UnpublishTarget::Last => Target::Last(resource()?),
        UnpublishTarget::All => Target::All(resource()?),
    };
    let kind = K::KIND;
    let unpublished = market.command(|reply| Command::Unpublish { kind, signer, target, reply }).await?;
    let unpublished = unpublished.into_iter().map(|hash| hash.0).collect();
    Ok(Json(UnpublishAnswer { ok: true, unpublished }))
}

/// Who asks. Uses the challenge up, whatever else is wrong with the request.
async fn login(market: &Market, headers: &HeaderMap) -> Result<Address, Refusal> {
    let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let login = header.and_then(Authorization::parse).ok_or(Refusal::Authorization)?;
    let Authorization { digest, signature, address } = login;
    if !market.0.challenges.consume(digest, address, now_ms()) {
        return Err(Refusal::Authorization);
    }
    if signing::recover(digest, &signature) == Some(address) {
        return Ok(address);
    }
    // A contract account says itself what it accepts (ERC-1271).
    let hub = &market.0.hub;
    if hub.chain().code(address).await?.is_empty() {
        return Err(Refusal::Authorization);
    }
    match hub.verify_presignature_or_signature(address, OrderHash(digest), signature).await {
        Ok(true) => Ok(address),
        Ok(false) => Err(Refusal::Authorization),
        Err(metacloud_chain::CallError::Reverted(_)) => Err(Refusal::Authorization),
        Err(error) => Err(error.into()),
    }
}

fn read<T: serde::de::DeserializeOwned>(body: Body) -> Result<T, Refusal> {
    let body = body.map_err(|rejection| match rejection.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge,
        _ => Refusal::form("the body cannot be read"),
    })?;
    serde_json::from_slice(&body).map_err(|error| {
        let text = error.to_string();
        let missing = text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
        match missing {
            Some(field) => Refusal::required(field),
            None => Refusal::form(text),
        }
    })
}
