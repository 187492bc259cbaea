//! metacloud-dispatch
