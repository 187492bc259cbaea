//! metacloud-sdk
