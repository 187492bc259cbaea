//! The market's tables.

use alloy_primitives::{Address, B256, U256};
use metacloud_chain::{BlockRef, Cursor};
use metacloud_protocol::{OrderHash, OrderKind};
use metacloud_store::{Database, StoreError};
use metacloud_wire::market::{DealRecord, OrderStatus};
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, Transaction};

pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Blocks for which changes can be undone; as many as a follower remembers.
const UNDO_BLOCKS: u64 = 1_024;

/// An order as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) hash: OrderHash,
    pub(crate) kind: OrderKind,
    /// The signed order in its JSON form.
    pub(crate) body: String,
    pub(crate) signer: Address,
    pub(crate) published_ms: u64,
    pub(crate) remaining: u64,
    pub(crate) status: OrderStatus,
    pub(crate) grouped: bool,
}

/// What a block did to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) hash: OrderHash,
    pub(crate) remaining: u64,
    pub(crate) status: OrderStatus,
}

/// One of the columns by which deals are asked for.
#[derive(Clone, Debug)]
pub(crate) enum DealWanted {
    Bytes(&'static str, Vec<u8>),
    Category(i64),
}

/// The tables. A handle.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    database: Database,
}

const fn kind_text(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::App => "app",
        OrderKind::Dataset => "dataset",
        OrderKind::Workerpool => "workerpool",
        OrderKind::Request => "request",
    }
}

const fn status_text(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Open => "open",
        OrderStatus::Filled => "filled",
        OrderStatus::Canceled => "canceled",
        OrderStatus::Dead => "dead",
    }
}

fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(format!("a row of the market holds {what}"))
}

fn read_status(text: &str) -> Result<OrderStatus, StoreError> {
    [OrderStatus::Open, OrderStatus::Filled, OrderStatus::Canceled, OrderStatus::Dead]
        .into_iter()
        .find(|status| status_text(*status) == text)
        .ok_or_else(|| damaged("an unknown status"))
}

fn read_kind(text: &str) -> Result<OrderKind, StoreError> {
    [OrderKind::App, OrderKind::Dataset, OrderKind::Workerpool, OrderKind::Request]
        .into_iter()
        .find(|kind| kind_text(*kind) == text)
        .ok_or_else(|| damaged("an unknown kind"))
}

fn read_row(row: &SqliteRow) -> Result<Row, StoreError> {
    let hash: Vec<u8> = row.try_get("hash")?;
    let signer: Vec<u8> = row.try_get("signer")?;
    Ok(Row {
        hash: OrderHash(B256::try_from(&hash[..]).map_err(|_| damaged("a short hash"))?),
        kind: read_kind(row.try_get("kind")?)?,
        body: row.try_get("body")?,
        signer: Address::try_from(&signer[..]).map_err(|_| damaged("a short address"))?,
        published_ms: unsigned(row.try_get("published_ms")?)?,
        remaining: unsigned(row.try_get("remaining")?)?,
        status: read_status(row.try_get("status")?)?,
        grouped: row.try_get("grouped")?,
    })
}

fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| damaged("a negative number"))
}

/// Numbers of the market are at most 2^53; block numbers and times fit as well.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Records {
    /// Brings the tables up; `Err(Ok((chain, hub)))` tells that they follow another hub.
    pub(crate) async fn open(
        database: Database,
        chain_id: u64,
        hub: Address,
    ) -> Result<Self, Result<(u64, Address), StoreError>> {
        let open = async {
            database.migrate(&MIGRATIONS).await?;
            let mut write = database.write().await?;
            sqlx::query("INSERT OR IGNORE INTO source (one, chain_id, hub) VALUES (1, ?, ?)")
                .bind(signed(chain_id))
                .bind(hub.as_slice())
                .execute(&mut *write)
                .await?;
            let (found, at): (i64, Vec<u8>) =
                sqlx::query_as("SELECT chain_id, hub FROM source").fetch_one(&mut *write).await?;
            write.commit().await?;
            let at = Address::try_from(&at[..]).map_err(|_| damaged("a short address"))?;
            Ok((unsigned(found)?, at))
        };
        let source = open.await.map_err(Err)?;
        if source == (chain_id, hub) { Ok(Self { database }) } else { Err(Ok(source)) }
    }

    /// Where following goes on.
    pub(crate) async fn cursor(&self) -> Result<Cursor, StoreError> {
        let (number, hash): (Option<i64>, Option<Vec<u8>>) =
            sqlx::query_as("SELECT block_number, block_hash FROM source")
                .fetch_one(self.database.reader())
                .await?;
        let (Some(number), Some(hash)) = (number, hash) else {
            return Ok(Cursor::Genesis);
        };
        let hash = B256::try_from(&hash[..]).map_err(|_| damaged("a short hash"))?;
        Ok(Cursor::After { number: unsigned(number)?, hash })
    }

    pub(crate) async fn order(&self, hash: OrderHash) -> Result<Option<Row>, StoreError> {
        let row = sqlx::query("SELECT * FROM market_order WHERE hash = ?")
            .bind(hash.as_slice())
            .fetch_optional(self.database.reader())
            .await?;
        row.as_ref().map(read_row).transpose()
    }

    pub(crate) async fn open_orders(&self) -> Result<Vec<Row>, StoreError> {
        let rows = sqlx::query("SELECT * FROM market_order WHERE status = 'open'")
            .fetch_all(self.database.reader())
            .await?;
        rows.iter().map(read_row).collect()
    }

    /// Keeps an order; one with the same hash gives way.
    pub(crate) async fn put_order(&self, row: &Row) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        sqlx::query(
            "INSERT OR REPLACE INTO market_order \
             (hash, kind, body, signer, published_ms, remaining, status, grouped) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(row.hash.as_slice())
        .bind(kind_text(row.kind))
        .bind(&row.body)
        .bind(row.signer.as_slice())
        .bind(signed(row.published_ms))
        .bind(signed(row.remaining))
        .bind(status_text(row.status))
        .bind(row.grouped)
        .execute(&mut *write)
        .await?;
        Ok(write.commit().await?)
    }

    /// Forgets orders that were taken back.
    pub(crate) async fn delete_orders(&self, hashes: &[OrderHash]) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        for hash in hashes {
            for statement in
                ["DELETE FROM market_order WHERE hash = ?", "DELETE FROM order_change WHERE hash = ?"]
            {
                sqlx::query(statement).bind(hash.as_slice()).execute(&mut *write).await?;
            }
        }
        Ok(write.commit().await?)
    }

    /// Keeps what one block did, and that it was seen.
    pub(crate) async fn put_block(
        &self,
        block: &BlockRef,
        changes: &[Change],
        deals: &[DealRecord],
    ) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        change_orders(&mut write, block.number, changes).await?;
        for deal in deals {
            put_deal(&mut write, deal).await?;
        }
        set_cursor(&mut write, block).await?;
        sqlx::query("DELETE FROM order_change WHERE block_number < ?")
            .bind(signed(block.number.saturating_sub(UNDO_BLOCKS)))
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// Keeps changes that were learnt by asking, at a time when `seen_block` was the last block told.
    pub(crate) async fn put_changes(&self, seen_block: u64, changes: &[Change]) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        change_orders(&mut write, seen_block, changes).await?;
        Ok(write.commit().await?)
    }

    /// Undoes what blocks after `to` did; answers the orders concerned as they are now.
    pub(crate) async fn revert(&self, to: &BlockRef) -> Result<Vec<Row>, StoreError> {
        let mut write = self.database.write().await?;
        let undone: Vec<(Vec<u8>, i64, String)> = sqlx::query_as(
            "SELECT hash, remaining, status FROM order_change WHERE block_number > ? ORDER BY seq DESC",
        )
        .bind(signed(to.number))
        .fetch_all(&mut *write)
        .await?;
        let mut hashes = Vec::new();
        for (hash, remaining, status) in undone {
            let hash = OrderHash(B256::try_from(&hash[..]).map_err(|_| damaged("a short hash"))?);
            let change = Change { hash, remaining: unsigned(remaining)?, status: read_status(&status)? };
            set_order(&mut write, &change).await?;
            if !hashes.contains(&hash) {
                hashes.push(hash);
            }
        }
        for statement in
            ["DELETE FROM order_change WHERE block_number > ?", "DELETE FROM deal WHERE block_number > ?"]
        {
            sqlx::query(statement).bind(signed(to.number)).execute(&mut *write).await?;
        }
        set_cursor(&mut write, to).await?;
        let mut rows = Vec::new();
        for hash in hashes {
            let row = sqlx::query("SELECT * FROM market_order WHERE hash = ?")
                .bind(hash.as_slice())
                .fetch_optional(&mut *write)
                .await?;
            rows.extend(row.as_ref().map(read_row).transpose()?);
        }
        write.commit().await?;
        Ok(rows)
    }

    /// One page of deals, newest first, and how many there are in all.
    pub(crate) async fn deals(
        &self,
        wanted: &[DealWanted],
        skip: u64,
        take: u32,
    ) -> Result<(u64, Vec<DealRecord>), StoreError> {
        let count: i64 = deal_query("SELECT count(*) FROM deal", wanted)
            .build_query_scalar()
            .fetch_one(self.database.reader())
            .await?;
        let mut page = deal_query("SELECT body FROM deal", wanted);
        page.push(" ORDER BY block_number DESC, id LIMIT ").push_bind(i64::from(take));
        page.push(" OFFSET ").push_bind(signed(skip));
        let bodies: Vec<String> = page.build_query_scalar().fetch_all(self.database.reader()).await?;
        let deals = bodies.iter().map(|body| serde_json::from_str(body));
        let deals = deals.collect::<Result<_, _>>().map_err(|_| damaged("an unreadable deal"))?;
        Ok((unsigned(count)?, deals))
    }
}

fn deal_query(select: &'static str, wanted: &[DealWanted]) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(select);
    for (at, wanted) in wanted.iter().enumerate() {
        query.push(if at == 0 { " WHERE " } else { " AND " });
        match wanted {
            DealWanted::Bytes(column, bytes) => {
                query.push(*column).push(" = ").push_bind(bytes.clone());
            }
            DealWanted::Category(category) => {
                query.push("category = ").push_bind(*category);
            }
        }
    }
    query
}

async fn change_orders(
    write: &mut Transaction<'static, Sqlite>,
    block_number: u64,
    changes: &[Change],
) -> Result<(), StoreError> {
    for change in changes {
        sqlx::query(
            "INSERT INTO order_change (block_number, hash, remaining, status) \
             SELECT ?, hash, remaining, status FROM market_order WHERE hash = ?",
        )
        .bind(signed(block_number))
        .bind(change.hash.as_slice())
        .execute(&mut **write)
        .await?;
        set_order(write, change).await?;
    }
    Ok(())
}

async fn set_order(write: &mut Transaction<'static, Sqlite>, change: &Change) -> Result<(), StoreError> {
    sqlx::query("UPDATE market_order SET remaining = ?, status = ? WHERE hash = ?")
        .bind(signed(change.remaining))
        .bind(status_text(change.status))
        .bind(change.hash.as_slice())
        .execute(&mut **write)
        .await?;
    Ok(())
}

async fn set_cursor(write: &mut Transaction<'static, Sqlite>, block: &BlockRef) -> Result<(), StoreError> {
    sqlx::query("UPDATE source SET block_number = ?, block_hash = ?")
        .bind(signed(block.number))
        .bind(block.hash.as_slice())
        .execute(&mut **write)
        .await?;
    Ok(())
}

async fn put_deal(write: &mut Transaction<'static, Sqlite>, deal: &DealRecord) -> Result<(), StoreError> {
    let body = serde_json::to_string(deal).expect("numbers and strings always serialise");
    let parties = [
        deal.requester,
        deal.beneficiary,
        deal.app.pointer,
        deal.dataset.pointer,
        deal.workerpool.pointer,
        deal.app.owner,
        deal.dataset.owner,
        deal.workerpool.owner,
    ];
    let mut query = sqlx::query(
        "INSERT OR REPLACE INTO deal (id, block_number, body, requester, beneficiary, app, dataset, workerpool, \
         app_owner, dataset_owner, workerpool_owner, category, app_hash, dataset_hash, workerpool_hash, \
         request_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(deal.dealid.to_vec())
    .bind(signed(deal.block_number))
    .bind(body);
    for party in parties {
        query = query.bind(party.0.to_vec());
    }
    query = query.bind(signed(deal.category.get()));
    for hash in [deal.app_hash, deal.dataset_hash, deal.workerpool_hash, deal.request_hash] {
        query = query.bind(hash.to_vec());
    }
    query.execute(&mut **write).await?;
    Ok(())
}

/// A number of the chain as the market carries it; larger ones, which no order here has, are cut.
pub(crate) fn carried(number: U256) -> u64 {
    number.saturating_to::<u64>().min(metacloud_wire::SAFE_UINT_MAX)
}
