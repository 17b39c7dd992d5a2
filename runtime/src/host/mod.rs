//! Looks at the machine once, into [`Facts`].
//!
//! Everything a planner may ask about the machine is here, so that planners stay pure and their
//! tests write `Facts` as a literal.

mod cgroup;
mod facts;

pub use cgroup::{CgroupLayout, Hierarchy, Mode};
pub use facts::{Facts, Kernel};
