//! Error numbers of WASI preview 1 that the sandbox gives.

use crate::Failure;

/// An `errno` of WASI preview 1.
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
pub(crate) enum Fault {
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
