//! config-linux.md: namespaces, devices, cgroups, paths, seccomp.

mod cgroup_devices;
mod cgroup_owner;
mod cgroup_v1;
mod cgroups_path;
mod default_devices;
mod default_filesystems;
mod devices;
mod idmap;
mod intel_rdt;
mod limits;
mod memory_policy;
mod namespace_kinds;
mod namespace_paths;
mod namespaces;
mod net_devices;
mod paths;
mod personality;
mod resources;
mod rootfs_propagation;
mod seccomp;
mod sysctl;
mod systemd_limits;
mod systemd_scope;
mod time_offsets;
mod unified;

use crate::case::Case;

/// The cases of this chapter.
pub(super) fn cases() -> Vec<Case> {
    [
        cgroup_devices::cases(),
        cgroup_owner::cases(),
        cgroup_v1::cases(),
        cgroups_path::cases(),
        default_devices::cases(),
        default_filesystems::cases(),
        devices::cases(),
        idmap::cases(),
        memory_policy::cases(),
        namespace_kinds::cases(),
        namespace_paths::cases(),
        namespaces::cases(),
        intel_rdt::cases(),
        net_devices::cases(),
        paths::cases(),
        personality::cases(),
        sysctl::cases(),
        time_offsets::cases(),
        rootfs_propagation::cases(),
        resources::cases(),
        seccomp::cases(),
        unified::cases(),
        systemd_scope::cases(),
        systemd_limits::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
