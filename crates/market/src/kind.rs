//! The four kinds of orders, where the market treats them differently.

use alloy_primitives::Address;
use metacloud_book::Listing;
use metacloud_chain::Registries;
use metacloud_protocol::{Order, OrderHash, OrderKind, Signed};
use metacloud_wire::market::OrderRecord;
use metacloud_wire::orders::{
    AppOrderBody, DatasetOrderBody, OrderBody, RequestOrderBody, WorkerpoolOrderBody,
};
use metacloud_wire::{Checksummed, SafeUint, Timestamp};

use crate::records::Row;

/// Why every order that was read becomes a listing.
const NARROW: &str = "numbers of a body have at most 53 bits";

/// A kind of order.
pub(crate) trait Kind: OrderBody<Order: Order + Send + Sync> {
    /// As in messages: `apporder`.
    const NAME: &'static str;

    /// The order as the book sees it, unused and published at time zero.
    ///
    /// # Panics
    /// If a number has more than 53 bits; bodies with such numbers are not read (http-surface 4.3).
    fn listing(order: &Self::Order, hash: OrderHash, signer: Address) -> Listing;

    /// The registry that must know the asset; none for requests.
    fn registry(registries: &Registries) -> Option<Address>;
}

macro_rules! kind {
    ($body:ty, $name:literal, $registry:ident, $listing:ident) => {
        impl Kind for $body {
            const NAME: &'static str = $name;

            fn listing(order: &Self::Order, hash: OrderHash, signer: Address) -> Listing {
                Listing::$listing(order, hash, signer).expect(NARROW)
            }

            fn registry(registries: &Registries) -> Option<Address> {
                Some(registries.$registry)
            }
        }
    };
}

kind!(AppOrderBody, "apporder", app, of_app);
kind!(DatasetOrderBody, "datasetorder", dataset, of_dataset);
kind!(WorkerpoolOrderBody, "workerpoolorder", workerpool, of_workerpool);

impl Kind for RequestOrderBody {
    const NAME: &'static str = "requestorder";

    fn listing(order: &Self::Order, hash: OrderHash, _signer: Address) -> Listing {
        Listing::of_request(order, hash).expect(NARROW)
    }

    fn registry(_registries: &Registries) -> Option<Address> {
        None
    }
}

/// The name of a kind in messages.
pub(crate) const fn name(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::App => AppOrderBody::NAME,
        OrderKind::Dataset => DatasetOrderBody::NAME,
        OrderKind::Workerpool => WorkerpoolOrderBody::NAME,
        OrderKind::Request => RequestOrderBody::NAME,
    }
}

/// The listing that a row of the database stands for; `None` if its body cannot be read.
pub(crate) fn listing_of(row: &Row) -> Option<Listing> {
    fn read<K: Kind>(row: &Row) -> Option<Listing> {
        let body: K = serde_json::from_str(&row.body).ok()?;
        let Signed { order, .. } = body.to_signed();
        Some(K::listing(&order, row.hash, row.signer))
    }
    let listing = match row.kind {
        OrderKind::App => read::<AppOrderBody>(row),
        OrderKind::Dataset => read::<DatasetOrderBody>(row),
        OrderKind::Workerpool => read::<WorkerpoolOrderBody>(row),
        OrderKind::Request => read::<RequestOrderBody>(row),
    }?;
    Some(Listing {
        published_ms: row.published_ms,
        remaining: row.remaining,
        grouped: row.grouped,
        ..listing
    })
}

/// What a client sees of a row; `None` if its body cannot be read.
pub(crate) fn record_of<K: Kind>(row: &Row, chain_id: u64, with_bulk: bool) -> Option<OrderRecord<K>> {
    let body: K = serde_json::from_str(&row.body).ok()?;
    let bulk = (with_bulk && K::KIND == OrderKind::Dataset)
        .then(|| listing_of(row).is_some_and(|listing| metacloud_book::filter::is_bulk(&listing)));
    Some(OrderRecord {
        order_hash: row.hash.0,
        order: body,
        chain_id,
        remaining: SafeUint::new(row.remaining)?,
        status: row.status,
        publication_timestamp: Timestamp::from_ms(row.published_ms),
        signer: Checksummed(row.signer),
        bulk,
        keeper: row.for_keeper.then_some(true),
    })
}
