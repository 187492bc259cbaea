//! metacloud-blobs
