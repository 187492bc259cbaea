//! The index's tables: facts, each true from its block on. A block is undone by forgetting its facts, however deep a
//! reorganisation goes.

use alloy_primitives::{Address, B256, U256};
use metacloud_chain::BlockRef;
use metacloud_protocol::{Deal, DealId, OrderHash, TaskId};
use metacloud_store::{Database, StoreError};
use sqlx::migrate::Migrator;
use sqlx::{Sqlite, Transaction};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Blocks remembered by hash, to find the last one in common; as many as a follower remembers.
const SEEN_BLOCKS: u64 = 1_024;

/// A dataset's schema has at most so many fields that are indexed; further ones are left out.
pub(crate) const SCHEMA_ITEMS_MAX: usize = 256;

/// What a block adds to the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// An asset was registered.
    Asset(Box<Asset>),
    /// An asset has a new owner.
    Owned { asset: Address, log_index: u64, owner: Address },
    /// A dataset's schema was told.
    Schema { dataset: Address, items: Vec<String>, tx: B256 },
    /// Orders became a deal.
    Deal { id: DealId, deal: Box<Deal>, orders: [OrderHash; 4], bulk_cid: Option<String>, tx: B256 },
    /// A task was initialized.
    Task { id: TaskId, deal: DealId, index: U256, contribution_deadline_s: u64, final_deadline_s: u64 },
    /// Something happened to a task.
    TaskEvent { task: TaskId, log_index: u64, what: What, value: Vec<u8> },
}

/// What never changes about an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asset {
    pub(crate) id: Address,
    pub(crate) kind: AssetKind,
    pub(crate) name: String,
    pub(crate) app_type: String,
    pub(crate) multiaddr: Vec<u8>,
    pub(crate) checksum: B256,
    pub(crate) mrenclave: Vec<u8>,
    pub(crate) tx: B256,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AssetKind {
    App,
    Dataset,
    Workerpool,
}

/// What happened to a task, and what the fact's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The hash that won.
    Consensus,
    /// The digest.
    Revealed,
    /// Nothing.
    Reopened,
    /// Where the result is.
    Finalized,
    /// Nothing.
    Claimed,
}

impl What {
    const fn text(self) -> &'static str {
        match self {
            Self::Consensus => "consensus",
            Self::Revealed => "revealed",
            Self::Reopened => "reopened",
            Self::Finalized => "finalized",
            Self::Claimed => "claimed",
        }
    }
}

/// Why the tables cannot be used.
#[derive(Debug)]
pub(crate) enum OpenRecords {
    OtherHub { found_chain: u64, found_hub: Address },
    OtherGenesis,
    Store(StoreError),
}

impl<E: Into<StoreError>> From<E> for OpenRecords {
    fn from(error: E) -> Self {
        Self::Store(error.into())
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Records {
    pub(crate) database: Database,
}

impl Records {
    /// Brings the tables up. A first start fixes whose they are.
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
        let (found_chain, found_hub, found_genesis): (i64, Vec<u8>, Vec<u8>) =
            sqlx::query_as("SELECT chain_id, hub, genesis_hash FROM source").fetch_one(&mut *write).await?;
        write.commit().await?;
        let found_hub = read_address(&found_hub)?;
        let found_chain = unsigned(found_chain)?;
        if (found_chain, found_hub) != (chain_id, hub) {
            return Err(OpenRecords::OtherHub { found_chain, found_hub });
        }
        if found_genesis != genesis.hash.as_slice() {
            return Err(OpenRecords::OtherGenesis);
        }
        Ok(Self { database })
    }

    /// Whether an asset is known.
    pub(crate) async fn has_asset(&self, id: Address) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM asset WHERE id = ?")
            .bind(id.as_slice())
            .fetch_optional(self.database.reader())
            .await?;
        Ok(found.is_some())
    }

    /// Height of the last block taken in; `None` before the first.
    pub(crate) async fn height(&self) -> Result<Option<u64>, StoreError> {
        let number: Option<i64> =
            sqlx::query_scalar("SELECT block_number FROM source").fetch_one(self.database.reader()).await?;
        number.map(unsigned).transpose()
    }

    /// Blocks taken in and not undone, oldest first.
    pub(crate) async fn seen_blocks(&self) -> Result<Vec<BlockRef>, StoreError> {
        let rows: Vec<(i64, Vec<u8>, i64)> =
            sqlx::query_as("SELECT number, hash, timestamp_s FROM seen_block ORDER BY number")
                .fetch_all(self.database.reader())
                .await?;
        rows.into_iter()
            .map(|(number, hash, timestamp_s)| {
                let hash = B256::try_from(&hash[..]).map_err(|_| damaged("a short hash"))?;
                Ok(BlockRef { number: unsigned(number)?, hash, timestamp_s: unsigned(timestamp_s)? })
            })
            .collect()
    }

    /// Keeps what one block tells, and that it was seen. Repeating it changes nothing.
    pub(crate) async fn put_block(&self, block: &BlockRef, facts: &[Fact]) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        for fact in facts {
            put(&mut write, block, fact).await?;
        }
        set_last(&mut write, block).await?;
        sqlx::query("DELETE FROM seen_block WHERE number < ?")
            .bind(signed(block.number.saturating_sub(SEEN_BLOCKS)))
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// Forgets what blocks after `to` told.
    pub(crate) async fn revert(&self, to: &BlockRef) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        for statement in [
            "DELETE FROM asset WHERE block_number > ?",
            "DELETE FROM ownership WHERE block_number > ?",
            "DELETE FROM dataset_schema WHERE block_number > ?",
            "DELETE FROM schema_item WHERE block_number > ?",
            "DELETE FROM deal WHERE block_number > ?",
            "DELETE FROM task WHERE block_number > ?",
            "DELETE FROM task_event WHERE block_number > ?",
            "DELETE FROM seen_block WHERE number > ?",
        ] {
            sqlx::query(statement).bind(signed(to.number)).execute(&mut *write).await?;
        }
        set_last(&mut write, to).await?;
        Ok(write.commit().await?)
    }
}

async fn set_last(write: &mut Transaction<'static, Sqlite>, block: &BlockRef) -> Result<(), StoreError> {
    sqlx::query("UPDATE source SET block_number = ?")
        .bind(signed(block.number))
        .execute(&mut **write)
        .await?;
    sqlx::query("INSERT OR REPLACE INTO seen_block (number, hash, timestamp_s) VALUES (?, ?, ?)")
        .bind(signed(block.number))
        .bind(block.hash.as_slice())
        .bind(signed(block.timestamp_s))
        .execute(&mut **write)
        .await?;
    Ok(())
}

async fn put(
    write: &mut Transaction<'static, Sqlite>,
    block: &BlockRef,
    fact: &Fact,
) -> Result<(), StoreError> {
    let (number, time) = (signed(block.number), signed(block.timestamp_s));
    match fact {
        Fact::Asset(asset) => put_asset(write, block, asset).await?,
        Fact::Owned { asset, log_index, owner } => {
            sqlx::query("INSERT OR REPLACE INTO ownership VALUES (?, ?, ?, ?)")
                .bind(asset.as_slice())
                .bind(number)
                .bind(signed(*log_index))
                .bind(owner.as_slice())
                .execute(&mut **write)
                .await?;
        }
        Fact::Schema { dataset, items, tx } => put_schema(write, block, *dataset, items, *tx).await?,
        Fact::Deal { .. } => put_deal(write, block, fact).await?,
        Fact::Task { id, deal, index, contribution_deadline_s, final_deadline_s } => {
            sqlx::query("INSERT OR REPLACE INTO task VALUES (?, ?, ?, ?, ?, ?, ?)")
                .bind(id.0.as_slice())
                .bind(deal.0.as_slice())
                .bind(&index.to_be_bytes::<32>()[..])
                .bind(signed(*contribution_deadline_s))
                .bind(signed(*final_deadline_s))
                .bind(number)
                .bind(time)
                .execute(&mut **write)
                .await?;
        }
        Fact::TaskEvent { task, log_index, what, value } => {
            sqlx::query("INSERT OR REPLACE INTO task_event VALUES (?, ?, ?, ?, ?, ?)")
                .bind(task.0.as_slice())
                .bind(number)
                .bind(signed(*log_index))
                .bind(what.text())
                .bind(&value[..])
                .bind(time)
                .execute(&mut **write)
                .await?;
        }
    }
    Ok(())
}

async fn put_asset(
    write: &mut Transaction<'static, Sqlite>,
    block: &BlockRef,
    asset: &Asset,
) -> Result<(), StoreError> {
    let kind = match asset.kind {
        AssetKind::App => "app",
        AssetKind::Dataset => "dataset",
        AssetKind::Workerpool => "workerpool",
    };
    sqlx::query("INSERT OR REPLACE INTO asset VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(asset.id.as_slice())
        .bind(kind)
        .bind(&asset.name)
        .bind(&asset.app_type)
        .bind(&asset.multiaddr[..])
        .bind(asset.checksum.as_slice())
        .bind(&asset.mrenclave[..])
        .bind(signed(block.number))
        .bind(signed(block.timestamp_s))
        .bind(asset.tx.as_slice())
        .execute(&mut **write)
        .await?;
    Ok(())
}

async fn put_schema(
    write: &mut Transaction<'static, Sqlite>,
    block: &BlockRef,
    dataset: Address,
    items: &[String],
    tx: B256,
) -> Result<(), StoreError> {
    sqlx::query("INSERT OR REPLACE INTO dataset_schema VALUES (?, ?, ?, ?)")
        .bind(dataset.as_slice())
        .bind(signed(block.number))
        .bind(signed(block.timestamp_s))
        .bind(tx.as_slice())
        .execute(&mut **write)
        .await?;
    for (position, item) in (0i64..).zip(items.iter().take(SCHEMA_ITEMS_MAX)) {
        sqlx::query("INSERT OR REPLACE INTO schema_item VALUES (?, ?, ?, ?)")
            .bind(dataset.as_slice())
            .bind(item)
            .bind(position)
            .bind(signed(block.number))
            .execute(&mut **write)
            .await?;
    }
    Ok(())
}

async fn put_deal(
    write: &mut Transaction<'static, Sqlite>,
    block: &BlockRef,
    fact: &Fact,
) -> Result<(), StoreError> {
    let Fact::Deal { id, deal, orders, bulk_cid, tx } = fact else { return Ok(()) };
    let word = |number: U256| number.to_be_bytes::<32>().to_vec();
    let mut query = sqlx::query(
        "INSERT OR REPLACE INTO deal (id, block_number, timestamp_s, tx, app, app_owner, app_price, dataset, \
         dataset_owner, dataset_price, workerpool, workerpool_owner, workerpool_price, trust, category, tag, \
         requester, beneficiary, callback, params, start_time_s, bot_first, bot_size, worker_stake, \
         scheduler_reward_ratio, sponsor, app_order, dataset_order, workerpool_order, request_order, bulk_cid) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(id.0.to_vec())
    .bind(signed(block.number))
    .bind(signed(block.timestamp_s))
    .bind(tx.to_vec());
    for (resource, there) in
        [(&deal.app, true), (&deal.dataset, deal.has_dataset()), (&deal.workerpool, true)]
    {
        query = query
            .bind(there.then(|| resource.pointer.to_vec()))
            .bind(resource.owner.to_vec())
            .bind(word(resource.price.0));
    }
    query = query.bind(word(deal.trust)).bind(signed(deal.category.0)).bind(deal.tag.0.to_vec());
    for party in [deal.requester, deal.beneficiary, deal.callback] {
        query = query.bind(party.to_vec());
    }
    query = query
        .bind(deal.params.clone())
        .bind(signed(deal.start_time_s))
        .bind(word(deal.bot_first))
        .bind(word(deal.bot_size))
        .bind(word(deal.worker_stake.0))
        .bind(word(deal.scheduler_reward_ratio))
        .bind(deal.sponsor.to_vec());
    for order in orders {
        query = query.bind(order.0.to_vec());
    }
    query.bind(bulk_cid.clone()).execute(&mut **write).await?;
    Ok(())
}

pub(crate) fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(what.to_owned())
}

pub(crate) fn read_address(bytes: &[u8]) -> Result<Address, StoreError> {
    Address::try_from(bytes).map_err(|_| damaged("a short address"))
}

pub(crate) fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| damaged("a negative number"))
}

/// Times beyond 63 bits never come, whatever their number.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
