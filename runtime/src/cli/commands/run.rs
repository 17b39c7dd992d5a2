//! `run`

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use crate::cli::attend::{Attended, Held, adopt_orphans, attend, size_as_callers};
use crate::cli::{CommandError, Context, Matches, finish, launch, readiness};
use crate::exec::channel::receive_fd;
use crate::exec::{Context as _, StepError};
use crate::plan::Origin;
use crate::state::StateError;
use crate::teardown::teardown;

/// Runs the command: create, start, attend, delete.
pub fn run(context: &Context, matches: &Matches) -> Result<u8, CommandError> {
    let detach = matches.switch("detach");
    let mut launch = launch::Launch::new(context, matches)?;
    launch.check_console(detach)?;
    if let Some(process) = launch.plan.process.as_mut().filter(|_| !detach) {
        size_as_callers(process);
    }
    if !(detach || matches.switch("no-subreaper")) {
        adopt_orphans()?;
    }
    let (console, master) = console(&launch)?;
    let held = Cell::new(None);
    let before_start = || {
        if !detach {
            held.set(Some(Held::begin()?));
        }
        Ok(())
    };
    let created = launch.create(console, false, Some(&before_start))?;
    launch.close_passed();
    let mut container = created.container;
    container.keep();
    let relay = readiness::listen(context, &container);
    let init = &created.init;
    if !init.alone {
        before_start()?;
    }
    let held = held.take();
    let started = finish::Sequel::of_plan(&launch.plan)
        .map_err(CommandError::from)
        .and_then(|sequel| finish::run(context, container, sequel, &init.channel, init.alone));
    drop(created.groups);
    let container = match started {
        Ok(container) => container,
        Err(error) => {
            delete(context, matches.id())?;
            return Err(error);
        }
    };
    let Some(held) = held else {
        readiness::wait(context, container, relay);
        return Ok(0);
    };
    drop(container);
    let master = master
        .map(|socket| receive_fd(&socket))
        .transpose()
        .step(&Origin::at("/process/terminal"), || "receive the terminal")
        .map_err(|error: StepError| CommandError::from(error))?;
    let status = attend(
        context,
        held,
        Attended {
            pid: created.init.pid,
            pidfd: &created.init.pidfd,
            master,
            relay,
        },
    );
    if !matches.switch("keep") {
        delete(context, matches.id())?;
    }
    status
}

/// Where the terminal's master goes, and where this process gets it from if it serves it itself.
fn console(
    launch: &launch::Launch<'_>,
) -> Result<(Option<OwnedFd>, Option<OwnedFd>), CommandError> {
    if let Some(socket) = launch.console()? {
        return Ok((Some(socket), None));
    }
    if !launch.terminal() {
        return Ok((None, None));
    }
    let (theirs, ours) =
        UnixStream::pair().map_err(CommandError::io("make a socket for the terminal"))?;
    Ok((Some(theirs.into()), Some(ours.into())))
}

/// Deletes a container whose process has ended.
pub(super) fn delete(context: &Context, id: &str) -> Result<(), CommandError> {
    match context.store.lock(id) {
        Ok(container) => teardown(container, |warning| context.log.warn(warning)),
        // Somebody else was faster, or a failed hook has destroyed it already.
        Err(StateError::NotFound) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
