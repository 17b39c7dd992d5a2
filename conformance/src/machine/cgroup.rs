//! The cgroup layout as /proc/self/mountinfo and the hierarchies' own files show it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// How controllers are offered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// No cgroup file system is mounted.
    #[default]
    None,
    /// Only version 1 hierarchies.
    V1,
    /// Version 1 hierarchies beside a version 2 one.
    Hybrid,
    /// Only the unified hierarchy.
    V2,
}

/// Where the controllers are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cgroups {
    /// The layout.
    pub layout: Layout,
    /// Version 1 controllers, each with its mount point.
    pub v1: BTreeMap<String, PathBuf>,
    /// The mount point of the unified hierarchy.
    pub v2_mount: Option<PathBuf>,
    /// The controllers that the unified hierarchy offers.
    pub v2: Vec<String>,
    /// Whether the runner may make cgroups.
    pub writable: bool,
    /// Whether swap is counted: `memory.memsw.*` or `memory.swap.*` exist.
    pub swap: bool,
}

impl Cgroups {
    /// Looks at the mounted hierarchies, as a process in the cgroups of `own` (/proc/self/cgroup).
    pub(super) fn look(mountinfo: &str, own: &str) -> Self {
        let mut found = Self::from_mountinfo(mountinfo);
        let top = found.v2_mount.as_deref().map(|mount| v2_top(mount, own));
        if let Some(top) = &top {
            let controllers = std::fs::read_to_string(top.join("cgroup.controllers"));
            found.v2 = controllers
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect();
        }
        found.writable = match found.layout {
            Layout::None => false,
            Layout::V2 => top.as_deref().is_some_and(writable),
            Layout::V1 | Layout::Hybrid => found.v1.values().all(|mount| writable(mount)),
        };
        found.swap = found
            .v1
            .get("memory")
            .is_some_and(|mount| mount.join("memory.memsw.limit_in_bytes").exists())
            || (found.v2.iter().any(|name| name == "memory") && Path::new("/proc/swaps").exists());
        found
    }

    /// Reads the mounts alone. Named hierarchies (`name=systemd`) count as `systemd`.
    fn from_mountinfo(mountinfo: &str) -> Self {
        let mut found = Self::default();
        for line in mountinfo.lines() {
            let Some((mount, rest)) = line.split_once(" - ") else {
                continue;
            };
            let Some(point) = mount.split(' ').nth(4).map(PathBuf::from) else {
                continue;
            };
            let mut rest = rest.split(' ');
            match rest.next() {
                Some("cgroup2") => {
                    found.v2_mount.get_or_insert(point);
                }
                Some("cgroup") => {
                    for option in rest.nth(1).unwrap_or_default().split(',') {
                        let name = option.strip_prefix("name=").unwrap_or(option);
                        if !matches!(name, "rw" | "ro" | "xattr" | "noprefix" | "clone_children")
                            && !name.contains('=')
                        {
                            found
                                .v1
                                .entry(name.to_owned())
                                .or_insert_with(|| point.clone());
                        }
                    }
                }
                _ => {}
            }
        }
        found.layout = match (found.v1.is_empty(), found.v2_mount.is_some()) {
            (true, false) => Layout::None,
            (true, true) => Layout::V2,
            (false, false) => Layout::V1,
            (false, true) => Layout::Hybrid,
        };
        found
    }

    /// Whether a version 1 hierarchy has the controller.
    pub fn has_v1(&self, controller: &str) -> bool {
        self.v1.contains_key(controller)
    }

    /// Whether the unified hierarchy offers the controller; device rules and the freezer are not
    /// controllers there, yet are always offered.
    pub fn has_v2(&self, controller: &str) -> bool {
        self.v2_mount.is_some()
            && (self.v2.iter().any(|name| name == controller)
                || (self.layout == Layout::V2 && matches!(controller, "devices" | "freezer")))
    }
}

/// The cgroup below which containers get theirs: the root of the hierarchy, or what was delegated to an
/// ordinary user. That is the cgroup above the runner's own: the one that it is in holds processes, and
/// so has no controllers to hand on (cgroups(7), "no internal processes").
fn v2_top(mount: &Path, own: &str) -> PathBuf {
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"));
    let above = path.and_then(|path| Path::new(path).parent());
    let delegated = above.map(|above| mount.join(above));
    match delegated {
        Some(delegated) if !writable(mount) && writable(&delegated) => delegated,
        _ => mount.to_owned(),
    }
}

/// Whether the calling process may make a directory there.
fn writable(directory: &Path) -> bool {
    nix::unistd::access(directory, nix::unistd::AccessFlags::W_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
31 28 0:27 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
32 28 0:28 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
33 28 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
34 28 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw";

    #[test]
    fn a_hybrid_layout_has_both_versions() {
        let found = Cgroups::from_mountinfo(HYBRID);
        assert_eq!(found.layout, Layout::Hybrid);
        let names: Vec<_> = found.v1.keys().map(String::as_str).collect();
        assert_eq!(names, ["cpu", "cpuacct", "memory", "systemd"]);
        assert_eq!(
            found.v2_mount.as_deref(),
            Some(Path::new("/sys/fs/cgroup/unified"))
        );
        assert!(
            !found.has_v2("devices"),
            "device rules are the v1 controller's here"
        );
    }

    #[test]
    fn a_pure_unified_layout_offers_device_rules_without_a_controller() {
        let found = Cgroups::from_mountinfo("30 1 0:1 / /sys/fs/cgroup rw - cgroup2 none rw");
        assert_eq!(found.layout, Layout::V2);
        assert!(found.has_v2("devices") && !found.has_v2("memory"));
    }

    #[test]
    fn no_cgroup_mount_is_no_layout() {
        let found = Cgroups::from_mountinfo("30 1 0:1 / / rw - ext4 /dev/sda rw");
        assert_eq!(found.layout, Layout::None);
    }
}
