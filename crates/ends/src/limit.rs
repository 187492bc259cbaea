//! How often one client may ask (http-surface 4.10). Time is an argument; memory is bounded.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Length of the window in which requests are counted, milliseconds.
const WINDOW_MS: u64 = 60_000;
/// Clients that are told apart in one window; all further ones share one allowance.
const CLIENTS_MAX: usize = 16_384;
/// Longest `Origin` that is told apart, in bytes; longer ones count by their start.
const ORIGIN_BYTES_MAX: usize = 128;

/// How many requests a service answers. Clients on the machine itself are never refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// Requests of one address in a minute; of IPv6, of one network of 64 bits.
    pub per_address: u32,
    /// Requests in a minute of all browsers that show pages of one origin.
    pub per_origin: u32,
    /// Whether the last entry of `X-Forwarded-For` is the client: only behind a proxy that writes it.
    pub trust_forwarded: bool,
}

impl Default for RateLimits {
    fn default() -> Self {
        Self { per_address: 600, per_origin: 6_000, trust_forwarded: false }
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Client {
    Address([u8; 16]),
    Origin(Box<str>),
    /// Addresses beyond those that are told apart, or not known.
    OtherAddresses,
    /// The same of origins.
    OtherOrigins,
}

/// Counts of this window and of the one before.
#[derive(Debug, Default)]
struct Counts {
    began_ms: u64,
    current: HashMap<Client, u32>,
    previous: HashMap<Client, u32>,
}

/// Counts the requests of each client over the last minute: those of the window before fade out evenly.
#[derive(Debug)]
pub struct Limiter {
    limits: RateLimits,
    counts: Mutex<Counts>,
}

impl Limiter {
    /// Nobody has asked yet.
    #[must_use]
    pub fn new(limits: RateLimits) -> Self {
        Self { limits, counts: Mutex::default() }
    }

    /// What it was told.
    #[must_use]
    pub const fn limits(&self) -> RateLimits {
        self.limits
    }

    /// Whether one more request is answered. Refused ones do not count.
    pub fn admit(&self, address: Option<IpAddr>, origin: Option<&str>, now_ms: u64) -> bool {
        if address.is_some_and(|address| address.to_canonical().is_loopback()) {
            return true;
        }
        let address = address.map_or(Client::OtherAddresses, |address| Client::Address(network(address)));
        let origin = origin.map(|origin| Client::Origin(start(origin).into()));
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.turn(now_ms);
        let address = counts.told_apart(address, Client::OtherAddresses);
        let origin = origin.map(|origin| counts.told_apart(origin, Client::OtherOrigins));
        let within = counts.used(&address, now_ms) < u64::from(self.limits.per_address)
            && origin
                .as_ref()
                .is_none_or(|origin| counts.used(origin, now_ms) < u64::from(self.limits.per_origin));
        if within {
            for client in std::iter::once(address).chain(origin) {
                let count = counts.current.entry(client).or_default();
                *count = count.saturating_add(1);
            }
        }
        within
    }
}

impl Counts {
    fn turn(&mut self, now_ms: u64) {
        let age_ms = now_ms.saturating_sub(self.began_ms);
        if age_ms < WINDOW_MS {
            return;
        }
        self.previous = std::mem::take(&mut self.current);
        self.began_ms += WINDOW_MS;
        if age_ms >= 2 * WINDOW_MS {
            self.previous.clear();
            self.began_ms = now_ms;
        }
    }

    fn told_apart(&self, client: Client, other: Client) -> Client {
        match self.current.len() < CLIENTS_MAX || self.current.contains_key(&client) {
            true => client,
            false => other,
        }
    }

    /// Requests of the last minute.
    fn used(&self, client: &Client, now_ms: u64) -> u64 {
        let of = |counts: &HashMap<Client, u32>| u64::from(counts.get(client).copied().unwrap_or(0));
        let left_ms = WINDOW_MS.saturating_sub(now_ms.saturating_sub(self.began_ms));
        of(&self.current) + of(&self.previous) * left_ms / WINDOW_MS
    }
}

/// The client that a trusted proxy asks for, by the last `X-Forwarded-For` header: its last entry, since the client itself
/// may have written those before.
#[must_use]
pub fn forwarded(header: &str) -> Option<IpAddr> {
    header.rsplit(',').next()?.trim().parse().ok()
}

/// The part of an address that one subscriber has for itself.
fn network(address: IpAddr) -> [u8; 16] {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            octets[8..].fill(0);
            octets
        }
    }
}

fn start(origin: &str) -> &str {
    match origin.char_indices().find(|(at, _)| *at >= ORIGIN_BYTES_MAX) {
        Some((at, _)) => &origin[..at],
        None => origin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(per_address: u32, per_origin: u32) -> Limiter {
        Limiter::new(RateLimits { per_address, per_origin, trust_forwarded: false })
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn an_address_has_its_allowance_and_gets_it_back_evenly() {
        let limiter = limiter(4, 100);
        let admitted = |now_ms| (0..10).filter(|_| limiter.admit(ip("192.0.2.1"), None, now_ms)).count();
        let begin = 10 * WINDOW_MS;
        assert_eq!(admitted(begin), 4);
        assert_eq!(admitted(begin + WINDOW_MS - 1), 0);
        assert_eq!(admitted(begin + WINDOW_MS), 0, "all four are within the last minute");
        assert_eq!(admitted(begin + WINDOW_MS + WINDOW_MS / 2), 2, "two of them have faded");
        assert_eq!(admitted(begin + 5 * WINDOW_MS), 4);
        assert!(limiter.admit(ip("192.0.2.2"), None, begin), "another address, and a clock that went back");
    }

    #[test]
    fn clients_on_the_machine_are_never_refused() {
        let limiter = limiter(0, 0);
        for address in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(limiter.admit(ip(address), Some("http://localhost:3000"), 1), "{address}");
        }
        assert!(!limiter.admit(ip("192.0.2.1"), None, 1));
        assert!(!limiter.admit(None, None, 1), "an address that is not known has no privilege");
    }

    #[test]
    fn an_origin_and_an_ipv6_network_share_an_allowance() {
        let limiter = limiter(3, 2);
        let page = Some("https://page.example");
        assert!(limiter.admit(ip("192.0.2.1"), page, 1));
        assert!(limiter.admit(ip("192.0.2.2"), page, 1));
        assert!(!limiter.admit(ip("192.0.2.3"), page, 1));
        assert!(limiter.admit(ip("192.0.2.3"), Some("https://other.example"), 1));
        for last in ["1", "2", "3"] {
            assert!(limiter.admit(ip(&format!("2001:db8::{last}")), None, 1));
        }
        assert!(!limiter.admit(ip("2001:db8::4"), None, 1));
        assert!(limiter.admit(ip("2001:db8:0:1::4"), None, 1));
    }

    #[test]
    fn memory_is_bounded_and_the_rest_shares_one_allowance() {
        let limiter = limiter(2, 2);
        let address = |n: usize| {
            let [.., a, b, c] = n.to_be_bytes();
            Some(IpAddr::from([10, a, b, c]))
        };
        let long = "é".repeat(1_000);
        for n in 0..CLIENTS_MAX * 2 {
            limiter.admit(address(n), Some(&format!("{n}{long}")), 1);
        }
        let counts = limiter.counts.lock().unwrap();
        assert!(counts.current.len() <= CLIENTS_MAX + 2, "{}", counts.current.len());
        drop(counts);
        assert!(!limiter.admit(address(CLIENTS_MAX * 3), None, 1), "the shared allowance is used up");
    }
}
