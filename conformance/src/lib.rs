//! The conformance runner.
#![forbid(unsafe_code)]

pub mod catalogue;
pub mod event;
