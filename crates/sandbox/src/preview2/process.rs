//! What WASI 0.2 keeps for a component, beside what every run has.

use wasmtime::component::{Resource, ResourceTable};

use crate::Failure;
use crate::fault::{Fault, Stop};
use crate::limits::{COMPONENT_INSTANCES_MAX, COMPONENT_MEMORIES_MAX, COMPONENT_TABLES_MAX, RESOURCES_MAX};
use crate::system::{self, Counts, System};
use crate::vfs::Ino;

/// State behind the calls of a component.
#[derive(Debug)]
pub(crate) struct Process {
    pub(super) system: System,
    pub(super) table: ResourceTable,
    /// Files, directories and listings among the resources.
    pub(super) descriptors: usize,
}

impl Process {
    pub(crate) fn new(system: System) -> Self {
        let counts = Counts {
            instances: COMPONENT_INSTANCES_MAX,
            memories: COMPONENT_MEMORIES_MAX,
            tables: COMPONENT_TABLES_MAX,
        };
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES_MAX);
        Self { system: system.with_counts(counts), table, descriptors: 0 }
    }

    /// Hands out a resource; one beyond [`RESOURCES_MAX`] ends the run, for no call can say so to the application.
    pub(super) fn push<T: Send + 'static>(&mut self, resource: T) -> Result<Resource<T>, Stop> {
        self.table.push(resource).map_err(|_| {
            Stop::crash(format!("it holds more than {RESOURCES_MAX} files, streams, pollables and errors"))
        })
    }

    /// Hands out a resource that stands on a node, which it keeps alive until [`Process::release`].
    pub(super) fn push_on<T: Send + 'static>(&mut self, ino: Ino, resource: T) -> Result<Resource<T>, Fault> {
        self.system.vfs.acquire(ino)?;
        Ok(self.push(resource)?)
    }

    /// Ends what [`Process::push_on`] began.
    pub(super) fn release(&mut self, ino: Ino) -> wasmtime::Result<()> {
        match self.system.vfs.release(ino) {
            Ok(()) => Ok(()),
            Err(Fault::Stop(stop)) => Err(wasmtime::Error::new(stop)),
            Err(Fault::Errno(errno)) => unreachable!("closing a file gives no {errno:?}"),
        }
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

impl Stop {
    /// The application broke a rule of the interface.
    pub(super) fn crash(trap: String) -> Self {
        Self::Failed(Failure::Trap { trap, function: None })
    }
}
