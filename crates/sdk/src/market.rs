//! The market's HTTP interface.

use std::time::Duration;

use alloy_primitives::{Address, B256};
use metacloud_chain::Wallet;
use metacloud_protocol::{OrderHash, Tag};
use metacloud_wire::market::{
    BestAnswer, BestQuery, DealPage, DealRecord, ErrorBody, OrderPage, PAGE_SIZE_MAX, PublishAnswer,
};
use metacloud_wire::orders::{AppOrderBody, OrderBody, WorkerpoolOrderBody};
use reqwest::header::AUTHORIZATION;
use reqwest::{RequestBuilder, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::error::Error;
use crate::login::{self, Challenge};

/// Bytes of an answer; a page of orders is far below.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Pages of the deals of one request: one for each task at most.
const DEAL_PAGES_MAX: u64 = crate::buy::VOLUME_MAX.div_ceil(PAGE_SIZE_MAX as u64);
const TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// A client of one market.
#[derive(Debug, Clone)]
pub(crate) struct Market {
    http: reqwest::Client,
    url: String,
    chain_id: u64,
}

/// The data of a challenge with or without the usual envelope.
#[derive(Deserialize)]
#[serde(untagged)]
enum ChallengeAnswer {
    Wrapped { data: Challenge },
    Bare(Challenge),
}

impl Market {
    pub(crate) fn new(url: &str, chain_id: u64) -> Self {
        Self { http: client(url), url: url.trim_end_matches('/').to_owned(), chain_id }
    }

    /// The cheapest orders that a request can be matched with; `None` if one kind is missing.
    pub(crate) async fn best(&self, query: &BestQuery) -> Result<Option<BestAnswer>, Error> {
        let mut pairs = vec![
            ("chainId", query.chain_id.to_string()),
            ("app", query.app.to_string()),
            ("requester", query.requester.to_string()),
            ("category", query.category.to_string()),
            ("trust", query.trust.to_string()),
            ("volume", query.volume.to_string()),
        ];
        pairs.extend(query.dataset.map(|dataset| ("dataset", dataset.to_string())));
        pairs.extend(query.workerpool.map(|workerpool| ("workerpool", workerpool.to_string())));
        pairs.extend(query.tag.map(|tag| ("tag", tag.to_string())));
        match self.ask(self.http.get(self.route("best", &pairs)?)).await {
            Ok(answer) => Ok(Some(answer)),
            Err(Error::MarketRefused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The cheapest workerpool orders first.
    pub(crate) async fn workerpool_orders(
        &self,
        pairs: &[(&str, String)],
    ) -> Result<OrderPage<WorkerpoolOrderBody>, Error> {
        let mut pairs = pairs.to_vec();
        pairs.push(("chainId", self.chain_id.to_string()));
        self.ask(self.http.get(self.route(WorkerpoolOrderBody::ROUTE, &pairs)?)).await
    }

    /// Offers of an app to an account, the cheapest first.
    pub(crate) async fn app_orders(
        &self,
        app: Address,
        requester: Address,
        tag: B256,
    ) -> Result<OrderPage<AppOrderBody>, Error> {
        // An enclave needs an app for one; other capabilities are the pool's.
        let needed = Tag(tag).tee().then_some(("minTag", Tag::TEE.to_string()));
        let mut pairs = vec![
            ("app", app.to_string()),
            ("requester", requester.to_string()),
            ("workerpool", "any".to_owned()),
            ("chainId", self.chain_id.to_string()),
        ];
        pairs.extend(needed);
        self.ask(self.http.get(self.route(AppOrderBody::ROUTE, &pairs)?)).await
    }

    /// Deals of a request order, newest first. A request of [`VOLUME_MAX`] tasks may lead to more than a page of them;
    /// all are read.
    pub(crate) async fn deals_of_request(&self, request: OrderHash) -> Result<Vec<DealRecord>, Error> {
        let mut deals = Vec::new();
        for page in 0..DEAL_PAGES_MAX {
            let pairs = [
                ("requestorderHash", request.to_string()),
                ("pageSize", PAGE_SIZE_MAX.to_string()),
                ("pageIndex", page.to_string()),
                ("chainId", self.chain_id.to_string()),
            ];
            let answer: DealPage = self.ask(self.http.get(self.route("deals", &pairs)?)).await?;
            deals.extend(answer.deals);
            if answer.next_page.is_none() {
                break;
            }
        }
        Ok(deals)
    }

    /// Publishes a signed order as its signer; a request for the market's keeper, if so wanted.
    pub(crate) async fn publish<O: OrderBody>(
        &self,
        wallet: &Wallet,
        order: &O,
        keeper: bool,
    ) -> Result<(), Error> {
        let account = wallet.address();
        let chain_id = [("chainId", self.chain_id.to_string())];
        let authorization = self.log_in(wallet, account).await?;
        let body = match keeper {
            true => json!({"order": order.to_client_json(), "keeper": true}),
            false => json!({"order": order.to_client_json()}),
        };
        let request =
            self.http.post(self.route(O::ROUTE, &chain_id)?).header(AUTHORIZATION, authorization).json(&body);
        let answer: PublishAnswer<O> = self.ask(request).await?;
        match answer.published.order.to_client_json() == order.to_client_json() {
            true => Ok(()),
            false => Err(self.unusable("it published another order than was sent")),
        }
    }

    async fn log_in(&self, wallet: &Wallet, account: Address) -> Result<String, Error> {
        let pairs = [("address", account.to_string()), ("chainId", self.chain_id.to_string())];
        let answer = self.ask(self.http.get(self.route("challenge", &pairs)?)).await?;
        let (ChallengeAnswer::Wrapped { data: challenge } | ChallengeAnswer::Bare(challenge)) = answer;
        let digest = challenge.digest(self.chain_id).map_err(|reason| self.unusable(reason))?;
        Ok(login::header(digest, &wallet.sign_hash(digest), account))
    }

    fn route(&self, path: &str, pairs: &[(&str, String)]) -> Result<Url, Error> {
        let url = format!("{}/{path}", self.url);
        Url::parse_with_params(&url, pairs).map_err(|error| self.unusable(error))
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let (status, body) = send(request).await.map_err(|reason| self.unusable(reason))?;
        if !(200..300).contains(&status) {
            let reason = match serde_json::from_slice::<ErrorBody>(&body) {
                Ok(body) => body.error,
                Err(_) => format!("HTTP {status}"),
            };
            return Err(Error::MarketRefused { status, reason });
        }
        serde_json::from_slice(&body).map_err(|error| self.unusable(error))
    }

    fn unusable(&self, reason: impl ToString) -> Error {
        Error::Market { url: self.url.clone(), reason: reason.to_string() }
    }
}

/// An HTTP client for a service; none of the environment's proxies leads to this machine.
pub(crate) fn client(url: &str) -> reqwest::Client {
    let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let loopback = host == "localhost"
        || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    let mut builder = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(TIMEOUT);
    if loopback {
        builder = builder.no_proxy();
    }
    // Fails only without a TLS backend, and one is compiled in.
    builder.build().expect("the TLS backend is compiled in")
}

/// Sends a request and reads a bounded answer. `Err` is the innermost cause.
pub(crate) async fn send(request: RequestBuilder) -> Result<(u16, Vec<u8>), String> {
    let innermost = |error: reqwest::Error| {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        cause.to_string()
    };
    let mut response = request.send().await.map_err(innermost)?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(innermost)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(format!("an answer of more than {ANSWER_BYTES_MAX} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, body))
}
