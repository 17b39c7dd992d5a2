//! The `plimrun` binary.
fn main() {}
