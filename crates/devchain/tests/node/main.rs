//! The node from outside: over real HTTP and WebSocket.

#![allow(clippy::unwrap_used, reason = "a test's helpers are tests")]

mod alloy_client;
mod batch;
mod calls;
mod develop;
mod durability;
mod fixture;
mod hostile;
mod logs;
mod pool;
mod subscriptions;
