//! The role: started, served, stopped.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use alloy_primitives::{Address, B256};
use metacloud_book::Book;
use metacloud_chain::{
    BlockRef, CallError, Chain, ChainEvent, FollowError, Follower, HubClient, Registries, Wallet, WalletError,
};
use metacloud_ends::limit::{Limiter, RateLimits};
use metacloud_ends::{Ended, Ends};
use metacloud_store::{Database, StoreError};
use metacloud_wire::login::{self, Challenges};
use rand::RngExt as _;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::facts::Facts;
use crate::keeper::{COMMANDS_MAX, Command, EVENTS_MAX, Keeper, Stopped};
use crate::kind;
use crate::live::{Live, NEWS_MAX, News};
use crate::matcher::{Matcher, MatcherConfig};
use crate::records::{OpenRecords, Records};
use crate::refusal::Refusal;

/// How long an answer waits for the market to have seen the newest block.
const CATCH_UP_MAX: Duration = Duration::from_secs(3);

/// What a market needs.
#[derive(Clone, Debug)]
pub struct MarketConfig {
    /// The chain on which deals are made.
    pub chain: Chain,
    /// The hub there.
    pub hub: Address,
    /// Where orders and deals are kept; of this market alone.
    pub database: Database,
    /// How often clients may ask.
    pub limits: RateLimits,
    /// The keeper that matches requests which ask for it; without, such requests are refused.
    pub matcher: Option<MatcherConfig>,
}

/// Why a market does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database belongs to a market of another hub or chain.
    #[error(
        "the market's database follows hub {found_hub} on chain {found_chain}, not {hub} on chain {chain}; give another --data-dir"
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
        "the market's database follows a chain that began with another block 0 than {genesis}; the chain was reset, so give another --data-dir"
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
    /// The keeper's key is none.
    #[error("the keeper's key cannot be used: {0}")]
    Key(#[from] WalletError),
    /// The database does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A running market. A handle: clones share it.
#[derive(Clone, Debug)]
pub struct Market(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) hub: HubClient,
    pub(crate) registries: Registries,
    pub(crate) records: Records,
    pub(crate) challenges: Challenges,
    pub(crate) limiter: Limiter,
    pub(crate) facts: Facts,
    pub(crate) live: Arc<Live>,
    /// Whether requests can be published for the keeper.
    pub(crate) has_matcher: bool,
    book: Arc<RwLock<Book>>,
    commands: mpsc::Sender<Command>,
    seen: watch::Receiver<u64>,
    stop: watch::Sender<bool>,
    ended: Ended,
}

impl Market {
    /// Opens the tables, fills the book, and follows the chain from where the last run ended.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: MarketConfig) -> Result<Self, StartError> {
        let MarketConfig { chain, hub, database, limits, matcher } = config;
        let hub = HubClient::new(chain.clone(), hub);
        let registries = hub.registries().await?;
        let genesis = chain.block(0).await.map_err(CallError::from)?.ok_or(StartError::NoGenesis)?.block;
        let records = open(database, &hub, &genesis).await?;
        let book = Arc::new(RwLock::new(fill(&records).await?));
        let (commands, commands_in) = mpsc::channel(COMMANDS_MAX);
        let (seen_out, seen) = watch::channel(records.height().await?.unwrap_or(0));
        let (touched_out, touched) = watch::channel(0);
        let (stop, stopped) = watch::channel(false);
        let (ends, ended) = metacloud_ends::channel("the market");
        let (news, news_in) = broadcast::channel(NEWS_MAX);
        let live = Arc::new(Live::new(chain.id()));
        let keeper = Keeper {
            news,
            book: book.clone(),
            records: records.clone(),
            hub: hub.clone(),
            registries,
            seen: seen_out,
            touched: touched_out,
        };
        let has_matcher = matcher.is_some();
        let matcher = match matcher {
            Some(MatcherConfig { key, standing_after }) => Some(Matcher {
                book: book.clone(),
                records: records.clone(),
                hub: hub.clone(),
                wallet: Wallet::new(chain.clone(), key.0)?,
                standing_after,
                seen: seen.clone(),
                touched,
                later_ms: HashMap::new(),
            }),
            None => None,
        };
        let known = in_common(&chain, genesis, &keeper).await?;
        let followed = vec![hub.address(), registries.app, registries.dataset, registries.workerpool];
        let follower = chain.resume(&known, followed);
        let telling = (live.clone(), news_in);
        tokio::spawn(work(keeper, matcher, telling, follower, commands_in, stopped, ends));
        let challenges = Challenges::new(login::GATEWAY);
        let limiter = Limiter::new(limits);
        let inner = Inner {
            facts: Facts::new(hub.clone()),
            live,
            hub,
            registries,
            records,
            challenges,
            limiter,
            has_matcher,
            book,
            commands,
            seen,
            stop,
            ended,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Asks the market to stop and waits until it has. Routes answer 500 from then on.
    pub async fn stop(&self) {
        self.0.stop.send_replace(true);
        self.ended().await;
    }

    /// Resolves when the market has stopped, asked to or by itself, with the reason in words. May be awaited any number
    /// of times, by a supervisor that outlives this handle.
    pub fn ended(&self) -> impl Future<Output = String> + Send + use<> {
        self.0.ended.reason()
    }

    /// The book, for a moment; never across an await.
    pub(crate) fn book(&self) -> RwLockReadGuard<'_, Book> {
        self.0.book.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn chain_id(&self) -> u64 {
        self.0.hub.chain().id()
    }

    /// Waits until the block that the chain now calls its newest is taken in, so that whoever has seen a receipt
    /// finds its effects here (http-surface 14). On a chain that runs ahead it gives up after a moment.
    pub(crate) async fn catch_up(&self) -> Result<(), Refusal> {
        // A stopped market has nothing to catch up with and would answer from the past for ever.
        if self.0.ended.is_told() {
            return Err(Refusal::Stopping);
        }
        let chain = self.0.hub.chain();
        let head = chain.head().await?.number.saturating_sub(chain.confirmations());
        let mut seen = self.0.seen.clone();
        let waited = tokio::time::timeout(CATCH_UP_MAX, seen.wait_for(|seen| *seen >= head)).await;
        match waited {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Refusal::Stopping),
            Err(_) => {
                tracing::warn!(head, "answering before the newest block is taken in");
                Ok(())
            }
        }
    }

    pub(crate) async fn command<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, Refusal>>) -> Command,
    ) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.0.commands.send(command(reply)).await.map_err(|_| Refusal::Stopping)?;
        answer.await.map_err(|_| Refusal::Stopping)?
    }
}

/// The keeper and its follower, until one of them ends or all are asked to.
async fn work(
    keeper: Keeper,
    matcher: Option<Matcher>,
    (live, news): (Arc<Live>, broadcast::Receiver<News>),
    mut follower: Follower,
    commands: mpsc::Receiver<Command>,
    mut stop: watch::Receiver<bool>,
    ends: Ends,
) {
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
        stopped = keeper.run(commands, events) => stopped,
        error = matching(matcher) => Stopped::Store(error),
        () = live.run(news) => Stopped::Asked,
        _ = stop.wait_for(|stop| *stop) => Stopped::Asked,
    };
    follow.abort();
    live.close().await;
    match &reason {
        Stopped::Asked => tracing::info!("market stopped"),
        Stopped::Chain(error) => tracing::error!(%error, "market stopped"),
        Stopped::Store(error) => tracing::error!(%error, "market stopped"),
    }
    ends.tell(reason.to_string());
}

/// The matcher, if there is one; else nothing for ever.
async fn matching(matcher: Option<Matcher>) -> StoreError {
    match matcher {
        Some(matcher) => matcher.run().await,
        None => std::future::pending().await,
    }
}

async fn fill(records: &Records) -> Result<Book, StoreError> {
    let mut book = Book::seeded(rand::rng().random());
    for row in records.open_orders().await? {
        let damaged = || StoreError::Damaged(format!("order {} cannot be read", row.hash));
        let listing = kind::listing_of(&row).ok_or_else(damaged)?;
        if let Err(error) = book.shelf_mut(row.kind).insert(listing) {
            tracing::error!(order = %row.hash, %error, "an open order does not enter the book");
        }
    }
    Ok(book)
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

/// Blocks that the market took in and the chain still has, oldest first, block 0 always; none before the first. What
/// the market learnt from others, which a chain that was damaged or reorganised does not have any more, is undone.
async fn in_common(chain: &Chain, genesis: BlockRef, keeper: &Keeper) -> Result<Vec<BlockRef>, StartError> {
    let Some(height) = keeper.records.height().await? else { return Ok(Vec::new()) };
    let mut known = keeper.records.seen_blocks().await?;
    known.retain(|block| block.number > 0);
    known.insert(0, genesis);
    let last = chain.newest_of(&known).await.map_err(CallError::from)?.unwrap_or(genesis);
    if last.number < height {
        keeper.revert(last).await?;
    }
    known.retain(|block| block.number <= last.number);
    Ok(known)
}
