//! Calls on an open descriptor that move no bytes: kind, size, times, flags, and its end.

use super::Process;
use super::descriptor::{Descriptor, FLAGS_ALL, Kind, rights};
use super::guest::Guest;
use crate::fault::{Errno, Fault};
use crate::vfs::Stat;

pub(super) const TYPE_UNKNOWN: u8 = 0;
pub(super) const TYPE_DIRECTORY: u8 = 3;
pub(super) const TYPE_FILE: u8 = 4;

pub(super) fn fd_close(process: &mut Process, _: Guest<'_>, fd: u32) -> Result<(), Fault> {
    let descriptor = process.descriptors.close(fd)?;
    release(process, &descriptor)
}

pub(super) fn fd_renumber(process: &mut Process, _: Guest<'_>, from: u32, to: u32) -> Result<(), Fault> {
    match process.descriptors.renumber(from, to)? {
        Some(replaced) => release(process, &replaced),
        None => Ok(()),
    }
}

fn release(process: &mut Process, descriptor: &Descriptor) -> Result<(), Fault> {
    match descriptor.kind {
        Kind::File { ino, .. } | Kind::Directory { ino, preopened: false, .. } => {
            process.system.vfs.release(ino)
        }
        Kind::Directory { preopened: true, .. } | Kind::Stdin | Kind::Stdout | Kind::Stderr => Ok(()),
    }
}

/// `fd_sync`, `fd_datasync`: what is written is there; durability beyond the run is the caller's matter.
pub(super) fn fd_sync(process: &mut Process, _: Guest<'_>, fd: u32) -> Result<(), Fault> {
    process.descriptors.get(fd)?;
    Ok(())
}

pub(super) fn fd_advise(
    process: &mut Process,
    _: Guest<'_>,
    fd: u32,
    _offset: u64,
    _length: u64,
    advice: u32,
) -> Result<(), Fault> {
    file(process, fd)?;
    if advice <= 5 { Ok(()) } else { Err(Errno::Inval.into()) }
}

pub(super) fn fd_allocate(
    process: &mut Process,
    _: Guest<'_>,
    fd: u32,
    offset: u64,
    length: u64,
) -> Result<(), Fault> {
    let ino = writable_file(process, fd)?;
    if length == 0 {
        return Err(Errno::Inval.into());
    }
    let end = offset.checked_add(length).ok_or(Errno::Fbig)?;
    if process.system.vfs.stat(ino).size_bytes >= end {
        Ok(())
    } else {
        process.system.vfs.set_size(ino, end)
    }
}

pub(super) fn fd_fdstat_get(
    process: &mut Process,
    mut guest: Guest<'_>,
    fd: u32,
    out: u32,
) -> Result<(), Fault> {
    let descriptor = process.descriptors.get(fd)?;
    let (kind, base, inheriting) = match &descriptor.kind {
        Kind::Stdin => (TYPE_UNKNOWN, rights::FD_READ | 1 << 21 | 1 << 27, 0),
        Kind::Stdout | Kind::Stderr => (TYPE_UNKNOWN, rights::FD_WRITE | 1 << 21 | 1 << 27, 0),
        Kind::Directory { .. } => (TYPE_DIRECTORY, rights::DIRECTORY, rights::ALL),
        Kind::File { readable, writable, .. } => {
            let read = if *readable { rights::FD_READ } else { 0 };
            let write = rights::FD_WRITE | rights::FD_ALLOCATE | rights::FD_FILESTAT_SET_SIZE;
            (TYPE_FILE, rights::FILE | read | if *writable { write } else { 0 }, 0)
        }
    };
    let mut record = [0; 24];
    record[0] = kind;
    record[2..4].copy_from_slice(&descriptor.flags.to_le_bytes());
    record[8..16].copy_from_slice(&base.to_le_bytes());
    record[16..24].copy_from_slice(&inheriting.to_le_bytes());
    Ok(guest.put(out, &record)?)
}

pub(super) fn fd_fdstat_set_flags(
    process: &mut Process,
    _: Guest<'_>,
    fd: u32,
    flags: u32,
) -> Result<(), Fault> {
    let descriptor = process.descriptors.get_mut(fd)?;
    descriptor.flags =
        u16::try_from(flags).ok().filter(|flags| flags & !FLAGS_ALL == 0).ok_or(Errno::Inval)?;
    Ok(())
}

/// Rights are decided when a file is opened and cannot be narrowed later.
pub(super) fn fd_fdstat_set_rights(
    process: &mut Process,
    _: Guest<'_>,
    fd: u32,
    _base: u64,
    _inheriting: u64,
) -> Result<(), Fault> {
    process.descriptors.get(fd)?;
    Err(Errno::Notsup.into())
}

pub(super) fn fd_filestat_get(
    process: &mut Process,
    mut guest: Guest<'_>,
    fd: u32,
    out: u32,
) -> Result<(), Fault> {
    let record = match process.descriptors.get(fd)?.kind {
        Kind::File { ino, .. } | Kind::Directory { ino, .. } => stat_record(&process.system.vfs.stat(ino)),
        Kind::Stdin | Kind::Stdout | Kind::Stderr => {
            let mut record = [0; 64];
            record[24..32].copy_from_slice(&1_u64.to_le_bytes());
            record
        }
    };
    Ok(guest.put(out, &record)?)
}

/// A `filestat` in memory: one device, one link, change time equal to modification time.
pub(super) fn stat_record(stat: &Stat) -> [u8; 64] {
    let mut record = [0; 64];
    record[0..8].copy_from_slice(&1_u64.to_le_bytes());
    record[8..16].copy_from_slice(&stat.ino.number().to_le_bytes());
    record[16] = if stat.is_directory { TYPE_DIRECTORY } else { TYPE_FILE };
    record[24..32].copy_from_slice(&1_u64.to_le_bytes());
    record[32..40].copy_from_slice(&stat.size_bytes.to_le_bytes());
    record[40..48].copy_from_slice(&stat.times.accessed_ns.to_le_bytes());
    record[48..56].copy_from_slice(&stat.times.modified_ns.to_le_bytes());
    record[56..64].copy_from_slice(&stat.times.modified_ns.to_le_bytes());
    record
}

pub(super) fn fd_filestat_set_size(
    process: &mut Process,
    _: Guest<'_>,
    fd: u32,
    size: u64,
) -> Result<(), Fault> {
    let ino = writable_file(process, fd)?;
    process.system.vfs.set_size(ino, size)
}

pub(super) fn fd_filestat_set_times(
    process: &mut Process,
    _: Guest<'_>,
    fd: u32,
    accessed: u64,
    modified: u64,
    flags: u32,
) -> Result<(), Fault> {
    let ino = match process.descriptors.get(fd)?.kind {
        Kind::File { ino, .. } | Kind::Directory { ino, .. } => ino,
        Kind::Stdin | Kind::Stdout | Kind::Stderr => return Err(Errno::Inval.into()),
    };
    let (accessed, modified) = chosen_times(process, accessed, modified, flags)?;
    process.system.vfs.set_times(ino, accessed, modified)
}

/// Reads `fstflags`: for each time, the given one, now, or none.
pub(super) fn chosen_times(
    process: &mut Process,
    accessed: u64,
    modified: u64,
    flags: u32,
) -> Result<(Option<u64>, Option<u64>), Errno> {
    let now = process.system.clock.realtime_ns();
    let choose = |given: u64, bits: u32| match bits & 3 {
        0 => Ok(None),
        1 => Ok(Some(given)),
        2 => Ok(Some(now)),
        _ => Err(Errno::Inval),
    };
    Ok((choose(accessed, flags)?, choose(modified, flags >> 2)?))
}

fn file(process: &Process, fd: u32) -> Result<crate::vfs::Ino, Errno> {
    match process.descriptors.get(fd)?.kind {
        Kind::File { ino, .. } => Ok(ino),
        Kind::Directory { .. } => Err(Errno::Isdir),
        Kind::Stdin | Kind::Stdout | Kind::Stderr => Err(Errno::Spipe),
    }
}

fn writable_file(process: &Process, fd: u32) -> Result<crate::vfs::Ino, Errno> {
    match process.descriptors.get(fd)?.kind {
        Kind::File { ino, writable: true, .. } => Ok(ino),
        Kind::File { .. } => Err(Errno::Notcapable),
        Kind::Directory { .. } => Err(Errno::Isdir),
        Kind::Stdin | Kind::Stdout | Kind::Stderr => Err(Errno::Inval),
    }
}
