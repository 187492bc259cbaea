//! From consensus to settlement: the result is stored and verified, then the pool finalizes, reopens or claims.

use metacloud_protocol::ids::TaskId;

use super::Dispatch;
use crate::action::{Action, TaskRef, Transaction};
use crate::event::{HandleEvent, UploadVerdict};
use crate::limits;
use crate::replica::ReplicaState;
use crate::status::{ReplicaStatus, TaskStatus};
use crate::task::{Close, Phase, Revealing, Task, Tx, Upload};
use crate::terms::WorkerId;
use crate::time::Instant;
use crate::workers::Presence;

impl Dispatch {
    /// Asks a worker of the consensus to store the result, if nobody is asked.
    pub(super) fn want_upload(&mut self, now: Instant, id: TaskId, actions: &mut Vec<Action>) {
        let Phase::Revealing(Revealing { upload: Upload::Wanted, hash, .. }) = self.tasks[&id].phase else {
            return;
        };
        let Some(worker) = self.choose_uploader(now, id) else { return };
        let revealed = matches!(
            self.tasks[&id].replicas[&worker].state,
            ReplicaState::Contributed { revealed: true, .. }
        );
        actions.push(if revealed {
            Action::AskUpload { task: id, worker }
        } else {
            Action::AskReveal { task: id, worker, consensus: hash, upload: true }
        });
    }

    /// Chooses, at random among those that are here and were asked least, who stores the result.
    pub(super) fn choose_uploader(&mut self, now: Instant, id: TaskId) -> Option<WorkerId> {
        let from = WorkerId(self.draw());
        let Phase::Revealing(Revealing { hash, .. }) = self.tasks[&id].phase else { return None };
        let is_here = |worker: &WorkerId| {
            self.workers.get(*worker).is_some_and(|record| record.presence == Presence::Here)
        };
        let candidates = self.tasks[&id].replicas.iter();
        let worker = candidates
            .filter(|(worker, replica)| replica.may_upload(hash) && is_here(worker))
            .map(|(worker, replica)| (replica.upload_tries, *worker < from, *worker))
            .min()?
            .2;
        self.change_replica(id, worker, |replica| {
            replica.upload_tries += 1;
            replica.history.enter(ReplicaStatus::ResultUploadRequested, now);
        });
        self.set_upload(id, Upload::Asked { worker, until: now.plus(limits::UPLOAD_TIMEOUT) });
        self.change(id, |task| task.history.enter(TaskStatus::ResultUploading, now));
        Some(worker)
    }

    /// Nobody is asked any more; another worker may be.
    pub(super) fn ask_another(&mut self, now: Instant, id: TaskId, actions: &mut Vec<Action>) {
        self.set_upload(id, Upload::Wanted);
        self.want_upload(now, id, actions);
    }

    /// Whether this worker is the one that is asked to store the result.
    pub(super) fn is_asked(&self, id: TaskId, of: WorkerId) -> bool {
        matches!(
            &self.tasks[&id].phase,
            Phase::Revealing(Revealing { upload: Upload::Asked { worker, .. }, .. }) if *worker == of
        )
    }

    pub(super) fn set_upload(&mut self, id: TaskId, to: Upload) {
        self.change(id, |task| match &mut task.phase {
            Phase::Revealing(revealing) => revealing.upload = to,
            Phase::Initializing { .. }
            | Phase::Active
            | Phase::Stopped { .. }
            | Phase::Claiming { .. }
            | Phase::Completed
            | Phase::Failed { .. } => unreachable!("only callers that saw the reveal phase store results"),
        });
    }

    pub(super) fn take_verdict(
        &mut self,
        now: Instant,
        id: TaskId,
        worker: WorkerId,
        verdict: UploadVerdict,
        actions: &mut Vec<Action>,
    ) -> Result<(), HandleEvent> {
        let task = self.task(id).ok_or(HandleEvent::UnknownTask(id))?;
        let of = match &task.phase {
            Phase::Revealing(Revealing { upload: Upload::Verifying { worker, .. }, .. }) => Some(*worker),
            _ => None,
        };
        if of != Some(worker) {
            // The machine went on without waiting for this verdict.
            return Ok(());
        }
        match verdict {
            UploadVerdict::Genuine(uploaded) => {
                self.change_replica(id, worker, |replica| {
                    replica.history.enter(ReplicaStatus::ResultUploaded, now);
                });
                self.set_upload(id, Upload::Verified(uploaded));
                self.change(id, |task| task.history.enter(TaskStatus::ResultUploaded, now));
                self.try_close(now, id, actions);
            }
            UploadVerdict::False(failure) => {
                self.change_replica(id, worker, |replica| {
                    replica.upload_tries = limits::UPLOAD_TRIES_MAX;
                    replica.history.enter(ReplicaStatus::ResultUploadFailed, now);
                    replica.note(vec![failure]);
                });
                self.ask_another(now, id, actions);
            }
            UploadVerdict::Unavailable(failure) => {
                self.change_replica(id, worker, |replica| {
                    replica.history.enter(ReplicaStatus::ResultUploadFailed, now);
                    replica.note(vec![failure]);
                });
                self.ask_another(now, id, actions);
            }
        }
        Ok(())
    }

    /// Finalizes when the result is verified and all winners revealed, or some did and the deadline passed; reopens
    /// when the deadline passed and nobody did.
    pub(super) fn try_close(&mut self, now: Instant, id: TaskId, actions: &mut Vec<Action>) {
        let task = &self.tasks[&id];
        let Phase::Revealing(Revealing { hash, overdue, upload, close: Close::Open, .. }) = &task.phase
        else {
            return;
        };
        let (winners, revealed) = task.winners(*hash);
        let (close, status) = if *overdue && revealed == 0 {
            actions.push(Action::Reopen { task: task.place(id) });
            (Close::Reopening(Tx::sent(now)), TaskStatus::Reopening)
        } else if let Upload::Verified(uploaded) = upload
            && revealed > 0
            && (revealed == winners || *overdue)
        {
            actions.push(Action::Finalize { task: task.place(id), uploaded: uploaded.clone() });
            (Close::Finalizing(Tx::sent(now)), TaskStatus::Finalizing)
        } else {
            return;
        };
        self.change(id, |task| {
            if let Phase::Revealing(revealing) = &mut task.phase {
                revealing.close = close;
            }
            task.history.enter(status, now);
        });
    }

    pub(super) fn fail_transaction(
        &mut self,
        now: Instant,
        transaction: Transaction,
        tasks: &[TaskId],
        reason: &str,
    ) {
        for &id in tasks {
            let flying = self.task(id).and_then(Task::transaction);
            if !flying.is_some_and(|(kind, tx)| kind == transaction && tx.in_flight) {
                continue;
            }
            self.change(id, |task| {
                let tx = task.transaction_mut().expect("it was just read");
                *tx = tx.failed(now);
                let failures = tx.failures;
                let end = reason.floor_char_boundary(limits::CAUSE_TEXT_MAX);
                task.trouble = Some(reason[..end].to_owned());
                if failures == limits::TRANSACTION_FAILURES_SHOWN {
                    match transaction {
                        Transaction::Initialize => task.history.enter(TaskStatus::InitializeFailed, now),
                        Transaction::Finalize => task.history.enter(TaskStatus::FinalizeFailed, now),
                        Transaction::Reopen | Transaction::Claim | Transaction::InitializeAndClaim => {}
                    }
                }
            });
        }
    }

    /// The transaction of a task is due again. Those that never failed may share one with others.
    pub(super) fn retry(
        &mut self,
        now: Instant,
        id: TaskId,
        batches: &mut Batches,
        actions: &mut Vec<Action>,
    ) {
        let task = &self.tasks[&id];
        let Some((transaction, tx)) = task.transaction() else { return };
        let place = task.place(id);
        if let Phase::Revealing(revealing) = &task.phase {
            if transaction == Transaction::Reopen && task.winners(revealing.hash).1 > 0 {
                // A reveal came just before the deadline.
                self.change(id, |task| {
                    if let Phase::Revealing(revealing) = &mut task.phase {
                        revealing.close = Close::Open;
                    }
                });
                self.try_close(now, id, actions);
                return;
            }
            match (transaction, &revealing.upload) {
                (Transaction::Finalize, Upload::Verified(uploaded)) => {
                    actions.push(Action::Finalize { task: place, uploaded: uploaded.clone() });
                }
                (Transaction::Reopen, _) => actions.push(Action::Reopen { task: place }),
                _ => {
                    unreachable!("a reveal phase is closed by finalize, with a verified result, or by reopen")
                }
            }
        } else {
            batches.add(transaction, place, tx.failures > 0);
        }
        self.change(id, |task| {
            let tx = task.transaction_mut().expect("it was just read");
            *tx = tx.resent(now);
        });
    }

    /// The final deadline passed.
    pub(super) fn begin_claim(&mut self, now: Instant, id: TaskId, batches: &mut Batches) {
        self.change(id, |task| {
            let (initialized, why) = match &task.phase {
                Phase::Stopped { why, initialized } => (*initialized, Some(why.clone())),
                _ => (true, None),
            };
            task.phase = Phase::Claiming { tx: Tx::sent(now), initialized, why };
            task.history.enter(TaskStatus::FinalDeadlineReached, now);
        });
        let task = &self.tasks[&id];
        let (transaction, _) = task.transaction().expect("claiming is a transaction");
        batches.add(transaction, task.place(id), false);
    }
}

/// Transactions of many tasks, gathered during one event.
#[derive(Default)]
pub(super) struct Batches {
    initialize: Vec<TaskRef>,
    claim: Vec<TaskRef>,
    initialize_and_claim: Vec<TaskRef>,
    alone: Vec<Action>,
}

impl Batches {
    fn add(&mut self, transaction: Transaction, task: TaskRef, alone: bool) {
        let (batch, action): (_, fn(Vec<TaskRef>) -> Action) = match transaction {
            Transaction::Initialize => (&mut self.initialize, |tasks| Action::Initialize { tasks }),
            Transaction::Claim => (&mut self.claim, |tasks| Action::Claim { tasks }),
            Transaction::InitializeAndClaim => {
                (&mut self.initialize_and_claim, |tasks| Action::InitializeAndClaim { tasks })
            }
            Transaction::Finalize | Transaction::Reopen => {
                unreachable!("finalize and reopen have no array form")
            }
        };
        if alone {
            // One task that cannot go through fails a whole array: after a failure each goes by itself.
            self.alone.push(action(vec![task]));
        } else {
            batch.push(task);
        }
    }

    pub(super) fn flush(self, actions: &mut Vec<Action>) {
        actions.extend(self.alone);
        for tasks in self.initialize.chunks(limits::INITIALIZE_BATCH_MAX) {
            actions.push(Action::Initialize { tasks: tasks.to_vec() });
        }
        for tasks in self.claim.chunks(limits::CLAIM_BATCH_MAX) {
            actions.push(Action::Claim { tasks: tasks.to_vec() });
        }
        for tasks in self.initialize_and_claim.chunks(limits::CLAIM_BATCH_MAX) {
            actions.push(Action::InitializeAndClaim { tasks: tasks.to_vec() });
        }
    }
}
