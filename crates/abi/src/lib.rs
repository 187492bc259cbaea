//! metacloud-abi
