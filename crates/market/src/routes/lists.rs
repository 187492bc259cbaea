//! Order books and deals, page by page.

use axum::Json;
use axum::extract::State;
use metacloud_wire::market::{DealPage, OrderPage, OrderStatus};

use super::query::Params;
use crate::kind::{Kind, record_of};
use crate::market::Market;
use crate::records::DealWanted;
use crate::refusal::Refusal;

/// `GET /{orders}`: open orders, the best first.
pub(super) async fn orders<K: Kind>(
    State(market): State<Market>,
    params: Params,
) -> Result<Json<OrderPage<K>>, Refusal> {
    let filter = params.filter(K::KIND)?;
    let page = params.page()?;
    market.catch_up().await?;
    let (count, hashes) = {
        let book = market.book();
        let skip = usize::try_from(page.skip).unwrap_or(usize::MAX);
        let (count, listings) = book.shelf(K::KIND).page(&filter, skip, page.take as usize);
        (count as u64, listings.into_iter().map(|listing| listing.hash).collect::<Vec<_>>())
    };
    let next_page = page.next(hashes.len());
    let mut orders = Vec::with_capacity(hashes.len());
    for hash in hashes {
        // One that was taken back, or used up, since the book was read is left out.
        let row = market.0.records.order(hash).await?.filter(|row| row.status == OrderStatus::Open);
        orders.extend(row.and_then(|row| record_of(&row, market.chain_id(), true)));
    }
    Ok(Json(OrderPage { ok: true, count, next_page, orders }))
}

/// `GET /deals`: newest first.
pub(super) async fn deals(State(market): State<Market>, params: Params) -> Result<Json<DealPage>, Refusal> {
    let mut wanted = Vec::new();
    for (name, column) in [
        ("requester", "requester"),
        ("beneficiary", "beneficiary"),
        ("app", "app"),
        ("dataset", "dataset"),
        ("workerpool", "workerpool"),
        ("appOwner", "app_owner"),
        ("datasetOwner", "dataset_owner"),
        ("workerpoolOwner", "workerpool_owner"),
    ] {
        wanted.extend(params.address(name)?.map(|address| DealWanted::Bytes(column, address.to_vec())));
    }
    for (name, column) in [
        ("apporderHash", "app_hash"),
        ("datasetorderHash", "dataset_hash"),
        ("workerpoolorderHash", "workerpool_hash"),
        ("requestorderHash", "request_hash"),
    ] {
        wanted.extend(params.hash(name)?.map(|hash| DealWanted::Bytes(column, hash.to_vec())));
    }
    let category = params.integer("category", 0, metacloud_wire::SAFE_UINT_MAX)?;
    wanted.extend(category.and_then(|category| i64::try_from(category).ok()).map(DealWanted::Category));
    let page = params.page()?;
    market.catch_up().await?;
    let (count, deals) = market.0.records.deals(&wanted, page.skip, page.take).await?;
    Ok(Json(DealPage { ok: true, count, next_page: page.next(deals.len()), deals }))
}
