//! metacloud-protocol
