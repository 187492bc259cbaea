//! What runs inside an enclave: one process for one task, with keys of its own.
//!
//! Knows: how it talks to the worker that started it (frames over standard input and output), how to open secrets that
//! were sealed to it, to decrypt datasets, to run the application in the sandbox, to encrypt and to sign its result.
//! Must not know: the network, the chain, wallets, or what vouches for it: evidence about it is made outside, of what
//! runs and of what it states. The development enclave is this process on the worker's own machine, and nothing keeps
//! that machine's owner out of it; in a hardware enclave the same code runs behind a wall.
//!
//! - [`serve`]: the process
//! - [`talk`]: what it is told and what it answers; [`frame`]: how that travels
//! - [`ran`]: how a run went, in the words of reports
//! - `keys`, `confine`, `secrets`, `datasets`, `task`, `results`: what happens inside

mod confine;
mod datasets;
pub mod frame;
mod keys;
mod process;
pub mod ran;
mod results;
mod secrets;
pub mod talk;
mod task;

pub use process::{RUNTIME, serve};
