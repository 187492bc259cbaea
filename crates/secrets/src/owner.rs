//! Who may write a secret, by the newest block.

use alloy_primitives::Address;
use metacloud_chain::{HubClient, Registries};
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
