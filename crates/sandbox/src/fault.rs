//! How a call of an application can fail: an error that it sees, or the end of the run.

use crate::Failure;

/// An `errno` of WASI preview 1; WASI 0.2 has the same errors under names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Errno {
    Success = 0,
    Badf = 8,
    Exist = 20,
    Fault = 21,
    Fbig = 22,
    Ilseq = 25,
    Inval = 28,
    Isdir = 31,
    Mfile = 33,
    Nametoolong = 37,
    Noent = 44,
    Notdir = 54,
    Notempty = 55,
    Notsock = 57,
    Notsup = 58,
    Overflow = 61,
    Rofs = 69,
    Spipe = 70,
    Notcapable = 76,
}

/// How a call of the application can fail: with an error number that it sees, or by ending the run.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub enum Fault {
    /// The application goes on and sees this.
    Errno(Errno),
    /// The run ends here.
    Stop(Stop),
}

/// What ends a run from inside a call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    #[error("exit {0}")]
    Exit(i32),
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Stop {
    /// As an error that unwinds the application.
    pub(crate) fn error(failure: Failure) -> wasmtime::Error {
        wasmtime::Error::new(Self::Failed(failure))
    }
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Stop(Stop::Failed(failure))
    }
}

impl From<Stop> for Fault {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}
