//! The embedded development chain: an EVM node (revm) with Ethereum's JSON-RPC and a durable block log.
//!
//! Knows: the EVM, Ethereum's transactions and blocks, JSON-RPC. Must not know: orders, deals, tasks, contracts of the cloud.
//!
//! # Shape
//! One thread (`executor`) changes the chain; it takes commands from a bounded queue in order. Transactions that wait in the
//! queue together share a block. Readers share the chain behind a lock, which the executor holds for writing only while a
//! finished block is taken in. Senders are recovered before the queue, on the connection's task. Long reads (`eth_call`,
//! `eth_estimateGas`, log queries, traces) run on the blocking pool, a bounded number at once.
//!
//! # What differs from a network's node
//! - Rules are those of Osaka with every precompile; blob transactions are refused by name, and the system contracts of
//!   EIP-2935 and EIP-4788 are not there.
//! - `stateRoot` is no Merkle root: it is `keccak256(parent.stateRoot || rlp(state diff))`, a commitment to everything that was
//!   ever changed, for the price of one hash per block instead of a trie. So there is no `eth_getProof`. All other header
//!   fields and the block hash are computed as on Ethereum. Revisit when a light client must check state.
//! - Instant blocks take `max(parent's time, clock)`: a burst shares a second, and chain time never runs ahead of the clock.
//!   `evm_increaseTime` and `evm_setNextBlockTimestamp` move it on purpose.
//! - The "pending" block is the next block's number, time and fee over the state of the head; transactions in the pool count
//!   for `eth_getTransactionCount` alone. `eth_estimateGas` without a block runs on it, so that deadlines that have passed since
//!   the last block are seen.
//! - Waiting transactions are taken in the order of arrival, not of tips.
//! - State of the last 8,192 changes can be read (`eth_call` at an older block) and undone (`evm_revert`); behind that, reads are
//!   refused with geth's "missing trie node".
//! - Snapshots, impersonation and the mining mode belong to the process; everything else survives it.
//!
//! # The block log
//! One append-only file of checksummed records: blocks with their receipts and state diffs, changes by development methods,
//! rewinds, and transactions that were accepted but not mined. Reopening applies diffs and executes nothing. A record is
//! written (`write(2)`) before its answer leaves, so a crash of the process loses nothing that was acknowledged; the file is
//! flushed to the disk within [`SYNC_INTERVAL`] and at the end, so a power loss may cost that much. Opening cuts off whatever
//! follows the last whole record and says how much that was ([`Recovered`]). The log grows for ever: some 700 bytes per
//! transfer. Blocks are kept in memory, too, at some 1.5 KiB per transfer.

mod block;
mod call;
mod chain;
mod config;
mod develop;
mod error;
mod execute;
mod executor;
mod genesis;
mod log;
mod node;
mod pool;
mod record;
mod rpc;
mod state;
mod trace;
mod transaction;
mod view;

pub mod accounts;

pub use config::{
    BLOCK_GAS_LIMIT_DEFAULT, BaseFee, Config, DEVELOPMENT_BALANCE_WEI, Genesis, GenesisTransaction, Mining,
};
pub use log::Recovered;
pub use node::{Devchain, SYNC_INTERVAL, StartError, StopError, start};
pub use rpc::http::site;
