//! metacloud-market
