//! What a URL may lead to. URLs come from buyers and sellers, who must not read this machine's network through them:
//! each address is checked where the connection is made, so that a name that resolves differently the second time, or a
//! redirect, leads nowhere else.

use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// How far URLs of strangers reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses, and the origin of the gateway that the client was given.
    #[default]
    Public,
    /// Every address, those of this machine and its network included: for networks where all are trusted.
    Anywhere,
}

/// A name or an address that is not public.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{host} is at {address}, which is not a public address")]
pub(crate) struct NotPublic {
    pub(crate) host: String,
    pub(crate) address: IpAddr,
}

type Lookup =
    dyn Fn(String) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>> + Send + Sync;

/// Resolves names, and gives away no address unless all of a name are public.
#[derive(Clone)]
pub(crate) struct PublicNames(Arc<Lookup>);

impl PublicNames {
    /// Asks the system.
    pub(crate) fn of_system() -> Self {
        Self(Arc::new(|host| {
            Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })
        }))
    }
}

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let found = (self.0)(host.clone());
        Box::pin(async move {
            let addresses = found.await?;
            match addresses.iter().map(SocketAddr::ip).find(|address| !is_public(*address)) {
                Some(address) => {
                    Err(Box::new(NotPublic { host, address }) as Box<dyn StdError + Send + Sync>)
                }
                None => Ok(Box::new(addresses.into_iter()) as Addrs),
            }
        })
    }
}

/// Checks a URL whose host is an address and is never resolved.
pub(crate) fn check_literal(url: &Url) -> Result<(), NotPublic> {
    let host = url.host_str().unwrap_or_default();
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) if !is_public(address) => Err(NotPublic { host: host.to_owned(), address }),
        // A name: checked when it is resolved.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The refusal of an address, if that is what an error came from.
pub(crate) fn refusal(error: &reqwest::Error) -> Option<NotPublic> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(refused) = cause.downcast_ref::<NotPublic>() {
            return Some(refused.clone());
        }
        source = cause.source();
    }
    None
}

/// Whether an address is one of the public Internet. Addresses that wrap an IPv4 one are what they wrap.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let carrier_grade_nat = a == 100 && b & 0xc0 == 64;
    let protocol_assignments = (a, b, c) == (192, 0, 0);
    let benchmarks = a == 198 && b & 0xfe == 18;
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || carrier_grade_nat
        || protocol_assignments
        || benchmarks
        // "This network", and what is reserved, the broadcast address included.
        || a == 0
        || a >= 240)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let wrapped = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // NAT64, 6to4, and the old IPv4-compatible form with :: and ::1 in it.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => wrapped(high, low),
        [0, 0, 0, 0, 0, 0, ..] => false,
        // NAT64 for local use, documentation, and Teredo, whose inner address is masked.
        [0x64, 0xff9b, 1, ..] | [0x2001, 0xdb8, ..] | [0x2001, 0, ..] => false,
        // Of all IPv6 only 2000::/3 is given out: no multicast, link-local, site-local or unique local address is in it.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_told_from_public_ones() {
        for private in [
            "127.0.0.1",
            "127.255.255.254",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "0.1.2.3",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "203.0.113.5",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "198.20.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn addresses_in_disguise_are_refused_without_resolving_them() {
        for url in [
            "http://127.0.0.1:8545/",
            "http://[::1]/x",
            "http://[::ffff:7f00:1]/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://017700000001/",
            "https://user:word@169.254.169.254/latest",
        ] {
            assert!(check_literal(&url.parse().unwrap()).is_err(), "{url}");
        }
        for url in ["http://1.1.1.1/", "http://example.org/", "http://[2606:4700::1111]/"] {
            assert_eq!(check_literal(&url.parse().unwrap()), Ok(()), "{url}");
        }
    }

    /// A name that is public the first time it is looked up, and at `then` from the second time on.
    fn rebinding(first: &str, then: SocketAddr) -> PublicNames {
        let first = SocketAddr::new(first.parse().unwrap(), 0);
        let asked = Arc::new(std::sync::atomic::AtomicU32::new(0));
        PublicNames(Arc::new(move |_| {
            let again = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0;
            let address = if again { then } else { first };
            Box::pin(async move { Ok(vec![address]) })
        }))
    }

    #[tokio::test]
    async fn a_name_that_moves_to_this_machine_is_not_followed_there() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let names = rebinding("1.1.1.1", here);
        let name = || "rebinding.test".parse::<Name>().unwrap();
        let given: Vec<_> = names.resolve(name()).await.unwrap().collect();
        assert_eq!(given[0].ip(), "1.1.1.1".parse::<IpAddr>().unwrap(), "the checked address itself");
        // Another connection looks the name up again, and is refused the address that it finds now.
        let http = reqwest::Client::builder().no_proxy().dns_resolver(Arc::new(names)).build().unwrap();
        let url = format!("http://rebinding.test:{}/", here.port());
        let refused = http.get(&url).send().await.unwrap_err();
        let refused = refusal(&refused).expect("refused for its address");
        assert_eq!((refused.host.as_str(), refused.address), ("rebinding.test", here.ip()));
        let nobody = tokio::select! {
            biased;
            _ = listener.accept() => false,
            () = std::future::ready(()) => true,
        };
        assert!(nobody, "nothing was connected to");
    }

    #[tokio::test]
    async fn one_private_address_among_public_ones_is_enough() {
        let names = PublicNames(Arc::new(|_| {
            let addresses = ["1.1.1.1:0", "[fe80::1]:0"].map(|text| text.parse().unwrap());
            Box::pin(async move { Ok(addresses.to_vec()) })
        }));
        assert!(names.resolve("mixed.test".parse().unwrap()).await.is_err());
        assert!(PublicNames::of_system().resolve("localhost".parse().unwrap()).await.is_err());
    }
}
