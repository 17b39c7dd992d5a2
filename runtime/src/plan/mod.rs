//! Plans: pure functions `(Spec, Facts, Options) -> Plan`, one file per subject.
//!
//! Nothing here opens a file or makes a system call; what a plan holds is finished values.

mod alone;
pub mod cgroup;
pub mod container;
pub mod devices;
pub mod entry;
mod error;
pub mod external;
pub mod hooks;
mod id_list;
pub mod intel_rdt;
pub mod loopback;
pub mod mounts;
pub mod namespaces;
pub mod net_devices;
pub mod notify;
mod options;
mod origin;
pub mod process;
pub mod rootfs;
pub mod scheduling;
pub mod seccomp;
pub mod sysctl;

pub use container::Plan;
pub use error::PlanError;
pub use options::Options;
pub use origin::Origin;
