//! Cleaning up after a trial, and after a whole run: processes, cgroups, mounts, files.
//!
//! It runs on every path, trusts no runtime, and finds things by the trial's id: the name of its
//! cgroups, and the marker in the environment of the runtime's own processes.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::mount::{MntFlags, umount2};

use crate::drive::{Deadline, Limits, Pidfd};
use crate::trial::Trial;
use crate::verdict::{Check, Stop};

/// The environment variable that marks the processes of a runtime; its value is the trial's id.
pub(crate) const MARKER: &str = "PLIMSOLL_TRIAL";

/// The mount points of all cgroup hierarchies, as the process found them when it first looked.
fn hierarchies() -> &'static [PathBuf] {
    static HIERARCHIES: OnceLock<Vec<PathBuf>> = OnceLock::new();
    HIERARCHIES.get_or_init(|| hierarchies_of("self"))
}

/// The same of a thread, as it is in /proc, by what it sees now.
fn hierarchies_of(thread: &str) -> Vec<PathBuf> {
    let table = fs::read_to_string(format!("/proc/{thread}/mountinfo")).unwrap_or_default();
    let mounts = table.lines().filter_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let kind = right.split(' ').next()?;
        let point = left.split(' ').nth(4)?;
        matches!(kind, "cgroup" | "cgroup2").then(|| PathBuf::from(point))
    });
    mounts.collect()
}

/// The cgroups that belong to a trial: where its init was seen, and where its bundle asks for.
fn cgroups(trial: &Trial) -> Vec<PathBuf> {
    let mut found: BTreeSet<PathBuf> = trial.cgroups.borrow().clone();
    // As it is, and as the scope that systemd makes of it.
    let scope = format!("system.slice/plimsoll-{}.scope", trial.id());
    for name in [trial.id(), &scope] {
        found.extend(hierarchies().iter().map(|mount| mount.join(name)));
    }
    found.into_iter().filter(|dir| dir.is_dir()).collect()
}

/// The cgroup directories of a process, of those whose path names `id`.
pub(crate) fn cgroups_of(pid: i32, id: &str) -> BTreeSet<PathBuf> {
    let table = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let mut found = BTreeSet::new();
    for path in table.lines().filter_map(|line| line.splitn(3, ':').nth(2)) {
        // Up to and with the component that names the trial: the runtime may nest deeper.
        let Some(at) = path.find(id) else { continue };
        let end = path[at..].find('/').map_or(path.len(), |slash| at + slash);
        let relative = path[..end].trim_start_matches('/');
        found.extend(hierarchies().iter().map(|mount| mount.join(relative)));
    }
    found.retain(|dir| dir.is_dir());
    found
}

/// What is left of a trial's container on the host, as sentences. Empty after a `delete`, and
/// after a refused `create`.
pub fn leftovers(trial: &Trial) -> Check<Vec<String>> {
    let mut left = Vec::new();
    if trial.init_lives()? {
        left.push(format!("process {}", trial.pid()?));
    }
    left.extend(
        cgroups(trial)
            .iter()
            .map(|dir| format!("cgroup {}", dir.display())),
    );
    left.extend(
        mounts_below(trial.dir())
            .iter()
            .map(|dir| format!("mount {}", dir.display())),
    );
    let state = trial.root().join(trial.id());
    if state.exists() {
        left.push(format!("state {}", state.display()));
    }
    Ok(left)
}

/// Ends a trial: nothing of it stays on the machine.
pub(super) fn clean(trial: &Trial) -> Check {
    // The payload's streams close here, at which a probe ends by itself.
    *trial.streams.borrow_mut() = None;
    let cgroups_before = cgroups(trial);
    thaw(&cgroups_before);
    if let Some((_, init)) = trial.init.borrow().as_ref() {
        // Killed first, so that `delete` finds a stopped container and need not wait.
        let ended = init
            .kill()
            .and_then(|()| init.wait(Deadline::after(trial.limits.gone)));
        ended.map_err(|error| Stop::broken("kill the container's init", error))?;
    }
    let state_left = fs::read_dir(trial.root()).is_ok_and(|mut entries| entries.next().is_some());
    if state_left {
        for id in trial.ids.borrow().iter() {
            // Whether it succeeds is not judged here; what it leaves is removed below.
            let mut delete = trial.command(["delete", "--force", id]);
            delete.limit = trial.limits.cleaning();
            trial.runtime_itself().call_honestly(&delete)?;
        }
    }
    for dir in cgroups(trial) {
        remove_cgroup(&dir, trial.limits);
    }
    trial.holders.borrow_mut().clear();
    trial.leave_own_mounts()?;
    remove_tree(trial.dir())
        .map_err(|error| Stop::broken(format!("remove {}", trial.dir().display()), error))
}

/// Ends what is left of a whole run, this one or one whose runner was killed, by its directory.
pub(super) fn clean_run(dir: &Path, limits: Limits) {
    let Some(token) = dir
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
    else {
        return;
    };
    for pid in processes_of(&token) {
        if let Ok(Some(process)) = Pidfd::open(pid) {
            // Best effort: what cannot be killed shows in the removal below and stays for the next run.
            let _ = process
                .kill()
                .and_then(|()| process.wait(Deadline::after(limits.gone)));
        }
    }
    for mount in hierarchies_of("thread-self") {
        for cgroup in named(&mount, &token, 4) {
            remove_cgroup(&cgroup, limits);
        }
    }
    // The next run tries again.
    let _ = remove_tree(dir);
}

/// Processes whose environment has the marker of this run, or whose mounts are of its bundles.
fn processes_of(token: &str) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let marker = format!("{MARKER}={token}");
    let me = std::process::id() as i32;
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|&pid| pid > 1 && pid != me)
        .filter(|pid| {
            let has = |file: &str, text: &str| {
                fs::read(format!("/proc/{pid}/{file}"))
                    .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(text))
            };
            has("environ", &marker) || has("mountinfo", &format!("/{token}/"))
        })
        .collect()
}

/// The directories below `dir` whose name starts with `token`.
fn named(dir: &Path, token: &str, depth: u32) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        // systemd and crun put the id behind a prefix or before a suffix.
        if entry.file_name().to_string_lossy().contains(token) {
            found.push(entry.path());
        } else if depth > 1 {
            found.extend(named(&entry.path(), token, depth - 1));
        }
    }
    found
}

fn thaw(cgroups: &[PathBuf]) {
    for dir in cgroups {
        for (file, word) in [("freezer.state", "THAWED"), ("cgroup.freeze", "0")] {
            let file = dir.join(file);
            if file.exists() {
                // A process that stays frozen shows when it does not die.
                let _ = fs::write(file, word);
            }
        }
    }
}

/// Kills everything in a cgroup and below it, and removes it.
fn remove_cgroup(dir: &Path, limits: Limits) {
    thaw(&[dir.to_owned()]);
    for child in fs::read_dir(dir).into_iter().flatten().flatten() {
        if child.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_cgroup(&child.path(), limits);
        }
    }
    let procs = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    for pid in procs.lines().filter_map(|line| line.parse().ok()) {
        if let Ok(Some(process)) = Pidfd::open(pid) {
            // What does not die keeps the cgroup, which the next run tries again.
            let _ = process
                .kill()
                .and_then(|()| process.wait(Deadline::after(limits.gone)));
        }
    }
    // Gone already, or tried again by the next run.
    let _ = fs::remove_dir(dir);
}

/// The mount points below a directory in the calling thread's mount namespace, deepest last.
fn mounts_below(dir: &Path) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/thread-self/mountinfo").unwrap_or_default();
    let points = table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(PathBuf::from);
    points.filter(|point| point.starts_with(dir)).collect()
}

fn remove_tree(dir: &Path) -> io::Result<()> {
    for point in mounts_below(dir).iter().rev() {
        umount2(point, MntFlags::MNT_DETACH)?;
    }
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
