//! Mounts, as finished values.
//! config.md#mounts

mod options;
mod parse;

pub use options::OPTIONS;
pub use parse::{Attributes, Idmap, Mount, Source, plan};
pub(crate) use parse::{c_string, relative};
