//! RSA keys of beneficiaries: PKCS#1 v1.5 encryption of a result's key, as iExec clients open it (http-surface 9).
//!
//! Encryption takes its padding as an argument and runs in constant time. Decryption is for the owner of a key on its
//! own machine: PKCS#1 v1.5 must not be decrypted on behalf of strangers.

use std::fmt;

use aws_lc_rs::rsa::{Pkcs1PrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto_bigint::modular::runtime_mod::{DynResidue, DynResidueParams};
use crypto_bigint::{Encoding, U64, U2048, U3072, U4096, Uint};
use spki::der::asn1::UintRef;
use spki::der::{Decode, Reader, SliceReader};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

/// Longest PEM text accepted: a private key of 4096 bits has some 3,300 characters.
pub const PEM_BYTES_MAX: usize = 8 * 1024;
/// Most bytes of padding that one encryption needs: those of a 4096-bit key.
pub const PADDING_BYTES_MAX: usize = 512;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// `00 02`, at least eight bytes of padding, `00` (RFC 8017, 7.2.1).
const FRAME_BYTES: usize = 11;

/// Why a key or a message is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RsaError {
    /// Not a PEM text of the kind asked for.
    #[error("not a key in PEM form")]
    Pem,
    /// Not an RSA public key of 2048, 3072 or 4096 bits with an odd exponent from 3 to 2^32.
    #[error("not an RSA key of 2048, 3072 or 4096 bits")]
    Key,
    /// Longer than the key can carry.
    #[error("the message has {found} bytes, this key carries {max}")]
    TooLong {
        /// Its bytes.
        found: usize,
        /// What the key carries.
        max: usize,
    },
    /// Not encrypted to this key.
    #[error("not encrypted to this key")]
    NotDecrypted,
}

/// A public key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    modulus: Modulus,
    exponent: u64,
}

#[derive(Clone, PartialEq, Eq)]
enum Modulus {
    Bits2048(Box<U2048>),
    Bits3072(Box<U3072>),
    Bits4096(Box<U4096>),
}

impl PublicKey {
    /// Reads the value of `iexec-result-encryption-public-key`: base64 of a PEM text.
    ///
    /// # Errors
    /// [`RsaError::Pem`], [`RsaError::Key`].
    pub fn from_base64_pem(text: &str) -> Result<Self, RsaError> {
        let text = text.trim_ascii();
        if text.len() > PEM_BYTES_MAX * 2 {
            return Err(RsaError::Pem);
        }
        let pem = STANDARD.decode(text).map_err(|_| RsaError::Pem)?;
        Self::from_pem(std::str::from_utf8(&pem).map_err(|_| RsaError::Pem)?)
    }

    /// Reads a `PUBLIC KEY` in PEM (SPKI). Lines may have any length.
    ///
    /// # Errors
    /// [`RsaError::Pem`], [`RsaError::Key`].
    pub fn from_pem(pem: &str) -> Result<Self, RsaError> {
        let der = der_of(pem, "PUBLIC KEY")?;
        let info = SubjectPublicKeyInfoRef::from_der(&der).map_err(|_| RsaError::Key)?;
        if info.algorithm.oid != RSA {
            return Err(RsaError::Key);
        }
        let numbers = info.subject_public_key.as_bytes().ok_or(RsaError::Key)?;
        let mut reader = SliceReader::new(numbers).map_err(|_| RsaError::Key)?;
        let (modulus, exponent) = reader
            .sequence(|inner| Ok((UintRef::decode(inner)?, UintRef::decode(inner)?)))
            .map_err(|_| RsaError::Key)?;
        reader.finish((modulus, exponent)).map_err(|_| RsaError::Key)?;
        Self::from_numbers(modulus.as_bytes(), exponent.as_bytes())
    }

    fn from_numbers(modulus: &[u8], exponent: &[u8]) -> Result<Self, RsaError> {
        // The highest bit set: a modulus of exactly this many bits. Odd: one that Montgomery's form takes.
        let whole = modulus.first().is_some_and(|byte| byte & 0x80 != 0);
        let odd = modulus.last().is_some_and(|byte| byte & 1 == 1);
        if !whole || !odd || exponent.len() > 4 {
            return Err(RsaError::Key);
        }
        let exponent = exponent.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        if exponent < 3 || exponent % 2 == 0 {
            return Err(RsaError::Key);
        }
        let modulus = match modulus.len() {
            256 => Modulus::Bits2048(Box::new(U2048::from_be_slice(modulus))),
            384 => Modulus::Bits3072(Box::new(U3072::from_be_slice(modulus))),
            512 => Modulus::Bits4096(Box::new(U4096::from_be_slice(modulus))),
            _ => return Err(RsaError::Key),
        };
        Ok(Self { modulus, exponent })
    }

    /// Bytes of the modulus, and of every ciphertext.
    pub fn size_bytes(&self) -> usize {
        match self.modulus {
            Modulus::Bits2048(_) => 256,
            Modulus::Bits3072(_) => 384,
            Modulus::Bits4096(_) => 512,
        }
    }

    /// Encrypts a message of at most `size_bytes() - 11` bytes. `padding` is entropy for this message alone; zero bytes
    /// in it are stepped over, as the format has none, and made up for from its second half.
    ///
    /// # Errors
    /// [`RsaError::TooLong`].
    pub fn encrypt(
        &self,
        message: &[u8],
        padding: &[u8; 2 * PADDING_BYTES_MAX],
    ) -> Result<Vec<u8>, RsaError> {
        let size = self.size_bytes();
        let max = size - FRAME_BYTES;
        if message.len() > max {
            return Err(RsaError::TooLong { found: message.len(), max });
        }
        let mut block = Zeroizing::new(vec![0; size]);
        block[1] = 2;
        let message_at = size - message.len();
        // A byte of chance is zero once in 256: that fewer than half of 1024 are not is out of this world, and then the
        // last ones repeat a constant rather than break the format.
        let mut chance = padding.iter().copied().filter(|byte| *byte != 0);
        for byte in &mut block[2..message_at - 1] {
            *byte = chance.next().unwrap_or(0xff);
        }
        block[message_at..].copy_from_slice(message);
        Ok(match &self.modulus {
            Modulus::Bits2048(modulus) => power(&block, self.exponent, modulus),
            Modulus::Bits3072(modulus) => power(&block, self.exponent, modulus),
            Modulus::Bits4096(modulus) => power(&block, self.exponent, modulus),
        })
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} bits)", self.size_bytes() * 8)
    }
}

/// `block^exponent mod modulus`, in constant time but for the exponent, which is public.
fn power<const LIMBS: usize>(block: &[u8], exponent: u64, modulus: &Uint<LIMBS>) -> Vec<u8>
where
    Uint<LIMBS>: Encoding,
{
    let params = DynResidueParams::new(modulus);
    let base = DynResidue::new(&Uint::from_be_slice(block), params);
    let bits = (u64::BITS - exponent.leading_zeros()) as usize;
    let power = base.pow_bounded_exp(&U64::from_u64(exponent), bits).retrieve();
    power.to_be_bytes().as_ref().to_vec()
}

/// A private key, for its owner's own machine.
pub struct PrivateKey(Pkcs1PrivateDecryptingKey);

impl PrivateKey {
    /// Reads a `PRIVATE KEY` in PEM (PKCS#8).
    ///
    /// # Errors
    /// [`RsaError::Pem`], [`RsaError::Key`].
    pub fn from_pem(pem: &str) -> Result<Self, RsaError> {
        let der = der_of(pem, "PRIVATE KEY")?;
        let key = PrivateDecryptingKey::from_pkcs8(&der).map_err(|_| RsaError::Key)?;
        Pkcs1PrivateDecryptingKey::new(key).map(Self).map_err(|_| RsaError::Key)
    }

    /// Decrypts a message.
    ///
    /// # Errors
    /// [`RsaError::NotDecrypted`].
    pub fn decrypt(&self, encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, RsaError> {
        if encrypted.len() != self.0.key_size_bytes() {
            return Err(RsaError::NotDecrypted);
        }
        let mut room = Zeroizing::new(vec![0; self.0.min_output_size()]);
        let length = self.0.decrypt(encrypted, &mut room).map_err(|_| RsaError::NotDecrypted)?.len();
        room.truncate(length);
        Ok(room)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(hidden)")
    }
}

/// The bytes between the lines of a PEM text with this label.
fn der_of(pem: &str, label: &str) -> Result<Zeroizing<Vec<u8>>, RsaError> {
    if pem.len() > PEM_BYTES_MAX {
        return Err(RsaError::Pem);
    }
    let body = pem
        .trim_ascii()
        .strip_prefix(&format!("-----BEGIN {label}-----"))
        .and_then(|rest| rest.strip_suffix(&format!("-----END {label}-----")))
        .ok_or(RsaError::Pem)?;
    let body: Zeroizing<String> =
        Zeroizing::new(body.chars().filter(|character| !character.is_ascii_whitespace()).collect());
    STANDARD.decode(body.as_bytes()).map(Zeroizing::new).map_err(|_| RsaError::Pem)
}
