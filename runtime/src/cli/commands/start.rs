//! `start`

use crate::cli::{CommandError, Context, Matches, finish, readiness};
use crate::state::{Status, WrongState};

/// Runs the command.
pub fn run(context: &Context, matches: &Matches) -> Result<u8, CommandError> {
    let container = context.store.lock(matches.id())?;
    match container.record().status()? {
        Status::Created => {}
        Status::Running => return Err(WrongState::StartRunning.into()),
        Status::Stopped => return Err(WrongState::StartStopped.into()),
        other => return Err(WrongState::Start(other).into()),
    }
    let sequel = finish::Sequel::of_container(context, &container)?;
    let channel = crate::exec::start::reach(container.dir())?;
    let relay = readiness::listen(context, &container);
    let container = finish::run(context, container, sequel, &channel, false)?;
    readiness::wait(context, container, relay);
    Ok(0)
}
