//! Identifiers and hashes of the protocol, each its own type, with the formulae that derive one from another.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::{Address, B256, U256, eip191_hash_message, keccak256};
use serde::{Deserialize, Serialize};

/// Defines a 32-byte identifier: 0x-hex in text and JSON, ordered by its bytes.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub B256);

        impl $name {
            /// The 32 zero bytes, which the hub uses for "none".
            pub const ZERO: Self = Self(B256::ZERO);

            /// The 32 bytes.
            pub const fn as_slice(&self) -> &[u8] {
                self.0.as_slice()
            }

            /// Whether this is the "none" of the hub.
            pub fn is_zero(&self) -> bool {
                self.0.is_zero()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:#})"), self.0)
            }
        }

        impl fmt::LowerHex for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::LowerHex::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = alloy_primitives::hex::FromHexError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl From<B256> for $name {
            fn from(bytes: B256) -> Self {
                Self(bytes)
            }
        }

        impl From<$name> for B256 {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

id! {
    /// Identifier of a deal.
    DealId
}
id! {
    /// Identifier of one task of a deal.
    TaskId
}
id! {
    /// EIP-712 digest of an order, domain included: what is signed, consumed and presigned.
    OrderHash
}
id! {
    /// Digest of a result as the application produced it; see [`crate::result`].
    ResultDigest
}
id! {
    /// What a worker contributes: equal for all workers with the same result of the same task.
    ResultHash
}
id! {
    /// Proof that one worker knew the digest when it contributed.
    ResultSeal
}

/// Index of a category in the hub's list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CategoryId(pub u64);

impl fmt::Display for CategoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CategoryId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl DealId {
    /// `keccak256(requestHash ‖ uint256 consumed)`, `consumed` being the units of the request order used before the
    /// match (poco 9.3).
    pub fn derive(request: OrderHash, consumed: U256) -> Self {
        Self(pair(request.0, consumed.into()))
    }
}

impl TaskId {
    /// `keccak256(dealId ‖ uint256 index)`, `index` being absolute: from botFirst on (poco 9.3).
    pub fn derive(deal: DealId, index: U256) -> Self {
        Self(pair(deal.0, index.into()))
    }
}

impl ResultHash {
    /// `keccak256(taskId ‖ digest)` (poco 11.1).
    pub fn derive(task: TaskId, digest: ResultDigest) -> Self {
        Self(pair(task.0, digest.0))
    }
}

impl ResultSeal {
    /// `keccak256(worker ‖ taskId ‖ digest)` (poco 11.1).
    pub fn derive(worker: Address, task: TaskId, digest: ResultDigest) -> Self {
        Self(keccak256([worker.as_slice(), task.as_slice(), digest.as_slice()].concat()))
    }
}

/// `keccak256(worker ‖ taskId ‖ enclaveChallenge)`: what a pool signs (as [`eip191`]) to let a worker contribute
/// (poco 7.2). Without an enclave the challenge is the zero address.
pub fn authorization_hash(worker: Address, task: TaskId, enclave_challenge: Address) -> B256 {
    keccak256([worker.as_slice(), task.as_slice(), enclave_challenge.as_slice()].concat())
}

/// `keccak256(resultHash ‖ resultSeal)`: what an enclave signs (as [`eip191`]) about its result (poco 7.2, classic).
pub fn enclave_hash(hash: ResultHash, seal: ResultSeal) -> B256 {
    pair(hash.0, seal.0)
}

/// `keccak256("metacloud archive" ‖ taskId ‖ sha256(archive))`: what an enclave signs (as [`eip191`]) about an archive
/// that it encrypted, whose digest nobody but the beneficiary can recompute. The text keeps it apart from
/// [`enclave_hash`].
pub fn archive_hash(task: TaskId, sha256: B256) -> B256 {
    keccak256([b"metacloud archive", task.as_slice(), sha256.as_slice()].concat())
}

/// `keccak256(worker ‖ taskId ‖ keccak256(result))`: what an enclave signs (as [`eip191`]) on the Boost path (poco 7.2,
/// Boost).
pub fn boost_enclave_hash(worker: Address, task: TaskId, result: &[u8]) -> B256 {
    keccak256([worker.as_slice(), task.as_slice(), keccak256(result).as_slice()].concat())
}

/// The personal-message digest of a 32-byte hash (EIP-191), which keys sign.
pub fn eip191(hash: B256) -> B256 {
    eip191_hash_message(hash)
}

fn pair(left: B256, right: B256) -> B256 {
    keccak256(left.concat_const::<32, 64>(right))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{address, b256};

    use super::*;

    /// poco 6.3: an address whose only non-zero byte is the last.
    fn low(byte: u8) -> Address {
        Address::with_last_byte(byte)
    }

    #[test]
    fn worked_values_of_the_protocol() {
        let request = OrderHash(b256!("8ba0ce005960cda8cf16e15e861477407ad73494ae21457283811dfd7765f4c5"));
        let deal = DealId::derive(request, U256::ZERO);
        assert_eq!(deal.to_string(), "0xb02f365d83a4f9782f4323b813b8a17bf79810bb456bdd73b76d9b3a961f2567");
        let task = TaskId::derive(deal, U256::from(2));
        assert_eq!(task.0, b256!("48633ae0ae23a0b63e5b0b5598f4be69599ab34f23f1b33c01aec380665f89f2"));
        let digest = ResultDigest(keccak256("result"));
        assert_eq!(digest.0, b256!("06b0a4f426f6713234b2d4b2468640bc4e0bb72657a920ad24c5087153c593c8"));
        let hash = ResultHash::derive(task, digest);
        assert_eq!(hash.0, b256!("c3635d387a9c6b92b7526a05ff81f3a4ce9cab06352865a1874112b4e114a64f"));
        let seal = ResultSeal::derive(low(0xe1), task, digest);
        assert_eq!(seal.0, b256!("feceb22f8a50199e2cfc04ca30c1fd3f00a071775c064c18930ebf7c4943f98d"));
        assert_eq!(
            eip191(authorization_hash(low(0xe1), task, low(0xf1))),
            b256!("ec10b4398fdde79f02e2a38110f9ed9d7f5df2200150e37c39b64606d25b50b3")
        );
        assert_eq!(
            eip191(enclave_hash(hash, seal)),
            b256!("e092e18497e13050aca486d732b3f46b625af606d9c4b22e62725c8a779db690")
        );
    }

    #[test]
    fn worked_values_of_the_middleware() {
        let request = OrderHash(B256::repeat_byte(0xaa));
        assert_eq!(
            DealId::derive(request, U256::ZERO).0,
            b256!("d4e804f1354b8536b910364132804434559ef187d3b44e1868ebcf9bee54434b")
        );
        assert_eq!(
            DealId::derive(request, U256::from(7)).0,
            b256!("a6b3c71c0edd5020cc35de6b2ab84650e2c6341a6be7d0aea128b79dc7aa9710")
        );
        let task = TaskId::derive(DealId(B256::repeat_byte(0x11)), U256::from(3));
        assert_eq!(task.0, b256!("3b31255a9f930bb80359c3ba2fef22133cd773f2653bd87c6035861658aa0882"));
        let worker = Address::repeat_byte(0x22);
        let digest = ResultDigest(b256!("5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"));
        let hash = ResultHash::derive(task, digest);
        assert_eq!(hash.0, b256!("0097ed14240b469070b8f7f50eeffc167597a534ca6a882539d0c9d38c46e67e"));
        let seal = ResultSeal::derive(worker, task, digest);
        assert_eq!(seal.0, b256!("b9d86225a9094cb63e69cd3b5c974227dd7f1ebf342ae2129dab68367e554e58"));
        assert_eq!(
            enclave_hash(hash, seal),
            b256!("50b1dc0f52bcfde69c51211a7d1c1b7e35d33f7ff7f3eecb7e7ab36da3899b1c")
        );
        assert_eq!(
            eip191(enclave_hash(hash, seal)),
            b256!("e160ed2651c49dac9bee739351bcac38bdec82b57724e5e6eb6ab43ee61eda3d")
        );
        let plain = authorization_hash(worker, task, Address::ZERO);
        assert_eq!(plain, b256!("89ae366dc9447d8de7b5063af55b8621605333a6af3820e3064977e12fd56a3a"));
        assert_eq!(eip191(plain), b256!("32f140b6e859910bf87e8b0fca1f364304eaa6da49bedf869f08a55863f8fddf"));
        let enclave = address!("2b5ad5c4795c026514f8317c7a215e218dccd6cf");
        assert_eq!(
            authorization_hash(worker, task, enclave),
            b256!("beae931ae6b014f0d23a0dbbc2fcd381477be7eba3b93666526a32a41d8555a6")
        );
        let callback =
            ResultDigest(b256!("fe53ebede849abf4b4d59ce424b0457b2044a01b62f4c53ca12928dc216ef087"));
        assert_eq!(
            ResultHash::derive(task, callback).0,
            b256!("8f7378590a3dc67af6c775a065634e4a3b202f22ad0764f3fe9d2c0d625fceb2")
        );
        assert_eq!(
            ResultSeal::derive(worker, task, callback).0,
            b256!("a9c6df13c6c86c31d499613c426dad245919fcc89839b56920b8d6e1209d33bd")
        );
    }

    #[test]
    fn text_and_json_are_whole_hex_and_read_back() {
        let task = TaskId(B256::repeat_byte(0xab));
        let text = format!("0x{}", "ab".repeat(32));
        assert_eq!(task.to_string(), text);
        assert_eq!(format!("{task:#x}"), text);
        assert_eq!(text.parse(), Ok(task));
        let json = serde_json::to_string(&task).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<TaskId>(&json).unwrap(), task);
    }

    #[test]
    fn short_long_and_foreign_text_is_no_id() {
        for text in ["", "0x", "0xabcd", &"ab".repeat(33), &"zz".repeat(32)] {
            assert!(text.parse::<DealId>().is_err(), "{text}");
        }
    }
}
