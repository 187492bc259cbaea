//! Signs transactions and hashes with one key.

use std::fmt;

use alloy::consensus::{SignableTransaction, TxEip1559, TxLegacy};
use alloy::eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind};
use metacloud_protocol::signing::{self, SigningKey};

use super::Transaction;
use super::fees::Fees;

/// The key. Its bytes are zeroed on drop (by k256) and never shown.
pub(crate) struct Signer {
    key: SigningKey,
    address: Address,
    chain_id: u64,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A transaction ready for `eth_sendRawTransaction`.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) hash: B256,
    pub(crate) raw: Bytes,
}

impl Signer {
    pub(crate) fn new(key: SigningKey, chain_id: u64) -> Self {
        let address = signing::address_of(&key);
        Self { key, address, chain_id }
    }

    pub(crate) fn address(&self) -> Address {
        self.address
    }

    pub(crate) fn sign_hash(&self, hash: B256) -> Bytes {
        Bytes::copy_from_slice(&signing::sign(&self.key, hash))
    }

    pub(crate) fn sign(&self, what: &Transaction, gas: u64, nonce: u64, fees: Fees) -> Signed {
        let to = what.to.map_or(TxKind::Create, TxKind::Call);
        let (value, input) = (what.value, what.data.clone());
        match fees {
            Fees::Eip1559 { max_fee_wei, tip_wei } => self.seal(TxEip1559 {
                chain_id: self.chain_id,
                nonce,
                gas_limit: gas,
                max_fee_per_gas: max_fee_wei,
                max_priority_fee_per_gas: tip_wei,
                to,
                value,
                access_list: Default::default(),
                input,
            }),
            Fees::Legacy { gas_price_wei } => self.seal(TxLegacy {
                chain_id: Some(self.chain_id),
                nonce,
                gas_price: gas_price_wei,
                gas_limit: gas,
                to,
                value,
                input,
            }),
        }
    }

    fn seal<T>(&self, transaction: T) -> Signed
    where
        T: SignableTransaction<Signature>,
        alloy::consensus::Signed<T>: Encodable2718,
    {
        let signature = signing::sign(&self.key, transaction.signature_hash());
        let signature = Signature::try_from(signature.as_slice())
            .expect("a signature of our own has 65 bytes and v 27 or 28");
        let signed = transaction.into_signed(signature);
        Signed { hash: signed.trie_hash(), raw: signed.encoded_2718().into() }
    }
}
