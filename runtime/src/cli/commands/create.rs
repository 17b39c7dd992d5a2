//! `create`

use crate::cli::launch;
use crate::cli::{CommandError, Context, Matches};
use crate::exec::channel::Message;
use crate::exec::{Context as _, StepError};
use crate::plan::Origin;

/// Runs the command.
pub fn run(context: &Context, matches: &Matches) -> Result<u8, CommandError> {
    let launch = launch::Launch::new(context, matches)?;
    launch.check_console(true)?;
    let mut created = launch.create(launch.console()?, true, None)?;
    created.container.keep();
    // Init serves nobody but `start` from here on; if it is gone, the state says so.
    created
        .init
        .channel
        .send(&Message::Release)
        .step(&Origin::default(), || "release init")
        .map_err(|error: StepError| CommandError::from(error))?;
    Ok(0)
}
