//! From the chain's events to facts.

use std::time::Duration;

use alloy_primitives::Address;
use alloy_sol_types::SolEvent as _;
use metacloud_abi::{AppRegistry, DataProtector};
use metacloud_chain::{BlockRef, CallError, ChainEvent, FollowError, HubClient, HubEvent, Log, Registries};
use metacloud_protocol::Deal;
use metacloud_protocol::params::DealParams;
use metacloud_store::StoreError;
use tokio::sync::{mpsc, watch};

use crate::records::{Asset, AssetKind, Fact, Records, What};
use crate::schema_text;

/// Events of the chain waiting.
pub(crate) const EVENTS_MAX: usize = 64;
/// First and longest pause before the chain is asked again.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Why indexing stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    #[error("the explorer was asked to stop")]
    Asked,
    #[error(transparent)]
    Chain(#[from] FollowError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The one task that writes the index.
pub(crate) struct Index {
    pub(crate) records: Records,
    pub(crate) hub: HubClient,
    pub(crate) registries: Registries,
    /// Tells schemas; none on a network without it.
    pub(crate) data_protector: Option<Address>,
    /// Number of the last block taken in.
    pub(crate) seen: watch::Sender<u64>,
}

impl Index {
    /// Works until the chain or the database fails for good.
    pub(crate) async fn run(self, mut events: mpsc::Receiver<Result<ChainEvent, FollowError>>) -> Stopped {
        while let Some(event) = events.recv().await {
            let learnt = match event {
                Ok(ChainEvent::Block { block, logs }) => self.take_block(block, logs).await,
                Ok(ChainEvent::Reverted { to }) => self.revert(to).await,
                Err(error) => return error.into(),
            };
            if let Err(error) = learnt {
                return error.into();
            }
        }
        Stopped::Asked
    }

    async fn take_block(&self, block: BlockRef, logs: Vec<Log>) -> Result<(), StoreError> {
        let mut facts = Vec::new();
        for log in &logs {
            if log.address == self.hub.address() {
                let fact = self.of_hub(log).await;
                if let Some(Fact::Deal { deal, .. }) = &fact {
                    self.assets_of(deal, log, &mut facts).await?;
                }
                facts.extend(fact);
            } else if Some(log.address) == self.data_protector {
                facts.extend(of_protector(log));
            } else if let Some(kind) = self.registry(log.address) {
                facts.extend(self.of_registry(kind, log).await);
            }
        }
        self.records.put_block(&block, &facts).await?;
        self.seen.send_replace(block.number);
        Ok(())
    }

    /// Falls back to a block.
    pub(crate) async fn revert(&self, to: BlockRef) -> Result<(), StoreError> {
        self.records.revert(&to).await?;
        let from = self.seen.send_replace(to.number);
        tracing::warn!(from, to = to.number, "the chain lost blocks; what they told is forgotten");
        Ok(())
    }

    fn registry(&self, address: Address) -> Option<AssetKind> {
        match address {
            app if app == self.registries.app => Some(AssetKind::App),
            dataset if dataset == self.registries.dataset => Some(AssetKind::Dataset),
            workerpool if workerpool == self.registries.workerpool => Some(AssetKind::Workerpool),
            _ => None,
        }
    }

    /// Assets of a deal that no log told of: those that a chain began with.
    async fn assets_of(&self, deal: &Deal, log: &Log, facts: &mut Vec<Fact>) -> Result<(), StoreError> {
        for (kind, resource) in [
            (AssetKind::App, &deal.app),
            (AssetKind::Dataset, &deal.dataset),
            (AssetKind::Workerpool, &deal.workerpool),
        ] {
            let id = resource.pointer;
            let told = |fact: &Fact| matches!(fact, Fact::Asset(asset) if asset.id == id);
            if id.is_zero() || facts.iter().any(told) || self.records.has_asset(id).await? {
                continue;
            }
            if let Some(asset) = self.asset(kind, id, log).await {
                facts.push(Fact::Asset(Box::new(asset)));
                facts.push(Fact::Owned { asset: id, log_index: log.index, owner: resource.owner });
            }
        }
        Ok(())
    }

    /// Deals and the unchanging part of tasks are asked of the chain; should their block be gone by then, the answer is
    /// that they are unknown, and the follower tells so next.
    async fn of_hub(&self, log: &Log) -> Option<Fact> {
        let event = |task, what, value| Some(Fact::TaskEvent { task, log_index: log.index, what, value });
        match HubEvent::decode(log)? {
            HubEvent::OrdersMatched { deal: id, app, dataset, workerpool, request, .. } => {
                let deal = self.ask(|| self.hub.view_deal(id)).await??;
                let bulk_cid = DealParams::read(&deal.params).params.bulk_cid;
                let orders = [app, dataset, workerpool, request];
                Some(Fact::Deal { id, deal: Box::new(deal), orders, bulk_cid, tx: log.tx_hash })
            }
            HubEvent::TaskInitialize { task: id, .. } => {
                let task = self.ask(|| self.hub.view_task(id)).await?;
                Some(Fact::Task {
                    id,
                    deal: task.deal,
                    index: task.index,
                    contribution_deadline_s: task.contribution_deadline_s,
                    final_deadline_s: task.final_deadline_s,
                })
            }
            HubEvent::TaskConsensus { task, consensus } => event(task, What::Consensus, consensus.0.to_vec()),
            HubEvent::TaskReveal { task, digest, .. } => event(task, What::Revealed, digest.0.to_vec()),
            HubEvent::TaskReopen { task } => event(task, What::Reopened, Vec::new()),
            HubEvent::TaskFinalize { task, results } => event(task, What::Finalized, results.to_vec()),
            HubEvent::TaskClaimed { task } => event(task, What::Claimed, Vec::new()),
            _ => None,
        }
    }

    /// The mint of an asset is its registration.
    async fn of_registry(&self, kind: AssetKind, log: &Log) -> Vec<Fact> {
        let Ok(moved) = AppRegistry::Transfer::decode_log_data(&log.data) else { return Vec::new() };
        let id = Address::from_word(moved.tokenId.into());
        let mut facts = vec![Fact::Owned { asset: id, log_index: log.index, owner: moved.to }];
        if moved.from.is_zero()
            && let Some(asset) = self.asset(kind, id, log).await
        {
            facts.push(Fact::Asset(Box::new(asset)));
        }
        facts
    }

    async fn asset(&self, kind: AssetKind, id: Address, log: &Log) -> Option<Asset> {
        let asset = Asset {
            id,
            kind,
            name: String::new(),
            app_type: String::new(),
            multiaddr: Vec::new(),
            checksum: Default::default(),
            mrenclave: Vec::new(),
            tx: log.tx_hash,
        };
        Some(match kind {
            AssetKind::App => {
                let app = self.ask(|| self.hub.view_app(id)).await?;
                Asset {
                    name: app.name,
                    app_type: app.app_type,
                    multiaddr: app.multiaddr.to_vec(),
                    checksum: app.checksum,
                    mrenclave: app.mrenclave.to_vec(),
                    ..asset
                }
            }
            AssetKind::Dataset => {
                let dataset = self.ask(|| self.hub.view_dataset(id)).await?;
                Asset {
                    name: dataset.m_datasetName,
                    multiaddr: dataset.m_datasetMultiaddr.to_vec(),
                    checksum: dataset.m_datasetChecksum,
                    ..asset
                }
            }
            AssetKind::Workerpool => {
                let pool = self.ask(|| self.hub.view_workerpool(id)).await?;
                Asset { name: pool.description, ..asset }
            }
        })
    }

    /// Asks the chain until it answers. `None` if the answer is a refusal that will not pass.
    async fn ask<T, F>(&self, question: impl Fn() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        let mut pause = PAUSE_MIN;
        loop {
            match question().await {
                Ok(answer) => return Some(answer),
                Err(CallError::Rpc(error)) if error.is_passing() => {
                    tracing::warn!(%error, "the chain does not answer; asking again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                Err(error) => {
                    tracing::warn!(%error, "the chain refuses an answer");
                    return None;
                }
            }
        }
    }
}

fn of_protector(log: &Log) -> Option<Fact> {
    let told = DataProtector::DatasetSchema::decode_log_data(&log.data).ok()?;
    let items = schema_text::items(&told.schema);
    Some(Fact::Schema { dataset: told.dataset, items, tx: log.tx_hash })
}
