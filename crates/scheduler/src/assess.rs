//! Reads score and deposit of workers.

use alloy_primitives::{Address, U256};
use futures::future::try_join_all;
use metacloud_chain::{CallError, HubClient};
use metacloud_dispatch::WorkerId;
use metacloud_protocol::Nrlc;
use metacloud_protocol::consensus::worker_weight;

/// What the chain says of a worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) worker: WorkerId,
    /// Weight of its next contribution.
    pub(crate) weight: U256,
    /// Free deposit.
    pub(crate) deposit: Nrlc,
}

/// Reads the standing of workers, in one batch and a few single calls.
pub(crate) async fn assess(hub: &HubClient, workers: &[Address]) -> Result<Vec<Standing>, CallError> {
    let accounts = hub.view_accounts(workers);
    let scores = try_join_all(workers.iter().map(|worker| hub.view_score(*worker)));
    let (accounts, scores) = futures::try_join!(accounts, scores)?;
    let standings = workers.iter().zip(accounts).zip(scores).map(|((worker, account), score)| Standing {
        worker: WorkerId(*worker),
        weight: worker_weight(score),
        deposit: account.stake,
    });
    Ok(standings.collect())
}
