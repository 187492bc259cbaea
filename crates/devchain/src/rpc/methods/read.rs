//! `eth_*`, `net_*`, `web3_*` and `txpool_*` methods that change nothing.

use std::collections::BTreeMap;
use std::time::Instant;

use alloy::consensus::{Header, Transaction as _};
use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::rpc::types::state::StateOverride;
use alloy::rpc::types::{FeeHistory, Filter, TransactionRequest};
use alloy_primitives::{Address, B256, Bytes, U64, U256, keccak256};
use serde_json::{Value, json};

use crate::accounts::development_accounts;
use crate::block::Block;
use crate::call::{CallFees, call, effective_gas_price, estimate, override_state};
use crate::chain::Chain;
use crate::error::RpcError;
use crate::executor::clock_s;
use crate::rpc::dispatch::{LongRead, Node};
use crate::rpc::filters::{self, Watched};
use crate::rpc::jsonrpc::json as to_json;
use crate::rpc::params::Params;
use crate::rpc::present;
use crate::transaction::Transaction;

/// Blocks of one `eth_feeHistory`.
const FEE_HISTORY_BLOCKS_MAX: u64 = 1_024;
/// Percentiles of one `eth_feeHistory`.
const FEE_HISTORY_PERCENTILES_MAX: usize = 100;
/// Answer of `web3_clientVersion`.
const CLIENT_VERSION: &str = concat!("metacloud-devchain/v", env!("CARGO_PKG_VERSION"));

/// Reads that may take long.
pub(super) fn begin_long(method: &str, params: &Params<'_>) -> Result<Option<LongRead>, RpcError> {
    Ok(Some(match method {
        "eth_call" => {
            let (request, id, overrides) = call_params(params, BlockNumberOrTag::Latest)?;
            Box::new(move |node| {
                let chain = node.chain();
                let (context, mut view) = chain.call_target(id, clock_s())?;
                override_state(&mut view, overrides)?;
                to_json(&call(view, &context, &request)?)
            })
        }
        "eth_estimateGas" => {
            let (request, id, overrides) = call_params(params, BlockNumberOrTag::Pending)?;
            Box::new(move |node| {
                let chain = node.chain();
                let (context, mut view) = chain.call_target(id, clock_s())?;
                override_state(&mut view, overrides)?;
                to_json(&U64::from(estimate(view, context, &request)?))
            })
        }
        "eth_getLogs" => {
            let filter: Filter = params.optional(0)?.unwrap_or_default();
            filters::check(&filter)?;
            Box::new(move |node| to_json(&filters::query(&node.chain(), &filter)?))
        }
        "eth_getFilterLogs" => {
            let id: U256 = params.required(0)?;
            Box::new(move |node| {
                let filter = filters_of(node).log_filter(id, Instant::now())?;
                to_json(&filters::query(&node.chain(), &filter)?)
            })
        }
        "eth_getFilterChanges" => {
            let id: U256 = params.required(0)?;
            Box::new(move |node| {
                let chain = node.chain();
                let changes = filters_of(node).changes(&chain, id, Instant::now())?;
                to_json(&changes)
            })
        }
        _ => return Ok(None),
    }))
}

fn call_params(
    params: &Params<'_>,
    default: BlockNumberOrTag,
) -> Result<(TransactionRequest, BlockId, StateOverride), RpcError> {
    Ok((
        params.required(0)?,
        params.optional(1)?.unwrap_or(BlockId::Number(default)),
        params.optional(2)?.unwrap_or_default(),
    ))
}

/// Reads that are answered at once.
pub(super) fn read(node: &Node, method: &str, params: &Params<'_>) -> Result<Option<Vec<u8>>, RpcError> {
    if let Some(value) = read_constant(node, method, params)? {
        return to_json(&value).map(Some);
    }
    if let Some(value) = read_account(node, method, params)? {
        return to_json(&value).map(Some);
    }
    if let Some(value) = read_filter(node, method, params)? {
        return to_json(&value).map(Some);
    }
    if let Some(answer) = read_transaction(node, method, params)? {
        return Ok(Some(answer));
    }
    let chain = node.chain();
    match method {
        "eth_getBlockByNumber" => {
            let tag: BlockNumberOrTag = params.required(0)?;
            let whole = params.optional(1)?.unwrap_or(false);
            if tag == BlockNumberOrTag::Pending {
                return to_json(&present::unsealed(pending_header(&chain))).map(Some);
            }
            let block = chain.resolve(BlockId::Number(tag));
            to_json(&block.map(|block| present::block(block, whole)))
        }
        "eth_getBlockByHash" => {
            let hash: B256 = params.required(0)?;
            let whole = params.optional(1)?.unwrap_or(false);
            let block = chain.block_by_hash(&hash);
            to_json(&block.map(|block| present::block(block, whole)))
        }
        "eth_getBlockReceipts" => {
            let id: BlockId = params.required(0)?;
            to_json(&chain.resolve(id).map(|block| {
                (0..block.transactions.len())
                    .filter_map(|index| present::receipt(block, index))
                    .collect::<Vec<_>>()
            }))
        }
        "eth_getTransactionByBlockNumberAndIndex" | "eth_getTransactionByBlockHashAndIndex" => {
            let block = named_block(&chain, method, params)?;
            let index: U64 = params.required(1)?;
            let index = usize::try_from(index.to::<u64>()).unwrap_or(usize::MAX);
            to_json(&block.and_then(|block| present::mined_transaction(block, index)))
        }
        "eth_getBlockTransactionCountByNumber" | "eth_getBlockTransactionCountByHash" => {
            let block = named_block(&chain, method, params)?;
            to_json(&block.map(|block| U64::from(block.transactions.len())))
        }
        "eth_getUncleCountByBlockNumber" | "eth_getUncleCountByBlockHash" => {
            let block = named_block(&chain, method, params)?;
            to_json(&block.map(|_| U64::ZERO))
        }
        "eth_feeHistory" => to_json(&fee_history(&chain, params)?),
        "txpool_status" | "txpool_content" => to_json(&pool(&chain, method)),
        _ => return Ok(None),
    }
    .map(Some)
}

fn read_transaction(node: &Node, method: &str, params: &Params<'_>) -> Result<Option<Vec<u8>>, RpcError> {
    let chain = node.chain();
    match method {
        "eth_getTransactionReceipt" => {
            let hash: B256 = params.required(0)?;
            let mined = chain.mined(&hash);
            to_json(&mined.and_then(|(block, index, _)| present::receipt(block, index)))
        }
        "eth_getTransactionByHash" => {
            let hash: B256 = params.required(0)?;
            match chain.mined(&hash) {
                Some((block, index, _)) => to_json(&present::mined_transaction(block, index)),
                None => to_json(&chain.pool.get(&hash).map(|waiting| present::waiting_transaction(waiting))),
            }
        }
        "eth_getRawTransactionByHash" => {
            let hash: B256 = params.required(0)?;
            let transaction = match chain.mined(&hash) {
                Some((_, _, mined)) => Some(&mined.transaction),
                None => chain.pool.get(&hash),
            };
            to_json(&transaction.map(|transaction| Bytes::from(transaction.raw())))
        }
        _ => return Ok(None),
    }
    .map(Some)
}

fn read_constant(node: &Node, method: &str, params: &Params<'_>) -> Result<Option<Value>, RpcError> {
    let chain = node.chain();
    let chain_id = chain.rules.chain_id;
    Ok(Some(match method {
        "eth_chainId" => json!(U64::from(chain_id)),
        "eth_blockNumber" => json!(U64::from(chain.head().header.number)),
        "net_version" => json!(chain_id.to_string()),
        "net_listening" | "eth_mining" => json!(method == "net_listening"),
        "net_peerCount" | "eth_hashrate" => json!(U64::ZERO),
        "eth_syncing" => json!(false),
        "eth_protocolVersion" => json!("0x44"),
        "eth_coinbase" => json!(chain.settings.beneficiary),
        "eth_blobBaseFee" => json!(U64::from(1)),
        "eth_accounts" | "eth_requestAccounts" => {
            json!(development_accounts().iter().map(|account| account.address).collect::<Vec<_>>())
        }
        "eth_gasPrice" => {
            let fees = CallFees::of(&chain);
            json!(U256::from(fees.base_fee_wei + fees.tip_wei))
        }
        "eth_maxPriorityFeePerGas" => json!(U256::from(CallFees::of(&chain).tip_wei)),
        "web3_clientVersion" => json!(CLIENT_VERSION),
        "web3_sha3" => json!(keccak256(params.required::<Bytes>(0)?)),
        "rpc_modules" => json!({
            "debug": "1.0", "eth": "1.0", "evm": "1.0", "hardhat": "1.0", "anvil": "1.0",
            "net": "1.0", "txpool": "1.0", "web3": "1.0",
        }),
        "eth_getProof" => {
            return Err(RpcError::refused("eth_getProof is not available: this node keeps no state trie"));
        }
        _ => return Ok(None),
    }))
}

fn read_account(node: &Node, method: &str, params: &Params<'_>) -> Result<Option<Value>, RpcError> {
    let at = match method {
        "eth_getBalance" | "eth_getCode" | "eth_getTransactionCount" => 1,
        "eth_getStorageAt" => 2,
        _ => return Ok(None),
    };
    let address: Address = params.required(0)?;
    let id: BlockId = params.optional(at)?.unwrap_or_default();
    let chain = node.chain();
    if method == "eth_getTransactionCount" && id == BlockId::Number(BlockNumberOrTag::Pending) {
        let nonce = chain.pending_nonce(&address);
        node.told().tell(address, nonce, Instant::now());
        return Ok(Some(json!(U64::from(nonce))));
    }
    let block = chain.resolve(id).ok_or_else(|| RpcError::refused("header not found"))?;
    let view = chain.view_at(block.header.number)?;
    Ok(Some(match method {
        "eth_getBalance" => json!(view.account(&address).balance),
        "eth_getTransactionCount" => json!(U64::from(view.account(&address).nonce)),
        "eth_getCode" => json!(view.code_of(&address)),
        _ => {
            let slot: U256 = params.required(1)?;
            json!(B256::from(view.slot(&address, &slot)))
        }
    }))
}

fn read_filter(node: &Node, method: &str, params: &Params<'_>) -> Result<Option<Value>, RpcError> {
    let watched = match method {
        "eth_newFilter" => {
            let filter: Filter = params.optional(0)?.unwrap_or_default();
            filters::check(&filter)?;
            Watched::Logs(Box::new(filter))
        }
        "eth_newBlockFilter" => Watched::Blocks,
        "eth_newPendingTransactionFilter" => Watched::Transactions(node.chain().next_announcement()),
        "eth_uninstallFilter" => {
            let id: U256 = params.required(0)?;
            return Ok(Some(json!(filters_of(node).uninstall(id))));
        }
        _ => return Ok(None),
    };
    let chain = node.chain();
    filters_of(node).install(&chain, watched, Instant::now()).map(Some)
}

/// The chain's lock comes first wherever both are held.
fn filters_of(node: &Node) -> std::sync::MutexGuard<'_, filters::Filters> {
    node.filters.lock().expect("nothing panics while it holds the filters")
}

fn named_block<'a>(
    chain: &'a Chain,
    method: &str,
    params: &Params<'_>,
) -> Result<Option<&'a std::sync::Arc<Block>>, RpcError> {
    Ok(if method.contains("Number") {
        chain.resolve(BlockId::Number(params.required(0)?))
    } else {
        chain.block_by_hash(&params.required(0)?)
    })
}

fn pending_header(chain: &Chain) -> Header {
    let context = chain.next_context(clock_s());
    let head = chain.head();
    Header {
        parent_hash: head.hash,
        beneficiary: context.beneficiary,
        state_root: head.header.state_root,
        number: context.number,
        gas_limit: context.gas_limit,
        timestamp: context.timestamp_s,
        mix_hash: context.prevrandao,
        base_fee_per_gas: Some(context.base_fee_wei),
        gas_used: 0,
        transactions_root: alloy::consensus::constants::EMPTY_TRANSACTIONS,
        receipts_root: alloy::consensus::constants::EMPTY_RECEIPTS,
        logs_bloom: alloy_primitives::Bloom::ZERO,
        extra_data: Bytes::new(),
        ..head.header.clone()
    }
}

fn fee_history(chain: &Chain, params: &Params<'_>) -> Result<FeeHistory, RpcError> {
    let count: U64 = params.required(0)?;
    let newest: BlockNumberOrTag = params.required(1)?;
    let percentiles: Vec<f64> = params.optional(2)?.unwrap_or_default();
    let ordered = percentiles.windows(2).all(|pair| pair[0] <= pair[1]);
    if percentiles.len() > FEE_HISTORY_PERCENTILES_MAX
        || !ordered
        || percentiles.iter().any(|part| !(0.0..=100.0).contains(part))
    {
        return Err(RpcError::refused("invalid reward percentile"));
    }
    let newest = chain
        .resolve(BlockId::Number(newest))
        .ok_or_else(|| RpcError::refused("request beyond head block"))?
        .header
        .number;
    let count = count.to::<u64>().min(FEE_HISTORY_BLOCKS_MAX).min(newest + 1);
    let oldest = newest + 1 - count;
    let blocks: Vec<&Block> =
        (oldest..=newest).filter_map(|number| chain.block(number).map(|block| &**block)).collect();
    let base_fee_after = match chain.block(newest + 1) {
        Some(next) => next.base_fee_wei(),
        None => chain.next_base_fee_wei(),
    };
    Ok(FeeHistory {
        oldest_block: oldest,
        base_fee_per_gas: blocks
            .iter()
            .map(|block| u128::from(block.base_fee_wei()))
            .chain([u128::from(base_fee_after)])
            .collect(),
        gas_used_ratio: blocks
            .iter()
            .map(|block| block.header.gas_used as f64 / block.header.gas_limit.max(1) as f64)
            .collect(),
        base_fee_per_blob_gas: vec![1; blocks.len() + 1],
        blob_gas_used_ratio: vec![0.0; blocks.len()],
        reward: (!percentiles.is_empty())
            .then(|| blocks.iter().map(|block| tips_at(block, &percentiles)).collect()),
    })
}

/// Tips paid in a block, in wei per gas, at these percentiles of its gas.
fn tips_at(block: &Block, percentiles: &[f64]) -> Vec<u128> {
    let base_fee_wei = block.base_fee_wei();
    let mut paid: Vec<(u128, u64)> = block
        .transactions
        .iter()
        .map(|mined| {
            let price = effective_gas_price(&mined.transaction, base_fee_wei);
            (price.saturating_sub(u128::from(base_fee_wei)), mined.gas_used)
        })
        .collect();
    paid.sort_unstable();
    percentiles
        .iter()
        .map(|percentile| {
            let threshold = (block.header.gas_used as f64 * percentile / 100.0) as u64;
            let mut gas = 0;
            paid.iter()
                .find(|(_, used)| {
                    gas += used;
                    gas >= threshold
                })
                .map_or(0, |(tip, _)| *tip)
        })
        .collect()
}

fn pool(chain: &Chain, method: &str) -> Value {
    let (pending, queued) = chain.pool.split(|sender| chain.state().account(sender).nonce);
    if method == "txpool_status" {
        return json!({
            "pending": U64::from(pending.len()),
            "queued": U64::from(queued.len()),
        });
    }
    let by_sender = |transactions: Vec<&std::sync::Arc<Transaction>>| {
        let mut senders: BTreeMap<Address, BTreeMap<String, Value>> = BTreeMap::new();
        for transaction in transactions {
            senders.entry(transaction.sender).or_default().insert(
                transaction.envelope.nonce().to_string(),
                json!(present::waiting_transaction(transaction)),
            );
        }
        senders
    };
    json!({ "pending": by_sender(pending), "queued": by_sender(queued) })
}
