//! Makes a container: record, cgroups, init, hooks; and takes it all back where one fails.
//! runtime.md#create, runtime.md#lifecycle

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket,
};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use super::channel::Message;
use super::claims::Claims;
use super::grouping::{Grouping, remove_cgroups};
use super::init::Setup;
use super::procfs::Procfs;
use super::spawn::{Spawned, spawn};
use super::{Context, StepError, cgroup, hooks, namespaces, pidfd, trees};
use crate::plan::loopback::Loopback;
use crate::plan::{Origin, Plan};
use crate::state::{Container, Process, Record, StateError, Status};
use crate::sys::clone::pidfd_send_signal;
use crate::sys::entry::close_own_tree;

/// The socket in a container's folder on which init waits for `start`.
pub const START_SOCKET: &str = "start.sock";

const NONE: Origin = Origin::at("");

/// What `create` needs besides the plan.
#[derive(Debug, Default)]
pub struct Extras<'a> {
    /// The text of config.json, of which the container keeps a copy.
    pub config: &'a str,
    /// Who takes the terminal's master.
    pub console: Option<OwnedFd>,
    /// Where the PID is written for the caller.
    pub pid_file: Option<PathBuf>,
    /// Who takes a descriptor of init.
    pub pidfd_socket: Option<OwnedFd>,
    /// Whether the runtime may map any ids.
    pub privileged: bool,
    /// Whether the runtime may open trees of mounts itself.
    pub opens_trees: bool,
    /// Whether another command starts the container, which init then has to hear.
    pub awaits_start: bool,
}

/// What is to be done right before init is told to start, where it may be told before it is ready
/// ([`Plan::goes_on_alone`]).
pub type Hold<'a> = &'a dyn Fn() -> Result<(), StepError>;

/// Why `create` failed.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// A step failed.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The record could not be kept.
    #[error(transparent)]
    State(#[from] StateError),
}

/// A container whose init waits for its start, or has gone on by itself.
#[derive(Debug)]
pub struct Created {
    /// Its record, under lock.
    pub container: Container,
    /// Its init.
    pub init: Spawned,
    /// Its cgroups, which need be kept open no longer; to close them takes time.
    pub groups: Grouping,
}

/// Makes the container that `container` records as being created; with `hold` it may be started as well.
pub fn create(
    plan: &Plan,
    extras: &Extras<'_>,
    mut container: Container,
    hold: Option<Hold<'_>>,
) -> Result<Created, CreateError> {
    let inherited = inherit(plan, extras, &container)?;
    let mut groups = Grouping::begin(&plan.cgroup, &container)?;
    // After the cgroups are there: they may be among what is bound.
    let trees =
        trees::open_trees(plan, extras.opens_trees).inspect_err(|_| remove_cgroups(&container))?;
    let hold = hold.filter(|_| goes_on_alone(plan, extras));
    let mut claims = Claims::default();
    let spawned = claims
        .enter_class(plan.intel_rdt.as_ref(), &mut container)
        .and_then(|()| {
            let setup = Setup {
                plan,
                listener: inherited.listener.as_ref().map(AsFd::as_fd),
                console: extras.console.as_ref().map(AsFd::as_fd),
                joins: &inherited.joins,
                trees: &trees,
                procfs: inherited.procfs.as_ref(),
                cgroup: groups.prepared(),
                umask: inherited.umask,
                folder: hold.map(|_| container.lock_fd()),
            };
            Ok(spawn(&setup)?)
        });
    let mut init = match spawned {
        Ok(init) => init,
        Err(error) => {
            remove_cgroups(&container);
            claims.undo();
            return Err(error);
        }
    };
    let mut rise = Rise {
        plan,
        privileged: extras.privileged,
        claims,
    };
    let result = meanwhile(plan, extras, &mut container, &init, &mut groups)
        .and_then(|()| let_go(hold, &container, &init))
        .and_then(|()| {
            rise.run(&mut container, &mut init, &mut |container, pid| {
                groups.attach(container, pid)
            })
        })
        .and_then(|()| {
            if init.alone {
                container.was_published();
                return Ok(());
            }
            rise.claims.assign(init.pid.as_raw())?;
            groups.limit()?;
            hand_over(plan, extras, &mut container, &init)
        });
    match result {
        Ok(()) => Ok(Created {
            container,
            init,
            groups,
        }),
        Err(error) => {
            undo(plan, &init, &container, rise.claims, &error);
            Err(error)
        }
    }
}

/// What init inherits, opened or asked for before it is there.
struct Inherited {
    listener: Option<OwnedFd>,
    joins: Vec<namespaces::Opened>,
    procfs: Option<Procfs>,
    umask: Mode,
}

fn inherit(
    plan: &Plan,
    extras: &Extras<'_>,
    container: &Container,
) -> Result<Inherited, StepError> {
    let caller_umask = umask(Mode::empty());
    umask(caller_umask);
    let listener = extras
        .awaits_start
        .then(|| listener(container.dir()))
        .transpose()?;
    let joins = namespaces::open_all(&plan.namespaces)?;
    let procfs = plan
        .writes_proc()
        .then(Procfs::open)
        .transpose()
        .step(&NONE, || "open /proc")?;
    Ok(Inherited {
        listener,
        joins,
        procfs,
        umask: caller_umask,
    })
}

/// Answers init until everything is made.
struct Rise<'a> {
    plan: &'a Plan,
    privileged: bool,
    /// What was taken from the machine.
    claims: Claims,
}

impl Rise<'_> {
    fn run(
        &mut self,
        container: &mut Container,
        init: &mut Spawned,
        attach: &mut dyn FnMut(&mut Container, i32) -> Result<(), CreateError>,
    ) -> Result<(), CreateError> {
        let go = |init: &Spawned| {
            init.channel
                .send(&Message::Go)
                .step(&NONE, || "answer init")
        };
        loop {
            let pid = init.pid.as_raw();
            match init.channel.receive().step(&NONE, || "hear from init")? {
                Some(Message::NeedCgroup) => {
                    attach(container, pid)?;
                    go(init)?;
                }
                Some(Message::NeedDevices) => {
                    self.claims.move_devices(&self.plan.net_devices, pid)?;
                    go(init)?;
                }
                Some(Message::NeedIds) => {
                    if let Some(map) = &self.plan.namespaces.idmap {
                        namespaces::map_ids(init.pid, map, self.privileged)?;
                    }
                    go(init)?;
                }
                Some(Message::NeedClocks) => {
                    namespaces::set_clocks(init.pid, &self.plan.namespaces.time_offsets)?;
                    go(init)?;
                }
                Some(Message::InitIs(pid)) => {
                    init.succeeded_by(Pid::from_raw(pid))
                        .step(&NONE, || "take over init")?;
                }
                Some(Message::NeedHooks) => {
                    record(container, pid, Status::Creating)?;
                    let state = || self.plan.state.render("creating", Some(pid));
                    hooks::run(&self.plan.hooks.prestart, state)?;
                    hooks::run(&self.plan.hooks.create_runtime, state)?;
                    go(init)?;
                }
                Some(Message::Created) => return Ok(()),
                Some(Message::Executing) if init.alone => {
                    // Not before: init's change of root waits for the same, and would wait for both.
                    close_own_tree();
                    return Ok(());
                }
                Some(Message::Failed(error)) => return Err(error.into()),
                _ => {
                    return Err(StepError::refused(
                        "init ended before the container was made",
                        &NONE,
                    )
                    .into());
                }
            }
        }
    }
}

/// What makes a container visible: as created, or, where this process starts it and no hook comes before its
/// program, as running at once, which spares a record.
fn hand_over(
    plan: &Plan,
    extras: &Extras<'_>,
    container: &mut Container,
    init: &Spawned,
) -> Result<(), CreateError> {
    let pid = init.pid.as_raw();
    let status = made(plan, extras);
    let staged = |record: &Record| record.pid == pid && record.recorded == status;
    if Process::behind(pid, &init.pidfd).is_none() || !container.publish(staged)? {
        record(container, pid, status)?;
    }
    if let Some(socket) = &extras.pidfd_socket {
        pidfd::send(socket.as_fd(), pidfd::INIT, init.pidfd.as_fd())?;
    }
    if let Some(path) = &extras.pid_file {
        write_pid_file(path, pid)?;
    }
    Ok(())
}

/// The status of a container that is made.
fn made(plan: &Plan, extras: &Extras<'_>) -> Status {
    if !extras.awaits_start && plan.hooks.start_container.is_empty() {
        Status::Running
    } else {
        Status::Created
    }
}

/// Whether init may go on by itself, and nobody is to be told of it before its program starts.
fn goes_on_alone(plan: &Plan, extras: &Extras<'_>) -> bool {
    let told = extras.pid_file.is_some() || extras.pidfd_socket.is_some();
    !extras.awaits_start && !told && extras.privileged && plan.goes_on_alone()
}

/// Tells an init that goes on by itself to start, now that it lacks nothing but what it does itself.
fn let_go(
    hold: Option<Hold<'_>>,
    container: &Container,
    init: &Spawned,
) -> Result<(), CreateError> {
    // Without a record init has ended, and has said why.
    let Some(hold) = hold.filter(|_| init.alone && container.is_staged()) else {
        return Ok(());
    };
    hold()?;
    match init.channel.send(&Message::Start) {
        // It has ended; what it said is still to be heard.
        Ok(()) | Err(Errno::EPIPE | Errno::ECONNRESET) => Ok(()),
        result => Ok(result.step(&NONE, || "start the container's process")?),
    }
}

/// What need not be there before the clone, while init is at work.
fn meanwhile(
    plan: &Plan,
    extras: &Extras<'_>,
    container: &mut Container,
    init: &Spawned,
    groups: &mut Grouping,
) -> Result<(), CreateError> {
    // One that has ended already says why.
    let process = Process::behind(init.pid.as_raw(), &init.pidfd);
    if let Some(process) = process {
        // For whoever finds the container half-made.
        container.update_copy(|record| identify(record, process))?;
    }
    if plan.loopback == Loopback::Runtime {
        namespaces::loopback_up_beside(init.pidfd.as_fd())?;
    }
    groups.load_late()?;
    container.write_config(extras.config)?;
    // Where no other record comes before that of the container that is made.
    let next = plan.hooks.prestart.is_empty() && plan.hooks.create_runtime.is_empty();
    if let Some(process) = process.filter(|_| next) {
        container.stage(recorded(process, made(plan, extras))?)?;
    }
    if !init.alone {
        // Where another command starts the container, init has a copy still, and this takes no time.
        close_own_tree();
    }
    Ok(())
}

/// Sets what `delete --force` ends.
fn identify(record: &mut Record, process: Process) {
    record.set_process(process);
    if let Some(cgroup) = &mut record.cgroup {
        cgroup.mount_namespace = cgroup::told_apart_by(cgroup, process.pid);
    }
}

/// Records init and where the container is in its life.
pub(super) fn record(
    container: &mut Container,
    pid: i32,
    status: Status,
) -> Result<(), CreateError> {
    let process = Process::find(pid)
        .ok_or_else(|| StepError::refused("init ended before the container was made", &NONE))?;
    Ok(container.update(recorded(process, status)?)?)
}

/// What is recorded of init where the container has this status.
fn recorded(process: Process, status: Status) -> Result<impl FnOnce(&mut Record), StepError> {
    let exe = std::fs::metadata("/proc/self/exe").step(&NONE, || "look at the own executable")?;
    Ok(move |record: &mut Record| {
        record.recorded = status;
        record.init_exe = Some((exe.dev(), exe.ino()));
        identify(record, process);
        if status != Status::Creating {
            record.creator = None;
        }
    })
}

/// Ends init, and runs the hooks that follow a container that got as far as its own hooks
/// (runtime.md#lifecycle, steps 3 to 5).
fn undo(plan: &Plan, init: &Spawned, container: &Container, claims: Claims, error: &CreateError) {
    kill(init);
    remove_cgroups(container);
    claims.undo();
    if let CreateError::Step(error) = error
        && error.origin.as_str().starts_with("/hooks/")
    {
        // The error that led here is the one to report.
        drop(hooks::poststop(&plan.hooks, &plan.state));
    }
}

/// Ends init and waits until it is gone.
pub fn kill(init: &Spawned) {
    // Gone already is as good.
    let _ = pidfd_send_signal(init.pidfd.as_fd(), libc::SIGKILL);
    let _ = waitpid(init.pid, None);
}

fn listener(dir: &Path) -> Result<OwnedFd, StepError> {
    let describe = || format!("listen on {}", dir.join(START_SOCKET).display());
    let socket = socket(
        AddressFamily::Unix,
        SockType::SeqPacket,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .step(&NONE, describe)?;
    let (_folder, address) = start_address(dir).step(&NONE, describe)?;
    bind(socket.as_raw_fd(), &address).step(&NONE, describe)?;
    let backlog = Backlog::new(8).step(&NONE, describe)?;
    listen(&socket, backlog).step(&NONE, describe)?;
    Ok(socket)
}

/// The address of the start socket by way of a descriptor of its folder, since an address holds at
/// most 107 characters (unix(7)). The descriptor must live while the address is used.
pub fn start_address(dir: &Path) -> nix::Result<(OwnedFd, UnixAddr)> {
    let folder = open(
        dir,
        OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    let path = format!("/proc/self/fd/{}/{START_SOCKET}", folder.as_raw_fd());
    let address = UnixAddr::new(path.as_str())?;
    Ok((folder, address))
}

/// Connects to whoever takes the terminal's master.
pub fn console_socket(path: &Path) -> Result<OwnedFd, StepError> {
    UnixStream::connect(path)
        .map(OwnedFd::from)
        .step(&Origin::at("--console-socket"), || {
            format!("connect to console socket {}", path.display())
        })
}

/// Writes the PID as clients read it: decimal, without a newline, whole or not at all.
pub fn write_pid_file(path: &Path, pid: i32) -> Result<(), StepError> {
    let origin = Origin::at("--pid-file");
    let describe = || format!("write pid file {}", path.display());
    let name = path
        .file_name()
        .ok_or_else(|| StepError::refused(describe(), &origin))?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    let temporary = path.with_file_name(hidden);
    std::fs::write(&temporary, pid.to_string())
        .and_then(|()| std::fs::rename(&temporary, path))
        .step(&origin, describe)
}
