//! What blocks do to the tables, and how it is undone.

use alloy_primitives::B256;
use metacloud_chain::BlockRef;
use metacloud_protocol::OrderHash;
use metacloud_store::StoreError;
use metacloud_wire::market::DealRecord;
use sqlx::{Sqlite, Transaction};

use super::{Change, Records, Row, damaged, put_deal, read_row, read_status, signed, unsigned};

/// Blocks for which changes can be undone; as many as a follower remembers.
const UNDO_BLOCKS: u64 = 1_024;

/// Orders whose volume was asked of the chain, and the block at which it was asked: not always the last one taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ahead {
    /// Height of that block.
    pub(crate) number: u64,
    /// Its hash; zero if blocks came while the chain was asked, so that none fits the answers for certain.
    pub(crate) block: B256,
    pub(crate) orders: Vec<OrderHash>,
}

impl Records {
    /// Blocks taken in and not undone, oldest first. The last is where following goes on.
    pub(crate) async fn seen_blocks(&self) -> Result<Vec<BlockRef>, StoreError> {
        let rows: Vec<(i64, Vec<u8>, i64)> =
            sqlx::query_as("SELECT number, hash, timestamp_s FROM seen_block ORDER BY number")
                .fetch_all(self.database.reader())
                .await?;
        rows.into_iter()
            .map(|(number, hash, timestamp_s)| {
                Ok(BlockRef {
                    number: unsigned(number)?,
                    hash: read_hash(&hash)?,
                    timestamp_s: unsigned(timestamp_s)?,
                })
            })
            .collect()
    }

    /// Height of the last block taken in; `None` before the first.
    pub(crate) async fn height(&self) -> Result<Option<u64>, StoreError> {
        let number: Option<i64> =
            sqlx::query_scalar("SELECT block_number FROM source").fetch_one(self.database.reader()).await?;
        number.map(unsigned).transpose()
    }

    /// Keeps what one block did, and that it was seen.
    pub(crate) async fn put_block(
        &self,
        block: &BlockRef,
        changes: &[Change],
        ahead: &Ahead,
        deals: &[DealRecord],
    ) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        change_orders(&mut write, block.number, changes).await?;
        // Those asked of this very block are settled by it, the others up to it were asked again.
        sqlx::query("DELETE FROM asked_ahead WHERE block_number <= ?")
            .bind(signed(block.number))
            .execute(&mut *write)
            .await?;
        set_last(&mut write, block).await?;
        put_ahead(&mut write, ahead).await?;
        for deal in deals {
            put_deal(&mut write, deal).await?;
        }
        let undo_from = signed(block.number.saturating_sub(UNDO_BLOCKS));
        for statement in [
            "DELETE FROM order_change WHERE block_number < ?",
            "DELETE FROM seen_block WHERE number < ?",
            "UPDATE source SET undo_from = max(undo_from, ?)",
        ] {
            sqlx::query(statement).bind(undo_from).execute(&mut *write).await?;
        }
        Ok(write.commit().await?)
    }

    /// Keeps changes that were learnt by asking, at a time when `seen_block` was the last block told.
    pub(crate) async fn put_changes(
        &self,
        seen_block: u64,
        changes: &[Change],
        ahead: &Ahead,
    ) -> Result<(), StoreError> {
        let mut write = self.database.write().await?;
        change_orders(&mut write, seen_block, changes).await?;
        put_ahead(&mut write, ahead).await?;
        Ok(write.commit().await?)
    }

    /// Orders whose volume was asked of a block up to this height that is not this one: to be asked again.
    pub(crate) async fn asked_of_others(&self, block: &BlockRef) -> Result<Vec<OrderHash>, StoreError> {
        let hashes: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT hash FROM asked_ahead WHERE block_number <= ? AND block_hash <> ?")
                .bind(signed(block.number))
                .bind(block.hash.as_slice())
                .fetch_all(self.database.reader())
                .await?;
        hashes.iter().map(|hash| read_hash(hash).map(OrderHash)).collect()
    }

    /// Undoes what blocks after `to` did; answers the orders concerned as they are now. Their volumes must be asked
    /// again. Below the reach of undoing, every order is concerned, and all but the dead ones are taken for open.
    pub(crate) async fn revert(&self, to: &BlockRef) -> Result<Vec<Row>, StoreError> {
        let mut write = self.database.write().await?;
        let undo_from: i64 =
            sqlx::query_scalar("SELECT undo_from FROM source").fetch_one(&mut *write).await?;
        let hashes = if to.number.saturating_add(1) < unsigned(undo_from)? {
            begin_anew(&mut write).await?
        } else {
            undo(&mut write, to.number).await?
        };
        for statement in [
            "DELETE FROM order_change WHERE block_number > ?",
            "DELETE FROM deal WHERE block_number > ?",
            "DELETE FROM seen_block WHERE number > ?",
        ] {
            sqlx::query(statement).bind(signed(to.number)).execute(&mut *write).await?;
        }
        set_last(&mut write, to).await?;
        let mut rows = Vec::new();
        for hash in hashes {
            let row = sqlx::query("SELECT * FROM market_order WHERE hash = ?")
                .bind(hash)
                .fetch_optional(&mut *write)
                .await?;
            rows.extend(row.as_ref().map(read_row).transpose()?);
        }
        write.commit().await?;
        Ok(rows)
    }
}

/// Takes changes by blocks above `height` back, newest first; answers the orders whose volume may be another now: these,
/// those of deals that are gone (their use may have been known before they were published), and those asked ahead.
async fn undo(write: &mut Transaction<'static, Sqlite>, height: u64) -> Result<Vec<Vec<u8>>, StoreError> {
    let height = signed(height);
    let undone: Vec<(Vec<u8>, i64, String)> = sqlx::query_as(
        "SELECT hash, remaining, status FROM order_change WHERE block_number > ? ORDER BY seq DESC",
    )
    .bind(height)
    .fetch_all(&mut **write)
    .await?;
    for (hash, remaining, status) in undone {
        let hash = OrderHash(read_hash(&hash)?);
        let change = Change { hash, remaining: unsigned(remaining)?, status: read_status(&status)? };
        set_order(write, &change).await?;
    }
    Ok(sqlx::query_scalar(
        "SELECT hash FROM order_change WHERE block_number > ?1 UNION SELECT hash FROM asked_ahead \
         UNION SELECT app_hash FROM deal WHERE block_number > ?1 \
         UNION SELECT dataset_hash FROM deal WHERE block_number > ?1 \
         UNION SELECT workerpool_hash FROM deal WHERE block_number > ?1 \
         UNION SELECT request_hash FROM deal WHERE block_number > ?1",
    )
    .bind(height)
    .fetch_all(&mut **write)
    .await?)
}

/// Nothing is known of what blocks did: orders are what their signers wrote, used as far as the chain says.
async fn begin_anew(write: &mut Transaction<'static, Sqlite>) -> Result<Vec<Vec<u8>>, StoreError> {
    for statement in [
        "UPDATE market_order SET status = 'open' WHERE status IN ('filled', 'canceled')",
        "DELETE FROM order_change",
        "UPDATE source SET undo_from = 0",
    ] {
        sqlx::query(statement).execute(&mut **write).await?;
    }
    Ok(sqlx::query_scalar("SELECT hash FROM market_order").fetch_all(&mut **write).await?)
}

fn read_hash(bytes: &[u8]) -> Result<B256, StoreError> {
    B256::try_from(bytes).map_err(|_| damaged("a short hash"))
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
        .bind(super::status_text(change.status))
        .bind(change.hash.as_slice())
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Notes what was asked ahead; answers of the last block taken in are settled.
async fn put_ahead(write: &mut Transaction<'static, Sqlite>, ahead: &Ahead) -> Result<(), StoreError> {
    for hash in &ahead.orders {
        sqlx::query(
            "INSERT OR REPLACE INTO asked_ahead (hash, block_number, block_hash) \
             SELECT ?1, ?2, ?3 FROM source WHERE block_hash IS NOT ?3",
        )
        .bind(hash.as_slice())
        .bind(signed(ahead.number))
        .bind(ahead.block.as_slice())
        .execute(&mut **write)
        .await?;
    }
    Ok(())
}

async fn set_last(write: &mut Transaction<'static, Sqlite>, block: &BlockRef) -> Result<(), StoreError> {
    sqlx::query("UPDATE source SET block_number = ?, block_hash = ?")
        .bind(signed(block.number))
        .bind(block.hash.as_slice())
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

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;
    use metacloud_protocol::OrderKind;
    use metacloud_store::{Database, Durability};
    use metacloud_wire::market::OrderStatus;

    use super::*;

    const ORDER: OrderHash = OrderHash(B256::repeat_byte(9));

    fn block(number: u64, hash: u8) -> BlockRef {
        BlockRef { number, hash: B256::repeat_byte(hash), timestamp_s: 1_000 + number }
    }

    fn ahead(number: u64, hash: u8) -> Ahead {
        Ahead { number, block: B256::repeat_byte(hash), orders: vec![ORDER] }
    }

    async fn records(dir: &tempfile::TempDir) -> Records {
        let database =
            Database::open(&dir.path().join("market.sqlite"), Durability::ProcessDeath).await.unwrap();
        let records = Records::open(database, 1, Address::ZERO, &block(0, 1)).await.unwrap();
        let row = Row {
            hash: ORDER,
            kind: OrderKind::App,
            body: "{}".to_owned(),
            signer: Address::ZERO,
            published_ms: 1,
            remaining: 10,
            status: OrderStatus::Open,
            grouped: false,
            for_keeper: false,
            keeper_tries: 0,
        };
        records.put_orders(&[row]).await.unwrap();
        records.put_block(&block(3, 3), &[], &Ahead::default(), &[]).await.unwrap();
        records
    }

    fn used(remaining: u64) -> [Change; 1] {
        [Change { hash: ORDER, remaining, status: OrderStatus::Open }]
    }

    #[tokio::test]
    async fn what_was_asked_ahead_is_asked_again_unless_that_very_block_comes() {
        let dir = tempfile::tempdir().unwrap();
        let records = records(&dir).await;
        let again = async |block: BlockRef| records.asked_of_others(&block).await.unwrap();
        // Asked of the block taken in last: settled.
        records.put_changes(3, &used(9), &ahead(3, 3)).await.unwrap();
        assert_eq!(again(block(9, 9)).await, []);
        // The chain was ahead.
        records.put_changes(3, &used(8), &ahead(5, 5)).await.unwrap();
        assert_eq!(again(block(4, 4)).await, [], "not reached yet");
        assert_eq!(again(block(5, 5)).await, [], "that very block");
        assert_eq!(again(block(5, 6)).await, [ORDER], "another one in its place");
        assert_eq!(again(block(7, 7)).await, [ORDER], "passed over");
        records.put_block(&block(5, 5), &[], &Ahead::default(), &[]).await.unwrap();
        assert_eq!(again(block(9, 9)).await, []);
        // Blocks came while the chain was asked: no block fits for certain.
        records.put_changes(5, &used(7), &Ahead { block: B256::ZERO, ..ahead(6, 0) }).await.unwrap();
        assert_eq!(again(block(6, 6)).await, [ORDER]);
    }

    #[tokio::test]
    async fn a_reversion_names_what_was_asked_ahead_and_forgets_later_blocks() {
        let dir = tempfile::tempdir().unwrap();
        let records = records(&dir).await;
        records.put_block(&block(4, 4), &used(6), &Ahead::default(), &[]).await.unwrap();
        records.put_changes(4, &[], &ahead(7, 7)).await.unwrap();
        let concerned = records.revert(&block(4, 4)).await.unwrap();
        assert_eq!(concerned.iter().map(|row| (row.hash, row.remaining)).collect::<Vec<_>>(), [(ORDER, 6)]);
        let concerned = records.revert(&block(3, 3)).await.unwrap();
        assert_eq!(concerned[0].remaining, 10, "undone");
        assert_eq!(records.seen_blocks().await.unwrap(), [block(3, 3)]);
        assert_eq!(records.height().await.unwrap(), Some(3));
    }

    #[tokio::test]
    async fn tables_of_another_chain_or_hub_are_refused() {
        use super::super::OpenRecords;
        let dir = tempfile::tempdir().unwrap();
        let database = records(&dir).await.database;
        let open = |chain, hub, genesis| Records::open(database.clone(), chain, hub, genesis);
        let (genesis, hub) = (block(0, 1), Address::ZERO);
        assert!(open(1, hub, &genesis).await.is_ok());
        let refused = open(2, hub, &genesis).await.unwrap_err();
        assert!(matches!(refused, OpenRecords::OtherHub { found_chain: 1, .. }));
        let refused = open(1, Address::repeat_byte(1), &genesis).await.unwrap_err();
        assert!(matches!(refused, OpenRecords::OtherHub { .. }));
        let refused = open(1, hub, &block(0, 2)).await.unwrap_err();
        assert!(matches!(refused, OpenRecords::OtherGenesis));
    }
}
