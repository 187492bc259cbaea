//! The call tracer: who called whom, with what, and how it ended, in the form of geth's `callTracer`.

use alloy::rpc::types::trace::geth::{CallFrame, CallLogFrame};
use alloy_primitives::{Address, Log, U256};
use revm::context_interface::{ContextTr, CreateScheme};
use revm::handler::FrameResult;
use revm::inspector::{InspectEvm as _, Inspector};
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::{
    CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome, InstructionResult,
};
use revm::interpreter::{FrameInput, Gas};
use revm::{Database, MainBuilder as _};
use serde::Deserialize;

use crate::error::{RpcError, revert_reason};
use crate::execute::{BlockContext, context_of, evm_error};
use crate::transaction::Transaction;
use crate::view::View;

/// Frames of one trace.
const FRAMES_MAX: usize = 100_000;

/// geth's options of the call tracer.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TraceOptions {
    only_top_call: bool,
    with_log: bool,
}

/// Runs a transaction again and tells its calls.
///
/// # Errors
/// It cannot run on this state, or has too many frames.
pub(crate) fn trace(
    view: View<'_>,
    context: &BlockContext,
    transaction: &Transaction,
    options: TraceOptions,
) -> Result<CallFrame, RpcError> {
    let mut tracer = Tracer { options, ..Tracer::default() };
    let mut evm = context_of(view, context, context.cfg()).build_mainnet_with_inspector(&mut tracer);
    let env = transaction.env();
    let result = evm.inspect_tx(env.clone()).map_err(|error| evm_error(error, &env, context))?.result;
    drop(evm);
    if tracer.dropped {
        return Err(RpcError::limit(format!(
            "the trace has more than {FRAMES_MAX} frames; ask with onlyTopCall"
        )));
    }
    let mut frame = tracer.top.ok_or_else(|| RpcError::internal("the transaction has no outermost call"))?;
    frame.gas = U256::from(transaction.gas_limit());
    frame.gas_used = U256::from(result.tx_gas_used());
    Ok(frame)
}

#[derive(Default)]
struct Tracer {
    options: TraceOptions,
    /// Calls that have not ended, outermost first.
    open: Vec<CallFrame>,
    top: Option<CallFrame>,
    count: usize,
    dropped: bool,
    logs: u64,
}

impl Tracer {
    fn begin(&mut self, frame: CallFrame) {
        self.count += 1;
        self.open.push(frame);
    }

    fn end(&mut self, result: InstructionResult, gas: &Gas, output: &alloy_primitives::Bytes) {
        let Some(mut frame) = self.open.pop() else {
            return;
        };
        frame.gas_used = U256::from(gas.total_gas_spent());
        if result.is_revert() {
            frame.error = Some("execution reverted".to_owned());
            frame.output = Some(output.clone());
            frame.revert_reason = revert_reason(output);
        } else if result.is_halt() {
            frame.error = Some(error_text(result));
        } else {
            frame.output = Some(output.clone());
        }
        if frame.error.is_some() {
            clear_logs(&mut frame);
        }
        match self.open.last_mut() {
            None => self.top = Some(frame),
            Some(_) if self.options.only_top_call => {}
            Some(_) if self.count > FRAMES_MAX => self.dropped = true,
            Some(parent) => parent.calls.push(frame),
        }
    }
}

/// What failed emitted nothing.
fn clear_logs(frame: &mut CallFrame) {
    let mut frames = vec![frame];
    while let Some(frame) = frames.pop() {
        frame.logs.clear();
        frames.extend(frame.calls.iter_mut());
    }
}

impl<CTX> Inspector<CTX, EthInterpreter, FrameInput, FrameResult> for Tracer
where
    CTX: ContextTr<Db: Database>,
{
    fn log(&mut self, _context: &mut CTX, log: Log) {
        let index = self.logs;
        self.logs += 1;
        if !self.options.with_log || (self.options.only_top_call && self.open.len() > 1) {
            return;
        }
        if let Some(frame) = self.open.last_mut() {
            let position = frame.calls.len() as u64;
            frame.logs.push(CallLogFrame {
                address: Some(log.address),
                topics: Some(log.data.topics().to_vec()),
                data: Some(log.data.data),
                position: Some(position),
                index: Some(index),
            });
        }
    }

    fn call(&mut self, context: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        let (kind, to) = match inputs.scheme {
            CallScheme::Call => ("CALL", inputs.target_address),
            CallScheme::CallCode => ("CALLCODE", inputs.bytecode_address),
            CallScheme::DelegateCall => ("DELEGATECALL", inputs.bytecode_address),
            CallScheme::StaticCall => ("STATICCALL", inputs.bytecode_address),
        };
        let value = (inputs.scheme != CallScheme::StaticCall).then(|| inputs.call_value());
        let input = inputs.input.bytes(context);
        let from = match inputs.scheme {
            CallScheme::DelegateCall | CallScheme::CallCode => inputs.target_address,
            CallScheme::Call | CallScheme::StaticCall => inputs.caller,
        };
        self.begin(frame(kind, from, Some(to), inputs.gas_limit, input, value));
        None
    }

    fn call_end(&mut self, _context: &mut CTX, _inputs: &CallInputs, outcome: &mut CallOutcome) {
        self.end(outcome.result.result, &outcome.result.gas, &outcome.result.output);
    }

    fn create(&mut self, _context: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        let kind = match inputs.scheme() {
            CreateScheme::Create | CreateScheme::Custom { .. } => "CREATE",
            CreateScheme::Create2 { .. } => "CREATE2",
        };
        self.begin(frame(
            kind,
            inputs.caller(),
            None,
            inputs.gas_limit(),
            inputs.init_code().clone(),
            Some(inputs.value()),
        ));
        None
    }

    fn create_end(&mut self, _context: &mut CTX, _inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        if let (Some(frame), Some(address)) = (self.open.last_mut(), outcome.address) {
            frame.to = Some(address);
        }
        self.end(outcome.result.result, &outcome.result.gas, &outcome.result.output);
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        if self.options.only_top_call {
            return;
        }
        if let Some(parent) = self.open.last_mut() {
            parent.calls.push(frame(
                "SELFDESTRUCT",
                contract,
                Some(target),
                0,
                alloy_primitives::Bytes::new(),
                Some(value),
            ));
        }
    }
}

fn frame(
    kind: &str,
    from: Address,
    to: Option<Address>,
    gas: u64,
    input: alloy_primitives::Bytes,
    value: Option<U256>,
) -> CallFrame {
    CallFrame { from, gas: U256::from(gas), to, input, value, typ: kind.to_owned(), ..CallFrame::default() }
}

fn error_text(result: InstructionResult) -> String {
    use revm::context_interface::result::HaltReason;
    use revm::interpreter::SuccessOrHalt;
    match SuccessOrHalt::<HaltReason>::from(result) {
        SuccessOrHalt::Halt(reason) => crate::error::halt_text(&reason).into_owned(),
        _ => format!("{result:?}"),
    }
}
