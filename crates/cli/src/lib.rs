//! metacloud-cli
