//! `GET /best`: the cheapest orders with which one request can be matched.

use axum::Json;
use axum::extract::State;
use metacloud_book::{BestRequest, Caps};
use metacloud_protocol::{CategoryId, Nrlc, OrderHash, Tag};
use metacloud_store::StoreError;
use metacloud_wire::SAFE_UINT_MAX;
use metacloud_wire::market::{BestAnswer, OrderRecord};

use super::query::Params;
use crate::groups;
use crate::kind::{Kind, record_of};
use crate::market::Market;
use crate::refusal::Refusal;

/// Answers 404 when some order is missing; the error names which.
pub(super) async fn best(State(market): State<Market>, params: Params) -> Result<Json<BestAnswer>, Refusal> {
    let request = request(&params)?;
    market.catch_up().await?;
    let questions = market.book().questions(&request);
    let members = groups::members(market.0.hub.chain(), questions).await;
    let is_member = |group, account| members.contains(&(group, account));
    let (app, dataset, workerpool) = {
        let book = market.book();
        let found = book.best(&request, is_member);
        let found = found.map_err(|missing| Refusal::Unknown(missing.to_string()))?;
        (found.app.hash, found.dataset.map(|dataset| dataset.hash), found.workerpool.hash)
    };
    let datasetorder = match dataset {
        Some(dataset) => Some(record(&market, dataset).await?),
        None => None,
    };
    Ok(Json(BestAnswer {
        ok: true,
        apporder: record(&market, app).await?,
        datasetorder,
        workerpoolorder: record(&market, workerpool).await?,
    }))
}

fn request(params: &Params) -> Result<BestRequest, Refusal> {
    let number = |name, min| params.integer(name, min, SAFE_UINT_MAX);
    let needed = |name: &'static str| Refusal::required(name);
    // Tasks wanted: any offer with one left will do, so the number only has to be one.
    number("volume", 1)?;
    Ok(BestRequest {
        app: params.address("app")?.ok_or_else(|| needed("app"))?,
        dataset: params.address("dataset")?.unwrap_or_default(),
        workerpool: params.address("workerpool")?.unwrap_or_default(),
        requester: params.address("requester")?.ok_or_else(|| needed("requester"))?,
        category: CategoryId(number("category", 0)?.ok_or_else(|| needed("category"))?),
        trust: number("trust", 0)?.ok_or_else(|| needed("trust"))?,
        tag: params.hash("tag")?.map_or(Tag::NONE, Tag),
        price_max: number("maxPrice", 0)?.map(Nrlc::new),
        caps: Caps::default(),
    })
}

async fn record<K: Kind>(market: &Market, hash: OrderHash) -> Result<OrderRecord<K>, Refusal> {
    let row = market.0.records.order(hash).await?;
    let record = row.and_then(|row| record_of(&row, market.chain_id(), true));
    // Taken back in this very moment.
    record.ok_or_else(|| StoreError::Damaged(format!("order {hash} is gone")).into())
}
