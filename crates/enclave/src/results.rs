//! From what the application left to an archive and the enclave's signatures.

use std::fs::{self, File};
use std::io::{BufReader, Seek as _};
use std::path::Path;

use alloy_primitives::Bytes;
use metacloud_blobs::archive;
use metacloud_sandbox::result::{Collected, Expect, collect};
use metacloud_seal::AesKey;
use metacloud_seal::result::{ResultEntropy, ResultError};
use metacloud_seal::rsa_key::PublicKey;
use metacloud_wire::cause::{Cause, Failure};

use crate::datasets::sha256;
use crate::keys::{Keys, entropy};
use crate::ran::cause;
use crate::talk::{Begin, Signed};

/// Collects the result of an output directory, archives it at `archive` (a callback deal stores nothing), and signs.
/// `encryption` is the beneficiary's key, if the result is for it alone.
pub(crate) fn conclude(
    begin: &Begin,
    keys: &Keys,
    out: &Path,
    callback: bool,
    encryption: Option<&str>,
    archive: &Path,
) -> Result<Signed, Failure> {
    let expect = if callback { Expect::Callback } else { Expect::AttestedOutput };
    let Collected { digest, callback_data } =
        collect(out, expect).map_err(|error| Failure::new(cause(error.cause()), error.to_string()))?;
    let archive_sign = match (callback, encryption) {
        (true, _) => Bytes::new(),
        (false, None) => {
            pack(out, archive)?;
            Bytes::new()
        }
        (false, Some(key)) => {
            let plain = begin.work_dir.join("plain.zip");
            pack(out, &plain)?;
            encrypt(key, &plain, archive)?;
            let sum = File::open(archive).and_then(|mut file| sha256(&mut file)).map_err(unencrypted)?;
            keys.sign_archive(begin.task, sum)
        }
    };
    let enclave_sign = keys.sign_result(begin.worker, begin.task, digest);
    Ok(Signed { digest, callback_data, enclave_sign, archive_sign })
}

fn pack(out: &Path, archive: &Path) -> Result<(), Failure> {
    let failed = |why: String| Failure::new(Cause::POST_COMPUTE_OUT_FOLDER_ZIP_FAILED, why);
    // Files that are no plain ones the sandbox does not make.
    archive::pack(out, archive, &archive::Limits::default()).map_err(|error| failed(error.to_string()))?;
    Ok(())
}

fn encrypt(key: &str, plain: &Path, to: &Path) -> Result<(), Failure> {
    let beneficiary = PublicKey::from_base64_pem(key).map_err(|error| {
        let why = format!("the beneficiary's key for results cannot be used: {error}");
        Failure::new(Cause::POST_COMPUTE_MALFORMED_ENCRYPTION_PUBLIC_KEY, why)
    })?;
    let chance =
        ResultEntropy { key: AesKey::new(*entropy()), iv: *entropy(), padding: Box::new(*entropy()) };
    let source = File::open(plain).map_err(unencrypted)?;
    let size = source.metadata().map_err(unencrypted)?.len();
    let sink = File::options().read(true).write(true).create(true).truncate(true).open(to);
    let written = metacloud_seal::result::write(
        &beneficiary,
        &chance,
        &mut BufReader::new(source),
        size,
        sink.map_err(unencrypted)?,
    );
    let mut sink = written.map_err(|error: ResultError| {
        Failure::new(Cause::POST_COMPUTE_ENCRYPTION_FAILED, error.to_string())
    })?;
    sink.rewind().and_then(|()| sink.sync_all()).map_err(unencrypted)?;
    fs::remove_file(plain).map_err(unencrypted)
}

fn unencrypted(error: std::io::Error) -> Failure {
    Failure::new(Cause::POST_COMPUTE_ENCRYPTION_FAILED, error.to_string())
}
