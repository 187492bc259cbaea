//! Which addresses were just told their next nonce.
//!
//! Some clients (ethers 6) keep the answer to a read for a quarter of a second, the pending nonce included. On a chain
//! that mines at once, a wallet that sends a second transaction within that time takes the first one's nonce again. So
//! the answer to a transaction that uses a nonce just told is held back until such a client asks afresh. A client that
//! counts its nonces itself never waits.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use alloy_primitives::Address;

/// How long a client may keep what it was told: ethers' 250 ms and a little.
const KEPT: Duration = Duration::from_millis(260);
/// Addresses remembered at once; one more within [`KEPT`] is not, and its owner gets no courtesy.
const TOLD_MAX: usize = 4_096;

/// What was told within the last [`KEPT`].
#[derive(Debug, Default)]
pub(crate) struct Told(HashMap<Address, (u64, Instant)>);

impl Told {
    /// `address` is told at `now` that its next nonce is `nonce`.
    pub(crate) fn tell(&mut self, address: Address, nonce: u64, now: Instant) {
        if self.0.len() >= TOLD_MAX && !self.0.contains_key(&address) {
            self.0.retain(|_, (_, at)| now.saturating_duration_since(*at) < KEPT);
            if self.0.len() >= TOLD_MAX {
                return;
            }
        }
        self.0.insert(address, (nonce, now));
    }

    /// Until when the answer to a transaction with this nonce is held back; `None` if it may go at once.
    pub(crate) fn hold(&self, sender: Address, nonce: u64, now: Instant) -> Option<Instant> {
        let (told, at) = self.0.get(&sender)?;
        let until = *at + KEPT;
        (*told == nonce && until > now).then_some(until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: Address = Address::repeat_byte(1);

    #[test]
    fn only_the_nonce_just_told_is_held_back() {
        let start = Instant::now();
        let mut told = Told::default();
        assert_eq!(told.hold(WHO, 7, start), None, "nobody asked");
        told.tell(WHO, 7, start);
        assert_eq!(told.hold(WHO, 7, start), Some(start + KEPT));
        assert_eq!(told.hold(WHO, 8, start), None, "this client counts itself");
        assert_eq!(told.hold(Address::repeat_byte(2), 7, start), None);
        assert_eq!(told.hold(WHO, 7, start + KEPT), None, "it asks afresh by now");
        told.tell(WHO, 7, start + KEPT / 2);
        assert_eq!(told.hold(WHO, 7, start), Some(start + KEPT / 2 + KEPT), "the latest telling counts");
    }

    #[test]
    fn a_crowd_is_forgotten_in_time_and_bounded_before() {
        let start = Instant::now();
        let mut told = Told::default();
        let address = |index: usize| Address::from_word(alloy_primitives::U256::from(index).into());
        for index in 0..TOLD_MAX {
            told.tell(address(index), 0, start);
        }
        told.tell(address(TOLD_MAX), 0, start);
        assert_eq!(told.hold(address(TOLD_MAX), 0, start), None);
        told.tell(address(1), 1, start);
        assert!(told.hold(address(1), 1, start).is_some(), "who is known is kept up to date");
        told.tell(address(TOLD_MAX), 0, start + KEPT);
        assert!(told.hold(address(TOLD_MAX), 0, start + KEPT).is_some());
        assert_eq!(told.0.len(), 1);
    }
}
