//! `exec`

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::errno::Errno;
use nix::libc;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Pid, Uid};

use crate::cli::attend::{Attended, Held, attend, size_as_callers};
use crate::cli::entry_process::configure;
use crate::cli::{CommandError, Context, Matches};
use crate::exec::cgroup::{self, Prepared};
use crate::exec::channel::{Message, receive_fd};
use crate::exec::create::{console_socket, write_pid_file};
use crate::exec::enter::{Entering, attend_entry, enter};
use crate::exec::spawn::Spawned;
use crate::exec::{Context as _, StepError, pidfd, protect, seccomp};
use crate::host::{CgroupLayout, Facts};
use crate::plan::entry::{self, Entry};
use crate::plan::hooks::StateTemplate;
use crate::plan::{Origin, seccomp as seccomp_plan};
use crate::spec;
use crate::state::{Record, Status, WrongState};
use crate::sys::clone::pidfd_send_signal;

/// Runs the command.
pub fn run(context: &Context, matches: &Matches) -> Result<u8, CommandError> {
    let inherited_fds = matches.number("preserve-fds")?.unwrap_or(0);
    protect::enter(inherited_fds, context.log.descriptor())?;
    let given = |flag| {
        matches
            .value(flag)
            .filter(|path| !path.is_empty())
            .map(Path::new)
    };
    let pidfd_socket = given("pidfd-socket").map(pidfd::connect).transpose()?;
    let record = context.store.read(matches.id())?;
    let (init, init_pidfd) = init_of(&record, matches.switch("ignore-paused"))?;
    let mut plan = plan(context, matches)?;
    let detach = matches.switch("detach");
    if !detach {
        size_as_callers(&mut plan.process);
    }
    let (console, master) = console(matches, &plan, detach)?;
    let groups = open_cgroups(&record, matches)?;
    let caller_umask = umask(Mode::empty());
    umask(caller_umask);
    let mut spawned = enter(&Entering {
        privileged: Uid::effective().is_root(),
        plan: &plan,
        init,
        pidfd: init_pidfd.as_fd(),
        cgroup: &groups,
        console: console.as_ref().map(AsFd::as_fd),
        umask: caller_umask,
        inherited_fds,
    })?;
    drop(console);
    let held = (!detach).then(Held::begin).transpose()?;
    let entered = attend_entry(
        &mut spawned,
        || init_cgroups(init),
        |spawned| deliver(spawned, &plan, &record),
    )
    .and_then(|()| hand_over(&spawned, pidfd_socket.as_ref(), given("pid-file")));
    if let Err(error) = entered {
        // Gone already is as good.
        let _ = pidfd_send_signal(spawned.pidfd.as_fd(), libc::SIGKILL);
        return Err(error.into());
    }
    drop(pidfd_socket);
    let Some(held) = held else {
        return Ok(0);
    };
    for fd in 3..3 + inherited_fds {
        drop(crate::sys::process::adopt(fd as i32));
    }
    let master = master
        .map(|socket| receive_fd(&socket))
        .transpose()
        .step(&plan.origin.child("terminal"), || "receive the terminal")
        .map_err(|error: StepError| CommandError::from(error))?;
    attend(
        context,
        held,
        Attended {
            pid: spawned.pid,
            pidfd: &spawned.pidfd,
            master,
            relay: None,
        },
    )
}

/// What tells the caller of the process.
fn hand_over(
    spawned: &Spawned,
    pidfd_socket: Option<&OwnedFd>,
    pid_file: Option<&Path>,
) -> Result<(), StepError> {
    if let Some(socket) = pidfd_socket {
        pidfd::send(socket.as_fd(), pidfd::ENTERED, spawned.pidfd.as_fd())?;
    }
    pid_file.map_or(Ok(()), |path| write_pid_file(path, spawned.pid.as_raw()))
}

/// The container's init, proved to be the one recorded.
fn init_of(record: &Record, ignore_paused: bool) -> Result<(Pid, OwnedFd), CommandError> {
    match record.status()? {
        Status::Created | Status::Running => {}
        Status::Paused if ignore_paused => {}
        Status::Paused => return Err(WrongState::ExecPaused.into()),
        Status::Stopped => return Err(WrongState::ExecStopped.into()),
        other @ Status::Creating => return Err(WrongState::Exec(other).into()),
    }
    let process = record.process().ok_or(WrongState::ExecStopped)?;
    match process.open() {
        Ok(pidfd) => Ok((Pid::from_raw(process.pid), pidfd)),
        Err(Errno::ESRCH) => Err(WrongState::ExecStopped.into()),
        Err(errno) => {
            Err(StepError::new("open the container's init", errno, &Origin::default()).into())
        }
    }
}

fn plan(context: &Context, matches: &Matches) -> Result<Entry, CommandError> {
    let config = spec::stored(context.store.config(matches.id())?)?;
    let (process, gaps, origin) = configure(matches, &config)?;
    let facts = Facts::look_without_cgroups()
        .map_err(CommandError::io("look at the machine".to_owned()))?;
    let plan = entry::plan(&config, &process, &gaps, &facts, matches.id(), origin)?;
    for warning in &plan.process.warnings {
        context.log.warn(warning);
    }
    Ok(plan)
}

/// Where the terminal's master goes, and where this process gets it from if it serves it itself.
fn console(
    matches: &Matches,
    plan: &Entry,
    detach: bool,
) -> Result<(Option<OwnedFd>, Option<OwnedFd>), CommandError> {
    let socket = matches
        .value("console-socket")
        .filter(|socket| !socket.is_empty());
    let refused = |why| Err(StepError::refused(why, &plan.origin.child("terminal")).into());
    match (plan.process.terminal.is_some(), socket) {
        (true, Some(socket)) => Ok((Some(console_socket(Path::new(socket))?), None)),
        (true, None) if detach => {
            refused("a terminal needs --console-socket, since nobody stays to serve it")
        }
        (true, None) => {
            let (theirs, ours) =
                UnixStream::pair().map_err(CommandError::io("make a socket for the terminal"))?;
            Ok((Some(theirs.into()), Some(ours.into())))
        }
        (false, Some(_)) => refused("--console-socket is given, but the process has no terminal"),
        (false, None) => Ok((None, None)),
    }
}

fn open_cgroups(record: &Record, matches: &Matches) -> Result<Prepared, StepError> {
    let within: Vec<String> = matches.values("cgroup").map(str::to_owned).collect();
    match &record.cgroup {
        Some(cgroup) => cgroup::open(cgroup, &within),
        None => Ok(Prepared::none()),
    }
}

fn init_cgroups(init: Pid) -> Result<Prepared, StepError> {
    let layout = CgroupLayout::probe().step(&Origin::default(), || "look at the cgroups")?;
    cgroup::open_of_process(init.as_raw(), &layout)
}

/// Hands the listener of the process's filter to the container's agent.
fn deliver(spawned: &Spawned, plan: &Entry, record: &Record) -> Result<(), StepError> {
    let go = || {
        spawned
            .channel
            .send(&Message::Start)
            .step(&plan.origin, || "start the process")
    };
    let listener: Option<&seccomp_plan::Listener> = plan
        .seccomp
        .as_ref()
        .and_then(|filter| filter.listener.as_ref());
    let Some(listener) = listener else {
        return go();
    };
    let template = StateTemplate {
        oci_version: record.oci_version.clone(),
        id: record.id.clone(),
        bundle: record.bundle.to_string_lossy().into_owned(),
        annotations: record.annotations.clone().into_iter().collect(),
    };
    let status = record
        .status()
        .map_err(|error| StepError::refused(error.to_string(), &plan.origin))?;
    let state = template.render(status.as_str(), Some(record.pid));
    seccomp::deliver_listener(
        spawned.pid,
        spawned.pidfd.as_fd(),
        listener,
        &seccomp::Message {
            version: &record.oci_version,
            state: &state,
        },
        go,
    )
}
