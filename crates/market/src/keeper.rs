//! The one task that changes orders: it is told by clients what they publish and take back, and by the chain what
//! became of orders and assets. Whatever it changes is in the database before it is in the book.

mod blocks;
mod publish;

pub(crate) use publish::Publication;

use std::sync::{Arc, PoisonError, RwLock};

use alloy_primitives::Address;
use metacloud_book::{Book, Listing};
use metacloud_chain::{ChainEvent, FollowError, HubClient, Registries};
use metacloud_protocol::{OrderHash, OrderKind};
use metacloud_store::StoreError;
use metacloud_wire::market::OPEN_ORDERS_MAX;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::kind;
use crate::live::News;
use crate::records::Records;
use crate::refusal::Refusal;

/// Commands waiting.
pub(crate) const COMMANDS_MAX: usize = 256;
/// Events of the chain waiting.
pub(crate) const EVENTS_MAX: usize = 64;

/// What a client wants changed.
#[derive(Debug)]
pub(crate) enum Command {
    /// Take an order.
    Publish(Publication),
    /// Take orders of `signer` back.
    Unpublish {
        kind: OrderKind,
        signer: Address,
        target: Target,
        reply: oneshot::Sender<Result<Vec<OrderHash>, Refusal>>,
    },
}

/// Which orders are taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    One(OrderHash),
    /// Newest open order for a resource.
    Last(Address),
    /// All open orders for a resource.
    All(Address),
}

/// Why the keeper stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    #[error("the market was asked to stop")]
    Asked,
    #[error(transparent)]
    Chain(#[from] FollowError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(crate) struct Keeper {
    pub(crate) book: Arc<RwLock<Book>>,
    pub(crate) records: Records,
    pub(crate) hub: HubClient,
    pub(crate) registries: Registries,
    /// Number of the last block taken in.
    pub(crate) seen: watch::Sender<u64>,
    /// Counts changes of the book.
    pub(crate) touched: watch::Sender<u64>,
    /// What clients are told.
    pub(crate) news: broadcast::Sender<News>,
}

impl Keeper {
    /// Works until the chain or the database fails for good, or nobody can send commands any more.
    pub(crate) async fn run(
        self,
        mut commands: mpsc::Receiver<Command>,
        mut events: mpsc::Receiver<Result<ChainEvent, FollowError>>,
    ) -> Stopped {
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => {
                        let mut together = vec![command];
                        while together.len() < COMMANDS_MAX && let Ok(next) = commands.try_recv() {
                            together.push(next);
                        }
                        self.obey(together).await;
                    }
                    None => return Stopped::Asked,
                },
                event = events.recv() => match event {
                    Some(Ok(event)) => if let Err(error) = self.learn(event).await {
                        return error.into();
                    },
                    Some(Err(error)) => return error.into(),
                    None => return Stopped::Asked,
                },
            }
        }
    }

    /// The book, to change it for a moment.
    fn with_book<T>(&self, change: impl FnOnce(&mut Book) -> T) -> T {
        change(&mut self.book.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells clients what is kept; without any, nobody.
    fn tell(&self, news: News) {
        // An error means that nobody listens.
        drop(self.news.send(news));
    }

    /// Tells whoever waits for it that the book is another.
    fn touch(&self) {
        self.touched.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Does what clients want, in the order in which they said so; orders published one after the other together.
    async fn obey(&self, commands: Vec<Command>) {
        let mut group = Vec::new();
        for command in commands {
            match command {
                Command::Publish(publication) => group.push(publication),
                Command::Unpublish { kind, signer, target, reply } => {
                    self.publish(std::mem::take(&mut group)).await;
                    let unpublished = self.unpublish(kind, signer, target).await;
                    // A client that went away needs no answer.
                    drop(reply.send(unpublished));
                }
            }
        }
        self.publish(group).await;
    }

    async fn unpublish(
        &self,
        kind: OrderKind,
        signer: Address,
        target: Target,
    ) -> Result<Vec<OrderHash>, Refusal> {
        let found = self.with_book(|book| taken_back(book, kind, signer, target))?;
        self.records.delete_orders(&found).await?;
        let listings: Vec<Listing> = self.with_book(|book| {
            let shelf = book.shelf_mut(kind);
            found.iter().filter_map(|hash| shelf.remove(*hash)).collect()
        });
        for hash in &found {
            self.tell(News::Unpublished(kind, *hash));
        }
        self.reconsider_requests(&listings).await?;
        Ok(found)
    }
}

/// Check 6: the signer has not too many open orders.
pub(crate) fn quota(book: &Book, kind: OrderKind, signer: Address) -> Result<(), Refusal> {
    if book.shelf(kind).count_signed_by(signer) < OPEN_ORDERS_MAX {
        return Ok(());
    }
    Err(too_many(kind, signer))
}

fn too_many(kind: OrderKind, signer: Address) -> Refusal {
    let kind = kind::name(kind);
    Refusal::rule(format!(
        "maximum of {OPEN_ORDERS_MAX} published open {kind} has been reached for wallet {signer}"
    ))
}

/// The open orders that a client takes back, newest first.
fn taken_back(
    book: &Book,
    kind: OrderKind,
    signer: Address,
    target: Target,
) -> Result<Vec<OrderHash>, Refusal> {
    let (name, shelf) = (kind::name(kind), book.shelf(kind));
    let (resource, last) = match target {
        Target::One(hash) => {
            let listing = shelf.get(hash);
            let listing = listing
                .ok_or_else(|| Refusal::rule(format!("{name} with orderHash {hash} is not published")))?;
            if listing.signer != signer {
                let owner = listing.signer;
                return Err(Refusal::rule(format!("only order signer {owner} can unpublish an order")));
            }
            return Ok(vec![hash]);
        }
        Target::Last(resource) => (resource, true),
        Target::All(resource) => (resource, false),
    };
    let mut found: Vec<&Listing> =
        shelf.of_resource(resource).filter(|listing| listing.signer == signer).collect();
    found.sort_by_key(|listing| (std::cmp::Reverse(listing.published_ms), listing.hash));
    if last {
        found.truncate(1);
    }
    if found.is_empty() {
        let field = match kind {
            OrderKind::App => "app",
            OrderKind::Dataset => "dataset",
            OrderKind::Workerpool => "workerpool",
            OrderKind::Request => "requester",
        };
        return Err(Refusal::rule(format!(
            "no open {name} published by signer {signer} for {field} {resource}"
        )));
    }
    Ok(found.into_iter().map(|listing| listing.hash).collect())
}
