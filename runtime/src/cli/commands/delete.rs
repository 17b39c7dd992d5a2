//! `delete`: runtime.md#delete

use std::time::Duration;

use nix::errno::Errno;
use nix::libc::SIGKILL;

use crate::cli::{CommandError, Context, Matches};
use crate::exec::cgroup;
use crate::state::{Freezes as _, Record, StateError, Status, WrongState};
use crate::teardown::teardown;

/// How long a process that was killed may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Deletes a stopped container; with `--force` any, and whatever a killed `create` has left.
pub fn run(context: &Context, matches: &Matches) -> Result<u8, CommandError> {
    let id = matches.id();
    let deleted = if matches.switch("force") {
        force(context, id)
    } else {
        delete(context, id)
    };
    deleted.map(|()| 0)
}

fn delete(context: &Context, id: &str) -> Result<(), CommandError> {
    let container = context.store.lock(id)?;
    let status = container.record().status()?;
    if status != Status::Stopped {
        return Err(WrongState::Delete {
            id: id.to_owned(),
            status,
        }
        .into());
    }
    // What a killed `create` has left counts as stopped, though its init may still wait.
    end(container.record())?;
    teardown(container, |warning| context.log.warn(warning))
}

fn force(context: &Context, id: &str) -> Result<(), CommandError> {
    // Before the lock: a `create` that hangs holds it, and fails once its init is dead.
    match context.store.read(id) {
        Ok(record) => end(&record)?,
        Err(StateError::NotFound | StateError::Corrupt { .. }) => {
            if let Ok(record) = context.store.read_copy(id) {
                end(&record)?;
            }
        }
        Err(error) => return Err(error.into()),
    }
    match context.store.lock(id) {
        Ok(container) => {
            end(container.record())?;
            teardown(container, |warning| context.log.warn(warning))
        }
        Err(error @ (StateError::NotFound | StateError::Corrupt { .. })) => {
            force_lost(context, id, &error)
        }
        Err(error) => Err(error.into()),
    }
}

/// Deletes what is left where `state.json` is lost. Only what the copy names is ended, since only that
/// is known to be this container's: a cgroup of the same name may be another store's.
fn force_lost(context: &Context, id: &str, error: &StateError) -> Result<(), CommandError> {
    match context.store.lock_by_copy(id) {
        Ok(container) => {
            context.log.warn(format!(
                "container {id}: state.json is lost; it is deleted by the copy of its record"
            ));
            end(container.record())?;
            return teardown(container, |warning| context.log.warn(warning));
        }
        Err(StateError::NotFound | StateError::Corrupt { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    // A `create` killed before it wrote a record has made nothing but the folder.
    if matches!(error, StateError::Corrupt { .. }) {
        context.log.warn(format!(
            "container {id}: {error}; only its folder is removed"
        ));
    }
    Ok(context.store.clear(id)?)
}

/// Kills the container process and waits for its end.
fn end(record: &Record) -> Result<(), CommandError> {
    let Some(process) = record.process() else {
        return Ok(());
    };
    let failed = |errno| CommandError::signal(SIGKILL, errno);
    if !process.is_alive().map_err(failed)? {
        return Ok(());
    }
    match process.signal(SIGKILL) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(errno) => return Err(failed(errno)),
    }
    if let Some(cgroup) = record.cgroup.as_ref().filter(|cgroup| cgroup.is_frozen()) {
        cgroup::thaw(cgroup)?;
    }
    if process.wait(PATIENCE).map_err(failed)? {
        Ok(())
    } else {
        Err(CommandError::Survives {
            pid: process.pid,
            seconds: PATIENCE.as_secs(),
        })
    }
}
