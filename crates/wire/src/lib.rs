//! metacloud-wire
