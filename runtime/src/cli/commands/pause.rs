//! `pause`

use crate::cli::{CommandError, Context, Matches};
use crate::exec::cgroup;
use crate::state::{Freezes as _, Status, WrongState};

/// Freezes the container. As in runc, a container that only waits for `start` can be paused too.
pub fn run(context: &Context, matches: &Matches) -> Result<u8, CommandError> {
    let container = context.store.lock(matches.id())?;
    let record = container.record();
    match (record.status()?, &record.cgroup) {
        (Status::Running | Status::Created, Some(groups)) if !groups.is_frozen() => {
            cgroup::freeze(groups)?;
            Ok(0)
        }
        (Status::Running | Status::Created, None) => {
            Err(CommandError::NoCgroup { action: "pause" })
        }
        _ => Err(WrongState::NotRunning.into()),
    }
}
