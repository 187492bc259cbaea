//! What hostile bytes can reach, each parser as a target: it must not panic or hang, and what it accepts must come back
//! the same from its own text. `cargo xtask fuzz` runs the targets under libFuzzer; a short form with the seeds and
//! variants of them is part of every test run.
//!
//! Knows: the public parsers of the rooms, and seeds in the form that honest peers send. Must not know how they work.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a property that fails is the purpose")]

mod chain;
mod content;
mod orders;
mod pool;
mod sealed;
mod seeds;
mod served;

/// One parser.
pub struct Target {
    /// The name of its binary in `fuzz_targets/` and of its corpus.
    pub name: &'static str,
    /// Panics if the property fails for these bytes.
    pub check: fn(&[u8]),
    /// Inputs of the kind that it accepts, to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "revert", check: chain::revert, seeds: seeds::reverts },
    Target { name: "hub_event", check: chain::hub_event, seeds: seeds::hub_events },
    Target { name: "rpc_answer", check: chain::rpc_answer, seeds: seeds::rpc_answers },
    Target { name: "rpc_request", check: served::rpc_request, seeds: seeds::rpc_requests },
    Target { name: "order", check: orders::order, seeds: seeds::orders },
    Target { name: "authorization", check: orders::authorization, seeds: seeds::authorizations },
    Target { name: "params", check: orders::params, seeds: seeds::params },
    Target { name: "pool_message", check: pool::message, seeds: seeds::pool_messages },
    Target { name: "text", check: content::text, seeds: seeds::texts },
    Target { name: "archive", check: content::archive, seeds: seeds::archives },
    Target { name: "multipart", check: served::multipart, seeds: seeds::multiparts },
    Target { name: "node", check: served::node, seeds: seeds::nodes },
    Target { name: "secret_message", check: sealed::secret_message, seeds: seeds::secret_messages },
    Target { name: "sealed_file", check: sealed::sealed_file, seeds: seeds::sealed_files },
];

/// The target of that name.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).expect("every binary has its target")
}
