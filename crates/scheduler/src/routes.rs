//! HTTP for people: how a task stands (http-surface 7), why, and what its application said ([`logs`]).

mod logs;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metacloud_chain::HubClient;
use metacloud_dispatch::view::{Explanation, TaskView};
use metacloud_protocol::TaskId;
use metacloud_wire::login::Challenges;
use metacloud_wire::task_view::TaskNotFound;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tower_http::cors::{Any, CorsLayer};

use crate::logs::Logs;
use crate::owner::Input;
use crate::view;

/// What the routes answer from.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) owner: mpsc::Sender<Input>,
    pub(crate) hub: HubClient,
    pub(crate) logs: Logs,
    pub(crate) challenges: Arc<Challenges>,
}

/// The routes of this role. They answer browsers of any origin.
pub(crate) fn router(api: Api) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::OPTIONS])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT]);
    Router::new()
        .route("/tasks/logs/challenge", get(logs::challenge))
        .route("/tasks/{task}", get(task))
        .route("/tasks/{task}/logs", get(logs::logs))
        .route("/tasks/{task}/explain", get(explain))
        .layer(cors)
        .with_state(api)
}

async fn task(State(Api { owner, .. }): State<Api>, Path(task): Path<String>) -> Response {
    match ask(&owner, &task).await {
        Ok((id, task, _)) => Json(view::present(id, &task)).into_response(),
        Err(response) => *response,
    }
}

async fn explain(State(Api { owner, .. }): State<Api>, Path(task): Path<String>) -> Response {
    let (id, task, explanation) = match ask(&owner, &task).await {
        Ok(found) => found,
        Err(response) => return *response,
    };
    let workers: Vec<_> =
        explanation.workers.iter().map(|(worker, why)| json!({ "worker": worker, "reason": why })).collect();
    let failures: Vec<_> = task
        .replicas
        .iter()
        .flat_map(|replica| replica.failures.iter().map(move |failure| (replica.worker, failure)))
        .map(|(worker, failure)| {
            json!({ "worker": worker, "cause": failure.cause, "message": failure.message })
        })
        .collect();
    Json(json!({
        "chainTaskId": id,
        "state": explanation.state,
        "deadline": explanation.deadline_s,
        "queuedWith": explanation.queued_with,
        "stop": task.stop.as_ref().map(ToString::to_string),
        "trouble": task.trouble,
        "workers": workers,
        "failures": failures,
    }))
    .into_response()
}

async fn ask(
    owner: &mpsc::Sender<Input>,
    text: &str,
) -> Result<(TaskId, TaskView, Explanation), Box<Response>> {
    let missing = |status: StatusCode, error: &str| {
        Box::new((status, Json(TaskNotFound { error: error.to_owned() })).into_response())
    };
    let Ok(task) = text.parse::<TaskId>() else {
        return Err(missing(StatusCode::NOT_FOUND, "task not found: not a task id of 32 bytes in hex"));
    };
    let (answer, answered) = oneshot::channel();
    let busy = || missing(StatusCode::SERVICE_UNAVAILABLE, "the pool is busy or stopping; try again");
    owner.try_send(Input::Query { task, answer }).map_err(|_| busy())?;
    let found = answered.await.map_err(|_| busy())?;
    let (view, explanation) = found.ok_or_else(|| missing(StatusCode::NOT_FOUND, "task not found"))?;
    Ok((task, view, explanation))
}
