//! JSON-RPC over HTTP POST: single requests and batches, with bounds.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alloy_primitives::Bytes;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::endpoint::Endpoint;
use crate::error::RpcError;

/// Requests in one HTTP body; longer batches are cut.
const BATCH_MAX: usize = 100;
/// Bytes of one answer: the logs of a bounded range of blocks fit.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const SHOWN_BODY_BYTES_MAX: usize = 200;

/// A method and its parameters.
pub(crate) type Request = (&'static str, Value);

/// Client of one node. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Rpc {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    endpoint: Endpoint,
    shown: String,
    next_id: AtomicU64,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    id: Value,
    // An explicit `null` is a result as well, so its presence is kept.
    #[serde(default)]
    result: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Option<Value>,
}

impl Rpc {
    /// A client for `endpoint`; nothing is sent yet.
    pub(crate) fn new(endpoint: Endpoint) -> Result<Self, RpcError> {
        let shown = endpoint.shown();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .tcp_nodelay(true);
        if endpoint.is_loopback() {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| unreachable(&shown, &error))?;
        let inner = Inner { http, endpoint, shown, next_id: AtomicU64::new(1) };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.inner.endpoint
    }

    /// The node without secrets, for messages.
    pub(crate) fn shown(&self) -> &str {
        &self.inner.shown
    }

    /// One request. `T = Option<_>` where the method may answer `null`.
    pub(crate) async fn request<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, RpcError> {
        let id = self.inner.next_id.fetch_add(1, Ordering::Relaxed);
        let body = body_of(id, method, &params);
        let bytes = self.post(method, body.to_string()).await?;
        let answer: Answer = serde_json::from_slice(&bytes).map_err(|error| self.malformed(method, error))?;
        if answer.id != json!(id) && answer.error.is_none() {
            return Err(self.malformed(method, "another id than was asked"));
        }
        self.result_of(method, answer)
    }

    /// Many requests in as few HTTP requests as their number allows; results in order.
    pub(crate) async fn batch(
        &self,
        requests: Vec<Request>,
    ) -> Result<Vec<Result<Box<RawValue>, RpcError>>, RpcError> {
        let mut results = Vec::with_capacity(requests.len());
        for chunk in requests.chunks(BATCH_MAX) {
            self.batch_chunk(chunk, &mut results).await?;
        }
        debug_assert_eq!(results.len(), requests.len(), "one result for each request");
        Ok(results)
    }

    async fn batch_chunk(
        &self,
        chunk: &[Request],
        results: &mut Vec<Result<Box<RawValue>, RpcError>>,
    ) -> Result<(), RpcError> {
        let count = chunk.len() as u64;
        let first = self.inner.next_id.fetch_add(count, Ordering::Relaxed);
        let bodies: Vec<Value> =
            (first..).zip(chunk).map(|(id, (method, params))| body_of(id, method, params)).collect();
        let bytes = self.post("batch", Value::Array(bodies).to_string()).await?;
        // A node that refuses the batch as a whole answers with one object.
        if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
            let answer: Answer =
                serde_json::from_slice(&bytes).map_err(|error| self.malformed("batch", error))?;
            self.result_of::<Box<RawValue>>("batch", answer)?;
            return Err(self.malformed("batch", "one object instead of an array"));
        }
        let answers: Vec<Answer> =
            serde_json::from_slice(&bytes).map_err(|error| self.malformed("batch", error))?;
        // Answers come in any order; the id tells which request each belongs to.
        let mut slots: Vec<Option<Answer>> = (0..chunk.len()).map(|_| None).collect();
        for answer in answers {
            let place = answer.id.as_u64().and_then(|id| id.checked_sub(first));
            match place.and_then(|place| slots.get_mut(usize::try_from(place).ok()?)) {
                Some(slot) if slot.is_none() => *slot = Some(answer),
                _ => return Err(self.malformed("batch", "an id that was not asked")),
            }
        }
        for (slot, (method, _)) in slots.into_iter().zip(chunk) {
            let answer = slot.ok_or_else(|| self.malformed(method, "no answer in the batch"))?;
            results.push(self.result_of(method, answer));
        }
        Ok(())
    }

    /// Reads a result of [`Rpc::batch`].
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        method: &'static str,
        raw: &RawValue,
    ) -> Result<T, RpcError> {
        serde_json::from_str(raw.get()).map_err(|error| self.malformed(method, error))
    }

    fn result_of<T: DeserializeOwned>(&self, method: &'static str, answer: Answer) -> Result<T, RpcError> {
        if let Some(refusal) = answer.error {
            return Err(RpcError::Refused {
                method: method.to_owned(),
                code: refusal.code,
                message: cut(&refusal.message),
                data: refusal.data.as_ref().and_then(revert_data),
            });
        }
        let text = answer.result.as_ref().map_or("null", |raw| raw.get());
        serde_json::from_str(text).map_err(|error| self.malformed(method, error))
    }

    async fn post(&self, method: &'static str, body: String) -> Result<Vec<u8>, RpcError> {
        let request = self
            .inner
            .http
            .post(self.inner.endpoint.http.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        let mut response = request.send().await.map_err(|error| unreachable(self.shown(), &error))?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(self.shown(), &error))? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(self.malformed(method, format!("longer than {ANSWER_BYTES_MAX} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        // Some nodes put a JSON-RPC error under a 4xx status.
        if status.is_success() || serde_json::from_slice::<Answer>(&bytes).is_ok_and(|a| a.error.is_some()) {
            return Ok(bytes);
        }
        let body = cut(&String::from_utf8_lossy(&bytes));
        Err(RpcError::Status { url: self.shown().to_owned(), status: status.as_u16(), body })
    }

    fn malformed(&self, method: &str, reason: impl ToString) -> RpcError {
        let (url, method) = (self.shown().to_owned(), method.to_owned());
        RpcError::Malformed { url, method, reason: cut(&reason.to_string()) }
    }
}

fn body_of(id: u64, method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// Revert data as geth gives it (a string) or as others nest it (an object with `data`).
fn revert_data(data: &Value) -> Option<Bytes> {
    match data {
        Value::String(text) => text.parse().ok(),
        Value::Object(members) => members.get("data").and_then(revert_data),
        _ => None,
    }
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(SHOWN_BODY_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// The innermost cause says what happened ("Connection refused"); the outer ones repeat the address.
fn unreachable(shown: &str, error: &reqwest::Error) -> RpcError {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        reason = inner.to_string();
        source = inner.source();
    }
    if error.is_timeout() {
        reason = "no answer in time".to_owned();
    }
    RpcError::Unreachable { url: shown.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revert_data_is_found_where_nodes_put_it() {
        let data = Bytes::from_static(&[1, 2]);
        assert_eq!(revert_data(&json!("0x0102")), Some(data.clone()));
        assert_eq!(revert_data(&json!({"message": "x", "data": "0x0102"})), Some(data));
        assert_eq!(revert_data(&json!("Reverted")), None);
        assert_eq!(revert_data(&json!(7)), None);
    }

    #[test]
    fn a_cut_text_stays_text() {
        let long = "é".repeat(300);
        assert!(cut(&long).len() <= SHOWN_BODY_BYTES_MAX);
    }
}
