//! Blocks, transactions, receipts and logs as JSON-RPC shows them.

use alloy::consensus::transaction::Recovered;
use alloy::consensus::{Header as ConsensusHeader, ReceiptEnvelope};
use alloy::eips::eip4895::Withdrawals;
use alloy::rpc::types::{
    Block as BlockForm, BlockTransactions, Header, Log as LogForm, Transaction as TransactionForm,
    TransactionReceipt,
};
use alloy_primitives::{B256, Log, U256};
use alloy_rlp::Encodable as _;

use crate::block::{Block, Mined};
use crate::call::effective_gas_price;
use crate::transaction::Transaction;

/// A block, with whole transactions or their hashes.
pub(crate) fn block(block: &Block, whole: bool) -> BlockForm {
    let transactions = if whole {
        BlockTransactions::Full(
            (0..block.transactions.len()).filter_map(|index| mined_transaction(block, index)).collect(),
        )
    } else {
        BlockTransactions::Hashes(block.transactions.iter().map(|mined| mined.transaction.hash).collect())
    };
    BlockForm {
        header: header(block),
        uncles: Vec::new(),
        transactions,
        withdrawals: Some(Withdrawals::default()),
    }
}

/// A header; its size is that of header and transactions.
pub(crate) fn header(block: &Block) -> Header {
    let transactions: usize =
        block.transactions.iter().map(|mined| mined.transaction.envelope.length()).sum();
    Header {
        hash: block.hash,
        inner: block.header.clone(),
        total_difficulty: Some(U256::ZERO),
        size: Some(U256::from(block.header.length() + transactions)),
    }
}

/// The header of a block that is not sealed.
pub(crate) fn unsealed(inner: ConsensusHeader) -> BlockForm {
    BlockForm {
        header: Header::new(inner),
        uncles: Vec::new(),
        transactions: BlockTransactions::Hashes(Vec::new()),
        withdrawals: Some(Withdrawals::default()),
    }
}

/// A transaction of a block.
pub(crate) fn mined_transaction(block: &Block, index: usize) -> Option<TransactionForm> {
    let mined = block.transactions.get(index)?;
    Some(TransactionForm {
        inner: recovered(&mined.transaction),
        block_hash: Some(block.hash),
        block_number: Some(block.header.number),
        transaction_index: Some(index as u64),
        effective_gas_price: Some(effective_gas_price(&mined.transaction, block.base_fee_wei())),
        block_timestamp: Some(block.header.timestamp),
    })
}

/// A transaction that waits.
pub(crate) fn waiting_transaction(transaction: &Transaction) -> TransactionForm {
    TransactionForm {
        inner: recovered(transaction),
        block_hash: None,
        block_number: None,
        transaction_index: None,
        effective_gas_price: None,
        block_timestamp: None,
    }
}

fn recovered(transaction: &Transaction) -> Recovered<alloy::consensus::TxEnvelope> {
    Recovered::new_unchecked(transaction.envelope.clone(), transaction.sender)
}

/// The receipt of a transaction of a block.
pub(crate) fn receipt(block: &Block, index: usize) -> Option<TransactionReceipt<ReceiptEnvelope<LogForm>>> {
    let mined = block.transactions.get(index)?;
    let envelope = &mined.transaction.envelope;
    Some(TransactionReceipt {
        inner: mined.receipt(logs(block, index, mined, false).collect()),
        transaction_hash: mined.transaction.hash,
        transaction_index: Some(index as u64),
        block_hash: Some(block.hash),
        block_number: Some(block.header.number),
        gas_used: mined.gas_used,
        effective_gas_price: effective_gas_price(&mined.transaction, block.base_fee_wei()),
        blob_gas_used: None,
        blob_gas_price: None,
        from: mined.transaction.sender,
        to: alloy::consensus::Transaction::to(envelope),
        contract_address: mined.contract_address(),
    })
}

/// The logs of one transaction of a block.
pub(crate) fn logs<'a>(
    block: &'a Block,
    index: usize,
    mined: &'a Mined,
    removed: bool,
) -> impl Iterator<Item = LogForm> + 'a {
    mined.logs.iter().enumerate().map(move |(position, inner)| {
        log(block, index as u64, mined.transaction.hash, mined.first_log + position as u64, inner, removed)
    })
}

fn log(
    block: &Block,
    transaction_index: u64,
    transaction_hash: B256,
    log_index: u64,
    inner: &Log,
    removed: bool,
) -> LogForm {
    LogForm {
        inner: inner.clone(),
        block_hash: Some(block.hash),
        block_number: Some(block.header.number),
        block_timestamp: Some(block.header.timestamp),
        transaction_hash: Some(transaction_hash),
        transaction_index: Some(transaction_index),
        log_index: Some(log_index),
        removed,
    }
}
