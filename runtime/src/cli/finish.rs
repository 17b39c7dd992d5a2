//! What `start` and `run` have in common: from the waiting init to the running program, or back.

use std::time::Duration;

use nix::libc::SIGKILL;
use nix::unistd::Pid;
use oci_spec::runtime::Spec;

use super::{CommandError, Context};
use crate::exec::channel::Channel;
use crate::exec::start::{Agent, start};
use crate::exec::{Context as _, StepError, hooks};
use crate::plan::{Origin, hooks as plan, seccomp};
use crate::spec;
use crate::state::{Container, Status};
use crate::sys::clone::pidfd_open;
use crate::teardown::teardown;

/// How long a process that was killed may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts the container's process and runs the hooks that belong to that. Where a hook fails, the
/// container is stopped and destroyed (runtime.md#lifecycle, steps 7 and 9).
pub(super) fn run(
    context: &Context,
    mut container: Container,
    config: String,
    channel: &Channel,
) -> Result<Container, CommandError> {
    let spec = spec::from_str(config)?.spec;
    if spec.process().is_none() {
        return Err(StepError::refused(
            "start: config.json has no process",
            &Origin::at("/process"),
        )
        .into());
    }
    match go(&mut container, &spec, channel) {
        Err(CommandError::Step(error)) if error.origin.as_str().starts_with("/hooks/") => {
            end(&container)?;
            teardown(container, |warning| context.log.warn(warning))?;
            Err(error.into())
        }
        Err(error) => {
            // Init has ended, or is about to; a filter without its agent may hold it.
            end(&container)?;
            Err(error)
        }
        Ok(()) => Ok(container),
    }
}

fn go(container: &mut Container, spec: &Spec, channel: &Channel) -> Result<(), CommandError> {
    let hooks = plan::plan(spec)?;
    let state = plan::StateTemplate {
        oci_version: container.record().oci_version.clone(),
        id: container.record().id.clone(),
        bundle: container.record().bundle.to_string_lossy().into_owned(),
        annotations: container.record().annotations.clone().into_iter().collect(),
    };
    let pid = container.record().pid;
    let listener = spec
        .linux()
        .as_ref()
        .and_then(|linux| linux.seccomp().as_ref())
        .map(seccomp::listener)
        .transpose()?
        .flatten();
    let agent = listener
        .map(|listener| {
            let init = Pid::from_raw(pid);
            let pidfd = pidfd_open(init).step(&Origin::at("/linux/seccomp"), || "open init")?;
            Ok::<_, StepError>(Agent {
                init,
                pidfd,
                listener,
                version: state.oci_version.clone(),
                state: state.render("created", Some(pid)),
            })
        })
        .transpose()?;
    start(channel, Pid::from_raw(pid), agent.as_ref())?;
    container.update(|record| record.recorded = Status::Running)?;
    hooks::run(&hooks.poststart, &state.render("running", Some(pid)))?;
    Ok(())
}

/// Ends the container's process, if it lives.
fn end(container: &Container) -> Result<(), CommandError> {
    let Some(process) = container.record().process() else {
        return Ok(());
    };
    // Gone already is as good.
    let _ = process.signal(SIGKILL);
    process
        .wait(PATIENCE)
        .map_err(|errno| CommandError::signal(SIGKILL, errno))?;
    Ok(())
}
