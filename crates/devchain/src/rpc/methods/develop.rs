//! `evm_*`, `hardhat_*` and `anvil_*`: names and arguments of the development methods.

use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::develop::Op;
use crate::error::RpcError;
use crate::rpc::params::Params;

/// The development method of this name.
///
/// # Errors
/// Malformed arguments; methods of other nodes that this one lacks are refused by name.
pub(super) fn op(method: &str, params: &Params<'_>) -> Result<Option<Op>, RpcError> {
    let Some((family, name)) = method.split_once('_') else {
        return Ok(None);
    };
    match family {
        "evm" => evm(name, params),
        "hardhat" | "anvil" => match twin(name, params)? {
            Some(op) => Ok(Some(op)),
            None if family == "anvil" => anvil(name, params),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

/// Methods that exist under `evm_`, and under `anvil_` with the same arguments.
fn evm(name: &str, params: &Params<'_>) -> Result<Option<Op>, RpcError> {
    Ok(Some(match name {
        "snapshot" => Op::Snapshot,
        "revert" => Op::Revert(quantity(params, 0)?),
        "increaseTime" => Op::IncreaseTime(seconds(params, 0)?),
        "setTime" => Op::SetTime(quantity(params, 0)?),
        "setNextBlockTimestamp" => Op::SetNextTimestamp(quantity(params, 0)?),
        "setBlockGasLimit" => Op::SetGasLimit(quantity(params, 0)?),
        "setAutomine" => Op::SetAutomine(params.required(0)?),
        // Milliseconds, as Hardhat has it; `anvil_setIntervalMining` takes seconds, as anvil has it.
        "setIntervalMining" => Op::SetInterval(Duration::from_millis(quantity(params, 0)?)),
        "mine" => evm_mine(params)?,
        _ => return Ok(None),
    }))
}

/// Methods that exist under both `hardhat_` and `anvil_`.
fn twin(name: &str, params: &Params<'_>) -> Result<Option<Op>, RpcError> {
    let address = || params.required::<Address>(0);
    Ok(Some(match name {
        "mine" => Op::Mine {
            blocks: optional_quantity(params, 0)?.unwrap_or(1),
            interval_s: optional_quantity(params, 1)?.unwrap_or(0),
            timestamp_s: None,
            answer: json!(true),
        },
        "setBalance" => Op::SetBalance(address()?, params.required(1)?),
        "setNonce" => Op::SetNonce(address()?, quantity(params, 1)?),
        "setCode" => Op::SetCode(address()?, params.required::<Bytes>(1)?),
        "setStorageAt" => Op::SetStorage(address()?, params.required(1)?, params.required(2)?),
        "setCoinbase" => Op::SetBeneficiary(address()?),
        "setNextBlockBaseFeePerGas" => Op::SetNextBaseFee(quantity(params, 0)?),
        "setPrevRandao" => Op::SetNextPrevrandao(params.required::<U256>(0)?.into()),
        "impersonateAccount" => Op::Impersonate(address()?),
        "stopImpersonatingAccount" => Op::StopImpersonating(address()?),
        "dropTransaction" => Op::DropTransaction(params.required::<B256>(0)?),
        "reset" => {
            return Err(RpcError::refused(
                "reset is not available: this node does not fork, use evm_snapshot and evm_revert",
            ));
        }
        _ => return Ok(None),
    }))
}

/// Methods that exist under `anvil_` alone, or there in a form of their own.
fn anvil(name: &str, params: &Params<'_>) -> Result<Option<Op>, RpcError> {
    Ok(Some(match name {
        "autoImpersonateAccount" => Op::ImpersonateAll(params.required(0)?),
        "setIntervalMining" => Op::SetInterval(Duration::from_secs(quantity(params, 0)?)),
        _ => return evm(name, params),
    }))
}

/// `evm_mine`: nothing, a time, or `{timestamp, blocks}`.
fn evm_mine(params: &Params<'_>) -> Result<Op, RpcError> {
    #[derive(Default, Deserialize)]
    struct Options {
        timestamp: Option<U256>,
        blocks: Option<U256>,
    }
    let options = match params.raw(0) {
        Some(raw) if raw.get().starts_with('{') => params.required::<Options>(0)?,
        Some(_) | None => Options { timestamp: params.optional(0)?, blocks: None },
    };
    Ok(Op::Mine {
        blocks: options.blocks.map_or(Ok(1), |blocks| small(blocks, 0))?,
        interval_s: 0,
        timestamp_s: options.timestamp.map(|timestamp| small(timestamp, 0)).transpose()?,
        answer: json!("0x0"),
    })
}

fn quantity(params: &Params<'_>, index: usize) -> Result<u64, RpcError> {
    small(params.required(index)?, index)
}

fn optional_quantity(params: &Params<'_>, index: usize) -> Result<Option<u64>, RpcError> {
    params.optional(index)?.map(|value| small(value, index)).transpose()
}

fn small(value: U256, index: usize) -> Result<u64, RpcError> {
    u64::try_from(value)
        .map_err(|_| RpcError::invalid_params(format!("invalid argument {index}: above 64 bits")))
}

/// Seconds, which may be negative when written as a number.
fn seconds(params: &Params<'_>, index: usize) -> Result<i64, RpcError> {
    if let Value::Number(number) = params.required::<Value>(index)?
        && let Some(seconds) = number.as_i64()
    {
        return Ok(seconds);
    }
    i64::try_from(quantity(params, index)?)
        .map_err(|_| RpcError::invalid_params(format!("invalid argument {index}: above 63 bits")))
}
