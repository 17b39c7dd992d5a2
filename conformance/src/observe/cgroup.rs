//! The cgroups of a container, from outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::machine::Facts;
use crate::trial::Trial;
use crate::verdict::{Check, Stop};

impl Trial {
    /// The directory of init's cgroup in the v1 hierarchy of a controller.
    pub fn cgroup_v1(&self, controller: &str) -> Check<PathBuf> {
        if !facts().cgroups.v1.contains_key(controller) {
            return Err(Stop::Broken(format!("no v1 hierarchy has {controller}")));
        }
        let (mount, path) = self.cgroup(controller)?;
        Ok(below(&mount, &path))
    }

    /// The directory of init's cgroup in the unified hierarchy.
    pub fn cgroup_v2(&self) -> Check<PathBuf> {
        let (mount, path) = self.cgroup("")?;
        Ok(below(&mount, &path))
    }

    /// Where the hierarchy of a controller is mounted, of either version, and the path of init's
    /// cgroup in it. The controller `` means the unified hierarchy.
    pub fn cgroup(&self, controller: &str) -> Check<(PathBuf, String)> {
        let pid = self.pid()?.to_string();
        cgroup_of(&pid, controller)
            .ok_or_else(|| Stop::Broken(format!("/proc/{pid}/cgroup does not name {controller:?}")))
    }

    /// Makes a cgroup directly below the mount of a controller's hierarchy.
    pub fn make_cgroup(&self, controller: &str, name: &str) -> Check<PathBuf> {
        let Some((mount, _)) = cgroup_of("self", controller) else {
            return Err(Stop::Broken(format!("no hierarchy has {controller}")));
        };
        let dir = mount.join(name);
        self.make_dir(&dir)?;
        Ok(dir)
    }

    /// The values of a file in init's v2 cgroup and in those above it that are this container's.
    pub fn own_v2(&self, file: &str) -> Check<Vec<String>> {
        Ok(self.own(&self.cgroup_v2()?, file))
    }

    /// A limit as it takes effect on init: the lowest value of the file over its v1 cgroup and all
    /// above, since runtimes nest cgroups in ways of their own. `max` and values at or below
    /// nothing count as none.
    pub fn effective_v1(&self, controller: &str, file: &str) -> Check<u64> {
        let dir = self.cgroup_v1(controller)?;
        let values = ancestors(&dir).filter_map(|dir| fs::read_to_string(dir.join(file)).ok());
        Ok(values
            .filter_map(|text| text.trim().parse().ok())
            .min()
            .unwrap_or(u64::MAX))
    }

    /// The values of a file in init's v1 cgroup and in those above it that are this container's:
    /// up to the one that `linux.cgroupsPath` names.
    pub fn own_v1(&self, controller: &str, file: &str) -> Check<Vec<String>> {
        Ok(self.own(&self.cgroup_v1(controller)?, file))
    }

    fn own(&self, dir: &Path, file: &str) -> Vec<String> {
        let own = ancestors(dir).take_while(|dir| dir.to_string_lossy().contains(self.id()));
        own.filter_map(|dir| fs::read_to_string(dir.join(file)).ok())
            .map(|text| text.trim().to_owned())
            .collect()
    }
}

/// The mount point of a controller's hierarchy, of either version, and the path of a process's
/// cgroup in it. A controller that no v1 hierarchy has is one of the unified hierarchy.
pub fn cgroup_of(pid: &str, controller: &str) -> Option<(PathBuf, String)> {
    let cgroups = &facts().cgroups;
    let table = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let found = |path: fn(&str, &str) -> Option<String>, mount: &PathBuf| {
        let path = table.lines().find_map(|line| path(line, controller))?;
        Some((mount.clone(), path))
    };
    match cgroups.v1.get(controller) {
        Some(mount) => found(v1_path, mount),
        None => found(v2_path, cgroups.v2_mount.as_ref()?),
    }
}

/// A cgroup's directory.
fn below(mount: &Path, path: &str) -> PathBuf {
    mount.join(path.trim_start_matches('/'))
}

/// The machine, looked at once.
pub fn facts() -> &'static Facts {
    static FACTS: OnceLock<Facts> = OnceLock::new();
    FACTS.get_or_init(Facts::look)
}

/// The directory and those above it.
fn ancestors(dir: &Path) -> impl Iterator<Item = &Path> {
    dir.ancestors()
        .take_while(|dir| !dir.ends_with("sys/fs/cgroup"))
}

/// The path of a line of /proc/PID/cgroup, if it is of the v1 hierarchy with this controller.
fn v1_path(line: &str, controller: &str) -> Option<String> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (controllers, path) = (fields.next()?, fields.next()?);
    let named = |name: &str| name == controller || name.strip_prefix("name=") == Some(controller);
    controllers.split(',').any(named).then(|| path.to_owned())
}

/// The path of the line of the unified hierarchy, which names no controllers.
fn v2_path(line: &str, _: &str) -> Option<String> {
    line.strip_prefix("0::").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_v1_line_names_controllers_and_path() {
        assert_eq!(
            v1_path("4:cpu,cpuacct:/a/b", "cpuacct").as_deref(),
            Some("/a/b")
        );
        assert_eq!(
            v1_path("1:name=systemd:/x:y", "systemd").as_deref(),
            Some("/x:y")
        );
        assert_eq!(v1_path("0::/c", "memory"), None);
    }

    #[test]
    fn ancestors_end_at_the_mount() {
        let dirs: Vec<_> = ancestors(Path::new("/sys/fs/cgroup/memory/a/b")).collect();
        assert_eq!(dirs.len(), 3);
    }
}
