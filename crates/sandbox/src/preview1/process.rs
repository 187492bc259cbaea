//! What preview 1 keeps for a module, beside what every run has.

use wasmtime::Memory;

use super::descriptor::Descriptors;
use crate::system::{self, Counts, System};

/// State behind the calls of a module.
#[derive(Debug)]
pub(crate) struct Process {
    pub(super) system: System,
    pub(super) descriptors: Descriptors,
    /// The exported memory, found at the first call.
    pub(super) memory: Option<Memory>,
}

impl Process {
    pub(crate) fn new(system: System) -> Self {
        let system = system.with_counts(Counts { instances: 1, memories: 1, tables: 8 });
        Self { system, descriptors: Descriptors::new(), memory: None }
    }
}

impl system::Process for Process {
    fn system(&mut self) -> &mut System {
        &mut self.system
    }

    fn into_system(self) -> System {
        self.system
    }
}
