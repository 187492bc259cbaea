//! What workers report. They are believed about their own progress only; contributions count when the chain says so.

use metacloud_protocol::ids::TaskId;

use super::Dispatch;
use crate::action::Action;
use crate::event::{Blame, Failure, HandleEvent, Report, Uploaded};
use crate::limits;
use crate::replica::ReplicaState;
use crate::status::{ReplicaStatus, TaskStatus};
use crate::task::{Phase, Revealing, Upload};
use crate::terms::{Enclave, WorkerId};
use crate::time::Instant;

impl Dispatch {
    pub(super) fn take_report(
        &mut self,
        now: Instant,
        id: TaskId,
        worker: WorkerId,
        report: Report,
        actions: &mut Vec<Action>,
    ) -> Result<(), HandleEvent> {
        let task = self.task(id).ok_or(HandleEvent::UnknownTask(id))?;
        let no_replica = HandleEvent::NoReplica { task: id, worker };
        let state = task.replicas.get(&worker).ok_or_else(|| no_replica.clone())?.state;
        let replaced = matches!(
            state,
            ReplicaState::Lost | ReplicaState::Failed | ReplicaState::Aborted | ReplicaState::Rejected
        );
        if replaced && matches!(report, Report::Started | Report::Computed { .. }) {
            // It works on although it was replaced: it must stop.
            return Err(no_replica);
        }
        match report {
            Report::Started => self.started(now, id, worker),
            Report::Computed { exit_code } => self.computed(now, id, worker, exit_code, actions),
            // The chain tells.
            Report::Contributed | Report::Revealed | Report::Finalized => {}
            Report::Uploaded(uploaded) => {
                return self.uploaded(now, id, worker, uploaded, actions).ok_or(no_replica);
            }
            Report::Failed { failures, exit_code } => {
                self.failed(now, id, worker, failures, exit_code, actions);
            }
            Report::Aborted { failures } => self.aborted(now, id, worker, failures, actions),
        }
        Ok(())
    }

    /// The worker made an enclave for its replica. It may make another one, if the first was lost.
    pub(super) fn take_enclave(
        &mut self,
        id: TaskId,
        worker: WorkerId,
        enclave: Enclave,
        actions: &mut Vec<Action>,
    ) -> Result<(), HandleEvent> {
        let task = self.task(id).ok_or(HandleEvent::UnknownTask(id))?;
        let replica = task.replicas.get(&worker).ok_or(HandleEvent::NoReplica { task: id, worker })?;
        if !replica.holds_slot() || !self.terms(task).requirement.tag.tee() {
            return Err(HandleEvent::NoEnclaveWanted { task: id, worker });
        }
        self.change_replica(id, worker, |replica| replica.enclave = Some(enclave));
        actions.push(Action::Authorize { task: id, worker, enclave });
        Ok(())
    }

    fn started(&mut self, now: Instant, id: TaskId, worker: WorkerId) {
        let begins = self.change_replica(id, worker, |replica| {
            let begins = replica.holds_slot();
            if begins {
                replica.history.enter(ReplicaStatus::Started, now);
            }
            begins
        });
        if begins == Some(true) {
            self.change(id, |task| {
                if matches!(task.phase, Phase::Active) {
                    task.history.enter(TaskStatus::Running, now);
                }
            });
        }
    }

    fn computed(
        &mut self,
        now: Instant,
        id: TaskId,
        worker: WorkerId,
        exit_code: Option<i32>,
        actions: &mut Vec<Action>,
    ) {
        self.change_replica(id, worker, |replica| {
            if let ReplicaState::Computing { until } = replica.state {
                replica.state = ReplicaState::Computed { until };
                replica.history.enter(ReplicaStatus::Computed, now);
            }
            replica.exit_code = exit_code.or(replica.exit_code);
        });
        self.change(id, |task| {
            if matches!(task.phase, Phase::Active) {
                task.history.enter(TaskStatus::Running, now);
            }
        });
        self.feed(now, worker, actions);
    }

    fn failed(
        &mut self,
        now: Instant,
        id: TaskId,
        worker: WorkerId,
        failures: Vec<Failure>,
        exit_code: Option<i32>,
        actions: &mut Vec<Action>,
    ) {
        let by_worker = failures.iter().all(|failure| failure.blame == Blame::Worker);
        let before = self.change_replica(id, worker, |replica| {
            let before = replica.state;
            let status = match before {
                ReplicaState::Computing { .. } => ReplicaStatus::ComputeFailed,
                ReplicaState::Computed { .. } => ReplicaStatus::ContributeFailed,
                ReplicaState::Contributed { revealed: false, .. } => ReplicaStatus::RevealFailed,
                ReplicaState::Contributed { revealed: true, .. } => ReplicaStatus::ResultUploadFailed,
                // Told already.
                ReplicaState::Rejected
                | ReplicaState::Lost
                | ReplicaState::Failed
                | ReplicaState::Aborted => {
                    return before;
                }
            };
            if replica.pending_until().is_some() {
                replica.state = ReplicaState::Failed;
            }
            replica.exit_code = exit_code.or(replica.exit_code);
            replica.history.enter(status, now);
            replica.note(failures);
            before
        });
        match before {
            Some(ReplicaState::Computing { .. } | ReplicaState::Computed { .. }) => {
                if by_worker {
                    self.count_failure(now, worker);
                }
                self.supply(now, id, actions);
                self.feed(now, worker, actions);
            }
            Some(ReplicaState::Contributed { .. }) if self.is_asked(id, worker) => {
                self.ask_another(now, id, actions);
            }
            Some(
                ReplicaState::Contributed { .. }
                | ReplicaState::Rejected
                | ReplicaState::Lost
                | ReplicaState::Failed
                | ReplicaState::Aborted,
            )
            | None => {}
        }
    }

    fn aborted(
        &mut self,
        now: Instant,
        id: TaskId,
        worker: WorkerId,
        failures: Vec<Failure>,
        actions: &mut Vec<Action>,
    ) {
        let was_pending = self.change_replica(id, worker, |replica| {
            let pending = replica.pending_until().is_some();
            if pending {
                replica.state = ReplicaState::Aborted;
                replica.history.enter(ReplicaStatus::Aborted, now);
                replica.note(failures);
            }
            pending
        });
        if was_pending == Some(true) {
            self.supply(now, id, actions);
            self.feed(now, worker, actions);
        }
    }

    /// `None` if the worker has no part in the consensus, or nothing left to say about its result.
    fn uploaded(
        &mut self,
        now: Instant,
        id: TaskId,
        worker: WorkerId,
        uploaded: Uploaded,
        actions: &mut Vec<Action>,
    ) -> Option<()> {
        let task = &self.tasks[&id];
        let Phase::Revealing(Revealing { hash, upload, .. }) = &task.phase else {
            // Late: settled, or reopened.
            return Some(());
        };
        let replica = &task.replicas[&worker];
        if !replica.backs(*hash) {
            return None;
        }
        let consensus = *hash;
        match upload {
            Upload::Verifying { .. } | Upload::Verified(_) => return Some(()),
            // Not asked is as good as asked, but only as often as it would have been asked.
            Upload::Wanted if !replica.may_upload(consensus) => return Some(()),
            Upload::Asked { worker: asked, .. } if *asked != worker && !replica.may_upload(consensus) => {
                return Some(());
            }
            Upload::Wanted | Upload::Asked { .. } => {}
        }
        if !self.is_asked(id, worker) {
            self.change_replica(id, worker, |replica| replica.upload_tries += 1);
        }
        self.set_upload(id, Upload::Verifying { worker, until: now.plus(limits::UPLOAD_TIMEOUT) });
        let enclave = self.tasks[&id].replicas[&worker].enclave;
        actions.push(Action::VerifyUpload { task: id, worker, consensus, uploaded, enclave });
        Some(())
    }
}
