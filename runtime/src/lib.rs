//! The reference OCI runtime.
//!
//! The path of a `create`: [`cli`] parses the command line and calls the command → [`spec`] loads and
//! validates the configuration ([`host`] is looked at once) → [`plan`], pure → [`exec`] spawns and
//! applies → [`state`] records. A `delete` ends in [`teardown`], which undoes it. [`sys`] holds the system
//! calls and the only `unsafe`.

pub mod cli;
pub mod exec;
pub mod host;
pub mod plan;
mod read;
pub mod spec;
pub mod state;
pub mod sys;
pub mod teardown;
