//! Every bound of the sandbox, with its unit.

use std::time::Duration;

/// Bytes of a module or component file. Larger files are refused before they are read.
pub const MODULE_BYTES_MAX: u64 = 32 << 20;
/// Entries of an OCI archive, and of each layer of an image in it.
pub const PACKAGE_ENTRIES_MAX: usize = 4096;
/// Manifests that an OCI archive may name, over all its platforms.
pub const PACKAGE_MANIFESTS_MAX: usize = 64;
/// Levels of indexes in an OCI archive.
pub const PACKAGE_DEPTH_MAX: usize = 3;
/// Layers of an image.
pub const PACKAGE_LAYERS_MAX: usize = 128;
/// Bytes of native stack that WebAssembly frames may use; past it the run ends with a stack overflow.
pub const WASM_STACK_BYTES_MAX: usize = 1 << 20;
/// Bytes of native stack left to our own functions beneath the WebAssembly frames.
pub const HOST_STACK_BYTES: usize = 1 << 20;
/// Elements of all tables together (function pointers).
pub const TABLE_ELEMENTS_MAX: usize = 1 << 20;
/// Arguments and environment together, in bytes with terminators.
pub const ARGUMENT_BYTES_MAX: usize = 1 << 20;
/// Core modules that a component may be made of when it runs, adapters included.
pub const COMPONENT_INSTANCES_MAX: usize = 128;
/// Bytes of definitions, beside core modules, that a component may have when the components inside it are instantiated.
pub const COMPONENT_UNFOLDED_BYTES_MAX: u64 = 1 << 20;
/// Linear memories of a component; together they may have what a module's one may.
pub const COMPONENT_MEMORIES_MAX: usize = 16;
/// Tables of a component; together they may have [`TABLE_ELEMENTS_MAX`] elements.
pub const COMPONENT_TABLES_MAX: usize = 128;
/// Files, streams, pollables and errors that a component may hold at once.
pub const RESOURCES_MAX: usize = 4096;
/// Bytes that a component may pass in one call; more end the run before they are copied.
pub const CALL_BYTES_MAX: usize = 64 << 20;
/// Bytes that a component may write to a stream before it asks again how many it may.
pub const STREAM_WRITE_BYTES_MAX: usize = 1 << 20;
/// Bytes of a write to a stream that flushes as well; the number is WASI's.
pub const FLUSHED_WRITE_BYTES_MAX: usize = 4096;
/// Input files of one job.
pub const INPUT_FILES_MAX: usize = 4096;
/// Descriptors that an application may hold open at once; for a component, files, directories and listings together.
pub const DESCRIPTORS_MAX: usize = 128;
/// Bytes of one path component, as on Linux.
pub const NAME_BYTES_MAX: usize = 255;
/// Bytes of one path, as on Linux.
pub const PATH_BYTES_MAX: usize = 4096;
/// Levels of directories under the root.
pub const DIRECTORY_DEPTH_MAX: u32 = 32;
/// Bytes moved by one read or write; longer ones are cut short, as POSIX allows.
pub const TRANSFER_BYTES_MAX: usize = 16 << 20;
/// Buffers in one scattered read or write.
pub const BUFFERS_MAX: u32 = 1024;
/// Subscriptions in one poll.
pub const SUBSCRIPTIONS_MAX: u32 = 1024;
/// Characters of each stream shown to the requester (middleware B.7).
pub const LOG_TAIL_CHARS: usize = 100_000;
/// Bytes of `computed.json`.
pub const COMPUTED_JSON_BYTES_MAX: u64 = 1 << 20;
/// Children of a result directory that take part in a digest.
pub const RESULT_ENTRIES_MAX: usize = 1 << 16;
/// Time between two looks at deadline and cancellation.
pub const TICK: Duration = Duration::from_millis(5);
/// Bytes of compiled modules kept on disk, unless the owner of the cache says otherwise.
pub const CODE_ON_DISK_BYTES_MAX: u64 = 1 << 30;
/// Compiled modules kept in memory.
pub const MODULES_IN_MEMORY_MAX: usize = 32;
/// Bytes of machine code kept in memory, whatever their number.
pub const CODE_IN_MEMORY_BYTES_MAX: usize = 128 << 20;

/// What one run may use. At a limit the run ends and says which one it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wall time of the application; compiling it does not count.
    pub time: Duration,
    /// Bytes of linear memory; for a component, of all its memories together.
    pub memory_bytes: u64,
    /// Bytes of all files under `/iexec_out` and `/tmp` together.
    pub output_bytes: u64,
    /// Files and directories created under `/iexec_out` and `/tmp` together.
    pub output_files: u32,
    /// Bytes kept of each of stdout and stderr; what comes after is counted and dropped.
    pub log_bytes: u64,
}

impl Limits {
    /// The limits of a task whose category grants `time` (T of middleware A.4).
    pub fn for_category_time(time: Duration) -> Self {
        Self {
            time,
            memory_bytes: 1 << 30,
            output_bytes: 512 << 20,
            output_files: 10_000,
            log_bytes: 1 << 20,
        }
    }
}
