//! Orders that clients publish, many at once: one read, one transaction, one change of the book. Nobody is answered before
//! the order is kept.

use std::collections::{HashMap, HashSet};

use alloy_primitives::Address;
use metacloud_book::{Book, LISTINGS_MAX, Listing};
use metacloud_protocol::{OrderHash, OrderKind};
use metacloud_store::StoreError;
use metacloud_wire::market::{OPEN_ORDERS_MAX, OrderStatus};
use tokio::sync::oneshot;

use super::{Keeper, too_many};
use crate::live::News;
use crate::records::Row;
use crate::refusal::Refusal;

/// An order whose checks against the chain passed, and who waits for it.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) row: Row,
    pub(crate) listing: Box<Listing>,
    pub(crate) reply: oneshot::Sender<Result<Row, Refusal>>,
}

/// What a group of orders adds to the book before it is there.
#[derive(Default)]
struct Added {
    hashes: HashSet<OrderHash>,
    by_signer: HashMap<(OrderKind, Address), usize>,
    by_kind: HashMap<OrderKind, usize>,
}

impl Keeper {
    /// Takes a group of orders, each as far as its rules allow.
    pub(super) async fn publish(&self, group: Vec<Publication>) {
        match self.take_group(group).await {
            Ok(taken) => {
                for (publication, published) in taken {
                    // A client that went away needs no answer.
                    drop(publication.send(published));
                }
            }
            Err(error) => tracing::error!(%error, "published orders could not be kept"),
        }
    }

    /// The answers of a group. If it cannot be kept at all, everyone who waits learns by the loss of the answer.
    async fn take_group(&self, group: Vec<Publication>) -> Result<Answers, StoreError> {
        let hashes: Vec<OrderHash> = group.iter().map(|publication| publication.row.hash).collect();
        let known: HashMap<OrderHash, Row> =
            self.records.orders(&hashes).await?.into_iter().map(|row| (row.hash, row)).collect();
        let (mut answers, mut taken, mut added) = (Answers::new(), Vec::new(), Added::default());
        for Publication { mut row, mut listing, reply } in group {
            let allowed = match known.get(&row.hash) {
                Some(known) if known.status == OrderStatus::Dead => {
                    // A dead order comes back with its old time.
                    row.published_ms = known.published_ms;
                    listing.published_ms = known.published_ms;
                    self.with_book(|book| added.admit(book, &row))
                }
                Some(_) => Err(Refusal::rule("order already published")),
                None => self.with_book(|book| added.admit(book, &row)),
            };
            match allowed {
                Ok(()) => taken.push(Publication { row, listing, reply }),
                Err(refusal) => answers.push((reply, Err(refusal))),
            }
        }
        if taken.is_empty() {
            return Ok(answers);
        }
        let rows: Vec<Row> = taken.iter().map(|publication| publication.row.clone()).collect();
        self.records.put_orders(&rows).await?;
        self.with_book(|book| {
            for Publication { row, listing, .. } in &taken {
                let entered = book.shelf_mut(row.kind).insert((**listing).clone());
                // This task alone changes the book, and it has just looked.
                entered.expect("an order that is new and not used up enters a book with room");
            }
        });
        for row in &rows {
            self.tell(News::Published(row.clone()));
        }
        // What happened on chain since they were checked: told to nobody who knew the orders.
        let volumes = self.volumes(&rows).await;
        self.change(&volumes).await?;
        self.touch();
        answers.extend(taken.into_iter().map(|Publication { row, reply, .. }| (reply, Ok(row))));
        Ok(answers)
    }
}

type Answers = Vec<(oneshot::Sender<Result<Row, Refusal>>, Result<Row, Refusal>)>;

impl Added {
    /// Checks 3 and 6, and that there is room, counting what the group has added already.
    fn admit(&mut self, book: &Book, row: &Row) -> Result<(), Refusal> {
        if self.hashes.contains(&row.hash) {
            return Err(Refusal::rule("order already published"));
        }
        let shelf = book.shelf(row.kind);
        let theirs = self.by_signer.entry((row.kind, row.signer)).or_default();
        if shelf.count_signed_by(row.signer) + *theirs >= OPEN_ORDERS_MAX {
            return Err(too_many(row.kind, row.signer));
        }
        let of_kind = self.by_kind.entry(row.kind).or_default();
        if shelf.len() + *of_kind >= LISTINGS_MAX {
            return Err(Refusal::rule(metacloud_book::Insert::Full.to_string()));
        }
        *theirs += 1;
        *of_kind += 1;
        self.hashes.insert(row.hash);
        Ok(())
    }
}
