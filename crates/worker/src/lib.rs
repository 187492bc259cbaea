//! metacloud-worker
