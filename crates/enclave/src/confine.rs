//! What the process gives up before it takes any secret.

use std::io;

/// Memory beside the application's own: the engine, the compiler, archives on their way.
#[cfg(target_os = "linux")]
const OVERHEAD_BYTES: u64 = 1 << 30;
/// Files open at once.
#[cfg(target_os = "linux")]
const FILES_MAX: u64 = 1_024;

/// Gives up the network, other programs, core dumps, and memory beyond what the run may use. Threads that are started
/// later are bound as well. False on systems where nothing of this is known.
///
/// # Errors
/// If the operating system refuses: then no secret must be taken.
#[cfg(target_os = "linux")]
pub(crate) fn confine(memory_bytes: u64) -> io::Result<bool> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

    let limit = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(Resource::Core, limit(0))?;
    setrlimit(Resource::Nofile, limit(FILES_MAX))?;
    // Counts what is writable: address space that the engine only reserves is free.
    setrlimit(Resource::Data, limit(memory_bytes.saturating_add(OVERHEAD_BYTES)))?;
    // Other processes of the same user can neither trace it nor read its memory.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    filter()
}

/// See the Linux form.
#[cfg(not(target_os = "linux"))]
pub(crate) fn confine(_memory_bytes: u64) -> io::Result<bool> {
    Ok(false)
}

/// Refuses system calls for which a computation has no use.
#[cfg(target_os = "linux")]
fn filter() -> io::Result<bool> {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

    let Ok(target) = TargetArch::try_from(std::env::consts::ARCH) else { return Ok(false) };
    let denied = [
        // The network, also through a ring that works behind the filter's back.
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept,
        libc::SYS_accept4,
        libc::SYS_io_uring_setup,
        // Other programs, and other processes.
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_getfd,
        // Other views of the machine.
        libc::SYS_mount,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_bpf,
        libc::SYS_keyctl,
        libc::SYS_perf_event_open,
    ];
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let rules = denied.into_iter().map(|call| (call, Vec::new())).collect();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, target).map_err(io::Error::other)?;
    let program = BpfProgram::try_from(filter).map_err(io::Error::other)?;
    seccompiler::apply_filter(&program).map_err(io::Error::other)?;
    Ok(true)
}
