//! config-linux.md: namespaces, devices, cgroups, paths, seccomp.

mod cgroup_devices;
mod cgroup_v1;
mod cgroups_path;
mod default_devices;
mod default_filesystems;
mod devices;
mod idmap;
mod limits;
mod namespaces;
mod paths;
mod resources;
mod rootfs_propagation;
mod seccomp;

use crate::case::Case;

/// The cases of this chapter.
pub(super) fn cases() -> Vec<Case> {
    [
        cgroup_devices::cases(),
        cgroup_v1::cases(),
        cgroups_path::cases(),
        default_devices::cases(),
        default_filesystems::cases(),
        devices::cases(),
        idmap::cases(),
        namespaces::cases(),
        paths::cases(),
        rootfs_propagation::cases(),
        resources::cases(),
        seccomp::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
