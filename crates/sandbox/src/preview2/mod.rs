//! WASI 0.2 for command components (`wasi:cli/command`), over the same files, clock and randomness as preview 1.
//!
//! The interfaces are those of `wit/`; any patch version of 0.2 matches. Nothing ever blocks: streams are always
//! ready, and waiting for a clock lets virtual time pass. One preopened directory, `/`, holds everything. Not offered:
//! links, terminals, the network; sockets can be imported, but every call is denied.

mod bindings;
mod error;
mod filesystem;
mod link;
mod poll;
mod process;
mod program;
mod sockets;
mod streams;
#[cfg(test)]
mod tests;
mod unfold;

pub(crate) use bindings::CommandPre;
pub(crate) use link::{compile, linker};
pub(crate) use process::Process;
