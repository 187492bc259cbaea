//! What a chain node answers.

use alloy_primitives::{B256, LogData};
use metacloud_chain::{Header, HubEvent, Log, Receipt};

/// Topics of a log at most.
const TOPICS_MAX: usize = 4;

/// Data of a failed call.
pub(crate) fn revert(bytes: &[u8]) {
    let _ = metacloud_abi::revert::decode(bytes).to_string();
}

/// A log: how many topics, the topics, the data.
pub(crate) fn hub_event(bytes: &[u8]) {
    let Some((count, rest)) = bytes.split_first() else { return };
    let count = usize::from(*count).min(TOPICS_MAX).min(rest.len() / 32);
    let (topics, data) = rest.split_at(count * 32);
    let topics = topics.chunks(32).map(B256::from_slice).collect();
    let mut log = log();
    log.data = LogData::new_unchecked(topics, data.to_vec().into());
    let _ = HubEvent::decode(&log);
}

/// Headers, receipts and logs as JSON.
pub(crate) fn rpc_answer(bytes: &[u8]) {
    let _ = serde_json::from_slice::<Header>(bytes);
    let _ = serde_json::from_slice::<Receipt>(bytes);
    let _ = serde_json::from_slice::<Log>(bytes);
}

fn log() -> Log {
    serde_json::from_str(crate::seeds::LOG).expect("a log as nodes answer it")
}
