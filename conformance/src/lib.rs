//! The conformance runner.
#![forbid(unsafe_code)]

pub mod catalogue;
pub mod event;
pub mod log;
pub mod machine;
pub mod report;
