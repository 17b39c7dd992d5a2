//! Whether a machine meets a case's needs, and what it lacks where it does not.

use std::fmt;
use std::path::Path;

use super::facts::Facts;
use super::look::program;
use crate::need::Need;

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("root (with CAP_SYS_ADMIN) in the initial user namespace"),
            Self::CgroupPaths => f.write_str("root, and a runtime that makes its cgroups itself"),
            Self::SystemdDriver => f.write_str("a runtime called with --systemd-cgroup"),
            Self::Rootless => f.write_str("an ordinary user with user namespaces"),
            Self::OrdinaryUser => f.write_str("an ordinary user as the runner"),
            Self::SubordinateIds => f.write_str("an ordinary user with subordinate ids"),
            Self::UserManager => f.write_str("an ordinary user with a systemd of his own"),
            Self::Ids => {
                f.write_str("ids of other users: root, or /etc/subuid, /etc/subgid and newuidmap")
            }
            Self::Capability(name) => f.write_str(name),
            Self::Kernel(major, minor) => write!(f, "Linux {major}.{minor}"),
            Self::Namespace(kind) => write!(f, "{kind} namespaces"),
            Self::CgroupV1(controller) => write!(f, "the cgroup v1 controller {controller}"),
            Self::CgroupV2(controller) => write!(f, "the cgroup v2 controller {controller}"),
            Self::Cgroup(controller) => write!(f, "the cgroup controller {controller}"),
            Self::Cpus(count) => write!(f, "{count} CPUs"),
            Self::RealTime => f.write_str("real-time policies in cgroups (and chrt to try one)"),
            Self::Deadline => f.write_str("deadline scheduling on all CPUs (and chrt to try it)"),
            Self::Seccomp => f.write_str("seccomp filters"),
            Self::SeccompAction(action) => write!(f, "the seccomp action {action}"),
            Self::Lsm(name) => write!(f, "the security module {name}"),
            Self::Filesystem(name) => write!(f, "the file system {name}"),
            Self::IdMappedMounts => {
                f.write_str("a temporary directory whose file system takes id-mapped mounts")
            }
            Self::MountSetattr => f.write_str("mount_setattr(2) (Linux 5.12)"),
            Self::Systemd => f.write_str("systemd as process 1"),
            Self::Resctrl => f.write_str("resctrl, mounted"),
            Self::Criu => f.write_str("criu on the PATH"),
            Self::NetDevice(kind) => write!(f, "network links of type {kind}"),
            Self::LoopDevice => f.write_str("loop devices"),
            Self::SwapAccounting => f.write_str("swap accounting of the memory controller"),
            Self::Numa => f.write_str("a kernel with CONFIG_NUMA"),
            Self::Path(path) => write!(f, "the path {path}"),
            Self::Program(name) => write!(f, "the program {name} on the PATH"),
        }
    }
}

impl Need {
    /// Whether a machine meets the need; the error says what it lacks.
    pub fn met(&self, facts: &Facts) -> Result<(), String> {
        let has = |names: &[String], name: &str| names.iter().any(|known| known == name);
        let cgroups = &facts.cgroups;
        let met = match *self {
            Self::Root => facts.is_root(),
            Self::CgroupPaths => facts.is_root() && !facts.systemd_driver,
            Self::SystemdDriver => facts.systemd && facts.systemd_driver,
            Self::Rootless => facts.user_namespaces,
            Self::OrdinaryUser => facts.is_ordinary_user(),
            Self::SubordinateIds => {
                facts.is_ordinary_user() && facts.subuids.is_some() && facts.subgids.is_some()
            }
            Self::UserManager => facts.is_ordinary_user() && facts.user_manager,
            Self::Ids => facts.is_root() || facts.subuids.is_some() && facts.subgids.is_some(),
            // Those of a user namespace hold over what belongs to it, and anyone but root gets one.
            Self::Capability(name) => facts.is_root() && facts.has_capability(name),
            Self::Kernel(major, minor) => facts.kernel_version() >= (major, minor),
            Self::Namespace(kind) => {
                facts.has_namespace(kind) && (kind != "user" || facts.user_namespaces)
            }
            Self::CgroupV1(controller) => cgroups.writable && cgroups.has_v1(controller),
            Self::CgroupV2(controller) => cgroups.writable && cgroups.has_v2(controller),
            Self::Cgroup(controller) => {
                cgroups.writable && (cgroups.has_v1(controller) || cgroups.has_v2(controller))
            }
            Self::Cpus(count) => facts.cpus >= count,
            // A v1 cgroup can be given a budget, and must be: the cases do.
            Self::RealTime if cgroups.has_v1("cpu") => cgroups.writable,
            Self::RealTime => facts.real_time,
            Self::Deadline => facts.deadline,
            Self::Seccomp => !facts.seccomp_actions.is_empty(),
            Self::SeccompAction(action) => has(&facts.seccomp_actions, action),
            Self::Lsm(name) => has(&facts.lsms, name),
            Self::Filesystem(name) => has(&facts.filesystems, name),
            Self::IdMappedMounts => facts.idmapped_mounts(),
            Self::MountSetattr => facts.kernel_version() >= (5, 12),
            Self::Systemd => facts.systemd,
            Self::Resctrl => facts.resctrl.is_some(),
            Self::Criu => program("criu").is_some(),
            Self::NetDevice(kind) => has(&facts.net_devices, kind),
            Self::LoopDevice => facts.loop_devices,
            Self::SwapAccounting => cgroups.swap,
            Self::Numa => facts.numa,
            Self::Path(path) => Path::new(path).exists(),
            Self::Program(name) => program(name).is_some(),
        };
        if met {
            Ok(())
        } else {
            Err(format!("needs {self}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unmet_need_says_what_is_missing() {
        let facts = Facts {
            kernel: "5.10.0".into(),
            cpus: 1,
            ..Facts::default()
        };
        let missing = |need: Need| need.met(&facts).unwrap_err();
        assert_eq!(
            missing(Need::MountSetattr),
            "needs mount_setattr(2) (Linux 5.12)"
        );
        assert_eq!(missing(Need::Cpus(2)), "needs 2 CPUs");
        assert_eq!(
            missing(Need::Deadline),
            "needs deadline scheduling on all CPUs (and chrt to try it)"
        );
        assert_eq!(
            missing(Need::Root),
            "needs root (with CAP_SYS_ADMIN) in the initial user namespace"
        );
        assert_eq!(Need::Kernel(5, 10).met(&facts), Ok(()));
    }

    #[test]
    fn capabilities_of_a_user_namespace_are_none_over_the_machine() {
        let mut facts = Facts {
            capabilities: vec!["CAP_SYS_ADMIN".into(), "CAP_MKNOD".into()],
            ..Facts::default()
        };
        assert!(Need::Capability("CAP_MKNOD").met(&facts).is_err());
        assert!(Need::Root.met(&facts).is_err());
        assert!(Need::Ids.met(&facts).is_err());
        facts.initial_userns = true;
        assert_eq!(Need::Capability("CAP_MKNOD").met(&facts), Ok(()));
        assert_eq!(Need::Ids.met(&facts), Ok(()));
    }

    #[test]
    fn user_0_without_rights_is_not_root() {
        let facts = Facts {
            initial_userns: true,
            ..Facts::default()
        };
        assert!(Need::Root.met(&facts).is_err());
    }

    #[test]
    fn a_controller_on_a_read_only_mount_is_none() {
        let mut facts = Facts::default();
        facts
            .cgroups
            .v1
            .insert("pids".into(), "/sys/fs/cgroup/pids".into());
        assert!(Need::Cgroup("pids").met(&facts).is_err());
        facts.cgroups.writable = true;
        assert_eq!(Need::Cgroup("pids").met(&facts), Ok(()));
        assert!(Need::CgroupV2("pids").met(&facts).is_err());
    }
}
