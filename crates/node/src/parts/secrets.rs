//! The secrets service.

use std::path::{Path, PathBuf};

use alloy_primitives::Address;
use metacloud_chain::Chain;
use metacloud_secrets::{RateLimits, Secrets, SecretsConfig};
use metacloud_store::{Database, Durability};
use metacloud_wire::secrets::Policy;

use crate::error::StartError;

/// What a secrets service is told beside its chain.
pub(crate) struct Custody {
    /// The key of the database.
    pub(crate) key_file: PathBuf,
    /// Accounts of the simulation roots that are admitted.
    pub(crate) admit_simulation: Vec<Address>,
    /// Which enclaves may receive what clients of the old form set.
    pub(crate) old_form_release: Policy,
}

/// Starts the secrets service of a hub over a database file.
///
/// # Errors
/// [`StartError::SecretsStore`] and [`StartError::Secrets`].
pub(crate) async fn start(
    chain: Chain,
    hub: Address,
    file: &Path,
    custody: Custody,
) -> Result<Secrets, StartError> {
    // An owner is told once that a secret is set, and does not set it again.
    let database = Database::open(file, Durability::PowerCut).await.map_err(StartError::SecretsStore)?;
    let Custody { key_file, admit_simulation, old_form_release } = custody;
    let config = SecretsConfig {
        chain,
        hub,
        database,
        key_file,
        admit_simulation,
        old_form_release,
        limits: RateLimits::default(),
    };
    Ok(Secrets::start(config).await?)
}
