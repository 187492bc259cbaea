//! metacloud-book
