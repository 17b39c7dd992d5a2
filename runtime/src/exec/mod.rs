//! The only code that changes the machine: walks plans, decides nothing.

pub mod become_process;
pub mod cgroup;
pub mod channel;
pub mod claims;
pub mod command;
pub mod console;
pub mod copy_up;
pub mod create;
pub mod credentials;
pub mod criu;
pub mod devices;
pub mod enter;
mod error;
pub mod grouping;
pub mod hooks;
pub mod init;
pub mod intel_rdt;
pub mod mounts;
pub mod namespaces;
pub mod net_devices;
pub mod notify;
pub mod null_streams;
pub mod pidfd;
pub mod procfs;
pub mod protect;
pub mod protect_paths;
pub mod root;
pub mod scheduling;
pub mod seccomp;
mod sibling;
pub mod spawn;
pub mod start;
pub mod switch;
pub mod trees;

pub use error::{Context, StepError};
