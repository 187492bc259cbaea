//! The order book: open orders of the four kinds, their lists, and the cheapest match for a request.
//!
//! Knows: prices, times, volumes left, tags, restrictions; everything else about an order was checked before it
//! came here. Must not know: signatures, the chain, the clock, JSON. Whether a restriction is a group contract,
//! and who belongs to it, the caller says.
//!
//! - [`listing`]: an open order as the book sees it.
//! - [`filter`]: which orders a list asks for.
//! - [`shelf`]: the open orders of one kind, indexed.
//! - [`best`]: the cheapest compatible offers for a request.

pub mod best;
pub mod filter;
mod heap;
pub mod listing;
pub mod shelf;
mod slab;
mod table;

pub use best::{Best, BestRequest, Caps, NoOffer};
pub use filter::{Filter, Wanted};
pub use listing::{Listing, Oversized, Rank};
pub use shelf::{Insert, LISTINGS_MAX, Level, Shelf};

use metacloud_protocol::OrderKind;

/// The open orders of all four kinds.
#[derive(Debug)]
pub struct Book {
    /// Applications on sale.
    pub apps: Shelf,
    /// Datasets on sale.
    pub datasets: Shelf,
    /// Computing power on sale.
    pub workerpools: Shelf,
    /// Requests for executions.
    pub requests: Shelf,
}

impl Default for Book {
    fn default() -> Self {
        Self::new()
    }
}

impl Book {
    /// A book without orders, whose indexes anybody could foresee.
    pub fn new() -> Self {
        Self::seeded(0)
    }

    /// A book without orders. A seed that nobody knows keeps strangers from choosing orders whose indexes collide.
    pub fn seeded(seed: u64) -> Self {
        Self {
            apps: Shelf::new(OrderKind::App, seed),
            datasets: Shelf::new(OrderKind::Dataset, seed),
            workerpools: Shelf::new(OrderKind::Workerpool, seed),
            requests: Shelf::new(OrderKind::Request, seed),
        }
    }

    /// The orders of one kind.
    pub const fn shelf(&self, kind: OrderKind) -> &Shelf {
        match kind {
            OrderKind::App => &self.apps,
            OrderKind::Dataset => &self.datasets,
            OrderKind::Workerpool => &self.workerpools,
            OrderKind::Request => &self.requests,
        }
    }

    /// The orders of one kind, to change them.
    pub const fn shelf_mut(&mut self, kind: OrderKind) -> &mut Shelf {
        match kind {
            OrderKind::App => &mut self.apps,
            OrderKind::Dataset => &mut self.datasets,
            OrderKind::Workerpool => &mut self.workerpools,
            OrderKind::Request => &mut self.requests,
        }
    }
}
