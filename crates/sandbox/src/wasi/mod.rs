//! WASI preview 1, whole, over the virtual file system and the deterministic clock.
//!
//! Not offered: links, sockets, signals, threads; such calls exist, so that modules link, and answer "not supported".
//! One preopened directory, `/` as descriptor 3, holds everything.
#![allow(clippy::too_many_arguments)] // the calls have the parameters that WASI gave them

mod clock;
mod descriptor;
mod errno;
mod files;
mod guest;
mod link;
mod paths;
mod program;

pub(crate) use descriptor::Descriptors;
pub(crate) use errno::{Errno, Fault, Stop};
pub(crate) use link::linker;

/// Import module of WASI preview 1.
pub(crate) const MODULE: &str = "wasi_snapshot_preview1";
