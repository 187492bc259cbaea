//! A transaction with a known sender: decoded and recovered once, at the border.

use alloy::consensus::transaction::SignerRecoverable as _;
use alloy::consensus::{
    EthereumTypedTransaction, SignableTransaction as _, Transaction as _, TxEnvelope, TypedTransaction,
};
use alloy::eips::eip2718::{Decodable2718 as _, Encodable2718 as _};
use alloy_primitives::{Address, B256, Signature, U256, keccak256};
use revm::context::TxEnv;
use revm::context_interface::either::Either;

use crate::error::RpcError;

/// Type byte of blob transactions (EIP-4844), which this node refuses.
const TYPE_BLOB: u8 = 3;
/// Type byte of set-code transactions (EIP-7702).
const TYPE_SET_CODE: u8 = 4;
/// Half of the curve's order: a larger `s` is malleable (EIP-2).
const SECP256K1_HALF_ORDER: U256 = U256::from_limbs([
    0xDFE9_2F46_681B_20A0,
    0x5D57_6E73_57A4_501D,
    0xFFFF_FFFF_FFFF_FFFF,
    0x7FFF_FFFF_FFFF_FFFF,
]);

/// A transaction, its sender and its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transaction {
    pub(crate) envelope: TxEnvelope,
    pub(crate) sender: Address,
    pub(crate) hash: B256,
}

impl Transaction {
    /// Decodes a raw transaction and recovers its sender.
    ///
    /// # Errors
    /// With geth's texts: undecodable bytes, blob transactions, another chain's transaction, an invalid signature.
    pub(crate) fn decode(raw: &[u8], chain_id: u64) -> Result<Self, RpcError> {
        match raw.first() {
            None => return Err(RpcError::refused("typed transaction too short")),
            Some(&TYPE_BLOB) => {
                return Err(RpcError::refused(
                    "transaction type not supported: blob transactions (EIP-4844) are not accepted by this node",
                ));
            }
            Some(&kind) if kind > TYPE_SET_CODE && kind < 0xc0 => {
                return Err(RpcError::refused("transaction type not supported"));
            }
            Some(_) => {}
        }
        let envelope =
            TxEnvelope::decode_2718_exact(raw).map_err(|error| RpcError::refused(format!("rlp: {error}")))?;
        match envelope.chain_id() {
            Some(have) if have != chain_id => {
                return Err(RpcError::refused(format!(
                    "invalid sender: invalid chain id for signer: have {have} want {chain_id}"
                )));
            }
            Some(_) | None => {}
        }
        let hash = keccak256(raw);
        let sender = recover(&envelope)?;
        Ok(Self { envelope, sender, hash })
    }

    /// Reads a transaction back from the block log, whose checksum vouches for the sender and the hash.
    pub(crate) fn trusted(raw: &[u8], sender: Address, hash: B256) -> Option<Self> {
        Some(Self { envelope: TxEnvelope::decode_2718_exact(raw).ok()?, sender, hash })
    }

    /// Signs with a key of the node.
    ///
    /// # Errors
    /// When the signer fails, which a local key does not.
    pub(crate) fn signed(
        mut unsigned: TypedTransaction,
        sender: Address,
        signer: &alloy::signers::local::PrivateKeySigner,
    ) -> Result<Self, RpcError> {
        use alloy::network::TxSignerSync as _;
        let signature = match &mut unsigned {
            EthereumTypedTransaction::Legacy(tx) => signer.sign_transaction_sync(tx),
            EthereumTypedTransaction::Eip2930(tx) => signer.sign_transaction_sync(tx),
            EthereumTypedTransaction::Eip1559(tx) => signer.sign_transaction_sync(tx),
            EthereumTypedTransaction::Eip4844(tx) => signer.sign_transaction_sync(tx),
            EthereumTypedTransaction::Eip7702(tx) => signer.sign_transaction_sync(tx),
        }
        .map_err(|error| RpcError::internal(format!("could not sign for {sender}: {error}")))?;
        Ok(Self::assemble(unsigned, signature, sender))
    }

    /// Of an impersonated account: there is no signature, so `r` carries the sender, which keeps the hash unique.
    pub(crate) fn impersonated(unsigned: TypedTransaction, sender: Address) -> Self {
        let signature = Signature::new(U256::from_be_slice(sender.as_slice()), U256::from(1), false);
        Self::assemble(unsigned, signature, sender)
    }

    fn assemble(unsigned: TypedTransaction, signature: Signature, sender: Address) -> Self {
        let envelope: TxEnvelope = unsigned.into_signed(signature).into();
        let hash = *envelope.tx_hash();
        Self { envelope, sender, hash }
    }

    /// The bytes that were hashed (EIP-2718).
    pub(crate) fn raw(&self) -> Vec<u8> {
        self.envelope.encoded_2718()
    }

    pub(crate) fn nonce(&self) -> u64 {
        self.envelope.nonce()
    }

    pub(crate) fn gas_limit(&self) -> u64 {
        self.envelope.gas_limit()
    }

    /// The most that the sender can be charged, in wei; `None` on overflow.
    pub(crate) fn cost_max_wei(&self) -> Option<U256> {
        U256::from(self.envelope.max_fee_per_gas())
            .checked_mul(U256::from(self.gas_limit()))?
            .checked_add(self.envelope.value())
    }

    /// The same for the EVM.
    pub(crate) fn env(&self) -> TxEnv {
        let envelope = &self.envelope;
        TxEnv {
            tx_type: envelope.tx_type() as u8,
            caller: self.sender,
            gas_limit: envelope.gas_limit(),
            gas_price: envelope.max_fee_per_gas(),
            kind: envelope.kind(),
            value: envelope.value(),
            data: envelope.input().clone(),
            nonce: envelope.nonce(),
            chain_id: envelope.chain_id(),
            access_list: envelope.access_list().cloned().unwrap_or_default(),
            gas_priority_fee: envelope.max_priority_fee_per_gas(),
            blob_hashes: Vec::new(),
            max_fee_per_blob_gas: 0,
            authorization_list: envelope
                .authorization_list()
                .unwrap_or_default()
                .iter()
                .cloned()
                .map(Either::Left)
                .collect(),
        }
    }
}

/// Recovers the sender by the same library as the EVM's precompile (libsecp256k1), which is faster than a second one.
fn recover(envelope: &TxEnvelope) -> Result<Address, RpcError> {
    let (signature, prehash) = match envelope {
        TxEnvelope::Legacy(tx) => (tx.signature(), tx.signature_hash()),
        TxEnvelope::Eip2930(tx) => (tx.signature(), tx.signature_hash()),
        TxEnvelope::Eip1559(tx) => (tx.signature(), tx.signature_hash()),
        TxEnvelope::Eip7702(tx) => (tx.signature(), tx.signature_hash()),
        TxEnvelope::Eip4844(_) => {
            return envelope.recover_signer().map_err(|_| invalid_signature());
        }
    };
    if signature.s() > SECP256K1_HALF_ORDER {
        return Err(invalid_signature());
    }
    recover_address(&prehash, signature).ok_or_else(invalid_signature)
}

/// The signer of a hash; `None` when the signature is no signature.
pub(crate) fn recover_address(prehash: &B256, signature: &Signature) -> Option<Address> {
    let mut scalars = [0_u8; 64];
    scalars[..32].copy_from_slice(&signature.r().to_be_bytes::<32>());
    scalars[32..].copy_from_slice(&signature.s().to_be_bytes::<32>());
    let word =
        revm::precompile::crypto().secp256k1_ecrecover(&scalars, u8::from(signature.v()), prehash).ok()?;
    Some(Address::from_slice(&word[12..]))
}

fn invalid_signature() -> RpcError {
    RpcError::refused("invalid sender: invalid transaction v, r, s values")
}
