//! Short messages to an X25519 key: HPKE (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and
//! AES-256-GCM, one message per encapsulation, so that any HPKE library opens what is sealed here.
//!
//! Form: the encapsulated key (32 bytes), the ciphertext, the tag (16 bytes). The *purpose* is HPKE's `info`: what is
//! sealed for one purpose does not open for another. The *binding* is HPKE's `aad`.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, UnparsedPublicKey, X25519};
use aws_lc_rs::hmac;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// Bytes of an X25519 key, private or public.
pub const X25519_BYTES: usize = 32;
/// Bytes that sealing adds to a message.
pub const OVERHEAD_BYTES: usize = X25519_BYTES + 16;
/// Longest message: a mebibyte. Longer ones want the chunked form.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

const KEM_SUITE: &[u8] = b"KEM\x00\x20";
const SUITE: &[u8] = b"HPKE\x00\x20\x00\x01\x00\x02";
const MODE_BASE: u8 = 0;

/// Why a message is not sealed or not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealedError {
    /// A point of small order: no secret can be agreed on with it.
    #[error("not a usable X25519 public key")]
    PublicKey,
    /// Over [`MESSAGE_BYTES_MAX`].
    #[error("the message has {found} bytes, at most {MESSAGE_BYTES_MAX} are sealed at once")]
    TooLong {
        /// Its bytes.
        found: usize,
    },
    /// Changed on the way, or sealed to another key, for another purpose or with another binding.
    #[error("not sealed to this key for this purpose, or changed since")]
    NotOpened,
}

/// A private X25519 key; wiped when dropped, never shown.
#[derive(Clone, ZeroizeOnDrop)]
pub struct SealKey([u8; X25519_BYTES]);

impl SealKey {
    /// The key of 32 bytes of entropy, which the caller wipes.
    pub fn new(entropy: [u8; X25519_BYTES]) -> Self {
        Self(entropy)
    }

    /// The bytes, for a file that only its owner reads.
    pub fn as_bytes(&self) -> &[u8; X25519_BYTES] {
        &self.0
    }

    /// The public half.
    pub fn public(&self) -> [u8; X25519_BYTES] {
        let public = self.agreement().compute_public_key().expect("each X25519 key has a public half");
        public.as_ref().try_into().expect("32 bytes long")
    }

    fn agreement(&self) -> agreement::PrivateKey {
        agreement::PrivateKey::from_private_key(&X25519, &self.0).expect("any 32 bytes are an X25519 key")
    }

    /// The Diffie-Hellman secret with `public`, into HPKE's shared secret.
    fn agree(
        &self,
        public: &[u8; X25519_BYTES],
        encapsulated: &[u8],
        recipient: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, SealedError> {
        let peer = UnparsedPublicKey::new(&X25519, public);
        agreement::agree(&self.agreement(), peer, SealedError::PublicKey, |secret| {
            let prk = extract(&[], KEM_SUITE, b"eae_prk", secret);
            let context = [encapsulated, recipient].concat();
            let mut shared = Zeroizing::new([0; 32]);
            expand(prk.as_slice(), KEM_SUITE, b"shared_secret", &context, shared.as_mut_slice());
            Ok(shared)
        })
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(hidden)")
    }
}

/// Seals a message to the owner of `recipient`. `ephemeral` is 32 bytes of entropy, used for this message alone.
///
/// # Errors
/// [`SealedError::PublicKey`], [`SealedError::TooLong`].
pub fn seal(
    recipient: &[u8; X25519_BYTES],
    purpose: &[u8],
    binding: &[u8],
    message: &[u8],
    ephemeral: [u8; X25519_BYTES],
) -> Result<Vec<u8>, SealedError> {
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(SealedError::TooLong { found: message.len() });
    }
    let ephemeral = SealKey::new(ephemeral);
    let encapsulated = ephemeral.public();
    let shared = ephemeral.agree(recipient, &encapsulated, recipient)?;
    let (key, nonce) = schedule(&shared, purpose);
    let mut sealed = Vec::with_capacity(message.len() + OVERHEAD_BYTES);
    sealed.extend_from_slice(&encapsulated);
    sealed.extend_from_slice(message);
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(binding), &mut sealed[X25519_BYTES..])
        .expect("a mebibyte is far below the bound of AES-GCM");
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

/// Opens what was sealed to this key.
///
/// # Errors
/// [`SealedError::NotOpened`], whatever the reason.
pub fn open(
    key: &SealKey,
    purpose: &[u8],
    binding: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealedError> {
    if sealed.len() > MESSAGE_BYTES_MAX + OVERHEAD_BYTES {
        return Err(SealedError::NotOpened);
    }
    let (encapsulated, rest) = sealed.split_first_chunk::<X25519_BYTES>().ok_or(SealedError::NotOpened)?;
    let shared = key.agree(encapsulated, encapsulated, &key.public()).map_err(|_| SealedError::NotOpened)?;
    let (key, nonce) = schedule(&shared, purpose);
    let mut message = Zeroizing::new(rest.to_vec());
    let opened =
        key.open_in_place(nonce, Aad::from(binding), &mut message).map_err(|_| SealedError::NotOpened)?.len();
    message.truncate(opened);
    Ok(message)
}

/// Key and first nonce of RFC 9180's key schedule, without a pre-shared key.
fn schedule(shared: &[u8; 32], purpose: &[u8]) -> (LessSafeKey, Nonce) {
    let psk_id_hash = extract(&[], SUITE, b"psk_id_hash", &[]);
    let info_hash = extract(&[], SUITE, b"info_hash", purpose);
    let context = [&[MODE_BASE], psk_id_hash.as_slice(), info_hash.as_slice()].concat();
    let secret = extract(shared, SUITE, b"secret", &[]);
    let mut key = Zeroizing::new([0; 32]);
    expand(secret.as_slice(), SUITE, b"key", &context, key.as_mut_slice());
    let mut nonce = [0; NONCE_LEN];
    expand(secret.as_slice(), SUITE, b"base_nonce", &context, &mut nonce);
    let key = UnboundKey::new(&AES_256_GCM, key.as_slice()).expect("an AES-256 key has 32 bytes");
    (LessSafeKey::new(key), Nonce::assume_unique_for_key(nonce))
}

/// RFC 9180's LabeledExtract.
fn extract(salt: &[u8], suite: &[u8], label: &[u8], secret: &[u8]) -> Zeroizing<[u8; 32]> {
    hmac(salt, &[b"HPKE-v1", suite, label, secret])
}

/// RFC 9180's LabeledExpand, of at most one block of SHA-256.
fn expand(prk: &[u8], suite: &[u8], label: &[u8], info: &[u8], out: &mut [u8]) {
    assert!(out.len() <= 32, "one block is enough here");
    let length = u16::try_from(out.len()).expect("at most 32").to_be_bytes();
    let block = hmac(prk, &[&length, b"HPKE-v1", suite, label, info, &[1]]);
    out.copy_from_slice(&block[..out.len()]);
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    parts.iter().for_each(|part| context.update(part));
    Zeroizing::new(context.sign().as_ref().try_into().expect("HMAC-SHA256 gives 32 bytes"))
}
