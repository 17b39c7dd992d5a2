//! Makes init, in its namespaces and with its ids.

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use oci_spec::runtime::LinuxNamespaceType;

use super::channel::{Channel, Message};
use super::init::{self, Setup};
use super::namespaces::{become_root, join_all, map_ids, unshare_new, unshare_time};
use super::{Context, StepError};
use crate::plan::Origin;
use crate::plan::namespaces::{NEWTIME, Namespaces};
use crate::sys::clone::{Side, clone, clone3, pidfd_open};
use crate::sys::process::exit;

const NAMESPACES: Origin = Origin::at("/linux/namespaces");
const NEWUSER: u64 = libc::CLONE_NEWUSER as u64;
const NEWCGROUP: u64 = libc::CLONE_NEWCGROUP as u64;

/// Init, as the runtime holds it.
#[derive(Debug)]
pub struct Spawned {
    /// Its PID in the runtime's namespace.
    pub pid: Pid,
    /// Its descriptor.
    pub pidfd: OwnedFd,
    /// The words exchanged with it.
    pub channel: Channel,
}

/// Makes init.
pub fn spawn(setup: &Setup<'_>, privileged: bool) -> Result<Spawned, StepError> {
    let namespaces = &setup.plan.namespaces;
    let (ours, theirs) = Channel::pair().step(&NAMESPACES, || "make a socket pair")?;
    // The cgroup namespace is made by init itself, once it is where that namespace shall begin.
    let new = namespaces.create & !NEWCGROUP;
    if needs_intermediate(namespaces) {
        return with_intermediate(setup, privileged, ours, theirs, new);
    }
    match clone_into(new)? {
        Side::Child => {
            drop(ours);
            init::main(setup, theirs, new & NEWUSER == 0)
        }
        Side::Parent(pid, pidfd) => {
            drop(theirs);
            let pidfd = match pidfd {
                Some(pidfd) => pidfd,
                None => pidfd_open(pid).step(&NAMESPACES, || "open init")?,
            };
            let spawned = Spawned {
                pid,
                pidfd,
                channel: ours,
            };
            if new & NEWUSER != 0 {
                give_ids(&spawned.channel, pid, namespaces, privileged)?;
            }
            Ok(spawned)
        }
    }
}

fn needs_intermediate(namespaces: &Namespaces) -> bool {
    namespaces.needs_intermediate()
        || (namespaces.creates(LinuxNamespaceType::User) && !namespaces.join.is_empty())
}

fn clone_into(new: u64) -> Result<Side, StepError> {
    let describe = || "clone a process into new namespaces";
    match clone3(new, None) {
        // Some seccomp profiles answer ENOSYS, so that callers fall back to clone(2).
        Err(Errno::ENOSYS) if new & NEWTIME == 0 => clone(new, false).step(&NAMESPACES, describe),
        result => result.step(&NAMESPACES, describe),
    }
}

/// Answers a process that has made a user namespace and asks for its ids.
fn give_ids(
    channel: &Channel,
    pid: Pid,
    namespaces: &Namespaces,
    privileged: bool,
) -> Result<(), StepError> {
    match channel.receive().step(&NAMESPACES, || "hear from init")? {
        Some(Message::NeedIds) => {}
        Some(Message::Failed(error)) => return Err(error),
        _ => return Err(gone()),
    }
    if let Some(map) = &namespaces.idmap {
        map_ids(pid, map, privileged)?;
    }
    channel
        .send(&Message::Go)
        .step(&NAMESPACES, || "answer init")
}

fn gone() -> StepError {
    StepError::refused("init ended before it was set up", &Origin::default())
}

/// A process joins and unshares what takes only children, and clones init as its own sibling.
fn with_intermediate(
    setup: &Setup<'_>,
    privileged: bool,
    ours: Channel,
    theirs: Channel,
    new: u64,
) -> Result<Spawned, StepError> {
    let namespaces = &setup.plan.namespaces;
    let helper = match clone(0, false).step(&NAMESPACES, || "clone a process")? {
        Side::Child => {
            drop(ours);
            let Err(error) = intermediate(setup, theirs, new);
            exit(error)
        }
        Side::Parent(helper, _) => helper,
    };
    drop(theirs);
    if new & NEWUSER != 0 {
        give_ids(&ours, helper, namespaces, privileged)?;
    }
    let answer = ours.receive().step(&NAMESPACES, || "hear from init");
    waitpid(helper, None).step(&NAMESPACES, || "wait for the process between")?;
    match answer? {
        Some(Message::InitIs(pid)) => {
            let pid = Pid::from_raw(pid);
            Ok(Spawned {
                pid,
                pidfd: pidfd_open(pid).step(&NAMESPACES, || "open init")?,
                channel: ours,
            })
        }
        Some(Message::Failed(error)) => Err(error),
        _ => Err(gone()),
    }
}

/// Returns only an exit status, once init is on its way or has been given up.
fn intermediate(
    setup: &Setup<'_>,
    channel: Channel,
    new: u64,
) -> Result<std::convert::Infallible, i32> {
    let prepared = join_and_unshare(setup, &channel, new)
        .and_then(|rest| clone(rest, true).step(&NAMESPACES, || "clone init into new namespaces"));
    match prepared {
        Ok(Side::Child) => {
            let joined = Setup {
                joins: &[],
                ..*setup
            };
            init::main(&joined, channel, true)
        }
        Ok(Side::Parent(pid, _)) => {
            // If the runtime is gone, init notices as well.
            let _ = channel.send(&Message::InitIs(pid.as_raw()));
            Err(0)
        }
        Err(error) => {
            let _ = channel.send(&Message::Failed(error));
            Err(1)
        }
    }
}

/// Gives the namespaces that remain to be made with init.
fn join_and_unshare(setup: &Setup<'_>, channel: &Channel, new: u64) -> Result<u64, StepError> {
    let namespaces = &setup.plan.namespaces;
    let mut rest = new;
    join_all(setup.joins)?;
    if new & NEWUSER != 0 {
        unshare_new(NEWUSER, &NAMESPACES)?;
        channel
            .send(&Message::NeedIds)
            .step(&NAMESPACES, || "ask for ids")?;
        if !matches!(channel.receive(), Ok(Some(Message::Go))) {
            exit(1);
        }
        become_root(namespaces.idmap.as_ref())?;
        rest &= !NEWUSER;
    }
    if new & NEWTIME != 0 {
        unshare_time(&namespaces.time_offsets)?;
        rest &= !NEWTIME;
    }
    Ok(rest)
}

impl AsFd for Spawned {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}
