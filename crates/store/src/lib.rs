//! metacloud-store
