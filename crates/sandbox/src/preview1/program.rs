//! Arguments, environment, randomness, the end of the program, and what is not supported.

use super::Process;
use super::guest::Guest;
use crate::fault::{Errno, Fault, Stop};

pub(super) fn args_sizes_get(
    process: &mut Process,
    mut guest: Guest<'_>,
    count: u32,
    size: u32,
) -> Result<(), Fault> {
    put_sizes(&process.system.args, &mut guest, count, size)
}

pub(super) fn args_get(
    process: &mut Process,
    mut guest: Guest<'_>,
    pointers: u32,
    text: u32,
) -> Result<(), Fault> {
    put_strings(&process.system.args, &mut guest, pointers, text)
}

pub(super) fn environ_sizes_get(
    process: &mut Process,
    mut guest: Guest<'_>,
    count: u32,
    size: u32,
) -> Result<(), Fault> {
    put_sizes(&environment(process), &mut guest, count, size)
}

pub(super) fn environ_get(
    process: &mut Process,
    mut guest: Guest<'_>,
    pointers: u32,
    text: u32,
) -> Result<(), Fault> {
    put_strings(&environment(process), &mut guest, pointers, text)
}

/// `NAME=value` for each variable.
fn environment(process: &Process) -> Vec<String> {
    process.system.env.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

fn put_sizes(strings: &[String], guest: &mut Guest<'_>, count: u32, size: u32) -> Result<(), Fault> {
    let bytes: usize = strings.iter().map(|s| s.len() + 1).sum();
    guest.put_u32(count, u32::try_from(strings.len()).map_err(|_| Errno::Overflow)?)?;
    guest.put_u32(size, u32::try_from(bytes).map_err(|_| Errno::Overflow)?)?;
    Ok(())
}

fn put_strings(
    strings: &[String],
    guest: &mut Guest<'_>,
    mut pointers: u32,
    mut text: u32,
) -> Result<(), Fault> {
    for string in strings {
        let length = u32::try_from(string.len()).map_err(|_| Errno::Overflow)?;
        guest.put_u32(pointers, text)?;
        guest.put(text, string.as_bytes())?;
        let end = text.checked_add(length).ok_or(Errno::Fault)?;
        guest.put(end, &[0])?;
        pointers = pointers.checked_add(4).ok_or(Errno::Fault)?;
        text = end.checked_add(1).ok_or(Errno::Fault)?;
    }
    Ok(())
}

pub(super) fn random_get(
    process: &mut Process,
    mut guest: Guest<'_>,
    address: u32,
    length: u32,
) -> Result<(), Fault> {
    Ok(process.system.fill_random(guest.bytes_mut(address, length)?)?)
}

pub(super) fn proc_exit(_: &mut Process, _: Guest<'_>, code: u32) -> Result<(), Fault> {
    Err(Fault::Stop(Stop::Exit(code.cast_signed())))
}

pub(super) fn sched_yield(_: &mut Process, _: Guest<'_>) -> Result<(), Fault> {
    Ok(())
}

/// `proc_raise`: there are no signals.
pub(super) fn proc_raise(_: &mut Process, _: Guest<'_>, _signal: u32) -> Result<(), Fault> {
    Err(Errno::Notsup.into())
}

pub(super) fn sock_accept(process: &mut Process, _: Guest<'_>, fd: u32, _: u32, _: u32) -> Result<(), Fault> {
    no_socket(process, fd)
}

pub(super) fn sock_recv(
    process: &mut Process,
    _: Guest<'_>,
    fd: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
) -> Result<(), Fault> {
    no_socket(process, fd)
}

pub(super) fn sock_send(
    process: &mut Process,
    _: Guest<'_>,
    fd: u32,
    _: u32,
    _: u32,
    _: u32,
    _: u32,
) -> Result<(), Fault> {
    no_socket(process, fd)
}

pub(super) fn sock_shutdown(process: &mut Process, _: Guest<'_>, fd: u32, _: u32) -> Result<(), Fault> {
    no_socket(process, fd)
}

fn no_socket(process: &Process, fd: u32) -> Result<(), Fault> {
    process.descriptors.get(fd)?;
    Err(Errno::Notsock.into())
}
