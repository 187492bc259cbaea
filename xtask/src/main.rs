//! Scripts of the project.
fn main() {}
