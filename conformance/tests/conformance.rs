//! The cases as one `cargo test` target.
fn main() {}
