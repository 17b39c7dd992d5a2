//! The conformance runner.
#![forbid(unsafe_code)]

pub mod event;
