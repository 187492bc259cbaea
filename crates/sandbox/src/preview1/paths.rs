//! Calls on a path beneath a directory descriptor. Lookup flags are ignored: there are no links to follow.

use super::Process;
use super::descriptor::{Descriptor, FLAGS_ALL, Kind, rights};
use super::files::{chosen_times, stat_record};
use super::guest::Guest;
use crate::fault::{Errno, Fault};
use crate::vfs::{Open, Target};

const OPEN_CREATE: u32 = 1;
const OPEN_DIRECTORY: u32 = 2;
const OPEN_EXCLUSIVE: u32 = 4;
const OPEN_TRUNCATE: u32 = 8;

fn target(process: &Process, guest: &Guest<'_>, fd: u32, path: (u32, u32)) -> Result<Target, Fault> {
    let base = process.descriptors.directory(fd)?;
    Ok(process.system.vfs.resolve(base, &guest.path(path.0, path.1)?)?)
}

pub(super) fn path_open(
    process: &mut Process,
    mut guest: Guest<'_>,
    fd: u32,
    _lookup: u32,
    path: u32,
    length: u32,
    open: u32,
    base: u64,
    _inheriting: u64,
    flags: u32,
    out: u32,
) -> Result<(), Fault> {
    guest.bytes(out, 4)?;
    let flags = u16::try_from(flags).ok().filter(|flags| flags & !FLAGS_ALL == 0).ok_or(Errno::Inval)?;
    process.descriptors.check_room()?;
    let target = target(process, &guest, fd, (path, length))?;
    let writable = base & (rights::FD_WRITE | rights::FD_ALLOCATE | rights::FD_FILESTAT_SET_SIZE) != 0;
    let readable = base & rights::FD_READ != 0;
    let directory = open & OPEN_DIRECTORY != 0;
    let how = Open {
        create: open & OPEN_CREATE != 0,
        directory,
        exclusive: open & OPEN_EXCLUSIVE != 0,
        truncate: open & OPEN_TRUNCATE != 0,
        write: writable,
        // Rights are asked for in bulk by some runtimes; only an unambiguous wish to write counts.
        bytes: !directory && writable && !readable,
    };
    let ino = process.system.vfs.open(&target, how)?;
    let kind = if process.system.vfs.stat(ino).is_directory {
        Kind::Directory { ino, listing: Vec::new(), preopened: false }
    } else {
        Kind::File { ino, offset: 0, readable, writable }
    };
    let number = process.descriptors.open(Descriptor { kind, flags })?;
    Ok(guest.put_u32(out, number)?)
}

pub(super) fn path_filestat_get(
    process: &mut Process,
    mut guest: Guest<'_>,
    fd: u32,
    _lookup: u32,
    path: u32,
    length: u32,
    out: u32,
) -> Result<(), Fault> {
    let ino = target(process, &guest, fd, (path, length))?.existing(&process.system.vfs)?;
    Ok(guest.put(out, &stat_record(&process.system.vfs.stat(ino)))?)
}

pub(super) fn path_filestat_set_times(
    process: &mut Process,
    guest: Guest<'_>,
    fd: u32,
    _lookup: u32,
    path: u32,
    length: u32,
    accessed: u64,
    modified: u64,
    flags: u32,
) -> Result<(), Fault> {
    let ino = target(process, &guest, fd, (path, length))?.existing(&process.system.vfs)?;
    let (accessed, modified) = chosen_times(process, accessed, modified, flags)?;
    process.system.vfs.set_times(ino, accessed, modified)
}

pub(super) fn path_create_directory(
    process: &mut Process,
    guest: Guest<'_>,
    fd: u32,
    path: u32,
    length: u32,
) -> Result<(), Fault> {
    let target = target(process, &guest, fd, (path, length))?;
    process.system.vfs.create_directory(&target)
}

pub(super) fn path_remove_directory(
    process: &mut Process,
    guest: Guest<'_>,
    fd: u32,
    path: u32,
    length: u32,
) -> Result<(), Fault> {
    let target = target(process, &guest, fd, (path, length))?;
    process.system.vfs.remove_directory(&target)
}

pub(super) fn path_unlink_file(
    process: &mut Process,
    guest: Guest<'_>,
    fd: u32,
    path: u32,
    length: u32,
) -> Result<(), Fault> {
    let target = target(process, &guest, fd, (path, length))?;
    process.system.vfs.unlink_file(&target)
}

pub(super) fn path_rename(
    process: &mut Process,
    guest: Guest<'_>,
    from_fd: u32,
    from: u32,
    from_length: u32,
    to_fd: u32,
    to: u32,
    to_length: u32,
) -> Result<(), Fault> {
    let from = target(process, &guest, from_fd, (from, from_length))?;
    let to = target(process, &guest, to_fd, (to, to_length))?;
    process.system.vfs.rename(&from, &to)
}

/// There are no links: what the path names is never one.
pub(super) fn path_readlink(
    process: &mut Process,
    guest: Guest<'_>,
    fd: u32,
    path: u32,
    length: u32,
    _buffer: u32,
    _buffer_length: u32,
    _out: u32,
) -> Result<(), Fault> {
    target(process, &guest, fd, (path, length))?.existing(&process.system.vfs)?;
    Err(Errno::Inval.into())
}

pub(super) fn path_symlink(
    process: &mut Process,
    _: Guest<'_>,
    _old: u32,
    _old_length: u32,
    fd: u32,
    _new: u32,
    _new_length: u32,
) -> Result<(), Fault> {
    process.descriptors.directory(fd)?;
    Err(Errno::Notsup.into())
}

pub(super) fn path_link(
    process: &mut Process,
    _: Guest<'_>,
    from_fd: u32,
    _lookup: u32,
    _from: u32,
    _from_length: u32,
    to_fd: u32,
    _to: u32,
    _to_length: u32,
) -> Result<(), Fault> {
    process.descriptors.directory(from_fd)?;
    process.descriptors.directory(to_fd)?;
    Err(Errno::Notsup.into())
}
