//! Puts a further process into a container: `exec`.

use std::convert::Infallible;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl;
use nix::sys::stat::Mode;
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, chroot, fchdir, setsid};

use super::become_process::{Becoming, executed};
use super::cgroup::Prepared;
use super::channel::{Channel, Message};
use super::init::join_keyring;
use super::procfs::Procfs;
use super::sibling::clone_sibling;
use super::spawn::Spawned;
use super::{Context, StepError, console, scheduling};
use crate::plan::Origin;
use crate::plan::entry::Entry;
use crate::sys::clone::{Side, clone, clone3, pidfd_open};
use crate::sys::process as sys;

const NONE: Origin = Origin::at("");
const NEWPID: u64 = libc::CLONE_NEWPID as u64;

/// What the new process inherits from the runtime.
#[derive(Debug)]
pub struct Entering<'a> {
    /// What to do.
    pub plan: &'a Entry,
    /// The container's init.
    pub init: Pid,
    /// Its descriptor.
    pub pidfd: BorrowedFd<'a>,
    /// The cgroups to enter.
    pub cgroup: &'a Prepared,
    /// Whoever takes the terminal's master.
    pub console: Option<BorrowedFd<'a>>,
    /// The caller's file creation mask.
    pub umask: Mode,
    /// Whether the runtime is root in the user namespace that it was started in.
    pub privileged: bool,
    /// How many descriptors from 3 on the process gets.
    pub inherited_fds: u32,
}

/// Makes the process. It waits for `Start` where its filter has a listener.
///
/// Where that can be done, this process joins the PID namespace for its children to come, and the
/// new process joins the others; else a process between does (`setns(2)`: joining a PID namespace
/// takes privilege in one's own user namespace).
pub fn enter(entering: &Entering<'_>) -> Result<Spawned, StepError> {
    let describe = || "clone a process into the container";
    let (ours, theirs) = Channel::pair().step(&NONE, || "make a socket pair")?;
    scheduling::pin(
        &entering.plan.affinity.initial,
        &entering.plan.affinity.origin,
    )?;
    let between = entering.plan.own_pids
        && match join(entering.pidfd, NEWPID) {
            Ok(()) => false,
            Err(Errno::EPERM) => true,
            Err(errno) => return Err(StepError::new("join the PID namespace", errno, &NONE)),
        };
    let (side, attached) =
        match clone3(0, entering.cgroup.v2()) {
            Err(
                Errno::EBUSY | Errno::EAGAIN | Errno::EACCES | Errno::EOPNOTSUPP | Errno::EINVAL,
            ) if entering.cgroup.v2().is_some() => (clone3(0, None).step(&NONE, describe)?, false),
            Err(Errno::ENOSYS) => (
                clone(0, false).step(&NONE, describe)?,
                entering.cgroup.v2().is_none(),
            ),
            result => (result.step(&NONE, describe)?, true),
        };
    match side {
        Side::Child => {
            drop(ours);
            if between {
                sys::exit(go_between(entering, &theirs, attached))
            }
            main(entering, &theirs, attached, entering.plan.join)
        }
        Side::Parent(pid, pidfd) => {
            drop(theirs);
            let pidfd = match pidfd {
                Some(pidfd) => pidfd,
                None => pidfd_open(pid).step(&NONE, || "open the new process")?,
            };
            Ok(Spawned {
                pid,
                pidfd,
                channel: ours,
                alone: false,
            })
        }
    }
}

fn join(pidfd: BorrowedFd<'_>, flags: u64) -> nix::Result<()> {
    setns(pidfd, CloneFlags::from_bits_retain(flags as libc::c_int))
}

/// Runs in the new process.
fn main(entering: &Entering<'_>, channel: &Channel, attached: bool, flags: u64) -> ! {
    let Err(error) = run(entering, channel, attached, flags);
    // Where nobody listens any more there is nobody to tell.
    let _ = channel.send(&Message::Failed(error));
    sys::exit(1)
}

fn run(
    entering: &Entering<'_>,
    channel: &Channel,
    attached: bool,
    flags: u64,
) -> Result<Infallible, StepError> {
    let plan = entering.plan;
    let becoming = Becoming {
        process: &plan.process,
        scheduling: &plan.scheduling,
        seccomp: plan.seccomp.as_ref(),
        origin: &plan.origin,
        umask: entering.umask,
        inherited_fds: entering.inherited_fds,
        listen_fds: 0,
    };
    if becoming.process.writes_proc() {
        let procfs = Procfs::open().step(&plan.origin, || "open /proc")?;
        becoming.score(&procfs)?;
        becoming.label(&procfs)?;
    }
    enter_container(entering, channel, attached, flags)?;
    if let Some(name) = &plan.keyring {
        join_keyring(name)?;
    }
    setsid().step(&NONE, || "make a session")?;
    if let (Some(terminal), Some(socket)) = (plan.process.terminal, entering.console) {
        console::attach(terminal, plan.process.uid, None, socket, &plan.origin)?;
    }
    scheduling::pin(&plan.affinity.last, &plan.affinity.origin)?;
    let program = becoming.assume()?;
    if plan
        .seccomp
        .as_ref()
        .is_some_and(|filter| filter.listener.is_some())
    {
        if !entering.privileged {
            // The runtime may trace a process of its own user only while that is dumpable (ptrace(2)). Then
            // nothing from outside may be left in it; its executable is protected.
            let keep = [channel.as_fd().as_raw_fd()];
            sys::close_all_but(3 + entering.inherited_fds, &keep)
                .step(&NONE, || "close what is outside")?;
            prctl::set_dumpable(true).step(&NONE, || "become dumpable")?;
        }
        channel
            .send(&Message::Created)
            .step(&NONE, || "ask for the agent")?;
        if channel.receive() != Ok(Some(Message::Start)) {
            sys::exit(1);
        }
    }
    sys::reset_signals_but_pipe().step(&NONE, || "reset signals")?;
    becoming.execute(&program, channel)
}

/// Cgroups, namespaces, root.
fn enter_container(
    entering: &Entering<'_>,
    channel: &Channel,
    attached: bool,
    flags: u64,
) -> Result<(), StepError> {
    // CVE-2016-9962: nobody inside may look into this process while it holds what is outside.
    prctl::set_dumpable(false).step(&NONE, || "become undumpable")?;
    attach(entering, channel, attached)?;
    let root = entering
        .plan
        .chroot
        .then(|| open_root(entering.init))
        .transpose()?;
    if flags != 0 {
        join(entering.pidfd, flags).step(&NONE, || "join the container's namespaces")?;
    }
    if let Some(root) = root {
        fchdir(&root)
            .and_then(|()| chroot("."))
            .step(&NONE, || "enter the container's root")?;
    }
    Ok(())
}

fn attach(entering: &Entering<'_>, channel: &Channel, attached: bool) -> Result<(), StepError> {
    if attached {
        return entering
            .cgroup
            .attach_self()
            .step(&Origin::at("--cgroup"), || "join the container's cgroups");
    }
    channel
        .send(&Message::NeedCgroup)
        .step(&NONE, || "ask for the cgroup")?;
    if channel.receive() == Ok(Some(Message::Go)) {
        Ok(())
    } else {
        // The runtime is gone, or has failed and says so itself.
        sys::exit(1)
    }
}

fn open_root(init: Pid) -> Result<OwnedFd, StepError> {
    let path = format!("/proc/{init}/root");
    open(
        path.as_str(),
        OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )
    .step(&NONE, || format!("open {path}"))
}

/// Joins what takes only children, and clones the process as its own sibling.
fn go_between(entering: &Entering<'_>, channel: &Channel, attached: bool) -> i32 {
    let flags = entering.plan.join | NEWPID;
    let cloned = enter_container(entering, channel, attached, flags)
        .and_then(|()| clone_sibling(0, channel, &NONE, || "clone a process into the container"));
    match cloned {
        Ok(true) => {
            let inside = Entering {
                plan: entering.plan,
                cgroup: &Prepared::none(),
                ..*entering
            };
            main(&inside, channel, true, 0)
        }
        Ok(false) => 0,
        Err(error) => {
            // Where nobody listens any more there is nobody to tell.
            let _ = channel.send(&Message::Failed(error));
            1
        }
    }
}

/// Answers the new process until it has executed its program. `fallback` opens the cgroups of
/// init, for a container whose v2 cgroup takes no process.
pub fn attend_entry(
    spawned: &mut Spawned,
    fallback: impl Fn() -> Result<Prepared, StepError>,
    deliver: impl FnOnce(&Spawned) -> Result<(), StepError>,
) -> Result<(), StepError> {
    let describe = || "hear from the new process";
    // A listener is delivered while the process waits for it, which it does after all else.
    let mut deliver = Some(deliver);
    let mut executing = false;
    loop {
        match spawned.channel.receive().step(&NONE, describe)? {
            Some(Message::NeedCgroup) => {
                fallback()?.attach(spawned.pid.as_raw())?;
                spawned
                    .channel
                    .send(&Message::Go)
                    .step(&NONE, || "answer the new process")?;
            }
            Some(Message::InitIs(pid)) => {
                spawned
                    .succeeded_by(Pid::from_raw(pid))
                    .step(&NONE, || "take over the new process")?;
            }
            Some(Message::Created) => {
                if let Some(deliver) = deliver.take() {
                    deliver(spawned)?;
                }
            }
            Some(Message::Executing) => executing = true,
            Some(Message::Failed(error)) => {
                // Its status says nothing that the error does not.
                let _ = waitpid(spawned.pid, None);
                return Err(error);
            }
            None if executing && executed(spawned.pid) => return Ok(()),
            _ => {
                return Err(StepError::refused(
                    "the process ended before it executed the program",
                    &NONE,
                ));
            }
        }
    }
}
