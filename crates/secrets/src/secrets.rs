//! The role: started, served, stopped.

use std::path::PathBuf;
use std::sync::Arc;

use alloy_primitives::Address;
use metacloud_chain::{CallError, Chain, HubClient, Registries};
use metacloud_ends::limit::{Limiter, RateLimits};
use metacloud_seal::AesKey;
use metacloud_store::{Database, StoreError};
use metacloud_wire::enclave::Roots;
use metacloud_wire::secrets::Policy;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::key_file::{self, KeyFileError};
use crate::records::{OpenRecords, Records};
use crate::refusal::Refusal;

/// Requests that ask the chain at the same time; more are told to try again.
const AT_ONCE_MAX: usize = 256;

/// What a secrets service needs.
#[derive(Clone, Debug)]
pub struct SecretsConfig {
    /// The chain that says who owns what.
    pub chain: Chain,
    /// The hub there.
    pub hub: Address,
    /// Where values are kept, encrypted; of this service alone.
    pub database: Database,
    /// The key of the database; made at the first start. Not in the database's folder if that is copied about.
    pub key_file: PathBuf,
    /// Accounts of the simulation roots that are admitted. Empty: none.
    pub admit_simulation: Vec<Address>,
    /// Which enclaves may receive what clients of the old form set, who cannot say.
    pub old_form_release: Policy,
    /// How often one client may ask.
    pub limits: RateLimits,
}

/// Why a secrets service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database holds secrets of another hub or chain.
    #[error(
        "the secrets are those of hub {found_hub} on chain {found_chain}, not of {hub} on chain {chain}; give another --data-dir"
    )]
    OtherHub {
        /// Chain wanted.
        chain: u64,
        /// Hub wanted.
        hub: Address,
        /// Chain found.
        found_chain: u64,
        /// Hub found.
        found_hub: Address,
    },
    /// There are secrets and no key.
    #[error("the key file {} is gone, and no secret opens without it; restore it from a copy", path.display())]
    KeyGone {
        /// Where it should be.
        path: PathBuf,
    },
    /// The secrets were written under another key.
    #[error("the key file {} is not the one of these secrets; restore that one from a copy", path.display())]
    OtherKey {
        /// The file.
        path: PathBuf,
    },
    /// The key file does not work.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// There is no hub at the address, or the chain does not answer.
    #[error("the hub cannot be read: {0}")]
    Hub(#[from] CallError),
    /// The database does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A running secrets service. A handle: clones share it. It answers requests and does nothing between them, so nothing of
/// it can end by itself; [`Secrets::stop`] closes the database.
#[derive(Clone, Debug)]
pub struct Secrets(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) hub: HubClient,
    pub(crate) registries: Registries,
    pub(crate) records: Records,
    pub(crate) roots: Roots,
    pub(crate) old_form_release: Policy,
    pub(crate) limiter: Limiter,
    at_once: Semaphore,
}

impl Secrets {
    /// Opens the tables with the key of the key file, which a first start makes.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: SecretsConfig) -> Result<Self, StartError> {
        let SecretsConfig { chain, hub, database, key_file, admit_simulation, old_form_release, limits } =
            config;
        let hub = HubClient::new(chain, hub);
        let registries = hub.registries().await?;
        let records = open(database, &hub, key_file).await?;
        let roots = Roots { chain_id: hub.chain().id(), hub: hub.address(), simulation: admit_simulation };
        if !roots.simulation.is_empty() {
            tracing::warn!(
                roots = ?roots.simulation,
                "simulated enclaves are admitted: what they receive is protected from nobody"
            );
        }
        let (limiter, at_once) = (Limiter::new(limits), Semaphore::new(AT_ONCE_MAX));
        Ok(Self(Arc::new(Inner { hub, registries, records, roots, old_form_release, limiter, at_once })))
    }

    /// Waits for running statements and closes the database. Routes answer 500 from then on.
    pub async fn stop(&self) {
        self.0.records.close().await;
    }

    /// A place among the requests that ask the chain.
    pub(crate) fn place(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        self.0.at_once.try_acquire().map_err(|_| Refusal::Busy)
    }
}

async fn open(database: Database, hub: &HubClient, path: PathBuf) -> Result<Records, StartError> {
    let begun = Records::begun(&database).await?;
    let key = match key_file::read(&path)? {
        Some(key) => key,
        None if begun => return Err(StartError::KeyGone { path }),
        None => {
            let key = AesKey::new(rand::random());
            key_file::write(&path, &key)?;
            tracing::info!(path = %path.display(), "a new key for the secrets was made; keep a copy of it");
            key
        }
    };
    let (chain, address) = (hub.chain().id(), hub.address());
    let opened = Records::open(database, key, chain, address, rand::random()).await;
    opened.map_err(|error| match error {
        OpenRecords::OtherHub { found_chain, found_hub } => {
            StartError::OtherHub { chain, hub: address, found_chain, found_hub }
        }
        OpenRecords::OtherKey => StartError::OtherKey { path },
        OpenRecords::Store(error) => error.into(),
    })
}
