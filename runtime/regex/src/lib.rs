//! Stands in for the crate `regex` in this workspace ([patch.crates-io] in Cargo.toml).
//!
//! oci-spec compiles one regular expression, for `execCPUAffinity`, which plimrun reads by itself before oci-spec
//! sees it. For that, the crate of this name puts its Unicode tables into every plimrun: 55 of 72 pages that
//! each start has to relocate, and a megabyte of the file. `regex-lite`, by the same authors, has the same
//! interface and no tables.

pub use regex_lite::*;
