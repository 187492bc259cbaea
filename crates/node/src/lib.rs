//! Wires roles into one process: the whole cloud on one machine, one role alone, and the demo that runs the main job.
//!
//! Knows: which parts there are, in what order they start and end, and the development network's keys. Must not know:
//! what a terminal looks like (that is `cli`), or how any part does its work.

mod alone;
mod announcement;
mod config;
pub mod demo;
mod development;
mod error;
mod http;
mod offers;
mod parts;
mod site;
mod up;

pub use alone::Alone;
pub use announcement::{Announcement, ChainAnnouncement};
pub use config::{
    BlockTime, CHAIN_ID_DEFAULT, ChainAccess, ChainConfig, CollectionConfig, CompassConfig, ExplorerConfig,
    KeeperConfig, MarketConfig, OffersConfig, PRICE_PER_SECOND_DEFAULT, RateLimits, SchedulerConfig,
    SecretsConfig, StorageAccess, StorageConfig, UpConfig, WorkerConfig,
};
pub use development::{DevelopmentNetwork, RoleAccount, WORKERS_MAX};
pub use error::{StartError, StopError};
pub use metacloud_blobs::{Backing, Bucket};
/// The process of a development enclave; see `metacloud_enclave`.
pub use metacloud_enclave::serve as enclave;
pub use metacloud_wire::secrets::Policy;
pub use parts::{Ended, Part};
pub use site::openapi_documents;
pub use up::Up;
