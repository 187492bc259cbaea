//! HTTP for people: how a task stands (http-surface 7), why, and what its application said ([`logs`]).

mod described;
mod logs;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use metacloud_chain::HubClient;
use metacloud_dispatch::view::{Explanation, TaskView};
use metacloud_protocol::TaskId;
use metacloud_routes::{Description, Routes, Site};
use metacloud_wire::login::Challenges;
use metacloud_wire::task_view::{IdleWorker, ReplicateFailure, TaskExplanation, TaskNotFound};
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
    table().into_router().layer(cors).with_state(api)
}

/// What these routes take and answer.
pub fn description() -> Description {
    table().into_description()
}

/// What a scheduler alone tells of its origin.
pub fn site() -> Site {
    let about =
        "One service of a metacloud network, alone on its origin. Workers join the same port over gRPC.";
    Site::new("metacloud workerpool", about, env!("CARGO_PKG_VERSION"), [description()])
}

fn table() -> Routes<Api> {
    Routes::new(described::TAG, |status, error| (status, Json(TaskNotFound { error })).into_response())
        .get("/tasks/logs/challenge", logs::challenge, described::challenge())
        .get("/tasks/{task}", task, described::task())
        .get("/tasks/{task}/logs", logs::logs, described::logs())
        .get("/tasks/{task}/explain", explain, described::explain())
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
    let workers = explanation.workers.into_iter();
    let workers = workers.map(|(worker, reason)| IdleWorker { worker: worker.0, reason }).collect();
    let failures = task.replicas.iter().flat_map(|replica| {
        replica.failures.iter().map(|failure| ReplicateFailure {
            worker: replica.worker.0,
            cause: failure.cause.clone(),
            message: failure.message.clone(),
        })
    });
    Json(TaskExplanation {
        chain_task_id: id.0,
        state: explanation.state,
        deadline: explanation.deadline_s,
        queued_with: explanation.queued_with.map(|tasks| tasks as u64),
        stop: task.stop.as_ref().map(ToString::to_string),
        trouble: task.trouble.clone(),
        workers,
        failures: failures.collect(),
    })
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
