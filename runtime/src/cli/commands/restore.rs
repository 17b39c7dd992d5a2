//! `restore`

use crate::cli::attend::attend;
use crate::cli::commands::run::delete;
use crate::cli::{CommandError, Context, Matches, criu_flags, launch};

/// Brings a container back; in the foreground it is attended to and deleted, as by `run`.
pub fn run(context: &Context, matches: &Matches) -> Result<u8, CommandError> {
    let detach = matches.switch("detach");
    let launch = launch::Launch::new(context, matches)?;
    launch.check_console(detach)?;
    let options = criu_flags::options(matches, &launch.plan)?;
    let restored = launch.restore(launch.console()?, &options)?;
    let mut container = restored.container;
    container.keep();
    drop(container);
    if detach {
        return Ok(0);
    }
    let status = attend(restored.pid, &restored.pidfd, restored.master);
    delete(context, matches.id())?;
    status
}
