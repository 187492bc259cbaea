//! Blocks, logs and receipts as far as we need them, read tolerantly from
//! JSON-RPC: unknown members are ignored, missing ones are refused.

use alloy_primitives::{Address, B256, Bytes, LogData, U64, U128};
use serde::{Deserialize, Serialize};

/// One block of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlockRef {
    /// Height.
    pub number: u64,
    /// Hash of the header.
    pub hash: B256,
    /// Seconds since the epoch.
    pub timestamp_s: u64,
}

/// The part of a header that following and paying need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Number, hash and time.
    pub block: BlockRef,
    /// Hash of the block before.
    pub parent: B256,
    /// Wei per gas; `None` on a chain without EIP-1559.
    pub base_fee_wei: Option<u128>,
    /// Gas that one block takes.
    pub gas_limit: u64,
}

/// One event of a contract, with its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The contract.
    pub address: Address,
    /// Topics and data.
    pub data: LogData,
    /// The block's height.
    pub block_number: u64,
    /// The block's hash.
    pub block_hash: B256,
    /// The transaction.
    pub tx_hash: B256,
    /// Position in the block.
    pub index: u64,
}

/// What became of a mined transaction.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The transaction.
    pub tx_hash: B256,
    /// Height of its block.
    pub block_number: u64,
    /// Hash of its block.
    pub block_hash: B256,
    /// Gas that was paid for.
    pub gas_used: u64,
    /// Wei per gas paid.
    pub gas_price_wei: u128,
    /// The contract created, if one was.
    pub created: Option<Address>,
    /// Events, in order.
    pub logs: Vec<Log>,
    /// Whether it took effect; a receipt handed out by [`crate::Wallet`] always did.
    pub success: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeaderJson {
    number: U64,
    hash: B256,
    parent_hash: B256,
    timestamp: U64,
    base_fee_per_gas: Option<U128>,
    gas_limit: U64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogJson {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    block_number: U64,
    block_hash: B256,
    transaction_hash: B256,
    log_index: U64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReceiptJson {
    transaction_hash: B256,
    block_number: U64,
    block_hash: B256,
    gas_used: U64,
    effective_gas_price: Option<U128>,
    contract_address: Option<Address>,
    logs: Vec<Log>,
    status: U64,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = HeaderJson::deserialize(deserializer)?;
        Ok(Self {
            block: BlockRef { number: json.number.to(), hash: json.hash, timestamp_s: json.timestamp.to() },
            parent: json.parent_hash,
            base_fee_wei: json.base_fee_per_gas.map(|fee| fee.to()),
            gas_limit: json.gas_limit.to(),
        })
    }
}

impl<'de> Deserialize<'de> for Log {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = LogJson::deserialize(deserializer)?;
        let data = LogData::new(json.topics, json.data)
            .ok_or_else(|| serde::de::Error::custom("a log with more than four topics"))?;
        Ok(Self {
            address: json.address,
            data,
            block_number: json.block_number.to(),
            block_hash: json.block_hash,
            tx_hash: json.transaction_hash,
            index: json.log_index.to(),
        })
    }
}

impl<'de> Deserialize<'de> for Receipt {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = ReceiptJson::deserialize(deserializer)?;
        Ok(Self {
            tx_hash: json.transaction_hash,
            block_number: json.block_number.to(),
            block_hash: json.block_hash,
            gas_used: json.gas_used.to(),
            gas_price_wei: json.effective_gas_price.map_or(0, |price| price.to()),
            created: json.contract_address,
            logs: json.logs,
            success: json.status.to::<u64>() == 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_of_a_pending_block_is_refused() {
        let pending = r#"{"address":"0x0000000000000000000000000000000000000001","topics":[],
            "data":"0x","blockNumber":null,"blockHash":null,"transactionHash":null,"logIndex":null}"#;
        assert!(serde_json::from_str::<Log>(pending).is_err());
    }

    #[test]
    fn a_header_without_base_fee_is_of_a_chain_before_eip_1559() {
        let hash = B256::repeat_byte(7);
        let text = format!(
            r#"{{"number":"0x5","hash":"{hash}","parentHash":"{hash}","timestamp":"0x64","gasLimit":"0x10","unknown":1}}"#
        );
        let header: Header = serde_json::from_str(&text).unwrap();
        assert_eq!(header.block, BlockRef { number: 5, hash, timestamp_s: 100 });
        assert_eq!(header.base_fee_wei, None);
    }
}
