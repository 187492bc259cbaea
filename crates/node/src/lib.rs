//! metacloud-node
