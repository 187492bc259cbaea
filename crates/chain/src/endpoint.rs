//! Where a chain is reached: the HTTP address and the WebSocket beside it.

use reqwest::Url;

use crate::error::ConnectError;

/// The two addresses of one node.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// JSON-RPC over HTTP POST.
    pub(crate) http: Url,
    /// JSON-RPC over WebSocket, tried for new heads.
    pub(crate) ws: Url,
}

impl Endpoint {
    /// Reads `rpc_url` (`http`, `https`, `ws` or `wss`); the other scheme is
    /// taken to live at the same authority and path unless `ws_url` says else.
    pub(crate) fn parse(rpc_url: &str, ws_url: Option<&str>) -> Result<Self, ConnectError> {
        let given = parse_url(rpc_url)?;
        let http = with_scheme(&given, if is_secure(&given) { "https" } else { "http" });
        let ws = match ws_url {
            Some(text) => parse_url(text)?,
            None => given.clone(),
        };
        let ws = with_scheme(&ws, if is_secure(&ws) { "wss" } else { "ws" });
        Ok(Self { http, ws })
    }

    /// Scheme, host and port: a path or a user may carry a secret and is not shown.
    pub(crate) fn shown(&self) -> String {
        shown(&self.http)
    }

    /// Whether the node runs on this machine, so that no proxy is in between.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.http.host_str() {
            Some("localhost") => true,
            Some(host) => host
                .trim_matches(['[', ']'])
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback()),
            None => false,
        }
    }
}

fn parse_url(text: &str) -> Result<Url, ConnectError> {
    let bad = |reason: String| ConnectError::BadUrl { url: text.chars().take(80).collect(), reason };
    let url = Url::parse(text).map_err(|error| bad(error.to_string()))?;
    match url.scheme() {
        "http" | "https" | "ws" | "wss" => {}
        other => return Err(bad(format!("scheme {other}: want http, https, ws or wss"))),
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(bad("no host".to_owned()));
    }
    Ok(url)
}

fn is_secure(url: &Url) -> bool {
    matches!(url.scheme(), "https" | "wss")
}

fn with_scheme(url: &Url, scheme: &str) -> Url {
    // All four schemes are "special" in the URL standard, so one replaces another.
    let mut url = url.clone();
    url.set_scheme(scheme).expect("http, https, ws and wss replace each other");
    url
}

/// An address without user, path and query.
pub(crate) fn shown(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_websocket_is_looked_for_beside_the_http_port() {
        let endpoint = Endpoint::parse("http://127.0.0.1:8545", None).unwrap();
        assert_eq!(endpoint.ws.as_str(), "ws://127.0.0.1:8545/");
        assert!(endpoint.is_loopback());
        let endpoint = Endpoint::parse("wss://node.example/key", None).unwrap();
        assert_eq!(endpoint.http.as_str(), "https://node.example/key");
        assert!(!endpoint.is_loopback());
    }

    #[test]
    fn what_is_shown_has_no_secret() {
        let endpoint = Endpoint::parse("https://user:pw@node.example/v3/apikey?k=1", None).unwrap();
        assert_eq!(endpoint.shown(), "https://node.example");
    }

    #[test]
    fn other_schemes_and_rubbish_are_refused_by_name() {
        for bad in ["", "localhost:8545", "ftp://x", "http://", "not a url"] {
            assert!(matches!(Endpoint::parse(bad, None), Err(ConnectError::BadUrl { .. })), "{bad}");
        }
    }
}
