//! A real node for a test.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

pub mod probe;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use alloy_primitives::B256;
use metacloud_devchain::{BaseFee, Config, Devchain, Mining};

/// What the node is like.
#[derive(Default, Clone)]
pub struct Setup {
    /// Whether gas costs anything.
    pub fees: bool,
    /// One block per period rather than one per transaction.
    pub period: Option<Duration>,
    /// The port; 0 for a free one.
    pub port: u16,
    /// Where the chain survives a restart.
    pub data_dir: Option<PathBuf>,
}

/// A development chain, chain id 31337.
pub struct Node {
    chain: Devchain,
    pub port: u16,
}

impl Node {
    pub async fn start(setup: Setup) -> Self {
        let mut config = Config::in_memory(31_337);
        config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, setup.port));
        config.data_dir = setup.data_dir;
        if setup.fees {
            config.base_fee_wei = BaseFee::Eip1559 { initial: 1_000_000_000 };
        }
        if let Some(period) = setup.period {
            config.mining = Mining::Every(period);
        }
        let chain = metacloud_devchain::start(config).await.unwrap();
        let port = chain.local_addr().port();
        Self { chain, port }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub async fn stop(self) {
        self.chain.stop().await.unwrap();
    }
}

/// The key of a funded account.
pub fn key(index: usize) -> B256 {
    metacloud_devchain::accounts::development_accounts()[index].private_key
}
