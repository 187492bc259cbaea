//! From a result on disk to a result on chain. What was done is asked of the chain, so this goes on after a crash
//! wherever it stopped.

use std::time::Duration;

use metacloud_chain::{BlockRef, CallError, Commitment, OneStep, SendError};
use metacloud_protocol::result::ResultLink;
use metacloud_protocol::{Contribution, ContributionStatus, Deal, ResultHash, ResultSeal, Task, TaskStatus};
use metacloud_wire::cause::{Cause, Failure};
use metacloud_wire::pool::{ReportStatus, Settlement};

use crate::context::{Context, PAUSE_MAX, PAUSE_MIN};
use crate::fetch::{PAUSE, TRIES_MAX};
use crate::halt::Halt;
use crate::life::ControlReceiver;
use crate::purse::{Reveal, send_failed};
use crate::record::{self, Computed, Record};

/// How often a waiting task looks at the chain although nothing was heard: events can be missed.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Tries of a contribution that the chain refuses although it looks acceptable.
const CONTRIBUTE_TRIES_MAX: u32 = 4;

/// The chain's view of a task and of this worker's part in it.
struct View {
    task: Task,
    mine: Contribution,
    head: BlockRef,
}

/// What to do next, which is all in the view.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Contribute,
    Reveal,
    /// Revealed; upload if asked.
    Serve,
    Wait,
    /// Settled, or nothing that this worker does matters any more.
    End,
    /// Too late, nothing is at stake.
    Missed(Cause, &'static str),
}

fn next(view: &View) -> Next {
    let now_s = view.head.timestamp_s;
    match (view.task.status, view.mine.status) {
        (TaskStatus::Unset, _) => {
            Next::Missed(Cause::TASK_NOT_ACTIVE, "the task is not on chain (any more); its work is dropped")
        }
        (TaskStatus::Completed | TaskStatus::Failed, ContributionStatus::Unset) => {
            Next::Missed(Cause::TASK_NOT_ACTIVE, "the task ended without this worker")
        }
        (TaskStatus::Completed | TaskStatus::Failed, _) => Next::End,
        // From here on it can only be claimed, by anyone; that frees the stake.
        (TaskStatus::Active | TaskStatus::Revealing, mine) if now_s >= view.task.final_deadline_s => {
            match mine {
                ContributionStatus::Unset => {
                    Next::Missed(Cause::CONTRIBUTION_TIMEOUT, "the final deadline passed")
                }
                _ => Next::End,
            }
        }
        (TaskStatus::Active, ContributionStatus::Unset) if now_s < view.task.contribution_deadline_s => {
            Next::Contribute
        }
        (TaskStatus::Active, ContributionStatus::Unset) => {
            Next::Missed(Cause::CONTRIBUTION_TIMEOUT, "the contribution deadline passed")
        }
        (TaskStatus::Active, _) => Next::Wait,
        (TaskStatus::Revealing, ContributionStatus::Unset) => {
            Next::Missed(Cause::CONSENSUS_REACHED, "others agreed on a result")
        }
        (TaskStatus::Revealing, ContributionStatus::Contributed) => {
            let won = view.mine.result_hash == view.task.consensus;
            // Outvoted, or too late to reveal: the consensus may still be reopened, so the result is kept.
            if won && now_s < view.task.reveal_deadline_s { Next::Reveal } else { Next::Wait }
        }
        (TaskStatus::Revealing, ContributionStatus::Proved) => Next::Serve,
        (TaskStatus::Revealing, ContributionStatus::Rejected) => Next::Wait,
    }
}

/// Reads the chain, for as long as it takes: a stake may hang on it.
async fn view(ctx: &Context, record: &Record) -> View {
    let mut pause = PAUSE_MIN;
    loop {
        let read = async {
            let hub = &ctx.hub;
            let head = async { ctx.chain.head().await.map_err(CallError::Rpc) };
            let task = record.assign.task;
            futures::try_join!(hub.view_task(task), hub.view_contribution(task, ctx.me()), head)
        };
        match read.await {
            Ok((task, mine, head)) => return View { task, mine, head },
            Err(error) => {
                tracing::warn!(task = %record.assign.task, %error, "cannot read the task from the chain")
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

async fn deal(ctx: &Context, record: &Record) -> Result<Deal, Halt> {
    let deal = ctx.ask(|| ctx.hub.view_deal(record.assign.deal)).await?;
    deal.ok_or_else(|| Halt::failed(Cause::TASK_DESCRIPTION_NOT_FOUND, "the deal is not on chain"))
}

/// contribute, reveal once there is consensus, upload if asked; until the task is settled.
pub(crate) async fn commit_reveal(
    ctx: &Context,
    record: &Record,
    computed: &Computed,
    control: &mut ControlReceiver,
) -> Result<(), Halt> {
    let task = record.assign.task;
    let mut owed: Option<Reveal<'_>> = None;
    let mut tries = 0;
    let mut told = None;
    let mut uploaded = false;
    let mut pause = PAUSE_MIN;
    loop {
        let view = view(ctx, record).await;
        tell(ctx, record, computed, &view, &mut told).await;
        if view.mine.status == ContributionStatus::Contributed && owed.is_none() {
            owed = Some(ctx.purse.owe_reveal());
        }
        match next(&view) {
            Next::End => return ending(&view),
            Next::Missed(cause, why) => return Err(Halt::aborted(cause, why)),
            Next::Contribute => {
                if let Some(cause) = control.aborted() {
                    return Err(Halt::aborted(cause, "the pool stopped the task"));
                }
                tries += 1;
                match contribute(ctx, record, computed).await {
                    Ok(()) => {
                        tries = 0;
                        continue;
                    }
                    Err(halt) if tries >= CONTRIBUTE_TRIES_MAX => return Err(halt),
                    Err(halt) => tracing::warn!(%task, ?halt, tries, "contribution failed, looking again"),
                }
            }
            Next::Reveal => match ctx.hub.reveal(&ctx.wallet, task, computed.digest).await {
                Ok(_) => continue,
                Err(error) => {
                    tracing::error!(%task, %error, "reveal failed, trying again: a stake is at risk")
                }
            },
            Next::Serve if control.upload() && !uploaded => {
                drop(owed.take());
                uploaded = upload_and_tell(ctx, record, computed).await;
                if uploaded {
                    continue;
                }
            }
            Next::Serve | Next::Wait => {
                if view.mine.status == ContributionStatus::Proved {
                    drop(owed.take());
                }
                pause = PAUSE_MIN;
                let _ = tokio::time::timeout(LOOK_AGAIN, control.changed()).await;
                continue;
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Tells the pool what the chain shows of this worker, once for each step.
async fn tell(
    ctx: &Context,
    record: &Record,
    computed: &Computed,
    view: &View,
    told: &mut Option<ContributionStatus>,
) {
    if *told == Some(view.mine.status) {
        return;
    }
    *told = Some(view.mine.status);
    let status = match view.mine.status {
        ContributionStatus::Unset | ContributionStatus::Rejected => return,
        ContributionStatus::Contributed => ReportStatus::Contributed,
        ContributionStatus::Proved => ReportStatus::Revealed,
    };
    let mut report = record.report(status);
    report.digest = (status == ReportStatus::Revealed).then_some(computed.digest);
    tracing::info!(task = %record.assign.task, ?status, "on chain");
    ctx.report(report).await;
}

/// How a task with a contribution of ours ended.
fn ending(view: &View) -> Result<(), Halt> {
    match view.mine.status {
        ContributionStatus::Proved => Ok(()),
        ContributionStatus::Rejected => {
            Err(Halt::failed(Cause::REVEAL_TIMEOUT, "the result was not revealed in time"))
        }
        ContributionStatus::Unset | ContributionStatus::Contributed => {
            let outvoted = view.task.status == TaskStatus::Completed;
            let (cause, why) = match outvoted {
                true => (Cause::CONSENSUS_REACHED, "another result won"),
                false => (Cause::CONTRIBUTION_TIMEOUT, "the task ended without consensus"),
            };
            Err(Halt::aborted(cause, why))
        }
    }
}

async fn contribute(ctx: &Context, record: &Record, computed: &Computed) -> Result<(), Halt> {
    let assign = &record.assign;
    let deal = deal(ctx, record).await?;
    ctx.purse.can_pay(ctx, Settlement::CommitReveal).await?;
    let _promise = ctx.purse.stake(ctx, deal.worker_stake).await?;
    let (enclave_challenge, enclave_sign, authorization) = record.vouchers();
    let commitment = Commitment {
        task: assign.task,
        hash: ResultHash::derive(assign.task, computed.digest),
        seal: ResultSeal::derive(ctx.me(), assign.task, computed.digest),
        enclave_challenge,
        enclave_sign,
        authorization,
    };
    match ctx.hub.contribute(&ctx.wallet, &commitment).await {
        Ok(receipt) => {
            tracing::debug!(task = %assign.task, gas = receipt.gas_used, "contributed");
            Ok(())
        }
        Err(error) => Err(send_failed("contribute", &error)),
    }
}

/// Uploads and reports; on failure the pool asks another worker.
async fn upload_and_tell(ctx: &Context, record: &Record, computed: &Computed) -> bool {
    match upload(ctx, record, computed).await {
        Ok(link) => {
            let mut report = record.report(ReportStatus::Uploaded);
            report.digest = Some(computed.digest);
            if let Some(enclave) = &computed.enclave {
                report.archive_sign = enclave.archive_sign.clone();
            }
            match link {
                Some(link) => report.link = Some(link),
                None => report.callback_data = Some(computed.callback_data.clone()),
            }
            ctx.report(report).await;
            true
        }
        Err(failure) => {
            tracing::error!(task = %record.assign.task, %failure, "upload failed");
            false
        }
    }
}

/// Stores the archive; nothing for a deal with callback, whose result is the callback data.
async fn upload(ctx: &Context, record: &Record, computed: &Computed) -> Result<Option<ResultLink>, Failure> {
    if !computed.callback_data.is_empty() {
        return Ok(None);
    }
    let failed = |message: String| Failure::new(Cause::POST_COMPUTE_IPFS_UPLOAD_FAILED, message);
    let archive = record::archive(&ctx.task_dir(record.assign.task));
    let mut pause = PAUSE;
    for tried in 1.. {
        let storage = ctx.storage().await.map_err(|_| failed("the worker is stopping".into()))?;
        let _permit = ctx.transfers.acquire().await.expect("never closed");
        match storage.client.add_file(&archive).await {
            Ok(cid) => return Ok(Some(ResultLink::ipfs(&cid.to_string()))),
            Err(error) if tried < TRIES_MAX => tracing::warn!(%error, tried, "upload failed, trying again"),
            Err(error) => return Err(failed(error.to_string())),
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    unreachable!("the last try returns")
}

/// Uploads first, then contributes and finalizes in one transaction.
pub(crate) async fn one_step(ctx: &Context, record: &Record, computed: &Computed) -> Result<(), Halt> {
    let assign = &record.assign;
    let link = match upload(ctx, record, computed).await.map_err(|failure| Halt::Failed(vec![failure]))? {
        Some(link) => link,
        None => ResultLink::ethereum(deal(ctx, record).await?.callback),
    };
    let (enclave_challenge, enclave_sign, authorization) = record.vouchers();
    let step = OneStep {
        task: assign.task,
        digest: computed.digest,
        results: link.to_bytes(),
        results_callback: computed.callback_data.clone(),
        enclave_challenge,
        enclave_sign,
        authorization,
    };
    let mut pause = PAUSE_MIN;
    for tried in 1.. {
        let view = view(ctx, record).await;
        match next(&view) {
            Next::End => break,
            Next::Missed(cause, why) => return Err(Halt::aborted(cause, why)),
            Next::Contribute | Next::Reveal | Next::Serve | Next::Wait => {}
        }
        ctx.purse.can_pay(ctx, Settlement::OneStep).await?;
        match ctx.hub.contribute_and_finalize(&ctx.wallet, &step).await {
            Ok(_) => break,
            Err(error) if tried >= CONTRIBUTE_TRIES_MAX || !may_pass(&error) => {
                return Err(send_failed("contributeAndFinalize", &error));
            }
            Err(error) => tracing::warn!(task = %assign.task, %error, tried, "trying again"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
    let mut report = record.report(ReportStatus::Finalized);
    (report.digest, report.link) = (Some(computed.digest), Some(link));
    tracing::info!(task = %assign.task, "finalized");
    ctx.report(report).await;
    Ok(())
}

/// Whether the same transaction may go through later. A revert may be a race, which the next look at the chain shows.
fn may_pass(error: &SendError) -> bool {
    match error {
        SendError::Rpc(_)
        | SendError::NonceTaken { .. }
        | SendError::Stuck { .. }
        | SendError::Reverted { .. } => true,
        SendError::OutOfGas { .. }
        | SendError::Unfunded { .. }
        | SendError::FeeAboveCap { .. }
        | SendError::Answer(_)
        | SendError::Closed { .. }
        | SendError::Unexpected { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    const HASH: ResultHash = ResultHash(B256::repeat_byte(1));

    fn view(status: TaskStatus, mine: ContributionStatus, now_s: u64) -> View {
        let task = Task {
            status,
            consensus: if status == TaskStatus::Revealing { HASH } else { ResultHash::ZERO },
            contribution_deadline_s: 70,
            reveal_deadline_s: 80,
            final_deadline_s: 100,
            ..Task::default()
        };
        let mine = Contribution { status: mine, result_hash: HASH, ..Contribution::default() };
        let head = BlockRef { number: 1, hash: B256::ZERO, timestamp_s: now_s };
        View { task, mine, head }
    }

    #[test]
    fn every_state_of_the_chain_has_its_next_step() {
        use ContributionStatus as C;
        use TaskStatus as T;
        let missed =
            |cause: Cause| move |next: &Next| matches!(next, Next::Missed(found, _) if *found == cause);
        assert!(missed(Cause::TASK_NOT_ACTIVE)(&next(&view(T::Unset, C::Unset, 10))));
        assert_eq!(next(&view(T::Active, C::Unset, 69)), Next::Contribute);
        assert!(missed(Cause::CONTRIBUTION_TIMEOUT)(&next(&view(T::Active, C::Unset, 70))));
        assert_eq!(next(&view(T::Active, C::Contributed, 99)), Next::Wait);
        assert_eq!(next(&view(T::Active, C::Contributed, 100)), Next::End);
        assert_eq!(next(&view(T::Revealing, C::Contributed, 79)), Next::Reveal);
        assert_eq!(next(&view(T::Revealing, C::Contributed, 80)), Next::Wait);
        assert!(missed(Cause::CONSENSUS_REACHED)(&next(&view(T::Revealing, C::Unset, 10))));
        assert_eq!(next(&view(T::Revealing, C::Proved, 99)), Next::Serve);
        assert_eq!(next(&view(T::Revealing, C::Rejected, 10)), Next::Wait);
        assert_eq!(next(&view(T::Completed, C::Proved, 10)), Next::End);
        assert!(missed(Cause::TASK_NOT_ACTIVE)(&next(&view(T::Completed, C::Unset, 10))));
    }

    #[test]
    fn outvoted_worker_waits_for_a_possible_reopening() {
        let mut view = view(TaskStatus::Revealing, ContributionStatus::Contributed, 10);
        view.mine.result_hash = ResultHash(B256::repeat_byte(2));
        assert_eq!(next(&view), Next::Wait);
    }
}
