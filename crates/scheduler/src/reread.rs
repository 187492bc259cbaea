//! Reads anew what the chain says of deals and tasks that reverted blocks told of.

use alloy_primitives::U256;
use futures::future::try_join_all;
use metacloud_chain::{CallError, HubClient};
use metacloud_dispatch::{ChainTime, Contributed, DealOnChain, Event, Step, TaskOnChain, WorkerId};
use metacloud_protocol::{Contribution, ContributionStatus, DealId, Task, TaskId, TaskStatus};
use tracing::{info, warn};

use crate::enclaves::Admission;
use crate::facts;
use crate::history::Subjects;
use crate::limits;

/// What the chain says of all these, asked as often as it takes.
pub(crate) async fn reread(hub: &HubClient, subjects: &Subjects, admission: &Admission) -> Vec<Event> {
    info!(deals = subjects.deals.len(), tasks = subjects.tasks.len(), "reading anew what lost blocks told");
    let mut pause = limits::READ_RETRY.0;
    loop {
        match read(hub, subjects, admission).await {
            Ok(events) => return events,
            Err(error) => {
                warn!(%error, "cannot read anew what lost blocks told; trying again");
                pause = facts::wait(pause).await;
            }
        }
    }
}

/// Deals first: with a deal that is gone go its tasks.
async fn read(hub: &HubClient, subjects: &Subjects, admission: &Admission) -> Result<Vec<Event>, CallError> {
    let mut events = Vec::new();
    let deals: Vec<DealId> = subjects.deals.iter().copied().collect();
    for some in deals.chunks(limits::REREAD_TOGETHER) {
        let read = some.iter().map(|id| deal(hub, *id, admission));
        for (deal, found) in some.iter().zip(try_join_all(read).await?) {
            if found.is_none() {
                info!(%deal, "a deal is gone with the block that made it; its tasks are dropped");
            }
            events.push(Event::DealReread { deal: *deal, found });
        }
    }
    let tasks: Vec<TaskId> = subjects.tasks.iter().copied().collect();
    for some in tasks.chunks(limits::REREAD_TOGETHER) {
        let found = hub.view_tasks(some).await?;
        let read = some.iter().zip(&found).map(|(id, found)| task(hub, *id, found));
        for (task, found) in some.iter().zip(try_join_all(read).await?) {
            events.push(Event::TaskReread { task: *task, found });
        }
    }
    Ok(events)
}

async fn deal(hub: &HubClient, id: DealId, admission: &Admission) -> Result<Option<DealOnChain>, CallError> {
    let Some(record) = hub.view_deal(id).await? else { return Ok(None) };
    let category = hub.view_category(record.category).await?;
    Ok(category
        .and_then(|category| facts::deal_on_chain(id, &record, category.work_clock_time_ref_s, admission)))
}

async fn task(hub: &HubClient, id: TaskId, found: &Task) -> Result<TaskOnChain, CallError> {
    Ok(match found.status {
        TaskStatus::Unset => TaskOnChain::Unset,
        TaskStatus::Active => TaskOnChain::Active { contributions: contributions(hub, id, found).await? },
        TaskStatus::Revealing => TaskOnChain::Revealing {
            hash: found.consensus,
            reveal_deadline: ChainTime::from_secs(found.reveal_deadline_s),
            contributions: contributions(hub, id, found).await?,
        },
        TaskStatus::Completed => TaskOnChain::Completed,
        TaskStatus::Failed => TaskOnChain::Failed,
    })
}

/// The contributions of a task, as they stand.
pub(crate) async fn contributions(
    hub: &HubClient,
    id: TaskId,
    task: &Task,
) -> Result<Vec<Contributed>, CallError> {
    let mut made = Vec::new();
    for &worker in &task.contributors {
        let Contribution { status, result_hash: hash, weight, .. } =
            hub.view_contribution(id, worker).await?;
        let step = match status {
            ContributionStatus::Unset => continue,
            ContributionStatus::Contributed => Step::Made,
            ContributionStatus::Proved => Step::Revealed,
            ContributionStatus::Rejected => Step::Rejected,
        };
        // The chain keeps the logarithm, rounded down: at least this much.
        let weight = facts::new_worker_weight().max(U256::ONE.saturating_shl(weight.min(255) as usize));
        made.push(Contributed { worker: WorkerId(worker), hash, weight, step });
    }
    Ok(made)
}
