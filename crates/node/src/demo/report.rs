//! What the demo tells while it runs and when it has ended.

use std::path::PathBuf;
use std::time::Duration;

use alloy_primitives::Address;
use metacloud_protocol::{DealId, Nrlc};
use metacloud_sdk::receipt::Receipt;
use serde::Serialize;

/// How far one tile is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TileState {
    /// Bought, nothing on chain yet.
    Waiting,
    /// At least one worker has contributed a result.
    Contributed,
    /// Enough workers agree.
    Agreed,
    /// Finalized on chain: verified and paid.
    Verified,
}

/// What happens while the demo runs, in the past tense.
#[derive(Clone, Debug)]
pub enum DemoEvent {
    /// The cloud accepts requests.
    CloudStarted {
        /// The hub's address.
        hub: Address,
        /// Workers, the liar included.
        workers: usize,
        /// The worker that lies.
        liar: Address,
    },
    /// Orders met; money and stakes are locked.
    DealMade {
        /// The deal.
        deal: DealId,
        /// Tasks of the deal, one per tile.
        tiles: usize,
        /// Trust level of the deal.
        trust: u64,
        /// Price of one tile.
        tile_price: Nrlc,
    },
    /// A tile got further.
    TileMoved {
        /// Its index, row by row.
        index: usize,
        /// How far it is now.
        state: TileState,
    },
    /// A contribution was found false when its task was finalized.
    LieFound {
        /// The tile.
        index: usize,
        /// Who lied.
        worker: Address,
    },
    /// All tiles are verified and fetched.
    TilesFetched,
    /// The direct render has ended.
    DirectRendered {
        /// Whether it equals the merged picture, pixel by pixel.
        equal: bool,
    },
}

/// What came of it.
#[derive(Debug)]
pub struct DemoReport {
    /// Tiles of the picture.
    pub tiles: usize,
    /// Tiles verified on chain.
    pub verified: usize,
    /// Workers, the liars included.
    pub workers: usize,
    /// Workers that lie.
    pub liars: usize,
    /// Results that consensus rejected.
    pub lies_found: usize,
    /// Whether the merged picture equals the direct render.
    pub equals_direct: bool,
    /// Who earned, lost and paid what, and whether it adds up.
    pub receipt: Receipt,
    /// The picture.
    pub picture: PathBuf,
    /// From start to end.
    pub took: Duration,
}

/// The report as scripts read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DemoJson {
    tiles: usize,
    verified: usize,
    workers: usize,
    liars: usize,
    seized_nrlc: u64,
    paid_nrlc: u64,
    ledger_exact: bool,
    picture: PathBuf,
    seconds: f64,
}

impl DemoReport {
    /// Whether everything is as it must be: each tile verified on chain, the picture right, the
    /// ledger exact.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.verified == self.tiles && self.equals_direct && self.receipt.exact()
    }

    /// The report as scripts read it; amounts in nRLC as whole numbers: all RLC there is, 87 million, fits.
    #[must_use]
    pub fn to_json(&self) -> DemoJson {
        let number = |amount: Nrlc| amount.0.try_into().expect("no more than the supply can move");
        DemoJson {
            tiles: self.tiles,
            verified: self.verified,
            workers: self.workers,
            liars: self.liars,
            seized_nrlc: number(self.receipt.seized_from_workers()),
            paid_nrlc: number(self.receipt.paid()),
            ledger_exact: self.receipt.exact(),
            picture: self.picture.clone(),
            seconds: self.took.as_secs_f64(),
        }
    }
}
