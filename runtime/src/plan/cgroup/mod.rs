//! Plans the container's control groups: which directories, which files get which values, in which order.
//! config-linux.md#control-groups

mod blkio;
mod cpu;
mod devices;
mod memory;
mod misc;
mod path;
mod planner;
mod program;
mod properties;
mod request;
mod resources;
mod setting;
mod sink;
mod systemd;
#[cfg(test)]
mod tests;

pub use devices::{Access, DeviceKind, DeviceList, DevicePattern};
pub use planner::{CgroupOptions, CgroupPlan, groups_of, plan, update};
pub use program::Instruction;
pub use properties::{cpu_max, properties};
pub use request::Request;
pub use resources::{Places, Resources};
pub use setting::{Group, Setting, Version, Write};
pub use systemd::{Property, Scope, Value};
