//! Values at rest: AES-256-GCM, each under a key of its own that a master key and a salt give.
//!
//! Form: the salt (32 bytes), the ciphertext, the tag (16 bytes). A key serves one value, so no nonce can repeat; the
//! *binding* names the place where the value lies, so that values cannot be exchanged.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::key::AesKey;

/// Bytes of a salt.
pub const SALT_BYTES: usize = 32;
/// Bytes that sealing adds to a value.
pub const OVERHEAD_BYTES: usize = SALT_BYTES + 16;

/// Changed, or sealed under another key or for another place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not sealed under this key for this place, or changed since")]
pub struct NotOpened;

/// Seals a value for its place. `salt` is entropy for this value alone.
///
/// # Panics
/// For a value of 64 GiB and more, the bound of AES-GCM.
pub fn seal(master: &AesKey, salt: [u8; SALT_BYTES], binding: &[u8], value: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(value.len() + OVERHEAD_BYTES);
    sealed.extend_from_slice(&salt);
    sealed.extend_from_slice(value);
    let tag = key_of(master, &salt)
        .seal_in_place_separate_tag(zero_nonce(), Aad::from(binding), &mut sealed[SALT_BYTES..])
        .expect("a value in memory is below the bound of AES-GCM");
    sealed.extend_from_slice(tag.as_ref());
    sealed
}

/// Opens a value at its place.
///
/// # Errors
/// [`NotOpened`].
pub fn open(master: &AesKey, binding: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
    let (salt, rest) = sealed.split_first_chunk::<SALT_BYTES>().ok_or(NotOpened)?;
    let mut value = Zeroizing::new(rest.to_vec());
    let key = key_of(master, salt);
    let length =
        key.open_in_place(zero_nonce(), Aad::from(binding), &mut value).map_err(|_| NotOpened)?.len();
    value.truncate(length);
    Ok(value)
}

/// A mark by which bytes are known again and that tells nothing about them without the key.
pub fn fingerprint(master: &AesKey, bytes: &[u8]) -> [u8; 32] {
    mac(master, b"metacloud fingerprint v1", bytes)
}

fn key_of(master: &AesKey, salt: &[u8; SALT_BYTES]) -> LessSafeKey {
    let key = Zeroizing::new(mac(master, b"metacloud record key v1", salt));
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_slice()).expect("an AES-256 key has 32 bytes"))
}

fn mac(master: &AesKey, purpose: &[u8], bytes: &[u8]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, master.as_bytes()));
    context.update(purpose);
    context.update(bytes);
    context.sign().as_ref().try_into().expect("HMAC-SHA256 gives 32 bytes")
}

fn zero_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_open_at_their_place_under_their_key_only() {
        let master = AesKey::new([1; 32]);
        let sealed = seal(&master, [2; 32], b"here", b"value");
        assert_eq!(sealed.len(), 5 + OVERHEAD_BYTES);
        assert_eq!(open(&master, b"here", &sealed).unwrap().as_slice(), b"value");
        assert_eq!(open(&master, b"there", &sealed), Err(NotOpened));
        assert_eq!(open(&AesKey::new([3; 32]), b"here", &sealed), Err(NotOpened));
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&master, b"here", &changed), Err(NotOpened), "byte {at}");
            assert_eq!(open(&master, b"here", &sealed[..at]), Err(NotOpened), "cut at {at}");
        }
    }

    #[test]
    fn salts_make_equal_values_differ_and_fingerprints_do_not() {
        let master = AesKey::new([1; 32]);
        let one = seal(&master, [2; 32], b"here", b"value");
        let two = seal(&master, [3; 32], b"here", b"value");
        assert_ne!(one[32..], two[32..]);
        assert_eq!(fingerprint(&master, b"value"), fingerprint(&master, b"value"));
        assert_ne!(fingerprint(&master, b"value"), fingerprint(&AesKey::new([9; 32]), b"value"));
    }
}
