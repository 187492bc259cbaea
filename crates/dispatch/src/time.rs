//! Two times that must not be mixed: the scheduler's clock and the chain's.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch on the scheduler's clock, given by the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(u64);

impl Instant {
    /// The moment `ms` milliseconds after the epoch.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// `duration` later, at most the end of time.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long ago `earlier` was; zero if the clock was set back since.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Seconds since the Unix epoch in block timestamps. All deadlines of the contracts are of this kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChainTime(u64);

impl ChainTime {
    /// The block time `s` seconds after the epoch.
    pub const fn from_secs(s: u64) -> Self {
        Self(s)
    }

    /// Seconds since the epoch.
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// `s` seconds later, at most the end of time.
    pub const fn plus_secs(self, s: u64) -> Self {
        Self(self.0.saturating_add(s))
    }
}

/// Estimates the timestamp that a block made now would carry: the head's, plus what passed on our clock since it was
/// seen. Chains may make no block for a long time, and may be ahead of or behind our clock by any amount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChainClock(Option<(ChainTime, Instant)>);

impl ChainClock {
    pub(crate) fn saw_head(&mut self, now: Instant, time: ChainTime) {
        self.0 = Some((time, now));
    }

    /// `None` until a head was seen.
    pub(crate) fn now(self, now: Instant) -> Option<ChainTime> {
        self.0.map(|(head, seen)| head.plus_secs(now.since(seen).as_secs()))
    }

    /// When, on our clock, the chain will reach `time`.
    pub(crate) fn when(self, time: ChainTime) -> Option<Instant> {
        self.0.map(|(head, seen)| seen.plus(Duration::from_secs(time.0.saturating_sub(head.0))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_time_runs_on_between_blocks_and_follows_jumps() {
        let mut clock = ChainClock::default();
        assert_eq!(clock.now(Instant(5)), None);
        clock.saw_head(Instant(1_000), ChainTime(500));
        assert_eq!(clock.now(Instant(2_999)), Some(ChainTime(501)));
        assert_eq!(clock.now(Instant(10)), Some(ChainTime(500)), "our clock was set back");
        assert_eq!(clock.when(ChainTime(503)), Some(Instant(4_000)));
        clock.saw_head(Instant(3_000), ChainTime(9_000));
        assert_eq!(clock.when(ChainTime(503)), Some(Instant(3_000)), "already reached");
    }
}
