//! An encrypted keystore (Web3 Secret Storage, version 3) as Ethereum wallets read it: AES-128-CTR under a key derived by
//! PBKDF2, with a Keccak-256 check.

use std::num::NonZeroU32;

use alloy_primitives::{Address, B256, hex, keccak256};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::pbkdf2;
use serde_json::{Value, json};

/// Rounds of PBKDF2, as geth's own keystores with this function have.
const ROUNDS: NonZeroU32 = NonZeroU32::new(262_144).expect("not zero");

/// What makes one keystore differ from the next: the salt, the counter's start, and the name's number.
pub(crate) struct Chance {
    pub(crate) salt: [u8; 32],
    pub(crate) iv: [u8; 16],
    pub(crate) id: [u8; 16],
}

impl Chance {
    /// Fresh from the system; `None` if it has none to give.
    pub(crate) fn fresh() -> Option<Self> {
        let mut chance = Self { salt: [0; 32], iv: [0; 16], id: [0; 16] };
        for part in [&mut chance.salt[..], &mut chance.iv[..], &mut chance.id[..]] {
            aws_lc_rs::rand::fill(part).ok()?;
        }
        Some(chance)
    }
}

/// The keystore of a key; `None` if the cipher fails, which it does not for keys of this length.
pub(crate) fn encrypt(key: &B256, address: Address, password: &str, chance: &Chance) -> Option<Value> {
    let mut derived = [0; 32];
    let function = pbkdf2::PBKDF2_HMAC_SHA256;
    pbkdf2::derive(function, ROUNDS, &chance.salt, password.as_bytes(), &mut derived);
    let cipher = EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, &derived[..16]).ok()?).ok()?;
    let mut ciphertext = key.to_vec();
    let context = EncryptionContext::Iv128(FixedLength::from(chance.iv));
    cipher.less_safe_encrypt(&mut ciphertext, context).ok()?;
    let mac = keccak256([&derived[16..], &ciphertext].concat());
    Some(json!({
        "version": 3,
        "id": uuid(chance.id),
        "address": hex::encode(address),
        "crypto": {
            "cipher": "aes-128-ctr",
            "cipherparams": { "iv": hex::encode(chance.iv) },
            "ciphertext": hex::encode(&ciphertext),
            "kdf": "pbkdf2",
            "kdfparams": {
                "dklen": 32, "c": ROUNDS.get(), "prf": "hmac-sha256", "salt": hex::encode(chance.salt),
            },
            "mac": hex::encode(mac),
        },
    }))
}

/// A random UUID (version 4).
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let text = hex::encode(bytes);
    let parts = [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published PBKDF2 vector of the Web3 Secret Storage definition.
    #[test]
    fn keystore_equals_the_published_vector() {
        let bytes = |text: &str| hex::decode(text).expect("hex");
        let chance = Chance {
            salt: bytes("ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd")
                .try_into()
                .expect("32 bytes"),
            iv: bytes("6087dab2f9fdbbfaddc31a909735c1e6").try_into().expect("16 bytes"),
            id: [0xff; 16],
        };
        let key: B256 =
            "0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d".parse().expect("a word");
        let made = encrypt(&key, Address::ZERO, "testpassword", &chance).expect("encrypts");
        let crypto = &made["crypto"];
        assert_eq!(crypto["ciphertext"], "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46");
        assert_eq!(crypto["mac"], "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2");
        assert_eq!(made["id"], "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
