//! From the virtual `/iexec_out` to a directory of the host.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use tempfile::TempDir;

use crate::Failure;
use crate::log::Log;
use crate::vfs::{Entry, Vfs};

const SCRATCH_PREFIX: &str = ".metacloud-scratch-";

fn disk(action: &'static str) -> impl FnOnce(io::Error) -> Failure {
    move |source| Failure::HostDisk { action, source }
}

/// Makes `out_dir`, refuses it if it has content, and makes the private scratch directory inside it, so that
/// finished files need only be renamed. The directory vanishes with its guard.
pub(crate) fn prepare(out_dir: &Path) -> Result<TempDir, Failure> {
    fs::create_dir_all(out_dir).map_err(disk("create the output directory"))?;
    let mut entries = fs::read_dir(out_dir).map_err(disk("read the output directory"))?;
    if entries.next().is_some() {
        return Err(Failure::OutputNotEmpty);
    }
    tempfile::Builder::new()
        .prefix(SCRATCH_PREFIX)
        .tempdir_in(out_dir)
        .map_err(disk("create a scratch directory"))
}

/// Moves everything under the virtual `/iexec_out` to `out_dir`. Modes and times are the host's defaults.
pub(crate) fn materialise(vfs: &Vfs, out_dir: &Path) -> Result<(), Failure> {
    for (path, entry) in vfs.output_entries() {
        let path = out_dir.join(path);
        match entry {
            Entry::Directory => fs::create_dir(&path).map_err(disk("create a result directory"))?,
            Entry::File { scratch } => fs::rename(scratch, &path).map_err(disk("move a result file"))?,
        }
    }
    Ok(())
}

/// Writes a stream beside the result if it is not empty (middleware B.7). A directory that the application made
/// under the same name stays as it is.
pub(crate) fn write_log(out_dir: &Path, name: &str, log: &Log) -> Result<(), Failure> {
    let text = log.file_text();
    let path = out_dir.join(name);
    if text.is_empty() || path.is_dir() {
        return Ok(());
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .and_then(|mut file| file.write_all(&text))
        .map_err(disk("write a captured stream"))
}
