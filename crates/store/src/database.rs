//! An embedded database file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool, Transaction};

/// How long a statement waits for the file's lock.
const BUSY_MAX: Duration = Duration::from_secs(5);
/// How long a caller waits for a connection.
const ACQUIRE_MAX: Duration = Duration::from_secs(30);
/// Connections that read.
const READERS_MAX: u32 = 4;

/// What an acknowledged commit survives. The file itself is never corrupted by either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A power cut: one sync of the write-ahead log per commit (`synchronous = FULL`).
    PowerCut,
    /// The death of the process, `kill -9` included; a power cut may take the last commits
    /// (`synchronous = NORMAL`).
    ProcessDeath,
}

/// A `SQLite` database in write-ahead mode: one connection writes, a few read, none waits for the other.
/// A handle: clones share it.
#[derive(Clone, Debug)]
pub struct Database {
    readers: SqlitePool,
    writer: SqlitePool,
}

/// Why the database failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it.
    #[error("the database {} is in use by another process", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// Not a database, or a damaged one.
    #[error("the database is damaged: {0}; restore it from a copy")]
    Damaged(String),
    /// No space is left.
    #[error("the disk of the database is full; free space or move the data directory")]
    DiskFull,
    /// It was migrated by a later version, or a migration was changed.
    #[error("the database was written by another version of this program: {0}")]
    OtherVersion(#[source] MigrateError),
    /// A record or snapshot over its bound.
    #[error("a record of {size_bytes} bytes exceeds the bound of {max_bytes}")]
    TooLarge {
        /// Its size.
        size_bytes: usize,
        /// The bound.
        max_bytes: usize,
    },
    /// Too many records at once, or since the last snapshot.
    #[error("{count} records exceed the bound of {max}; take a snapshot or split the batch")]
    TooMany {
        /// How many there would be.
        count: usize,
        /// The bound.
        max: usize,
    },
    /// A record cannot be written as, or read from, JSON.
    #[error("record {seq} of journal {journal:?} is unreadable: {source}")]
    Record {
        /// The journal's name.
        journal: &'static str,
        /// The record's number; 0 for a snapshot.
        seq: i64,
        /// The cause.
        source: serde_json::Error,
    },
    /// Any other failure of the database.
    #[error("the database failed: {0}")]
    Sql(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        // Primary result codes of SQLite; extended ones carry more in their upper bytes.
        const FULL: u32 = 13;
        const CORRUPT: u32 = 11;
        const NOT_A_DATABASE: u32 = 26;
        let code = error
            .as_database_error()
            .and_then(|error| error.code()?.parse::<u32>().ok())
            .map(|code| code & 0xff);
        match code {
            Some(FULL) => Self::DiskFull,
            Some(CORRUPT | NOT_A_DATABASE) => Self::Damaged(error.to_string()),
            _ => Self::Sql(error),
        }
    }
}

impl Database {
    /// Opens the file, made if absent.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(path: &Path, durability: Durability) -> Result<Self, StoreError> {
        let synchronous = match durability {
            Durability::PowerCut => SqliteSynchronous::Full,
            Durability::ProcessDeath => SqliteSynchronous::Normal,
        };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .busy_timeout(BUSY_MAX)
            .foreign_keys(true);
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_MAX)
                .idle_timeout(None)
                .max_lifetime(None)
        };
        let in_use = |error: sqlx::Error| match error.as_database_error().and_then(|e| e.code()) {
            Some(code) if code == "5" => StoreError::InUse { path: path.to_owned() },
            _ => error.into(),
        };
        // The writer first: it makes the file and sets its mode.
        let writer = pool(1).connect_with(options.clone()).await.map_err(in_use)?;
        let readers = pool(READERS_MAX).connect_lazy_with(options.read_only(true));
        Ok(Self { readers, writer })
    }

    /// Brings the tables to the version of `migrations`.
    ///
    /// # Errors
    /// [`StoreError::OtherVersion`] for a file that a later version wrote.
    pub async fn migrate(&self, migrations: &Migrator) -> Result<(), StoreError> {
        migrations.run(&self.writer).await.map_err(|error| match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            error => StoreError::OtherVersion(error),
        })
    }

    /// Connections to read with. What was committed before is seen.
    pub const fn reader(&self) -> &SqlitePool {
        &self.readers
    }

    /// Begins the one writing transaction; others wait. Dropped uncommitted, it leaves nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Waits for running statements and closes the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
