//! The stream between a worker and the scheduler of its pool (`proto/metacloud/pool/v1/pool.proto`).
//!
//! [`FromWorker`] and [`FromPool`] are what the messages mean once parsed: addresses of 20 bytes, hashes of
//! 32, everything bounded. Both sides parse what they receive into them and make what they send from them.

mod from_pool;
mod from_worker;
mod login;
mod parse;

/// Generated messages, client and server of the service `Pool`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "generated; the proto file carries the documentation"
)]
pub mod proto {
    tonic::include_proto!("metacloud.pool.v1");
}

pub use from_pool::{
    Assign, Challenge, FromPool, Instruction, LEASE_S_MAX, REASON_BYTES_MAX, Refusal, RefusedCode,
    Settlement, URL_BYTES_MAX, Welcome,
};
pub use from_worker::{
    CALLBACK_BYTES_MAX, Capacity, EVIDENCE_BYTES_MAX, EnclaveOffer, FromWorker, HELD_TASKS_MAX, HeldTask,
    Hello, LINK_BYTES_MAX, LOG_TAIL_BYTES_MAX, Report, ReportStatus, SLOTS_MAX,
};
pub use login::{LOGIN_DOMAIN_NAME, LOGIN_DOMAIN_VERSION, login_digest};

/// Version of the stream protocol that this build speaks.
pub const PROTOCOL_VERSION: u32 = 1;
/// Largest message of either direction in bytes, encoded; to be set on the gRPC codecs.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Position of a message in the pool's numbered sequence to one worker; 0 is before the first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct Seq(pub u64);

impl Seq {
    /// The position after this one.
    pub fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("2^64 messages are never sent"))
    }
}

/// Name of one numbered sequence, never 0; a pool that lost its journal starts another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Numbering(pub std::num::NonZeroU64);
