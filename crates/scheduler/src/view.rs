//! What people see of a task, in the words of the interface (middleware D, http-surface 7).

use std::collections::BTreeMap;

use metacloud_dispatch::view::{ReplicaView, TaskView};
use metacloud_dispatch::{Instant, ReplicaStatus, Stop, TaskStatus};
use metacloud_protocol::TaskId;
use metacloud_wire::Timestamp;
use metacloud_wire::cause::{Cause, Fault};
use metacloud_wire::task_view::{self as wire, ReplicatePhase, ReplicatePhaseAt, ReplicateView, TaskPhaseAt};

use crate::enclaves;

/// The task as clients know it.
pub(crate) fn present(id: TaskId, task: &TaskView) -> wire::TaskView {
    let current = task.history.last().map_or(TaskStatus::Received, |(status, _)| *status);
    wire::TaskView {
        chain_task_id: id.0,
        current_status: task_phase(current),
        date_status_list: task
            .history
            .iter()
            .map(|(status, at)| TaskPhaseAt { status: task_phase(*status), date: date(*at) })
            .collect(),
        replicates: task.replicas.iter().map(replicate).collect(),
        fault: fault(task, current),
        enclave: task.replicas.iter().find_map(|replica| replica.enclave).map(enclaves::kind),
    }
}

fn date(at: Instant) -> Timestamp {
    Timestamp::from_ms(at.as_millis())
}

fn replicate(replica: &ReplicaView) -> ReplicateView {
    let current = replica.history.last().map_or(ReplicaStatus::Created, |(status, _)| *status);
    let first = replica.failures.first();
    let update = |(status, at): &(ReplicaStatus, Instant)| {
        let failure = first.filter(|_| is_failure(*status));
        ReplicatePhaseAt {
            status: replicate_phase(*status),
            date: date(*at),
            cause: failure.and_then(|failure| Cause::parse(&failure.cause).ok()),
            message: failure.map(|failure| failure.message.clone()),
        }
    };
    ReplicateView {
        wallet_address: replica.worker.0.into(),
        current_status: replicate_phase(current),
        app_exit_code: replica.exit_code,
        enclave: replica.enclave.map(enclaves::kind),
        status_update_list: replica.history.iter().map(update).collect(),
    }
}

/// The one accountable party of a task that failed: by the cause that stopped it, else by the cause met most often,
/// else the pool, which found too few workers.
fn fault(task: &TaskView, current: TaskStatus) -> Option<Fault> {
    if current == TaskStatus::Completed || (task.stop.is_none() && current != TaskStatus::Failed) {
        return None;
    }
    let parse = |cause: &str| Cause::parse(cause).map_or(Fault::Unknown, |cause| cause.fault());
    match &task.stop {
        Some(Stop::Inherent { cause, .. }) => return Some(parse(cause)),
        Some(Stop::Refused(_)) => return Some(Fault::Requester),
        Some(Stop::TooManyFailures(_) | Stop::ContributionDeadline) | None => {}
    }
    let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
    for failure in task.replicas.iter().filter_map(|replica| replica.failures.first()) {
        *causes.entry(&failure.cause).or_default() += 1;
    }
    let most = causes.into_iter().max_by_key(|(_, count)| *count);
    Some(most.map_or(Fault::Pool, |(cause, _)| parse(cause)))
}

fn is_failure(status: ReplicaStatus) -> bool {
    match status {
        ReplicaStatus::ComputeFailed
        | ReplicaStatus::ContributeFailed
        | ReplicaStatus::RevealFailed
        | ReplicaStatus::ResultUploadFailed
        | ReplicaStatus::Failed
        | ReplicaStatus::Aborted => true,
        ReplicaStatus::Created
        | ReplicaStatus::Started
        | ReplicaStatus::Computed
        | ReplicaStatus::Contributed
        | ReplicaStatus::Revealing
        | ReplicaStatus::Revealed
        | ReplicaStatus::ResultUploadRequested
        | ReplicaStatus::ResultUploaded
        | ReplicaStatus::ContributeAndFinalizeDone
        | ReplicaStatus::Completed
        | ReplicaStatus::Recovering
        | ReplicaStatus::WorkerLost => false,
    }
}

fn task_phase(status: TaskStatus) -> wire::TaskPhase {
    use wire::TaskPhase as Phase;
    match status {
        TaskStatus::Received => Phase::Received,
        TaskStatus::Initializing => Phase::Initializing,
        TaskStatus::Initialized => Phase::Initialized,
        TaskStatus::InitializeFailed => Phase::InitializeFailed,
        TaskStatus::Running => Phase::Running,
        TaskStatus::RunningFailed => Phase::RunningFailed,
        TaskStatus::ContributionTimeout => Phase::ContributionTimeout,
        TaskStatus::ConsensusReached => Phase::ConsensusReached,
        TaskStatus::Reopening => Phase::Reopening,
        TaskStatus::Reopened => Phase::Reopened,
        TaskStatus::AtLeastOneRevealed => Phase::AtLeastOneRevealed,
        TaskStatus::ResultUploading => Phase::ResultUploading,
        TaskStatus::ResultUploaded => Phase::ResultUploaded,
        TaskStatus::Finalizing => Phase::Finalizing,
        TaskStatus::FinalizeFailed => Phase::FinalizeFailed,
        TaskStatus::FinalDeadlineReached => Phase::FinalDeadlineReached,
        TaskStatus::Completed => Phase::Completed,
        TaskStatus::Failed => Phase::Failed,
    }
}

fn replicate_phase(status: ReplicaStatus) -> ReplicatePhase {
    match status {
        ReplicaStatus::Created => ReplicatePhase::Created,
        ReplicaStatus::Started => ReplicatePhase::Started,
        ReplicaStatus::ComputeFailed => ReplicatePhase::ComputeFailed,
        ReplicaStatus::Computed => ReplicatePhase::Computed,
        ReplicaStatus::ContributeFailed => ReplicatePhase::ContributeFailed,
        ReplicaStatus::Contributed => ReplicatePhase::Contributed,
        ReplicaStatus::Revealing => ReplicatePhase::Revealing,
        ReplicaStatus::RevealFailed => ReplicatePhase::RevealFailed,
        ReplicaStatus::Revealed => ReplicatePhase::Revealed,
        ReplicaStatus::ResultUploadRequested => ReplicatePhase::ResultUploadRequested,
        ReplicaStatus::ResultUploadFailed => ReplicatePhase::ResultUploadFailed,
        ReplicaStatus::ResultUploaded => ReplicatePhase::ResultUploaded,
        ReplicaStatus::ContributeAndFinalizeDone => ReplicatePhase::ContributeAndFinalizeDone,
        ReplicaStatus::Completed => ReplicatePhase::Completed,
        ReplicaStatus::Failed => ReplicatePhase::Failed,
        ReplicaStatus::Aborted => ReplicatePhase::Aborted,
        ReplicaStatus::Recovering => ReplicatePhase::Recovering,
        ReplicaStatus::WorkerLost => ReplicatePhase::WorkerLost,
    }
}
