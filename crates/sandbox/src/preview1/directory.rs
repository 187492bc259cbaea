//! The preopened directory, and listings.

use super::Process;
use super::descriptor::Kind;
use super::files::{TYPE_DIRECTORY, TYPE_FILE, TYPE_UNKNOWN};
use super::guest::Guest;
use crate::fault::{Errno, Fault};

/// Name of the one preopened directory.
const PREOPENED_NAME: &[u8] = b"/";
const DIRENT_BYTES: usize = 24;

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
        *listing = process.system.vfs.list(*ino)?;
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
        record[20] = match process.system.vfs.is_directory(*child) {
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
