//! HTTP on the way out: redirects are followed by hand, each step checked unless the caller's own services ask.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};

use crate::client::{ConnectError, Fetch};
use crate::reach::{self, PublicNames, Reach};

/// How long a connection may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long the other side may pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// How long one transfer may take in all, however steadily it trickles.
const TRANSFER_MAX: Duration = Duration::from_secs(3600);
/// Redirects followed.
pub(crate) const REDIRECTS_MAX: usize = 5;

/// Whose word a URL is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// Configured here: it and what it redirects to may be anywhere.
    Ours,
    /// A buyer's or seller's.
    Strangers,
}

/// Connections to services and to the web.
#[derive(Clone, Debug)]
pub(crate) struct Web {
    /// Of the services, and of the gateway's origin.
    pub(crate) services: Client,
    /// Connects to public addresses only.
    public: Client,
    gateway: Url,
    reach: Reach,
}

impl Web {
    /// `services_here`: node and gateway are on this machine.
    pub(crate) fn new(gateway: Url, services_here: bool, reach: Reach) -> Result<Self, ConnectError> {
        let builder = || {
            Client::builder()
                .connect_timeout(CONNECT_MAX)
                .read_timeout(PAUSE_MAX)
                .timeout(TRANSFER_MAX)
                .redirect(Policy::none())
        };
        // A proxy configured for the web does not lead to this machine.
        let services = if services_here { builder().no_proxy() } else { builder() };
        // A proxy would look names up by itself, where nobody checks what it finds.
        let public = builder().no_proxy().dns_resolver(Arc::new(PublicNames::of_system()));
        Ok(Self {
            services: services.build().map_err(ConnectError::Http)?,
            public: public.build().map_err(ConnectError::Http)?,
            gateway,
            reach,
        })
    }

    /// The answer to a GET, after at most [`REDIRECTS_MAX`] redirects.
    ///
    /// # Errors
    /// [`Fetch`], naming the URL that was asked for at first.
    pub(crate) async fn get(&self, asked: &str, word: Word) -> Result<Response, Fetch> {
        let refused = || Fetch::NoUrl { url: asked.to_owned() };
        let mut url = Url::parse(asked).map_err(|_| refused())?;
        for _ in 0..=REDIRECTS_MAX {
            let sent = self.client(&url, word, asked)?.get(url.clone()).send().await;
            let response = sent.map_err(|source| failed(asked, source))?;
            let Some(next) = target(&response) else { return Ok(response) };
            url = url.join(&next).map_err(|_| refused())?;
        }
        Err(Fetch::TooManyRedirects { url: asked.to_owned() })
    }

    /// What may connect to `url`.
    fn client(&self, url: &Url, word: Word, asked: &str) -> Result<&Client, Fetch> {
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(Fetch::NoUrl { url: asked.to_owned() });
        }
        let own = url.origin() == self.gateway.origin();
        if word == Word::Ours || own || self.reach == Reach::Anywhere {
            return Ok(&self.services);
        }
        let checked = reach::check_literal(url);
        checked.map_err(|refused| Fetch::NotPublic { url: asked.to_owned(), why: refused.to_string() })?;
        Ok(&self.public)
    }
}

/// Why no answer came.
pub(crate) fn failed(asked: &str, source: reqwest::Error) -> Fetch {
    let url = asked.to_owned();
    match reach::refusal(&source) {
        Some(refused) => Fetch::NotPublic { url, why: refused.to_string() },
        None => Fetch::Unreachable { url, source: source.without_url() },
    }
}

/// Where an answer redirects to, if it does.
fn target(response: &Response) -> Option<String> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    response.headers().get(LOCATION)?.to_str().ok().map(str::to_owned)
}
