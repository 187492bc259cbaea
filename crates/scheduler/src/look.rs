//! Asks the chain how tasks stand, where waiting for its events is not enough: after a transaction that failed, and for
//! tasks that somebody else initialized.

use metacloud_chain::{CallError, HubClient};
use metacloud_dispatch::{ChainTime, Contributed, Event, Step};
use metacloud_protocol::{Task, TaskId, TaskStatus};

use crate::reread;

/// What the chain knows about these tasks, as the events that led there.
pub(crate) async fn look(hub: &HubClient, tasks: &[TaskId]) -> Result<Vec<Event>, CallError> {
    let mut events = Vec::new();
    for (id, task) in tasks.iter().zip(hub.view_tasks(tasks).await?) {
        if task.status == TaskStatus::Unset {
            continue;
        }
        let Ok(index) = u64::try_from(task.index) else { continue };
        events.push(Event::TaskInitialized { task: *id, deal: task.deal, index });
        match task.status {
            TaskStatus::Unset | TaskStatus::Active => events.extend(contributions(hub, *id, &task).await?),
            TaskStatus::Revealing => {
                events.extend(contributions(hub, *id, &task).await?);
            }
            TaskStatus::Completed => events.push(Event::Finalized { task: *id }),
            TaskStatus::Failed => events.push(Event::Claimed { task: *id }),
        }
    }
    Ok(events)
}

async fn contributions(hub: &HubClient, id: TaskId, task: &Task) -> Result<Vec<Event>, CallError> {
    let (mut made, mut revealed) = (Vec::new(), Vec::new());
    for Contributed { worker, hash, weight, step } in reread::contributions(hub, id, task).await? {
        match step {
            Step::Rejected => continue,
            Step::Made => {}
            Step::Revealed => revealed.push(Event::RevealSeen { task: id, worker }),
        }
        made.push(Event::ContributionSeen { task: id, worker, hash, weight });
    }
    if task.status == TaskStatus::Revealing {
        let reveal_deadline = ChainTime::from_secs(task.reveal_deadline_s);
        made.push(Event::ConsensusReached { task: id, hash: task.consensus, reveal_deadline });
    }
    made.append(&mut revealed);
    Ok(made)
}
