//! Clock and randomness that are functions of the seed and of how often they were asked.

use sha2::{Digest, Sha256};

/// Nanoseconds by which time advances at every look at the clock; also the resolution that is reported.
pub(crate) const STEP_NS: u64 = 1_000_000;
/// Earliest start of a clock: 2023-11-14 22:13:20 UTC, in seconds since the Unix epoch.
const START_S: u64 = 1_700_000_000;
/// Starts are spread over this many seconds (about two years).
const SPREAD_S: u64 = 1 << 26;

/// A clock that moves only when it is looked at or slept on.
#[derive(Debug)]
pub(crate) struct Clock {
    start_ns: u64,
    elapsed_ns: u64,
}

impl Clock {
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        let hash = Sha256::new().chain_update(b"metacloud sandbox clock 1").chain_update(seed).finalize();
        let word = u64::from_be_bytes(hash[..8].try_into().expect("a hash has 32 bytes"));
        Self { start_ns: (START_S + word % SPREAD_S) * 1_000_000_000, elapsed_ns: 0 }
    }

    /// Time of day at the start, in nanoseconds since the Unix epoch: the time stamp of every file.
    pub(crate) fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// Nanoseconds since the start, after one step.
    pub(crate) fn monotonic_ns(&mut self) -> u64 {
        self.sleep(STEP_NS);
        self.elapsed_ns
    }

    /// Nanoseconds since the Unix epoch, after one step.
    pub(crate) fn realtime_ns(&mut self) -> u64 {
        self.start_ns.saturating_add(self.monotonic_ns())
    }

    /// Lets `duration_ns` pass at once.
    pub(crate) fn sleep(&mut self, duration_ns: u64) {
        self.elapsed_ns = self.elapsed_ns.saturating_add(duration_ns);
    }
}

/// SHA-256 in counter mode over the seed. Not secret: whoever knows the task id can predict it.
#[derive(Debug)]
pub(crate) struct Random {
    seed: [u8; 32],
    counter: u64,
    block: [u8; 32],
    used: usize,
}

impl Random {
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        Self { seed: *seed, counter: 0, block: [0; 32], used: 32 }
    }

    pub(crate) fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            if self.used == self.block.len() {
                self.refill();
            }
            *byte = self.block[self.used];
            self.used += 1;
        }
    }

    fn refill(&mut self) {
        self.block = Sha256::new()
            .chain_update(b"metacloud sandbox random 1")
            .chain_update(self.seed)
            .chain_update(self.counter.to_be_bytes())
            .finalize()
            .into();
        self.counter += 1;
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn randomness_depends_on_the_seed_and_not_on_the_size_of_requests() {
        let mut whole = [0; 100];
        Random::from_seed(&[1; 32]).fill(&mut whole);
        let mut parts = [0; 100];
        let mut random = Random::from_seed(&[1; 32]);
        let (a, b) = parts.split_at_mut(33);
        random.fill(a);
        random.fill(b);
        assert_eq!(whole, parts);
        let mut other = [0; 100];
        Random::from_seed(&[2; 32]).fill(&mut other);
        assert_ne!(whole, other);
    }

    #[test]
    fn time_moves_by_one_step_and_never_wraps() {
        let mut clock = Clock::from_seed(&[1; 32]);
        let first = clock.realtime_ns();
        assert_eq!(clock.realtime_ns() - first, STEP_NS);
        assert_ne!(Clock::from_seed(&[2; 32]).start_ns(), clock.start_ns());
        clock.sleep(u64::MAX);
        clock.sleep(1);
        assert_eq!(clock.monotonic_ns(), u64::MAX);
    }
}
