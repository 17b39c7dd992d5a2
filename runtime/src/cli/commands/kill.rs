//! `kill`: runtime.md#kill

use std::collections::BTreeMap;

use nix::libc::{SIGKILL, SIGTERM};

use crate::cli::{CommandError, Context, Matches, signal};
use crate::exec::cgroup;
use crate::state::{Status, WrongState};

/// Sends a signal to the container process, or with `--all` to every process of the container. Takes
/// no lock: a hanging `create` can be ended.
pub fn run(context: &Context, matches: &Matches) -> Result<u8, CommandError> {
    let given = matches.args().get(1).map(|text| signal::parse(text));
    let given = given.transpose()?;
    let record = context.store.read(matches.id())?;
    let signal = given.unwrap_or_else(|| stop_signal(&record.annotations));
    let status = record.status()?;
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

/// The signal that the image names for stopping (config.md#annotations), else SIGTERM. A value that is
/// no signal is the image's fault, which is no reason not to end its container.
fn stop_signal(annotations: &BTreeMap<String, String>) -> i32 {
    annotations
        .get("org.opencontainers.image.stopSignal")
        .and_then(|text| signal::parse(text).ok())
        .unwrap_or(SIGTERM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_names_the_signal() {
        let named = |text: &str| {
            let key = "org.opencontainers.image.stopSignal".to_owned();
            stop_signal(&BTreeMap::from([(key, text.to_owned())]))
        };
        assert_eq!(named("SIGKILL"), SIGKILL);
        assert_eq!(named("9"), SIGKILL);
        assert_eq!(named("SIGNOTHING"), SIGTERM);
        assert_eq!(stop_signal(&BTreeMap::new()), SIGTERM);
    }
}
