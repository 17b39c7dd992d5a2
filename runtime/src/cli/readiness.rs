//! What `start` and `run` do for a service manager that waits for the container to be ready.

use nix::unistd::Pid;

use super::Context;
use crate::exec::notify::Relay;
use crate::exec::{Context as _, StepError};
use crate::plan::Origin;
use crate::plan::notify::VARIABLE;
use crate::state::Container;
use crate::sys::clone::pidfd_open;

/// Listens on the container's socket, before there is a program to speak. A manager that cannot be reached
/// is no reason not to run a container.
pub(super) fn listen(context: &Context, container: &Container) -> Option<Relay> {
    Relay::open(container.dir()).unwrap_or_else(|error| {
        context.log.warn(error);
        None
    })
}

/// Waits until the container is ready or its process has ended, and tells the manager of both. The lock is
/// given up first: the container may take long.
pub(super) fn wait(context: &Context, container: Container, relay: Option<Relay>) {
    let pid = Pid::from_raw(container.record().pid);
    drop(container);
    if let Some(relay) = relay
        && let Err(error) = wait_for(pid, &relay)
    {
        context.log.warn(error);
    }
}

fn wait_for(pid: Pid, relay: &Relay) -> Result<(), StepError> {
    use std::os::fd::AsFd as _;
    let pidfd = pidfd_open(pid).step(&Origin::at(VARIABLE), || "open the container's process")?;
    relay.wait(pid, pidfd.as_fd())
}
