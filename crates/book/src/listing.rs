//! An open order as the book sees it.

use alloy_primitives::{Address, U256};
use metacloud_protocol::{AppOrder, DatasetOrder, OrderHash, OrderKind, RequestOrder, Tag, WorkerpoolOrder};

/// A number of an order has more than 64 bits, so that the book cannot hold it. A market refuses such orders at its
/// border already (http-surface 4.3: 2^53 - 1 at most).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a number of the order has more than 64 bits")]
pub struct Oversized;

/// An open order, whatever its kind. The four parties are either what the order is about (an app in an app
/// order) or whom it is restricted to (an app in a workerpool order; zero for anyone).
///
/// Its numbers have 64 bits: a million listings are to be compared, and memory is what that costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Which of the four.
    pub kind: OrderKind,
    /// The order hash.
    pub hash: OrderHash,
    /// Who signed it.
    pub signer: Address,
    /// When it was published, milliseconds since the epoch.
    pub published_ms: u64,
    /// Tasks that it can still serve; never zero in a book.
    pub remaining: u64,
    /// Tasks that it could serve at first.
    pub volume: u64,
    /// Price per task in nRLC; of a request, the highest price for the computation.
    pub price_nrlc: u64,
    /// Capabilities needed or on offer.
    pub tag: Tag,
    /// Category; zero where the kind has none.
    pub category: u64,
    /// Trust; zero where the kind has none.
    pub trust: u64,
    /// App, or restriction to apps.
    pub app: Address,
    /// Dataset, or restriction to datasets.
    pub dataset: Address,
    /// Workerpool, or restriction to workerpools.
    pub workerpool: Address,
    /// Requester, or restriction to requesters.
    pub requester: Address,
    /// Of a request; zero otherwise.
    pub beneficiary: Address,
    /// Whether a restriction is a group contract (ERC-734), so that membership has to be asked for.
    pub grouped: bool,
}

/// Price, then time, then hash: the order in which offers are taken. Requests rank by the highest bid first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank {
    price: u64,
    published_ms: u64,
    /// The order.
    pub hash: OrderHash,
}

impl Listing {
    fn new(kind: OrderKind, hash: OrderHash, signer: Address, volume: U256) -> Result<Self, Oversized> {
        let volume = narrow(volume)?;
        Ok(Self {
            kind,
            hash,
            signer,
            published_ms: 0,
            remaining: volume,
            volume,
            price_nrlc: 0,
            tag: Tag::NONE,
            category: 0,
            trust: 0,
            app: Address::ZERO,
            dataset: Address::ZERO,
            workerpool: Address::ZERO,
            requester: Address::ZERO,
            beneficiary: Address::ZERO,
            grouped: false,
        })
    }

    /// An app order, unused and published at time zero.
    ///
    /// # Errors
    /// [`Oversized`].
    pub fn of_app(order: &AppOrder, hash: OrderHash, signer: Address) -> Result<Self, Oversized> {
        Ok(Self {
            price_nrlc: narrow(order.appprice)?,
            tag: Tag(order.tag),
            app: order.app,
            dataset: order.datasetrestrict,
            workerpool: order.workerpoolrestrict,
            requester: order.requesterrestrict,
            ..Self::new(OrderKind::App, hash, signer, order.volume)?
        })
    }

    /// A dataset order, unused and published at time zero.
    ///
    /// # Errors
    /// [`Oversized`].
    pub fn of_dataset(order: &DatasetOrder, hash: OrderHash, signer: Address) -> Result<Self, Oversized> {
        Ok(Self {
            price_nrlc: narrow(order.datasetprice)?,
            tag: Tag(order.tag),
            app: order.apprestrict,
            dataset: order.dataset,
            workerpool: order.workerpoolrestrict,
            requester: order.requesterrestrict,
            ..Self::new(OrderKind::Dataset, hash, signer, order.volume)?
        })
    }

    /// A workerpool order, unused and published at time zero.
    ///
    /// # Errors
    /// [`Oversized`].
    pub fn of_workerpool(
        order: &WorkerpoolOrder,
        hash: OrderHash,
        signer: Address,
    ) -> Result<Self, Oversized> {
        Ok(Self {
            price_nrlc: narrow(order.workerpoolprice)?,
            tag: Tag(order.tag),
            category: narrow(order.category)?,
            trust: narrow(order.trust)?,
            app: order.apprestrict,
            dataset: order.datasetrestrict,
            workerpool: order.workerpool,
            requester: order.requesterrestrict,
            ..Self::new(OrderKind::Workerpool, hash, signer, order.volume)?
        })
    }

    /// A request order, unused and published at time zero; its signer is its requester.
    ///
    /// # Errors
    /// [`Oversized`].
    pub fn of_request(order: &RequestOrder, hash: OrderHash) -> Result<Self, Oversized> {
        Ok(Self {
            price_nrlc: narrow(order.workerpoolmaxprice)?,
            tag: Tag(order.tag),
            category: narrow(order.category)?,
            trust: narrow(order.trust)?,
            app: order.app,
            dataset: order.dataset,
            workerpool: order.workerpool,
            requester: order.requester,
            beneficiary: order.beneficiary,
            ..Self::new(OrderKind::Request, hash, order.requester, order.volume)?
        })
    }

    /// Its place among the orders of its kind.
    pub fn rank(&self) -> Rank {
        let price = match self.kind {
            OrderKind::App | OrderKind::Dataset | OrderKind::Workerpool => self.price_nrlc,
            OrderKind::Request => u64::MAX - self.price_nrlc,
        };
        Rank { price, published_ms: self.published_ms, hash: self.hash }
    }

    /// The asset that is sold, or the requester.
    pub const fn resource(&self) -> Address {
        match self.kind {
            OrderKind::App => self.app,
            OrderKind::Dataset => self.dataset,
            OrderKind::Workerpool => self.workerpool,
            OrderKind::Request => self.requester,
        }
    }

    /// Those of the four parties to whom the order is restricted, zero for anyone.
    pub const fn restrictions(&self) -> [Address; 3] {
        match self.kind {
            OrderKind::App => [self.dataset, self.workerpool, self.requester],
            OrderKind::Dataset => [self.app, self.workerpool, self.requester],
            OrderKind::Workerpool => [self.app, self.dataset, self.requester],
            OrderKind::Request => [self.workerpool, Address::ZERO, Address::ZERO],
        }
    }
}

fn narrow(number: U256) -> Result<u64, Oversized> {
    u64::try_from(number).map_err(|_| Oversized)
}
