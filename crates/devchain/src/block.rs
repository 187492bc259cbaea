//! A sealed block with its transactions and what came of them.

use std::sync::Arc;

use alloy::consensus::constants::{EMPTY_OMMER_ROOT_HASH, EMPTY_WITHDRAWALS};
use alloy::consensus::proofs::{calculate_receipt_root, ordered_trie_root_with_encoder};
use alloy::consensus::{Eip658Value, Header, Receipt, ReceiptEnvelope, ReceiptWithBloom, Transaction as _};
use alloy::eips::eip2718::Encodable2718 as _;
use alloy::eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, Log, U256, keccak256};
use alloy_rlp::Encodable as _;

use crate::execute::{BlockContext, Executed};
use crate::state::StateDiff;
use crate::transaction::Transaction;

/// A transaction in its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mined {
    pub(crate) transaction: Arc<Transaction>,
    pub(crate) success: bool,
    pub(crate) gas_used: u64,
    /// Gas of the block up to and with this transaction.
    pub(crate) cumulative_gas_used: u64,
    pub(crate) logs: Vec<Log>,
    /// Logs of the block before this transaction.
    pub(crate) first_log: u64,
}

impl Mined {
    /// The contract that the transaction created, or would have.
    pub(crate) fn contract_address(&self) -> Option<Address> {
        self.transaction
            .envelope
            .is_create()
            .then(|| self.transaction.sender.create(self.transaction.nonce()))
    }

    pub(crate) fn bloom(&self) -> Bloom {
        self.logs.iter().collect()
    }

    /// The receipt as consensus hashes it, with any form of log.
    pub(crate) fn receipt<L>(&self, logs: Vec<L>) -> ReceiptEnvelope<L> {
        let receipt = ReceiptWithBloom {
            logs_bloom: self.bloom(),
            receipt: Receipt {
                status: Eip658Value::Eip658(self.success),
                cumulative_gas_used: self.cumulative_gas_used,
                logs,
            },
        };
        match self.transaction.envelope.tx_type() as u8 {
            0 => ReceiptEnvelope::Legacy(receipt),
            1 => ReceiptEnvelope::Eip2930(receipt),
            2 => ReceiptEnvelope::Eip1559(receipt),
            3 => ReceiptEnvelope::Eip4844(receipt),
            _ => ReceiptEnvelope::Eip7702(receipt),
        }
    }
}

/// A block of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) header: Header,
    pub(crate) hash: B256,
    pub(crate) transactions: Vec<Mined>,
}

impl Block {
    /// Seals a block on its parent (`None` for the genesis).
    pub(crate) fn seal(
        parent: Option<&Block>,
        context: &BlockContext,
        executed: Vec<Executed>,
        diff: &StateDiff,
    ) -> Self {
        let transactions = number_transactions(executed);
        let header = Header {
            parent_hash: parent.map_or(B256::ZERO, |parent| parent.hash),
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            beneficiary: context.beneficiary,
            state_root: state_commitment(parent, diff),
            transactions_root: ordered_trie_root_with_encoder(&transactions, |mined, out| {
                mined.transaction.envelope.encode_2718(out);
            }),
            receipts_root: calculate_receipt_root(
                &transactions.iter().map(|mined| mined.receipt(mined.logs.clone())).collect::<Vec<_>>(),
            ),
            logs_bloom: transactions.iter().flat_map(|mined| &mined.logs).collect(),
            difficulty: U256::ZERO,
            number: context.number,
            gas_limit: context.gas_limit,
            gas_used: transactions.last().map_or(0, |mined| mined.cumulative_gas_used),
            timestamp: context.timestamp_s,
            extra_data: Bytes::new(),
            mix_hash: context.prevrandao,
            nonce: B64::ZERO,
            base_fee_per_gas: Some(context.base_fee_wei),
            withdrawals_root: Some(EMPTY_WITHDRAWALS),
            blob_gas_used: Some(0),
            excess_blob_gas: Some(0),
            parent_beacon_block_root: Some(B256::ZERO),
            requests_hash: Some(EMPTY_REQUESTS_HASH),
            ..Header::default()
        };
        Self { hash: header.hash_slow(), header, transactions }
    }

    /// Puts a block together again that was sealed before.
    pub(crate) fn restore(header: Header, hash: B256, executed: Vec<Executed>) -> Self {
        Self { header, hash, transactions: number_transactions(executed) }
    }

    /// What its transactions saw.
    pub(crate) fn context(&self, chain_id: u64) -> BlockContext {
        BlockContext {
            chain_id,
            number: self.header.number,
            timestamp_s: self.header.timestamp,
            gas_limit: self.header.gas_limit,
            base_fee_wei: self.base_fee_wei(),
            beneficiary: self.header.beneficiary,
            prevrandao: self.header.mix_hash,
        }
    }

    pub(crate) fn base_fee_wei(&self) -> u64 {
        self.header.base_fee_per_gas.unwrap_or_default()
    }
}

fn number_transactions(executed: Vec<Executed>) -> Vec<Mined> {
    let mut cumulative_gas_used = 0;
    let mut first_log = 0;
    executed
        .into_iter()
        .map(|executed| {
            cumulative_gas_used += executed.gas_used;
            let mined = Mined {
                transaction: executed.transaction,
                success: executed.success,
                gas_used: executed.gas_used,
                cumulative_gas_used,
                first_log,
                logs: executed.logs,
            };
            first_log += mined.logs.len() as u64;
            mined
        })
        .collect()
}

/// The substitute for a state root: a hash chain over what each block changed (see the crate's documentation).
fn state_commitment(parent: Option<&Block>, diff: &StateDiff) -> B256 {
    let mut bytes = Vec::with_capacity(32 + diff.length());
    bytes.extend_from_slice(parent.map_or(B256::ZERO, |parent| parent.header.state_root).as_slice());
    diff.encode(&mut bytes);
    keccak256(bytes)
}
