//! WASI preview 1, whole, for command modules.
//!
//! Not offered: links, sockets, signals, threads; such calls exist, so that modules link, and answer "not supported".
//! One preopened directory, `/` as descriptor 3, holds everything.
#![allow(clippy::too_many_arguments)] // the calls have the parameters that WASI gave them

mod clock;
mod descriptor;
mod directory;
mod files;
mod guest;
mod link;
mod paths;
mod process;
mod program;
mod transfer;

pub(crate) use link::linker;
pub(crate) use process::Process;

/// Import module of WASI preview 1.
const MODULE: &str = "wasi_snapshot_preview1";
