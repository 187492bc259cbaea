//! Calls on an open descriptor.

use super::descriptor::{Descriptor, FLAG_APPEND, FLAGS_ALL, Kind, rights};
use super::guest::{Buffer, Guest};
use super::{Errno, Fault};
use crate::limits::TRANSFER_BYTES_MAX;
use crate::process::Process;
use crate::vfs::Stat;

const TYPE_UNKNOWN: u8 = 0;
const TYPE_DIRECTORY: u8 = 3;
const TYPE_FILE: u8 = 4;

/// Name of the one preopened directory.
const PREOPENED_NAME: &[u8] = b"/";
const DIRENT_BYTES: usize = 24;

/// Cuts a list of buffers where [`TRANSFER_BYTES_MAX`] is reached.
fn bounded(buffers: Vec<Buffer>) -> impl Iterator<Item = Buffer> {
    let mut room = u32::try_from(TRANSFER_BYTES_MAX).expect("a small constant");
    buffers.into_iter().map_while(move |buffer| {
        let length = buffer.length.min(room);
        room -= length;
        (length > 0 || buffer.length == 0).then_some(Buffer { length, ..buffer })
    })
}

/// Where a transfer starts, and whether it moves the offset of the descriptor.
#[derive(Clone, Copy)]
enum Position {
    Current,
    At(u64),
}

fn transfer_in(
    process: &mut Process,
    guest: &mut Guest<'_>,
    fd: u32,
    buffers: (u32, u32),
    position: Position,
) -> Result<u32, Fault> {
    let buffers = guest.buffers(buffers.0, buffers.1)?;
    let Kind::File { ino, offset, readable, .. } = &mut process.descriptors.get_mut(fd)?.kind else {
        return match (&process.descriptors.get(fd)?.kind, position) {
            (Kind::Stdin, Position::Current) => Ok(0),
            (Kind::Stdin | Kind::Stdout | Kind::Stderr, Position::At(_)) => Err(Errno::Spipe.into()),
            (Kind::Directory { .. }, _) => Err(Errno::Isdir.into()),
            (Kind::Stdout | Kind::Stderr | Kind::File { .. }, Position::Current) => Err(Errno::Badf.into()),
            (Kind::File { .. }, Position::At(_)) => unreachable!("handled above"),
        };
    };
    if !*readable {
        return Err(Errno::Notcapable.into());
    }
    let start = match position {
        Position::Current => *offset,
        Position::At(offset) => offset,
    };
    let mut done = 0_u32;
    for buffer in bounded(buffers) {
        let out = guest.bytes_mut(buffer.address, buffer.length)?;
        let at = start.checked_add(u64::from(done)).ok_or(Errno::Overflow)?;
        let read = process.vfs.read(*ino, at, out)?;
        done += u32::try_from(read).expect("no longer than the buffer");
        if read < out.len() {
            break;
        }
    }
    if let Position::Current = position {
        *offset = start + u64::from(done);
    }
    Ok(done)
}

fn transfer_out(
    process: &mut Process,
    guest: &Guest<'_>,
    fd: u32,
    buffers: (u32, u32),
    position: Position,
) -> Result<u32, Fault> {
    let buffers = guest.buffers(buffers.0, buffers.1)?;
    let descriptor = process.descriptors.get_mut(fd)?;
    let log = match (&descriptor.kind, position) {
        (Kind::File { .. }, _) => None,
        (Kind::Directory { .. }, _) => return Err(Errno::Isdir.into()),
        (Kind::Stdin, Position::Current) => return Err(Errno::Badf.into()),
        (Kind::Stdout, Position::Current) => Some(&mut process.stdout),
        (Kind::Stderr, Position::Current) => Some(&mut process.stderr),
        (Kind::Stdin | Kind::Stdout | Kind::Stderr, Position::At(_)) => return Err(Errno::Spipe.into()),
    };
    let mut done = 0_u32;
    if let Some(log) = log {
        for buffer in bounded(buffers) {
            log.write(guest.bytes(buffer.address, buffer.length)?);
            done += buffer.length;
        }
        return Ok(done);
    }
    let append = descriptor.flags & FLAG_APPEND != 0;
    let Kind::File { ino, offset, writable, .. } = &mut descriptor.kind else {
        unreachable!("only a file has no log")
    };
    if !*writable {
        return Err(Errno::Notcapable.into());
    }
    let start = match position {
        Position::Current if append => process.vfs.stat(*ino).size_bytes,
        Position::Current => *offset,
        Position::At(offset) => offset,
    };
    for buffer in bounded(buffers) {
        let at = start.checked_add(u64::from(done)).ok_or(Errno::Fbig)?;
        process.vfs.write(*ino, at, guest.bytes(buffer.address, buffer.length)?)?;
        done += buffer.length;
    }
    if let Position::Current = position {
        *offset = start + u64::from(done);
    }
    Ok(done)
}

pub(super) fn fd_read(
    process: &mut Process,
    mut guest: Guest<'_>,
    fd: u32,
    buffers: u32,
    count: u32,
    out: u32,
) -> Result<(), Fault> {
    let done = transfer_in(process, &mut guest, fd, (buffers, count), Position::Current)?;
    Ok(guest.put_u32(out, done)?)
}

pub(super) fn fd_pread(
    process: &mut Process,
    mut guest: Guest<'_>,
    fd: u32,
    buffers: u32,
    count: u32,
    offset: u64,
    out: u32,
) -> Result<(), Fault> {
    let done = transfer_in(process, &mut guest, fd, (buffers, count), Position::At(offset))?;
    Ok(guest.put_u32(out, done)?)
}

pub(super) fn fd_write(
    process: &mut Process,
    mut guest: Guest<'_>,
    fd: u32,
    buffers: u32,
    count: u32,
    out: u32,
) -> Result<(), Fault> {
    let done = transfer_out(process, &guest, fd, (buffers, count), Position::Current)?;
    Ok(guest.put_u32(out, done)?)
}

pub(super) fn fd_pwrite(
    process: &mut Process,
    mut guest: Guest<'_>,
    fd: u32,
    buffers: u32,
    count: u32,
    offset: u64,
    out: u32,
) -> Result<(), Fault> {
    let done = transfer_out(process, &guest, fd, (buffers, count), Position::At(offset))?;
    Ok(guest.put_u32(out, done)?)
}

pub(super) fn fd_seek(
    process: &mut Process,
    mut guest: Guest<'_>,
    fd: u32,
    delta: u64,
    whence: u32,
    out: u32,
) -> Result<(), Fault> {
    let (ino, offset) = match &mut process.descriptors.get_mut(fd)?.kind {
        Kind::File { ino, offset, .. } => (*ino, offset),
        Kind::Directory { .. } => return Err(Errno::Isdir.into()),
        Kind::Stdin | Kind::Stdout | Kind::Stderr => return Err(Errno::Spipe.into()),
    };
    let base = match whence {
        0 => 0,
        1 => *offset,
        2 => process.vfs.stat(ino).size_bytes,
        _ => return Err(Errno::Inval.into()),
    };
    let target = base.checked_add_signed(delta.cast_signed()).ok_or(Errno::Inval)?;
    *offset = target;
    Ok(guest.put_u64(out, target)?)
}

pub(super) fn fd_tell(process: &mut Process, guest: Guest<'_>, fd: u32, out: u32) -> Result<(), Fault> {
    fd_seek(process, guest, fd, 0, 1, out)
}

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
        Kind::File { ino, .. } | Kind::Directory { ino, preopened: false, .. } => process.vfs.release(ino),
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
    if process.vfs.stat(ino).size_bytes >= end { Ok(()) } else { process.vfs.set_size(ino, end) }
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
        Kind::File { ino, .. } | Kind::Directory { ino, .. } => stat_record(&process.vfs.stat(ino)),
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
    process.vfs.set_size(ino, size)
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
    process.vfs.set_times(ino, accessed, modified)
}

/// Reads `fstflags`: for each time, the given one, now, or none.
pub(super) fn chosen_times(
    process: &mut Process,
    accessed: u64,
    modified: u64,
    flags: u32,
) -> Result<(Option<u64>, Option<u64>), Errno> {
    let now = process.clock.realtime_ns();
    let choose = |given: u64, bits: u32| match bits & 3 {
        0 => Ok(None),
        1 => Ok(Some(given)),
        2 => Ok(Some(now)),
        _ => Err(Errno::Inval),
    };
    Ok((choose(accessed, flags)?, choose(modified, flags >> 2)?))
}

pub(super) fn fd_prestat_get(
    process: &mut Process,
    mut guest: Guest<'_>,
    fd: u32,
    out: u32,
) -> Result<(), Fault> {
    preopened(process, fd)?;
    guest.put_u32(out, 0)?;
    guest.put_u32(
        out.checked_add(4).ok_or(Errno::Fault)?,
        u32::try_from(PREOPENED_NAME.len()).expect("short"),
    )?;
    Ok(())
}

pub(super) fn fd_prestat_dir_name(
    process: &mut Process,
    mut guest: Guest<'_>,
    fd: u32,
    address: u32,
    length: u32,
) -> Result<(), Fault> {
    preopened(process, fd)?;
    if (length as usize) < PREOPENED_NAME.len() {
        return Err(Errno::Nametoolong.into());
    }
    Ok(guest.put(address, PREOPENED_NAME)?)
}

fn preopened(process: &Process, fd: u32) -> Result<(), Errno> {
    match process.descriptors.get(fd)?.kind {
        Kind::Directory { preopened: true, .. } => Ok(()),
        Kind::Directory { .. } | Kind::File { .. } | Kind::Stdin | Kind::Stdout | Kind::Stderr => {
            Err(Errno::Badf)
        }
    }
}

pub(super) fn fd_readdir(
    process: &mut Process,
    mut guest: Guest<'_>,
    fd: u32,
    address: u32,
    length: u32,
    cookie: u64,
    out: u32,
) -> Result<(), Fault> {
    let Kind::Directory { ino, listing, .. } = &mut process.descriptors.get_mut(fd)?.kind else {
        return Err(Errno::Notdir.into());
    };
    if cookie == 0 {
        *listing = process.vfs.list(*ino)?;
    }
    let buffer = guest.bytes_mut(address, length)?;
    let mut used = 0;
    let start = usize::try_from(cookie).unwrap_or(usize::MAX);
    for (index, (name, child)) in listing.iter().enumerate().skip(start) {
        let mut record = [0; DIRENT_BYTES];
        record[..8].copy_from_slice(&(index as u64 + 1).to_le_bytes());
        record[8..16].copy_from_slice(&child.number().to_le_bytes());
        record[16..20]
            .copy_from_slice(&u32::try_from(name.len()).expect("at most NAME_BYTES_MAX").to_le_bytes());
        record[20] = match process.vfs.is_directory(*child) {
            Some(true) => TYPE_DIRECTORY,
            Some(false) => TYPE_FILE,
            None => TYPE_UNKNOWN,
        };
        // A record that does not fit is cut: a full buffer tells the application to ask again.
        for part in [&record[..], name.as_bytes()] {
            let fitting = part.len().min(buffer.len() - used);
            buffer[used..used + fitting].copy_from_slice(&part[..fitting]);
            used += fitting;
        }
        if used == buffer.len() {
            break;
        }
    }
    Ok(guest.put_u32(out, u32::try_from(used).expect("no longer than the buffer"))?)
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
