//! Single answers: a challenge, an order, categories, the version.

use alloy_primitives::B256;
use axum::Json;
use axum::extract::{Path, State};
use metacloud_protocol::{Category, CategoryId, DealId, OrderHash, OrderKind};
use metacloud_store::StoreError;
use metacloud_wire::login::CHANCE_CHARS;
use metacloud_wire::market::{
    CategoriesAnswer, CategoryAnswer, CategoryView, ChallengeAnswer, DealAnswer, OrderAnswer, VersionAnswer,
};
use metacloud_wire::market_data::{DealTotals, Metrics, MetricsAnswer, OpenOrders};
use rand::RngExt as _;
use rand::distr::Alphanumeric;

use super::query::Params;
use crate::clock::now_ms;
use crate::kind::{Kind, record_of};
use crate::market::Market;
use crate::refusal::Refusal;

/// `GET /challenge`.
pub(super) async fn challenge(
    State(market): State<Market>,
    params: Params,
) -> Result<Json<ChallengeAnswer>, Refusal> {
    let address = params.address("address")?.ok_or_else(|| Refusal::required("address"))?;
    let chance: String = rand::rng().sample_iter(Alphanumeric).take(CHANCE_CHARS).map(char::from).collect();
    let data = market.0.challenges.issue(market.chain_id(), address, &chance, now_ms());
    Ok(Json(ChallengeAnswer { ok: true, data }))
}

/// `GET /{orders}/{orderHash}`.
pub(super) async fn order<K: Kind>(
    State(market): State<Market>,
    Path(hash): Path<String>,
    _params: Params,
) -> Result<Json<OrderAnswer<K>>, Refusal> {
    let hash = bytes32(&hash).ok_or_else(|| Refusal::form("orderHash must be a bytes32 hexstring"))?;
    let hash = OrderHash(hash);
    market.catch_up().await?;
    let row = market.0.records.order(hash).await?.filter(|row| row.kind == K::KIND);
    let row = row.ok_or_else(|| Refusal::Unknown(format!("{} not found", K::NAME)))?;
    let damaged = || StoreError::Damaged(format!("order {hash} cannot be read"));
    let record = record_of(&row, market.chain_id(), false).ok_or_else(damaged)?;
    Ok(Json(OrderAnswer { ok: true, record }))
}

/// `GET /deals/{dealid}`.
pub(super) async fn deal(
    State(market): State<Market>,
    Path(id): Path<String>,
    _params: Params,
) -> Result<Json<DealAnswer>, Refusal> {
    let id = bytes32(&id).ok_or_else(|| Refusal::form("dealid must be a bytes32 hexstring"))?;
    market.catch_up().await?;
    let record = market.0.records.deal(DealId(id)).await?;
    let record = record.ok_or_else(|| Refusal::Unknown("deal not found".to_owned()))?;
    Ok(Json(DealAnswer { ok: true, record }))
}

/// `GET /metrics`: how much there is and was to trade. Counters for Prometheus are not here.
pub(super) async fn metrics(
    State(market): State<Market>,
    _params: Params,
) -> Result<Json<MetricsAnswer>, Refusal> {
    market.catch_up().await?;
    let (count, tasks) = market.0.records.deal_totals().await?;
    let open = {
        let book = market.book();
        let open = |kind| book.shelf(kind).len() as u64;
        OpenOrders {
            apporders: open(OrderKind::App),
            datasetorders: open(OrderKind::Dataset),
            workerpoolorders: open(OrderKind::Workerpool),
            requestorders: open(OrderKind::Request),
        }
    };
    Ok(Json(MetricsAnswer { ok: true, metrics: Metrics { deals: DealTotals { count, tasks }, open } }))
}

fn bytes32(text: &str) -> Option<B256> {
    if text.len() == 66 { text.parse().ok() } else { None }
}

/// `GET /version`.
pub(super) async fn version() -> Json<VersionAnswer> {
    Json(VersionAnswer { ok: true, version: env!("CARGO_PKG_VERSION").to_owned() })
}

fn view(catid: u64, category: Category) -> CategoryView {
    CategoryView {
        catid,
        name: category.name.into_owned(),
        description: category.description.into_owned(),
        work_clock_time_ref: category.work_clock_time_ref_s,
    }
}

/// `GET /categories`.
pub(super) async fn categories(
    State(market): State<Market>,
    _params: Params,
) -> Result<Json<CategoriesAnswer>, Refusal> {
    let categories = market.0.hub.categories().await?;
    let categories: Vec<CategoryView> =
        (0..).zip(categories).map(|(catid, category)| view(catid, category)).collect();
    Ok(Json(CategoriesAnswer { ok: true, count: categories.len() as u64, categories }))
}

/// `GET /categories/{catid}`.
pub(super) async fn category(
    State(market): State<Market>,
    Path(catid): Path<String>,
    _params: Params,
) -> Result<Json<CategoryAnswer>, Refusal> {
    let catid: u64 = catid.parse().map_err(|_| Refusal::form("catid must be an integer"))?;
    let category = market.0.hub.view_category(CategoryId(catid)).await?;
    let category = category.ok_or_else(|| Refusal::Unknown("category not found".to_owned()))?;
    Ok(Json(CategoryAnswer { ok: true, category: view(catid, category) }))
}
