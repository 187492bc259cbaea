//! Blocks of the chain become events of the machine.

use std::collections::BTreeSet;
use std::time::Duration;

use alloy_primitives::{Address, U256};
use metacloud_chain::{BlockRef, ChainEvent, FollowError, Follower, HubClient, HubEvent};
use metacloud_dispatch::{
    ChainTime, DealOnChain, Dispatch, Event, Requirement, Settlement, Terms, Verification, WorkerId,
};
use metacloud_protocol::amount::Nrlc;
use metacloud_protocol::category;
use metacloud_protocol::params::DealParams;
use metacloud_protocol::{Deal, DealId, TaskId};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::warn;

use crate::enclaves::Admission;
use crate::limits;

/// What a block told, with what had to be read about it.
#[derive(Debug)]
pub(crate) enum Seen {
    /// A deal of this pool.
    Deal { deal: DealId, record: Box<Deal>, time_ref_s: u64 },
    /// Any other event of the hub.
    Event(HubEvent),
}

/// What the follower hands to the owner.
#[derive(Debug)]
pub(crate) enum FromChain {
    Block { block: BlockRef, seen: Vec<Seen> },
    Reverted { to: BlockRef },
    Ended(FollowError),
}

/// Follows the chain until the owner is gone or the chain does not go on from the cursor.
pub(crate) async fn follow(
    mut follower: Follower,
    hub: HubClient,
    workerpool: Address,
    to: mpsc::Sender<FromChain>,
) {
    loop {
        let told = match follower.next().await {
            Ok(ChainEvent::Block { block, logs }) => {
                let events = logs.iter().filter_map(HubEvent::decode);
                let mut seen = Vec::new();
                for event in events {
                    match event {
                        HubEvent::SchedulerNotice { workerpool: pool, deal } if pool == workerpool => {
                            seen.extend(read_deal(&hub, deal).await);
                        }
                        HubEvent::SchedulerNotice { .. } => {}
                        other => seen.push(Seen::Event(other)),
                    }
                }
                FromChain::Block { block, seen }
            }
            Ok(ChainEvent::Reverted { to }) => FromChain::Reverted { to },
            Err(error) => FromChain::Ended(error),
        };
        let ends = matches!(told, FromChain::Ended(_));
        if to.send(told).await.is_err() || ends {
            return;
        }
    }
}

/// Reads a deal, as often as it takes: no deal may be passed over. `None` if it is gone, which a reorganisation
/// explains.
async fn read_deal(hub: &HubClient, deal: DealId) -> Option<Seen> {
    let mut pause = limits::READ_RETRY.0;
    loop {
        let read = async {
            let Some(record) = hub.view_deal(deal).await? else { return Ok(None) };
            let category = hub.view_category(record.category).await?;
            Ok::<_, metacloud_chain::CallError>(category.map(|category| Seen::Deal {
                deal,
                time_ref_s: category.work_clock_time_ref_s,
                record: Box::new(record),
            }))
        };
        match read.await {
            Ok(seen) => return seen,
            Err(error) => {
                warn!(%deal, %error, "cannot read a deal of this pool; trying again");
                pause = wait(pause).await;
            }
        }
    }
}

pub(crate) async fn wait(pause: Duration) -> Duration {
    sleep(pause).await;
    (pause * 2).min(limits::READ_RETRY.1)
}

/// What a block means to the machine. Unknown tasks that were initialized for this pool are returned apart: they have
/// to be looked up.
pub(crate) fn translate(
    machine: &Dispatch,
    workerpool: Address,
    block: &BlockRef,
    seen: Vec<Seen>,
    admission: &Admission,
) -> (Vec<Event>, Vec<TaskId>) {
    // A task that is settled in one step reaches consensus and is revealed on the way: nobody must act on that.
    let settled: BTreeSet<_> = seen
        .iter()
        .filter_map(|seen| match seen {
            Seen::Event(HubEvent::TaskFinalize { task, .. }) => Some(*task),
            Seen::Event(_) | Seen::Deal { .. } => None,
        })
        .collect();
    let (mut events, mut unknown) = (Vec::new(), Vec::new());
    for seen in seen {
        let event = match seen {
            Seen::Deal { deal, record, time_ref_s } => deal_seen(deal, &record, time_ref_s, admission),
            Seen::Event(HubEvent::TaskInitialize { task, workerpool: pool }) if pool == workerpool => {
                match machine.place_of(task) {
                    Some(place) => {
                        Some(Event::TaskInitialized { task, deal: place.deal, index: place.index })
                    }
                    None => {
                        unknown.push(task);
                        None
                    }
                }
            }
            Seen::Event(event) => task_event(machine, block, &settled, event),
        };
        events.extend(event);
    }
    (events, unknown)
}

fn task_event(
    machine: &Dispatch,
    block: &BlockRef,
    settled: &BTreeSet<TaskId>,
    event: HubEvent,
) -> Option<Event> {
    match event {
        HubEvent::TaskContribute { task, worker, hash } if machine.knows(task) => {
            let worker = WorkerId(worker);
            let weight = machine.weight_of(worker).unwrap_or_else(new_worker_weight);
            Some(Event::ContributionSeen { task, worker, hash, weight })
        }
        HubEvent::TaskConsensus { task, consensus } if !settled.contains(&task) => {
            let time_ref_s = machine.terms_of(task)?.compute.as_secs();
            let deadline = category::reveal_deadline_s(block.timestamp_s, time_ref_s);
            let reveal_deadline = ChainTime::from_secs(deadline);
            Some(Event::ConsensusReached { task, hash: consensus, reveal_deadline })
        }
        HubEvent::TaskReveal { task, worker, .. } if machine.knows(task) && !settled.contains(&task) => {
            Some(Event::RevealSeen { task, worker: WorkerId(worker) })
        }
        HubEvent::TaskReopen { task } if machine.knows(task) => Some(Event::Reopened { task }),
        HubEvent::TaskFinalize { task, .. } if machine.knows(task) => Some(Event::Finalized { task }),
        HubEvent::TaskClaimed { task } if machine.knows(task) => Some(Event::Claimed { task }),
        _ => None,
    }
}

/// Accounts whose stake moved or whose score changed in a block.
pub(crate) fn touched(seen: &[Seen]) -> BTreeSet<Address> {
    let mut accounts = BTreeSet::new();
    for seen in seen {
        match seen {
            Seen::Event(HubEvent::Transfer { from, to, .. }) => accounts.extend([*from, *to]),
            Seen::Event(
                HubEvent::AccurateContribution { worker, .. } | HubEvent::FaultyContribution { worker, .. },
            ) => {
                accounts.insert(*worker);
            }
            Seen::Event(_) | Seen::Deal { .. } => {}
        }
    }
    accounts
}

/// Weight of a worker of which nothing is known.
pub(crate) fn new_worker_weight() -> U256 {
    metacloud_protocol::consensus::worker_weight(U256::ZERO)
}

fn deal_seen(deal: DealId, record: &Deal, time_ref_s: u64, admission: &Admission) -> Option<Event> {
    let DealOnChain { terms, first, size } = deal_on_chain(deal, record, time_ref_s, admission)?;
    Some(Event::DealSeen { deal, terms, first, size })
}

/// A deal in the machine's words.
pub(crate) fn deal_on_chain(
    deal: DealId,
    record: &Deal,
    time_ref_s: u64,
    admission: &Admission,
) -> Option<DealOnChain> {
    let (Ok(first), Ok(size)) = (u64::try_from(record.bot_first), u64::try_from(record.bot_size)) else {
        warn!(%deal, "the deal's task indexes are beyond 64 bits; it is not taken");
        return None;
    };
    Some(DealOnChain { terms: terms(record, time_ref_s, admission), first, size })
}

/// Trust 1 needs no second opinion, so the worker may settle the task alone; stakes are locked by commitments only.
fn terms(deal: &Deal, time_ref_s: u64, admission: &Admission) -> Terms {
    let one_step = deal.trust <= U256::ONE;
    Terms {
        requirement: Requirement {
            tag: deal.tag,
            stake: if one_step { Nrlc::ZERO } else { deal.worker_stake },
        },
        verification: Verification::Replication { trust: deal.trust.max(U256::ONE) },
        settlement: if one_step { Settlement::OneStep } else { Settlement::CommitReveal },
        callback: Some(deal.callback).filter(|callback| !callback.is_zero()),
        encrypted: deal.tag.tee() && DealParams::read(&deal.params).params.result_encryption,
        compute: Duration::from_secs(time_ref_s),
        contribution_deadline: ChainTime::from_secs(category::contribution_deadline_s(
            deal.start_time_s,
            time_ref_s,
        )),
        final_deadline: ChainTime::from_secs(category::final_deadline_s(deal.start_time_s, time_ref_s)),
        refused: admission.refusal(deal.tag),
    }
}
