//! Why a cloud, or a part of one, does not start or does not end well.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a cloud, or a part of one, does not start. Each variant names the part.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory is in use, of another version, or cannot be written.
    #[error(transparent)]
    DataDir(#[from] metacloud_store::OpenDataDir),
    /// No temporary folder could be made.
    #[error("no temporary folder for the state: {0}; set TMPDIR to a folder that can be written")]
    Temporary(#[source] io::Error),
    /// An address cannot be bound.
    #[error(
        "cannot listen on {address} for {what}: {source}; stop what uses it or choose another port, 0 for a free one"
    )]
    Listen {
        /// What the address was for.
        what: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The chain does not start.
    #[error(transparent)]
    Chain(#[from] metacloud_devchain::StartError),
    /// The chain does not answer.
    #[error(transparent)]
    Connect(#[from] metacloud_chain::ConnectError),
    /// A contract does not answer.
    #[error("the contracts do not answer: {0}")]
    Contracts(#[from] metacloud_chain::CallError),
    /// The content store does not open.
    #[error(transparent)]
    Blobs(#[from] metacloud_blobs::Open),
    /// A database of the market or the explorer does not open.
    #[error("the database of the market or the explorer: {0}")]
    Store(#[from] metacloud_store::StoreError),
    /// The market does not start.
    #[error("the market does not start: {0}")]
    Market(#[from] metacloud_market::StartError),
    /// The database of the secrets service does not open.
    #[error("the database of the secrets: {0}")]
    SecretsStore(#[source] metacloud_store::StoreError),
    /// The secrets service does not start.
    #[error("the secrets service does not start: {0}")]
    Secrets(#[from] metacloud_secrets::StartError),
    /// The storage's URLs cannot be used.
    #[error(transparent)]
    StorageUrl(#[from] metacloud_blobs::ConnectError),
    /// The explorer does not start.
    #[error("the explorer does not start: {0}")]
    Explorer(#[from] metacloud_explorer::StartError),
    /// The scheduler does not start.
    #[error("the scheduler does not start: {0}")]
    Scheduler(#[from] metacloud_scheduler::StartError),
    /// The sandbox of the workers does not open.
    #[error(transparent)]
    Sandbox(#[from] metacloud_sandbox::OpenError),
    /// This program's own file is not known, of which enclaves are made.
    #[error("cannot tell where this program is, of which enclaves are made: {0}")]
    Program(#[source] io::Error),
    /// Enclaves cannot be made.
    #[error("enclaves cannot be made: {0}")]
    Enclaves(#[from] metacloud_worker::EnclavesError),
    /// A worker does not start.
    #[error("a worker does not start: {0}")]
    Worker(#[from] metacloud_worker::StartError),
    /// The pool's offers are refused.
    #[error("the pool's offers cannot be published: {0}")]
    Offers(#[from] metacloud_sdk::Error),
    /// The ready file cannot be written.
    #[error("the ready file {} cannot be written: {source}", path.display())]
    ReadyFile {
        /// Where it should go.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Why a cloud, or a part of one, did not end well.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// The chain does not end.
    #[error(transparent)]
    Chain(#[from] metacloud_devchain::StopError),
    /// The scheduler had stopped by itself.
    #[error(transparent)]
    Scheduler(#[from] metacloud_scheduler::Stopped),
}
