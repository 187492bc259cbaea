//! The metacloud binary.
fn main() {}
