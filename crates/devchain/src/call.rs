//! `eth_call` and `eth_estimateGas`: from a request to an execution that leaves no trace.

use alloy::consensus::Transaction as _;
use alloy::rpc::types::TransactionRequest;
use alloy::rpc::types::state::{AccountOverride, StateOverride};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use revm::context::TxEnv;
use revm::context_interface::either::Either;
use revm::context_interface::result::ExecutionResult;

use crate::chain::Chain;
use crate::config::BaseFee;
use crate::error::{RpcError, insufficient_funds_text};
use crate::execute::{BlockContext, CALL_GAS_MAX, Caller, TRANSACTION_GAS_MAX};
use crate::view::View;

/// Tip that is suggested where there is a base fee, in wei per gas.
const TIP_SUGGESTED_WEI: u128 = 1_000_000_000;
/// Accounts and slots that one call may override.
const OVERRIDES_MAX: usize = 16_384;

/// Fees to offer for the next block, in wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallFees {
    pub(crate) base_fee_wei: u128,
    pub(crate) tip_wei: u128,
}

impl CallFees {
    pub(crate) fn of(chain: &Chain) -> Self {
        Self {
            base_fee_wei: u128::from(chain.next_base_fee_wei()),
            tip_wei: match chain.rules.base_fee {
                BaseFee::Zero => 0,
                BaseFee::Eip1559 { .. } => TIP_SUGGESTED_WEI,
            },
        }
    }
}

/// Runs a call and answers what it returns.
///
/// # Errors
/// It reverts, halts, or cannot run.
pub(crate) fn call(
    view: View<'_>,
    context: &BlockContext,
    request: &TransactionRequest,
) -> Result<Bytes, RpcError> {
    let env = call_env(request, context.chain_id)?;
    let gas = affordable_gas(&view, &env, request.gas.unwrap_or(CALL_GAS_MAX).min(CALL_GAS_MAX))?;
    match Caller::new(view, context, env).run(gas)? {
        ExecutionResult::Success { output, .. } => Ok(output.into_data()),
        ExecutionResult::Revert { output, .. } => Err(RpcError::reverted(output)),
        ExecutionResult::Halt { reason, .. } => Err(RpcError::halted(&reason)),
    }
}

/// The least gas with which the request succeeds.
///
/// # Errors
/// It reverts, halts, or cannot run.
pub(crate) fn estimate(
    view: View<'_>,
    context: BlockContext,
    request: &TransactionRequest,
) -> Result<u64, RpcError> {
    let env = call_env(request, context.chain_id)?;
    let gas_max = request.gas.unwrap_or(context.gas_limit).min(context.gas_limit).min(TRANSACTION_GAS_MAX);
    let gas = affordable_gas(&view, &env, gas_max)?;
    Caller::new(view, &context, env).estimate(gas)
}

/// Gas that the sender can pay for, at most `gas`.
fn affordable_gas(view: &View<'_>, env: &TxEnv, gas: u64) -> Result<u64, RpcError> {
    let balance = view.account(&env.caller).balance;
    let Some(left) = balance.checked_sub(env.value) else {
        return Err(RpcError::refused(insufficient_funds_text(env.caller, balance, env.value)));
    };
    if env.gas_price == 0 {
        return Ok(gas);
    }
    let affordable = left / U256::from(env.gas_price);
    Ok(u64::try_from(affordable).unwrap_or(u64::MAX).min(gas))
}

/// The request for the EVM.
///
/// # Errors
/// Fee fields that exclude each other, two different inputs, blobs, another chain's id.
pub(crate) fn call_env(request: &TransactionRequest, chain_id: u64) -> Result<TxEnv, RpcError> {
    if request.blob_versioned_hashes.is_some() || request.sidecar.is_some() {
        return Err(RpcError::refused(
            "transaction type not supported: blob transactions (EIP-4844) are not accepted by this node",
        ));
    }
    if let Some(id) = request.chain_id
        && id != chain_id
    {
        return Err(RpcError::refused(format!("chainId does not match node's (have={id}, want={chain_id})")));
    }
    let data = match (&request.input.input, &request.input.data) {
        (Some(input), Some(data)) if input != data => {
            return Err(RpcError::invalid_params("both \"data\" and \"input\" are set and not equal"));
        }
        (Some(data), _) | (None, Some(data)) => data.clone(),
        (None, None) => Bytes::new(),
    };
    let (fee_cap, tip) = match (request.gas_price, request.max_fee_per_gas, request.max_priority_fee_per_gas)
    {
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            return Err(RpcError::refused(
                "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
            ));
        }
        (Some(price), None, None) => (price, price),
        (None, cap, tip) => {
            let tip = tip.unwrap_or_default();
            (cap.unwrap_or(tip), tip)
        }
    };
    if tip > fee_cap {
        return Err(RpcError::refused("max priority fee per gas higher than max fee per gas"));
    }
    let authorization_list: Vec<_> =
        request.authorization_list.iter().flatten().cloned().map(Either::Left).collect();
    Ok(TxEnv {
        tx_type: if authorization_list.is_empty() { 2 } else { 4 },
        caller: request.from.unwrap_or(Address::ZERO),
        gas_limit: 0,
        gas_price: fee_cap,
        kind: request.to.unwrap_or(TxKind::Create),
        value: request.value.unwrap_or_default(),
        data,
        nonce: request.nonce.unwrap_or_default(),
        chain_id: None,
        access_list: request.access_list.clone().unwrap_or_default(),
        gas_priority_fee: Some(tip),
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list,
    })
}

/// Lays the overrides of a call over the state.
///
/// # Errors
/// Too many, contradictory, or of a kind that this node does not know.
pub(crate) fn override_state(view: &mut View<'_>, overrides: StateOverride) -> Result<(), RpcError> {
    let slots = |account: &AccountOverride| {
        account.state.as_ref().map_or(0, |state| state.len())
            + account.state_diff.as_ref().map_or(0, |diff| diff.len())
    };
    let count = overrides.len() + overrides.values().map(slots).sum::<usize>();
    if count > OVERRIDES_MAX {
        return Err(RpcError::limit(format!("at most {OVERRIDES_MAX} accounts and slots can be overridden")));
    }
    for (address, account) in overrides {
        if account.move_precompile_to.is_some() {
            return Err(RpcError::invalid_params("movePrecompileToAddress is not supported"));
        }
        if account.state.is_some() && account.state_diff.is_some() {
            return Err(RpcError::invalid_params(format!(
                "account {address} has both 'state' and 'stateDiff'"
            )));
        }
        if let Some(wei) = account.balance {
            view.set_balance(address, wei);
        }
        if let Some(nonce) = account.nonce {
            view.set_nonce(address, nonce);
        }
        if let Some(code) = account.code {
            view.set_code(address, code);
        }
        if let Some(state) = account.state {
            view.wipe_storage(address);
            set_slots(view, address, state);
        }
        if let Some(diff) = account.state_diff {
            set_slots(view, address, diff);
        }
    }
    Ok(())
}

fn set_slots(
    view: &mut View<'_>,
    address: Address,
    slots: impl IntoIterator<Item = (alloy_primitives::B256, alloy_primitives::B256)>,
) {
    for (slot, value) in slots {
        view.set_slot(address, slot.into(), value.into());
    }
}

/// What a mined transaction paid, in wei per gas.
pub(crate) fn effective_gas_price(transaction: &crate::transaction::Transaction, base_fee_wei: u64) -> u128 {
    transaction.envelope.effective_gas_price(Some(base_fee_wei))
}
