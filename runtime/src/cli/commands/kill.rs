//! `kill`: runtime.md#kill

use nix::libc::{SIGKILL, SIGTERM};

use crate::cli::{CommandError, Context, Matches, signal};
use crate::exec::cgroup;
use crate::state::{Status, WrongState};

/// Sends a signal to the container process, or with `--all` to every process of the container. Takes
/// no lock: a hanging `create` can be ended.
pub fn run(context: &Context, matches: &Matches) -> Result<u8, CommandError> {
    let signal = matches
        .args()
        .get(1)
        .map_or(Ok(SIGTERM), |text| signal::parse(text))?;
    let record = context.store.read(matches.id())?;
    let status = record.status();
    let cgroup = record.cgroup.as_ref();
    if matches.switch("all") {
        // Without a PID namespace of its own the container may outlive its first process; and engines
        // expect success where it has stopped.
        if let Some(cgroup) = cgroup {
            cgroup::signal_all(cgroup, signal)?;
            return Ok(0);
        }
        if status == Status::Stopped {
            return Ok(0);
        }
    }
    let process = match status {
        Status::Created | Status::Running | Status::Paused => record.process(),
        Status::Creating | Status::Stopped => None,
    };
    process
        .ok_or(WrongState::NotRunning)?
        .signal(signal)
        .map_err(|errno| CommandError::signal(signal, errno))?;
    if signal == SIGKILL
        && status == Status::Paused
        && let Some(cgroup) = cgroup
    {
        // A frozen process of cgroup v1 does not die.
        cgroup::thaw(cgroup)?;
    }
    Ok(0)
}
