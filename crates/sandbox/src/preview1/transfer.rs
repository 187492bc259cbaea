//! Moving bytes between descriptors and the application's memory, and the offset at which that happens.

use super::Process;
use super::descriptor::{FLAG_APPEND, Kind};
use super::guest::{Buffer, Guest};
use crate::fault::{Errno, Fault};
use crate::limits::TRANSFER_BYTES_MAX;

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
        let read = process.system.vfs.read(*ino, at, out)?;
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
        (Kind::Stdout, Position::Current) => Some(&mut process.system.stdout),
        (Kind::Stderr, Position::Current) => Some(&mut process.system.stderr),
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
        Position::Current if append => process.system.vfs.stat(*ino).size_bytes,
        Position::Current => *offset,
        Position::At(offset) => offset,
    };
    for buffer in bounded(buffers) {
        let at = start.checked_add(u64::from(done)).ok_or(Errno::Fbig)?;
        process.system.vfs.write(*ino, at, guest.bytes(buffer.address, buffer.length)?)?;
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
        2 => process.system.vfs.stat(ino).size_bytes,
        _ => return Err(Errno::Inval.into()),
    };
    let target = base.checked_add_signed(delta.cast_signed()).ok_or(Errno::Inval)?;
    *offset = target;
    Ok(guest.put_u64(out, target)?)
}

pub(super) fn fd_tell(process: &mut Process, guest: Guest<'_>, fd: u32, out: u32) -> Result<(), Fault> {
    fd_seek(process, guest, fd, 0, 1, out)
}
