//! What a machine was told, so that it can be told again.
//!
//! A shell appends the inputs of its machine before it acts on them, now and then replaces them by a snapshot of
//! the machine's state, and after a restart feeds the snapshot and the later records to a fresh machine.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::database::{Database, StoreError};

/// Largest record, as JSON.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// Largest snapshot, as JSON.
pub const SNAPSHOT_BYTES_MAX: usize = 256 << 20;
/// Records of one batch.
pub const BATCH_MAX: usize = 10_000;
/// Records since the last snapshot; beyond, [`Journal::append`] refuses. Long before, take a snapshot.
pub const RECORDS_MAX: usize = 10_000_000;
/// Records read at a time.
const PAGE: i64 = 1_000;

/// An append-only list of records of one type, kept in a [`Database`]. One value writes one journal.
#[derive(Debug)]
pub struct Journal<R> {
    database: Database,
    name: &'static str,
    /// Number of the last record ever appended, from 1.
    last_seq: i64,
    /// Number of the last record that the snapshot covers.
    snapshot_seq: i64,
    records: PhantomData<fn(R) -> R>,
}

impl<R: Serialize + DeserializeOwned> Journal<R> {
    /// Opens the journal of that name, made if absent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(database: &Database, name: &'static str) -> Result<Self, StoreError> {
        let mut write = database.write().await?;
        for table in [
            "CREATE TABLE IF NOT EXISTS journal_record \
             (journal TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (journal, seq)) \
             STRICT, WITHOUT ROWID",
            "CREATE TABLE IF NOT EXISTS journal_snapshot \
             (journal TEXT NOT NULL PRIMARY KEY, seq INTEGER NOT NULL, body TEXT NOT NULL) STRICT",
        ] {
            sqlx::query(table).execute(&mut *write).await?;
        }
        let snapshot_seq: Option<i64> =
            sqlx::query_scalar("SELECT seq FROM journal_snapshot WHERE journal = ?")
                .bind(name)
                .fetch_optional(&mut *write)
                .await?;
        let last_seq: Option<i64> =
            sqlx::query_scalar("SELECT max(seq) FROM journal_record WHERE journal = ?")
                .bind(name)
                .fetch_one(&mut *write)
                .await?;
        write.commit().await?;
        let snapshot_seq = snapshot_seq.unwrap_or(0);
        Ok(Self {
            database: database.clone(),
            name,
            last_seq: last_seq.unwrap_or(0).max(snapshot_seq),
            snapshot_seq,
            records: PhantomData,
        })
    }

    /// Appends a batch: all of it or, on an error, none; one transaction, one sync.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] and [`StoreError::TooMany`] at the bounds; otherwise the database's.
    pub async fn append(&mut self, batch: &[R]) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let held = self.since_snapshot() + batch.len();
        for (count, max) in [(batch.len(), BATCH_MAX), (held, RECORDS_MAX)] {
            if count > max {
                return Err(StoreError::TooMany { count, max });
            }
        }
        let mut write = self.database.write().await?;
        let mut seq = self.last_seq;
        for record in batch {
            seq += 1;
            let body = self.encode(seq, record, RECORD_BYTES_MAX)?;
            sqlx::query("INSERT INTO journal_record (journal, seq, body) VALUES (?, ?, ?)")
                .bind(self.name)
                .bind(seq)
                .bind(body)
                .execute(&mut *write)
                .await?;
        }
        write.commit().await?;
        self.last_seq = seq;
        Ok(())
    }

    /// Records appended since the last snapshot.
    pub fn since_snapshot(&self) -> usize {
        usize::try_from(self.last_seq - self.snapshot_seq).expect("a snapshot covers what was appended")
    }

    /// Replaces all records so far by the state that they led to.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] over [`SNAPSHOT_BYTES_MAX`]; otherwise the database's. The old ones stay then.
    pub async fn snapshot<S: Serialize>(&mut self, state: &S) -> Result<(), StoreError> {
        let body = self.encode(0, state, SNAPSHOT_BYTES_MAX)?;
        let mut write = self.database.write().await?;
        sqlx::query(
            "INSERT INTO journal_snapshot (journal, seq, body) VALUES (?, ?, ?) \
             ON CONFLICT (journal) DO UPDATE SET seq = excluded.seq, body = excluded.body",
        )
        .bind(self.name)
        .bind(self.last_seq)
        .bind(body)
        .execute(&mut *write)
        .await?;
        sqlx::query("DELETE FROM journal_record WHERE journal = ? AND seq <= ?")
            .bind(self.name)
            .bind(self.last_seq)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        self.snapshot_seq = self.last_seq;
        Ok(())
    }

    /// The last snapshot.
    ///
    /// # Errors
    /// [`StoreError::Record`] if it is not of this type; otherwise the database's.
    pub async fn latest_snapshot<S: DeserializeOwned>(&self) -> Result<Option<S>, StoreError> {
        let body: Option<String> = sqlx::query_scalar("SELECT body FROM journal_snapshot WHERE journal = ?")
            .bind(self.name)
            .fetch_optional(self.database.reader())
            .await?;
        body.map(|body| self.decode(0, &body)).transpose()
    }

    /// Gives the records since the last snapshot to `handle`, in the order of their appending.
    ///
    /// # Errors
    /// [`StoreError::Record`] at the first that is not of this type, [`StoreError::Damaged`] if one is missing;
    /// otherwise the database's.
    pub async fn replay(&self, mut handle: impl FnMut(R)) -> Result<(), StoreError> {
        let mut seq = self.snapshot_seq;
        while seq < self.last_seq {
            let page: Vec<(i64, String)> = sqlx::query_as(
                "SELECT seq, body FROM journal_record WHERE journal = ? AND seq > ? ORDER BY seq LIMIT ?",
            )
            .bind(self.name)
            .bind(seq)
            .bind(PAGE)
            .fetch_all(self.database.reader())
            .await?;
            if page.is_empty() {
                return Err(self.gap(seq + 1));
            }
            for (found, body) in page {
                seq += 1;
                if found != seq {
                    return Err(self.gap(seq));
                }
                handle(self.decode(seq, &body)?);
            }
        }
        Ok(())
    }

    fn gap(&self, seq: i64) -> StoreError {
        StoreError::Damaged(format!("record {seq} of journal {:?} is missing", self.name))
    }

    fn encode<T: Serialize>(&self, seq: i64, value: &T, max_bytes: usize) -> Result<String, StoreError> {
        let body = serde_json::to_string(value).map_err(|source| self.unreadable(seq, source))?;
        let size_bytes = body.len();
        match size_bytes <= max_bytes {
            true => Ok(body),
            false => Err(StoreError::TooLarge { size_bytes, max_bytes }),
        }
    }

    fn decode<T: DeserializeOwned>(&self, seq: i64, body: &str) -> Result<T, StoreError> {
        serde_json::from_str(body).map_err(|source| self.unreadable(seq, source))
    }

    fn unreadable(&self, seq: i64, source: serde_json::Error) -> StoreError {
        StoreError::Record { journal: self.name, seq, source }
    }
}
