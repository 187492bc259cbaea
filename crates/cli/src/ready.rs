//! Ready files.

use std::io::Read as _;
use std::path::Path;

use metacloud_sdk::ready::{READY_FILE_BYTES_MAX, ReadyFile};

use crate::failure::Failure;

/// Reads a ready file; `next_step` is told if it is not there.
pub(crate) fn read(path: &Path, next_step: &str) -> Result<ReadyFile, Failure> {
    let shown = path.display();
    let read = || {
        let mut text = String::new();
        // One byte more, so that a file that is too long is not taken for one that is cut off.
        let most = READY_FILE_BYTES_MAX as u64 + 1;
        std::fs::File::open(path)?.take(most).read_to_string(&mut text)?;
        Ok::<_, std::io::Error>(text)
    };
    let text = read().map_err(|error| Failure::environment(format!("{shown}: {error}; {next_step}")))?;
    ReadyFile::from_json(&text)
        .map_err(|error| Failure::environment(format!("{shown}: {error}; {next_step}")))
}
