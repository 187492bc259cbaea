//! Where the API of a pool is, as its owner signed it, and which application goes by a name, as the operator says.

use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::Address;
use metacloud_abi::Hub;
use metacloud_chain::CallError;
use metacloud_protocol::signing;
use metacloud_wire::Checksummed;
use metacloud_wire::compass::{Announcement, LIFE_S_MAX, NAME_BYTES_MAX, WorkerpoolView, digest, is_origin};

use crate::explorer::{Explorer, Unready};
use crate::records::{read_address, signed};

/// Pools that are known; further ones are refused.
const POOLS_MAX: i64 = 100_000;

/// Why an announcement is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{0}")]
    Form(&'static str),
    #[error("there is no workerpool at this address")]
    Unknown,
    #[error("the announcement is not signed by the owner of the workerpool")]
    Signer,
    #[error("an announcement that expires later is known")]
    Older,
    #[error("no further workerpools are taken")]
    Full,
    #[error(transparent)]
    Unready(#[from] Unready),
}

impl From<sqlx::Error> for Refused {
    fn from(error: sqlx::Error) -> Self {
        Self::Unready(error.into())
    }
}

/// Seconds since the epoch.
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The API of a pool. An announcement ends with its time, and with the ownership of whoever signed it.
pub(crate) async fn workerpool(
    explorer: &Explorer,
    workerpool: Address,
) -> Result<Option<WorkerpoolView>, Unready> {
    let found: Option<(Vec<u8>, String, String)> = sqlx::query_as(
        "SELECT owner, name, api_url FROM announcement WHERE workerpool = ? AND expires_s > ?",
    )
    .bind(workerpool.as_slice())
    .bind(signed(now_s()))
    .fetch_optional(explorer.0.records.database.reader())
    .await?;
    let Some((owner, name, api_url)) = found else { return Ok(None) };
    let known = read_address(&owner)?;
    let owner = owner_of(explorer, workerpool).await?;
    let view = WorkerpoolView { name, api_url, address: Checksummed(workerpool) };
    Ok((owner == Some(known)).then_some(view))
}

/// Takes an announcement.
pub(crate) async fn announce(
    explorer: &Explorer,
    workerpool: Address,
    announcement: &Announcement,
) -> Result<(), Refused> {
    let Announcement { name, api_url, expires_s, signature } = announcement;
    if name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(Refused::Form("name is too long or holds control characters"));
    }
    if !is_origin(api_url) {
        return Err(Refused::Form("apiUrl must be an origin: http(s)://host[:port]"));
    }
    let now = now_s();
    if *expires_s <= now || *expires_s > now.saturating_add(LIFE_S_MAX) {
        return Err(Refused::Form("expiresS must lie in the next 400 days"));
    }
    let owner = owner_of(explorer, workerpool).await?.ok_or(Refused::Unknown)?;
    let hub = &explorer.0.hub;
    let hash = digest(explorer.chain_id(), hub.address(), workerpool, name, api_url, *expires_s);
    let bytes = signature.as_bytes();
    if signing::recover(hash, bytes) != Some(owner) {
        // An owner that is a contract decides by itself (ERC-1271), which the hub asks in its view.
        let code = hub.chain().code(owner).await.map_err(CallError::from).map_err(Unready::from)?;
        let call = Hub::verifySignatureCall { account: owner, hash, signature: bytes.clone() };
        if code.is_empty() || !answer(hub.chain().read(hub.address(), &call).await)?.unwrap_or(false) {
            return Err(Refused::Signer);
        }
    }
    keep(explorer, workerpool, owner, announcement).await
}

async fn keep(
    explorer: &Explorer,
    workerpool: Address,
    owner: Address,
    announcement: &Announcement,
) -> Result<(), Refused> {
    let mut write = explorer.0.records.database.write().await.map_err(Unready::from)?;
    let expires_s = signed(announcement.expires_s);
    let known: Option<(Vec<u8>, i64)> =
        sqlx::query_as("SELECT owner, expires_s FROM announcement WHERE workerpool = ?")
            .bind(workerpool.as_slice())
            .fetch_optional(&mut *write)
            .await?;
    match known {
        // What a former owner said binds nobody.
        Some((known, expires)) if known == owner.as_slice() && expires > expires_s => {
            return Err(Refused::Older);
        }
        Some(_) => {}
        None => {
            sqlx::query("DELETE FROM announcement WHERE expires_s <= ?")
                .bind(signed(now_s()))
                .execute(&mut *write)
                .await?;
            let count: i64 =
                sqlx::query_scalar("SELECT count(*) FROM announcement").fetch_one(&mut *write).await?;
            if count >= POOLS_MAX {
                return Err(Refused::Full);
            }
        }
    }
    sqlx::query("INSERT OR REPLACE INTO announcement VALUES (?, ?, ?, ?, ?)")
        .bind(workerpool.as_slice())
        .bind(owner.as_slice())
        .bind(&announcement.name)
        .bind(&announcement.api_url)
        .bind(expires_s)
        .execute(&mut *write)
        .await?;
    Ok(write.commit().await?)
}

/// The owner of a registered pool.
async fn owner_of(explorer: &Explorer, workerpool: Address) -> Result<Option<Address>, Unready> {
    let hub = &explorer.0.hub;
    match answer(hub.is_registered(explorer.0.workerpools, workerpool).await)? {
        Some(true) => answer(hub.owner_of(workerpool).await),
        Some(false) | None => Ok(None),
    }
}

/// `None` where the contract refuses; a chain that does not answer is an error.
fn answer<T>(answer: Result<T, CallError>) -> Result<Option<T>, Unready> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(CallError::Rpc(error)) if error.is_passing() => Err(CallError::Rpc(error).into()),
        Err(_) => Ok(None),
    }
}
