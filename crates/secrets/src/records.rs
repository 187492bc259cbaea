//! The service's tables. Values enter and leave them sealed.

use std::sync::Arc;

use alloy_primitives::{Address, B256};
use metacloud_seal::AesKey;
use metacloud_seal::record::{self, SALT_BYTES};
use metacloud_store::{Database, StoreError};
use metacloud_wire::secrets::{Policy, SecretId};
use sqlx::migrate::Migrator;
use sqlx::{Sqlite, Transaction};
use zeroize::{Zeroize, Zeroizing};

use crate::refusal::Refusal;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Secrets of one subject: a campaign of mails takes one per mail.
const PER_SUBJECT_MAX: i64 = 100_000;
/// Times that one secret may be replaced.
const REPLACED_MAX: i64 = 10_000;
/// Nonces of one signer that are alive at once.
const NONCES_MAX: i64 = 100_000;
/// What the key check holds.
const KEY_CHECK: &[u8] = b"the key of these secrets";

/// Why the tables cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenRecords {
    #[error("they are of hub {found_hub} on chain {found_chain}")]
    OtherHub { found_chain: u64, found_hub: Address },
    #[error("they were written under another key")]
    OtherKey,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for OpenRecords {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// How a value comes in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Write {
    /// Old form, POST: only where there is none.
    Create { release: Policy },
    /// Old form, PUT: only where there is one, whose policy stays.
    Replace,
    /// Signed form.
    Signed { release: Policy, replace: bool, signer: Address, nonce: B256, expires_s: u64 },
}

/// A secret as it leaves the tables; wiped when dropped.
pub(crate) struct Secret {
    pub(crate) value: Zeroizing<String>,
    pub(crate) release: Policy,
}

/// What anybody may know of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) release: Policy,
    pub(crate) set_ms: u64,
}

/// The tables, and the key of what lies in them. A handle.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    database: Database,
    key: Arc<AesKey>,
}

fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(format!("a row of the secrets holds {what}"))
}

fn policy(text: &str) -> Result<Policy, StoreError> {
    text.parse().map_err(|_| damaged("an unknown policy"))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The place of a value: kind, subject, policy and name, the one part of variable length last.
fn binding(id: &SecretId, release: Policy) -> Vec<u8> {
    let head = format!("metacloud secret v1\n{}\n{}\n{release}\n", id.kind(), id.subject());
    [head.as_bytes(), id.name().as_bytes()].concat()
}

impl Records {
    /// Whether secrets may be there already, for which there must be a key.
    pub(crate) async fn begun(database: &Database) -> Result<bool, StoreError> {
        database.migrate(&MIGRATIONS).await?;
        let rows: i64 =
            sqlx::query_scalar("SELECT count(*) FROM service").fetch_one(database.reader()).await?;
        Ok(rows > 0)
    }

    /// Brings the tables up. A first start fixes whose they are, and under which key.
    pub(crate) async fn open(
        database: Database,
        key: AesKey,
        chain_id: u64,
        hub: Address,
        salt: [u8; SALT_BYTES],
    ) -> Result<Self, OpenRecords> {
        database.migrate(&MIGRATIONS).await?;
        let mut write = database.write().await?;
        sqlx::query("INSERT OR IGNORE INTO service (one, chain_id, hub, key_check) VALUES (1, ?, ?, ?)")
            .bind(signed(chain_id))
            .bind(hub.as_slice())
            .bind(record::seal(&key, salt, KEY_CHECK, KEY_CHECK))
            .execute(&mut *write)
            .await?;
        let (found_chain, found_hub, check): (i64, Vec<u8>, Vec<u8>) =
            sqlx::query_as("SELECT chain_id, hub, key_check FROM service").fetch_one(&mut *write).await?;
        write.commit().await?;
        let found_hub = Address::try_from(&found_hub[..]).map_err(|_| damaged("a short address"))?;
        let found_chain = u64::try_from(found_chain).map_err(|_| damaged("a negative number"))?;
        if (found_chain, found_hub) != (chain_id, hub) {
            return Err(OpenRecords::OtherHub { found_chain, found_hub });
        }
        record::open(&key, KEY_CHECK, &check).map_err(|_| OpenRecords::OtherKey)?;
        Ok(Self { database, key: Arc::new(key) })
    }

    pub(crate) async fn close(&self) {
        self.database.close().await;
    }

    /// What anybody may know.
    pub(crate) async fn shown(&self, id: &SecretId) -> Result<Option<Shown>, StoreError> {
        let row: Option<(String, i64)> =
            sqlx::query_as("SELECT release, set_ms FROM secret WHERE kind = ? AND subject = ? AND name = ?")
                .bind(id.kind().name())
                .bind(id.subject().as_slice())
                .bind(id.name())
                .fetch_optional(self.database.reader())
                .await?;
        row.map(|(release, set_ms)| {
            let set_ms = u64::try_from(set_ms).map_err(|_| damaged("a negative number"))?;
            Ok(Shown { release: policy(&release)?, set_ms })
        })
        .transpose()
    }

    /// The value with its policy.
    pub(crate) async fn read(&self, id: &SecretId) -> Result<Option<Secret>, Refusal> {
        let row: Option<(String, Vec<u8>)> =
            sqlx::query_as("SELECT release, sealed FROM secret WHERE kind = ? AND subject = ? AND name = ?")
                .bind(id.kind().name())
                .bind(id.subject().as_slice())
                .bind(id.name())
                .fetch_optional(self.database.reader())
                .await?;
        row.map(|(release, sealed)| self.opened(id, policy(&release)?, &sealed)).transpose()
    }

    fn opened(&self, id: &SecretId, release: Policy, sealed: &[u8]) -> Result<Secret, Refusal> {
        let damaged = || Refusal::Damaged(id.clone());
        let mut bytes = record::open(&self.key, &binding(id, release), sealed).map_err(|_| damaged())?;
        let value = String::from_utf8(std::mem::take(&mut bytes)).map_err(|error| {
            error.into_bytes().zeroize();
            damaged()
        })?;
        Ok(Secret { value: Zeroizing::new(value), release })
    }

    /// Takes a value in: all of it and its traces, or nothing.
    pub(crate) async fn put(
        &self,
        id: &SecretId,
        value: &str,
        how: Write,
        salt: [u8; SALT_BYTES],
        now_ms: u64,
    ) -> Result<(), Refusal> {
        let mut write = self.database.write().await?;
        if let Write::Signed { signer, nonce, expires_s, .. } = how {
            use_nonce(&mut write, signer, nonce, expires_s, now_ms / 1_000).await?;
        }
        let row: Option<(String, Vec<u8>)> =
            sqlx::query_as("SELECT release, sealed FROM secret WHERE kind = ? AND subject = ? AND name = ?")
                .bind(id.kind().name())
                .bind(id.subject().as_slice())
                .bind(id.name())
                .fetch_optional(&mut *write)
                .await?;
        let present = row.map(|(release, sealed)| self.opened(id, policy(&release)?, &sealed)).transpose()?;
        let release = match (how, &present) {
            (Write::Create { .. } | Write::Signed { replace: false, .. }, Some(_)) => {
                return Err(Refusal::Exists);
            }
            (Write::Replace, None) => return Err(Refusal::Unknown),
            (Write::Create { release } | Write::Signed { release, .. }, _) => release,
            (Write::Replace, Some(present)) => present.release,
        };
        match &present {
            None => self.room_for_one(&mut write, id, value, how).await?,
            Some(present) => self.give_way(&mut write, id, present, value, how).await?,
        }
        sqlx::query(
            "INSERT OR REPLACE INTO secret (kind, subject, name, release, set_ms, sealed) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(id.kind().name())
        .bind(id.subject().as_slice())
        .bind(id.name())
        .bind(release.to_string())
        .bind(signed(now_ms))
        .bind(record::seal(&self.key, salt, &binding(id, release), value.as_bytes()))
        .execute(&mut *write)
        .await?;
        Ok(write.commit().await?)
    }

    /// Removes a secret, and remembers what it was: an old message of the old form does not bring it back.
    pub(crate) async fn remove(
        &self,
        id: &SecretId,
        signer: Address,
        nonce: B256,
        expires_s: u64,
        now_ms: u64,
    ) -> Result<(), Refusal> {
        let mut write = self.database.write().await?;
        use_nonce(&mut write, signer, nonce, expires_s, now_ms / 1_000).await?;
        let row: Option<(String, Vec<u8>)> = sqlx::query_as(
            "DELETE FROM secret WHERE kind = ? AND subject = ? AND name = ? RETURNING release, sealed",
        )
        .bind(id.kind().name())
        .bind(id.subject().as_slice())
        .bind(id.name())
        .fetch_optional(&mut *write)
        .await?;
        let (release, sealed) = row.ok_or(Refusal::Unknown)?;
        let present = self.opened(id, policy(&release)?, &sealed)?;
        self.remember(&mut write, id, &present.value).await?;
        Ok(write.commit().await?)
    }

    async fn room_for_one(
        &self,
        write: &mut Transaction<'_, Sqlite>,
        id: &SecretId,
        value: &str,
        how: Write,
    ) -> Result<(), Refusal> {
        match how {
            Write::Create { .. } | Write::Replace if self.was_replaced(write, id, value).await? => {
                return Err(Refusal::Replaced);
            }
            Write::Create { .. } | Write::Replace | Write::Signed { .. } => {}
        }
        self.room_to_replace(write, id).await?;
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM secret WHERE kind = ? AND subject = ?")
            .bind(id.kind().name())
            .bind(id.subject().as_slice())
            .fetch_one(&mut **write)
            .await?;
        if count >= PER_SUBJECT_MAX {
            return Err(Refusal::TooMany(format!("an owner has at most {PER_SUBJECT_MAX} secrets")));
        }
        Ok(())
    }

    /// Remembers the value that gives way, and refuses one that did before unless its owner says so with a nonce.
    async fn give_way(
        &self,
        write: &mut Transaction<'_, Sqlite>,
        id: &SecretId,
        present: &Secret,
        value: &str,
        how: Write,
    ) -> Result<(), Refusal> {
        // The same value again changes nothing, and a second answer to a repeated request is no replay.
        if present.value.as_str() == value {
            return Ok(());
        }
        match how {
            Write::Create { .. } | Write::Replace if self.was_replaced(write, id, value).await? => {
                return Err(Refusal::Replaced);
            }
            Write::Create { .. } | Write::Replace | Write::Signed { .. } => {}
        }
        self.room_to_replace(write, id).await?;
        self.remember(write, id, &present.value).await
    }

    fn mark(&self, id: &SecretId, value: &str) -> Vec<u8> {
        record::fingerprint(&self.key, id.old_challenge(value.as_bytes()).as_slice()).to_vec()
    }

    /// Whether a value gave way, or was removed, before.
    async fn was_replaced(
        &self,
        write: &mut Transaction<'_, Sqlite>,
        id: &SecretId,
        value: &str,
    ) -> Result<bool, Refusal> {
        let marks: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM replaced WHERE kind = ? AND subject = ? AND name = ? AND fingerprint = ?",
        )
        .bind(id.kind().name())
        .bind(id.subject().as_slice())
        .bind(id.name())
        .bind(self.mark(id, value))
        .fetch_one(&mut **write)
        .await?;
        Ok(marks > 0)
    }

    async fn room_to_replace(
        &self,
        write: &mut Transaction<'_, Sqlite>,
        id: &SecretId,
    ) -> Result<(), Refusal> {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM replaced WHERE kind = ? AND subject = ? AND name = ?")
                .bind(id.kind().name())
                .bind(id.subject().as_slice())
                .bind(id.name())
                .fetch_one(&mut **write)
                .await?;
        if count >= REPLACED_MAX {
            return Err(Refusal::TooMany(format!("a secret is replaced at most {REPLACED_MAX} times")));
        }
        Ok(())
    }

    async fn remember(
        &self,
        write: &mut Transaction<'_, Sqlite>,
        id: &SecretId,
        value: &str,
    ) -> Result<(), Refusal> {
        sqlx::query("INSERT OR IGNORE INTO replaced (kind, subject, name, fingerprint) VALUES (?, ?, ?, ?)")
            .bind(id.kind().name())
            .bind(id.subject().as_slice())
            .bind(id.name())
            .bind(self.mark(id, value))
            .execute(&mut **write)
            .await?;
        Ok(())
    }
}

/// Uses a nonce up, and forgets those whose messages have expired.
async fn use_nonce(
    write: &mut Transaction<'_, Sqlite>,
    signer: Address,
    nonce: B256,
    expires_s: u64,
    now_s: u64,
) -> Result<(), Refusal> {
    sqlx::query("DELETE FROM used_nonce WHERE expires_s < ?")
        .bind(signed(now_s))
        .execute(&mut **write)
        .await?;
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM used_nonce WHERE signer = ?")
        .bind(signer.as_slice())
        .fetch_one(&mut **write)
        .await?;
    if count >= NONCES_MAX {
        return Err(Refusal::TooMany(format!("a signer has at most {NONCES_MAX} messages alive")));
    }
    let used = sqlx::query("INSERT OR IGNORE INTO used_nonce (signer, nonce, expires_s) VALUES (?, ?, ?)")
        .bind(signer.as_slice())
        .bind(nonce.as_slice())
        .bind(signed(expires_s))
        .execute(&mut **write)
        .await?;
    if used.rows_affected() == 0 {
        return Err(Refusal::Stale("the nonce was used before".to_owned()));
    }
    Ok(())
}
