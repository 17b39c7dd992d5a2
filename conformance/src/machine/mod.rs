//! What this machine can show: facts, needs, and `plimsoll doctor`.

mod cgroup;
mod doctor;
mod facts;
mod look;
mod needs;
mod subordinate;

pub use cgroup::{Cgroups, Layout};
pub use doctor::{Finding, findings, write_human};
pub use facts::Facts;
pub(crate) use look::program;
pub use subordinate::IdRange;
