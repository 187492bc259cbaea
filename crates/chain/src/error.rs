//! What goes wrong between us and a chain, one enum per family of operations.

use alloy_primitives::{Address, B256, Bytes, U256};
use metacloud_abi::revert::Reverted;

/// Why no connection to a chain came about.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectError {
    /// The address cannot be read as one.
    #[error("bad chain address \"{url}\": {reason}")]
    BadUrl {
        /// What was given, cut to 80 characters.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The node answers for another chain than the one wanted.
    #[error("{url} is chain {found}, expected chain {expected}")]
    WrongChain {
        /// The node, without secrets.
        url: String,
        /// The chain id wanted.
        expected: u64,
        /// The chain id that the node told.
        found: u64,
    },
    /// The first requests failed.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

/// Why one JSON-RPC request has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RpcError {
    /// No answer: refused connection, unknown host, time-out, broken stream.
    #[error("cannot reach the chain at {url}: {reason}")]
    Unreachable {
        /// The node, without secrets.
        url: String,
        /// The innermost cause.
        reason: String,
    },
    /// An HTTP status other than success, without a JSON-RPC answer.
    #[error("the chain at {url} answers HTTP {status}: {body}")]
    Status {
        /// The node, without secrets.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The first 200 bytes of the body.
        body: String,
    },
    /// An answer that is not what JSON-RPC or the method promises, or is too long.
    #[error("the chain at {url} answers {method} with something unreadable: {reason}")]
    Malformed {
        /// The node, without secrets.
        url: String,
        /// The method asked.
        method: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The node says no.
    #[error("{method} refused: {message} (code {code})")]
    Refused {
        /// The method asked.
        method: String,
        /// The JSON-RPC error code.
        code: i64,
        /// The node's words.
        message: String,
        /// Revert data, if the answer carries any.
        data: Option<Bytes>,
    },
}

impl RpcError {
    /// Whether the same request may well succeed later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..=599),
            Self::Malformed { .. } | Self::Refused { .. } => false,
        }
    }
}

/// Why a read-only call has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// The contract reverted.
    #[error("call reverted: {0}")]
    Reverted(Reverted),
    /// The answer is not what the ABI promises (no contract at the address, or another one).
    #[error("{to} answers {call} with data that does not decode: {reason}")]
    Undecodable {
        /// The contract called.
        to: Address,
        /// The function.
        call: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The node did not answer or said no.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

/// Why a transaction did not take effect.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SendError {
    /// It reverted, when estimated (`tx` empty: nothing was spent) or when mined.
    #[error("transaction reverted: {reason}")]
    Reverted {
        /// The decoded revert.
        reason: Reverted,
        /// The mined transaction, if it came that far.
        tx: Option<B256>,
    },
    /// It used all its gas, also after a second try with more.
    #[error("transaction {tx} ran out of gas at its limit of {limit}")]
    OutOfGas {
        /// The mined transaction.
        tx: B256,
        /// Its gas limit.
        limit: u64,
    },
    /// The account cannot pay for gas and value.
    #[error(
        "account {address} is not funded: the transaction needs {needs_wei} wei, it has {has_wei} wei; send it ether first"
    )]
    Unfunded {
        /// The sender.
        address: Address,
        /// Gas limit times fee cap, plus value.
        needs_wei: U256,
        /// Its balance.
        has_wei: U256,
    },
    /// The network asks more than the fee policy allows.
    #[error(
        "the base fee is {base_fee_wei} wei per gas, above the cap of {cap_wei} wei; wait or raise the cap"
    )]
    FeeAboveCap {
        /// The current base fee.
        base_fee_wei: u128,
        /// The policy's cap.
        cap_wei: u128,
    },
    /// Somebody else used the nonce with this key.
    #[error(
        "nonce {nonce} of {address} was taken by a transaction that is not ours; is the key in use elsewhere?"
    )]
    NonceTaken {
        /// The sender.
        address: Address,
        /// The nonce.
        nonce: u64,
    },
    /// Not mined in the time the policy allows, also after replacements.
    #[error("transaction {tx} (nonce {nonce} of {address}) was not mined within {waited_s} s")]
    Stuck {
        /// The sender.
        address: Address,
        /// The nonce.
        nonce: u64,
        /// The last replacement sent.
        tx: B256,
        /// Time waited.
        waited_s: u64,
    },
    /// The node did not answer, or refused for a reason not listed above.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// A question that the transaction depends on got an answer that does not decode.
    #[error(transparent)]
    Answer(CallError),
    /// The wallet was shut down before the transaction was sent.
    #[error("the wallet of {address} is shutting down")]
    Closed {
        /// The sender.
        address: Address,
    },
    /// The transaction was mined but its logs lack what the call promises.
    #[error("transaction {tx} was mined without {what}")]
    Unexpected {
        /// The mined transaction.
        tx: B256,
        /// What is missing.
        what: &'static str,
    },
}

/// Why a key makes no wallet.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WalletError {
    /// Zero, or not below the order of the curve.
    #[error("not a private key of secp256k1")]
    BadKey,
}

/// Why following a chain cannot go on. What passes (no connection) is waited for instead.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FollowError {
    /// The block of the cursor is not part of this chain: another chain, or one that was reset.
    #[error("block {number} ({hash}) is not part of this chain: it was reset, or it is another one")]
    UnknownCursor {
        /// Block number of the cursor.
        number: u64,
        /// Block hash of the cursor.
        hash: B256,
    },
    /// Not even block 0 is what it was: the chain began anew.
    #[error(
        "the chain is another one, or was reset: neither its first block nor any of the last {remembered} up to block {head} is left"
    )]
    TooDeep {
        /// The last block told.
        head: u64,
        /// How many blocks are remembered.
        remembered: usize,
    },
}
