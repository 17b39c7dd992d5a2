//! Makes init, in its namespaces.

use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use oci_spec::runtime::LinuxNamespaceType;

use super::channel::{Channel, Message};
use super::init::{self, Setup};
use super::namespaces::{become_root, join_all, unshare_new};
use super::sibling::clone_sibling;
use super::{Context, StepError};
use crate::plan::Origin;
use crate::plan::namespaces::{NEWTIME, Namespaces};
use crate::sys::clone::{Side, clone, clone3, pidfd_open};
use crate::sys::entry::close_own_tree;
use crate::sys::process::exit;

const NAMESPACES: Origin = Origin::at("/linux/namespaces");
const NEWUSER: u64 = libc::CLONE_NEWUSER as u64;
const NEWIPC: u64 = libc::CLONE_NEWIPC as u64;
const NEWCGROUP: u64 = libc::CLONE_NEWCGROUP as u64;

/// Init, as the runtime holds it.
#[derive(Debug)]
pub struct Spawned {
    /// Its PID in the runtime's namespace; until it says so, that of the process between.
    pub pid: Pid,
    /// Its descriptor.
    pub pidfd: OwnedFd,
    /// The words exchanged with it.
    pub channel: Channel,
    /// Whether it goes on by itself, once it is told to start.
    pub alone: bool,
}

impl Spawned {
    /// The process between has cloned init and ends.
    pub fn succeeded_by(&mut self, init: Pid) -> nix::Result<()> {
        waitpid(self.pid, None)?;
        self.pid = init;
        self.pidfd = pidfd_open(init)?;
        Ok(())
    }
}

/// Makes init, or the process between that will make it.
pub fn spawn(setup: &Setup<'_>) -> Result<Spawned, StepError> {
    let namespaces = &setup.plan.namespaces;
    let (ours, theirs) = Channel::pair().step(&NAMESPACES, || "make a socket pair")?;
    // The cgroup namespace is made by init itself, once it is where that namespace shall begin.
    let new = namespaces.create & !NEWCGROUP;
    let between = needs_intermediate(namespaces);
    let mut flags = if between { 0 } else { new };
    if flags & NEWUSER != 0 {
        // Made by init once it has its ids, so that the message queues belong to its root.
        flags &= !NEWIPC;
    }
    // From inside a user namespace of its own, a process may not write to the host's cgroup files.
    let mut attached_by_runtime = setup.cgroup.is_none() || flags & NEWUSER != 0;
    let v2 = setup.cgroup.and_then(super::cgroup::Prepared::v2);
    let side = clone_into(flags, v2, &mut attached_by_runtime)?;
    // One that asks to be put into its cgroup hears the answer first.
    let alone = setup.folder.is_some() && !attached_by_runtime && !between;
    match side {
        Side::Child => {
            // Before the runtime closes the other copy, so that the wait for the last one is not here. Where the runtime
            // does not stay, init keeps its copy, and waits when nobody waits for it.
            if setup.listener.is_none() {
                close_own_tree();
            }
            drop(ours);
            attach(setup, &theirs, attached_by_runtime);
            if between {
                exit(intermediate(setup, theirs, new))
            }
            let setup = Setup {
                folder: setup.folder.filter(|_| alone),
                ..*setup
            };
            init::main(&setup, theirs, flags & NEWUSER == 0)
        }
        Side::Parent(pid, pidfd) => {
            drop(theirs);
            let pidfd = match pidfd {
                Some(pidfd) => pidfd,
                None => pidfd_open(pid).step(&NAMESPACES, || "open init")?,
            };
            Ok(Spawned {
                pid,
                pidfd,
                channel: ours,
                alone,
            })
        }
    }
}

fn needs_intermediate(namespaces: &Namespaces) -> bool {
    namespaces.needs_intermediate()
        || (namespaces.creates(LinuxNamespaceType::User) && !namespaces.join.is_empty())
}

/// Clones, into the v2 cgroup if the kernel lets it.
fn clone_into(
    flags: u64,
    v2: Option<BorrowedFd<'_>>,
    attached_by_runtime: &mut bool,
) -> Result<Side, StepError> {
    let describe = || "clone a process into new namespaces";
    // Set before the clone, so that both sides know.
    let by_runtime = *attached_by_runtime;
    match clone3(flags, v2) {
        // EBUSY, EAGAIN, EACCES, EOPNOTSUPP: the cgroup does not take it; EINVAL, E2BIG: the kernel
        // (before 5.7) does not know how.
        Err(
            Errno::EBUSY
            | Errno::EAGAIN
            | Errno::EACCES
            | Errno::EOPNOTSUPP
            | Errno::EINVAL
            | Errno::E2BIG,
        ) if v2.is_some() => {
            *attached_by_runtime = true;
            clone3(flags, None).step(&NAMESPACES, describe)
        }
        // Some seccomp profiles answer ENOSYS, so that callers fall back to clone(2).
        Err(Errno::ENOSYS) if flags & NEWTIME == 0 => {
            *attached_by_runtime = by_runtime || v2.is_some();
            clone(flags, false).step(&NAMESPACES, describe)
        }
        result => result.step(&NAMESPACES, describe),
    }
}

/// Enters the cgroups, by itself or by the runtime; in the child.
fn attach(setup: &Setup<'_>, channel: &Channel, by_runtime: bool) {
    let attached = match setup.cgroup {
        Some(cgroup) if !by_runtime => cgroup
            .attach_self()
            .step(&Origin::at("/linux/cgroupsPath"), || "join the cgroup"),
        _ => {
            if channel.send(&Message::NeedCgroup).is_err()
                || !matches!(channel.receive(), Ok(Some(Message::Go)))
            {
                // The runtime is gone, or has failed and says so itself.
                exit(1);
            }
            Ok(())
        }
    };
    if let Err(error) = attached {
        // Where nobody listens any more there is nobody to tell.
        let _ = channel.send(&Message::Failed(error));
        exit(1);
    }
}

/// A process joins and unshares what takes only children, and clones init as its own sibling.
/// Returns an exit status, once init is on its way or has been given up.
fn intermediate(setup: &Setup<'_>, channel: Channel, new: u64) -> i32 {
    let cloned = join_and_unshare(setup, &channel, new).and_then(|rest| {
        clone_sibling(
            rest,
            &channel,
            &NAMESPACES,
            || "clone init into new namespaces",
        )
    });
    match cloned {
        Ok(true) => {
            let joined = Setup {
                joins: &[],
                ..*setup
            };
            init::main(&joined, channel, true)
        }
        Ok(false) => 0,
        Err(error) => {
            // Where nobody listens any more there is nobody to tell.
            let _ = channel.send(&Message::Failed(error));
            1
        }
    }
}

/// Asks the runtime for something, and waits until it is done.
fn ask(channel: &Channel, message: &Message) -> Result<(), StepError> {
    channel
        .send(message)
        .step(&NAMESPACES, || "ask the runtime")?;
    if matches!(channel.receive(), Ok(Some(Message::Go))) {
        Ok(())
    } else {
        // The runtime is gone, or has failed and says so itself.
        exit(1)
    }
}

/// Gives the namespaces that remain to be made with init.
fn join_and_unshare(setup: &Setup<'_>, channel: &Channel, new: u64) -> Result<u64, StepError> {
    let namespaces = &setup.plan.namespaces;
    let mut rest = new;
    join_all(setup.joins)?;
    if new & NEWUSER != 0 {
        unshare_new(NEWUSER, &NAMESPACES)?;
        ask(channel, &Message::NeedIds)?;
        become_root(namespaces.idmap.as_ref())?;
        rest &= !NEWUSER;
    }
    if new & NEWTIME != 0 {
        unshare_new(NEWTIME, &NAMESPACES)?;
        ask(channel, &Message::NeedClocks)?;
        rest &= !NEWTIME;
    }
    Ok(rest)
}
