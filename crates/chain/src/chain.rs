//! One endpoint of one chain.

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, U64, U256};
use metacloud_abi::revert::{self, Reverted};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::block::{BlockRef, Header, Log, Receipt};
use crate::endpoint::Endpoint;
use crate::error::{CallError, ConnectError, RpcError};
use crate::follower::{Cursor, Follower};
use crate::heads::{self, Heads};
use crate::rpc::Rpc;

/// Blocks in one `eth_getLogs`; halved when the node finds it too much.
pub(crate) const LOG_RANGE_MAX: u64 = 1_000;
/// Headers asked in one batch while looking for a fork.
const FORK_BATCH: usize = 32;

/// How a chain is used; [`Options::default`] fits a development chain.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The chain id that the node must have; any if absent.
    pub chain_id: Option<u64>,
    /// Where new heads are subscribed to, if not beside the HTTP address.
    pub ws_url: Option<String>,
    /// Blocks that must follow a block before it counts. 0 on a chain without reorganisations.
    pub confirmations: u64,
}

/// A client of one chain at one endpoint. Clones share connections and end together.
#[derive(Debug, Clone)]
pub struct Chain {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    rpc: Rpc,
    id: u64,
    confirmations: u64,
    heads: Heads,
}

/// Which logs to read.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// First block.
    pub from_block: u64,
    /// Last block, inclusive.
    pub to_block: u64,
    /// Contracts; all if empty.
    pub addresses: Vec<Address>,
    /// First topics that are wanted; all if empty.
    pub topics: Vec<B256>,
}

impl Chain {
    /// Connects to the node at `rpc_url` with default options.
    ///
    /// # Errors
    /// A bad address, no answer, or an answer that is not of a chain.
    pub async fn connect(rpc_url: &str) -> Result<Self, ConnectError> {
        Self::connect_with(rpc_url, Options::default()).await
    }

    /// Connects to the node at `rpc_url`.
    ///
    /// # Errors
    /// As [`Chain::connect`], and a chain id other than wanted.
    pub async fn connect_with(rpc_url: &str, options: Options) -> Result<Self, ConnectError> {
        let endpoint = Endpoint::parse(rpc_url, options.ws_url.as_deref())?;
        let rpc = Rpc::new(endpoint)?;
        let id: U64 = rpc.request("eth_chainId", json!([])).await?;
        let id = id.to();
        if let Some(expected) = options.chain_id.filter(|expected| *expected != id) {
            let url = rpc.shown().to_owned();
            return Err(ConnectError::WrongChain { url, expected, found: id });
        }
        let heads = Heads::start(rpc.clone());
        let confirmations = options.confirmations;
        Ok(Self { inner: Arc::new(Inner { rpc, id, confirmations, heads }) })
    }

    /// The chain id.
    pub fn id(&self) -> u64 {
        self.inner.id
    }

    /// Blocks that must follow a block before it counts.
    pub fn confirmations(&self) -> u64 {
        self.inner.confirmations
    }

    /// The node's address without secrets.
    pub fn shown(&self) -> &str {
        self.rpc().shown()
    }

    pub(crate) fn rpc(&self) -> &Rpc {
        &self.inner.rpc
    }

    pub(crate) fn heads(&self) -> watch::Receiver<Option<Header>> {
        self.inner.heads.subscribe()
    }

    /// The newest block.
    ///
    /// # Errors
    /// No or no readable answer.
    pub async fn head(&self) -> Result<BlockRef, RpcError> {
        Ok(heads::latest(self.rpc()).await?.block)
    }

    /// The block at a height, if there is one.
    ///
    /// # Errors
    /// No or no readable answer.
    pub async fn block(&self, number: u64) -> Result<Option<Header>, RpcError> {
        self.rpc().request("eth_getBlockByNumber", json!([U64::from(number), false])).await
    }

    /// The newest of these blocks, given oldest first, that is part of the chain; `None` if not even the oldest is. For
    /// whoever comes back to a chain that may have been reorganised, or have lost its newest blocks, meanwhile.
    ///
    /// # Errors
    /// No or no readable answer.
    pub async fn newest_of(&self, known: &[BlockRef]) -> Result<Option<BlockRef>, RpcError> {
        for batch in known.rchunks(FORK_BATCH) {
            let ask = |block: &BlockRef| ("eth_getBlockByNumber", json!([U64::from(block.number), false]));
            let answers = self.rpc().batch(batch.iter().map(ask).collect()).await?;
            for (block, answer) in batch.iter().zip(answers).rev() {
                let found: Option<Header> = self.rpc().read("eth_getBlockByNumber", &answer?)?;
                if found.is_some_and(|found| found.block.hash == block.hash) {
                    return Ok(Some(*block));
                }
            }
        }
        Ok(None)
    }

    /// Ether of an account, wei.
    ///
    /// # Errors
    /// No or no readable answer.
    pub async fn balance(&self, account: Address) -> Result<U256, RpcError> {
        self.rpc().request("eth_getBalance", json!([account, "latest"])).await
    }

    /// Code of an account; empty for a key holder.
    ///
    /// # Errors
    /// No or no readable answer.
    pub async fn code(&self, account: Address) -> Result<Bytes, RpcError> {
        self.rpc().request("eth_getCode", json!([account, "latest"])).await
    }

    /// Transactions that an account has sent, those waiting included.
    ///
    /// # Errors
    /// No or no readable answer.
    pub async fn nonce(&self, account: Address) -> Result<u64, RpcError> {
        let nonce: U64 = self.rpc().request("eth_getTransactionCount", json!([account, "pending"])).await?;
        Ok(nonce.to())
    }

    /// The receipt of a mined transaction.
    ///
    /// # Errors
    /// No or no readable answer.
    pub async fn receipt(&self, tx: B256) -> Result<Option<Receipt>, RpcError> {
        self.rpc().request("eth_getTransactionReceipt", json!([tx])).await
    }

    /// A read-only call on the newest block.
    ///
    /// # Errors
    /// The contract's revert, decoded, or no answer.
    pub async fn call(&self, to: Address, data: Bytes) -> Result<Bytes, CallError> {
        self.rpc().request("eth_call", call_params(to, &data)).await.map_err(call_error)
    }

    /// Read-only calls as one JSON-RPC batch; results in order.
    pub async fn calls(&self, calls: &[(Address, Bytes)]) -> Vec<Result<Bytes, CallError>> {
        let requests = calls.iter().map(|(to, data)| ("eth_call", call_params(*to, data))).collect();
        match self.rpc().batch(requests).await {
            Ok(results) => results
                .into_iter()
                .map(|raw| raw.and_then(|raw| self.rpc().read("eth_call", &raw)).map_err(call_error))
                .collect(),
            Err(error) => calls.iter().map(|_| Err(CallError::Rpc(error.clone()))).collect(),
        }
    }

    /// Any JSON-RPC method, for what has no method here (development methods of a test chain).
    ///
    /// # Errors
    /// No or no readable answer, or the node's refusal.
    pub async fn request<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, RpcError> {
        self.rpc().request(method, params).await
    }

    /// Logs of a range of blocks, in order, read in bounded pieces.
    ///
    /// # Errors
    /// No or no readable answer, or a refusal even for one block.
    pub async fn logs(&self, filter: &LogFilter) -> Result<Vec<Log>, RpcError> {
        let mut logs = Vec::new();
        let mut from = filter.from_block;
        let mut range = LOG_RANGE_MAX;
        while from <= filter.to_block {
            let to = filter.to_block.min(from.saturating_add(range - 1));
            let params = log_params(from, to, &filter.addresses, &filter.topics);
            match self.rpc().request::<Vec<Log>>("eth_getLogs", params).await {
                Ok(piece) => logs.extend(piece),
                Err(RpcError::Refused { .. }) if to > from => {
                    range = (range / 2).max(1);
                    continue;
                }
                Err(error) => return Err(error),
            }
            from = to + 1;
        }
        Ok(logs)
    }

    /// Follows the logs of `addresses` (all contracts if empty) after the last of `known`, blocks of this chain told in
    /// earlier runs, oldest first. Should they have been reverted meanwhile, that is told first. All of the chain is told
    /// if `known` is empty.
    pub fn resume(&self, known: &[BlockRef], addresses: Vec<Address>) -> Follower {
        Follower::resumed(self.clone(), known, addresses)
    }

    /// Follows the logs of `addresses` (all contracts if empty) from a place in the chain.
    pub fn follow(&self, from: Cursor, addresses: Vec<Address>) -> Follower {
        Follower::new(self.clone(), from, addresses)
    }
}

pub(crate) fn log_params(from: u64, to: u64, addresses: &[Address], topics: &[B256]) -> Value {
    let mut filter = json!({"fromBlock": U64::from(from), "toBlock": U64::from(to)});
    if !addresses.is_empty() {
        filter["address"] = json!(addresses);
    }
    if !topics.is_empty() {
        filter["topics"] = json!([topics]);
    }
    json!([filter])
}

fn call_params(to: Address, data: &Bytes) -> Value {
    json!([{"to": to, "data": data}, "latest"])
}

fn call_error(error: RpcError) -> CallError {
    match reverted(&error) {
        Some(reason) => CallError::Reverted(reason),
        None => CallError::Rpc(error),
    }
}

/// The revert that a refusal stands for, if it stands for one.
///
/// geth answers code 3 with data, or -32000 "execution reverted" without; others
/// (hardhat, anvil) differ in the code but keep data or the word.
pub(crate) fn reverted(error: &RpcError) -> Option<Reverted> {
    let RpcError::Refused { code, message, data, .. } = error else { return None };
    if let Some(data) = data.as_ref().filter(|data| *code == 3 || !data.is_empty()) {
        return Some(revert::decode(data));
    }
    (*code == 3 || message.to_ascii_lowercase().contains("revert")).then(|| revert::decode(&[]))
}
