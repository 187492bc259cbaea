//! metacloud-scheduler
