//! Content-addressed storage.

use std::path::Path;

use axum::Router;
use metacloud_blobs::{Blobs, Limits};

use crate::error::StartError;

/// Opens the directory of files and gives the routes over it.
///
/// # Errors
/// [`StartError::Blobs`].
pub(crate) fn open(dir: &Path) -> Result<Router, StartError> {
    Ok(metacloud_blobs::router(Blobs::open(dir)?, Limits::default()))
}
