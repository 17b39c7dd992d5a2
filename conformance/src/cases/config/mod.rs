//! config.md: root, mounts, process, hostname, hooks.

mod annotations;
mod hooks;
mod hostname;
mod mounts;
mod optional;
mod process;
mod root;
mod unknown;
mod unsupported;
mod values;
mod version;

use crate::case::Case;

pub(super) use mounts::{may_mount, mount_inside, user_namespace};

/// The cases of this chapter.
pub(super) fn cases() -> Vec<Case> {
    [
        annotations::cases(),
        hooks::cases(),
        hostname::cases(),
        mounts::cases(),
        optional::cases(),
        process::cases(),
        root::cases(),
        unknown::cases(),
        unsupported::cases(),
        values::cases(),
        version::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
