//! System calls, one a wrapper: the only `unsafe` of the runtime.
#![allow(
    unsafe_code,
    reason = "this module exists to hold the system calls that no safe crate wraps"
)]

pub mod caps;
