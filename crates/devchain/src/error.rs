//! Errors as JSON-RPC clients see them, in geth's words where clients match on words.

use std::borrow::Cow;

use alloy::sol_types::{Panic, Revert, SolError as _};
use alloy_primitives::{Address, Bytes, U256, hex};
use revm::context_interface::result::{HaltReason, InvalidTransaction};

/// The request is not JSON.
pub(crate) const CODE_PARSE: i64 = -32700;
/// The request is not a JSON-RPC call.
pub(crate) const CODE_INVALID_REQUEST: i64 = -32600;
/// No such method.
pub(crate) const CODE_METHOD_NOT_FOUND: i64 = -32601;
/// The arguments do not parse.
pub(crate) const CODE_INVALID_PARAMS: i64 = -32602;
/// A fault of the node.
pub(crate) const CODE_INTERNAL: i64 = -32603;
/// What geth answers for everything that it refuses.
pub(crate) const CODE_REFUSED: i64 = -32000;
/// A bound of the node is reached.
pub(crate) const CODE_LIMIT: i64 = -32005;
/// The EVM reverted; `data` is what it returned.
pub(crate) const CODE_REVERTED: i64 = 3;

/// The `error` member of an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (code {code})")]
pub(crate) struct RpcError {
    pub(crate) code: i64,
    pub(crate) message: Cow<'static, str>,
    pub(crate) data: Option<Bytes>,
}

impl RpcError {
    fn new(code: i64, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    pub(crate) fn refused(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(CODE_REFUSED, message)
    }

    pub(crate) fn invalid_params(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(CODE_INVALID_PARAMS, message)
    }

    pub(crate) fn invalid_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(CODE_INVALID_REQUEST, message)
    }

    pub(crate) fn parse(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(CODE_PARSE, message)
    }

    pub(crate) fn limit(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(CODE_LIMIT, message)
    }

    pub(crate) fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(CODE_INTERNAL, message)
    }

    pub(crate) fn method_not_found(method: &str) -> Self {
        let shown: String = method.chars().take(METHOD_SHOWN_CHARS_MAX).collect();
        Self::new(CODE_METHOD_NOT_FOUND, format!("the method {shown} does not exist/is not available"))
    }

    /// The EVM reverted with `output`: geth's code, text and data.
    pub(crate) fn reverted(output: Bytes) -> Self {
        let message = match revert_reason(&output) {
            Some(reason) => Cow::Owned(format!("execution reverted: {reason}")),
            None => Cow::Borrowed("execution reverted"),
        };
        Self { code: CODE_REVERTED, message, data: Some(output) }
    }

    /// The EVM stopped for another reason than a revert.
    pub(crate) fn halted(reason: &HaltReason) -> Self {
        Self::refused(halt_text(reason))
    }
}

/// The node is going down.
pub(crate) fn stopping() -> RpcError {
    RpcError::internal("the node is stopping")
}

/// Characters of an unknown method's name that are echoed.
const METHOD_SHOWN_CHARS_MAX: usize = 64;

/// The text within `Error(string)` or the meaning of `Panic(uint256)`.
pub(crate) fn revert_reason(output: &[u8]) -> Option<String> {
    if let Ok(revert) = Revert::abi_decode(output) {
        return Some(revert.reason);
    }
    let panic = Panic::abi_decode(output).ok()?;
    let code = panic.code;
    let known = [
        (0x00, "generic panic"),
        (0x01, "assert(false)"),
        (0x11, "arithmetic underflow or overflow"),
        (0x12, "division or modulo by zero"),
        (0x21, "enum overflow"),
        (0x22, "invalid encoded storage byte array accessed"),
        (0x31, "out-of-bounds array access; popping on an empty array"),
        (0x32, "out-of-bounds access of an array or bytesN"),
        (0x41, "out of memory"),
        (0x51, "uninitialized function"),
    ];
    Some(
        known
            .into_iter()
            .find(|(number, _)| code == U256::from(*number))
            .map_or_else(|| format!("unknown panic code: {code:#x}"), |(_, meaning)| meaning.to_owned()),
    )
}

/// geth's name of a halt.
pub(crate) fn halt_text(reason: &HaltReason) -> Cow<'static, str> {
    Cow::Borrowed(match reason {
        HaltReason::OutOfGas(_) => "out of gas",
        HaltReason::OpcodeNotFound | HaltReason::NotActivated => "invalid opcode",
        HaltReason::InvalidFEOpcode => "invalid opcode: INVALID",
        HaltReason::InvalidJump => "invalid jump destination",
        HaltReason::StackUnderflow => "stack underflow",
        HaltReason::StackOverflow => "stack limit reached 1024 (1023)",
        HaltReason::OutOfOffset => "return data out of bounds",
        HaltReason::CreateCollision => "contract address collision",
        HaltReason::NonceOverflow => "nonce uint64 overflow",
        HaltReason::CreateContractSizeLimit => "max code size exceeded",
        HaltReason::CreateContractStartingWithEF => "invalid code: must not begin with 0xef",
        HaltReason::CreateInitCodeSizeLimit => "max initcode size exceeded",
        HaltReason::StateChangeDuringStaticCall | HaltReason::CallNotAllowedInsideStatic => {
            "write protection"
        }
        HaltReason::OutOfFunds => "insufficient balance for transfer",
        HaltReason::CallTooDeep => "max call depth exceeded",
        HaltReason::PrecompileError
        | HaltReason::PrecompileErrorWithContext(_)
        | HaltReason::OverflowPayment => return Cow::Owned(reason.to_string()),
    })
}

/// geth's text for a transaction that cannot run.
pub(crate) fn invalid_transaction(
    invalid: &InvalidTransaction,
    sender: Address,
    fee_cap_wei: u128,
    base_fee_wei: u64,
) -> RpcError {
    let text = match invalid {
        InvalidTransaction::NonceTooLow { tx, state } => {
            format!("nonce too low: next nonce {state}, tx nonce {tx}")
        }
        InvalidTransaction::NonceTooHigh { tx, state } => {
            format!("nonce too high: address {sender}, tx: {tx} state: {state}")
        }
        InvalidTransaction::LackOfFundForMaxFee { fee, balance } => {
            insufficient_funds_text(sender, **balance, **fee)
        }
        InvalidTransaction::OverflowPaymentInTransaction => {
            "insufficient funds for gas * price + value: required balance exceeds 256 bits".to_owned()
        }
        InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
            format!("intrinsic gas too low: have {gas_limit}, want {initial_gas}")
        }
        InvalidTransaction::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
            format!("insufficient gas for floor data gas cost: have {gas_limit}, want {gas_floor}")
        }
        InvalidTransaction::GasPriceLessThanBasefee => format!(
            "max fee per gas less than block base fee: address {sender}, maxFeePerGas: {fee_cap_wei}, baseFee: {base_fee_wei}"
        ),
        InvalidTransaction::PriorityFeeGreaterThanMaxFee => {
            "max priority fee per gas higher than max fee per gas".to_owned()
        }
        InvalidTransaction::CallerGasLimitMoreThanBlock => "exceeds block gas limit".to_owned(),
        InvalidTransaction::TxGasLimitGreaterThanCap { gas_limit, cap } => {
            format!("transaction gas limit too high (cap: {cap}, tx: {gas_limit})")
        }
        InvalidTransaction::RejectCallerWithCode => {
            format!("sender not an eoa: address {sender}")
        }
        InvalidTransaction::CreateInitCodeSizeLimit => "max initcode size exceeded".to_owned(),
        InvalidTransaction::NonceOverflowInTransaction => "nonce has max value".to_owned(),
        InvalidTransaction::EmptyAuthorizationList => "EIP-7702 transaction with empty auth list".to_owned(),
        other => other.to_string(),
    };
    RpcError::refused(text)
}

/// geth's text of a balance that does not suffice.
pub(crate) fn insufficient_funds_text(sender: Address, have: U256, want: U256) -> String {
    format!("insufficient funds for gas * price + value: address {sender} have {have} want {want}")
}

/// `0x`-prefixed hex as JSON shows it.
pub(crate) fn hex_of(bytes: &[u8]) -> String {
    hex::encode_prefixed(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reverted_with_text_shows_the_text_and_keeps_the_data() {
        let data: Bytes = Revert::from("nope").abi_encode().into();
        let error = RpcError::reverted(data.clone());
        assert_eq!(error.code, 3);
        assert_eq!(error.message, "execution reverted: nope");
        assert_eq!(error.data, Some(data));
    }

    #[test]
    fn reverted_with_custom_error_or_nothing_has_the_bare_message() {
        for data in [Bytes::new(), Bytes::from_static(&[1, 2, 3, 4]), Bytes::from_static(&[8])] {
            let error = RpcError::reverted(data.clone());
            assert_eq!(error.message, "execution reverted");
            assert_eq!(error.data, Some(data));
        }
    }

    #[test]
    fn panic_is_named() {
        let overflow: Bytes = Panic::from(0x11).abi_encode().into();
        assert_eq!(
            RpcError::reverted(overflow).message,
            "execution reverted: arithmetic underflow or overflow"
        );
        let unknown: Bytes = Panic::from(0x99).abi_encode().into();
        assert_eq!(RpcError::reverted(unknown).message, "execution reverted: unknown panic code: 0x99");
    }
}
