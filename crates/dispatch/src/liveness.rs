//! Leases of workers: who was heard of lately.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits::LEASE;
use crate::terms::WorkerId;
use crate::time::Instant;

/// Leases by worker. Every sign of life renews one; [`Liveness::expire`] tells whose ended.
///
/// It is not part of the journal: after a restart the shell grants every worker that was here a new lease
/// ([`crate::Dispatch::expected_workers`]), in which it may come back.
#[derive(Debug, Default)]
pub struct Liveness {
    until: BTreeMap<WorkerId, Instant>,
    order: BTreeSet<(Instant, WorkerId)>,
}

impl Liveness {
    /// Begins or renews the lease of `worker`.
    pub fn renew(&mut self, now: Instant, worker: WorkerId) {
        let until = now.plus(LEASE);
        if let Some(before) = self.until.insert(worker, until) {
            self.order.remove(&(before, worker));
        }
        self.order.insert((until, worker));
    }

    /// Ends the lease of a worker that said farewell.
    pub fn forget(&mut self, worker: WorkerId) {
        if let Some(until) = self.until.remove(&worker) {
            self.order.remove(&(until, worker));
        }
    }

    /// Takes the workers whose lease ended, longest silent first.
    pub fn expire(&mut self, now: Instant) -> Vec<WorkerId> {
        let mut lost = Vec::new();
        while let Some(&(until, worker)) = self.order.first().filter(|(until, _)| *until <= now) {
            self.order.remove(&(until, worker));
            self.until.remove(&worker);
            lost.push(worker);
        }
        lost
    }

    /// When [`Liveness::expire`] must be called at the latest.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.order.first().map(|(until, _)| *until)
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;

    use super::*;

    const A: WorkerId = WorkerId(Address::repeat_byte(1));
    const B: WorkerId = WorkerId(Address::repeat_byte(2));

    fn ms(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn silent_worker_is_lost_when_its_lease_ends_and_not_before() {
        let mut leases = Liveness::default();
        leases.renew(ms(0), A);
        leases.renew(ms(1_000), B);
        leases.renew(ms(2_000), A);
        assert_eq!(leases.next_deadline(), Some(ms(5_000)));
        assert_eq!(leases.expire(ms(4_999)), []);
        assert_eq!(leases.expire(ms(5_000)), [B]);
        assert_eq!(leases.expire(ms(9_000)), [A]);
        assert_eq!(leases.next_deadline(), None);
    }

    #[test]
    fn forgotten_worker_is_not_lost_again() {
        let mut leases = Liveness::default();
        leases.renew(ms(0), A);
        leases.forget(A);
        leases.forget(A);
        assert_eq!(leases.expire(ms(99_000)), []);
    }
}
