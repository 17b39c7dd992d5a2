//! Makes the directories of a plan, with what has to be in them before a process may join.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::apply::{self, write_file};
use super::attach::Prepared;
use super::{Warnings, delegate, remove};
use crate::exec::{Context, StepError};
use crate::plan::Origin;
use crate::plan::cgroup::{CgroupPlan, Group, Version};
use crate::read;
use crate::state::{CgroupDriver, CgroupRecord};

/// What has to be known to clean up, worked out before anything is made: a `create` that is killed in
/// between leaves a record that names everything.
pub fn survey(plan: &CgroupPlan) -> CgroupRecord {
    let mut paths = BTreeMap::new();
    let mut made = Vec::new();
    for group in &plan.groups {
        let dir = group.dir();
        match group.version {
            Version::V2 => drop(paths.insert("unified".to_owned(), dir)),
            Version::V1 => {
                for controller in &group.controllers {
                    paths.insert(controller.clone(), dir.clone());
                }
            }
        }
        // The slices above a scope are systemd's to make and to remove.
        let above = if plan.scope.is_some() {
            group.path.components().count() - 1
        } else {
            0
        };
        made.extend(
            levels(group)
                .into_iter()
                .skip(above)
                .filter(|level| !level.exists()),
        );
    }
    let scope = plan.scope.as_ref();
    CgroupRecord {
        mount_namespace: None,
        driver: if scope.is_some() {
            CgroupDriver::Systemd
        } else {
            CgroupDriver::Cgroupfs
        },
        paths,
        made,
        scope: scope.map(|scope| scope.unit.clone()),
        user_manager: scope.is_some_and(|scope| scope.user),
    }
}

/// The directories from below the mount down to the container's.
fn levels(group: &Group) -> Vec<PathBuf> {
    let mut dir = group.mount.clone();
    group
        .path
        .components()
        .map(|part| {
            dir.push(part);
            dir.clone()
        })
        .collect()
}

/// Makes the cgroups, applies what comes before the attach, and opens what an attach needs. After a
/// failure nothing is left of it.
pub fn prepare(
    plan: &CgroupPlan,
    record: &CgroupRecord,
    warnings: &mut Warnings,
) -> Result<Prepared, StepError> {
    let prepared = prepare_early(plan, record, warnings)?;
    apply::load_late(plan, warnings).inspect_err(|_| {
        // As below.
        let _ = remove::remove_made(record, remove::SHORT);
    })?;
    Ok(prepared)
}

/// As [`prepare`], but for what may be late: [`load_late`](apply::load_late) is to follow before anything runs in the
/// cgroups that is not the runtime's.
pub fn prepare_early(
    plan: &CgroupPlan,
    record: &CgroupRecord,
    warnings: &mut Warnings,
) -> Result<Prepared, StepError> {
    let result = plan
        .groups
        .iter()
        .try_for_each(|group| make(group, record, warnings));
    let result = result
        .and_then(|()| hand_over(plan))
        .and_then(|()| Prepared::of_plan(plan));
    if result.is_err() {
        // The first failure is the one to report; what cannot be removed now, `delete` finds.
        let _ = remove::remove_made(record, remove::SHORT);
    }
    result
}

/// Gives the v2 cgroup to the container's user where the plan says so.
fn hand_over(plan: &CgroupPlan) -> Result<(), StepError> {
    let Some(owner) = plan.owner else {
        return Ok(());
    };
    let mut v2 = plan
        .groups
        .iter()
        .filter(|group| group.version == Version::V2);
    v2.try_for_each(|group| delegate::hand_over(&group.dir(), owner))
}

fn make(group: &Group, record: &CgroupRecord, warnings: &mut Warnings) -> Result<(), StepError> {
    let dir = group.dir();
    if group.version == Version::V2 {
        enable(&group.mount, group)?;
    }
    let levels = levels(group);
    for level in &levels {
        let fresh = mkdir(level, &group.origin)?;
        if group.version == Version::V1 && group.has("cpuset") {
            inherit_cpuset(level, fresh, &group.origin)?;
        }
        if group.version == Version::V2 && *level != dir {
            enable(level, group)?;
        }
    }
    if !record.made.contains(&dir) && super::freeze::is_frozen_dir(&dir) {
        let why = format!("join the cgroup {}: it is frozen", dir.display());
        return Err(StepError::refused(why, &group.origin));
    }
    group
        .before
        .iter()
        .filter(|setting| !setting.may_be_late())
        .try_for_each(|setting| apply::apply(&dir, setting, warnings))
}

/// Makes a directory where there is none; whether there was none.
fn mkdir(dir: &Path, origin: &Origin) -> Result<bool, StepError> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // Without CONFIG or privilege mkdir may be refused where the directory is there.
        Err(_) if dir.is_dir() => Ok(false),
        result => result
            .map(|()| true)
            .step(origin, || format!("make the cgroup {}", dir.display())),
    }
}

/// A fresh v1 cpuset has no processors and no memory, and takes no process (cpuset(7)).
fn inherit_cpuset(dir: &Path, fresh: bool, origin: &Origin) -> Result<(), StepError> {
    let Some(parent) = dir.parent() else {
        return Ok(());
    };
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let (own, above) = (dir.join(file), parent.join(file));
        let read_own = || read::small_text(&own).step(origin, || format!("read {}", own.display()));
        // One with `cgroup.clone_children` has the same as the one above already.
        if !fresh && !read_own()?.trim().is_empty() {
            continue;
        }
        let text = read::small_text(&above).step(origin, || format!("read {}", above.display()))?;
        let text = text.trim();
        write_file(&own, text).step(origin, || format!("write {text:?} to {}", own.display()))?;
    }
    Ok(())
}

/// Hands controllers on to the children of `dir`. Those that no setting needs may be refused.
fn enable(dir: &Path, group: &Group) -> Result<(), StepError> {
    let path = dir.join("cgroup.subtree_control");
    let text =
        read::small_text(&path).step(&group.origin, || format!("read {}", path.display()))?;
    let there: Vec<&str> = text.split_ascii_whitespace().collect();
    let missing: Vec<&str> = group
        .controllers
        .iter()
        .map(String::as_str)
        .filter(|c| !there.contains(c))
        .collect();
    let all = missing
        .iter()
        .map(|c| format!("+{c}"))
        .collect::<Vec<_>>()
        .join(" ");
    if missing.is_empty() {
        return Ok(());
    }
    if occupied(dir) {
        return match missing.iter().find_map(|c| Some((c, group.needs.get(*c)?))) {
            None => Ok(()),
            Some((controller, origin)) => {
                Err(Errno::EBUSY).step(origin, || what(controller, &path))
            }
        };
    }
    // One write for all is one pass of the kernel over the tree.
    if write_file(&path, &all).is_ok() {
        return Ok(());
    }
    for controller in missing {
        let result = write_file(&path, &format!("+{controller}"));
        if let Some(origin) = group.needs.get(controller) {
            result.step(origin, || what(controller, &path))?;
        }
    }
    Ok(())
}

fn what(controller: &str, path: &Path) -> String {
    format!(
        "enable the cgroup controller {controller} in {}",
        path.display()
    )
}

/// Whether the cgroup has processes of its own, as that of an ordinary user has who calls us. The
/// kernel refuses it the controllers of memory and IO, and those of processors and processes would make
/// it a threaded domain, whose new children take no process at all (cgroups(7)). The root is free of
/// this, and has no `cgroup.type`.
fn occupied(dir: &Path) -> bool {
    dir.join("cgroup.type").exists()
        && fs::read(dir.join("cgroup.procs")).is_ok_and(|procs| !procs.is_empty())
}
