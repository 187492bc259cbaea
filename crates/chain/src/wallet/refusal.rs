//! What a node means when it refuses a transaction. Only the words tell; these
//! are the words of geth, which other nodes repeat with small differences.

use crate::error::RpcError;

/// Why a node did not take a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It has this very transaction.
    Known,
    /// The nonce is used.
    NonceTooLow,
    /// Nonces before it are missing.
    NonceTooHigh,
    /// Another transaction with this nonce waits.
    Underpriced,
    /// The fees do not suffice at present.
    FeeTooLow,
    /// The account cannot pay.
    Unfunded,
    /// Something else, or no answer.
    Other,
}

/// Substrings in lower case; the first that fits decides, so the longer come first.
const WORDS: &[(&str, Refusal)] = &[
    ("already known", Refusal::Known),
    ("known transaction", Refusal::Known),
    ("already imported", Refusal::Known),
    ("replacement transaction underpriced", Refusal::Underpriced),
    ("already a transaction with the same nonce", Refusal::Underpriced),
    ("nonce too low", Refusal::NonceTooLow),
    ("nonce is too low", Refusal::NonceTooLow),
    ("nonce too high", Refusal::NonceTooHigh),
    ("nonce is too high", Refusal::NonceTooHigh),
    ("nonce gap", Refusal::NonceTooHigh),
    ("max fee per gas less than block base fee", Refusal::FeeTooLow),
    ("transaction underpriced", Refusal::FeeTooLow),
    ("gas price too low", Refusal::FeeTooLow),
    ("insufficient funds", Refusal::Unfunded),
    ("doesn't have enough funds", Refusal::Unfunded),
    ("insufficient balance", Refusal::Unfunded),
];

/// Reads the node's words.
pub(crate) fn classify(error: &RpcError) -> Refusal {
    let RpcError::Refused { message, .. } = error else { return Refusal::Other };
    let message = message.to_ascii_lowercase();
    let found = WORDS.iter().find(|(words, _)| message.contains(words));
    found.map_or(Refusal::Other, |(_, refusal)| *refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(message: &str) -> Refusal {
        classify(&RpcError::Refused {
            method: "eth_sendRawTransaction".to_owned(),
            code: -32000,
            message: message.to_owned(),
            data: None,
        })
    }

    #[test]
    fn the_words_of_nodes_are_understood() {
        assert_eq!(said("already known"), Refusal::Known);
        assert_eq!(said("nonce too low: next nonce 5, tx nonce 4"), Refusal::NonceTooLow);
        assert_eq!(said("Nonce too high. Expected nonce to be 3"), Refusal::NonceTooHigh);
        assert_eq!(said("replacement transaction underpriced"), Refusal::Underpriced);
        assert_eq!(said("transaction underpriced: tip needed 1"), Refusal::FeeTooLow);
        assert_eq!(said("Insufficient funds for gas * price + value"), Refusal::Unfunded);
    }

    #[test]
    fn anything_else_is_not_guessed_at() {
        assert_eq!(said("intrinsic gas too low"), Refusal::Other);
        assert_eq!(said(""), Refusal::Other);
        let lost = RpcError::Unreachable { url: String::new(), reason: "nonce too low".to_owned() };
        assert_eq!(classify(&lost), Refusal::Other);
    }
}
