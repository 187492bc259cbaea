//! `debug_traceTransaction` with geth's call tracer.

use std::sync::Arc;

use alloy_primitives::B256;
use serde::Deserialize;

use crate::error::RpcError;
use crate::execute::run_block_onto;
use crate::rpc::dispatch::LongRead;
use crate::rpc::jsonrpc::json;
use crate::rpc::params::Params;
use crate::trace::{TraceOptions, trace};
use crate::transaction::Transaction;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Options {
    tracer: Option<String>,
    tracer_config: TraceOptions,
}

pub(super) fn begin(method: &str, params: &Params<'_>) -> Result<Option<LongRead>, RpcError> {
    if method != "debug_traceTransaction" {
        return Ok(None);
    }
    let hash: B256 = params.required(0)?;
    let options: Options = params.optional(1)?.unwrap_or_default();
    match options.tracer.as_deref() {
        Some("callTracer") => {}
        Some(other) => {
            return Err(RpcError::refused(format!(
                "tracer {other} is not available: this node has callTracer"
            )));
        }
        None => {
            return Err(RpcError::refused(
                "the opcode logger is not available: ask with {\"tracer\": \"callTracer\"}",
            ));
        }
    }
    Ok(Some(Box::new(move |node| {
        let chain = node.chain();
        let (block, index, mined) =
            chain.mined(&hash).ok_or_else(|| RpcError::refused("transaction not found"))?;
        let parent = block.header.number.saturating_sub(1);
        let context = block.context(chain.rules.chain_id);
        let before: Vec<Arc<Transaction>> =
            block.transactions[..index].iter().map(|mined| Arc::clone(&mined.transaction)).collect();
        let view = run_block_onto(chain.view_at(parent)?, &context, &before);
        let frame = trace(view, &context, &mined.transaction, options.tracer_config)?;
        json(&frame)
    })))
}
