//! Encrypted results and the RSA keys that they are made for. Keys and ciphertexts under `data` were made with OpenSSL.

#![allow(clippy::unwrap_used)]

use std::io::{Cursor, Read, Write};

use metacloud_seal::result::{self, ARCHIVE_ENTRY, KEY_ENTRY, ResultEntropy, ResultError};
use metacloud_seal::rsa_key::{PADDING_BYTES_MAX, PrivateKey, PublicKey, RsaError};
use metacloud_seal::{AesKey, cbc};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

const PUBLIC: [&str; 2] = [include_str!("data/rsa-2048.pub.pem"), include_str!("data/rsa-4096.pub.pem")];
const PRIVATE: [&str; 2] = [include_str!("data/rsa-2048.pem"), include_str!("data/rsa-4096.pem")];
const BY_OPENSSL: [&[u8]; 2] =
    [include_bytes!("data/rsa-2048.openssl.bin"), include_bytes!("data/rsa-4096.openssl.bin")];

/// Entropy for tests: has zero bytes in it, as real entropy has.
fn padding() -> Box<[u8; 2 * PADDING_BYTES_MAX]> {
    Box::new(std::array::from_fn(|i| (i * 31 % 256) as u8))
}

fn counted() -> Vec<u8> {
    (0..32).collect()
}

#[test]
fn what_is_encrypted_to_a_key_its_owner_decrypts() {
    for (public, private) in PUBLIC.iter().zip(PRIVATE) {
        let public = PublicKey::from_pem(public).unwrap();
        let private = PrivateKey::from_pem(private).unwrap();
        let max = public.size_bytes() - 11;
        for message in [vec![], counted(), vec![0; 32], vec![0xff; max]] {
            let encrypted = public.encrypt(&message, &padding()).unwrap();
            assert_eq!(encrypted.len(), public.size_bytes());
            assert_eq!(private.decrypt(&encrypted).unwrap().as_slice(), message);
        }
        let refused = public.encrypt(&vec![1; max + 1], &padding());
        assert_eq!(refused, Err(RsaError::TooLong { found: max + 1, max }));
    }
}

#[test]
fn ciphertexts_of_openssl_are_decrypted() {
    for (private, encrypted) in PRIVATE.iter().zip(BY_OPENSSL) {
        assert_eq!(PrivateKey::from_pem(private).unwrap().decrypt(encrypted).unwrap().as_slice(), counted());
    }
}

#[test]
fn what_is_not_for_the_key_is_not_decrypted() {
    let keys = PRIVATE.map(|pem| PrivateKey::from_pem(pem).unwrap());
    assert_eq!(keys[0].decrypt(BY_OPENSSL[1]), Err(RsaError::NotDecrypted));
    assert_eq!(keys[1].decrypt(BY_OPENSSL[0]), Err(RsaError::NotDecrypted));
    for bad in [vec![], vec![0xff; 256], BY_OPENSSL[0][1..].to_vec(), [BY_OPENSSL[0], &[0]].concat()] {
        assert_eq!(keys[0].decrypt(&bad), Err(RsaError::NotDecrypted));
    }
}

#[test]
fn keys_are_read_as_clients_store_them() {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let pem = PUBLIC[0];
    let key = PublicKey::from_pem(pem).unwrap();
    let one_line = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----",
        pem.lines().filter(|line| !line.starts_with('-')).collect::<String>()
    );
    for form in [pem, pem.trim_end(), &pem.replace('\n', "\r\n"), &one_line] {
        assert_eq!(PublicKey::from_pem(form).unwrap(), key);
        assert_eq!(PublicKey::from_base64_pem(&encode(form)).unwrap(), key);
    }
}

#[test]
fn other_texts_and_other_keys_are_refused() {
    let huge = "A".repeat(1 << 20);
    let cut = &PUBLIC[0][..200];
    let torn = PUBLIC[0].replace("MIIB", "MIIC");
    for (pem, error) in [
        ("", RsaError::Pem),
        (huge.as_str(), RsaError::Pem),
        (cut, RsaError::Pem),
        (PRIVATE[0], RsaError::Pem),
        ("-----BEGIN PUBLIC KEY----------END PUBLIC KEY-----", RsaError::Key),
        (torn.as_str(), RsaError::Key),
        (include_str!("data/rsa-1024.pub.pem"), RsaError::Key),
        (include_str!("data/ec.pub.pem"), RsaError::Key),
    ] {
        assert_eq!(PublicKey::from_pem(pem), Err(error), "{}", &pem[..pem.len().min(60)]);
        assert!(PublicKey::from_base64_pem(pem).is_err());
    }
    assert_eq!(PrivateKey::from_pem(PUBLIC[0]).err(), Some(RsaError::Pem));
}

fn entropy() -> ResultEntropy {
    ResultEntropy { key: AesKey::new(counted().try_into().unwrap()), iv: [4; 16], padding: padding() }
}

fn encrypted(plain: &[u8]) -> Vec<u8> {
    let public = PublicKey::from_pem(PUBLIC[0]).unwrap();
    let length = plain.len() as u64;
    let mut plain = plain;
    result::write(&public, &entropy(), &mut plain, length, Cursor::new(Vec::new())).unwrap().into_inner()
}

#[test]
fn a_result_has_the_two_root_entries_and_opens_for_its_beneficiary() {
    let plain: Vec<u8> = (0..200_000_u32).map(|i| (i % 253) as u8).collect();
    let archive = encrypted(&plain);
    assert_eq!(archive, encrypted(&plain), "equal input, equal output");
    let mut zip = ZipArchive::new(Cursor::new(&archive)).unwrap();
    assert_eq!(zip.len(), 2);
    assert_eq!(zip.by_index(0).unwrap().name().unwrap(), KEY_ENTRY);
    let mut entry = Vec::new();
    zip.by_name(ARCHIVE_ENTRY).unwrap().read_to_end(&mut entry).unwrap();
    assert_eq!(entry, cbc::encrypt(&entropy().key, [4; 16], &plain));
    assert!(result::is_encrypted(Cursor::new(&archive)));

    let mut back = Vec::new();
    let private = PrivateKey::from_pem(PRIVATE[0]).unwrap();
    assert_eq!(result::read(&private, Cursor::new(&archive), &mut back).unwrap(), plain.len() as u64);
    assert_eq!(back, plain);

    let stranger = PrivateKey::from_pem(PRIVATE[1]).unwrap();
    let refused = result::read(&stranger, Cursor::new(&archive), &mut Vec::new());
    assert!(matches!(refused, Err(ResultError::Key(RsaError::NotDecrypted))));
}

#[test]
fn an_archive_shorter_than_said_is_an_error() {
    let public = PublicKey::from_pem(PUBLIC[0]).unwrap();
    let short = result::write(&public, &entropy(), &mut [1; 9].as_slice(), 100, Cursor::new(Vec::new()));
    assert!(matches!(short, Err(ResultError::Archive(_))));
    let huge = result::write(&public, &entropy(), &mut [].as_slice(), u64::MAX / 2, Cursor::new(Vec::new()));
    assert!(matches!(huge, Err(ResultError::TooLong { .. })));
}

#[test]
fn archives_without_the_entries_or_with_others_in_them_are_refused() {
    let make = |entries: &[(&str, &[u8])]| {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    };
    let key = PrivateKey::from_pem(PRIVATE[0]).unwrap();
    let read = |zip: Vec<u8>| result::read(&key, Cursor::new(zip), &mut Vec::new());
    assert!(matches!(read(b"no zip".to_vec()), Err(ResultError::Zip(_))));
    assert!(matches!(read(make(&[])), Err(ResultError::Missing { entry: KEY_ENTRY })));
    let folder = make(&[("out/aes-key.rsa", BY_OPENSSL[0]), ("out/iexec_out.zip.aes", &[0; 32])]);
    assert!(!result::is_encrypted(Cursor::new(&folder)));
    assert!(matches!(read(folder), Err(ResultError::Missing { entry: KEY_ENTRY })));
    let alone = make(&[(KEY_ENTRY, BY_OPENSSL[0])]);
    assert!(matches!(read(alone), Err(ResultError::Missing { entry: ARCHIVE_ENTRY })));
    let long = make(&[(KEY_ENTRY, &[0; 1_001]), (ARCHIVE_ENTRY, &[0; 32])]);
    assert!(matches!(read(long), Err(ResultError::TooLong { entry: KEY_ENTRY, .. })));
    let torn = make(&[(KEY_ENTRY, BY_OPENSSL[0]), (ARCHIVE_ENTRY, &[0; 33])]);
    assert!(matches!(read(torn), Err(ResultError::Archive(_))));
    let public = PublicKey::from_pem(PUBLIC[0]).unwrap();
    let short_key = public.encrypt(&[1; 16], &padding()).unwrap();
    let legacy = make(&[(KEY_ENTRY, &short_key), (ARCHIVE_ENTRY, &[0; 32])]);
    assert!(matches!(read(legacy), Err(ResultError::NotAes256)));
}
