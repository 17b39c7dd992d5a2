//! config-linux.md: namespaces, devices, cgroups, paths, seccomp.

mod cgroup_v1;
mod devices;
mod namespaces;
mod paths;
mod seccomp;

use crate::case::Case;

/// The cases of this chapter.
pub(super) fn cases() -> Vec<Case> {
    [
        cgroup_v1::cases(),
        devices::cases(),
        namespaces::cases(),
        paths::cases(),
        seccomp::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
