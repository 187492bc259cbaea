//! Errors that a component sees, and the ones that end it.

use wasmtime::component::{Resource, ResourceTableError};

use super::bindings::wasi::filesystem::types::ErrorCode;
use super::bindings::wasi::io::error;
use super::process::Process;
use super::streams::StreamFailure;
use crate::fault::{Errno, Fault, Stop};

/// How a call on a stream can fail.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub enum StreamFault {
    /// Nothing more comes, or nothing more is taken.
    Closed,
    /// The file behind it refused.
    Failed(Errno),
    /// The run ends here.
    Stop(Stop),
}

impl From<Fault> for StreamFault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Errno(errno) => Self::Failed(errno),
            Fault::Stop(stop) => Self::Stop(stop),
        }
    }
}

/// A handle that is none, or of another kind: the interface makes sure that this cannot be.
impl From<ResourceTableError> for Stop {
    fn from(error: ResourceTableError) -> Self {
        Self::crash(error.to_string())
    }
}

impl From<ResourceTableError> for Fault {
    fn from(error: ResourceTableError) -> Self {
        Self::Stop(error.into())
    }
}

impl From<ResourceTableError> for StreamFault {
    fn from(error: ResourceTableError) -> Self {
        Self::Stop(error.into())
    }
}

impl From<Errno> for ErrorCode {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::Badf => Self::BadDescriptor,
            Errno::Exist => Self::Exist,
            Errno::Fbig => Self::FileTooLarge,
            Errno::Ilseq => Self::IllegalByteSequence,
            Errno::Fault | Errno::Inval | Errno::Notsock => Self::Invalid,
            Errno::Isdir => Self::IsDirectory,
            // 0.2 has no word for too many open files.
            Errno::Mfile => Self::InsufficientMemory,
            Errno::Nametoolong => Self::NameTooLong,
            Errno::Noent => Self::NoEntry,
            Errno::Notdir => Self::NotDirectory,
            Errno::Notempty => Self::NotEmpty,
            Errno::Notsup => Self::Unsupported,
            Errno::Overflow => Self::Overflow,
            Errno::Rofs => Self::ReadOnly,
            Errno::Spipe => Self::InvalidSeek,
            Errno::Notcapable => Self::NotPermitted,
            Errno::Success => unreachable!("no call fails with success"),
        }
    }
}

impl error::Host for Process {}

impl error::HostError for Process {
    fn to_debug_string(&mut self, error: Resource<StreamFailure>) -> wasmtime::Result<String> {
        let StreamFailure(errno) = self.table.get(&error)?;
        Ok(format!("{:?}", ErrorCode::from(*errno)))
    }

    fn drop(&mut self, error: Resource<StreamFailure>) -> wasmtime::Result<()> {
        self.table.delete(error)?;
        Ok(())
    }
}
