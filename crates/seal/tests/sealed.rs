//! Sealed messages: the RFC's own, by a second implementation, and everything that must not open.

#![allow(clippy::unwrap_used)]

use metacloud_seal::sealed::{
    MESSAGE_BYTES_MAX, OVERHEAD_BYTES, SealKey, SealedError, X25519_BYTES, open, seal,
};
use proptest::prelude::*;
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_256 as PEER;
use rustls::crypto::hpke::{EncapsulatedSecret, Hpke, HpkePrivateKey, HpkePublicKey};

const PURPOSE: &[u8] = b"a purpose";
const BINDING: &[u8] = b"a binding";

fn key() -> SealKey {
    SealKey::new([7; 32])
}

fn sealed(message: &[u8]) -> Vec<u8> {
    seal(&key().public(), PURPOSE, BINDING, message, [9; 32]).unwrap()
}

#[test]
fn another_implementation_of_hpke_opens_what_is_sealed() {
    for message in [b"".as_slice(), b"secret", &[5; 10_000]] {
        let sealed = sealed(message);
        assert_eq!(sealed.len(), message.len() + OVERHEAD_BYTES);
        let (encapsulated, ciphertext) = sealed.split_at(X25519_BYTES);
        let encapsulated = EncapsulatedSecret(encapsulated.to_vec());
        let key = HpkePrivateKey::from(key().as_bytes().to_vec());
        assert_eq!(PEER.open(&encapsulated, PURPOSE, BINDING, ciphertext, &key).unwrap(), message);
    }
}

#[test]
fn what_another_implementation_of_hpke_seals_is_opened() {
    for message in [b"".as_slice(), b"secret", &[5; 10_000]] {
        let public = HpkePublicKey(key().public().to_vec());
        let (encapsulated, ciphertext) = PEER.seal(PURPOSE, BINDING, message, &public).unwrap();
        let sealed = [encapsulated.0, ciphertext].concat();
        assert_eq!(open(&key(), PURPOSE, BINDING, &sealed).unwrap().as_slice(), message);
    }
}

#[test]
fn equal_arguments_seal_equally_and_other_entropy_seals_otherwise() {
    assert_eq!(sealed(b"secret"), sealed(b"secret"));
    let other = seal(&key().public(), PURPOSE, BINDING, b"secret", [10; 32]).unwrap();
    assert_ne!(sealed(b"secret")[..32], other[..32]);
    assert_ne!(sealed(b"secret")[32..], other[32..]);
}

#[test]
fn another_key_purpose_or_binding_opens_nothing() {
    let sealed = sealed(b"secret");
    for (key, purpose, binding) in [
        (SealKey::new([8; 32]), PURPOSE, BINDING),
        (key(), b"another".as_slice(), BINDING),
        (key(), b"".as_slice(), BINDING),
        (key(), PURPOSE, b"".as_slice()),
        (key(), BINDING, PURPOSE),
    ] {
        assert_eq!(open(&key, purpose, binding, &sealed), Err(SealedError::NotOpened));
    }
}

#[test]
fn points_of_small_order_are_no_recipients_and_no_encapsulations() {
    let mut one = [0; 32];
    one[0] = 1;
    for point in [[0; 32], one] {
        assert_eq!(seal(&point, PURPOSE, BINDING, b"secret", [9; 32]), Err(SealedError::PublicKey));
        let mut forged = sealed(b"secret");
        forged[..32].copy_from_slice(&point);
        assert_eq!(open(&key(), PURPOSE, BINDING, &forged), Err(SealedError::NotOpened));
    }
}

#[test]
fn long_messages_are_refused_at_both_ends() {
    let long = vec![0; MESSAGE_BYTES_MAX + 1];
    let refused = seal(&key().public(), PURPOSE, BINDING, &long, [9; 32]);
    assert_eq!(refused, Err(SealedError::TooLong { found: MESSAGE_BYTES_MAX + 1 }));
    let longer = vec![0; MESSAGE_BYTES_MAX + OVERHEAD_BYTES + 1];
    assert_eq!(open(&key(), PURPOSE, BINDING, &longer), Err(SealedError::NotOpened));
}

#[test]
fn keys_are_not_shown() {
    assert_eq!(format!("{:?}", key()), "SealKey(hidden)");
}

proptest! {
    #[test]
    fn no_changed_cut_or_lengthened_message_opens(
        message in proptest::collection::vec(any::<u8>(), 0..200),
        place in any::<prop::sample::Index>(),
        bit in 0_u32..8,
    ) {
        let whole = sealed(&message);
        prop_assert!(*open(&key(), PURPOSE, BINDING, &whole).unwrap() == message);
        let mut changed = whole.clone();
        let at = place.index(whole.len());
        changed[at] ^= 1 << bit;
        // X25519 ignores the highest bit of a point, but the key schedule binds its bytes.
        prop_assert_eq!(open(&key(), PURPOSE, BINDING, &changed), Err(SealedError::NotOpened));
        prop_assert_eq!(open(&key(), PURPOSE, BINDING, &whole[..at]), Err(SealedError::NotOpened));
        let longer = [whole.as_slice(), &[0]].concat();
        prop_assert_eq!(open(&key(), PURPOSE, BINDING, &longer), Err(SealedError::NotOpened));
    }
}
