//! `checkpoint`

use crate::cli::criu_flags;
use crate::cli::{CommandError, Context, Matches};
use crate::exec::criu::{self, Switch};
use crate::exec::notify;
use crate::host::Facts;
use crate::plan::{Options, Plan};
use crate::spec;
use crate::state::{CgroupDriver, Status, WrongState};
use crate::teardown::teardown;

/// Saves a container. Unless it is to go on, it is deleted afterwards, as in runc.
pub fn run(context: &Context, matches: &Matches) -> Result<u8, CommandError> {
    let id = matches.id();
    let container = context.store.lock(id)?;
    let record = container.record();
    match record.status()? {
        Status::Running | Status::Paused => {}
        other => return Err(WrongState::Checkpoint(other).into()),
    }
    let config = spec::stored(context.store.config(id)?)?;
    let facts = Facts::look().map_err(CommandError::io("look at the machine"))?;
    // The mounts of cgroups depend on who made them and where.
    let groups = record.cgroup.as_ref();
    let plan = Options {
        id: id.to_owned(),
        bundle: record.bundle.clone(),
        systemd_cgroup: groups.is_some_and(|groups| groups.driver == CgroupDriver::Systemd),
        notify: Some(notify::folder(container.dir())).filter(|folder| folder.exists()),
        no_cgroup: groups.is_none_or(|groups| groups.paths.is_empty()),
        ..Options::default()
    };
    let plan = Plan::new(&config, &facts, &plan)?;
    let options = criu_flags::options(matches, &plan)?;
    criu::dump(&plan, record, &options)?;
    if !(options.pre_dump || options.switches.contains(&Switch::LeaveRunning)) {
        teardown(container, |warning| context.log.warn(warning))?;
    }
    Ok(0)
}
