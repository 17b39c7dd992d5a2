//! What `start` and `run` have in common: from the waiting init to the running program, or back.

use oci_spec::runtime::LinuxNamespaceType;

use super::{CommandError, Context};
use crate::exec::channel::Channel;
use crate::exec::{StepError, hooks, start};
use crate::plan::hooks::{Hooks, StateTemplate};
use crate::plan::{Origin, hooks as plan};
use crate::spec;
use crate::state::{Container, Status};

/// Starts the container's process and runs the hooks that belong to that. Where that fails, the
/// container is stopped and its hooks of the end run (runtime.md#lifecycle, steps 7 to 9).
pub(super) fn start(
    context: &Context,
    container: &mut Container,
    config: &str,
    channel: &Channel,
) -> Result<(), CommandError> {
    let config = spec::from_str(config.to_owned())?;
    if config.spec.process().is_none() {
        return Err(StepError::refused(
            "start: config.json has no process",
            &Origin::at("/process"),
        )
        .into());
    }
    let hooks = plan::plan(&config.spec)?;
    let state = template(container, &hooks);
    start::start(channel)?;
    container.update(|record| record.recorded = Status::Running)?;
    let pid = container.record().pid;
    hooks::run(&hooks.poststart, &state.render("running", Some(pid)))?;
    let _ = (context, LinuxNamespaceType::Pid);
    Ok(())
}

fn template(container: &Container, _hooks: &Hooks) -> StateTemplate {
    let record = container.record();
    StateTemplate {
        oci_version: record.oci_version.clone(),
        id: record.id.clone(),
        bundle: record.bundle.to_string_lossy().into_owned(),
        annotations: record.annotations.clone().into_iter().collect(),
    }
}
