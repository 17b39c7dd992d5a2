//! The reference OCI runtime.
//!
//! A `create` goes: load ([`host`] is looked at once) → plan ([`plan`], pure) → spawn and apply
//! ([`exec`]) → record. [`sys`] holds the system calls and the only `unsafe`.

pub mod exec;
pub mod host;
pub mod plan;
pub mod sys;
