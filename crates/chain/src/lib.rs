//! The client side of an EVM chain, for every role and for the SDK.
//!
//! It knows JSON-RPC, transactions, fees, nonces, logs, reorganisations and
//! the ABI of the contracts; it must not know what a role does with them, and
//! it holds no policy of the market or of a pool.
//!
//! - [`Chain`]: one endpoint; reads, batches of calls, new heads.
//! - [`Wallet`]: one key and its nonce pipeline; many concurrent sends.
//! - [`Follower`]: blocks with their logs, in order, gap-free, reorg-safe.
//! - [`HubClient`], [`HubEvent`]: the contracts, typed.

mod block;
mod chain;
mod endpoint;
mod error;
mod follower;
mod heads;
mod hub;
mod rpc;
mod wallet;

pub use block::{BlockRef, Header, Log, Receipt};
pub use chain::{Chain, LogFilter, Options};
pub use error::{CallError, ConnectError, FollowError, RpcError, SendError, WalletError};
pub use follower::{ChainEvent, Cursor, Follower};
pub use hub::{
    AppListing, BroadcastOrder, Commitment, HubClient, HubEvent, ManagedOrder, Matched, OneStep, Orders,
    PoolPolicy, Registries, WorkerpoolInfo,
};
pub use metacloud_abi::revert::Reverted;
pub use wallet::{FeePolicy, Gas, Transaction, Wallet};
