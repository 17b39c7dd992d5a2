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
        let Some(mount) = facts().cgroups.v1.get(controller) else {
            return Err(Stop::Broken(format!("no v1 hierarchy has {controller}")));
        };
        let file = format!("/proc/{}/cgroup", self.pid()?);
        let path = self
            .read(&file)?
            .lines()
            .find_map(|line| v1_path(line, controller));
        match path {
            Some(path) => Ok(mount.join(path.trim_start_matches('/'))),
            None => Err(Stop::Broken(format!("{file} does not name {controller}"))),
        }
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
        let dir = self.cgroup_v1(controller)?;
        let own = ancestors(&dir).take_while(|dir| dir.to_string_lossy().contains(self.id()));
        Ok(own
            .filter_map(|dir| fs::read_to_string(dir.join(file)).ok())
            .map(|text| text.trim().to_owned())
            .collect())
    }
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
