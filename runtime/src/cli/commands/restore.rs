//! `restore`

use crate::cli::attend::{Attended, Held, adopt_orphans, attend};
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
    // Not before: CRIU needs signals of its own.
    let held = Held::begin()?;
    if !matches.switch("no-subreaper") {
        adopt_orphans()?;
    }
    let status = attend(
        context,
        held,
        Attended {
            pid: restored.pid,
            pidfd: &restored.pidfd,
            master: restored.master,
            relay: None,
        },
    );
    delete(context, matches.id())?;
    status
}
