//! `GET /best`: the cheapest orders with which one request can be matched.

use std::collections::BTreeSet;

use alloy_primitives::{Address, Bytes, U256};
use axum::Json;
use axum::extract::State;
use metacloud_book::BestRequest;
use metacloud_protocol::deal::GROUPMEMBER_PURPOSE;
use metacloud_protocol::{CategoryId, Nrlc, OrderHash, Tag};
use metacloud_store::StoreError;
use metacloud_wire::SAFE_UINT_MAX;
use metacloud_wire::market::{BestAnswer, OrderRecord};

use super::query::Params;
use crate::kind::{Kind, record_of};
use crate::market::Market;
use crate::refusal::Refusal;

/// Memberships asked for in one search; of further groups nobody is a member.
const QUESTIONS_MAX: usize = 256;
/// Selector of `keyHasPurpose(bytes32,uint256)` (ERC-734).
const KEY_HAS_PURPOSE: [u8; 4] = [0xd2, 0x02, 0x15, 0x8d];

/// Answers 404 when some order is missing; the error names which.
pub(super) async fn best(State(market): State<Market>, params: Params) -> Result<Json<BestAnswer>, Refusal> {
    let request = request(&params)?;
    market.catch_up().await?;
    let questions = market.book().questions(&request);
    let members = members(&market, questions).await;
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
        trust: U256::from(number("trust", 0)?.ok_or_else(|| needed("trust"))?),
        tag: params.hash("tag")?.map_or(Tag::NONE, Tag),
        price_max: number("maxPrice", 0)?.map(Nrlc::new),
    })
}

async fn record<K: Kind>(market: &Market, hash: OrderHash) -> Result<OrderRecord<K>, Refusal> {
    let row = market.0.records.order(hash).await?;
    let record = row.and_then(|row| record_of(&row, market.chain_id(), true));
    // Taken back in this very moment.
    record.ok_or_else(|| StoreError::Damaged(format!("order {hash} is gone")).into())
}

/// Which of the pairs (group, account) are memberships, by the groups themselves.
async fn members(market: &Market, mut questions: Vec<(Address, Address)>) -> BTreeSet<(Address, Address)> {
    questions.truncate(QUESTIONS_MAX);
    let calls: Vec<(Address, Bytes)> = questions
        .iter()
        .map(|(group, account)| {
            let purpose = GROUPMEMBER_PURPOSE.to_be_bytes::<32>();
            let data = [&KEY_HAS_PURPOSE[..], account.into_word().as_slice(), &purpose].concat();
            (*group, data.into())
        })
        .collect();
    if calls.is_empty() {
        return BTreeSet::new();
    }
    let answers = market.0.hub.chain().calls(&calls).await;
    // A group that reverts or answers nonsense accepts nobody.
    let yes = |answer: &Bytes| U256::try_from_be_slice(answer) == Some(U256::from(1));
    let asked = questions.into_iter().zip(answers);
    asked.filter(|(_, answer)| answer.as_ref().is_ok_and(yes)).map(|(question, _)| question).collect()
}
