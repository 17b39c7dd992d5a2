//! Joins namespaces, maps ids.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::Command;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::Mode;
use nix::unistd::Pid;

use super::procfs::Procfs;
use super::{Context, StepError};
use crate::plan::Origin;
use crate::plan::namespaces::{IdMap, Join, Namespaces, name};
use crate::sys::net::loopback_up;
use crate::sys::process::{set_gid, set_groups, set_uid};

const NEWUSER: u64 = libc::CLONE_NEWUSER as u64;
const NEWNS: u64 = libc::CLONE_NEWNS as u64;

/// A namespace to join, opened in the runtime's mount namespace.
#[derive(Debug)]
pub struct Opened {
    join: Join,
    file: OwnedFd,
}

fn flags(bits: u64) -> CloneFlags {
    CloneFlags::from_bits_retain(bits as libc::c_int)
}

/// Opens the files of the namespaces to join.
pub fn open_all(namespaces: &Namespaces) -> Result<Vec<Opened>, StepError> {
    namespaces
        .join
        .iter()
        .map(|join| {
            let file = open(
                &join.path,
                OFlag::O_RDONLY | OFlag::O_CLOEXEC,
                Mode::empty(),
            )
            .step(&join.origin, || {
                format!("open {} namespace {}", name(join.flag), join.path.display())
            })?;
            Ok(Opened {
                join: join.clone(),
                file,
            })
        })
        .collect()
}

fn join(opened: &Opened) -> nix::Result<()> {
    // With its type named, the kernel refuses a namespace of any other (setns(2), EINVAL).
    setns(opened.file.as_fd(), flags(opened.join.flag))
}

fn describe(opened: &Opened) -> String {
    format!(
        "join {} namespace {}",
        name(opened.join.flag),
        opened.join.path.display()
    )
}

/// Joins them all. Those that the runtime may join are joined before the user namespace, whose
/// privileges do not reach outside; those that belong to the user namespace after it. The mount
/// namespace comes last, since joining it changes the root.
pub fn join_all(opened: &[Opened]) -> Result<(), StepError> {
    let is = |flag: u64| move |opened: &&Opened| opened.join.flag == flag;
    let mut later: Vec<&Opened> = Vec::new();
    let user = opened.iter().find(is(NEWUSER));
    let mount = opened.iter().find(is(NEWNS));
    for entry in opened
        .iter()
        .filter(|entry| entry.join.flag != NEWUSER && entry.join.flag != NEWNS)
        .chain(mount)
    {
        match join(entry) {
            Err(Errno::EPERM) if user.is_some() => later.push(entry),
            result => result.step(&entry.join.origin, || describe(entry))?,
        }
    }
    for entry in user.into_iter().chain(later) {
        join(entry).step(&entry.join.origin, || describe(entry))?;
    }
    if user.is_some() {
        become_root(None)?;
    }
    Ok(())
}

/// Brings `lo` up in the network namespace of init, which does other things meanwhile.
pub fn loopback_up_beside(init: BorrowedFd<'_>) -> Result<(), StepError> {
    let origin = &Origin::at("/linux/namespaces");
    let network = CloneFlags::CLONE_NEWNET;
    let own = open(
        "/proc/thread-self/ns/net",
        OFlag::O_RDONLY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )
    .step(origin, || "open the own network namespace")?;
    match setns(init, network) {
        Ok(()) => {}
        // It has ended, and says why itself.
        Err(Errno::ESRCH) => return Ok(()),
        Err(errno) => {
            return Err(StepError::new(
                "join init's network namespace",
                errno,
                origin,
            ));
        }
    }
    let brought = loopback_up().step(origin, || "bring lo up");
    setns(&own, network).step(origin, || "return from init's network namespace")?;
    brought
}

/// Makes namespaces.
pub fn unshare_new(bits: u64, origin: &Origin) -> Result<(), StepError> {
    unshare(flags(bits)).step(origin, || "make namespaces")
}

/// Sets the clocks of the time namespace that a process has made for its children. The runtime does
/// this, since the process itself may no longer be the user to whom its files in /proc belong.
pub fn set_clocks(pid: Pid, offsets: &str) -> Result<(), StepError> {
    write_proc(pid, "timens_offsets", offsets, "/linux/timeOffsets")
}

/// Maps the ids of a process that has just made a user namespace.
pub fn map_ids(pid: Pid, map: &IdMap, privileged: bool) -> Result<(), StepError> {
    if !privileged {
        let single = |text: &str| text.lines().count() == 1 && text.trim_end().ends_with(" 1");
        if !(single(&map.uids) && single(&map.gids)) {
            map_by_helper(pid, "newuidmap", &map.uids, "/linux/uidMappings")?;
            return map_by_helper(pid, "newgidmap", &map.gids, "/linux/gidMappings");
        }
        // user_namespaces(7): without privilege, setgroups(2) must be given up first.
        write_proc(pid, "setgroups", "deny", "/linux/gidMappings")?;
    }
    write_proc(pid, "uid_map", &map.uids, "/linux/uidMappings")?;
    write_proc(pid, "gid_map", &map.gids, "/linux/gidMappings")
}

fn write_proc(pid: Pid, file: &str, text: &str, pointer: &'static str) -> Result<(), StepError> {
    let path = format!("{pid}/{file}");
    Procfs::open()
        .map_err(std::io::Error::from)
        .and_then(|procfs| procfs.write(Path::new(&path), text.as_bytes()))
        .step(&Origin::at(pointer), || format!("write /proc/{path}"))
}

fn map_by_helper(
    pid: Pid,
    helper: &str,
    map: &str,
    pointer: &'static str,
) -> Result<(), StepError> {
    let origin = Origin::at(pointer);
    let output = Command::new(helper)
        .arg(pid.to_string())
        .args(map.split_whitespace())
        .output()
        .step(&origin, || format!("run {helper}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(StepError::refused(
        format!(
            "{helper}: {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        ),
        &origin,
    ))
}

/// Becomes the root of the user namespace, or the first user that it has.
pub fn become_root(map: Option<&IdMap>) -> Result<(), StepError> {
    let first = |text: &str| -> u32 {
        let inside = |line: &str| line.split(' ').next().and_then(|id| id.parse().ok());
        let ids: Vec<u32> = text.lines().filter_map(inside).collect();
        if ids.contains(&0) {
            0
        } else {
            ids.first().copied().unwrap_or(0)
        }
    };
    let (uid, gid) = map.map_or((0, 0), |map| (first(&map.uids), first(&map.gids)));
    let origin = Origin::at("/linux/uidMappings");
    // Denied to unprivileged users (see `map_ids`), for whom it changes nothing inside.
    let _ = set_groups(&[]);
    set_gid(gid).step(&origin, || {
        format!("become group {gid} of the user namespace")
    })?;
    set_uid(uid).step(&origin, || {
        format!("become user {uid} of the user namespace")
    })
}

/// The user namespace that maps ids as given, for an id-mapped mount.
pub fn userns_of(map: &IdMap, origin: &Origin) -> Result<OwnedFd, StepError> {
    use crate::sys::clone::{Side, clone};
    use crate::sys::process::exit;
    let describe = || "make a user namespace for an id-mapped mount";
    let (wait, go) = nix::unistd::pipe2(OFlag::O_CLOEXEC).step(origin, describe)?;
    let child = match clone(NEWUSER, false).step(origin, describe)? {
        Side::Child => {
            drop(go);
            // Ends when the parent has opened the namespace, or is gone.
            let _ = nix::unistd::read(&wait, &mut [0]);
            exit(0)
        }
        Side::Parent(child, _) => child,
    };
    let opened = map_ids(child, map, true).and_then(|()| {
        open(
            Path::new(&format!("/proc/{child}/ns/user")),
            OFlag::O_RDONLY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )
        .step(origin, describe)
    });
    drop(go);
    nix::sys::wait::waitpid(child, None).step(origin, describe)?;
    opened
}
