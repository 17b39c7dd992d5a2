//! Destroys a container whose process has ended: the undoing of `create`, then the poststop hooks.
//! runtime.md#lifecycle, steps 12 and 13

use std::time::Duration;

use crate::cli::CommandError;
use crate::exec::{cgroup, hooks, intel_rdt};
use crate::plan;
use crate::read;
use crate::spec::{self, CONFIG_FILE};
use crate::state::{Container, Record, Status};

/// How long killed processes may keep the cgroup busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// Removes what `create` made, frees the id and runs the poststop hooks, whose failures only warn.
pub fn teardown(container: Container, mut warn: impl FnMut(String)) -> Result<(), CommandError> {
    let record = container.record().clone();
    let config = poststop_config(&container);
    if let Some(groups) = &record.cgroup {
        let mut warnings = Vec::new();
        cgroup::destroy(groups, PATIENCE, &mut warnings)?;
        warnings.into_iter().for_each(&mut warn);
    }
    if let Some(folder) = record
        .resctrl
        .as_ref()
        .and_then(|group| group.remove.as_ref())
    {
        intel_rdt::remove(folder)
            .map_err(CommandError::io(format!("remove {}", folder.display())))?;
    }
    container.remove()?;
    if let Some(text) = config {
        poststop(text, &record)
            .unwrap_or_else(|error| vec![error.to_string()])
            .into_iter()
            .for_each(warn);
    }
    Ok(())
}

/// Runs the poststop hooks and gives what failed.
fn poststop(config: String, record: &Record) -> Result<Vec<String>, CommandError> {
    let hooks = plan::hooks::plan(&spec::stored(config)?.spec)?;
    let state = record
        .to_state(Status::Stopped)
        .map_err(|error| CommandError::io("encode the state")(error.into()))?;
    let failures = hooks::run_all(&hooks.poststop, &state);
    Ok(failures.iter().map(ToString::to_string).collect())
}

/// The copy of the configuration, if it can hold poststop hooks: parsing it would cost more than all
/// the rest. A key may be written with escapes.
fn poststop_config(container: &Container) -> Option<String> {
    if container.record().plain_delete {
        return None;
    }
    let text = read::small_text(container.dir().join(CONFIG_FILE)).ok()?;
    (text.contains("poststop") || text.contains("\\u")).then_some(text)
}
