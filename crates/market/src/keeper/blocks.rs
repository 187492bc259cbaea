//! What blocks do to orders (http-surface 4.9). Everything here may be repeated without harm: it asks what is true
//! now rather than counting.

use std::collections::BTreeSet;
use std::time::Duration;

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolEvent as _;
use futures::future::join_all;
use metacloud_abi::AppRegistry;
use metacloud_book::{Filter, Listing, Wanted};
use metacloud_chain::{BlockRef, CallError, ChainEvent, HubEvent, Log};
use metacloud_protocol::{Deal, Nrlc, OrderHash, OrderKind, Resource};
use metacloud_store::StoreError;
use metacloud_wire::market::{DealRecord, OrderStatus, ResourceView};
use metacloud_wire::orders::{OrderBody as _, RequestOrderBody};
use metacloud_wire::{Checksummed, SafeUint, Timestamp};

use super::Keeper;
use crate::checks;
use crate::kind;
use crate::live::News;
use crate::records::{Ahead, Change, Row, carried};

/// First and longest pause before the chain is asked again.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Questions that are on their way to the chain at the same time.
const CALLS_AT_ONCE: usize = 16;
/// Orders that share one look at the chain's head after a reversion.
const ASKED_TOGETHER: usize = 64;

/// What the chain said about the volumes of orders.
#[derive(Default)]
pub(super) struct Volumes {
    pub(super) changes: Vec<Change>,
    pub(super) ahead: Ahead,
}

/// What the logs of a block say, sorted by whom it concerns.
#[derive(Default)]
struct Told {
    matched: Vec<(Log, HubEvent)>,
    closed: Vec<OrderHash>,
    /// Assets that changed hands, with their former owners.
    moved: Vec<(OrderKind, Address, Address)>,
    /// Accounts whose stake went down.
    poorer: BTreeSet<Address>,
}

impl Keeper {
    pub(super) async fn learn(&self, event: ChainEvent) -> Result<(), StoreError> {
        match event {
            ChainEvent::Block { block, logs } => self.take_block(block, logs).await,
            ChainEvent::Reverted { to } => self.revert(to).await,
        }
    }

    async fn take_block(&self, block: BlockRef, logs: Vec<Log>) -> Result<(), StoreError> {
        let told = self.sort(logs);
        let mut deals = Vec::new();
        let mut used: BTreeSet<OrderHash> = self.records.asked_of_others(&block).await?.into_iter().collect();
        for (log, event) in &told.matched {
            let HubEvent::OrdersMatched { app, dataset, workerpool, request, .. } = event else { continue };
            used.extend([*app, *dataset, *workerpool, *request]);
            deals.extend(self.deal(&block, log, event).await);
        }
        let mut rows = Vec::new();
        for hash in used {
            rows.extend(self.records.order(hash).await?);
        }
        let Volumes { mut changes, ahead } = self.volumes(&rows).await;
        for hash in &told.closed {
            changes.push(Change { hash: *hash, remaining: 0, status: OrderStatus::Canceled });
        }
        for (kind, asset, from) in &told.moved {
            changes.extend(self.orphaned(*kind, *asset, *from).await);
        }
        for account in &told.poorer {
            changes.extend(self.uncovered(*account).await?);
        }
        self.records.put_block(&block, &changes, &ahead, &deals).await?;
        for deal in deals {
            self.tell(News::Deal(Box::new(deal)));
        }
        let gone = self.apply(&changes).await?;
        self.reconsider_requests(&gone).await?;
        self.seen.send_replace(block.number);
        self.touch();
        Ok(())
    }

    fn sort(&self, logs: Vec<Log>) -> Told {
        let mut told = Told::default();
        for log in logs {
            if log.address == self.hub.address() {
                match HubEvent::decode(&log) {
                    Some(event @ HubEvent::OrdersMatched { .. }) => told.matched.push((log, event)),
                    Some(HubEvent::OrderClosed { order, .. }) => told.closed.push(order),
                    Some(HubEvent::Transfer { from, amount, .. }) if !from.is_zero() && !amount.is_zero() => {
                        told.poorer.insert(from);
                    }
                    _ => {}
                }
                continue;
            }
            let kind = match log.address {
                registry if registry == self.registries.app => OrderKind::App,
                registry if registry == self.registries.dataset => OrderKind::Dataset,
                registry if registry == self.registries.workerpool => OrderKind::Workerpool,
                _ => continue,
            };
            if let Ok(moved) = AppRegistry::Transfer::decode_log_data(&log.data)
                && !moved.from.is_zero()
            {
                let asset = Address::from_word(moved.tokenId.into());
                told.moved.push((kind, asset, moved.from));
            }
        }
        told
    }

    /// What is left of these orders by the chain, as far as that is news, and of which block it was asked.
    pub(super) async fn volumes(&self, rows: &[Row]) -> Volumes {
        let mut volumes = Volumes::default();
        if rows.is_empty() {
            return volumes;
        }
        let before = self.head().await;
        for some in rows.chunks(CALLS_AT_ONCE) {
            let changes = join_all(some.iter().map(|row| self.consumption(row))).await;
            volumes.changes.extend(changes.into_iter().flatten());
        }
        let after = self.head().await;
        volumes.ahead = Ahead {
            number: after.number.max(before.number),
            block: if before == after { after.hash } else { B256::ZERO },
            orders: rows.iter().map(|row| row.hash).collect(),
        };
        volumes
    }

    async fn consumption(&self, row: &Row) -> Option<Change> {
        if row.status == OrderStatus::Canceled {
            return None;
        }
        let listing = kind::listing_of(row)?;
        let consumed = self.ask(|| self.hub.view_consumed(row.hash)).await?;
        let remaining = carried(U256::from(listing.volume).saturating_sub(consumed));
        let status = match remaining {
            0 => OrderStatus::Filled,
            _ if row.status == OrderStatus::Filled => OrderStatus::Open,
            _ => row.status,
        };
        let change = Change { hash: row.hash, remaining, status };
        (change != Change { hash: row.hash, remaining: row.remaining, status: row.status }).then_some(change)
    }

    /// The newest block; one that fits nothing if the chain refuses to tell it.
    async fn head(&self) -> BlockRef {
        let none = BlockRef { number: 0, hash: B256::ZERO, timestamp_s: 0 };
        self.ask(async || Ok(self.hub.chain().head().await?)).await.unwrap_or(none)
    }

    /// Open orders for an asset that its former owner signed.
    async fn orphaned(&self, kind: OrderKind, asset: Address, from: Address) -> Vec<Change> {
        let open: Vec<Listing> = self.with_book(|book| {
            let listings = book.shelf(kind).of_resource(asset);
            listings.filter(|listing| listing.signer == from).cloned().collect()
        });
        if open.is_empty() || self.ask(|| self.hub.owner_of(asset)).await == Some(from) {
            return Vec::new();
        }
        open.iter().map(dead).collect()
    }

    /// Open orders of an account that its stake does not cover any more.
    async fn uncovered(&self, account: Address) -> Result<Vec<Change>, StoreError> {
        let (pools, requests): (Vec<Listing>, Vec<Listing>) = self.with_book(|book| {
            let pools = book.workerpools.signed_by(account).filter(|pool| pool.price_nrlc > 0);
            (pools.cloned().collect(), book.requests.signed_by(account).cloned().collect())
        });
        if pools.is_empty() && requests.is_empty() {
            return Ok(Vec::new());
        }
        let Some(account) = self.ask(|| self.hub.view_account(account)).await else {
            return Ok(Vec::new());
        };
        let covers = |pool: &&Listing| {
            !checks::pool_stake_covers(Nrlc::new(pool.price_nrlc), pool.remaining, account.stake)
        };
        let mut changes: Vec<Change> = pools.iter().filter(covers).map(dead).collect();
        for listing in &requests {
            let Some(order) = self.request(listing.hash).await? else { continue };
            let cost = checks::request_cost(&order, listing.remaining);
            if cost.is_none_or(|cost| account.stake < cost) {
                changes.push(dead(listing));
            }
        }
        Ok(changes)
    }

    /// After app and dataset orders are gone: requests for the same assets that nothing matches any more are dead.
    pub(super) async fn reconsider_requests(&self, gone: &[Listing]) -> Result<(), StoreError> {
        let mut waiting = BTreeSet::new();
        for listing in gone {
            let resource = Wanted::Exactly(listing.resource());
            let filter = match listing.kind {
                OrderKind::App => Filter { app: resource, ..Filter::default() },
                OrderKind::Dataset => Filter { dataset: resource, ..Filter::default() },
                OrderKind::Workerpool | OrderKind::Request => continue,
            };
            self.with_book(|book| waiting.extend(book.requests.select(&filter).map(|request| request.hash)));
        }
        let mut changes = Vec::new();
        for hash in waiting {
            let Some(order) = self.request(hash).await? else { continue };
            let change = self.with_book(|book| {
                let listing = book.requests.get(hash)?;
                checks::counterparts(book, &order).is_err().then(|| dead(listing))
            });
            changes.extend(change);
        }
        self.change(&Volumes { changes, ahead: Ahead::default() }).await
    }

    async fn request(&self, hash: OrderHash) -> Result<Option<metacloud_protocol::RequestOrder>, StoreError> {
        let row = self.records.order(hash).await?;
        let body = row.and_then(|row| serde_json::from_str::<RequestOrderBody>(&row.body).ok());
        Ok(body.map(|body| body.to_signed().order))
    }

    /// Keeps and applies changes that no block told.
    pub(super) async fn change(&self, volumes: &Volumes) -> Result<(), StoreError> {
        let Volumes { changes, ahead } = volumes;
        if changes.is_empty() && ahead.orders.is_empty() {
            return Ok(());
        }
        let seen_block = *self.seen.borrow();
        self.records.put_changes(seen_block, changes, ahead).await?;
        self.apply(changes).await.map(drop)
    }

    /// Brings the book to what is kept of these orders; answers those that stopped being open.
    async fn apply(&self, changes: &[Change]) -> Result<Vec<Listing>, StoreError> {
        let mut gone = Vec::new();
        for change in changes {
            let Some(row) = self.records.order(change.hash).await? else { continue };
            gone.extend(self.enter(&row));
            self.tell(News::Updated(row));
        }
        Ok(gone)
    }

    /// Puts one order into the book as its row says, or out of it.
    fn enter(&self, row: &Row) -> Option<Listing> {
        let open = row.status == OrderStatus::Open && row.remaining > 0;
        self.with_book(|book| {
            let shelf = book.shelf_mut(row.kind);
            let before = shelf.remove(row.hash);
            if !open {
                return before;
            }
            if let Some(Err(error)) = kind::listing_of(row).map(|listing| shelf.insert(listing)) {
                tracing::error!(order = %row.hash, %error, "an open order does not enter the book");
            }
            None
        })
    }

    /// Falls back to a block: undoes what later ones did, and asks the chain what is left of the orders concerned.
    pub(crate) async fn revert(&self, to: BlockRef) -> Result<(), StoreError> {
        let rows = self.records.revert(&to).await?;
        let from = self.seen.send_replace(to.number);
        tracing::warn!(
            from,
            to = to.number,
            orders = rows.len(),
            "the chain lost blocks; what they did is undone"
        );
        for row in &rows {
            self.enter(row);
            self.tell(News::Updated(row.clone()));
        }
        for rows in rows.chunks(ASKED_TOGETHER) {
            self.change(&self.volumes(rows).await).await?;
        }
        self.touch();
        Ok(())
    }

    async fn deal(&self, block: &BlockRef, log: &Log, event: &HubEvent) -> Option<DealRecord> {
        let HubEvent::OrdersMatched { deal: id, app, dataset, workerpool, request, volume } = event else {
            return None;
        };
        let deal: Deal = self.ask(|| self.hub.view_deal(*id)).await??;
        let number = |number: U256| SafeUint::new(carried(number)).unwrap_or_default();
        let view = |resource: &Resource| ResourceView {
            pointer: Checksummed(resource.pointer),
            owner: Checksummed(resource.owner),
            price: number(resource.price.0),
        };
        Some(DealRecord {
            dealid: id.0,
            chain_id: self.hub.chain().id(),
            app: view(&deal.app),
            dataset: view(&deal.dataset),
            workerpool: view(&deal.workerpool),
            requester: Checksummed(deal.requester),
            beneficiary: Checksummed(deal.beneficiary),
            callback: Checksummed(deal.callback),
            params: deal.params.clone(),
            volume: number(*volume),
            category: number(U256::from(deal.category.0)),
            trust: number(deal.trust),
            tag: deal.tag.0,
            start_time: deal.start_time_s,
            bot_first: number(deal.bot_first),
            bot_size: number(deal.bot_size),
            scheduler_reward_ratio: number(deal.scheduler_reward_ratio),
            worker_stake: number(deal.worker_stake.0),
            app_hash: app.0,
            dataset_hash: if deal.has_dataset() { dataset.0 } else { OrderHash::ZERO.0 },
            workerpool_hash: workerpool.0,
            request_hash: request.0,
            block_number: block.number,
            block_timestamp: Timestamp::from_secs(block.timestamp_s),
            transaction_hash: log.tx_hash,
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

fn dead(listing: &Listing) -> Change {
    Change { hash: listing.hash, remaining: listing.remaining, status: OrderStatus::Dead }
}
