//! The processes of a container, found by its cgroup.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::libc::SIGKILL;
use nix::unistd::Pid;

use super::apply::write_file;
use super::freeze::{freeze, is_frozen_dir, thaw};
use crate::exec::{Context, StepError};
use crate::plan::Origin;
use crate::read;
use crate::state::CgroupRecord;
use crate::sys::clone::{pidfd_open, pidfd_send_signal};

/// The directory whose processes are the container's: all hierarchies hold the same, and the one with
/// the freezer is the one that can be held still.
pub(super) fn directory(record: &CgroupRecord) -> Option<&Path> {
    let paths = &record.paths;
    let dir = paths
        .get("freezer")
        .or_else(|| paths.get("unified"))
        .or_else(|| paths.values().next());
    dir.map(AsRef::as_ref)
}

/// Whether `create` made the cgroup, so that whoever is in it is the container's.
pub(in crate::exec) fn is_made(record: &CgroupRecord) -> bool {
    directory(record).is_some_and(|dir| record.made.iter().any(|made| made == dir))
}

/// The inode of a process's mount namespace; `None` where it has ended.
fn mount_namespace(pid: i32) -> Option<u64> {
    let file = fs::metadata(format!("/proc/{pid}/ns/mnt")).ok()?;
    Some(file.ino())
}

/// What tells the container's processes from others in a cgroup that was there before: its mount
/// namespace, if that is not the runtime's.
pub(in crate::exec) fn told_apart_by(record: &CgroupRecord, init: i32) -> Option<u64> {
    if directory(record).is_none() || is_made(record) {
        return None;
    }
    let own = mount_namespace(std::process::id().cast_signed());
    mount_namespace(init).filter(|inode| Some(*inode) != own)
}

/// The PIDs of the container's processes, also in cgroups that it made, in ascending order.
pub fn pids(record: &CgroupRecord) -> Result<Vec<i32>, StepError> {
    let Some(dir) = directory(record) else {
        return Ok(Vec::new());
    };
    let mut pids = collect(dir)?;
    // 0 stands for a process that this PID namespace does not see.
    pids.retain(|pid| *pid != 0 && is_own(record, *pid));
    pids.sort_unstable();
    pids.dedup();
    Ok(pids)
}

fn is_own(record: &CgroupRecord, pid: i32) -> bool {
    record.mount_namespace.is_none() || record.mount_namespace == mount_namespace(pid)
}

/// The PIDs in a cgroup and in those below it, as the kernel lists them.
fn collect(dir: &Path) -> Result<Vec<i32>, StepError> {
    let mut pids = Vec::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(dir) = todo.pop() {
        let path = dir.join("cgroup.procs");
        let text = match read::listing_text(&path) {
            Err(error) if gone(&error) => continue,
            // A threaded cgroup lists its processes at its domain only (cgroups(7)).
            Err(error) if error.raw_os_error() == Some(Errno::EOPNOTSUPP as i32) => String::new(),
            result => result.step(&Origin::default(), || format!("read {}", path.display()))?,
        };
        pids.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()));
        todo.extend(children(&dir));
    }
    Ok(pids)
}

/// The cgroups below this one.
pub(super) fn children(dir: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let is_dir = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries
        .flatten()
        .filter(is_dir)
        .map(|entry| entry.path())
        .collect()
}

/// Whether the cgroup is not there, or was removed while we looked.
pub(super) fn gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::ENODEV as i32)
}

/// Sends a signal to every process of the container. The cgroup is held still meanwhile, so that
/// none escapes by forking, and no PID is another's by the time it is used.
pub fn signal_all(record: &CgroupRecord, signal: i32) -> Result<(), StepError> {
    let Some(dir) = directory(record) else {
        return Ok(());
    };
    // The ordinary end of a container: nobody is left.
    if collect(dir)?.is_empty() {
        return Ok(());
    }
    if record.mount_namespace.is_some() {
        return signal_own(record, signal);
    }
    if signal == SIGKILL && kill_v2(record)? {
        return Ok(());
    }
    let was_frozen = is_frozen_dir(dir);
    // Where it cannot be held still, what is there gets the signal all the same.
    let held = !was_frozen && freeze(record).is_ok();
    let result = pids(record).and_then(|pids| {
        pids.into_iter()
            .try_for_each(|pid| signal_one(record, pid, signal))
    });
    // A frozen v1 task dies only once it is thawed.
    if held || (was_frozen && signal == SIGKILL) {
        match thaw(record) {
            // All processes may be gone, and the cgroup with them.
            Err(error) if error.errno != Errno::ENOENT as i32 => result.and(Err(error)),
            _ => result,
        }
    } else {
        result
    }
}

/// Signals the container's processes among others, for whose sake the cgroup is not held still. Those that
/// are forked meanwhile are killed too.
fn signal_own(record: &CgroupRecord, signal: i32) -> Result<(), StepError> {
    let mut seen = BTreeSet::new();
    loop {
        let mut new = pids(record)?;
        new.retain(|pid| seen.insert(*pid));
        for pid in &new {
            signal_one(record, *pid, signal)?;
        }
        if new.is_empty() || signal != SIGKILL {
            return Ok(());
        }
    }
}

fn signal_one(record: &CgroupRecord, pid: i32, signal: i32) -> Result<(), StepError> {
    let sent = pidfd_open(Pid::from_raw(pid)).and_then(|pidfd| {
        // Looked at again: before the descriptor was there, the PID may have become another's.
        if is_own(record, pid) {
            pidfd_send_signal(pidfd.as_fd(), signal)
        } else {
            Ok(())
        }
    });
    match sent {
        Err(Errno::ESRCH) => Ok(()),
        sent => sent.step(&Origin::default(), || {
            format!("send signal {signal} to process {pid}")
        }),
    }
}

/// `cgroup.kill` of v2 (since 5.14) ends the whole tree at once; on a hybrid machine only where the
/// v2 cgroup has the processes.
fn kill_v2(record: &CgroupRecord) -> Result<bool, StepError> {
    if record.paths.contains_key("freezer") {
        return Ok(false);
    }
    let Some(dir) = record.paths.get("unified") else {
        return Ok(false);
    };
    let path = dir.join("cgroup.kill");
    match write_file(&path, "1") {
        Ok(()) => Ok(true),
        Err(error) if gone(&error) => Ok(false),
        Err(error) => Err(error).step(&Origin::default(), || {
            format!("write 1 to {}", path.display())
        }),
    }
}
