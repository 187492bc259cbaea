//! Content of bulk deals (http-surface 8.4): which datasets each task gets. It lies in storage, not on the chain, and is
//! fetched when somebody asks for it; what cannot be had is asked for again later.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, U256};
use metacloud_blobs::{BlobClient, Cid};
use metacloud_store::StoreError;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::records::{Records, signed};

/// Slices of one bulk, which is the number of its tasks.
const SLICES_MAX: usize = 1_000;
/// Datasets of one slice (http-surface 8.4).
const SLICE_DATASETS_MAX: usize = 100;
/// Bytes of the list of slices, and of one slice: 100 signed orders have about 90 kB.
const FILE_BYTES_MAX: u64 = 256 * 1024;
/// Bulks fetched for one request.
const FETCHES_MAX: i64 = 8;
/// How long a request waits for one bulk.
const FETCH_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a bulk that could not be had is left alone.
const PAUSE: Duration = Duration::from_secs(30);
/// Bulks remembered as not to be had.
const FAILED_MAX: usize = 1_024;

/// What could not be had, and when it was tried last.
#[derive(Debug, Default)]
pub(crate) struct Bulk(Mutex<BTreeMap<String, Instant>>);

#[derive(Deserialize)]
struct OrderOfDataset {
    dataset: Address,
}

impl Bulk {
    /// Fetches what is missing, as far as it can be had now.
    pub(crate) async fn complete(&self, records: &Records, storage: &BlobClient) -> Result<(), StoreError> {
        let mut failed = self.0.lock().await;
        failed.retain(|_, at| at.elapsed() < PAUSE);
        let missing: Vec<String> = sqlx::query_scalar(
            "SELECT bulk_cid FROM deal WHERE bulk_cid IS NOT NULL \
             AND NOT EXISTS (SELECT 1 FROM bulk_slice WHERE bulk_slice.bulk_cid = deal.bulk_cid) \
             GROUP BY bulk_cid ORDER BY max(block_number) DESC LIMIT ?",
        )
        .bind(FETCHES_MAX + signed(failed.len() as u64))
        .fetch_all(records.database.reader())
        .await?;
        let due = missing.into_iter().filter(|cid| !failed.contains_key(cid)).take(FETCHES_MAX as usize);
        for cid in due.collect::<Vec<_>>() {
            match tokio::time::timeout(FETCH_TIME_MAX, fetch(&cid, storage)).await {
                Ok(Some(slices)) => keep(records, &cid, &slices).await?,
                Ok(None) | Err(_) => {
                    tracing::warn!(%cid, "the content of a bulk deal cannot be had");
                    if failed.len() < FAILED_MAX {
                        failed.insert(cid, Instant::now());
                    }
                }
            }
        }
        Ok(())
    }
}

async fn fetch(cid: &str, storage: &BlobClient) -> Option<Vec<(Cid, Vec<Address>)>> {
    let list = storage.fetch(&cid.parse().ok()?, FILE_BYTES_MAX).await.ok()?;
    let cids: Vec<Cid> = serde_json::from_slice(&list).ok()?;
    if cids.is_empty() || cids.len() > SLICES_MAX {
        return None;
    }
    let mut slices = Vec::with_capacity(cids.len());
    for cid in cids {
        let slice = storage.fetch(&cid, FILE_BYTES_MAX).await.ok()?;
        let orders: Vec<OrderOfDataset> = serde_json::from_slice(&slice).ok()?;
        if orders.len() > SLICE_DATASETS_MAX {
            return None;
        }
        slices.push((cid, orders.into_iter().map(|order| order.dataset).collect()));
    }
    Some(slices)
}

async fn keep(records: &Records, bulk: &str, slices: &[(Cid, Vec<Address>)]) -> Result<(), StoreError> {
    let mut write = records.database.write().await?;
    for (position, (slice, datasets)) in (0u64..).zip(slices) {
        sqlx::query("INSERT OR REPLACE INTO bulk_slice VALUES (?, ?, ?)")
            .bind(bulk)
            .bind(&U256::from(position).to_be_bytes::<32>()[..])
            .bind(slice.to_string())
            .execute(&mut *write)
            .await?;
        for (position, dataset) in (0i64..).zip(datasets) {
            sqlx::query("INSERT OR REPLACE INTO bulk_dataset VALUES (?, ?, ?)")
                .bind(slice.to_string())
                .bind(position)
                .bind(dataset.as_slice())
                .execute(&mut *write)
                .await?;
        }
    }
    Ok(write.commit().await?)
}
