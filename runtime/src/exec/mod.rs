//! The only code that changes the machine: walks plans, decides nothing.

pub mod cgroup;
mod error;
pub mod scheduling;
pub mod seccomp;

pub use error::{Context, StepError};
