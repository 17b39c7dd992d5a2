//! What `start` and `run` have in common: from the waiting init to the running program, or back.

use std::time::Duration;

use nix::libc::SIGKILL;
use nix::unistd::Pid;

use super::{CommandError, Context};
use crate::exec::channel::Channel;
use crate::exec::start::{Agent, follow, start};
use crate::exec::{Context as _, StepError, hooks};
use crate::plan::{Origin, Plan, hooks as plan, seccomp};
use crate::spec;
use crate::state::{Container, Status};
use crate::sys::clone::pidfd_open;
use crate::teardown::teardown;

/// How long a process that was killed may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// What `start` has to know of the configuration.
#[derive(Debug, Default)]
pub(super) struct Sequel {
    poststart: Vec<plan::Hook>,
    listener: Option<seccomp::Listener>,
}

impl Sequel {
    /// From the plan of a container that this process has made.
    pub(super) fn of_plan(plan: &Plan) -> Result<Self, StepError> {
        needs_process(plan.process.is_some())?;
        let filter = plan.seccomp.as_ref();
        Ok(Self {
            poststart: plan.hooks.poststart.clone(),
            listener: filter.and_then(|filter| filter.listener.clone()),
        })
    }

    /// From the copy of config.json, which is read only where the record says that it matters.
    pub(super) fn of_container(
        context: &Context,
        container: &Container,
    ) -> Result<Self, CommandError> {
        if container.record().plain_start {
            return Ok(Self::default());
        }
        let spec = spec::stored(context.store.config(container.id())?)?.spec;
        needs_process(spec.process().is_some())?;
        let filter = spec.linux().as_ref();
        let filter = filter.and_then(|linux| linux.seccomp().as_ref());
        Ok(Self {
            poststart: plan::plan(&spec)?.poststart,
            listener: filter.map(seccomp::listener).transpose()?.flatten(),
        })
    }

    /// Whether there is nothing to know, of a container that has a process.
    pub(super) fn is_plain(&self) -> bool {
        self.poststart.is_empty() && self.listener.is_none()
    }
}

fn needs_process(there: bool) -> Result<(), StepError> {
    if there {
        return Ok(());
    }
    let why = "start: config.json has no process";
    Err(StepError::refused(why, &Origin::at("/process")))
}

/// Starts the container's process, unless it has gone on `alone`, and runs the hooks that belong to that. Where a
/// hook fails, the container is stopped and destroyed (runtime.md#lifecycle, steps 7 and 9).
pub(super) fn run(
    context: &Context,
    mut container: Container,
    sequel: Sequel,
    channel: &Channel,
    alone: bool,
) -> Result<Container, CommandError> {
    match go(&mut container, sequel, channel, alone) {
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

fn go(
    container: &mut Container,
    sequel: Sequel,
    channel: &Channel,
    alone: bool,
) -> Result<(), CommandError> {
    let state = plan::StateTemplate {
        oci_version: container.record().oci_version.clone(),
        id: container.record().id.clone(),
        bundle: container.record().bundle.to_string_lossy().into_owned(),
        annotations: container.record().annotations.clone(),
    };
    let pid = container.record().pid;
    let agent = sequel
        .listener
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
    let init = Pid::from_raw(pid);
    if alone {
        follow(channel, init, true)?;
    } else {
        start(channel, init, agent.as_ref())?;
    }
    if container.record().recorded != Status::Running {
        container.update(|record| record.recorded = Status::Running)?;
    }
    hooks::run(&sequel.poststart, || state.render("running", Some(pid)))?;
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
