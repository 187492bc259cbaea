//! A task from its opening to its settlement: who, when, in which state, with which events and to the unit (poco 11 to 14).

#![allow(clippy::unwrap_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod claim;
mod consensus;
mod contribution;
mod finalize;
mod one_step;
mod opening;
mod reveal;

use alloy_primitives::Bytes;
use harness::{Done, empty};

fn refused(result: Result<Done, Bytes>) {
    assert_eq!(result.err(), Some(empty()));
}
