//! Who may write a secret, by the newest block, and whether a signature is theirs.

use alloy_primitives::{Address, B256, Bytes};
use metacloud_abi::Hub;
use metacloud_chain::{CallError, HubClient, Registries};
use metacloud_protocol::signing;
use metacloud_wire::secrets::{SecretId, SecretKind};

use crate::refusal::Refusal;

/// The account that may write the secret; nothing for an asset that the hub does not know.
pub(crate) async fn of(
    hub: &HubClient,
    registries: &Registries,
    id: &SecretId,
) -> Result<Option<Address>, Refusal> {
    let registry = match id.kind() {
        SecretKind::Account | SecretKind::Requester => return Ok(Some(id.subject())),
        SecretKind::Dataset => registries.dataset,
        SecretKind::App => registries.app,
    };
    if !hub.is_registered(registry, id.subject()).await? {
        return Ok(None);
    }
    Ok(Some(hub.owner_of(id.subject()).await?))
}

/// Whether `signature` is `account`'s over `digest`, as the hub would see it: by key, or by the account's contract
/// (ERC-1271).
pub(crate) async fn signed(
    hub: &HubClient,
    account: Address,
    digest: B256,
    signature: &Bytes,
) -> Result<bool, Refusal> {
    if account.is_zero() || signature.is_empty() {
        return Ok(false);
    }
    if signing::recover(digest, signature) == Some(account) {
        return Ok(true);
    }
    if hub.chain().code(account).await?.is_empty() {
        return Ok(false);
    }
    let call = Hub::verifySignatureCall { account, hash: digest, signature: signature.clone() };
    match hub.chain().read(hub.address(), &call).await {
        Ok(valid) => Ok(valid),
        Err(CallError::Reverted(_) | CallError::Undecodable { .. }) => Ok(false),
        Err(error @ CallError::Rpc(_)) => Err(error.into()),
    }
}
