//! What a pool tells about its tasks.

use std::fmt::Write as _;

use metacloud_protocol::TaskId;
use metacloud_wire::cause::{Cause, Failure, Fault};
use metacloud_wire::task_view::{TaskPhase, TaskView};

use crate::market;

/// A client of one pool's HTTP interface.
#[derive(Debug, Clone)]
pub(crate) struct PoolApi {
    http: reqwest::Client,
    url: String,
}

/// A task that the pool has given up, with what it says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GivenUp {
    pub(crate) causes: Vec<Failure>,
    pub(crate) fault: Fault,
}

impl PoolApi {
    pub(crate) fn new(url: &str) -> Self {
        Self { http: market::client(url), url: url.trim_end_matches('/').to_owned() }
    }

    /// Whether the pool has given a task up. `Err` says why it could not be asked.
    pub(crate) async fn given_up(&self, task: TaskId) -> Result<Option<GivenUp>, String> {
        let mut url = self.url.clone();
        write!(url, "/tasks/{task}").expect("writing to a string");
        let (status, body) = market::send(self.http.get(url)).await?;
        match status {
            200 => serde_json::from_slice(&body).map(|view| read(&view)).map_err(|error| error.to_string()),
            // Not seen yet.
            404 => Ok(None),
            status => Err(format!("HTTP {status}")),
        }
    }
}

fn read(view: &TaskView) -> Option<GivenUp> {
    if !is_given_up(view.current_status) {
        return None;
    }
    let mut causes: Vec<Failure> = Vec::new();
    for update in view.replicates.iter().flat_map(|replicate| &replicate.status_update_list) {
        let Some(cause) = &update.cause else { continue };
        if !causes.iter().any(|known| known.cause == *cause) {
            causes.push(Failure::new(cause.clone(), update.message.clone().unwrap_or_default()));
        }
    }
    if causes.is_empty() {
        let (cause, message) = match view.current_status {
            TaskPhase::ContributionTimeout => {
                (Cause::CONTRIBUTION_TIMEOUT, "not enough workers contributed in time")
            }
            TaskPhase::FinalDeadlineReached => (Cause::UNKNOWN, "the final deadline has passed"),
            _ => (Cause::UNKNOWN, "the pool gives no cause"),
        };
        causes.push(Failure::new(cause, message));
    }
    let fault = view.fault.unwrap_or_else(|| causes[0].cause.fault());
    Some(GivenUp { causes, fault })
}

fn is_given_up(phase: TaskPhase) -> bool {
    match phase {
        TaskPhase::InitializeFailed
        | TaskPhase::RunningFailed
        | TaskPhase::ContributionTimeout
        | TaskPhase::ReopenFailed
        | TaskPhase::ResultUploadTimeout
        | TaskPhase::FinalizeFailed
        | TaskPhase::FinalDeadlineReached
        | TaskPhase::Failed => true,
        TaskPhase::Received
        | TaskPhase::Initializing
        | TaskPhase::Initialized
        | TaskPhase::Running
        | TaskPhase::ConsensusReached
        | TaskPhase::Reopening
        | TaskPhase::Reopened
        | TaskPhase::AtLeastOneRevealed
        | TaskPhase::ResultUploading
        | TaskPhase::ResultUploaded
        | TaskPhase::Finalizing
        | TaskPhase::Finalized
        | TaskPhase::Completed => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn view(status: &str, updates: serde_json::Value) -> TaskView {
        serde_json::from_value(json!({
            "chainTaskId": format!("0x{}", "11".repeat(32)),
            "currentStatus": status,
            "dateStatusList": [],
            "replicates": [{
                "walletAddress": "0xd09Ad14080d4b257a819a4f579b8485Be88f086c",
                "currentStatus": "FAILED",
                "statusUpdateList": updates,
            }],
        }))
        .unwrap()
    }

    #[test]
    fn a_running_task_is_not_given_up_though_a_replicate_failed() {
        let failed = json!([{"status": "COMPUTE_FAILED", "date": "2026-01-15T10:00:45.000Z",
            "cause": "APP_COMPUTE_FAILED"}]);
        assert_eq!(read(&view("RUNNING", failed)), None);
    }

    #[test]
    fn causes_are_told_once_each_with_the_party_that_answers_for_them() {
        let update = json!({"status": "COMPUTE_FAILED", "date": "2026-01-15T10:00:45.000Z",
            "cause": "APP_COMPUTE_TIMEOUT", "message": "ran longer than 300 s"});
        let given_up = read(&view("RUNNING_FAILED", json!([update, update]))).unwrap();
        assert_eq!(given_up.causes.len(), 1);
        assert_eq!(given_up.causes[0].to_string(), "APP_COMPUTE_TIMEOUT: ran longer than 300 s");
        assert_eq!(given_up.fault, Fault::AppProvider);
    }

    #[test]
    fn a_failure_without_cause_still_has_a_name() {
        let given_up = read(&view("CONTRIBUTION_TIMEOUT", json!([]))).unwrap();
        assert_eq!(given_up.causes[0].cause, Cause::CONTRIBUTION_TIMEOUT);
        assert_eq!(given_up.fault, Fault::Pool);
    }
}
