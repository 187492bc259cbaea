//! What a development chain is told at its start.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::{RlpEncodable, encode};

use crate::accounts::development_accounts;

/// Gas limit of a block unless told otherwise, in gas.
pub const BLOCK_GAS_LIMIT_DEFAULT: u64 = 60_000_000;
/// Balance of each development account in [`Genesis::development`], in wei: 10,000 ether.
pub const DEVELOPMENT_BALANCE_WEI: u128 = 10_000 * 1_000_000_000_000_000_000;

/// Everything that [`crate::start`] needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Chain id, answered by `eth_chainId` and demanded of every signed transaction.
    pub chain_id: u64,
    /// Address of the JSON-RPC listener; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Directory of the durable block log; `None` keeps the chain in memory alone.
    pub data_dir: Option<PathBuf>,
    /// When blocks are made.
    pub mining: Mining,
    /// How the base fee moves.
    pub base_fee_wei: BaseFee,
    /// Gas limit of each block, in gas.
    pub block_gas_limit: u64,
    /// State and transactions of block 0.
    pub genesis: Genesis,
}

impl Config {
    /// A chain in memory on a free port of the loopback address, instant blocks, no base fee, funded development accounts.
    pub fn in_memory(chain_id: u64) -> Self {
        Self {
            chain_id,
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            data_dir: None,
            mining: Mining::Instant,
            base_fee_wei: BaseFee::Zero,
            block_gas_limit: BLOCK_GAS_LIMIT_DEFAULT,
            genesis: Genesis::development(),
        }
    }
}

/// When blocks are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mining {
    /// A transaction is mined before `eth_sendRawTransaction` answers; transactions that arrive together may share a block.
    Instant,
    /// One block per period, with or without transactions.
    Every(Duration),
}

/// How the base fee of EIP-1559 moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseFee {
    /// Zero in every block: transactions may cost nothing.
    Zero,
    /// By the rule of EIP-1559 from this value of block 0, in wei per gas.
    Eip1559 {
        /// Base fee of block 0, in wei per gas.
        initial: u64,
    },
}

/// State and transactions of block 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Genesis {
    /// Time of block 0 in seconds since the Unix epoch; `None` takes the clock at the first start.
    pub timestamp_s: Option<u64>,
    /// Balances before the transactions run, in wei.
    pub balances: Vec<(Address, U256)>,
    /// Executed unsigned, in order, without fees, into the state of block 0. Each must succeed.
    pub transactions: Vec<GenesisTransaction>,
}

impl Genesis {
    /// The development accounts with [`DEVELOPMENT_BALANCE_WEI`] each and nothing else.
    pub fn development() -> Self {
        Self {
            timestamp_s: None,
            balances: development_accounts()
                .into_iter()
                .map(|account| (account.address, U256::from(DEVELOPMENT_BALANCE_WEI)))
                .collect(),
            transactions: Vec::new(),
        }
    }

    /// Commits to the chain id and everything in the genesis: a data directory belongs to one such value.
    pub(crate) fn digest(&self, chain_id: u64) -> B256 {
        #[derive(RlpEncodable)]
        struct Balance {
            address: Address,
            wei: U256,
        }
        #[derive(RlpEncodable)]
        struct Transaction {
            from: Address,
            to: Bytes,
            data: Bytes,
            value: U256,
        }
        #[derive(RlpEncodable)]
        struct Commitment {
            chain_id: u64,
            timestamp_s: u64,
            balances: Vec<Balance>,
            transactions: Vec<Transaction>,
        }
        let commitment = Commitment {
            chain_id,
            timestamp_s: self.timestamp_s.unwrap_or(0),
            balances: self.balances.iter().map(|&(address, wei)| Balance { address, wei }).collect(),
            transactions: self
                .transactions
                .iter()
                .map(|transaction| Transaction {
                    from: transaction.from,
                    to: transaction.to.map(|to| Bytes::copy_from_slice(to.as_slice())).unwrap_or_default(),
                    data: transaction.data.clone(),
                    value: transaction.value,
                })
                .collect(),
        };
        keccak256(encode(&commitment))
    }
}

/// One unsigned transaction of block 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenesisTransaction {
    /// Sender; its nonce counts up as usual.
    pub from: Address,
    /// Callee; `None` creates a contract.
    pub to: Option<Address>,
    /// Call data, or creation code.
    pub data: Bytes,
    /// Value in wei, taken from the sender's balance.
    pub value: U256,
}
