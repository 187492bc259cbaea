//! What a worker checks before it works (middleware B.11), against the chain itself.

use alloy_primitives::{Address, U256};
use metacloud_abi::Hub;
use metacloud_protocol::ids::{authorization_hash, eip191};
use metacloud_protocol::{ContributionStatus, Deal, Tag, Task, TaskId, TaskStatus, signing};
use metacloud_wire::Signature;
use metacloud_wire::cause::Cause;
use metacloud_wire::pool::{Assign, Settlement};

use crate::context::Context;
use crate::halt::Halt;

/// The task as the chain has it.
pub(crate) struct Terms {
    pub(crate) deal: Deal,
    pub(crate) task: Task,
}

/// Checks an assignment. What the pool says is taken only where the chain agrees.
pub(crate) async fn check(ctx: &Context, assign: &Assign) -> Result<Terms, Halt> {
    let me = ctx.me();
    let (deal, task, contribution, head) = ctx
        .ask(|| async {
            let hub = &ctx.hub;
            let head = async { Ok(ctx.chain.head().await?) };
            let deal = hub.view_deal(assign.deal);
            futures::try_join!(deal, hub.view_task(assign.task), hub.view_contribution(assign.task, me), head)
        })
        .await?;
    let Some(deal) = deal else {
        return Err(Halt::failed(
            Cause::TASK_DESCRIPTION_NOT_FOUND,
            format!("deal {} is not on chain (any more); its task is dropped", assign.deal),
        ));
    };
    describe(ctx.workerpool, ctx.enclaves.is_some(), assign, &deal)?;
    match task.status {
        TaskStatus::Active => {}
        TaskStatus::Revealing => {
            return Err(Halt::aborted(Cause::CONSENSUS_REACHED, "others agreed on a result"));
        }
        TaskStatus::Unset | TaskStatus::Completed | TaskStatus::Failed => {
            return Err(Halt::failed(
                Cause::TASK_NOT_ACTIVE,
                format!("the task is {:?} on chain", task.status),
            ));
        }
    }
    if head.timestamp_s >= task.contribution_deadline_s {
        let message = format!(
            "contributions ended at {} s, it is {} s",
            task.contribution_deadline_s, head.timestamp_s
        );
        return Err(Halt::aborted(Cause::CONTRIBUTION_TIMEOUT, message));
    }
    if contribution.status != ContributionStatus::Unset {
        return Err(Halt::failed(
            Cause::CONTRIBUTION_ALREADY_SET,
            format!("{me} contributed to this task before"),
        ));
    }
    let (challenge, sign) = (assign.enclave_challenge, &assign.authorization);
    authorized(ctx, assign.task, challenge, sign, deal.workerpool.owner).await?;
    match assign.settlement {
        Settlement::OneStep => one_step(&deal, &task)?,
        Settlement::CommitReveal => ctx.purse.can_stake(ctx, deal.worker_stake).await?,
    }
    ctx.purse.can_pay(ctx, assign.settlement).await?;
    Ok(Terms { deal, task })
}

/// Whether the deal is one that this worker can serve for this pool.
fn describe(workerpool: Address, enclaves: bool, assign: &Assign, deal: &Deal) -> Result<(), Halt> {
    let invalid = |message: String| Err(Halt::failed(Cause::TASK_DESCRIPTION_INVALID, message));
    if deal.workerpool.pointer != workerpool {
        return invalid(format!(
            "the deal is of workerpool {}, not of {workerpool}",
            deal.workerpool.pointer
        ));
    }
    if !deal.covers(U256::from(assign.index)) {
        return invalid(format!("the deal has no task {}", assign.index));
    }
    let mut tag = deal.tag;
    if tag.tee() || tag.frameworks() > 0 {
        if !enclaves {
            return Err(Halt::failed(Cause::TEE_NOT_SUPPORTED, "this worker has no enclave"));
        }
        if tag.frameworks() != 1 || !tag.contains(Tag::TEE | Tag::TDX) {
            let message = format!("enclaves of this worker serve the tag of tdx alone, not {tag:?}");
            return Err(Halt::failed(Cause::TEE_NOT_SUPPORTED, message));
        }
        tag = tag.without(Tag::TEE | Tag::TDX);
    }
    if !assign.enclave_challenge.is_zero() {
        return invalid("the pool assigned the task to an enclave that this worker did not make".to_owned());
    }
    match tag.bits().next() {
        Some(bit) => invalid(format!("this worker lacks the capability of tag bit {bit}")),
        None => Ok(()),
    }
}

/// The owner of the deal's pool must have signed for this worker and task; without that the contract refuses the
/// contribution, and the work would be for nothing.
pub(crate) async fn authorized(
    ctx: &Context,
    task: TaskId,
    challenge: Address,
    authorization: &Signature,
    owner: Address,
) -> Result<(), Halt> {
    let hash = eip191(authorization_hash(ctx.me(), task, challenge));
    let signature = authorization.as_bytes();
    if signing::recover(hash, signature) == Some(owner) {
        return Ok(());
    }
    // An owner that is a contract decides by itself (ERC-1271), which the hub asks in its view.
    let code = ctx.ask(|| async { Ok(ctx.chain.code(owner).await?) }).await?;
    let call = Hub::verifySignatureCall { account: owner, hash, signature: signature.clone() };
    if !code.is_empty() && ctx.ask(|| ctx.chain.read(ctx.hub.address(), &call)).await? {
        return Ok(());
    }
    let message = format!("the authorization is not signed by the pool owner {owner}");
    Err(Halt::failed(Cause::WORKERPOOL_AUTHORIZATION_NOT_FOUND, message))
}

fn one_step(deal: &Deal, task: &Task) -> Result<(), Halt> {
    if deal.trust != U256::from(1) {
        return Err(Halt::failed(Cause::TRUST_NOT_1, format!("the deal has trust {}", deal.trust)));
    }
    if !task.contributors.is_empty() {
        return Err(Halt::failed(Cause::TASK_ALREADY_CONTRIBUTED, "another worker contributed before"));
    }
    Ok(())
}
