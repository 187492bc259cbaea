//! What the application of a task said, for its requester alone (http-surface 7).

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use metacloud_protocol::{TaskId, TaskStatus};
use metacloud_wire::Checksummed;
use metacloud_wire::login::{Authorization, CHANCE_CHARS};
use metacloud_wire::task_view::{LogsAnswer, TaskNotFound, WorkerLog};
use rand::RngExt as _;
use rand::distr::Alphanumeric;
use serde::Deserialize;

use super::Api;
use crate::logs::Log;
use crate::owner;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChallengeQuery {
    address: Option<String>,
    chain_id: Option<String>,
}

/// `GET /tasks/logs/challenge`: typed data to sign, without envelope.
pub(super) async fn challenge(State(api): State<Api>, Query(query): Query<ChallengeQuery>) -> Response {
    let here = api.hub.chain().id();
    match query.chain_id {
        None => return refused(StatusCode::BAD_REQUEST, "chainId is a required field"),
        Some(id) if id.parse() != Ok(here) => {
            return refused(StatusCode::BAD_REQUEST, &format!("chainId {id} is not supported"));
        }
        Some(_) => {}
    }
    let Some(address) = query.address else {
        return refused(StatusCode::BAD_REQUEST, "address is a required field");
    };
    let Ok(Checksummed(address)) = address.parse() else {
        return refused(StatusCode::BAD_REQUEST, "address must be an ethereum address");
    };
    let chance: String = rand::rng().sample_iter(Alphanumeric).take(CHANCE_CHARS).map(char::from).collect();
    Json(api.challenges.issue(here, address, &chance, now_ms())).into_response()
}

/// `GET /tasks/{taskId}/logs`.
pub(super) async fn logs(State(api): State<Api>, Path(task): Path<String>, headers: HeaderMap) -> Response {
    let login = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(Authorization { digest, signature, address }) = login.and_then(Authorization::parse) else {
        return refused(StatusCode::UNAUTHORIZED, "invalid authorization");
    };
    // Used up, whatever else is wrong with the request.
    if !api.challenges.consume(digest, address, now_ms()) {
        return refused(StatusCode::UNAUTHORIZED, "invalid authorization");
    }
    match api.hub.verify_signature(address, digest, &signature).await {
        Ok(true) => {}
        Ok(false) => return refused(StatusCode::UNAUTHORIZED, "invalid authorization"),
        Err(error) => {
            tracing::warn!(%address, %error, "cannot ask an account about its signature");
            return refused(StatusCode::SERVICE_UNAVAILABLE, "the chain does not answer; try again");
        }
    }
    let Ok(task) = task.parse::<TaskId>() else {
        return refused(StatusCode::NOT_FOUND, "task not found: not a task id of 32 bytes in hex");
    };
    let requester = match requester(&api, task).await {
        Ok(Some(requester)) => requester,
        Ok(None) => return refused(StatusCode::NOT_FOUND, "task not found"),
        Err(error) => {
            tracing::warn!(%task, %error, "cannot read who bought a task");
            return refused(StatusCode::SERVICE_UNAVAILABLE, "the chain does not answer; try again");
        }
    };
    if requester != address {
        return refused(StatusCode::FORBIDDEN, "only the requester of the task can read its logs");
    }
    match api.logs.of(task).await {
        Ok(logs) if logs.is_empty() => refused(StatusCode::NOT_FOUND, "no logs of this task"),
        Ok(logs) => {
            let log = |log: Log| WorkerLog {
                wallet_address: Checksummed(log.worker.0),
                stdout: log.stdout,
                stderr: log.stderr,
            };
            let compute_logs_list = logs.into_iter().map(log).collect();
            Json(LogsAnswer { chain_task_id: task.0, compute_logs_list }).into_response()
        }
        Err(error) => {
            tracing::error!(%task, %error, "cannot read the logs of a task");
            refused(StatusCode::SERVICE_UNAVAILABLE, "the logs cannot be read now; try again")
        }
    }
}

/// Who bought a task, by the chain; `None` if it is not initialized there.
async fn requester(
    api: &Api,
    task: TaskId,
) -> Result<Option<alloy_primitives::Address>, metacloud_chain::CallError> {
    let found = api.hub.view_task(task).await?;
    if found.status == TaskStatus::Unset {
        return Ok(None);
    }
    Ok(api.hub.view_deal(found.deal).await?.map(|deal| deal.requester))
}

fn now_ms() -> u64 {
    owner::now().as_millis()
}

fn refused(status: StatusCode, error: &str) -> Response {
    (status, Json(TaskNotFound { error: error.to_owned() })).into_response()
}
