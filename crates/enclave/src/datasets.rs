//! From an encrypted dataset to a clear file that only the application sees.
//!
//! Two forms open with the 32 bytes that are the dataset's secret: that of iExec clients, of which they are the AES key,
//! and the project's own, which is sealed to the X25519 key that they are and says so in its first bytes.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read, Seek, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use alloy_primitives::B256;
use metacloud_sandbox::InputFile;
use metacloud_seal::AesKey;
use metacloud_seal::cbc::{self, CbcError};
use metacloud_seal::chunked::{self, ChunkedError};
use metacloud_seal::sealed::SealKey;
use metacloud_wire::cause::{Cause, Failure};
use metacloud_wire::enclave::Bundle;
use sha2::{Digest as _, Sha256};

use crate::talk::Dataset;

/// Bytes hashed at once.
const CHUNK_BYTES: usize = 1 << 16;

/// Checks and decrypts a dataset into `dir`.
pub(crate) fn open(dataset: &Dataset, bundle: &Bundle, dir: &Path) -> Result<InputFile, Failure> {
    let named =
        |cause: Cause, why: String| Failure::new(cause, format!("dataset {}: {why}", dataset.address));
    let Some(path) = &dataset.path else {
        return Err(named(Cause::PRE_COMPUTE_DATASET_DOWNLOAD_FAILED, "it was not fetched".to_owned()));
    };
    let key = bundle.dataset_keys.iter().find(|key| key.dataset == dataset.address);
    let key = key.and_then(|key| AesKey::from_base64(&key.key).ok());
    let Some(key) = key else {
        let why = "there is no key of 32 bytes for it among the secrets of this task".to_owned();
        return Err(named(Cause::PRE_COMPUTE_DATASET_KEY_MISSING, why));
    };
    let unread = |error: std::io::Error| named(Cause::PRE_COMPUTE_DATASET_DOWNLOAD_FAILED, error.to_string());
    let mut file = File::open(path).map_err(unread)?;
    let found = sha256(&mut file).map_err(unread)?;
    // The cipher has no authentication: bytes that are not those on chain are not touched.
    if found != dataset.checksum {
        let why = format!("it has sha256 {found}, its checksum on chain is {}", dataset.checksum);
        return Err(named(Cause::PRE_COMPUTE_INVALID_DATASET_CHECKSUM, why));
    }
    file.seek(SeekFrom::Start(0)).map_err(unread)?;
    let clear = dir.join(dataset.address.to_string());
    let unsaved =
        |error: std::io::Error| named(Cause::PRE_COMPUTE_SAVING_PLAIN_DATASET_FAILED, error.to_string());
    let mut sink =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&clear).map_err(unsaved)?;
    decrypt(&key, file, &mut sink).map_err(|unopened| match unopened {
        Unopened::Form(why) => named(
            Cause::PRE_COMPUTE_DATASET_DECRYPTION_FAILED,
            format!("the key among the secrets of this task does not open it: {why}"),
        ),
        Unopened::Io(error) => unsaved(error),
    })?;
    sink.flush().map_err(unsaved)?;
    Ok(InputFile { name: dataset.name.clone(), path: clear })
}

/// Why a dataset stays closed.
enum Unopened {
    Form(String),
    Io(std::io::Error),
}

fn decrypt(key: &AesKey, file: File, sink: &mut File) -> Result<(), Unopened> {
    let mut source = BufReader::new(file);
    if chunked::is_sealed(source.fill_buf().map_err(Unopened::Io)?) {
        let opened = chunked::decrypt(&SealKey::new(*key.as_bytes()), &mut source, sink);
        return opened.map(drop).map_err(|error| match error {
            ChunkedError::Io { source, .. } => Unopened::Io(source),
            error => Unopened::Form(error.to_string()),
        });
    }
    cbc::decrypt_stream(key, &mut source, sink).map(drop).map_err(|error| match error {
        CbcError::Io { source, .. } => Unopened::Io(source),
        CbcError::Malformed => Unopened::Form(error.to_string()),
    })
}

/// SHA-256 of what is left of a stream.
pub(crate) fn sha256(from: &mut impl Read) -> std::io::Result<B256> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(B256::from_slice(&hash.finalize())),
            length => hash.update(&buffer[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use alloy_primitives::Address;
    use metacloud_wire::enclave::DatasetKey;

    use super::*;

    const ADDRESS: Address = Address::repeat_byte(0x22);
    /// The published vector: key bytes 0 to 31, plain text "hello\n".
    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const ENCRYPTED: &str = "000102030405060708090a0b0c0d0e0f91b9945f1a7532e4a24fcb98b53ece52";
    const CHECKSUM: &str = "0x6a30740503812376e7cef75c31a5a3aa09562da7d74b791eef04ea54aa177342";

    fn dataset(dir: &Path) -> Dataset {
        let path = dir.join("encrypted");
        std::fs::write(&path, alloy_primitives::hex::decode(ENCRYPTED).unwrap()).unwrap();
        let checksum = CHECKSUM.parse().unwrap();
        Dataset { address: ADDRESS, name: "name".to_owned(), checksum, path: Some(path) }
    }

    fn bundle(key: &str) -> Bundle {
        let key = DatasetKey { dataset: ADDRESS, key: key.to_owned() };
        let mut bundle = Bundle::default();
        bundle.dataset_keys.push(key);
        bundle
    }

    #[test]
    fn published_dataset_opens_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let opened = open(&dataset(dir.path()), &bundle(KEY), dir.path()).unwrap();
        assert_eq!(std::fs::read(&opened.path).unwrap(), b"hello\n");
        assert_eq!(opened.name, "name");
        assert_eq!(opened.path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_chunked_form_opens_with_the_same_secret_and_not_if_it_was_changed() {
        let dir = tempfile::tempdir().unwrap();
        let secret = AesKey::from_base64(KEY).unwrap();
        let recipient = SealKey::new(*secret.as_bytes()).public();
        let plain: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
        let mut sealed = Vec::new();
        let file_key = AesKey::new([3; 32]);
        chunked::encrypt(&recipient, &file_key, [4; 32], &mut &plain[..], &mut sealed).unwrap();
        let path = dir.path().join("encrypted");
        let dataset = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let checksum = B256::from_slice(&Sha256::digest(bytes));
            Dataset { address: ADDRESS, name: "name".to_owned(), checksum, path: Some(path.clone()) }
        };
        let opened = open(&dataset(&sealed), &bundle(KEY), dir.path()).unwrap();
        assert_eq!(std::fs::read(&opened.path).unwrap(), plain);

        // The owner published something else than what was sealed: the checksum is right, the content is not.
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        let other_key = "BBECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        for (bytes, key) in
            [(&changed[..], KEY), (&sealed[..sealed.len() - 20], KEY), (&sealed[..], other_key)]
        {
            let dir = tempfile::tempdir().unwrap();
            let refused = open(&dataset(bytes), &bundle(key), dir.path()).unwrap_err();
            assert_eq!(refused.cause, Cause::PRE_COMPUTE_DATASET_DECRYPTION_FAILED, "{refused}");
        }
    }

    #[test]
    fn what_does_not_open_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let sound = dataset(dir.path());
        let cut = Dataset { checksum: B256::ZERO, ..sound.clone() };
        let absent = Dataset { path: None, ..sound.clone() };
        let other_key = "BBECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        for (dataset, bundle, cause) in [
            (&sound, Bundle::default(), Cause::PRE_COMPUTE_DATASET_KEY_MISSING),
            (&sound, bundle("c2hvcnQ="), Cause::PRE_COMPUTE_DATASET_KEY_MISSING),
            (&cut, bundle(KEY), Cause::PRE_COMPUTE_INVALID_DATASET_CHECKSUM),
            (&absent, bundle(KEY), Cause::PRE_COMPUTE_DATASET_DOWNLOAD_FAILED),
            (&sound, bundle(other_key), Cause::PRE_COMPUTE_DATASET_DECRYPTION_FAILED),
        ] {
            let refused = open(dataset, &bundle, dir.path()).unwrap_err();
            assert_eq!(refused.cause, cause, "{refused}");
            assert!(refused.message.contains(&ADDRESS.to_string()));
        }
    }
}
