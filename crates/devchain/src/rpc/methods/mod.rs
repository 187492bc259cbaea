//! The methods, by name.

mod debug;
mod develop;
mod read;
mod sign;

use std::time::Instant;

use alloy::consensus::Transaction as _;
use alloy::rpc::types::TransactionRequest;
use alloy_primitives::Bytes;
use serde_json::value::RawValue;

use crate::error::RpcError;
use crate::executor::Command;
use crate::rpc::dispatch::{Begun, Node};
use crate::rpc::params::Params;
use crate::transaction::Transaction;

/// Methods that put a transaction into the executor's queue.
pub(crate) fn is_send(method: &str) -> bool {
    matches!(method, "eth_sendRawTransaction" | "eth_sendTransaction")
}

/// Begins a call.
///
/// # Errors
/// Unknown method, malformed arguments, or the refusal itself.
pub(crate) fn begin(node: &Node, method: &str, params: Option<&RawValue>) -> Result<Begun, RpcError> {
    let params = Params::parse(params)?;
    if let Some(begun) = begin_send(node, method, &params)? {
        return Ok(begun);
    }
    if let Some(read) = read::begin_long(method, &params)? {
        return Ok(Begun::Long(read));
    }
    if let Some(read) = debug::begin(method, &params)? {
        return Ok(Begun::Long(read));
    }
    if let Some(answer) = read::read(node, method, &params)? {
        return Ok(Begun::done(Ok(answer)));
    }
    if let Some(answer) = sign::sign(method, &params)? {
        return Ok(Begun::done(Ok(answer)));
    }
    if let Some(op) = develop::op(method, &params)? {
        let answer = node.command(|reply| Command::Develop { op, reply })?;
        return Ok(Begun::Value(answer));
    }
    if matches!(method, "eth_subscribe" | "eth_unsubscribe") {
        return Err(RpcError::refused(
            "notifications not supported: subscribe in a single call over a WebSocket",
        ));
    }
    Err(RpcError::method_not_found(method))
}

fn begin_send(node: &Node, method: &str, params: &Params<'_>) -> Result<Option<Begun>, RpcError> {
    match method {
        "eth_sendRawTransaction" => {
            let raw: Bytes = params.required(0)?;
            let chain_id = node.chain().rules.chain_id;
            let transaction = Box::new(Transaction::decode(&raw, chain_id)?);
            let until = node.told().hold(transaction.sender, transaction.envelope.nonce(), Instant::now());
            node.command(|reply| Command::Submit { transaction, reply })
                .map(|answer| Some(Begun::Hash(answer, until)))
        }
        "eth_sendTransaction" => {
            let request: Box<TransactionRequest> = params.required(0)?;
            node.command(|reply| Command::Send { request, reply })
                .map(|answer| Some(Begun::Hash(answer, None)))
        }
        _ => Ok(None),
    }
}
