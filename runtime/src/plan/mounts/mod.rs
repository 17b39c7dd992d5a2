//! Mounts, as finished values.
//! config.md#mounts

mod cgroup;
mod options;
mod over_proc;
mod parse;

pub use cgroup::expand;
pub use options::OPTIONS;
pub use parse::{Attributes, Idmap, Mount, Source, plan};
pub(crate) use parse::{c_string, relative};
