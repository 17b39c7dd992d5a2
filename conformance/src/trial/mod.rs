//! A trial: one case on one runtime, with a directory, a `--root` and a container id of its own.
//!
//! [`Trial`] is what a case's `run` gets. Its calls come in two kinds: `create`, `start`, … set the
//! scene, and stop the case where the runtime refuses; `try_create`, `try_start`, … hand over the
//! outcome to be judged. [`Assert`] judges, on the trial itself for the case's primary requirement
//! and on [`Trial::on`] for any other.

mod agent;
mod apparmor;
mod hooks;
mod host_mounts;
mod judge;
mod operations;
mod place;
mod seccomp;
mod socket;
mod state;
mod steps;
mod terminal;
#[expect(clippy::module_inception, reason = "the type that the folder is about")]
mod trial;
mod watch;

pub use agent::{Agent, Output, Probe};
pub use apparmor::Profile;
pub use hooks::{HOOKS, HookRun, RecordingHooks};
pub use host_mounts::HostMounts;
pub use judge::{Assert, Judge};
pub(crate) use place::Place;
pub use seccomp::{Delivery, Notified, SeccompAgent};
pub use socket::{Listener, Message};
pub use state::State;
pub(crate) use steps::{Made, Sign, Step};
pub use terminal::{Console, Terminal};
pub use trial::Trial;
