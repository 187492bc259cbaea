//! metacloud-devchain
