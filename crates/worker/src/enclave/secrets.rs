//! Fetches the secrets of a task, which nobody but its enclave can open.

use std::time::Duration;

use alloy_primitives::Bytes;
use metacloud_wire::cause::{Cause, Failure};
use metacloud_wire::enclave::{SecretsAnswer, SecretsRequest};
use reqwest::{Client, StatusCode, redirect};

use crate::fetch::{PAUSE, TRIES_MAX};

/// Longest wait for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Longest answer in bytes: a sealed message of a mebibyte, in hex.
const ANSWER_BYTES_MAX: usize = (2 << 20) + (1 << 16);
/// Characters of the service's reason that are passed on.
const REASON_CHARS_MAX: usize = 500;

/// Asks the service; tries again what may pass.
pub(super) async fn fetch(sms_url: &str, request: &SecretsRequest) -> Result<Bytes, Failure> {
    let client = Client::builder()
        .timeout(ANSWER_MAX)
        .redirect(redirect::Policy::none())
        .build()
        .map_err(|error| unreachable_service(&error.to_string()))?;
    let url = format!("{}/enclave/secrets", sms_url.trim_end_matches('/'));
    let mut pause = PAUSE;
    for tried in 1.. {
        let failure = match ask(&client, &url, request).await {
            Ok(sealed) => return Ok(sealed),
            Err(Refused { failure, passes: true }) if tried < TRIES_MAX => failure,
            Err(Refused { failure, .. }) => return Err(failure),
        };
        tracing::debug!(%failure, tried, "no secrets yet, trying again");
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    unreachable!("the last try returns")
}

/// Why there are no secrets.
struct Refused {
    failure: Failure,
    /// Another try may succeed.
    passes: bool,
}

async fn ask(client: &Client, url: &str, request: &SecretsRequest) -> Result<Bytes, Refused> {
    let broken = |error: reqwest::Error| Refused {
        failure: unreachable_service(&error.without_url().to_string()),
        passes: true,
    };
    let mut response = client.post(url).json(request).send().await.map_err(broken)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            let failure = unreachable_service("its answer is too long");
            return Err(Refused { failure, passes: false });
        }
        body.extend_from_slice(&chunk);
    }
    if status.is_success() {
        let answer = serde_json::from_slice::<SecretsAnswer>(&body);
        return answer.map(|answer| answer.sealed).map_err(|_| Refused {
            failure: unreachable_service("its answer cannot be read"),
            passes: false,
        });
    }
    Err(refused(status, &body))
}

/// The service says why it refuses in `error`.
fn refused(status: StatusCode, body: &[u8]) -> Refused {
    let reason = serde_json::from_slice::<serde_json::Value>(body)
        .ok()
        .and_then(|answer| Some(answer.get("error")?.as_str()?.to_owned()))
        .unwrap_or_default();
    let reason: String = reason.chars().take(REASON_CHARS_MAX).collect();
    let message = format!("the secrets service refused with status {}: {reason}", status.as_u16());
    let cause = match status {
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => {
            Cause::TEE_SESSION_GENERATION_INVALID_AUTHORIZATION
        }
        // A secret that the deal needs is not there: whoever owes it is named in the reason.
        StatusCode::NOT_FOUND if reason.contains("dataset") => {
            Cause::TEE_SESSION_GENERATION_PRE_COMPUTE_GET_DATASET_SECRET_FAILED
        }
        StatusCode::NOT_FOUND => Cause::TASK_DESCRIPTION_INVALID,
        StatusCode::CONFLICT => Cause::TASK_NOT_ACTIVE,
        _ => Cause::TEE_SESSION_GENERATION_SECURE_SESSION_GENERATION_FAILED,
    };
    let passes = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    Refused { failure: Failure::new(cause, message), passes }
}

fn unreachable_service(why: &str) -> Failure {
    let cause = Cause::TEE_SESSION_GENERATION_SECURE_SESSION_STORAGE_CALL_FAILED;
    Failure::new(cause, format!("the secrets service does not answer: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_named_after_whoever_is_at_fault() {
        let of = |status: u16, body: &str| refused(StatusCode::from_u16(status).unwrap(), body.as_bytes());
        let dataset = of(404, r#"{"error":"the secret of dataset 0x22 is missing"}"#);
        assert_eq!(
            dataset.failure.cause,
            Cause::TEE_SESSION_GENERATION_PRE_COMPUTE_GET_DATASET_SECRET_FAILED
        );
        assert!(dataset.failure.message.contains("0x22") && !dataset.passes);
        assert_eq!(of(404, r#"{"error":"no"}"#).failure.cause, Cause::TASK_DESCRIPTION_INVALID);
        assert_eq!(of(409, "").failure.cause, Cause::TASK_NOT_ACTIVE);
        assert_eq!(of(401, "x").failure.cause, Cause::TEE_SESSION_GENERATION_INVALID_AUTHORIZATION);
        assert!(of(503, "").passes && of(429, "").passes && !of(403, "").passes);
        let long = of(400, &format!(r#"{{"error":"{}"}}"#, "x".repeat(10_000)));
        assert!(long.failure.message.len() < 1_000);
    }
}
