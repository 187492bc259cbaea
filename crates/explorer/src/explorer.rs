//! The role: started, served, stopped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256};
use metacloud_blobs::BlobClient;
use metacloud_chain::{BlockRef, CallError, Chain, ChainEvent, FollowError, Follower, HubClient};
use metacloud_ends::{Ended, Ends};
use metacloud_store::{Database, StoreError};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::bulk::Bulk;
use crate::index::{EVENTS_MAX, Index, Stopped};
use crate::records::{OpenRecords, Records};

/// How long an answer waits for the index to have seen the newest block.
const CATCH_UP_MAX: Duration = Duration::from_secs(3);

/// What an explorer needs.
#[derive(Debug)]
pub struct ExplorerConfig {
    /// The chain that is indexed.
    pub chain: Chain,
    /// The hub there.
    pub hub: Address,
    /// The contract that tells schemas of datasets; none on a network without it.
    pub data_protector: Option<Address>,
    /// Where content of bulk deals is fetched from.
    pub storage: BlobClient,
    /// The index; of this explorer alone.
    pub database: Database,
    /// Applications known by a name, for compass.
    pub iapps: BTreeMap<String, Address>,
}

/// Why an explorer does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database belongs to an explorer of another hub or chain.
    #[error(
        "the explorer's database follows hub {found_hub} on chain {found_chain}, not {hub} on chain {chain}; give another --data-dir"
    )]
    OtherHub {
        /// Chain wanted.
        chain: u64,
        /// Hub wanted.
        hub: Address,
        /// Chain found.
        found_chain: u64,
        /// Hub found.
        found_hub: Address,
    },
    /// The chain began anew since the database was written.
    #[error(
        "the explorer's database follows a chain that began with another block 0 than {genesis}; the chain was reset, so give another --data-dir"
    )]
    OtherChain {
        /// Hash of block 0 of this chain.
        genesis: B256,
    },
    /// The chain has no blocks.
    #[error("the chain has no block 0")]
    NoGenesis,
    /// There is no hub at the address, or the chain does not answer.
    #[error("the hub cannot be read: {0}")]
    Hub(#[from] CallError),
    /// The database does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A running explorer. A handle: clones share it.
#[derive(Clone, Debug)]
pub struct Explorer(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) hub: HubClient,
    pub(crate) workerpools: Address,
    pub(crate) records: Records,
    pub(crate) storage: BlobClient,
    pub(crate) bulk: Bulk,
    pub(crate) iapps: BTreeMap<String, Address>,
    pub(crate) seen: watch::Receiver<u64>,
    stop: watch::Sender<bool>,
    ended: Ended,
}

impl Explorer {
    /// Opens the index and follows the chain from where the last run ended.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: ExplorerConfig) -> Result<Self, StartError> {
        let ExplorerConfig { chain, hub, data_protector, storage, database, iapps } = config;
        let hub = HubClient::new(chain.clone(), hub);
        let registries = hub.registries().await?;
        let genesis = chain.block(0).await.map_err(CallError::from)?.ok_or(StartError::NoGenesis)?.block;
        let records = open(database, &hub, &genesis).await?;
        let (seen_out, seen) = watch::channel(records.height().await?.unwrap_or(0));
        let (stop, stopped) = watch::channel(false);
        let (ends, ended) = metacloud_ends::channel("the explorer");
        let index =
            Index { records: records.clone(), hub: hub.clone(), registries, data_protector, seen: seen_out };
        let known = in_common(&chain, genesis, &index).await?;
        let mut followed = vec![hub.address(), registries.app, registries.dataset, registries.workerpool];
        followed.extend(data_protector);
        tokio::spawn(work(index, chain.resume(&known, followed), stopped, ends));
        let workerpools = registries.workerpool;
        Ok(Self(Arc::new(Inner {
            hub,
            workerpools,
            records,
            storage,
            bulk: Bulk::default(),
            iapps,
            seen,
            stop,
            ended,
        })))
    }

    /// Asks the explorer to stop and waits until it has.
    pub async fn stop(&self) {
        self.0.stop.send_replace(true);
        self.ended().await;
    }

    /// Resolves when the explorer has stopped, asked to or by itself, with the reason in words. May be awaited any number
    /// of times, by a supervisor that outlives this handle.
    pub fn ended(&self) -> impl Future<Output = String> + Send + use<> {
        self.0.ended.reason()
    }

    pub(crate) fn chain_id(&self) -> u64 {
        self.0.hub.chain().id()
    }

    /// Waits until the block that the chain now calls its newest is taken in, so that whoever has seen a receipt finds
    /// its effects here. On a chain that runs ahead it gives up after a moment.
    pub(crate) async fn catch_up(&self) -> Result<(), Unready> {
        if self.0.ended.is_told() {
            return Err(Unready::Stopping);
        }
        let chain = self.0.hub.chain();
        let head = chain.head().await.map_err(CallError::from)?.number.saturating_sub(chain.confirmations());
        let mut seen = self.0.seen.clone();
        match tokio::time::timeout(CATCH_UP_MAX, seen.wait_for(|seen| *seen >= head)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Unready::Stopping),
            Err(_) => {
                tracing::warn!(head, "answering before the newest block is taken in");
                Ok(())
            }
        }
    }
}

/// Why nothing can be answered now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unready {
    #[error("the explorer is stopping")]
    Stopping,
    #[error("the chain does not answer: {0}")]
    Chain(#[from] CallError),
    #[error("the database does not answer: {0}")]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for Unready {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The index and its follower, until one of them ends or both are asked to.
async fn work(index: Index, mut follower: Follower, mut stop: watch::Receiver<bool>, ends: Ends) {
    let (events_out, events) = mpsc::channel(EVENTS_MAX);
    let follow: JoinHandle<()> = tokio::spawn(async move {
        loop {
            let event: Result<ChainEvent, FollowError> = follower.next().await;
            let last = event.is_err();
            if events_out.send(event).await.is_err() || last {
                return;
            }
        }
    });
    let reason = tokio::select! {
        stopped = index.run(events) => stopped,
        _ = stop.wait_for(|stop| *stop) => Stopped::Asked,
    };
    follow.abort();
    match &reason {
        Stopped::Asked => tracing::info!("explorer stopped"),
        Stopped::Chain(error) => tracing::error!(%error, "explorer stopped"),
        Stopped::Store(error) => tracing::error!(%error, "explorer stopped"),
    }
    ends.tell(reason.to_string());
}

async fn open(database: Database, hub: &HubClient, genesis: &BlockRef) -> Result<Records, StartError> {
    let (chain, address) = (hub.chain().id(), hub.address());
    let opened = Records::open(database, chain, address, genesis).await;
    opened.map_err(|error| match error {
        OpenRecords::OtherHub { found_chain, found_hub } => {
            StartError::OtherHub { chain, hub: address, found_chain, found_hub }
        }
        OpenRecords::OtherGenesis => StartError::OtherChain { genesis: genesis.hash },
        OpenRecords::Store(error) => error.into(),
    })
}

/// Blocks that the index took in and the chain still has, oldest first, block 0 always; none before the first. What
/// others told is forgotten.
async fn in_common(chain: &Chain, genesis: BlockRef, index: &Index) -> Result<Vec<BlockRef>, StartError> {
    let Some(height) = index.records.height().await? else { return Ok(Vec::new()) };
    let mut known = index.records.seen_blocks().await?;
    known.retain(|block| block.number > 0);
    known.insert(0, genesis);
    let last = chain.newest_of(&known).await.map_err(CallError::from)?.unwrap_or(genesis);
    if last.number < height {
        index.revert(last).await?;
    }
    known.retain(|block| block.number <= last.number);
    Ok(known)
}
