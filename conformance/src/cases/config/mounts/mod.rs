//! config.md#mounts.

mod binds;
mod destination;
mod idmap;
mod options;
mod propagation;
mod recursive;
mod refused;
mod types;

use crate::case::Case;

pub(in crate::cases) use idmap::user_namespace;
pub(in crate::cases) use propagation::{may_mount, mount_inside};

/// The first entry behind the minimal bundle's own mounts.
const OURS: usize = 5;

pub(super) fn cases() -> Vec<Case> {
    [
        destination::cases(),
        types::cases(),
        options::cases(),
        binds::cases(),
        recursive::cases(),
        propagation::cases(),
        idmap::cases(),
        refused::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
