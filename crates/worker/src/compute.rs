//! Runs the application and turns what it left into a result that can be contributed.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;

use alloy_primitives::Bytes;
use metacloud_blobs::archive;
use metacloud_enclave::ran::{Ran, cause};
use metacloud_protocol::{ResultDigest, TaskId};
use metacloud_sandbox::CancelFlag;
use metacloud_sandbox::result::{COMPUTED_JSON, Expect, ResultError, collect};
use metacloud_wire::cause::{Cause, Failure};

use crate::context::Context;
use crate::halt::Halt;
use crate::life::ControlReceiver;
use crate::prepare::{Prepared, out_dir};
use crate::record::{self, Computed};

/// Raises the flag when the task is dropped in the middle of a run, so that the thread does not outlive it.
struct CancelOnDrop(CancelFlag);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Waits for a slot and runs the application. The second value says whether its output may hold a result.
pub(crate) async fn run(
    ctx: &Context,
    prepared: Prepared,
    control: &mut ControlReceiver,
) -> Result<(Ran, bool), Halt> {
    let _slot = control.unless_aborted(ctx.slots.acquire()).await?.expect("never closed");
    let cancel = CancelOnDrop(CancelFlag::new());
    let (sandbox, flag) = (ctx.sandbox.clone(), cancel.0.clone());
    let started = Instant::now();
    let Prepared { job, .. } = &prepared;
    let job = job.clone();
    let mut running = tokio::task::spawn_blocking(move || sandbox.run(job, &flag));
    let ended = match control.unless_aborted(&mut running).await {
        Ok(ended) => ended,
        Err(halt) => {
            // The directory is removed next: wait until the thread let go of it.
            cancel.0.cancel();
            let _ = running.await;
            return Err(halt);
        }
    };
    let ended = ended.map_err(|error| Halt::disk("run the application", error))?;
    let compute_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Ran::of(ended, compute_ms))
}

/// Collects the result of a run and packs its archive. An application that failed may have written its result before
/// (middleware B.7); without one, the failures of the run stand first.
pub(crate) async fn collected(
    ctx: &Context,
    task: TaskId,
    callback: bool,
    run: &Ran,
) -> Result<Computed, Halt> {
    let (dir, limits) = (ctx.task_dir(task), ctx.limits.archive);
    let packing = move || pack(&dir, callback, &limits);
    let packed =
        tokio::task::spawn_blocking(packing).await.map_err(|error| Halt::disk("pack the result", error))?;
    match packed {
        Ok((digest, callback_data)) => Ok(Computed {
            digest,
            callback_data,
            exit_code: run.exit_code,
            failures: run.failures.clone(),
            fuel_used: run.fuel_used,
            compute_ms: run.compute_ms,
            enclave: None,
        }),
        Err(failure) => Err(Halt::Failed(run.failures.iter().cloned().chain([failure]).collect())),
    }
}

/// Digest and callback data of a filled output directory, which is replaced by its archive. Blocks.
fn pack(task_dir: &Path, callback: bool, limits: &archive::Limits) -> Result<(ResultDigest, Bytes), Failure> {
    let out = out_dir(task_dir);
    let expect = if callback { Expect::Callback } else { Expect::Output };
    let found = collect(&out, expect)
        .map_err(|error: ResultError| Failure::new(cause(error.cause()), error.to_string()))?;
    let failed = |message: String| Failure::new(Cause::POST_COMPUTE_OUT_FOLDER_ZIP_FAILED, message);
    if !callback {
        let packed = archive::pack(&out, &record::archive(task_dir), limits)
            .map_err(|error| failed(error.to_string()))?;
        if !packed.skipped.is_empty() {
            tracing::warn!(dir = %task_dir.display(), skipped = ?packed.skipped, "not in the archive");
        }
    }
    fs::remove_dir_all(&out).map_err(|error| failed(format!("cannot clean up: {error}")))?;
    Ok((found.digest, found.callback_data))
}

/// The result that stands for a fault of whoever published application, dataset or input (middleware B.8). Its text
/// depends on the cause alone, so that workers who see the same fault agree.
pub(crate) async fn error_result(ctx: &Context, task: TaskId, failure: Failure) -> Result<Computed, Halt> {
    let dir = ctx.task_dir(task);
    let name = failure.cause.clone();
    let writing = move || write_error(&out_dir(&dir), &name);
    let written = tokio::task::spawn_blocking(writing).await.map_err(io::Error::other).flatten();
    written.map_err(|error| Halt::disk("write an error result", error))?;
    collected(ctx, task, false, &Ran { failures: vec![failure], ..Ran::default() }).await
}

fn write_error(out: &Path, cause: &Cause) -> io::Result<()> {
    match fs::remove_dir_all(out) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => fs::create_dir_all(out)?,
    }
    fs::write(out.join("error.txt"), format!("The task could not be computed: {cause}\n"))?;
    let computed = serde_json::json!({ "deterministic-output-path": "/iexec_out/error.txt" });
    fs::write(out.join(COMPUTED_JSON), computed.to_string())
}

#[cfg(test)]
mod tests {
    use metacloud_protocol::result::DigestRules;

    use super::*;

    fn zip_limits() -> archive::Limits {
        archive::Limits::default()
    }

    #[test]
    fn error_results_of_two_workers_agree_and_differ_by_cause() {
        let digest = |cause: Cause| {
            let dir = tempfile::tempdir().unwrap();
            write_error(&out_dir(dir.path()), &cause).unwrap();
            let (digest, _) = pack(dir.path(), false, &zip_limits()).unwrap();
            assert!(record::archive(dir.path()).exists() && !out_dir(dir.path()).exists());
            digest
        };
        assert_eq!(digest(Cause::APP_IMAGE_DOWNLOAD_FAILED), digest(Cause::APP_IMAGE_DOWNLOAD_FAILED));
        assert_ne!(digest(Cause::APP_IMAGE_DOWNLOAD_FAILED), digest(Cause::INPUT_FILES_DOWNLOAD_FAILED));
    }

    #[test]
    fn archive_recomputes_to_the_digest_contributed() {
        let dir = tempfile::tempdir().unwrap();
        write_error(&out_dir(dir.path()), &Cause::DATASET_FILE_BAD_CHECKSUM).unwrap();
        let (digest, _) = pack(dir.path(), false, &zip_limits()).unwrap();
        let zip = fs::File::open(record::archive(dir.path())).unwrap();
        assert_eq!(archive::result_digest(zip, DigestRules::Standard, &zip_limits()).unwrap().0, digest);
    }

    #[test]
    fn output_without_a_result_has_a_named_cause() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(out_dir(dir.path())).unwrap();
        let failure = pack(dir.path(), false, &zip_limits()).unwrap_err();
        assert_eq!(failure.cause, Cause::DETERMINISM_HASH_NOT_FOUND);
    }
}
