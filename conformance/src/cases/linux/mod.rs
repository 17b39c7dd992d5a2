//! config-linux.md: namespaces, devices, cgroups, paths, seccomp.

mod cgroup_v1;
mod default_devices;
mod default_filesystems;
mod devices;
mod idmap;
mod namespaces;
mod paths;
mod rootfs_propagation;
mod seccomp;

use crate::case::Case;

/// The cases of this chapter.
pub(super) fn cases() -> Vec<Case> {
    [
        cgroup_v1::cases(),
        default_devices::cases(),
        default_filesystems::cases(),
        devices::cases(),
        idmap::cases(),
        namespaces::cases(),
        paths::cases(),
        rootfs_propagation::cases(),
        seccomp::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
