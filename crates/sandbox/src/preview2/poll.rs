//! Waiting: streams are always ready, and a clock is made due by letting virtual time pass.

use wasmtime::component::Resource;

use super::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use super::bindings::wasi::io::poll;
use super::process::Process;
use crate::deterministic::STEP_NS;
use crate::fault::Stop;
use crate::limits::SUBSCRIPTIONS_MAX;

const NS_PER_S: u64 = 1_000_000_000;

/// What a pollable waits for.
#[derive(Clone, Copy, Debug)]
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub enum Readiness {
    Always,
    /// The monotonic clock shows this or more, in nanoseconds since the start.
    At(u64),
}

impl Readiness {
    /// How long it is from `now_ns` on until this is ready.
    fn wait_ns(self, now_ns: u64) -> u64 {
        match self {
            Self::Always => 0,
            Self::At(due_ns) => due_ns.saturating_sub(now_ns),
        }
    }
}

impl poll::Host for Process {
    fn poll(&mut self, pollables: Vec<Resource<Readiness>>) -> wasmtime::Result<Vec<u32>> {
        if pollables.is_empty() || pollables.len() > SUBSCRIPTIONS_MAX as usize {
            let count = pollables.len();
            let rule = format!("it polled {count} pollables at once; 1 to {SUBSCRIPTIONS_MAX} are taken");
            return Err(Stop::crash(rule).into());
        }
        let now_ns = self.system.clock.monotonic_ns();
        let mut waits_ns = Vec::with_capacity(pollables.len());
        for pollable in &pollables {
            waits_ns.push(self.table.get(pollable)?.wait_ns(now_ns));
        }
        let nearest_ns = waits_ns.iter().copied().min().unwrap_or(0);
        self.system.clock.sleep(nearest_ns);
        let due = (0..).zip(waits_ns).filter(|(_, wait_ns)| *wait_ns <= nearest_ns);
        Ok(due.map(|(index, _)| index).collect())
    }
}

impl poll::HostPollable for Process {
    /// A look at the clock, so that a program that spins on this gets on.
    fn ready(&mut self, pollable: Resource<Readiness>) -> wasmtime::Result<bool> {
        let readiness = *self.table.get(&pollable)?;
        Ok(readiness.wait_ns(self.system.clock.monotonic_ns()) == 0)
    }

    fn block(&mut self, pollable: Resource<Readiness>) -> wasmtime::Result<()> {
        let readiness = *self.table.get(&pollable)?;
        let now_ns = self.system.clock.monotonic_ns();
        self.system.clock.sleep(readiness.wait_ns(now_ns));
        Ok(())
    }

    fn drop(&mut self, pollable: Resource<Readiness>) -> wasmtime::Result<()> {
        self.table.delete(pollable)?;
        Ok(())
    }
}

impl monotonic_clock::Host for Process {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.system.clock.monotonic_ns())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(STEP_NS)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<Readiness>> {
        Ok(self.push(Readiness::At(when))?)
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<Readiness>> {
        let now_ns = self.system.clock.monotonic_ns();
        Ok(self.push(Readiness::At(now_ns.saturating_add(duration)))?)
    }
}

impl wall_clock::Host for Process {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(datetime(self.system.clock.realtime_ns()))
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(datetime(STEP_NS))
    }
}

/// From nanoseconds to the record of the wall clock.
pub(super) fn datetime(ns: u64) -> wall_clock::Datetime {
    let nanoseconds = u32::try_from(ns % NS_PER_S).expect("less than a second");
    wall_clock::Datetime { seconds: ns / NS_PER_S, nanoseconds }
}

/// The way back; `None` for what is no time, or lies beyond the year 2554.
pub(super) fn nanoseconds(time: wall_clock::Datetime) -> Option<u64> {
    let fraction_ns = u64::from(time.nanoseconds);
    let whole_ns = time.seconds.checked_mul(NS_PER_S)?;
    if fraction_ns < NS_PER_S { whole_ns.checked_add(fraction_ns) } else { None }
}
