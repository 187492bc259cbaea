//! Enclaves of this worker: a process for each task that demands one, and what vouches for it.
//!
//! The development enclave is a process of this machine, and its root a key in a file here: whoever controls the machine
//! can read and forge everything. What the pool, the secrets service and the chain do with it is what they will do with
//! hardware.

mod process;
mod root;
mod run;
mod secrets;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy_primitives::{Address, B256};
use metacloud_enclave::talk::Born;
use metacloud_protocol::signing::{self, SigningKey};
use metacloud_wire::enclave::{EnclaveKind, Evidence, measurement};
use metacloud_wire::pool::EnclaveOffer;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;

pub use root::EnclavesError;
pub(crate) use run::run;

/// Makes enclaves. Clones share everything.
#[derive(Clone)]
pub struct Enclaves(Arc<Inner>);

struct Inner {
    program: PathBuf,
    root: SigningKey,
    modules_dir: PathBuf,
    /// SHA-256 of the program, computed when the first enclave is made.
    program_sha256: OnceCell<B256>,
}

impl Enclaves {
    /// Simulated ones: processes of `program` (started with the argument `enclave`), vouched for by the key in
    /// `root_file`, which is made if absent. Compiled modules are kept in `modules_dir`.
    ///
    /// # Errors
    /// [`EnclavesError`] if the key cannot be read or made, or others may read it.
    pub fn simulated(
        program: PathBuf,
        root_file: &Path,
        modules_dir: PathBuf,
    ) -> Result<Self, EnclavesError> {
        let root = root::open(root_file)?;
        Ok(Self(Arc::new(Inner { program, root, modules_dir, program_sha256: OnceCell::new() })))
    }

    /// Account of the simulation root: what pools and secrets services admit.
    pub fn root(&self) -> Address {
        signing::address_of(&self.0.root)
    }

    /// What the pool is told.
    pub(crate) fn offer(&self) -> EnclaveOffer {
        EnclaveOffer { kind: EnclaveKind::Simulation, root: self.root() }
    }

    /// What hardware would measure and sign.
    async fn evidence(&self, born: &Born) -> std::io::Result<Evidence> {
        let program = self.0.program_sha256.get_or_try_init(|| self.measure()).await?;
        let configuration = B256::from_slice(&Sha256::digest(&born.configuration));
        let measurement = measurement(*program, born.application, configuration);
        Ok(Evidence::simulated(born.statement, measurement, &self.0.root))
    }

    async fn measure(&self) -> std::io::Result<B256> {
        let program = self.0.program.clone();
        let measuring = move || crate::cache::measure(&program).map(|content| content.sha256);
        tokio::task::spawn_blocking(measuring).await.map_err(std::io::Error::other)?
    }
}

/// The key is not shown.
impl std::fmt::Debug for Enclaves {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enclaves").field("kind", &"simulation").field("root", &self.root()).finish()
    }
}
