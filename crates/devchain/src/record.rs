//! What the block log holds, and its binary form: one kind byte, then RLP.

use std::sync::Arc;

use alloy::consensus::Header;
use alloy_primitives::{Address, B256, Bytes, Log};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};

use crate::block::Block;
use crate::execute::Executed;
use crate::state::StateDiff;
use crate::transaction::Transaction;

const KIND_BLOCK: u8 = 1;
const KIND_CHANGE: u8 = 2;
const KIND_REWIND: u8 = 3;
const KIND_WAITING: u8 = 4;
const KIND_DROPPED: u8 = 5;

/// What development methods set, and the next block takes into account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Chain time minus clock time, in seconds.
    pub(crate) time_offset_s: i64,
    /// Time of the next block, once.
    pub(crate) next_timestamp_s: Option<u64>,
    /// Base fee of the next block, once, in wei per gas.
    pub(crate) next_base_fee_wei: Option<u64>,
    /// Randomness of the next block, once.
    pub(crate) next_prevrandao: Option<B256>,
    /// Gas limit of blocks, in place of the configured one.
    pub(crate) gas_limit: Option<u64>,
    /// Who is paid the tips.
    pub(crate) beneficiary: Address,
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// A block, what it changed, and the settings after it.
    Block { block: Arc<Block>, diff: StateDiff, settings: Settings },
    /// A change by a development method between blocks.
    Change { diff: StateDiff, settings: Settings },
    /// Everything from this layer on was undone.
    Rewind { layer: u64 },
    /// A transaction was accepted and waits.
    Waiting { transaction: Arc<Transaction> },
    /// A waiting transaction was dropped without a block.
    Dropped { hash: B256 },
}

#[derive(RlpEncodable, RlpDecodable)]
struct SettingsForm {
    time_offset_bits: u64,
    next_timestamp_s: Vec<u64>,
    next_base_fee_wei: Vec<u64>,
    next_prevrandao: Vec<B256>,
    gas_limit: Vec<u64>,
    beneficiary: Address,
}

#[derive(RlpEncodable)]
struct MinedFormRef<'a> {
    raw: Bytes,
    sender: Address,
    hash: B256,
    success: bool,
    gas_used: u64,
    logs: &'a Vec<Log>,
}

#[derive(RlpDecodable)]
struct MinedForm {
    raw: Bytes,
    sender: Address,
    hash: B256,
    success: bool,
    gas_used: u64,
    logs: Vec<Log>,
}

#[derive(RlpEncodable)]
struct BlockFormRef<'a> {
    header: &'a Header,
    hash: B256,
    transactions: Vec<MinedFormRef<'a>>,
    diff: &'a StateDiff,
    settings: SettingsForm,
}

#[derive(RlpDecodable)]
struct BlockForm {
    header: Header,
    hash: B256,
    transactions: Vec<MinedForm>,
    diff: StateDiff,
    settings: SettingsForm,
}

#[derive(RlpEncodable)]
struct ChangeFormRef<'a> {
    diff: &'a StateDiff,
    settings: SettingsForm,
}

#[derive(RlpDecodable)]
struct ChangeForm {
    diff: StateDiff,
    settings: SettingsForm,
}

#[derive(RlpEncodable, RlpDecodable)]
struct WaitingForm {
    raw: Bytes,
    sender: Address,
    hash: B256,
}

impl Record {
    /// The binary form.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Block { block, diff, settings } => encode(
                KIND_BLOCK,
                &BlockFormRef {
                    header: &block.header,
                    hash: block.hash,
                    transactions: block
                        .transactions
                        .iter()
                        .map(|mined| MinedFormRef {
                            raw: mined.transaction.raw().into(),
                            sender: mined.transaction.sender,
                            hash: mined.transaction.hash,
                            success: mined.success,
                            gas_used: mined.gas_used,
                            logs: &mined.logs,
                        })
                        .collect(),
                    diff,
                    settings: SettingsForm::from(*settings),
                },
            ),
            Self::Change { diff, settings } => {
                encode(KIND_CHANGE, &ChangeFormRef { diff, settings: SettingsForm::from(*settings) })
            }
            Self::Rewind { layer } => encode(KIND_REWIND, layer),
            Self::Waiting { transaction } => encode(
                KIND_WAITING,
                &WaitingForm {
                    raw: transaction.raw().into(),
                    sender: transaction.sender,
                    hash: transaction.hash,
                },
            ),
            Self::Dropped { hash } => encode(KIND_DROPPED, hash),
        }
    }

    /// Reads the binary form; `None` when it is none.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, mut rest) = bytes.split_first()?;
        let record = match *kind {
            KIND_BLOCK => decode_block(&mut rest)?,
            KIND_CHANGE => {
                let form = ChangeForm::decode(&mut rest).ok()?;
                Self::Change { diff: form.diff, settings: form.settings.into() }
            }
            KIND_REWIND => Self::Rewind { layer: u64::decode(&mut rest).ok()? },
            KIND_WAITING => {
                let form = WaitingForm::decode(&mut rest).ok()?;
                Self::Waiting {
                    transaction: Arc::new(Transaction::trusted(&form.raw, form.sender, form.hash)?),
                }
            }
            KIND_DROPPED => Self::Dropped { hash: B256::decode(&mut rest).ok()? },
            _ => return None,
        };
        rest.is_empty().then_some(record)
    }
}

fn encode(kind: u8, form: &impl Encodable) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + form.length());
    bytes.push(kind);
    form.encode(&mut bytes);
    bytes
}

fn decode_block(rest: &mut &[u8]) -> Option<Record> {
    let form = BlockForm::decode(rest).ok()?;
    let executed = form
        .transactions
        .into_iter()
        .map(|mined| {
            Some(Executed {
                transaction: Arc::new(Transaction::trusted(&mined.raw, mined.sender, mined.hash)?),
                success: mined.success,
                gas_used: mined.gas_used,
                logs: mined.logs,
            })
        })
        .collect::<Option<Vec<_>>>()?;
    Some(Record::Block {
        block: Arc::new(Block::restore(form.header, form.hash, executed)),
        diff: form.diff,
        settings: form.settings.into(),
    })
}

impl From<Settings> for SettingsForm {
    fn from(settings: Settings) -> Self {
        Self {
            time_offset_bits: settings.time_offset_s.cast_unsigned(),
            next_timestamp_s: settings.next_timestamp_s.into_iter().collect(),
            next_base_fee_wei: settings.next_base_fee_wei.into_iter().collect(),
            next_prevrandao: settings.next_prevrandao.into_iter().collect(),
            gas_limit: settings.gas_limit.into_iter().collect(),
            beneficiary: settings.beneficiary,
        }
    }
}

impl From<SettingsForm> for Settings {
    fn from(form: SettingsForm) -> Self {
        Self {
            time_offset_s: form.time_offset_bits.cast_signed(),
            next_timestamp_s: form.next_timestamp_s.first().copied(),
            next_base_fee_wei: form.next_base_fee_wei.first().copied(),
            next_prevrandao: form.next_prevrandao.first().copied(),
            gas_limit: form.gas_limit.first().copied(),
            beneficiary: form.beneficiary,
        }
    }
}
