//! metacloud-chain
