//! `resume`

use crate::cli::{CommandError, Context, Matches};
use crate::exec::cgroup;
use crate::state::{Freezes as _, Status, WrongState};

/// Lets a paused container go on.
pub fn run(context: &Context, matches: &Matches) -> Result<u8, CommandError> {
    let container = context.store.lock(matches.id())?;
    let record = container.record();
    match (record.status()?, &record.cgroup) {
        (Status::Paused | Status::Created, Some(groups)) if groups.is_frozen() => {
            cgroup::thaw(groups)?;
            Ok(0)
        }
        _ => Err(WrongState::NotPaused.into()),
    }
}
