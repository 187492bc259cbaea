//! Time, and waiting for it.

use super::Process;
use super::descriptor::Kind;
use super::guest::Guest;
use crate::deterministic::STEP_NS;
use crate::fault::{Errno, Fault};
use crate::limits::SUBSCRIPTIONS_MAX;

const REALTIME: u32 = 0;
const THREAD_CPUTIME: u32 = 3;
/// Bytes of a subscription and of an event in memory.
const SUBSCRIPTION_BYTES: u32 = 48;
const EVENT_BYTES: u32 = 32;

pub(super) fn clock_res_get(_: &mut Process, mut guest: Guest<'_>, id: u32, out: u32) -> Result<(), Fault> {
    if id > THREAD_CPUTIME {
        return Err(Errno::Inval.into());
    }
    Ok(guest.put_u64(out, STEP_NS)?)
}

pub(super) fn clock_time_get(
    process: &mut Process,
    mut guest: Guest<'_>,
    id: u32,
    _precision: u64,
    out: u32,
) -> Result<(), Fault> {
    Ok(guest.put_u64(out, read_clock(process, id)?)?)
}

fn read_clock(process: &mut Process, id: u32) -> Result<u64, Errno> {
    match id {
        REALTIME => Ok(process.system.clock.realtime_ns()),
        1..=THREAD_CPUTIME => Ok(process.system.clock.monotonic_ns()),
        _ => Err(Errno::Inval),
    }
}

struct Event {
    userdata: u64,
    errno: Errno,
    kind: u8,
}

/// Returns at once: descriptors are always ready, and if only clocks are waited for, the nearest one is made due by
/// letting virtual time pass.
pub(super) fn poll_oneoff(
    process: &mut Process,
    mut guest: Guest<'_>,
    subscriptions: u32,
    events: u32,
    count: u32,
    stored: u32,
) -> Result<(), Fault> {
    if count == 0 || count > SUBSCRIPTIONS_MAX {
        return Err(Errno::Inval.into());
    }
    let mut ready = Vec::new();
    let mut waits = Vec::new();
    for index in 0..count {
        let at = subscriptions.checked_add(index * SUBSCRIPTION_BYTES).ok_or(Errno::Fault)?;
        match subscription(process, &guest, at)? {
            Subscription::Ready(event) => ready.push(event),
            Subscription::Wait { userdata, wait_ns } => waits.push((wait_ns, userdata)),
        }
    }
    if ready.is_empty() {
        let nearest_ns = waits.iter().map(|(wait_ns, _)| *wait_ns).min().unwrap_or(0);
        process.system.clock.sleep(nearest_ns);
        let due = waits.iter().filter(|(wait_ns, _)| *wait_ns <= nearest_ns);
        ready.extend(due.map(|(_, userdata)| Event { userdata: *userdata, errno: Errno::Success, kind: 0 }));
    }
    for (index, event) in (0..).zip(&ready) {
        let mut record = [0; EVENT_BYTES as usize];
        record[..8].copy_from_slice(&event.userdata.to_le_bytes());
        record[8..10].copy_from_slice(&(event.errno as u16).to_le_bytes());
        record[10] = event.kind;
        guest.put(events.checked_add(index * EVENT_BYTES).ok_or(Errno::Fault)?, &record)?;
    }
    Ok(guest.put_u32(stored, u32::try_from(ready.len()).expect("at most SUBSCRIPTIONS_MAX"))?)
}

enum Subscription {
    Ready(Event),
    Wait { userdata: u64, wait_ns: u64 },
}

fn subscription(process: &mut Process, guest: &Guest<'_>, at: u32) -> Result<Subscription, Fault> {
    let record = guest.bytes(at, SUBSCRIPTION_BYTES)?;
    let word =
        |offset: usize| u64::from_le_bytes(record[offset..offset + 8].try_into().expect("eight bytes"));
    let (userdata, kind) = (word(0), record[8]);
    match kind {
        0 => {
            let clock = u32::try_from(word(16) & u64::from(u32::MAX)).expect("masked to 32 bits");
            let (timeout_ns, absolute) = (word(24), record[40] & 1 == 1);
            Ok(match read_clock(process, clock) {
                Err(errno) => Subscription::Ready(Event { userdata, errno, kind }),
                Ok(now_ns) if absolute => {
                    Subscription::Wait { userdata, wait_ns: timeout_ns.saturating_sub(now_ns) }
                }
                Ok(_) => Subscription::Wait { userdata, wait_ns: timeout_ns },
            })
        }
        1 | 2 => {
            let fd = u32::try_from(word(16) & u64::from(u32::MAX)).expect("masked to 32 bits");
            let errno = match process.descriptors.get(fd).map(|d| &d.kind) {
                Err(errno) => errno,
                Ok(Kind::Directory { .. }) => Errno::Isdir,
                Ok(Kind::Stdin | Kind::Stdout | Kind::Stderr | Kind::File { .. }) => Errno::Success,
            };
            Ok(Subscription::Ready(Event { userdata, errno, kind }))
        }
        _ => Err(Errno::Inval.into()),
    }
}
