//! The facts of a machine that decide what can be judged there.

use serde::{Deserialize, Serialize};

use super::cgroup::{Cgroups, Layout};
use super::subordinate::IdRange;

/// What one machine offers. Tests write it as a literal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Facts {
    /// The short name of this kind of machine, as merged reports use it.
    pub machine: String,
    /// The kernel's release, as uname(2) gives it.
    pub kernel: String,
    /// The architecture, as uname(2) gives it.
    pub arch: String,
    /// CPUs online.
    pub cpus: usize,
    /// Memory, in bytes.
    pub memory: u64,
    /// The runner's effective user id.
    pub uid: u32,
    /// The runner's effective group id.
    pub gid: u32,
    /// Whether the runner is in the initial user namespace.
    pub initial_userns: bool,
    /// Whether the runner itself is in a container.
    pub in_container: bool,
    /// The runner's effective capabilities.
    pub capabilities: Vec<String>,
    /// The namespace types below /proc/self/ns.
    pub namespaces: Vec<String>,
    /// Whether user namespaces may be made (`user.max_user_namespaces`).
    pub user_namespaces: bool,
    /// Where the controllers are.
    pub cgroups: Cgroups,
    /// Whether a child of the runner, in its cgroup, may have a real-time policy.
    pub real_time: bool,
    /// Whether a child of the runner may have deadline scheduling: not where it is kept from some of the CPUs
    /// (sched_setattr(2), EPERM).
    pub deadline: bool,
    /// The seccomp actions that the kernel offers.
    pub seccomp_actions: Vec<String>,
    /// The active security modules.
    pub lsms: Vec<String>,
    /// The file systems of /proc/filesystems.
    pub filesystems: Vec<String>,
    /// The type of the file system that holds the temporary directory.
    pub tmp_filesystem: String,
    /// Whether systemd is process 1 and can be spoken to.
    pub systemd: bool,
    /// Whether the runner's user has a systemd of his own that can be spoken to.
    pub user_manager: bool,
    /// Where resctrl is mounted, if it is.
    pub resctrl: Option<String>,
    /// Whether the kernel tells of NUMA nodes.
    pub numa: bool,
    /// Whether a loop device can be attached.
    pub loop_devices: bool,
    /// The link types that can be made.
    pub net_devices: Vec<String>,
    /// Whether an ordinary user has subordinate ids and the programs that map them.
    pub subordinate_ids: bool,
    /// The subordinate user ids of the runner, where he is an ordinary user and may map them.
    pub subuids: Option<IdRange>,
    /// His subordinate group ids.
    pub subgids: Option<IdRange>,
    /// Whether the runtime lets systemd make its cgroups.
    pub systemd_driver: bool,
}

impl Facts {
    /// Major and minor number of the kernel; 0.0 where its release is no version.
    pub fn kernel_version(&self) -> (u32, u32) {
        let mut parts = self
            .kernel
            .split(|c: char| !c.is_ascii_digit())
            .map(str::parse);
        match (parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => (major, minor),
            _ => (0, 0),
        }
    }

    /// Whether the runner is root of the machine: not only of a user namespace, and not without
    /// the right to mount and to make namespaces, as in most containers.
    pub fn is_root(&self) -> bool {
        self.uid == 0 && self.initial_userns && self.has_capability("CAP_SYS_ADMIN")
    }

    /// What user 0 is kept from here, so that a runtime may be right to make no container at all.
    /// Ordinary users do without.
    pub fn denied(&self) -> Option<&'static str> {
        if self.uid != 0 || !self.initial_userns {
            None
        } else if !self.is_root() {
            Some("where user 0 lacks CAP_SYS_ADMIN")
        } else if !self.cgroups.writable {
            Some("whose cgroups cannot be written to")
        } else {
            None
        }
    }

    /// Whether the runner is an ordinary user who may make user namespaces.
    pub fn is_ordinary_user(&self) -> bool {
        self.uid != 0 && self.initial_userns && self.user_namespaces
    }

    /// Whether the runner holds a capability.
    pub fn has_capability(&self, name: &str) -> bool {
        self.capabilities.iter().any(|held| held == name)
    }

    /// Whether the kernel has a namespace type.
    pub fn has_namespace(&self, kind: &str) -> bool {
        self.namespaces.iter().any(|known| known == kind)
    }

    /// Whether the file system of the temporary directory takes id-mapped mounts: the kernel
    /// releases in which each learned it (`FS_ALLOW_IDMAP` in the file system's source).
    pub fn idmapped_mounts(&self) -> bool {
        const SINCE: [(&str, (u32, u32)); 7] = [
            ("ext4", (5, 12)),
            ("vfat", (5, 12)),
            ("xfs", (5, 12)),
            ("btrfs", (5, 15)),
            ("f2fs", (5, 18)),
            ("overlay", (5, 19)),
            ("tmpfs", (6, 3)),
        ];
        SINCE
            .iter()
            .any(|(name, since)| *name == self.tmp_filesystem && self.kernel_version() >= *since)
    }

    /// The facts as a runtime sees them that is called in a view with the cgroup v1 hierarchies
    /// only.
    #[must_use]
    pub fn without_unified(&self) -> Self {
        let mut facts = self.clone();
        facts.cgroups.layout = Layout::V1;
        facts.cgroups.v2_mount = None;
        facts.cgroups.v2.clear();
        facts
    }

    /// The facts for a runtime that lets systemd make its cgroups.
    #[must_use]
    pub fn with_systemd_driver(&self) -> Self {
        Self {
            systemd_driver: true,
            ..self.clone()
        }
    }

    /// Why nothing at all can be judged here, if so.
    pub fn unfit(&self) -> Option<String> {
        if self.kernel.is_empty() || self.namespaces.is_empty() {
            return Some("/proc is not mounted, or the kernel has no namespaces".into());
        }
        if let Some(missing) = ["mnt", "pid"].iter().find(|kind| !self.has_namespace(kind)) {
            return Some(format!("the kernel has no {missing} namespaces"));
        }
        if !self.has_capability("CAP_SYS_ADMIN") && !self.user_namespaces {
            return Some(
                "the runner has no CAP_SYS_ADMIN, and user namespaces may not be made \
                 (user.max_user_namespaces is 0)"
                    .into(),
            );
        }
        None
    }

    /// The short name of this kind of machine: `v1`, `v2`, `v2+systemd`, `rootless`.
    pub(super) fn kind(&self) -> String {
        if !self.is_root() {
            return "rootless".into();
        }
        let layout = match self.cgroups.layout {
            Layout::None => "no-cgroup",
            Layout::V1 | Layout::Hybrid => "v1",
            Layout::V2 => "v2",
        };
        if self.systemd {
            format!("{layout}+systemd")
        } else {
            layout.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn able() -> Facts {
        Facts {
            kernel: "6.1.0-13-amd64".into(),
            initial_userns: true,
            capabilities: vec!["CAP_SYS_ADMIN".into()],
            namespaces: vec!["mnt".into(), "pid".into()],
            ..Facts::default()
        }
    }

    #[test]
    fn a_release_with_a_suffix_has_a_version() {
        assert_eq!(able().kernel_version(), (6, 1));
        assert_eq!(Facts::default().kernel_version(), (0, 0));
    }

    #[test]
    fn an_ordinary_user_without_user_namespaces_can_judge_nothing() {
        assert_eq!(able().unfit(), None);
        let user = Facts {
            uid: 1000,
            capabilities: vec![],
            ..able()
        };
        assert!(user.unfit().unwrap().contains("CAP_SYS_ADMIN"));
        assert_eq!(
            Facts {
                user_namespaces: true,
                ..user
            }
            .unfit(),
            None
        );
    }

    #[test]
    fn a_kernel_without_pid_namespaces_can_judge_nothing() {
        let old = Facts {
            namespaces: vec!["mnt".into()],
            ..able()
        };
        assert_eq!(old.unfit().unwrap(), "the kernel has no pid namespaces");
    }

    #[test]
    fn machines_are_named_for_their_layout() {
        let mut facts = able();
        facts.cgroups.layout = Layout::V2;
        assert_eq!(facts.kind(), "v2");
        facts.systemd = true;
        assert_eq!(facts.kind(), "v2+systemd");
        facts.uid = 1000;
        assert_eq!(facts.kind(), "rootless");
    }

    #[test]
    fn tmpfs_takes_idmapped_mounts_since_6_3() {
        let mut facts = Facts {
            tmp_filesystem: "tmpfs".into(),
            ..able()
        };
        assert!(!facts.idmapped_mounts());
        facts.kernel = "6.3.0".into();
        assert!(facts.idmapped_mounts());
    }
}
