//! Content from outside: where it may come from, and whose fault it is when it does not come.

use std::path::Path;
use std::time::Duration;

use metacloud_blobs::{BlobClient, Cid, ConnectError, Fetch, Location, Reach};
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
    /// Where enclaves get secrets.
    pub(crate) sms_url: Option<String>,
}

impl Storage {
    /// `private_addresses`: whether URLs of buyers may lead to them. The gateway's own always may.
    pub(crate) fn new(welcome: &Welcome, private_addresses: bool) -> Result<Self, ConnectError> {
        let reach = if private_addresses { Reach::Anywhere } else { Reach::Public };
        let client = BlobClient::with_reach(&welcome.ipfs_node_url, &welcome.ipfs_gateway_url, reach)?;
        let gateway_url = welcome.ipfs_gateway_url.trim_end_matches('/').to_owned();
        Ok(Self { client, gateway_url, sms_url: welcome.sms_url.clone() })
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

/// Fetches what lies at `location`: content-addressed into the cache, anything else to `own`.
pub(crate) async fn fetch(
    location: &Location,
    storage: &Storage,
    cache: &Cache,
    own: &Path,
    size_max: u64,
) -> Result<Fetched, Missing> {
    let content = storage.by_content(location);
    let mut pause = PAUSE;
    for tried in 1.. {
        let result = match content {
            Some(cid) => cache.get(cid, &storage.client, size_max).await.map(Fetched::Kept),
            None => download(location, storage, own, size_max).await,
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
        Fetch::Unreachable { .. } | Fetch::WrongContent { .. } | Fetch::Broken { .. } => true,
        Fetch::Refused { status, .. } => matches!(status, 408 | 429 | 500..=599),
        Fetch::TooLarge { .. }
        | Fetch::Write { .. }
        | Fetch::NoUrl { .. }
        | Fetch::NotPublic { .. }
        | Fetch::TooManyRedirects { .. } => false,
    }
}

/// A gateway that is down or lies, a full disk and this worker's own bounds are no fault of the buyer. A URL that its
/// host does not serve, and content that the gateway says nobody has, are (middleware B.8).
fn missing(error: &Fetch, by_content: bool) -> Missing {
    let text = error.to_string();
    match error {
        Fetch::TooLarge { .. } | Fetch::Write { .. } | Fetch::WrongContent { .. } | Fetch::Broken { .. } => {
            Missing::Here(text)
        }
        Fetch::Unreachable { .. } if by_content => Missing::Here(text),
        Fetch::Refused { .. } if by_content && is_passing(error) => Missing::Here(text),
        Fetch::Unreachable { .. }
        | Fetch::Refused { .. }
        | Fetch::NoUrl { .. }
        | Fetch::NotPublic { .. }
        | Fetch::TooManyRedirects { .. } => Missing::Published(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_the_pools_gateway_are_content() {
        let welcome = Welcome {
            heartbeat_s: 1,
            lease_s: 2,
            ipfs_node_url: "http://127.0.0.1:9".into(),
            ipfs_gateway_url: "http://127.0.0.1:9/".into(),
            protocol: 1,
            numbering: serde_json::from_str("1").unwrap(),
            sms_url: None,
        };
        let storage = Storage::new(&welcome, false).unwrap();
        let cid = Cid::from_digest([3; 32]);
        let by_content = |text: &str| storage.by_content(&text.parse().unwrap());
        assert_eq!(by_content(&format!("http://127.0.0.1:9/ipfs/{cid}")), Some(cid));
        assert_eq!(by_content(&format!("/ipfs/{cid}")), Some(cid));
        assert_eq!(by_content(&format!("http://127.0.0.1:99/ipfs/{cid}")), None);
        assert_eq!(by_content("http://127.0.0.1:9/ipfs/../secret"), None);
    }
}
