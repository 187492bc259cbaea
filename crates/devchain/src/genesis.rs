//! Block 0: balances and unsigned transactions, run through the EVM at the first start.

use alloy_primitives::{B256, TxKind};
use revm::context::TxEnv;

use crate::block::Block;
use crate::chain::Rules;
use crate::config::{BaseFee, Genesis};
use crate::execute::{BlockContext, run_genesis_transaction};
use crate::node::StartError;
use crate::record::{Record, Settings};
use crate::state::State;
use crate::view::{BlockHashes, View};

/// There is no block below the genesis.
struct NoBlocks;

impl BlockHashes for NoBlocks {
    fn block_hash(&self, _number: u64) -> B256 {
        B256::ZERO
    }
}

/// Builds block 0.
///
/// # Errors
/// [`StartError::Genesis`] with the index of a transaction that did not succeed.
pub(crate) fn genesis_record(genesis: &Genesis, rules: Rules, now_s: u64) -> Result<Record, StartError> {
    let context = BlockContext {
        chain_id: rules.chain_id,
        number: 0,
        timestamp_s: genesis.timestamp_s.unwrap_or(now_s),
        gas_limit: rules.block_gas_limit,
        base_fee_wei: match rules.base_fee {
            BaseFee::Zero => 0,
            BaseFee::Eip1559 { initial } => initial,
        },
        beneficiary: Settings::default().beneficiary,
        prevrandao: B256::ZERO,
    };
    let state = State::default();
    let mut view = View::new(&state, &NoBlocks);
    for &(address, wei) in &genesis.balances {
        view.set_balance(address, wei);
    }
    for (index, transaction) in genesis.transactions.iter().enumerate() {
        let env = TxEnv {
            caller: transaction.from,
            kind: transaction.to.map_or(TxKind::Create, TxKind::Call),
            data: transaction.data.clone(),
            value: transaction.value,
            ..TxEnv::default()
        };
        view = run_genesis_transaction(view, &context, env)
            .map_err(|error| StartError::Genesis { index, reason: error.message.into_owned() })?;
    }
    let diff = view.into_diff();
    let block = Block::seal(None, &context, Vec::new(), &diff);
    Ok(Record::Block { block: block.into(), diff, settings: Settings::default() })
}
