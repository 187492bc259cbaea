//! The frame of JSON-RPC 2.0: requests, batches, notifications, answers.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{RpcError, hex_of};

/// Calls in one batch.
pub(crate) const BATCH_CALLS_MAX: usize = 1_000;
/// Bytes of one request body or WebSocket message: creation code of a few contracts in hex, many times over.
pub(crate) const BODY_BYTES_MAX: usize = 8 << 20;
/// Bytes of the answers to one batch; past it, the remaining calls are refused.
pub(crate) const BATCH_ANSWER_BYTES_MAX: usize = 64 << 20;
/// Bytes of an id, which is echoed.
const ID_BYTES_MAX: usize = 256;

/// The result of a call as JSON text, or the error.
pub(crate) type Answer = Result<Vec<u8>, RpcError>;

/// One call, borrowed from the body.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// `None`: a notification, which gets no answer.
    pub(crate) id: Option<&'a RawValue>,
    pub(crate) method: Cow<'a, str>,
    pub(crate) params: Option<&'a RawValue>,
}

/// A body, taken apart.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    Single(Result<Call<'a>, Invalid<'a>>),
    Batch(Vec<Result<Call<'a>, Invalid<'a>>>),
}

/// Something that is no call, with the id to answer to.
#[derive(Debug)]
pub(crate) struct Invalid<'a> {
    pub(crate) id: Option<&'a RawValue>,
    pub(crate) error: RpcError,
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

/// Keeps `null` apart from an absent member.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Takes a body apart.
///
/// # Errors
/// It is not JSON, or a batch that is empty or too long: there is one answer then, without an id.
pub(crate) fn parse(body: &[u8]) -> Result<Body<'_>, RpcError> {
    let text = std::str::from_utf8(body).map_err(|_| RpcError::parse("parse error: not UTF-8"))?;
    let whole: &RawValue =
        serde_json::from_str(text).map_err(|error| RpcError::parse(format!("parse error: {error}")))?;
    if !whole.get().starts_with('[') {
        return Ok(Body::Single(parse_call(whole)));
    }
    let entries: Vec<&RawValue> = serde_json::from_str(whole.get())
        .map_err(|error| RpcError::parse(format!("parse error: {error}")))?;
    if entries.is_empty() {
        return Err(RpcError::invalid_request("empty batch"));
    }
    if entries.len() > BATCH_CALLS_MAX {
        return Err(RpcError::invalid_request(format!(
            "batch too large: {} calls, at most {BATCH_CALLS_MAX}",
            entries.len()
        )));
    }
    Ok(Body::Batch(entries.into_iter().map(parse_call).collect()))
}

fn parse_call(entry: &RawValue) -> Result<Call<'_>, Invalid<'_>> {
    let invalid = |id, text: &'static str| Invalid { id, error: RpcError::invalid_request(text) };
    let members: Members<'_> = serde_json::from_str(entry.get())
        .map_err(|_| invalid(None, "invalid request: not a JSON-RPC call"))?;
    let id = match members.id {
        Some(id) if !is_id(id) => {
            return Err(invalid(None, "invalid request: bad id"));
        }
        id => id,
    };
    if members.jsonrpc.as_deref() != Some("2.0") {
        return Err(invalid(id, "invalid request: jsonrpc must be \"2.0\""));
    }
    let Some(method) = members.method else {
        return Err(invalid(id, "invalid request: no method"));
    };
    Ok(Call { id, method, params: members.params })
}

/// A string, a number or null.
fn is_id(id: &RawValue) -> bool {
    id.get().len() <= ID_BYTES_MAX
        && matches!(id.get().as_bytes().first(), Some(b'"' | b'-' | b'n' | b'0'..=b'9'))
}

/// Writes one answer.
pub(crate) fn write_answer(out: &mut Vec<u8>, id: Option<&RawValue>, answer: &Answer) {
    out.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    out.extend_from_slice(id.map_or("null", RawValue::get).as_bytes());
    match answer {
        Ok(result) => {
            out.extend_from_slice(br#","result":"#);
            out.extend_from_slice(result);
        }
        Err(error) => {
            out.extend_from_slice(br#","error":"#);
            write_error(out, error);
        }
    }
    out.push(b'}');
}

fn write_error(out: &mut Vec<u8>, error: &RpcError) {
    #[derive(Serialize)]
    struct Form<'a> {
        code: i64,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<String>,
    }
    let form = Form {
        code: error.code,
        message: &error.message,
        data: error.data.as_ref().map(|data| hex_of(data)),
    };
    serde_json::to_writer(out, &form).expect("strings and numbers are JSON");
}

/// The JSON text of a result.
pub(crate) fn json(value: &impl Serialize) -> Answer {
    serde_json::to_vec(value).map_err(|error| RpcError::internal(format!("the answer is no JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_that_are_no_calls_are_refused_each_in_its_way() {
        for (body, code) in
            [(&b""[..], -32700), (b"{", -32700), (b"\xff", -32700), (b"[]", -32600), (b"[1,2", -32700)]
        {
            assert_eq!(parse(body).unwrap_err().code, code, "{body:?}");
        }
        for body in [
            &b"1"[..],
            b"null",
            br#"{"jsonrpc":"2.0","id":1}"#,
            br#"{"jsonrpc":"1.0","id":1,"method":"a"}"#,
            br#"{"jsonrpc":"2.0","id":{},"method":"a"}"#,
            br#"{"jsonrpc":"2.0","id":1,"method":7}"#,
        ] {
            let Body::Single(Err(invalid)) = parse(body).unwrap() else {
                panic!("{body:?} was taken for a call");
            };
            assert_eq!(invalid.error.code, -32600);
        }
    }

    #[test]
    fn null_id_is_an_id_and_no_id_is_a_notification() {
        let Body::Single(Ok(call)) = parse(br#"{"jsonrpc":"2.0","id":null,"method":"a"}"#).unwrap() else {
            panic!("a call");
        };
        assert_eq!(call.id.unwrap().get(), "null");
        let Body::Single(Ok(call)) = parse(br#"{"jsonrpc":"2.0","method":"a"}"#).unwrap() else {
            panic!("a call");
        };
        assert!(call.id.is_none());
    }

    #[test]
    fn batch_of_too_many_calls_is_refused_whole() {
        let body = format!("[{}1]", "1,".repeat(BATCH_CALLS_MAX));
        assert_eq!(parse(body.as_bytes()).unwrap_err().code, -32600);
    }
}
