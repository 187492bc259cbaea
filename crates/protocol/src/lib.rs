//! The marketplace protocol as plain values and arithmetic: identifiers, amounts, orders and their signed form,
//! matching rules, deals and tasks, consensus and scores, and the executable model of the hub contract.
//!
//! This crate knows the standards (the on-chain protocol and the formulae of the middleware) and nothing else. It must
//! not know a clock, a random source, a file, a socket, an async runtime, or any role: time, answers of other
//! contracts and everything else from outside come in as arguments.
//!
//! - [`ids`], [`amount`], [`tag`]: the words everything else is written in.
//! - [`order`]: the four orders, their EIP-712 hashes, operations on orders.
//! - [`signing`]: keys, signatures, recovery by the rules of the hub.
//! - [`category`], [`consensus`], [`rules`]: deadlines, trust arithmetic, matching rules.
//! - [`deal`], [`params`], [`result`]: records of the hub and the off-chain payloads that they carry.
//! - [`ledger`], [`hub`], [`event`], [`revert`]: the executable model of the hub contract.

pub mod amount;
pub mod category;
pub mod consensus;
pub mod deal;
pub mod event;
pub mod hub;
pub mod ids;
pub mod ledger;
pub mod order;
pub mod params;
pub mod result;
pub mod revert;
pub mod rules;
pub mod signing;
pub mod tag;

pub use amount::Nrlc;
pub use category::Category;
pub use deal::{Account, Contribution, ContributionStatus, Deal, KITTY_ADDRESS, Resource, Task, TaskStatus};
pub use ids::{CategoryId, DealId, OrderHash, ResultDigest, ResultHash, ResultSeal, TaskId};
pub use order::{
    AppOrder, DatasetOrder, Domain, Order, OrderKind, OrderOperation, RequestOrder, Signed, SignedOrders,
    WorkerpoolOrder,
};
pub use tag::Tag;
