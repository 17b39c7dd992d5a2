//! Puts processes into cgroups.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::unistd::write;

use super::apply::write_file;
use crate::exec::{Context, StepError};
use crate::host::CgroupLayout;
use crate::plan::Origin;
use crate::plan::cgroup::{CgroupPlan, Version};
use crate::state::CgroupRecord;

/// The container's cgroups, opened so that a process may be put into them.
#[derive(Debug)]
pub struct Prepared {
    /// v1: each directory with its `tasks` file open for writing.
    v1: Vec<(PathBuf, OwnedFd)>,
    /// v2: the directory.
    v2: Option<(PathBuf, OwnedFd)>,
    origin: Origin,
}

impl Prepared {
    /// No cgroups at all: processes stay where their parent is.
    pub fn none() -> Self {
        Self {
            v1: Vec::new(),
            v2: None,
            origin: Origin::default(),
        }
    }

    pub(super) fn of_plan(plan: &CgroupPlan) -> Result<Self, StepError> {
        let mut prepared = Self::none();
        for group in &plan.groups {
            prepared.origin = group.origin.clone();
            prepared.add(group.version, group.dir())?;
        }
        Ok(prepared)
    }

    fn add(&mut self, version: Version, dir: PathBuf) -> Result<(), StepError> {
        match version {
            Version::V1 => {
                let tasks = dir.join("tasks");
                let file = OpenOptions::new().write(true).open(&tasks);
                let file = file.step(&self.origin, || format!("open {}", tasks.display()))?;
                self.v1.push((dir, file.into()));
            }
            Version::V2 => {
                let file = File::open(&dir);
                let file = file.step(&self.origin, || format!("open {}", dir.display()))?;
                self.v2 = Some((dir, file.into()));
            }
        }
        Ok(())
    }

    /// The v2 cgroup for `CLONE_INTO_CGROUP` (clone3(2)).
    pub fn v2(&self) -> Option<BorrowedFd<'_>> {
        self.v2.as_ref().map(|(_, fd)| fd.as_fd())
    }

    /// Puts the calling thread into every v1 cgroup; for the single-threaded child, which thereby
    /// spares itself the wait for an RCU grace period that a write to `cgroup.procs` costs.
    pub fn attach_self(&self) -> nix::Result<()> {
        for (_, tasks) in &self.v1 {
            write(tasks, b"0")?;
        }
        Ok(())
    }

    /// Puts a process into the v2 cgroup: where clone3(2) or its flag was refused.
    pub fn attach_v2(&self, pid: i32) -> Result<(), StepError> {
        self.v2.iter().try_for_each(|(dir, _)| self.join(dir, pid))
    }

    /// Puts a process into every cgroup.
    pub fn attach(&self, pid: i32) -> Result<(), StepError> {
        self.v1
            .iter()
            .try_for_each(|(dir, _)| self.join(dir, pid))?;
        self.attach_v2(pid)
    }

    fn join(&self, dir: &Path, pid: i32) -> Result<(), StepError> {
        let procs = dir.join("cgroup.procs");
        write_file(&procs, &pid.to_string()).step(&self.origin, || {
            format!("write {pid} to {}", procs.display())
        })
    }
}

/// Opens the cgroups of a container that is there, for `exec`.
///
/// `within` are the values of `--cgroup`: a path below the container's cgroup, or
/// `CONTROLLER[,CONTROLLER]...:PATH` for some of the v1 hierarchies.
pub fn open(record: &CgroupRecord, within: &[String]) -> Result<Prepared, StepError> {
    let origin = Origin::at("--cgroup");
    let mut prepared = Prepared::none();
    for (controllers, dir) in directories(record) {
        let mut dir = dir.to_owned();
        for value in within {
            let (chosen, path) = match value.split_once(':') {
                Some((chosen, path)) => (Some(chosen), path),
                None => (None, value.as_str()),
            };
            if Path::new(path)
                .components()
                .any(|part| part.as_os_str() == "..")
            {
                let why = format!("join the cgroup {value:?}: it leads upwards");
                return Err(StepError::refused(why, &origin));
            }
            let wanted =
                chosen.is_none_or(|chosen| chosen.split(',').any(|c| controllers.contains(&c)));
            if wanted {
                dir.push(path.trim_start_matches('/'));
            }
        }
        prepared.origin = if within.is_empty() {
            Origin::default()
        } else {
            origin.clone()
        };
        prepared.add(version_of(&controllers), dir)?;
    }
    Ok(prepared)
}

/// Opens the cgroups that a process is in: where the container made cgroups of its own below the v2
/// one, which then takes no process itself.
pub fn open_of_process(pid: i32, layout: &CgroupLayout) -> Result<Prepared, StepError> {
    let path = format!("/proc/{pid}/cgroup");
    let text = std::fs::read_to_string(&path);
    let text = text.step(&Origin::default(), || format!("read {path}"))?;
    let mut prepared = Prepared::none();
    for (hierarchy, dir) in layout.locate(&text) {
        let version = if layout.v2.as_ref() == Some(hierarchy) {
            Version::V2
        } else {
            Version::V1
        };
        prepared.add(version, dir)?;
    }
    Ok(prepared)
}

fn version_of(controllers: &[&str]) -> Version {
    if controllers.contains(&"unified") {
        Version::V2
    } else {
        Version::V1
    }
}

/// Each directory of a record once, with its controllers.
pub(super) fn directories(record: &CgroupRecord) -> Vec<(Vec<&str>, &Path)> {
    let mut out: Vec<(Vec<&str>, &Path)> = Vec::new();
    for (controller, dir) in &record.paths {
        match out.iter_mut().find(|(_, known)| known == dir) {
            Some((controllers, _)) => controllers.push(controller),
            None => out.push((vec![controller], dir)),
        }
    }
    out
}
