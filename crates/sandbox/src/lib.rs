//! metacloud-sandbox
