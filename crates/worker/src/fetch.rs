//! Content from outside: where it may come from, and whose fault it is when it does not come.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use metacloud_blobs::{BlobClient, Cid, ConnectError, Fetch, Location};
use metacloud_wire::pool::Welcome;

use crate::cache::{Cache, Content, Kept, measure};

/// Tries of one download or upload before it counts as failed.
pub(crate) const TRIES_MAX: u32 = 3;
/// Pause after the first failed try; doubled each time.
pub(crate) const PAUSE: Duration = Duration::from_millis(300);

/// The storage of the pool.
#[derive(Debug)]
pub(crate) struct Storage {
    pub(crate) client: BlobClient,
    gateway_url: String,
}

impl Storage {
    pub(crate) fn new(welcome: &Welcome) -> Result<Self, ConnectError> {
        let client = BlobClient::new(&welcome.ipfs_node_url, &welcome.ipfs_gateway_url)?;
        Ok(Self { client, gateway_url: welcome.ipfs_gateway_url.trim_end_matches('/').to_owned() })
    }

    /// A URL of the pool's own gateway is content, which can be checked and kept.
    fn by_content(&self, location: &Location) -> Option<Cid> {
        match location {
            Location::Ipfs(cid) => Some(*cid),
            Location::Url(url) => {
                let path = url.strip_prefix(&self.gateway_url)?.strip_prefix("/ipfs/")?;
                path.parse().ok()
            }
        }
    }
}

/// Why content is not there.
#[derive(Debug)]
pub(crate) enum Missing {
    /// It cannot be had by anyone: every worker sees the same.
    Published(String),
    /// It cannot be had by this worker, now.
    Here(String),
}

/// Content on this machine.
#[derive(Clone)]
pub(crate) enum Fetched {
    /// In the cache.
    Kept(Kept),
    /// In the task's own directory.
    Own(std::path::PathBuf, Content),
}

impl Fetched {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Kept(kept) => kept.path(),
            Self::Own(path, _) => path,
        }
    }

    pub(crate) fn content(&self) -> Content {
        match self {
            Self::Kept(kept) => kept.content(),
            Self::Own(_, content) => *content,
        }
    }
}

/// What one download may do.
pub(crate) struct Terms {
    pub(crate) size_max: u64,
    /// Whether URLs may lead to private addresses.
    pub(crate) private_addresses: bool,
}

/// Fetches what lies at `location`: content-addressed into the cache, anything else to `own`.
pub(crate) async fn fetch(
    location: &Location,
    storage: &Storage,
    cache: &Cache,
    own: &Path,
    terms: &Terms,
) -> Result<Fetched, Missing> {
    let content = storage.by_content(location);
    if let (None, Location::Url(url)) = (content, location)
        && !terms.private_addresses
    {
        public(url).await?;
    }
    let mut pause = PAUSE;
    for tried in 1.. {
        let result = match content {
            Some(cid) => cache.get(cid, &storage.client, terms.size_max).await.map(Fetched::Kept),
            None => download(location, storage, own, terms.size_max).await,
        };
        match result {
            Ok(fetched) => return Ok(fetched),
            Err(error) if tried < TRIES_MAX && is_passing(&error) => {
                tracing::debug!(%location, %error, "download failed, trying again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Err(error) => return Err(missing(&error, content.is_some())),
        }
    }
    unreachable!("the last try returns")
}

async fn download(
    location: &Location,
    storage: &Storage,
    own: &Path,
    size_max: u64,
) -> Result<Fetched, Fetch> {
    storage.client.fetch_location_to_file(location, own, size_max).await?;
    let path = own.to_owned();
    let failed = |source| Fetch::Write { path: own.to_owned(), source };
    let measured = tokio::task::spawn_blocking(move || measure(&path)).await;
    let content = measured.map_err(std::io::Error::other).flatten().map_err(failed)?;
    Ok(Fetched::Own(own.to_owned(), content))
}

fn is_passing(error: &Fetch) -> bool {
    match error {
        Fetch::Unreachable { .. } | Fetch::WrongContent { .. } => true,
        Fetch::Refused { status, .. } => matches!(status, 408 | 429 | 500..=599),
        Fetch::TooLarge { .. } | Fetch::Write { .. } => false,
    }
}

/// A gateway that is down or lies, a full disk and this worker's own bounds are no fault of the buyer. A URL that its
/// host does not serve, and content that the gateway says nobody has, are (middleware B.8).
fn missing(error: &Fetch, by_content: bool) -> Missing {
    let text = error.to_string();
    match error {
        Fetch::TooLarge { .. } | Fetch::Write { .. } | Fetch::WrongContent { .. } => Missing::Here(text),
        Fetch::Unreachable { .. } if by_content => Missing::Here(text),
        Fetch::Refused { .. } if by_content && is_passing(error) => Missing::Here(text),
        Fetch::Unreachable { .. } | Fetch::Refused { .. } => Missing::Published(text),
    }
}

/// Refuses a URL whose host is, or resolves to, an address that is not public: the buyer must not read this worker's
/// network through it.
async fn public(url: &str) -> Result<(), Missing> {
    let refused = |why: &str| Missing::Published(format!("{url} {why}"));
    let parsed = reqwest::Url::parse(url).map_err(|_| refused("is no URL"))?;
    let host = parsed.host_str().ok_or_else(|| refused("names no host"))?;
    let port = parsed.port_or_known_default().unwrap_or(443);
    let host = host.trim_matches(['[', ']']).to_owned();
    let addresses = tokio::net::lookup_host((host, port)).await;
    let mut addresses = addresses.map_err(|_| refused("names a host that cannot be found"))?;
    if addresses.any(|address| !is_public(address.ip())) {
        return Err(refused("leads to a private address, which this worker does not read for buyers"));
    }
    Ok(())
}

fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let octets = address.octets();
            let shared = octets[0] == 100 && octets[1] & 0xc0 == 64;
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast()
                || address.is_multicast()
                || address.is_documentation()
                || shared
                || octets[0] == 0)
        }
        IpAddr::V6(address) => {
            !(address.is_loopback()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_unique_local()
                || address.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_told_from_public_ones() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "::1",
            "fd00::1",
            "fe80::1",
            "::ffff:127.0.0.1",
            "::",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[tokio::test]
    async fn urls_to_this_machine_are_refused() {
        for url in ["http://127.0.0.1:8545/", "http://[::1]/x", "http://2130706433/", "http://0x7f.1/"] {
            assert!(matches!(public(url).await, Err(Missing::Published(_))), "{url}");
        }
    }

    #[test]
    fn urls_of_the_pools_gateway_are_content() {
        let welcome = Welcome {
            heartbeat_s: 1,
            lease_s: 2,
            ipfs_node_url: "http://127.0.0.1:9".into(),
            ipfs_gateway_url: "http://127.0.0.1:9/".into(),
            protocol: 1,
            numbering: serde_json::from_str("1").unwrap(),
        };
        let storage = Storage::new(&welcome).unwrap();
        let cid = Cid::from_digest([3; 32]);
        let by_content = |text: &str| storage.by_content(&text.parse().unwrap());
        assert_eq!(by_content(&format!("http://127.0.0.1:9/ipfs/{cid}")), Some(cid));
        assert_eq!(by_content(&format!("/ipfs/{cid}")), Some(cid));
        assert_eq!(by_content(&format!("http://127.0.0.1:99/ipfs/{cid}")), None);
        assert_eq!(by_content("http://127.0.0.1:9/ipfs/../secret"), None);
    }
}
