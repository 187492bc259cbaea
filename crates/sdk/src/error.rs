//! What goes wrong for a buyer or a seller.

use std::path::PathBuf;

use alloy_primitives::{Address, U256};
use metacloud_blobs as blobs;
use metacloud_chain as chain;
use metacloud_protocol::params::InvalidParams;
use metacloud_protocol::{CategoryId, DealId, Nrlc, ResultDigest, TaskId};

/// Why something asked of the cloud did not happen. Each message names the thing and, where there is one, the
/// next step.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection to the chain.
    #[error(transparent)]
    Connect(#[from] chain::ConnectError),
    /// The key is none.
    #[error(transparent)]
    Wallet(#[from] chain::WalletError),
    /// A read of the contracts failed.
    #[error(transparent)]
    Call(#[from] chain::CallError),
    /// A transaction failed.
    #[error("{what}: {source}")]
    Send {
        /// What it was for.
        what: &'static str,
        /// Why.
        source: Box<chain::SendError>,
    },
    /// The deal can no longer be followed.
    #[error(transparent)]
    Follow(#[from] chain::FollowError),
    /// The content store cannot be used.
    #[error(transparent)]
    Store(#[from] blobs::ConnectError),
    /// An upload failed.
    #[error("upload failed: {0}")]
    Upload(#[from] blobs::Upload),
    /// A download failed.
    #[error("download failed: {0}")]
    Fetch(#[from] blobs::Fetch),
    /// A local file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Neither an address, nor a CID, nor a file.
    #[error(
        "there is no application {0}: neither a file, nor a CID, nor the address of a registered application"
    )]
    NoApp(String),
    /// A local file is longer than may be uploaded.
    #[error("{} has more than {max_bytes} bytes", path.display())]
    FileTooLong {
        /// The file.
        path: PathBuf,
        /// The bound.
        max_bytes: u64,
    },
    /// The market does not answer, or not as a market does.
    #[error("the market at {url} cannot be used: {reason}")]
    Market {
        /// Its address.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The market says no.
    #[error("the market refuses: {reason}")]
    MarketRefused {
        /// HTTP status.
        status: u16,
        /// The market's words.
        reason: String,
    },
    /// Compass does not answer, or says no.
    #[error("compass at {url} does not take the announcement: {reason}")]
    Compass {
        /// Its address.
        url: String,
        /// HTTP status; none if it does not answer.
        status: Option<u16>,
        /// What happened, or its words.
        reason: String,
    },
    /// Nobody offers what is wanted.
    #[error(
        "no pool offers category {category} with trust {trust} for {volume} tasks; try a lower trust or another category"
    )]
    NoOffer {
        /// The category wanted.
        category: CategoryId,
        /// The trust wanted.
        trust: u64,
        /// The tasks wanted.
        volume: u64,
    },
    /// A request that is left alone needs a bound.
    #[error("a request that stands at the market needs a highest price")]
    NoLimit,
    /// Nobody sells the application.
    #[error("nobody offers app {app} at the market to this account")]
    NotOnSale {
        /// The app.
        app: Address,
    },
    /// An offer of the market is not what it should be: it is not signed for.
    #[error("the market's offer does not fit the request: {reason}")]
    BadOffer {
        /// What is wrong with it.
        reason: String,
    },
    /// The best price is above what the buyer would pay.
    #[error("the best price is {price} per task, above the limit of {limit}")]
    TooDear {
        /// The best price.
        price: Nrlc,
        /// The buyer's limit.
        limit: Nrlc,
    },
    /// The account has not enough RLC.
    #[error(transparent)]
    NotEnoughRlc(Box<Shortage>),
    /// The parameters cannot be written.
    #[error(transparent)]
    Params(#[from] InvalidParams),
    /// An amount does not fit.
    #[error("{what} exceeds every amount")]
    Overflow {
        /// Which amount.
        what: &'static str,
    },
    /// A count that makes no purchase.
    #[error("a purchase has 1 to {max} tasks, not {volume}")]
    Volume {
        /// What was asked.
        volume: u64,
        /// The most in one deal here.
        max: u64,
    },
    /// There is no such deal.
    #[error("the hub knows no deal {0}")]
    NoDeal(DealId),
    /// The task has no result (yet).
    #[error("task {0} is not completed")]
    NotCompleted(TaskId),
    /// The task's result is nowhere that can be fetched from.
    #[error("the result of task {task} is not in content-addressed storage: {place}")]
    NoResult {
        /// The task.
        task: TaskId,
        /// What the chain says about it.
        place: String,
    },
    /// The result is an archive that cannot be used.
    #[error("the result of task {task}: {source}")]
    Archive {
        /// The task.
        task: TaskId,
        /// Why.
        source: blobs::archive::ArchiveError,
    },
    /// What was downloaded is not what was agreed on chain.
    #[error("the result of task {task} has digest {found}, the chain says {expected}")]
    WrongResult {
        /// The task.
        task: TaskId,
        /// The digest on chain.
        expected: ResultDigest,
        /// The digest of the download.
        found: ResultDigest,
    },
    /// Nothing can be claimed yet.
    #[error("deal {deal} can be claimed from second {from_s} on; the chain is at {now_s}")]
    TooEarly {
        /// The deal.
        deal: DealId,
        /// The final deadline.
        from_s: u64,
        /// Time of the newest block.
        now_s: u64,
    },
    /// The chain moves too fast for a consistent reading.
    #[error("the chain did not stand still for a consistent reading in {tries} tries")]
    Unsettled {
        /// Readings tried.
        tries: u32,
    },
    /// A number on chain that no real deal has.
    #[error("deal {deal} has {size} tasks, too many to follow")]
    TooManyTasks {
        /// The deal.
        deal: DealId,
        /// Its size.
        size: U256,
    },
}

/// What an account lacks to pay for something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "account {account} needs {needs} but has {stake} free in escrow and {tokens} in its wallet; send it {} more",
    self.missing()
)]
pub struct Shortage {
    /// The account.
    pub account: Address,
    /// What it would have to pay, or to stake.
    pub needs: Nrlc,
    /// Its free stake.
    pub stake: Nrlc,
    /// Its RLC outside the hub.
    pub tokens: Nrlc,
}

impl Shortage {
    /// What would have to be added.
    #[must_use]
    pub fn missing(&self) -> Nrlc {
        let has = self.stake.checked_add(self.tokens);
        has.and_then(|has| self.needs.checked_sub(has)).unwrap_or(Nrlc::ZERO)
    }
}

impl From<chain::RpcError> for Error {
    fn from(error: chain::RpcError) -> Self {
        Self::Call(error.into())
    }
}

/// Names what a transaction was for.
pub(crate) fn sending(what: &'static str) -> impl FnOnce(chain::SendError) -> Error {
    move |source| Error::Send { what, source: Box::new(source) }
}
