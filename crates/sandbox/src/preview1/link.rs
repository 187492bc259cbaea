//! Ties the calls to the names that modules import.

use wasmtime::{Caller, Engine, Extern, Linker};

use super::guest::Guest;
use super::{MODULE, Process, clock, directory, files, paths, program, transfer};
use crate::fault::{Errno, Fault};

/// Runs one call with the application's memory; an error number goes back to it, a stop unwinds it.
fn enter(
    caller: &mut Caller<'_, Process>,
    call: impl FnOnce(&mut Process, Guest<'_>) -> Result<(), Fault>,
) -> wasmtime::Result<u32> {
    let memory = match caller.data().memory {
        Some(memory) => memory,
        None => match caller.get_export("memory") {
            Some(Extern::Memory(memory)) => {
                caller.data_mut().memory = Some(memory);
                memory
            }
            _ => return Ok(Errno::Fault as u32),
        },
    };
    let (bytes, process) = memory.data_and_store_mut(caller);
    match call(process, Guest(bytes)) {
        Ok(()) => Ok(Errno::Success as u32),
        Err(Fault::Errno(errno)) => Ok(errno as u32),
        Err(Fault::Stop(stop)) => Err(wasmtime::Error::new(stop)),
    }
}

macro_rules! calls {
    ($linker:ident; $($function:path => $name:literal ($($arg:ident: $ty:ty),*);)*) => {$(
        $linker.func_wrap(MODULE, $name, |mut caller: Caller<'_, Process>, $($arg: $ty),*| {
            enter(&mut caller, |process, guest| $function(process, guest, $($arg),*))
        })?;
    )*};
}

/// Every function of WASI preview 1.
///
/// # Errors
/// If the engine refuses a function type, which would be a fault of ours.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Process>> {
    let mut linker = Linker::new(engine);
    link_program(&mut linker)?;
    link_files(&mut linker)?;
    link_paths(&mut linker)?;
    Ok(linker)
}

fn link_program(linker: &mut Linker<Process>) -> wasmtime::Result<()> {
    calls! { linker;
        program::args_get => "args_get"(a: u32, b: u32);
        program::args_sizes_get => "args_sizes_get"(a: u32, b: u32);
        program::environ_get => "environ_get"(a: u32, b: u32);
        program::environ_sizes_get => "environ_sizes_get"(a: u32, b: u32);
        clock::clock_res_get => "clock_res_get"(a: u32, b: u32);
        clock::clock_time_get => "clock_time_get"(a: u32, b: u64, c: u32);
        clock::poll_oneoff => "poll_oneoff"(a: u32, b: u32, c: u32, d: u32);
        program::proc_raise => "proc_raise"(a: u32);
        program::random_get => "random_get"(a: u32, b: u32);
        program::sched_yield => "sched_yield"();
        program::sock_accept => "sock_accept"(a: u32, b: u32, c: u32);
        program::sock_recv => "sock_recv"(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32);
        program::sock_send => "sock_send"(a: u32, b: u32, c: u32, d: u32, e: u32);
        program::sock_shutdown => "sock_shutdown"(a: u32, b: u32);
    }
    // The one call without a result.
    linker.func_wrap(MODULE, "proc_exit", |mut caller: Caller<'_, Process>, code: u32| {
        let process = caller.data_mut();
        match program::proc_exit(process, Guest(&mut []), code) {
            Err(Fault::Stop(stop)) => Err::<(), _>(wasmtime::Error::new(stop)),
            Ok(()) | Err(Fault::Errno(_)) => unreachable!("proc_exit always ends the run"),
        }
    })?;
    Ok(())
}

fn link_files(linker: &mut Linker<Process>) -> wasmtime::Result<()> {
    calls! { linker;
        files::fd_advise => "fd_advise"(a: u32, b: u64, c: u64, d: u32);
        files::fd_allocate => "fd_allocate"(a: u32, b: u64, c: u64);
        files::fd_close => "fd_close"(a: u32);
        files::fd_sync => "fd_datasync"(a: u32);
        files::fd_fdstat_get => "fd_fdstat_get"(a: u32, b: u32);
        files::fd_fdstat_set_flags => "fd_fdstat_set_flags"(a: u32, b: u32);
        files::fd_fdstat_set_rights => "fd_fdstat_set_rights"(a: u32, b: u64, c: u64);
        files::fd_filestat_get => "fd_filestat_get"(a: u32, b: u32);
        files::fd_filestat_set_size => "fd_filestat_set_size"(a: u32, b: u64);
        files::fd_filestat_set_times => "fd_filestat_set_times"(a: u32, b: u64, c: u64, d: u32);
        transfer::fd_pread => "fd_pread"(a: u32, b: u32, c: u32, d: u64, e: u32);
        directory::fd_prestat_get => "fd_prestat_get"(a: u32, b: u32);
        directory::fd_prestat_dir_name => "fd_prestat_dir_name"(a: u32, b: u32, c: u32);
        transfer::fd_pwrite => "fd_pwrite"(a: u32, b: u32, c: u32, d: u64, e: u32);
        transfer::fd_read => "fd_read"(a: u32, b: u32, c: u32, d: u32);
        directory::fd_readdir => "fd_readdir"(a: u32, b: u32, c: u32, d: u64, e: u32);
        files::fd_renumber => "fd_renumber"(a: u32, b: u32);
        transfer::fd_seek => "fd_seek"(a: u32, b: u64, c: u32, d: u32);
        files::fd_sync => "fd_sync"(a: u32);
        transfer::fd_tell => "fd_tell"(a: u32, b: u32);
        transfer::fd_write => "fd_write"(a: u32, b: u32, c: u32, d: u32);
    }
    Ok(())
}

fn link_paths(linker: &mut Linker<Process>) -> wasmtime::Result<()> {
    calls! { linker;
        paths::path_create_directory => "path_create_directory"(a: u32, b: u32, c: u32);
        paths::path_filestat_get => "path_filestat_get"(a: u32, b: u32, c: u32, d: u32, e: u32);
        paths::path_filestat_set_times => "path_filestat_set_times"(
            a: u32, b: u32, c: u32, d: u32, e: u64, f: u64, g: u32);
        paths::path_link => "path_link"(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32, g: u32);
        paths::path_open => "path_open"(
            a: u32, b: u32, c: u32, d: u32, e: u32, f: u64, g: u64, h: u32, i: u32);
        paths::path_readlink => "path_readlink"(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32);
        paths::path_remove_directory => "path_remove_directory"(a: u32, b: u32, c: u32);
        paths::path_rename => "path_rename"(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32);
        paths::path_symlink => "path_symlink"(a: u32, b: u32, c: u32, d: u32, e: u32);
        paths::path_unlink_file => "path_unlink_file"(a: u32, b: u32, c: u32);
    }
    Ok(())
}
