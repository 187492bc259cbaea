//! Keys and signatures by the rules of the hub (poco 7.1). Contract accounts are not asked here.

use alloy_primitives::{Address, B256};
pub use k256::ecdsa::SigningKey;
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};

/// Length of the `r ‖ s ‖ v` form, in bytes.
pub const SIGNATURE_BYTES: usize = 65;
/// Length of the compact form `r ‖ yParity·2^255 + s` (EIP-2098), in bytes.
pub const COMPACT_SIGNATURE_BYTES: usize = 64;

/// Why 32 bytes are no private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a private key lies between 1 and the order of secp256k1")]
pub struct NotAPrivateKey;

/// The key with this scalar.
///
/// # Errors
/// [`NotAPrivateKey`] for zero and for values from the curve order up.
pub fn key_from_bytes(scalar: &B256) -> Result<SigningKey, NotAPrivateKey> {
    SigningKey::from_slice(scalar.as_slice()).map_err(|_| NotAPrivateKey)
}

/// Whether the hub looks at a signature of this length at all; it answers any other, from an account without code,
/// with `invalid-signature-format`.
pub fn well_formed(signature: &[u8]) -> bool {
    matches!(signature.len(), SIGNATURE_BYTES | COMPACT_SIGNATURE_BYTES)
}

/// The account whose key signed `hash`. `None` if the length is neither 64 nor 65 bytes, `v` is neither 27 nor 28, `s`
/// lies in the upper half of the curve order, or no key fits.
pub fn recover(hash: B256, signature: &[u8]) -> Option<Address> {
    let (scalars, odd_y) = match signature.len() {
        SIGNATURE_BYTES => {
            let odd_y = match signature[64] {
                27 => false,
                28 => true,
                _ => return None,
            };
            (Signature::from_slice(&signature[..64]).ok()?, odd_y)
        }
        COMPACT_SIGNATURE_BYTES => {
            let mut scalars: [u8; COMPACT_SIGNATURE_BYTES] = signature.try_into().ok()?;
            let odd_y = scalars[32] & 0x80 != 0;
            scalars[32] &= 0x7f;
            (Signature::from_slice(&scalars).ok()?, odd_y)
        }
        _ => return None,
    };
    if scalars.normalize_s().is_some() {
        return None;
    }
    let recovery = RecoveryId::new(odd_y, false);
    let key = VerifyingKey::recover_from_prehash(hash.as_slice(), &scalars, recovery).ok()?;
    Some(address_of_public(&key))
}

/// Signs `hash` itself (no prefix) as `r ‖ s ‖ v` with deterministic nonce (RFC 6979), low `s` and `v` 27 or 28.
pub fn sign(key: &SigningKey, hash: B256) -> [u8; SIGNATURE_BYTES] {
    let (scalars, recovery) = key
        .sign_prehash_recoverable(hash.as_slice())
        .expect("a 32-byte hash has the length of the curve's field");
    assert!(!recovery.is_x_reduced(), "an r above the curve order occurs with probability 2^-127");
    let mut signature = [0; SIGNATURE_BYTES];
    signature[..64].copy_from_slice(&scalars.to_bytes());
    signature[64] = 27 + u8::from(recovery.is_y_odd());
    signature
}

/// The account of a key.
pub fn address_of(key: &SigningKey) -> Address {
    address_of_public(key.verifying_key())
}

fn address_of_public(key: &VerifyingKey) -> Address {
    let point = key.to_encoded_point(false);
    Address::from_raw_public_key(&point.as_bytes()[1..])
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{U256, address, b256, hex};

    use super::*;
    use crate::ids::eip191;

    fn key(number: u64) -> SigningKey {
        key_from_bytes(&U256::from(number).into()).unwrap()
    }

    const AUTHORIZATION: B256 = b256!("89ae366dc9447d8de7b5063af55b8621605333a6af3820e3064977e12fd56a3a");

    #[test]
    fn signatures_equal_the_published_vectors() {
        assert_eq!(address_of(&key(1)), address!("7e5f4552091a69125d5dfcb7b8c2659029395bdf"));
        assert_eq!(address_of(&key(2)), address!("2b5ad5c4795c026514f8317c7a215e218dccd6cf"));
        let vectors = [
            (
                1,
                AUTHORIZATION,
                "6ef3d0652c9264903b5b277e0cc92f07135c4eb3cf45587beae3387450f356c61a18f9a6e6506187d234534926f613949ffac39a65e781c65e5b45fd79d09fbd1c",
            ),
            (
                1,
                b256!("beae931ae6b014f0d23a0dbbc2fcd381477be7eba3b93666526a32a41d8555a6"),
                "c90d94e47b6d2d37b1375a4661ebc8ed5980af9508b175e7417e4e01a22d9eb8440b3382568ccf5449051a8dd7d4c38701bbf780bc72e9abf59e0f63eaaed79d1b",
            ),
            (
                2,
                b256!("50b1dc0f52bcfde69c51211a7d1c1b7e35d33f7ff7f3eecb7e7ab36da3899b1c"),
                "779bed9b12836413bb306e5773dddde2ae1b7c66d80d6b4347c1c14cb94c585410014bd9432115c9cbfc0f28d5ad61b6016afa0ef5aed27a9dc252e0fe5ae32a1b",
            ),
            (
                2,
                b256!("011a1a92c8572c6f0336f02b4ec243244102be9eb4fb9be8b01f21ad5faf1f68"),
                "c7462dfa99da450618f5c8e5a5a2f4d2dd3cc6f63b5aba12037725b34de075fa13ed2ba727e97b065767042d8b9f0c36c5510bcfd7f67302a307fd22b659d8f21c",
            ),
        ];
        for (number, hash, signature) in vectors {
            let signed = sign(&key(number), eip191(hash));
            assert_eq!(hex::encode(signed), signature);
            assert_eq!(recover(eip191(hash), &signed), Some(address_of(&key(number))));
        }
    }

    #[test]
    fn compact_form_recovers_the_same_account() {
        for number in 1..20 {
            let signed = sign(&key(number), AUTHORIZATION);
            let mut compact = signed[..64].to_vec();
            compact[32] |= (signed[64] - 27) << 7;
            assert_eq!(recover(AUTHORIZATION, &compact), Some(address_of(&key(number))));
        }
    }

    #[test]
    fn malleated_signature_is_refused() {
        let signed = sign(&key(1), AUTHORIZATION);
        let order =
            U256::from_be_slice(&hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"));
        let mut high = signed;
        let s = order - U256::from_be_slice(&signed[32..64]);
        high[32..64].copy_from_slice(&s.to_be_bytes::<32>());
        high[64] = 55 - signed[64];
        assert_eq!(recover(AUTHORIZATION, &high), None);
    }

    #[test]
    fn malformed_signatures_recover_nobody() {
        let good = sign(&key(1), AUTHORIZATION);
        for v in [0, 1, 26, 29, 255] {
            let mut bad = good;
            bad[64] = v;
            assert_eq!(recover(AUTHORIZATION, &bad), None, "v = {v}");
        }
        for length in [0, 1, 63, 66, 130] {
            assert_eq!(recover(AUTHORIZATION, &vec![27; length]), None);
            assert!(!well_formed(&vec![27; length]));
        }
        let mut zeros = [0; 65];
        zeros[64] = 27;
        assert_eq!(recover(AUTHORIZATION, &zeros), None);
        assert_eq!(recover(AUTHORIZATION, &[0xff; 64]), None);
        assert_ne!(recover(B256::ZERO, &good), Some(address_of(&key(1))), "a signature is bound to its hash");
    }

    #[test]
    fn scalars_out_of_range_are_no_keys() {
        assert_eq!(
            key_from_bytes(&B256::ZERO).err().map(|e| e.to_string()),
            Some(NotAPrivateKey.to_string())
        );
        assert!(key_from_bytes(&B256::repeat_byte(0xff)).is_err());
    }
}
