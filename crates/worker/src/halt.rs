use metacloud_wire::cause::{Cause, Failure};

/// Why a task ends before its result is settled.
#[derive(Debug)]
pub(crate) enum Halt {
    /// This worker cannot do it; nothing was contributed.
    Failed(Vec<Failure>),
    /// It became pointless: asked by the pool, or seen on chain.
    Aborted(Failure),
}

impl Halt {
    pub(crate) fn failed(cause: Cause, message: impl Into<String>) -> Self {
        Self::Failed(vec![Failure::new(cause, message)])
    }

    pub(crate) fn aborted(cause: Cause, message: impl Into<String>) -> Self {
        Self::Aborted(Failure::new(cause, message))
    }

    /// A fault of this machine's disk.
    pub(crate) fn disk(step: &str, error: impl std::fmt::Display) -> Self {
        Self::failed(Cause::UNKNOWN, format!("this worker could not {step}: {error}"))
    }
}
