//! Keys that are born in the enclave and never leave it.

use alloy_primitives::{Address, B256, Bytes};
use metacloud_protocol::ids::{archive_hash, eip191, enclave_hash};
use metacloud_protocol::signing::{self, SigningKey};
use metacloud_protocol::{ResultDigest, ResultHash, ResultSeal, TaskId};
use metacloud_seal::sealed::SealKey;
use rand::Rng as _;
use zeroize::{Zeroize as _, Zeroizing};

/// The two keys of one enclave.
pub(crate) struct Keys {
    signing: SigningKey,
    pub(crate) seal: SealKey,
}

impl Keys {
    /// Fresh ones.
    pub(crate) fn new() -> Self {
        let signing = loop {
            let mut scalar = B256::ZERO;
            rand::rng().fill_bytes(scalar.as_mut_slice());
            let key = signing::key_from_bytes(&scalar);
            scalar.0.zeroize();
            // Zero and the numbers above the curve's order are none: once in 2^128.
            if let Ok(key) = key {
                break key;
            }
        };
        Self { signing, seal: SealKey::new(*entropy()) }
    }

    /// The `enclaveChallenge` on chain.
    pub(crate) fn address(&self) -> Address {
        signing::address_of(&self.signing)
    }

    /// What the chain takes as this enclave's word for the digest (poco 7.2).
    pub(crate) fn sign_result(&self, worker: Address, task: TaskId, digest: ResultDigest) -> Bytes {
        let hash = ResultHash::derive(task, digest);
        let seal = ResultSeal::derive(worker, task, digest);
        self.sign(enclave_hash(hash, seal))
    }

    /// This enclave's word that the archive is the encrypted result of the task.
    pub(crate) fn sign_archive(&self, task: TaskId, sha256: B256) -> Bytes {
        self.sign(archive_hash(task, sha256))
    }

    fn sign(&self, hash: B256) -> Bytes {
        Bytes::copy_from_slice(&signing::sign(&self.signing, eip191(hash)))
    }
}

/// Fresh entropy, wiped when dropped.
pub(crate) fn entropy<const N: usize>() -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    rand::rng().fill_bytes(bytes.as_mut_slice());
    bytes
}
