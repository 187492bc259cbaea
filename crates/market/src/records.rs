//! The market's tables. What blocks do to them, and how it is undone, is in [`blocks`].

mod blocks;
mod trades;

pub(crate) use blocks::Ahead;

use alloy_primitives::{Address, B256, U256};
use metacloud_chain::BlockRef;
use metacloud_protocol::{DealId, OrderHash, OrderKind};
use metacloud_store::{Database, StoreError};
use metacloud_wire::market::{DealRecord, OrderStatus};
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, Transaction};

pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Rows of one statement at most: each binds nine values, and SQLite takes 32,766.
const ROWS_AT_ONCE: usize = 256;

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
    /// Of a request: published for the keeper to match.
    pub(crate) for_keeper: bool,
    /// Matches that the keeper tried in vain since the last that it made.
    pub(crate) keeper_tries: u32,
}

/// What a block did to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) hash: OrderHash,
    pub(crate) remaining: u64,
    pub(crate) status: OrderStatus,
}

/// Why the tables cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenRecords {
    /// They follow another hub.
    #[error("they follow hub {found_hub} on chain {found_chain}")]
    OtherHub { found_chain: u64, found_hub: Address },
    /// They follow another chain of the same id.
    #[error("they follow a chain with another block 0")]
    OtherGenesis,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for OpenRecords {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
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
        for_keeper: row.try_get("for_keeper")?,
        keeper_tries: row.try_get("keeper_tries")?,
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
    /// Brings the tables up. A first start fixes whose they are.
    ///
    /// # Errors
    /// [`OpenRecords`].
    pub(crate) async fn open(
        database: Database,
        chain_id: u64,
        hub: Address,
        genesis: &BlockRef,
    ) -> Result<Self, OpenRecords> {
        database.migrate(&MIGRATIONS).await?;
        let mut write = database.write().await?;
        sqlx::query("INSERT OR IGNORE INTO source (one, chain_id, hub, genesis_hash) VALUES (1, ?, ?, ?)")
            .bind(signed(chain_id))
            .bind(hub.as_slice())
            .bind(genesis.hash.as_slice())
            .execute(&mut *write)
            .await?;
        // Written before block 0 was kept: what blocks did is read anew from this chain.
        sqlx::query("UPDATE source SET genesis_hash = ? WHERE genesis_hash IS NULL")
            .bind(genesis.hash.as_slice())
            .execute(&mut *write)
            .await?;
        let (found_chain, found_hub, found_genesis): (i64, Vec<u8>, Vec<u8>) =
            sqlx::query_as("SELECT chain_id, hub, genesis_hash FROM source").fetch_one(&mut *write).await?;
        write.commit().await?;
        let found_hub = Address::try_from(&found_hub[..]).map_err(|_| damaged("a short address"))?;
        let found_chain = unsigned(found_chain)?;
        if (found_chain, found_hub) != (chain_id, hub) {
            return Err(OpenRecords::OtherHub { found_chain, found_hub });
        }
        if found_genesis != genesis.hash.as_slice() {
            return Err(OpenRecords::OtherGenesis);
        }
        Ok(Self { database })
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

    /// Open requests that the keeper serves, in no order: published for it, or if `old_ms` says so no later than that; none
    /// that it tried in vain so often. As many as the book holds at most.
    pub(crate) async fn standing(
        &self,
        old_ms: Option<u64>,
        tries_max: u32,
    ) -> Result<Vec<OrderHash>, StoreError> {
        let hashes: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT hash FROM market_order WHERE kind = 'request' AND status = 'open' AND keeper_tries < ? \
             AND (for_keeper = 1 OR published_ms <= ?)",
        )
        .bind(tries_max)
        .bind(old_ms.map_or(-1, signed))
        .fetch_all(self.database.reader())
        .await?;
        let read =
            |hash: Vec<u8>| B256::try_from(&hash[..]).map(OrderHash).map_err(|_| damaged("a short hash"));
        hashes.into_iter().map(read).collect()
    }

    pub(crate) async fn set_keeper_tries(&self, hash: OrderHash, tries: u32) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        sqlx::query("UPDATE market_order SET keeper_tries = ? WHERE hash = ?")
            .bind(tries)
            .bind(hash.as_slice())
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// Those of these orders that are kept, in no order.
    pub(crate) async fn orders(&self, hashes: &[OrderHash]) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::with_capacity(hashes.len());
        for some in hashes.chunks(ROWS_AT_ONCE) {
            let mut query = QueryBuilder::new("SELECT * FROM market_order WHERE hash IN (");
            let mut listed = query.separated(", ");
            for hash in some {
                listed.push_bind(hash.0.to_vec());
            }
            query.push(")");
            let found = query.build().fetch_all(self.database.reader()).await?;
            rows.extend(found.iter().map(read_row).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(rows)
    }

    /// Keeps orders, all or none; ones with the same hashes give way.
    pub(crate) async fn put_orders(&self, rows: &[Row]) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        for some in rows.chunks(ROWS_AT_ONCE) {
            let mut query = QueryBuilder::new(
                "INSERT OR REPLACE INTO market_order \
                 (hash, kind, body, signer, published_ms, remaining, status, grouped, for_keeper) ",
            );
            query.push_values(some, |mut values, row| {
                values
                    .push_bind(row.hash.0.to_vec())
                    .push_bind(kind_text(row.kind))
                    .push_bind(&row.body)
                    .push_bind(row.signer.to_vec())
                    .push_bind(signed(row.published_ms))
                    .push_bind(signed(row.remaining))
                    .push_bind(status_text(row.status))
                    .push_bind(row.grouped)
                    .push_bind(row.for_keeper);
            });
            query.build().execute(&mut *write).await?;
        }
        Ok(write.commit().await?)
    }

    /// Forgets orders that were taken back.
    pub(crate) async fn delete_orders(&self, hashes: &[OrderHash]) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        for hash in hashes {
            for statement in [
                "DELETE FROM market_order WHERE hash = ?",
                "DELETE FROM order_change WHERE hash = ?",
                "DELETE FROM asked_ahead WHERE hash = ?",
            ] {
                sqlx::query(statement).bind(hash.as_slice()).execute(&mut *write).await?;
            }
        }
        Ok(write.commit().await?)
    }

    pub(crate) async fn deal(&self, id: DealId) -> Result<Option<DealRecord>, StoreError> {
        let body: Option<String> = sqlx::query_scalar("SELECT body FROM deal WHERE id = ?")
            .bind(id.0.to_vec())
            .fetch_optional(self.database.reader())
            .await?;
        let deal = body.map(|body| serde_json::from_str(&body));
        deal.transpose().map_err(|_| damaged("an unreadable deal"))
    }

    /// How many deals there are, and how many tasks they have in all.
    pub(crate) async fn deal_totals(&self) -> Result<(u64, u64), StoreError> {
        let (count, tasks): (i64, i64) =
            sqlx::query_as("SELECT count(*), coalesce(sum(body ->> 'volume'), 0) FROM deal")
                .fetch_one(self.database.reader())
                .await?;
        Ok((unsigned(count)?, unsigned(tasks)?))
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
         app_owner, dataset_owner, workerpool_owner, category, price, tasks, time_s, app_hash, dataset_hash, \
         workerpool_hash, request_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(deal.dealid.to_vec())
    .bind(signed(deal.block_number))
    .bind(body);
    for party in parties {
        query = query.bind(party.0.to_vec());
    }
    let figures = [deal.category.get(), deal.workerpool.price.get(), deal.volume.get(), deal.start_time];
    for figure in figures {
        query = query.bind(signed(figure));
    }
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
