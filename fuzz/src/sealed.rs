//! What owners, enclaves and strangers send to the secrets service, and sealed files.

use std::io::Cursor;

use metacloud_seal::chunked::{self, Opened};
use metacloud_seal::rsa_key::PublicKey;
use metacloud_seal::sealed::{self, SealKey};
use metacloud_seal::{AesKey, cbc, result};
use metacloud_wire::enclave::SecretsRequest;
use metacloud_wire::secrets::{DeleteSecret, Policy, SetSecret};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// To whom the seeds are sealed.
pub(crate) const RECIPIENT: [u8; 32] = [7; 32];

/// Bodies of the signed form and of enclaves: what is read is the same once written.
pub(crate) fn secret_message(bytes: &[u8]) {
    if let Some(read) = comes_back::<SetSecret>(bytes) {
        let _ = (read.message.id(), read.value_fits());
    }
    if let Some(read) = comes_back::<DeleteSecret>(bytes) {
        let _ = read.message.id();
    }
    let _ = serde_json::from_slice::<SecretsRequest>(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(policy) = text.parse::<Policy>() {
        assert_eq!(policy.to_string().parse(), Ok(policy));
    }
}

fn comes_back<T: DeserializeOwned + Serialize + PartialEq>(bytes: &[u8]) -> Option<T> {
    let read: T = serde_json::from_slice(bytes).ok()?;
    let written = serde_json::to_vec(&read).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written).expect("what is written can be read");
    assert!(again == read, "a message changed on its way");
    Some(read)
}

/// Sealed files, encrypted datasets and results, keys: a file that opens as a stream opens at any place, with the same
/// bytes.
pub(crate) fn sealed_file(bytes: &[u8]) {
    let key = SealKey::new(RECIPIENT);
    let mut plain = Vec::new();
    let streamed = chunked::decrypt(&key, &mut &bytes[..], &mut plain);
    let opened = Opened::new(&key, Cursor::new(bytes));
    if streamed.is_ok() {
        let mut opened = opened.expect("it opens as a stream");
        assert_eq!(opened.plain_bytes(), plain.len() as u64);
        let mut again = vec![0; plain.len()];
        opened.read_at(0, &mut again).expect("it opens as a stream");
        assert_eq!(again, plain);
    } else if let Ok(mut opened) = opened {
        // Its end is sound; something before it is not.
        let mut all = vec![0; usize::try_from(opened.plain_bytes()).expect("no more than the input")];
        assert!(opened.read_at(0, &mut all).is_err());
    }
    let _ = sealed::open(&key, b"fuzz", b"", bytes);
    let _ = cbc::decrypt(&AesKey::new(RECIPIENT), bytes);
    let _ = result::is_encrypted(Cursor::new(bytes));
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = AesKey::from_base64(text);
    let _ = PublicKey::from_pem(text);
    let _ = PublicKey::from_base64_pem(text);
}
